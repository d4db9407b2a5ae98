"""Take the wires of a step that run along others, or over nodes, out and lay them anew where there is room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .boxes import Box
from .faults import faults
from .maze import Maze
from .place import Placement
from .routing import Route, Routing

_MOST = 10  # wires that are laid anew


def mended(boxes: Mapping[int, Box], placement: Placement, routing: Routing) -> Routing:
    """The routing with faulty links laid anew, as long as that leaves fewer faults."""
    best, tried = routing, set[str]()
    wrong = faults(placement, best)
    while len(tried) < _MOST:
        order = sorted((n for n in range(len(best.routes)) if wrong.of(n)), key=lambda n: (-wrong.of(n), n))
        order = [n for n in order if best.routes[n].key not in tried and _is_link(best.routes[n])]
        if not order:
            break
        wire = best.routes[order[0]]
        tried.add(wire.key)
        line = Maze(placement, dict(boxes), best, wire).way(int(wire.tail[1:]), int(wire.head[1:]))
        if line is None:
            continue
        routes = [replace(wire, line=tuple(line)) if other is wire else other for other in best.routes]
        fresh = replace(best, routes=routes)
        after = faults(placement, fresh)
        if len(after) < len(wrong):
            best, wrong = fresh, after
    return best


def _is_link(wire: Route) -> bool:
    return wire.weight is None and not wire.back and wire.tail[0] == "n" == wire.head[0]
