"""Certificate pages: what a published derivation prints, what it should print, and the numbers that show it."""
