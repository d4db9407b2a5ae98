"""Lay out a graph that has no time steps: plain `dot` under its time limit, every wire with a place of its own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import render
from .curves import Line, Point, Shape, bezier, length, s_curve, warped

_SECONDS = 20.0
_INSIDE = 7.0  # how far a wire's centre line reaches into the boxes at its ends, where it is clipped
_AROUND = 12.0  # what `dot` keeps free on each side of a box: splines are centre lines, and lanes run beside them
_REACH = 46.0  # a wire bends towards its port over this length
_APART = 9.0  # between the centre lines of two wires
PORTS = 22.0  # between two wires that end at the same side of a box
ROOMS = (0.36, 0.9)  # inches between two rows: more where wires touch

_HEAD = (
    'rankdir=BT; nodesep=0.2; ranksep=ROOM; splines=true; node [shape=box,fixedsize=true,label=""]; '
    "edge [dir=none,weight=2];"
)

Array = Any


@dataclass(frozen=True)
class Free:
    """Centres of boxes by name, and the centre line of every wire, in the order in which they were given."""

    at: dict[str, Point]
    lines: list[Line]


def lay_out_free(
    sizes: Mapping[str, tuple[float, float]], wires: Sequence[tuple[str, str]], room: float = ROOMS[0]
) -> Free:
    """Boxes of given sizes with values flowing upward, `room` inches between rows; parallel wires are allowed.

    Raises:
        PictureError: Graphviz is missing, fails, or needs longer than 20 seconds.
    """
    number = {name: n for n, name in enumerate(sizes)}
    text = ["digraph {", _HEAD.replace("ROOM", str(room))]
    around = {name: ((wide + 2 * _AROUND) / 72, (high + _AROUND) / 72) for name, (wide, high) in sizes.items()}
    text += [f"n{number[name]} [width={wide:.6f},height={high:.6f}];" for name, (wide, high) in around.items()]
    text += [f"n{number[u]} -> n{number[v]};" for u, v in wires]
    answer = render.layouts(["\n".join([*text, "}"])], _SECONDS)[0]
    names, at, splines = list(sizes), dict[str, Point](), defaultdict[tuple[str, str], list[Line]](list)
    for line in answer.splitlines():
        words = line.split()
        if words[0] == "node":
            at[names[int(words[1][1:])]] = (_points(words[2]), _points(words[3]))
        elif words[0] == "edge":
            numbers = [_points(word) for word in words[4 : 4 + 2 * int(words[3])]]
            ends = names[int(words[1][1:])], names[int(words[2][1:])]
            splines[ends].append(bezier(list(zip(numbers[::2], numbers[1::2], strict=True))))
    for same in splines.values():
        same.reverse()
    return Free(at, _to_ports(sizes, at, wires, [splines[ends].pop() for ends in wires]))


def _to_ports(
    sizes: Mapping[str, tuple[float, float]],
    at: Mapping[str, Point],
    wires: Sequence[tuple[str, str]],
    lines: list[Line],
) -> list[Line]:
    """Move the ends of wires apart along the side of the box where they end, in the order in which they arrive."""
    port: dict[tuple[int, int], Point] = {}
    for end in (0, 1):
        groups: dict[str, list[int]] = defaultdict(list)
        for n, wire in enumerate(wires):
            groups[wire[end]].append(n)
        for name, members in groups.items():
            (x, y), (wide, high) = at[name], sizes[name]
            members.sort(key=lambda n: (_beside(lines[n], end, at[wires[n][1 - end]]), n))
            gap = min(PORTS, (wide - 18) / max(1, len(members) - 1))
            level = y + (high / 2 if end == 0 else -high / 2)
            for k, n in enumerate(members):
                port[n, end] = (x + (k - (len(members) - 1) / 2) * gap, level)
    found: list[Line] = []
    laid = np.zeros((0, 2))
    for n, line in enumerate(lines):
        (x0, y0), (x1, y1) = port[n, 0], port[n, 1]
        reach = min(_REACH, length(line) / 2)
        bent = _moved_end(_moved_end(line, (x0, y0), reach)[::-1], (x1, y1), reach)[::-1]
        others = [
            Shape(*at[name], wide + 18, high + 18) for name, (wide, high) in sizes.items() if name not in wires[n]
        ]
        ways = [warped(line, (x0, y0), (x1, y1)), bent, s_curve((x0, y0), (x1, y1))]  # the smoother one first
        costs = [_cost(way, others, laid) for way in ways]
        best = ways[costs.index(min(costs))]
        laid = np.concatenate([laid, np.array(best[::3])])
        found.append([(x0, y0 - _INSIDE), *best, (x1, y1 + _INSIDE)])
    return found


def _cost(way: Line, others: list[Shape], laid: Array) -> int:
    """How often a wire runs over boxes, which counts most, and how long beside wires that are laid already."""
    samples = way[::3]
    over = sum(box.contains(point) for box in others for point in samples)
    if not len(laid):
        return 20 * over
    apart = np.abs(np.array(samples)[:, None, :] - laid[None, :, :]).max(axis=2).min(axis=1)
    return 20 * over + int(np.sum(apart < _APART))


def _moved_end(line: Line, start: Point, reach: float) -> Line:
    """The line beginning elsewhere; beyond `reach` it stays, since there `dot` kept it clear of boxes."""
    dx, dy = start[0] - line[0][0], start[1] - line[0][1]
    out, gone = [], 0.0
    for n, (x, y) in enumerate(line):
        gone += math.dist(line[n - 1], line[n]) if n else 0.0
        u = max(0.0, 1 - gone / reach) if reach else 0.0
        u = u * u * (3 - 2 * u)
        out.append((x + dx * u, y + dy * u))
    return out


def _beside(line: Line, end: int, other: Point) -> float:
    """Where a wire comes from, seen from one of its ends: a third of its way on."""
    place = line[len(line) // 3] if end == 0 else line[-1 - len(line) // 3]
    return place[0] + 1e-3 * other[0]


def _points(inches: str) -> float:
    return round(float(inches) * 72 * 2) / 2
