"""State the law of conservation on every picture: in a small line where it holds, loudly where it fails."""

from __future__ import annotations

import networkx as nx

from .layout.curves import Point
from .layout.metrics import fitting, text_width
from .painting.canvas import Canvas
from .painting.colours import CUT_RED, TEXT_GREY


def law(graph: nx.MultiDiGraph) -> tuple[str, bool]:
    """The law of conservation with its worst error, and whether it holds; "" where there is no gradient."""
    facts = graph.graph
    if not facts["backward"]:
        return "", True
    if not facts["conservation"] <= facts["tolerance"]:
        said = f"the contributions along the edges into {facts['conservation_at']} miss its adjoint by"
        return f"CONSERVATION VIOLATED: {said} {facts['conservation']:.0e}; do not trust this picture", False
    if path := facts.get("path"):
        if not path["finite"]:
            return f"conservation: {path['name']} is infinite or not a number, so that no route has a share of it", True
        error = _error(path["error"])
        if not path["error"] <= facts["tolerance"]:
            return f"CONSERVATION VIOLATED: the routes miss {path['name']} by {error}; do not trust this picture", False
        return f"conservation: the parts of all routes add up to {path['name']}; relative error {error}", True
    at = f", at {facts['conservation_at']}" if facts["conservation"] else ""
    said = "contributions along the edges into every node sum to its adjoint"
    where = "" if facts["finite"] else ", where it is finite"
    return f"conservation: {said}; worst error {_error(facts['conservation'])}{at}{where}", True


def _error(value: float) -> str:
    return f"{value:.0e}" if value else "0"


def paint_law(canvas: Canvas, graph: nx.MultiDiGraph, at: Point, right: float) -> float:
    """Write the law below a picture, from a point on and not beyond its right end. Returns the lowest height used."""
    stated, holds = law(graph)
    size, ink, high = (10.5, TEXT_GREY, 14.0) if holds else (15.0, CUT_RED, 20.0)
    y = at[1] - (2 if stated else 0)
    for line in in_lines(stated, size, right - at[0], not holds):
        y -= high
        canvas.text(line, (at[0], y), size, ink, side="l", bold=not holds, kind="law")
    return y


def in_lines(text: str, size: float, width: float, bold: bool = False) -> list[str]:
    """Words in lines that are no wider than a width; a longer word, such as somebody's name, is cut to it."""
    lines: list[str] = []
    for word in (fitting(word, width / (1.13 if bold else 1.0), size) for word in text.split()):
        if lines and text_width(f"{lines[-1]} {word}", size, bold) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
