"""Text that every file can hold: nothing that XML forbids, no half characters, no mark that turns what follows."""

from __future__ import annotations

import re

# Control characters but tab and newline, halves of a character pair, what is no character, and the marks that force the
# direction of the text after them (words of a right-to-left script need none).
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\u2028\u2029]")


def printable(text: str) -> str:
    """The text with a space for each character that a file cannot hold or that could mislead."""
    if text.isprintable():
        return text
    return _UNSAFE.sub(" ", _BREAKS.sub("\n", text.replace("\r\n", "\n")))


def one_line(text: object, most: int = 200) -> str:
    """The text on one line, cut to `most` characters: the last one is an ellipsis then."""
    words = " ".join(printable(str(text)).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def clipped(text: str, most: int = 300) -> str:
    """The text with its spaces as they are, on one line, cut to `most` characters."""
    flat = printable(text[: most + 1]).replace("\n", " ")
    return flat if len(flat) <= most else flat[: most - 1] + "…"
