"""The step-through page: one HTML file in which a recorded program is computed and differentiated event by event."""
