"""Carry a path over to a folded graph: which of its edges stand behind each edge at the fold, and what ribbons show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np

from .fold import KEY, Fold, Ribbon
from .paths import Edge
from .tooltips import norm
from .ways import PathView


def edges_behind(graph: nx.MultiDiGraph, view: PathView, u: str, v: str, data: Mapping[str, Any]) -> list[Edge]:
    """The edges of a path that one edge of a graph, folded or not, stands for; none where it is not on the path."""
    fold = graph.graph["fold"]
    if fold is None or KEY not in (u, v):
        return [(u, v)] if (u, v) in view.edges else []
    if v == KEY:
        found = [(a, b) for a, b in view.edges if a == u and _step(b) in fold]
        return sorted(found if u[0] == "w" else ((a, b) for a, b in found if _role(b) == data["target"]))
    found = [(a, b) for a, b in view.edges if b == v and a[0] == "n" and _step(a) in fold]
    return sorted((a, b) for a, b in found if _role(a) == data["source"])


def own_steps_alone(
    graph: nx.MultiDiGraph, view: PathView, weight: str, data: dict[str, Any], behind: list[Edge]
) -> None:
    """What a path's own folded steps bring to a weight; the others are on no way to its goal."""
    each: dict[int, Any] = {}
    for edge in behind:
        s = _step(edge[1])
        contribution = view.graph.edges[(*edge, 0)]["contribution"]
        each[s] = each[s] + contribution if s in each else contribution
    norms = sorted(map(norm, each.values()))
    total = sum(each.values(), start=np.zeros(()))
    told = f"{graph.nodes[weight]['label']} → the folded steps\n‖what {len(each)} of them bring on this path‖"
    told = f"{told} {norm(total):.4g}"
    data.update(contribution=total, gradient=norm(total), each=(norms[0], norms[-1]), tooltip=told)


def ribbons_on_path(fold: Fold, view: PathView) -> Fold:
    """The same fold, whose ribbons show gradient only where the path crosses the steps on their state."""
    crossed = {(_role(a), _step(a), _step(b)) for a, b in view.edges if a[0] == "n" and b != "L"}
    left = {(role, made) for role, made, read in crossed if read != made}

    def on_path(ribbon: Ribbon, s: int) -> bool:
        return (ribbon.role, s) in left if ribbon.lag is None else (ribbon.role, s - ribbon.lag, s) in crossed

    ribbons = []
    for ribbon in fold.ribbons:
        norms = tuple(size if on_path(ribbon, fold.start + n) else None for n, size in enumerate(ribbon.norms))
        ribbons.append(replace(ribbon, norms=norms, cut=frozenset()))
    return replace(fold, ribbons=tuple(ribbons))


def _step(key: str) -> int:
    """The step of a node; −1 of L, where the losses are its rows."""
    return int(key.split("@")[1]) if key != "L" else -1


def _role(key: str) -> int:
    return int(key[1:].split("@")[0])
