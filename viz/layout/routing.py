"""What routing a step gives: how every wire runs, the dots where wires split, and lanes along all panels."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..reading.template import Edge
from .curves import Point, Shape
from .ends import Obstacle

JUNCTION = 6.0  # diameter of the dot where a wire splits


@dataclass(frozen=True)
class Route:
    """One drawn wire, in the coordinates of the step that its head belongs to.

    `tail` and `head` are "n<role>" for a node, "j<name>" for a junction, "w<key>" for a chip; the tail's node belongs
    to the step `back` steps earlier. `edges` are the edges whose contributions pass along it, so a bus has several. A
    route with `turn` = (k, n) is drawn in steps s with s mod n = k only: neighbouring skips must not share a lane. One
    that `branches` leaves its dot to the left of travel: its value begins at the lane of values that it leaves.
    """

    key: str
    line: tuple[Point, ...]
    start: Shape
    end: Shape
    tail: str
    head: str
    edges: tuple[Edge, ...] = ()
    weight: str | None = None
    back: int = 0
    turn: tuple[int, int] | None = None
    branches: bool = False


@dataclass(frozen=True)
class Memory:
    """One state's lane: its height, the way of the state down to it, and the way from it up into each reader.

    Both ways begin at the lane and are in the coordinates of the step that the state, or the reader, belongs to.
    """

    source: int
    y: float
    store: tuple[Point, ...]
    reads: dict[int, tuple[Point, ...]]


@dataclass
class Routing:
    """All routes of one step, the dots where they split, and what they had to avoid."""

    routes: list[Route] = field(default_factory=list)
    junctions: dict[str, Point] = field(default_factory=dict)
    obstacles: list[Obstacle] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
