"""A small file of cases, the plain program that made it, and the plain network that this program runs."""
