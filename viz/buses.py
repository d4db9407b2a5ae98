"""Horizontal buses for sources that feed several nodes at once: a lead, segments between dots, a tap into each node."""

from __future__ import annotations

import math

from .curves import Line, Point, Shape, dense, rounded
from .router import Router
from .structure import Source
from .template import Edge

_JOG = 13.0  # below a node, where a tap turns towards its port
_ELBOW = 9.0


def buses(router: Router) -> None:
    """Route every source that has a bus, and trunks with one reader left over."""
    ways = [list(wire.line) for wire in router.routing.routes if wire.back == 0]
    for source in router.placement.bus:
        _Bus(router, source, ways).route()
    for state, readers in router.structure.entering.items():
        if ("carry", state) not in router.placement.bus and state in router.structure.spines:
            _single_tap(router, state, readers[0])


def _single_tap(router: Router, state: int, reader: int) -> None:
    """A trunk with one reader beside the spine: down the left side and up into it."""
    x, y = router.routing.junctions[f"in{state}"]
    px, low = router.at[reader][0] + router.ports[reader, "in", f"carry{state}"], router.bottom(reader) - 16
    line = rounded([(x, y), (x, low), (px, low), (px, router.at[reader][1])], 12)
    dot = router.junction(f"in{state}", (x, y))
    edge = Edge(state, 1, reader)
    router.add(f"n{state}-tap-n{reader}", line, dot, router.shape(reader), f"jin{state}", f"n{reader}", [edge])


class _Bus:
    """One bus: where it starts, at which height it runs, and which vertical way each of its taps takes."""

    def __init__(self, router: Router, source: Source, ways: list[Line]):
        where, role = source
        self.router, self.role, self.ways = router, role, ways
        self.y = router.placement.bus[source]
        self.readers = router.structure.fans[source]
        self.lag = 1 if where == "carry" else 0
        self.name = f"n{role}-bus" if where == "node" else f"n{role}-trunk"
        self.port = f"n{role}" if where == "node" else f"carry{role}"
        self.back = 0
        if where == "node":
            self.x, origin = router.at[role][0], (router.shape(role), f"n{role}")
            self.lead = [router.at[role]]
        elif f"in{role}" in router.routing.junctions:  # the state also goes on along its spine: the trunk begins there
            self.x, top = anchor = router.routing.junctions[f"in{role}"]
            origin = (router.junction(f"in{role}", anchor), f"jin{role}")
            self.lead = [anchor]
        else:
            self.x, pitch, self.back = router.placement.trunk[role], router.placement.pitch, 1
            x, y = router.at[role]
            origin = (router.shape(role, -pitch), f"n{role}")
            self.lead = [(x - pitch, y), (self.x, y)]
        self._here = origin

    def route(self) -> None:
        """The bus runs both ways from its source where it has readers on both sides; each segment ends at a tap."""
        taps = sorted((self._way(reader), reader) for reader in self.readers)
        right = [(way, reader) for way, reader in taps if way[0][0] >= self.x]
        left = [(way, reader) for way, reader in reversed(taps) if way[0][0] < self.x]
        start: Point | None = None
        if left and right:
            start = (self.x, self.y)
            self._wire("stem", [*self.lead, start], self._here, self._dot("stem", start), self.readers)
        for side, branch in (("right", right), ("left", left)):
            self._branch(side, branch, start)

    def _branch(self, side: str, taps: list[tuple[Line, int]], at: Point | None) -> None:
        """Along one side: a segment up to each tap, which carries what all taps beyond it bring."""
        lead = [at] if at else [*self.lead, (self.x, self.y)]
        here = self._dot("stem", at) if at else self._here
        for k, (way, reader) in enumerate(taps):
            corner, last = way[0], k == len(taps) - 1
            beyond = [other for _, other in taps[k:]]
            if last:
                straight_on = not at and k == 0 and abs(corner[0] - self.x) < 3
                path = [*lead, corner, *way[1:]]
                if straight_on and not self.back:
                    path = [(corner[0], lead[0][1]), *way[1:]]
                self._tap(path, here, reader)
                return
            dot = self._dot(f"{side}{k}", corner)
            if math.dist(lead[-1], corner) > 3 or len(lead) > 1:
                self._wire(f"{side}{k}", [*lead, corner], here, dot, beyond)
            here, lead = dot, [corner]
            self._tap(way, here, reader)

    def _dot(self, name: str, at: Point) -> tuple[Shape, str]:
        full = f"{self.name}-{name}"
        return self.router.junction(full, at), f"j{full}"

    def _edges(self, readers: list[int] | tuple[int, ...]) -> list[Edge]:
        return [Edge(self.role, self.lag, reader) for reader in readers]

    def _wire(
        self,
        name: str,
        path: list[Point],
        start: tuple[Shape, str],
        end: tuple[Shape, str],
        readers: list[int] | tuple[int, ...],
    ) -> None:
        line = rounded(path, 14)
        edges, back = self._edges(readers), self.back if start is self._here else 0
        self.router.add(f"{self.name}-{name}", line, start[0], end[0], start[1], end[1], edges, back)

    def _tap(self, path: list[Point], start: tuple[Shape, str], reader: int) -> None:
        shape, head = self.router.shape(reader), f"n{reader}"
        line = rounded(path, _ELBOW)
        edges, back = self._edges([reader]), self.back if start is self._here else 0
        self.router.add(f"{self.name}-tap-{head}", line, start[0], shape, start[1], head, edges, back)

    def _way(self, reader: int) -> Line:
        """A free vertical way from the bus up to the reader's port, with one jog below the reader where needed."""
        router, y = self.router, self.y
        top, jog = router.at[reader][1], router.bottom(reader) - _JOG
        port = router.at[reader][0] + router.ports[reader, "in", self.port]
        left, right = router.placement.left + 8, router.placement.right - 6
        best: tuple[float, Line] | None = None
        for step in range(200):
            for x in {port + 4 * step, port - 4 * step}:
                if not left <= x <= right:
                    continue
                way = [(x, y), (x, top)] if x == port else [(x, y), (x, jog), (port, jog), (port, top)]
                cost = abs(x - port) + (25 if step else 0) + 500 * self._blocked(way, reader)
                if best is None or cost < best[0]:
                    cost += 200 * self._crowded(way)
                if best is None or cost < best[0]:
                    best = (cost, way)
            if best and best[0] < 4 * step:
                break
        assert best is not None
        self.ways.append(dense(best[1]))
        return best[1]

    def _blocked(self, way: Line, reader: int) -> float:
        """Samples every 6 points of the way that lie in obstacles."""
        count = 0.0
        for obstacle in self.router.routing.obstacles:
            if obstacle.role == reader:
                continue
            for a, b in zip(way, way[1:], strict=False):
                if obstacle.meets(a, b, 7):
                    low, high = max(min(a[1], b[1]), obstacle.bottom - 7), min(max(a[1], b[1]), obstacle.top + 7)
                    near, far = max(min(a[0], b[0]), obstacle.left - 7), min(max(a[0], b[0]), obstacle.right + 7)
                    count += 1 + (max(0.0, high - low) + max(0.0, far - near)) / 6
        return count

    def _crowded(self, way: Line) -> int:
        """How many other wires run closely beside this way, above the bus."""
        points = [point for point in dense(way) if point[1] > self.y + 12][::2]
        count = 0
        for other in self.ways:
            close = sum(abs(x - u) < 11 and abs(y - v) < 7 for x, y in points for u, v in other[::2])
            count += close > 3
        return count
