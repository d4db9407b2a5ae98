"""Split C[t, k] by the ways that gradient takes from loss t back to step k: each way's exact part, and its share.

    graph, view = follow_path(flow, (4, 1))   # or (4, "W"): to all uses of a parameter
    [(route.carries, route.share) for route in view.routes]

A way is a sequence of drawn edges from ℓ_t back to a use of weights; its part of C is the product of the Jacobians
along it. A route is the set of all ways that leave each step on the same state: through c, then c, then h. Steps that a
picture folds count as one: a route enters them on one state and leaves them on another, by whatever ways. Shares are
⟨part, C⟩ / ‖C‖², signed, and sum to 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from ..render import PictureError
from . import collapsing, splitting
from .arguments import collect
from .backing import Backing
from .fold import Fold
from .graph import build
from .merging import arrange
from .paths import Edge, edges_between
from .program import place
from .request import Request, read_request
from .splitting import Splitter

MOST_WAYS = 64  # no more ways than this are followed one by one


@dataclass(frozen=True)
class Route:
    """All ways that cross the steps on the same states."""

    carries: tuple[str, ...]  # keys of the nodes on which a step is left, from the loss back
    part: np.ndarray  # its part of C
    share: float


@dataclass(frozen=True)
class Way:
    """One way: its nodes from the loss back to a use of weights."""

    nodes: tuple[str, ...]
    part: np.ndarray
    share: float


@dataclass(frozen=True)
class PathView:
    """What passes from one loss to the weights of a step, or to one weight.

    `routes` and `ways` are sorted, the strongest share first. Where there are too many, `routes` are the strongest that
    were found, `others` is what all the rest adds up to, and `ways` is empty.
    """

    request: Request
    edges: frozenset[Edge]
    whole: np.ndarray  # C: the parts of all weights, one behind the other
    way_count: int
    route_count: int
    routes: tuple[Route, ...]
    ways: tuple[Way, ...]
    others: float  # the share of all routes that are not listed
    edge_shares: Mapping[Edge, float]
    graph: nx.MultiDiGraph  # the edges' own, with all steps and the gradient of this loss alone


@np.errstate(all="ignore")  # infinite gradients are drawn as such
def follow_path(
    flow: Flow,
    path: Any,
    *,
    every_line: bool = False,
    fuse: bool | None = None,
    fold: tuple[int, int] | None = None,
    collapse: str | Collection[str] | None = None,
) -> tuple[nx.MultiDiGraph, PathView]:
    """The graph of one loss's gradient, and how it reaches the weights of a step, or one weight.

    Args:
        flow: of the whole program, whatever loss it follows; what it cuts stays cut.
        path: (t, k), from the loss of step t to the weights of step k, or (t, "W"), to a weight in all steps.
        every_line: as in `build`.
        fuse: as in `build`.
        fold: as in `build`; routes are then followed from state to state that is drawn, and the graph is folded.
        collapse: as in `build`; routes are then those from box to box.

    Raises:
        PictureError: a path that does not exist.
    """
    rules: dict[str, Any] = {"every_line": every_line, "fuse": fuse}
    drawn = arrange(place(flow), **rules).weights
    request = read_request(path, flow, {str(flow.steps.name[i] or f"v{i}"): f"w{i}" for i in drawn})
    alone = flow.along(request.loss)
    display = arrange(place(alone), **rules)
    if collapse is not None:
        collapsing.collapse(display, collapse)
    wires = collect(display)
    if display.cells:
        collapsing.border_wires(wires)
    graph = build(alone, collapse=collapse, **rules)
    if graph.graph["losses"].get(request.loss) not in graph:
        raise PictureError(f"path={path!r}: the loss at t = {request.t} is a part of L, and has no node to begin at")
    shown = graph if fold is None else build(alone, fold=fold, collapse=collapse, **rules)
    return shown, split(graph, Backing(wires), request, shown.graph["fold"])


def split(graph: nx.MultiDiGraph, backing: Backing, request: Request, fold: Fold | None = None) -> PathView:
    """Find every route from the request's loss to its goal.

    Args:
        graph: of a flow that follows this loss alone, with all steps.
        backing: pulls gradients back through the graph's nodes.
        request: a loss and where its gradient is wanted.
        fold: steps that routes cross as if they were one.
    """
    edges = edges_between(graph, request.loss, request.goal)
    splitter = Splitter(graph, backing, edges, request, fold)
    whole = splitter.whole()
    largest = float(np.max(np.abs(whole), initial=0.0))  # gradients of 1e-200 have squares that are 0
    nothing = PathView(request, edges, whole, 0, 0, (), (), 0.0, {}, graph)
    if not edges or largest == 0 or not np.isfinite(largest):
        return nothing
    unit = whole / largest
    direction = unit / (unit @ unit)

    def share(part: np.ndarray) -> float:
        return float((part / largest) @ direction)

    routes = [Route(carries, part, share(part)) for carries, part in splitter.routes()]
    route_count = splitter.count_routes() if splitter.left_out else len(routes)  # in a box not all that meets passes on
    way_count = splitter.count_ways()
    ways = [Way(way, part, share(part)) for way, part in splitter.ways()] if way_count <= MOST_WAYS else []
    way_count = len(ways) or way_count
    routes.sort(key=lambda route: (-abs(route.share), route.carries))
    ways.sort(key=lambda way: (-abs(way.share), way.nodes))
    kept = tuple(routes[: splitting.MOST_ROUTES])
    rest = share(whole - sum((route.part for route in kept), start=np.zeros_like(whole)))
    others = rest if route_count > len(kept) else 0.0
    return replace(
        nothing, way_count=way_count, route_count=route_count, routes=kept, ways=tuple(ways), others=others,
        edge_shares=splitter.edge_shares(direction / largest),
    )  # fmt: skip
