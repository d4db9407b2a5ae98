"""Horizontal buses for sources that feed several nodes at once: a lead, segments between dots, a tap into each node."""

from __future__ import annotations

import math

from ..reading.template import Edge
from .curves import Line, Point, Shape, rounded
from .router import Router
from .structure import Source

_ELBOW = 9.0


def buses(router: Router) -> None:
    """Route every source that has a bus, and trunks with one reader left over."""
    for source in router.placement.bus:
        _Bus(router, source).route()
    for state, readers in router.structure.entering.items():
        if ("carry", state) not in router.placement.bus and state in router.structure.spines:
            _single_tap(router, state, readers[0])


def _single_tap(router: Router, state: int, reader: int) -> None:
    """A trunk with one reader beside the spine: down the left side and up into it."""
    x, y = router.routing.junctions[f"in{state}"]
    px, low = router.at[reader][0] + router.ports[reader, "in", f"carry{state}"], router.placement.low[state]
    line = rounded([(x, y), (x, low), (px, low), (px, router.at[reader][1])], 12)
    dot = router.junction(f"in{state}", (x, y))
    edge = Edge(state, router.structure.direction[state], reader)
    router.add(f"n{state}-tap-n{reader}", line, dot, router.shape(reader), f"jin{state}", f"n{reader}", [edge])


class _Bus:
    """One bus: where it starts, at which height it runs, and which vertical way each of its taps takes."""

    def __init__(self, router: Router, source: Source):
        where, role = source
        self.router, self.role = router, role
        self.y = router.placement.bus[source]
        self.readers = router.structure.fans[source]
        self.lag = router.structure.direction[role] if where == "carry" else 0
        self.name = f"n{role}-bus" if where == "node" else f"n{role}-trunk"
        self.port = f"n{role}" if where == "node" else f"carry{role}"
        self.back, self.origin_width = 0, 0.0
        if where == "node":
            self.x, origin = router.at[role][0], (router.shape(role), f"n{role}")
            self.lead, self.origin_width = [router.at[role]], router.boxes[role].width
        elif f"in{role}" in router.routing.junctions:  # the state also goes on along its spine: the trunk begins there
            self.x, top = anchor = router.routing.junctions[f"in{role}"]
            origin = (router.junction(f"in{role}", anchor), f"jin{role}")
            self.lead = [anchor]
        else:
            self.x, self.back = router.placement.trunk[role], self.lag
            pitch = self.lag * router.placement.pitch
            x, y = router.at[role]
            origin = (router.shape(role, -pitch), f"n{role}")
            self.lead = [(x - pitch, y), (self.x, y)]
        self._here = origin

    def route(self) -> None:
        """The bus runs both ways from its source where it has readers on both sides; each segment ends at a tap."""
        trunk = self.x if self.lag else -math.inf
        ways = [self.router.way_up(self.y, reader, self.port, self.x, trunk) for reader in self.readers]
        taps = sorted(zip(ways, self.readers, strict=True))
        if self.origin_width:  # rather one dot than two side by side
            nearest = min((way[0][0] for way, _ in taps), key=lambda x: abs(x - self.x))
            if abs(nearest - self.x) < self.origin_width / 2 - 4:
                self.x, self.lead = nearest, [(nearest, self.lead[0][1])]
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
            if math.dist(lead[-1], corner) > 3 or len(lead) > 1:
                dot = self._dot(f"{side}{k}", corner)
                self._wire(f"{side}{k}", [*lead, corner], here, dot, beyond)
                here, lead = dot, [corner]
            self._tap(way, here, reader, side == "right")  # a tap at the very place of a dot leaves from that dot

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

    def _tap(self, path: list[Point], start: tuple[Shape, str], reader: int, branches: bool = False) -> None:
        shape, head = self.router.shape(reader), f"n{reader}"
        line = rounded(path, _ELBOW)
        edges, back = self._edges([reader]), self.back if start is self._here else 0
        key = f"{self.name}-tap-{head}"
        self.router.add(key, line, start[0], shape, start[1], head, edges, back, branches=branches)
