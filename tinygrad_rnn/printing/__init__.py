"""Names, formulas and programs of recorded lines, as text; `text.py` and `source.py` are the way in."""
