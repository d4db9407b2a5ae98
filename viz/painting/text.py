"""Write words and numbers for DOT: user's words are data, which nothing can read as markup or as an escape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import graphviz

from ..plain import printable

FONT = "Helvetica,Arial,sans-serif"
BOLD = FONT + " bold"  # as pango reads it; in SVG `tidy` makes a font-weight of it

_ENTITY = re.compile(r"&(?=#?\w+;)")
_SPECIAL = re.compile(r"[\\&<]")
_MINUS_ZERO = re.compile(r"-0(?=[, ])")
_NO_SLUG = re.compile(r"[^A-Za-z0-9]+")
_MOST_CHARACTERS = 2000  # of one text: Graphviz 2 refuses strings beyond 16,384 bytes


def literal(text: str) -> str:
    """Text that Graphviz shows as it is: quotes, <b>, backslashes, &lt; and line ends are only characters.

    A newline becomes a line break. An ampersand that would begin a character reference is followed by a word joiner, as
    Graphviz has no way to write one.
    """
    text = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
    if text.replace("\n", "").isprintable() and not _SPECIAL.search(text):
        return text.replace("\n", "\\n")  # nearly all texts; what follows would leave them as they are
    plain = _ENTITY.sub("&\u2060", printable(text))
    quoted: str = graphviz.nohtml(str(graphviz.escape(plain)).replace("\n", "\\n"))
    return quoted


def slug(name: str) -> str:
    """A name as part of an id: letters, digits and dashes only."""
    return _NO_SLUG.sub("-", name).strip("-")


def slug_words(names: Sequence[str]) -> str:
    """Names as words of a class attribute: anything that is no letter or digit becomes a dash."""
    return " ".join(filter(None, (re.sub(r"[^\w]+", "-", name[:60]).strip("-") for name in names)))


def pt(value: float) -> str:
    """A position in points, to a tenth."""
    text = f"{value:.1f}"
    if text.endswith(".0"):
        return "0" if text == "-0.0" else text[:-2]
    return text


def points(line: Iterable[tuple[float, float]]) -> str:
    """Points as DOT writes them, each as `pt` does, all at once."""
    text = " ".join(["%.1f,%.1f" % point for point in line]) + " "  # noqa: UP031 (half the time of an f-string)
    text = text.replace(".0,", ",").replace(".0 ", " ")
    return (_MINUS_ZERO.sub("0", text) if "-0" in text else text)[:-1]


def inches(points: float) -> str:
    """A length in points as Graphviz wants it."""
    return f"{points / 72:.4f}"
