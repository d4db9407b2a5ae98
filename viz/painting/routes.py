"""The table of a path view: on which states gradient crosses the steps, and each route's share."""

from __future__ import annotations

from math import log10
from typing import Any

import networkx as nx

from ..layout.metrics import shorten, text_width
from ..reading.views import share_number
from ..reading.words import SUPERSCRIPTS, symbol
from .canvas import Canvas
from .colours import GREY, INK, TEXT_GREY

_ROW = 14.5
_WORDS = 77.0  # height of title and footnotes; one more of them stands where steps are folded
_LEAST_ROWS = 3
_MOST_ROWS = 9
_SHARE = 40.0  # width of a share


class Routes:
    """Rows "c₃ → c₂ → c₁   0.71", the strongest first; what does not fit is one row, "all others"."""

    def __init__(self, graph: nx.MultiDiGraph, canvas: Canvas):
        self.path: dict[str, Any] = graph.graph["path"]
        self.rows: list[tuple[str, float]] = self.path["rows"]
        self.canvas = canvas

    def fits(self, room: float) -> bool:
        """Whether the least that makes sense has room."""
        return room >= self.height(min(_LEAST_ROWS, self._count))

    @property
    def width(self) -> float:
        """Width that the longest row of a table wants."""
        words = [words for words, _ in self.rows[:_MOST_ROWS]]
        notes = [text_width(text, 9.5) for text in self._footnotes]
        return max([166.0, text_width(self._title, 11, True), *notes, *(text_width(w, 10) + _SHARE + 6 for w in words)])

    @property
    def _count(self) -> int:
        return min(_MOST_ROWS, max(1, len(self.rows)) + int(self.path["others"] != 0))

    def height(self, rows: int) -> float:
        """Height of a table with so many rows."""
        return _WORDS + _ROW * rows

    def fill(self, left: float, y: float, width: float, room: float) -> float:
        """Draw the table, from the height y downward. Returns its lowest height."""
        self._text(self._title, (left, y - 12), 11, bold=True)
        y -= 30
        most = min(_MOST_ROWS, max(1, int((room - _WORDS) // _ROW)))
        for words, share in self._rows(most):
            while text_width(words, 10) > width - _SHARE and len(words) > 4:
                words = words[:-2] + "…"
            self._text(words, (left, y), 10, TEXT_GREY)
            self.canvas.text(share_number(share), (left + width, y), 10, side="r", bold=True, panel="key")
            y -= _ROW
        for text in self._footnotes:
            self._text(text, (left, y), 9.5, GREY)
            y -= 13
        return y

    @property
    def _title(self) -> str:
        path = self.path
        start = symbol("ℓ", path["t"]) if path["from"].startswith("t = ") else f"{shorten(path['from'], 16)}"
        return f"from {start} back to {shorten(str(path['to']), 16)}"

    def _rows(self, most: int) -> list[tuple[str, float]]:
        rows = self.rows
        if not rows:
            return [("nothing arrives", 0.0)] if self.path["finite"] else []
        if len(rows) <= most and not self.path["others"]:
            return rows
        shown = rows[: max(1, most - 1)]
        rest = sum(share for _, share in rows[len(shown) :]) + self.path["others"]
        return [*shown, (f"all {_count(self.path['routes'] - len(shown))} others", rest)]

    @property
    def _footnotes(self) -> list[str]:
        path = self.path
        ways, routes = path["ways"], path["routes"]
        if not routes:
            return [f"{path['name']} is " + ("exactly 0" if path["finite"] else "infinite or not a number")]
        told = f"{_count(routes)} route{'s' * (routes > 1)}, by {_count(ways)} way{'s' * (ways > 1)} along edges"
        against = ["below 0: against the sum"] if any(share < 0 for _, share in self.rows) else []
        folded = ["⋯ by all ways through the folded steps"] if any("⋯" in words for words, _ in self.rows) else []
        return [f"shares of {path['name']}; they sum to 1", *against, *folded, told]

    def _text(self, text: str, at: tuple[float, float], size: float, ink: str = INK, bold: bool = False) -> None:
        self.canvas.text(text, at, size, ink, side="l", bold=bold, panel="key")


def _count(number: int) -> str:
    """A number of ways: "91", "810,523", and of more than a million its power of ten, "10¹⁷"."""
    return f"{number:,}" if number < 10**6 else "10" + str(int(log10(number))).translate(SUPERSCRIPTS)
