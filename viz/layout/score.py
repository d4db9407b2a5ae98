"""How much the eye minds a layout: wires over boxes, crossings, length, size, and gates out of program order."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .boxes import Box
from .curves import Point, crosses
from .ends import Obstacle
from .faults import faults
from .place import Placement
from .routing import Routing
from .structure import Structure

# Set by eye: a wire over a box is worse than any detour, a crossing is worth a detour of some 450 points.
_WRONG, _OVER, _ALONG, _CROSSING, _ORDER = 5000, 400, 300, 160, 20
_LENGTH, _WIDTH, _HEIGHT, _DRIFT = 0.35, 0.8, 0.5, 0.6


def score(structure: Structure, placement: Placement, routing: Routing) -> float:
    """The lower the better."""
    wires = [wire for wire in routing.routes if wire.weight is None]
    wrong = faults(placement, routing)
    lines = [[*wire.line[::3], wire.line[-1]] for wire in wires]
    row = sorted(structure.main_row, key=lambda role: placement.at[role])
    return (
        _WRONG * _wrong(structure, placement, routing)
        + _OVER * sum(wrong.over)
        + _ALONG * sum(map(len, wrong.along)) / 2
        + _CROSSING * _crossings(lines)
        + _LENGTH * sum(math.dist(a, b) for line in lines for a, b in zip(line, line[1:], strict=False))
        + _WIDTH * (placement.right - placement.left)
        + _HEIGHT * (placement.top - placement.bottom)
        + _DRIFT * sum(_drift(structure, placement, state) for state in structure.carried)
        + _ORDER * sum(a > b for i, a in enumerate(row) for b in row[i + 1 :])
    )


def _drift(structure: Structure, placement: Placement, state: int) -> float:
    """How far a state stands from the side where it leaves its panel."""
    x = placement.at[state][0]
    return placement.right - x if structure.direction[state] > 0 else x - placement.left


def _wrong(structure: Structure, placement: Placement, routing: Routing) -> int:
    """Spines that do not run the way of their time (`dot` reverses some), and carries that run over anything."""
    at = placement.at
    reversed_links = sum((at[b][0] - at[a][0]) * way < 20 for (a, b), way in structure.rightward.items())
    return reversed_links + len(_blocking(structure, placement, routing))


def in_the_way(
    structure: Structure, boxes: Mapping[int, Box], placement: Placement, routing: Routing
) -> frozenset[tuple[int, int]]:
    """Pairs of a node, or its chips, and a carried state that runs over it."""
    pairs = set()
    for state, obstacle in _blocking(structure, placement, routing):
        x, y = (obstacle.left + obstacle.right) / 2, (obstacle.bottom + obstacle.top) / 2
        for role in structure.roles:
            left, bottom, right, top = boxes[role].foot_at(placement.at[role], 1)
            on_it = left <= x <= right and bottom <= y <= top
            if on_it and role != state and role not in structure.spines.get(state, ()):
                pairs.add((role, state))
    return frozenset(pairs)


def _blocking(structure: Structure, placement: Placement, routing: Routing) -> list[tuple[int, Obstacle]]:
    """(state, obstacle) on the straight way of a carry: beyond its state, before its first stop in the next panel."""
    at, found = placement.at, []
    for wire in routing.routes:
        if abs(wire.back) != 1 or wire.turn:
            continue
        state = int(wire.tail[1:])
        ends = {state, int(wire.head[1:])} if wire.head.startswith("n") else {state}
        y, x = at[state][1], at[state][0]
        onward = wire.back > 0
        side = placement.left if onward else placement.right
        first = structure.spines.get(state, (None,))[0]
        reach = placement.trunk.get(state, side) if first is None else at[first][0]
        ends.add(state if first is None else first)
        for obstacle in routing.obstacles:
            if obstacle.role in ends or not obstacle.bottom < y < obstacle.top:
                continue
            leaving = obstacle.right > x + 1 if onward else obstacle.left < x - 1
            entering = obstacle.left < reach if onward else obstacle.right > reach
            found += [(state, obstacle)] * (leaving + entering)
    return found


def _crossings(lines: list[list[Point]]) -> int:
    """Proper crossings between different wires, found by sweeping over the pieces from left to right."""
    pieces = []
    for k, line in enumerate(lines):
        for a, b in zip(line, line[1:], strict=False):
            pieces.append((min(a[0], b[0]), max(a[0], b[0]), min(a[1], b[1]), max(a[1], b[1]), a, b, k))
    pieces.sort(key=lambda piece: piece[0])
    count = 0
    for i, (_, right, bottom, top, a, b, k) in enumerate(pieces):
        for j in range(i + 1, len(pieces)):
            left2, _, bottom2, top2, c, d, m = pieces[j]
            if left2 > right:
                break
            if k != m and bottom2 <= top and bottom <= top2 and crosses(a, b, c, d):
                count += 1
    return count
