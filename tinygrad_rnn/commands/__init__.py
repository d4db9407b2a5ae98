"""What the command line reads and prints: its arguments, the models it knows by name, its tables."""
