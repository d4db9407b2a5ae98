"""The tables of a page: who hears which loss (T × T), the parameters, each wire's colour for each choice of loss."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from ..painting.colours import Scale
from ..painting.themes import LIGHT, between
from ..reading.naming import short_steps, step_words
from ..reading.tooltips import norm
from .arrays import short
from .choices import Choice

LEVELS = 40
# One sign for a wire: "-" nothing can flow back, "0" exactly zero, "/" cut; otherwise a letter, its place on the scale.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmopqrs"


def contributions(flow: Flow, graph: nx.MultiDiGraph, offered: list[Choice]) -> dict[str, Any] | None:
    """C[t, k]: the norm of what step k adds to ∂ℓ_t/∂θ, all parameters together, for a unit seed on ℓ_t.

    Each row stands twice: as "c", and as "w" times |∂L/∂ℓ_t|, by which L weighs it. Where no loss is marked there
    is one row, for L, which the picture shows as the loss of one step. None without a backward pass, or without steps.
    """
    losses, weights = flow.steps.losses, flow.steps.weights
    drawn = dict(graph.graph["losses"])
    if not offered or not weights or not (losses or drawn):
        return None
    known = {choice.s: choice.flow for choice in offered}
    rows = {}
    for s in sorted(losses or drawn):
        swept = known.get(s) or (flow.along(s) if losses else offered[0].flow)
        shares = [{k: norm(swept.share(w, k)) for k in range(len(flow.steps.order))} for w in weights]
        rows[s] = [float(np.linalg.norm([share[k] for share in shares])) for k in range(len(flow.steps.order))]
    scale: dict[int, Any] = offered[0].flow.loss_weights if losses else dict.fromkeys(rows, 1.0)
    told = []
    for s, row in sorted(rows.items(), reverse=True):
        weight = norm(scale[s])
        told.append({"s": s, "c": [short(c) for c in row], "w": [short(weight * c) for c in row]})
    order = flow.steps.order
    return {"t": short_steps(order), "at": [step_words(order, s) for s in range(len(order))], "rows": told}


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


def levels(pairs: list[list[tuple[str, str]]], graph: nx.MultiDiGraph, scale: Scale) -> str:
    """The letter of each wire: of the norm of what all its edges bring back together."""
    return "".join(_letter(wire, graph, scale) for wire in pairs)


def _letter(pairs: list[tuple[str, str]], graph: nx.MultiDiGraph, scale: Scale) -> str:
    found = [data for pair in pairs if graph.has_edge(*pair) for data in graph.get_edge_data(*pair).values()]
    if all(data["gradient"] is None for data in found):
        return "-"
    if all(data["cut"] for data in found):
        return "/"
    arrays = [np.asarray(data["contribution"]) for data in found if data["contribution"] is not None]
    size = norm(sum(arrays[1:], start=arrays[0])) if arrays else 0.0
    return LETTERS[round(scale.position(size) * LEVELS)] if size else "0"


def palette() -> dict[str, list[str]]:
    """The colours of lines and of cells along the scale."""
    places = [n / LEVELS for n in range(LEVELS + 1)]
    return {"lines": [between(LIGHT.lines, u) for u in places], "cells": [between(LIGHT.cells, u) for u in places]}
