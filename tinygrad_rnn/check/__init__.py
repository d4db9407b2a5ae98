"""Confirm gradients by independent witnesses: tape, closed form, published transcription, complex step."""
