"""Claims about the engine, the closed forms and the pictures, in the rooms of the project."""
