"""What a time step is, worked out of a recording: alike lines, carries, common time; `steps.py` is the way in."""
