"""Put the kinds of steps that a program has into panels of one size, and lay the lanes of what steps remember."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..reading.template import Edge, Template
from .boxes import Box
from .curves import Line, Point, Shape, dense, joined, rounded
from .memory import memories
from .mend import mended
from .place import PANEL_GAP, Placement
from .routes import route
from .routing import Memory, Route, Routing
from .structure import Structure


@dataclass(frozen=True)
class Run:
    """What `dot` answers: the centre of every footprint, and its own splines."""

    at: dict[str, Point]
    splines: dict[tuple[str, str], Line]


@dataclass(frozen=True)
class Found:
    """The best way found to stand and to wire the nodes of one kind of step."""

    structure: Structure
    placement: Placement
    routing: Routing
    run: Run
    score: float
    runs: int


def combined(template: Template, boxes: Mapping[int, Box], found: Sequence[Found]) -> tuple[Placement, Routing]:
    """One placement and one routing for all kinds of steps: they share coordinates, for no two meet in one panel.

    A state that takes the place of another kind's initial state stands at that state's height.
    """
    if len(found) == 1 and not template.remembered:
        return found[0].placement, found[0].routing
    lanes = len({source for source, _ in template.remembered})
    wide = max(each.placement.right - each.placement.left for each in found) + 14 * lanes
    placements: list[Placement] = []
    for each in found:
        placement = each.placement
        spare = wide - (placement.right - placement.left) - 14 * lanes
        up = _rise(template, placements, placement)
        placements.append(_shifted(placement, spare / 2 - placement.left, up, wide))
    whole = Placement(
        {role: at for placement in placements for role, at in placement.at.items()},
        {source: y for placement in placements for source, y in placement.bus.items()},
        {state: y for placement in placements for state, y in placement.low.items()},
        {state: x for placement in placements for state, x in placement.trunk.items()},
        0.0,
        wide,
        min(placement.bottom for placement in placements),
        max(placement.top for placement in placements),
    )
    routings = [
        mended(boxes, placement, route(each.structure, boxes, placement, each.run.splines))
        for each, placement in zip(found, placements, strict=True)
    ]
    lowest = min([whole.bottom, *(y for routing in routings for wire in routing.routes for _, y in wire.line)])
    kinds = [(each.structure, placement) for each, placement in zip(found, placements, strict=True)]
    remembered = memories(template, boxes, kinds, routings, lowest)
    whole = replace(whole, bottom=min([lowest, *(memory.y for memory in remembered)]))
    if remembered:
        routings = [
            _beside(boxes, placement, routing, remembered)
            for (_, placement), routing in zip(kinds, routings, strict=True)
        ]
    routing = Routing(
        [wire for each in routings for wire in each.routes],
        {name: at for each in routings for name, at in each.junctions.items()},
        [replace(o, kind=kind) for kind, each in enumerate(routings) for o in each.obstacles],
        remembered,
    )
    for newcomer, state in template.stand_ins:
        routing.routes = list(_stood_in(template, boxes, whole, routing.routes, newcomer, state))
    return whole, routing


def _beside(
    boxes: Mapping[int, Box], placement: Placement, routing: Routing, remembered: Sequence[Memory]
) -> Routing:
    """The routing of one kind of step with those links laid anew that run along the taps of a lane."""
    taps = [(memory.source, memory.store) for memory in remembered]
    taps += [(reader, way) for memory in remembered for reader, way in memory.reads.items()]
    shown = [
        Route(f"tap{n}", way, Shape(*way[0], 6, 6, True), boxes[role].shape(placement.at[role]), "jlane", f"n{role}")
        for n, (role, way) in enumerate(taps)
        if role in placement.at
    ]
    if not shown:
        return routing
    laid = mended(boxes, placement, replace(routing, routes=[*routing.routes, *shown]))
    return replace(laid, routes=laid.routes[: -len(shown)])


def _shifted(placement: Placement, dx: float, dy: float, wide: float) -> Placement:
    return Placement(
        {role: (x + dx, y + dy) for role, (x, y) in placement.at.items()},
        {source: y + dy for source, y in placement.bus.items()},
        {state: y + dy for state, y in placement.low.items()},
        {state: x + dx for state, x in placement.trunk.items()},
        0.0,
        wide,
        placement.bottom + dy,
        placement.top + dy,
    )


def _rise(template: Template, placed: Sequence[Placement], placement: Placement) -> float:
    """How far up a kind of step goes to meet what comes from those before it; else they share the lowest line."""
    for newcomer, state in template.stand_ins:
        for other in placed:
            if newcomer in other.at and state in placement.at:
                return other.at[newcomer][1] - placement.at[state][1]
    return placed[0].bottom - placement.bottom if placed else 0.0


def _stood_in(
    template: Template, boxes: Mapping[int, Box], placement: Placement, routes: list[Route], newcomer: int, state: int
) -> list[Route]:
    """The routes with those added that a state of another kind of step takes into the place of this one."""
    read = {edge.target for edge in template.edges if (edge.source, edge.lag) == (newcomer, 1)}
    found = []
    x, y = placement.at[newcomer]
    start: Point = (x - placement.pitch, y)
    for wire in routes:
        both = [e for e in wire.edges if (e.source, e.lag) == (state, 1) and e.target in read]
        edges = tuple(Edge(newcomer, 1, edge.target) for edge in both)
        if edges and wire.tail == f"n{state}":
            line = tuple(_restarted(wire.line, start, placement.left))
            shape = boxes[newcomer].shape(start)
            name = f"{wire.key}-from-n{newcomer}"
            found.append(replace(wire, key=name, line=line, start=shape, tail=f"n{newcomer}", edges=edges))
        elif edges:
            wire = replace(wire, edges=wire.edges + edges)
        found.append(wire)
    return found


def _restarted(line: Sequence[Point], start: Point, left: float) -> Line:
    """The same way inside its panel, coming from another place in the panel before."""
    rest = [point for point in line if point[0] >= left - PANEL_GAP / 2]
    y = rest[0][1]
    if abs(start[1] - y) < 1:
        return [*dense([start, (rest[0][0], y)]), *rest[1:]]
    side = left - PANEL_GAP / 2
    return joined(rounded([start, (side, start[1]), (side, y), rest[0]], 12), rest, 2)
