"""Find the ways on which a loss reaches back to the weights of a step: the drawn edges, the paths, each one's share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx

Edge = tuple[str, str]


def edges_between(graph: nx.MultiDiGraph, loss: int, goal: int | str) -> frozenset[Edge]:
    """The drawn edges (u, v) that lie on some path from one step's loss back to uses of weights.

    Args:
        graph: what `viz.graph` gives.
        loss: position of the loss's step in `graph.graph["steps"]`, from 0; a step without a loss gives no edge.
        goal: position of the step whose uses of weights the paths end at, or a weight's key ("w3"): its uses in all
            steps.

    The last edge of every path runs from a weight to the node that uses it. Edges that are cut, that no gradient can
    pass, or on which an exact zero comes back, are on no path; zeros count where the flow follows this loss.
    """
    start = graph.graph["losses"].get(loss)
    if start is None or start not in graph:
        return frozenset()
    followed = graph.graph["at"] == "all" or start in graph.graph["seeds"]
    ends = [edge for edge in _uses(graph, goal) if _passes(graph, edge, followed)]
    before = _reached([start], lambda key: [u for u, _ in graph.in_edges(key) if _passes(graph, (u, key), followed)])
    after = _reached(
        [v for _, v in ends], lambda key: [v for _, v in graph.out_edges(key) if _passes(graph, (key, v), followed)]
    )
    inside = {(u, v) for u, v, _ in graph.edges(keys=True) if u in after and v in before and u[0] == "n"}
    inside = {edge for edge in inside if _passes(graph, edge, followed)}
    return frozenset(inside | {(u, v) for u, v in ends if v in before})


def _uses(graph: nx.MultiDiGraph, goal: int | str) -> list[Edge]:
    """The edges from weights to the nodes of a step, or from one weight to the nodes of every step.

    L is among these where the losses are its rows: what it reads, they read.
    """
    weights = [goal] if isinstance(goal, str) else graph.graph["weights"]
    edges = [(str(w), str(v)) for w in weights if w in graph for _, v in graph.out_edges(w)]
    edges = [(w, v) for w, v in edges if v != "L" or (graph.graph["joint"] and isinstance(goal, str))]
    return [(w, v) for w, v in edges if isinstance(goal, str) or graph.nodes[v]["step"] == goal]


def _passes(graph: nx.MultiDiGraph, edge: Edge, followed: bool) -> bool:
    """Whether gradient of the loss can come back along an edge."""
    parallel = graph.get_edge_data(*edge).values()
    return any(d["gradient"] is not None and not d["cut"] and not (followed and d["gradient"] == 0) for d in parallel)


def _reached(starts: Iterable[str], neighbours: Any) -> set[str]:
    found = set(starts)
    waiting = list(found)
    while waiting:
        for key in neighbours(waiting.pop()):
            if key not in found:
                found.add(key)
                waiting.append(key)
    return found
