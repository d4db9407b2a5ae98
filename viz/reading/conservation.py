"""Check the law of conservation: what the drawn edges bring back to a node adds up to that node's adjoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

Array = Any
Place = tuple[int | str, ...]  # the lines that leave a node; the key of a collapsed box


def conservation(G: nx.MultiDiGraph, flow: Flow) -> tuple[float, str]:
    """The worst difference, over all drawn nodes, between what arrives along edges and the adjoint; and where it is.

    What is not drawn does not arrive: a contribution along an edge that shows no gradient is missed.
    Relative to the adjoint's largest entry where that is above 1. Where an adjoint is infinite or NaN the sum must
    be so, too; if not, the difference is infinite.
    """
    arrived: dict[Place, Array] = defaultdict(float)
    labels: dict[Place, str] = {}
    adjoints: dict[Place, Array] = {}
    unseen: dict[Place, float] = {}
    for key, node in G.nodes(data=True):
        if key == "L" or not node["exits"]:
            labels[key,], unseen[key,] = str(node["label"]), _unseen(G, key)
            continue
        exits = node["exits"] if node.get("border") is None else (key,)
        # Of a collapsed box only what crosses its border arrives; what is read inside stays there.
        adjoints[exits] = node.get("border", sum((flow.adjoint[i] for i in exits if i in flow.adjoint), start=0.0))
        labels[exits] = str(node["label"] or node["op"])
        for _, v, edge in G.out_edges(key, data=True):
            counted = v == "L" and node["kind"] == "weight"  # that is in what comes from outside
            if edge["contribution"] is not None and edge["gradient"] is not None and not counted:
                arrived[exits] = arrived[exits] + edge["contribution"]
        arrived[exits] = arrived[exits] + node.get("outside", 0.0)
        if flow.at != "all":
            arrived[exits] = arrived[exits] + sum(flow.seeds[i] for i in exits if i in flow.seeds)
    errors = unseen | {exits: _error(array, adjoints[exits]) for exits, array in arrived.items()}
    worst: Place = max(errors, key=lambda exits: errors[exits], default=())
    return errors.get(worst, 0.0), labels.get(worst, "")


def _unseen(G: nx.MultiDiGraph, key: str) -> float:
    """The largest number that goes back along edges from a node which show no gradient; a fold has no adjoint."""
    hidden = [edge["contribution"] for *_, edge in G.out_edges(key, data=True) if edge["gradient"] is None]
    return max((float(np.max(np.abs(array), initial=0.0)) for array in hidden if array is not None), default=0.0)


def state_law(G: nx.MultiDiGraph, flow: Flow) -> None:
    """Write the worst difference, where it is, what rounding may leave, and if all is finite, into a graph."""
    worst, at = conservation(G, flow)
    lines = {i for _, node in G.nodes(data=True) for i in node["exits"]}  # of what is drawn: a fold may hide thousands
    adjoints = [flow.adjoint[i] for i in sorted(lines) if i in flow.adjoint]
    finite = all(np.all(np.isfinite(adjoint)) for adjoint in adjoints)
    G.graph.update(conservation=worst, conservation_at=at, tolerance=tolerance(adjoints), finite=finite)


def tolerance(adjoints: Iterable[Array]) -> float:
    """The difference that rounding may leave: 1e-9, and a thousand roundings where numbers are shorter than 64 bits."""
    dtypes = {np.asarray(adjoint).dtype for adjoint in adjoints}
    return max([1e-9, *(1000 * float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind in "fc")])


def _error(array: Array, adjoint: Array) -> float:
    known = np.isfinite(adjoint)
    if np.any(np.isfinite(array) != known):
        return float("inf")
    size = max(1.0, float(np.max(np.abs(adjoint), where=known, initial=0.0)))
    return float(np.max(np.abs(array - adjoint), where=known, initial=0.0)) / size
