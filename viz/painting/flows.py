"""What passes along one wire: the gradient of all edges that it stands for, added up before it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Flows:
    """What passes along one wire in one step: the norm of the gradient (None: none can) and words for the tooltip.

    `cut` says that the sweep did not follow this wire, as truncated backpropagation through time does; `faded`, that it
    is no part of the path that is shown.
    """

    gradient: float | None
    tooltip: str
    cut: bool = False
    adjoint: float | None = None  # shown forward in colour: the norm of the value, which may itself be an adjoint
    faded: bool = False


def flows_of(edge: Mapping[str, Any]) -> Flows:
    """What one edge of the graph carries."""
    gradient = None if edge["gradient"] is None else float(edge["gradient"])
    cut, faded = bool(edge["cut"]) and gradient is not None, bool(edge.get("faded", False))
    return Flows(0.0 if cut else gradient, str(edge["tooltip"]), cut, edge.get("adjoint"), faded)


def together(edges: Iterable[Mapping[str, Any]]) -> Flows:
    """What several edges of one source carry together: contributions are added as arrays, then measured."""
    edges = list(edges)
    tooltip = "\n".join(dict.fromkeys(str(edge["tooltip"]) for edge in edges if edge["tooltip"]))
    if all(edge["gradient"] is None for edge in edges):
        adjoints = [edge["adjoint"] for edge in edges if edge.get("adjoint") is not None]
        faded = all(edge.get("faded", False) for edge in edges)
        return Flows(None, tooltip, adjoint=max(adjoints, default=None), faded=faded)
    if all(edge["cut"] for edge in edges):
        return Flows(0.0, tooltip if len(edges) == 1 else f"cut: nothing passes here\n{tooltip}", cut=True)
    if len(edges) == 1:
        return Flows(float(edges[0]["gradient"] or 0.0), tooltip)
    arrays = [np.asarray(edge["contribution"]) for edge in edges if edge["contribution"] is not None]
    norm = float(np.linalg.norm(np.ravel(sum(arrays)))) if arrays else 0.0
    return Flows(norm, f"together: ‖gradient‖ {norm:.4g}\n{tooltip}")
