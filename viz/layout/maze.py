"""Find a free way for one wire on a grid between everything else: for wires that no simple form serves."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from .boxes import Box
from .curves import Line, Point, rounded
from .ends import Obstacle
from .place import Placement
from .routing import Route, Routing

_STEP = 7.0
_CLEAR = 6.5  # from a wire's middle to what it must not touch
_NEAR = 10.0  # between the middles of two wires
_BEND, _CROSS, _ALONG = 30.0, 25.0, 12.0
_PORT = 9.0  # from one place on a side to the next
_OUT = 9.0  # from a box to where its wires may turn
_WAYS = ((1, 0), (0, 1), (-1, 0), (0, -1))


class Maze:
    """One step's obstacles and wires on a grid; `way` looks for the cheapest path between two nodes."""

    def __init__(self, placement: Placement, boxes: dict[int, Box], routing: Routing, without: Route):
        self.placement, self.boxes, self.obstacles = placement, boxes, routing.obstacles
        self.others = [r for r in routing.routes if r is not without and r.weight is None]

    def way(self, source: int, target: int) -> Line | None:
        """A path from one node to another with right angles, its corners rounded; None where there is none."""
        starts, ends = self._ports(source, leaving=True), self._ports(target, leaving=False)
        self._grid([at for at, _, _, _ in (*starts, *ends)])
        came: dict[tuple[int, int, int], tuple[int, int, int] | None] = {}
        best: dict[tuple[int, int, int], float] = {}
        origin: dict[tuple[int, int, int], Point] = {}
        waiting: list[tuple[float, tuple[int, int, int]]] = []
        for at, way, cost, inside in starts:
            i, j = self._cell(at)
            if not self.blocked[i, j]:
                state = (i, j, way)
                best[state], origin[state], came[state] = cost, inside, None
                heapq.heappush(waiting, (cost, state))
        goals: dict[tuple[int, int, int], tuple[float, Point]] = {}
        for at, way, cost, inside in ends:
            i, j = self._cell(at)
            if not self.blocked[i, j]:
                goals[i, j, way] = (cost, inside)
        found: tuple[float, tuple[int, int, int]] | None = None
        while waiting:
            cost, state = heapq.heappop(waiting)
            if cost > best[state]:
                continue
            if found and cost >= found[0]:
                break
            i, j, way = state
            if state in goals and (found is None or cost + goals[state][0] < found[0]):
                found = (cost + goals[state][0], state)
            for turned, (di, dj) in enumerate(_WAYS):
                if (turned + 2) % 4 == way:
                    continue
                u, v = i + di, j + dj
                if not (0 <= u < len(self.xs) and 0 <= v < len(self.ys)) or self.blocked[u, v]:
                    continue
                length = abs(self.xs[u] - self.xs[i]) + abs(self.ys[v] - self.ys[j])
                beside, across = (self.level, self.upright) if dj == 0 else (self.upright, self.level)
                price = length * (1 + _ALONG * beside[u, v]) + _CROSS * across[u, v] * length / (2 * _NEAR)
                price += _BEND * (turned != way)
                if turned != way:
                    price += _ALONG * 6 * (self.level[i, j] + self.upright[i, j])
                after = (u, v, turned)
                if cost + price < best.get(after, np.inf):
                    best[after], came[after] = cost + price, state
                    heapq.heappush(waiting, (cost + price, after))
        if found is None:
            return None
        path: list[Point] = [goals[found[1]][1]]
        at_state: tuple[int, int, int] | None = found[1]
        first = found[1]
        while at_state is not None:
            path.append((self.xs[at_state[0]], self.ys[at_state[1]]))
            first, at_state = at_state, came[at_state]
        path.append(origin[first])
        return rounded(_corners(path[::-1]), 11)

    def _ports(self, role: int, leaving: bool) -> list[tuple[Point, int, float, Point]]:
        """Places around a node where a wire may begin or end: (grid point, way of travel, price, point inside)."""
        (x, y), box = self.placement.at[role], self.boxes[role]
        half_wide, half_high = box.width / 2, box.height / 2
        reach = 0.0 if box.round else half_wide - 9
        across = sorted({0.0} | {k * _PORT * side for k in range(1, int(reach // _PORT) + 1) for side in (-1, 1)})
        found = []
        for dx in across:
            for sign, price in ((1, 0.0 if leaving else 60.0), (-1, 60.0 if leaving else 0.0)):
                way = (1 if sign > 0 else 3) if leaving else (3 if sign > 0 else 1)
                found.append(((x + dx, y + sign * (half_high + _OUT)), way, price + abs(dx) / 4, (x + dx, y)))
        for sign in (1, -1):
            way = (0 if sign > 0 else 2) if leaving else (2 if sign > 0 else 0)
            found.append(((x + sign * (half_wide + _OUT), y), way, 45.0, (x, y)))
        return found

    def _grid(self, ports: Sequence[Point]) -> None:
        place = self.placement
        self.xs = _levels(place.left + 5, place.right - 5, [x for x, _ in ports])
        self.ys = _levels(place.bottom - 30, place.top + 12, [y for _, y in ports])
        xs, ys = np.array(self.xs), np.array(self.ys)
        self.blocked = np.zeros((len(xs), len(ys)), bool)
        for o in self.obstacles:
            self.blocked |= _within(xs, ys, o, _CLEAR)
        self.level, self.upright = np.zeros(self.blocked.shape), np.zeros(self.blocked.shape)
        for wire in self.others:
            line = np.array(wire.line)[::2]
            line[:, 0] = place.left + np.mod(line[:, 0] - place.left, place.pitch)
            pieces = np.diff(line, axis=0)
            level, upright = np.zeros(self.blocked.shape, bool), np.zeros(self.blocked.shape, bool)
            for (x, y), (dx, dy) in zip(line.tolist(), pieces.tolist(), strict=False):
                i, k = bisect_left(self.xs, x - _NEAR), bisect_left(self.xs, x + _NEAR)
                j, m = bisect_left(self.ys, y - _NEAR), bisect_left(self.ys, y + _NEAR)
                if abs(dx) > 0.4 * abs(dy):
                    level[i:k, j:m] = True
                if abs(dy) > 0.4 * abs(dx):
                    upright[i:k, j:m] = True
            self.level += level
            self.upright += upright

    def _cell(self, at: Point) -> tuple[int, int]:
        return bisect_left(self.xs, at[0] - 0.01), bisect_left(self.ys, at[1] - 0.01)


def _levels(low: float, high: float, ports: Sequence[float]) -> list[float]:
    """Coordinates some points apart, those of the ports among them."""
    own = sorted({round(port, 3) for port in ports})
    regular = [low + _STEP * n for n in range(max(1, int((high - low) / _STEP)) + 1)]
    kept = [level for level in regular if all(abs(level - port) > _STEP / 2 for port in own)]
    return sorted([*own, *kept])


def _within(xs: np.ndarray, ys: np.ndarray, o: Obstacle, margin: float) -> np.ndarray:
    across = (xs > o.left - margin) & (xs < o.right + margin)
    up = (ys > o.bottom - margin) & (ys < o.top + margin)
    return across[:, None] & up[None, :]


def _corners(path: list[Point]) -> list[Point]:
    """The points of a path where it turns, and its ends."""
    out = [path[0]]
    for a, b, c in zip(path, path[1:], path[2:], strict=False):
        straight = abs((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])) < 1e-6
        if not straight:
            out.append(b)
    return [*out, path[-1]]
