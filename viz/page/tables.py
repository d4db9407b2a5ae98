"""What a page shows in colours: the parameters, and each wire and segment of a ribbon for each choice of loss."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from ..painting.border import PaintedRibbon
from ..painting.colours import Scale
from ..painting.themes import LIGHT, between
from ..reading.fold import Fold
from ..reading.missing import put
from ..reading.tooltips import norm

LEVELS = 40
# One sign for a wire: "-" nothing can flow back, "0" exactly zero, "/" cut; otherwise a letter, its place on the scale.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmopqrs"


def parameters(flow: Flow, graph: nx.MultiDiGraph) -> list[dict[str, Any]]:
    """The weights whose gradient the page shows filling up: the line, the label, rows and columns of the heat map."""
    label = {i: str(node["label"]) for key, node in graph.nodes(data=True) if key[0] == "w" for i in node["lines"]}
    rows = []
    for i in flow.steps.weights:
        shape = tuple(np.shape(flow.tape.lines[i][4]))
        columns = shape[-1] if len(shape) > 1 else 1
        high = int(np.prod(shape[:-1])) if len(shape) > 1 else int(np.prod(shape))
        rows.append({"i": i, "label": label.get(i, ""), "rows": high, "columns": columns})
    return rows


def norms(graph: nx.MultiDiGraph) -> list[float]:
    """Every norm that gets a colour."""
    found = [float(data["gradient"]) for _, _, data in graph.edges(data=True) if data["gradient"] is not None]
    ribbons = graph.graph["fold"].ribbons if graph.graph.get("fold") else ()
    return [*found, *(size for ribbon in ribbons for size in ribbon.norms if size is not None)]


def levels(pairs: list[list[tuple[str, str]]], graph: nx.MultiDiGraph, scale: Scale) -> str:
    """The letter of each wire: of the norm of what all its edges bring back together."""
    return "".join(_letter(wire, graph, scale) for wire in pairs)


def _letter(pairs: list[tuple[str, str]], graph: nx.MultiDiGraph, scale: Scale) -> str:
    found = [data for pair in pairs if graph.has_edge(*pair) for data in graph.get_edge_data(*pair).values()]
    if all(data["gradient"] is None for data in found):
        return "-"
    if all(data["cut"] for data in found):
        return "/"
    sums: dict[Any, Any] = {}  # out of a fold come several states
    for data in found:
        put(sums, data.get("source"), data["contribution"])
    return _letter_of(norm([norm(array) for array in sums.values() if array is not None]), scale)


def _letter_of(size: float, scale: Scale) -> str:
    return LETTERS[round(scale.position(size) * LEVELS)] if size else "0"


def segment_levels(ribbons: list[PaintedRibbon], fold: Fold | None, scale: Scale) -> str:
    """The letter of each segment of each ribbon, of the largest norm of its steps, as the fold of one choice has it."""
    found = {(ribbon.role, ribbon.lag): ribbon for ribbon in fold.ribbons} if fold else {}
    letters = []
    for painted in ribbons:
        own = found.get((painted.ribbon.role, painted.ribbon.lag))
        for first, last in painted.segments.values():
            here = range(first - fold.start, last + 1 - fold.start) if own and fold else range(0)
            norms = [own.norms[n] for n in here if own and own.norms[n] is not None]
            if not norms:
                letters.append("/" if own and any(n in own.cut for n in here) else "-")
            else:
                letters.append(_letter_of(max(n for n in norms if n is not None), scale))
    return "".join(letters)


def palette() -> dict[str, list[str]]:
    """The colours of lines and of cells along the scale."""
    places = [n / LEVELS for n in range(LEVELS + 1)]
    return {"lines": [between(LIGHT.lines, u) for u in places], "cells": [between(LIGHT.cells, u) for u in places]}
