"""Find what a routed step should not have: wires along each other, and wires over nodes or chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .curves import clipped
from .place import Placement
from .routing import Route, Routing

Array = Any

_APART = 9.2  # centre lines nearer than this let a lane of one wire touch a lane of the other
_STEP = 5.0
_MOST = 4  # samples side by side that a crossing or a parting takes
_LANE = 4.0  # from the middle of a wire to its lanes
_PARALLEL = 0.8  # cosine of the angle between two wires


@dataclass(frozen=True)
class Faults:
    """For each route: the routes that it runs along, by their places in the list, and the obstacles it runs over."""

    along: tuple[frozenset[int], ...]
    over: tuple[int, ...]

    def of(self, route: int) -> int:
        """How many faults one route has."""
        return len(self.along[route]) + self.over[route]

    def __len__(self) -> int:
        return sum(map(len, self.along)) // 2 + sum(self.over)


def faults(placement: Placement, routing: Routing) -> Faults:
    """All that is wrong with the wires of one step; the short ones of chips are left out."""
    lines = {
        n: np.array(clipped(wire.line, wire.start, wire.end))
        for n, wire in enumerate(routing.routes)
        if wire.weight is None
    }
    along: list[set[int]] = [set() for _ in routing.routes]
    for a, b in _side_by_side(placement, routing.routes, lines):
        along[a].add(b)
        along[b].add(a)
    return Faults(tuple(map(frozenset, along)), tuple(_over(routing, lines)))


def _over(routing: Routing, lines: Mapping[int, Array]) -> list[int]:
    """For each route the obstacles that it runs over, its own ends excepted."""
    obstacles = routing.obstacles
    sides = np.array([[o.left, o.bottom, o.right, o.top] for o in obstacles]).reshape(-1, 4)
    left, bottom, right, top = (sides + _LANE * np.array([-1, -1, 1, 1])).T
    roles = np.array([-1 if o.role is None else o.role for o in obstacles])
    found = []
    for n, wire in enumerate(routing.routes):
        if n not in lines or not obstacles:
            found.append(0)
            continue
        x, y = lines[n][::2, 0][:, None], lines[n][::2, 1][:, None]
        inside = (left < x) & (x < right) & (bottom < y) & (y < top)
        ends = [int(end[1:]) for end in (wire.tail, wire.head) if end.startswith("n")]
        found.append(int(np.sum(inside.any(axis=0) & ~np.isin(roles, ends))))
    return found


def _side_by_side(
    placement: Placement, routes: Sequence[Route], lines: Mapping[int, Array]
) -> list[tuple[int, int]]:
    """Pairs of routes that are near each other and run the same way for a while, in any two neighbouring panels."""
    points, ways, owners = [], [], []
    for n, line in lines.items():
        if len(line) < 3:
            continue
        kept = _spaced(line)
        before, after = line[np.maximum(kept - 1, 0)], line[np.minimum(kept + 1, len(line) - 1)]
        way = after - before
        points.append(line[kept])
        ways.append(way / np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)[:, None])
        owners.append(np.full(len(kept), n))
    if not points:
        return []
    at, way, owner = np.concatenate(points), np.concatenate(ways), np.concatenate(owners)
    x = placement.left + np.mod(at[:, 0] - placement.left, placement.pitch)  # every panel looks the same
    order = np.argsort(x, kind="stable")
    x, y, way, owner = x[order], at[order, 1], way[order], owner[order]
    last = np.searchsorted(x, x + _APART, side="right")
    count = last - np.arange(len(x)) - 1
    first = np.repeat(np.arange(len(x)), count)
    begins = np.repeat(np.cumsum(count) - count, count)
    second = first + 1 + np.arange(len(first)) - begins
    near = (owner[first] != owner[second]) & (np.abs(y[first] - y[second]) < _APART)
    first, second = first[near], second[near]
    near = np.hypot(x[first] - x[second], y[first] - y[second]) < _APART
    near &= np.abs(np.sum(way[first] * way[second], axis=1)) > _PARALLEL
    together: dict[tuple[int, int], set[int]] = {}
    for i, k in zip(first[near].tolist(), second[near].tolist(), strict=True):
        a, b = int(owner[i]), int(owner[k])
        pair, sample = ((a, b), i) if a < b else ((b, a), k)
        together.setdefault(pair, set()).add(sample)
    return [
        (a, b)
        for (a, b), samples in together.items()
        if len(samples) > _MOST and not _take_turns(routes[a], routes[b])
    ]


def _take_turns(a: Route, b: Route) -> bool:
    """Whether two lanes of one skip are never drawn in the same step."""
    return bool(a.turn and b.turn and a.edges == b.edges)


def _spaced(line: Array) -> Array:
    """Indices of points some five apart."""
    pieces = np.hypot(*(line[1:] - line[:-1]).T)
    gone = np.concatenate([[0.0], np.cumsum(pieces)])
    wanted = np.arange(0.0, gone[-1], _STEP)
    return np.unique(np.minimum(np.searchsorted(gone, wanted), len(line) - 1))
