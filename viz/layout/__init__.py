"""Say where everything stands: one step laid out by `dot`, its wires routed, for every step of the same structure."""
