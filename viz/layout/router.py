"""The router of one step: links inside it, states that arrive, skips over several steps, and chips."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..reading.template import Edge
from .boxes import Box
from .curves import Line, Point, Shape, bezier, dense, rounded, s_curve, warped
from .ends import is_bussed, obstacles, ports
from .place import Placement
from .routing import JUNCTION, Route, Routing
from .structure import Structure
from .ways import Ways

_SKIP_PITCH = 15.0
_JOG = 13.0  # below a node, where a way up turns towards its port
_BESIDE_A_TRUNK = 8.0  # two double wires as close as this look like one


class Router:
    """Keeps what routing one step needs: positions, obstacles, and where along a side each wire ends."""

    def __init__(
        self, structure: Structure, boxes: Mapping[int, Box], placement: Placement, routing: Routing | None = None
    ):
        self.structure, self.boxes, self.placement = structure, boxes, placement
        self.at = placement.at
        self.routing = routing or Routing(obstacles=list(obstacles(structure, boxes, self.at)))
        self.ports = ports(structure, boxes, placement)
        self.lanes: list[float] = []  # heights that skips have taken
        laid = [wire.line for wire in self.routing.routes if not wire.back]
        self.ways = Ways(self.routing.obstacles, laid)  # what ways up should keep away from

    def shape(self, role: int, dx: float = 0.0) -> Shape:
        """The outline of a node, possibly as it stands in another step."""
        x, y = self.at[role]
        return self.boxes[role].shape((x + dx, y))

    def bottom(self, role: int) -> float:
        """Height of a node's lower side."""
        return self.at[role][1] - self.boxes[role].height / 2

    def add(
        self,
        key: str,
        line: Sequence[Point],
        start: Shape,
        end: Shape,
        tail: str,
        head: str,
        edges: Iterable[Edge],
        back: int = 0,
        turn: tuple[int, int] | None = None,
        branches: bool = False,
    ) -> None:
        """Record one route."""
        route = Route(key, tuple(line), start, end, tail, head, tuple(edges), None, back, turn, branches)
        self.routing.routes.append(route)
        if not back:
            self.ways.note(line)

    def junction(self, name: str, at: Point) -> Shape:
        """Record a dot where a wire splits; returns its outline."""
        self.routing.junctions[name] = at
        return Shape(at[0], at[1], JUNCTION, JUNCTION, True)

    def hits(self, line: Sequence[Point], own: Collection[int], margin: float) -> int:
        """How many samples of a line lie in obstacles other than the nodes it belongs to."""
        samples = line[::2]
        xs, ys = [x for x, _ in samples], [y for _, y in samples]
        left, right, bottom, top = min(xs) - margin, max(xs) + margin, min(ys) - margin, max(ys) + margin
        return sum(
            obstacle.holds(point, margin)
            for obstacle in self.routing.obstacles
            if (obstacle.role is None or obstacle.role not in own)
            and obstacle.left < right
            and obstacle.right > left
            and obstacle.bottom < top
            and obstacle.top > bottom
            for point in samples
        )

    # ---- links inside the step ----

    def link(self, source: int, target: int, splines: Mapping[tuple[str, str], Line]) -> None:
        """A wire from one node of the step to another: the first of several forms that hits the fewest obstacles."""
        if is_bussed(self.structure, self.placement, source, target):
            return
        a, b = self.at[source], self.at[target]
        if (source, target) in self.structure.spine_pairs:
            line = dense([a, b])
        else:
            out, into = self.ports[source, "out", f"n{target}"], self.ports[target, "in", f"n{source}"]
            start, end = (a[0] + out, a[1]), (b[0] + into, b[1])
            if abs(a[0] - b[0]) < 1 and abs(start[0] - end[0]) < 14:  # one above the other: let it be straight
                x = b[0] + (into if out == 0 else out if into == 0 else 0.0)
                start, end = (x, start[1]), (x, end[1])
            forms = self._forms(source, target, start, end)
            if spline := splines.get((f"n{source}", f"n{target}")):
                forms.append(dense(warped(bezier(spline), start, end)))
            line = min(forms, key=lambda form: self.hits(form, (source, target), 4))
        name = f"n{source}-n{target}"
        edge = Edge(source, 0, target)
        self.add(name, line, self.shape(source), self.shape(target), f"n{source}", f"n{target}", [edge])

    def _forms(self, source: int, target: int, start: Point, end: Point) -> list[Line]:
        if abs(start[1] - end[1]) < 2:
            return [dense([start, end])]
        forms = [dense([start, end])] if abs(start[0] - end[0]) < 1 else []
        forms.append(s_curve(start, end))
        low, high = self.at[source][1] + self.boxes[source].height / 2, self.bottom(target)
        if low < high:
            for share in (0.5, 0.2, 0.8):
                y = low + share * (high - low)
                forms.append(rounded([start, (start[0], y), (end[0], y), end], 14))
        return forms

    # ---- between steps ----

    def carry(self, state: int) -> None:
        """A state comes in from the step before: straight into its spine, or into the top of its trunk."""
        structure, back = self.structure, self.structure.direction[state]
        pitch = back * self.placement.pitch
        x, y = self.at[state]
        start, source = self.shape(state, -pitch), (x - pitch, y)
        first = structure.spines[state][0] if state in structure.spines else None
        edges = [Edge(state, back, reader) for reader in structure.readers(state)]
        if state not in structure.entering:
            if first is not None:
                line = dense([source, self.at[first]])
                self.add(f"n{state}-in", line, start, self.shape(first), f"n{state}", f"n{first}", edges, back)
            return
        if first is None and ("carry", state) in self.placement.bus:
            return  # the bus begins at the state itself
        if first is None:
            self._carry_to_one(state, structure.entering[state][0], source, start)
            return
        anchor = (self.placement.trunk[state], y)
        dot = self.junction(f"in{state}", anchor)
        self.add(f"n{state}-in", dense([source, anchor]), start, dot, f"n{state}", f"jin{state}", edges, back)
        if first is not None:
            edge = Edge(state, back, first)
            line = dense([anchor, self.at[first]])
            self.add(f"n{state}-spine", line, dot, self.shape(first), f"jin{state}", f"n{first}", [edge])

    def _carry_to_one(self, state: int, reader: int, source: Point, start: Shape) -> None:
        """A single reader off the spine: one wire down the left side of the panel, no dot."""
        x, y = self.placement.trunk[state], source[1]
        px = self.at[reader][0] + self.ports[reader, "in", f"carry{state}"]
        low = self.placement.low[state]
        line = rounded([source, (x, y), (x, low), (px, low), (px, self.at[reader][1])], 12)
        back = self.structure.direction[state]
        edge = Edge(state, back, reader)
        self.add(f"n{state}-in", line, start, self.shape(reader), f"n{state}", f"n{reader}", [edge], back)

    def skip(self, state: int, lag: int, reader: int) -> None:
        """A state that another step than the next reads: along its panel's margin, a free lane, and into the reader."""
        dx = -self.placement.pitch * lag
        x, y = self.at[reader]
        lane = self._free_lane(state, reader, abs(lag))
        below = lane < y
        aside = x + min(10.0, self.boxes[reader].width / 4)
        turns = abs(lag)
        lowest = lane - (turns - 1) / 2 * _SKIP_PITCH
        way = [(aside, lane), (aside, y)]
        if below:
            for k in range(turns):  # the way up keeps clear of where the state itself goes down
                aside_of = self.placement.right - 8 - 9 * k if lag > 0 else self.placement.left + 8 + 9 * k
                self.ways.note(dense([(aside_of, lowest), (aside_of, self.at[state][1])]))
            way = self.way_up(lowest, reader, f"skip{state}.{lag}", self.placement.left)
        for k in range(turns):
            height = lane + (k - (turns - 1) / 2) * _SKIP_PITCH
            self.lanes.append(height)
            leave = (self.at[state][0] + dx, self.at[state][1] + (-10 if height < self.at[state][1] else 10))
            margin = dx + (self.placement.right - 8 - 9 * k if lag > 0 else self.placement.left + 8 + 9 * k)
            line = rounded([leave, (margin, leave[1]), (margin, height), (way[0][0], height), *way[1:]], 12)
            start, end = self.shape(state, dx), self.shape(reader)
            edge = Edge(state, lag, reader)
            key = f"n{state}-lag{lag}-n{reader}-lane{k}"
            self.add(key, line, start, end, f"n{state}", f"n{reader}", [edge], back=lag, turn=(k, turns))

    def _free_lane(self, state: int, reader: int, turns: int) -> float:
        """The height nearest to the reader where so many horizontal lanes side by side meet nothing."""
        margin = 16 + (turns - 1) / 2 * _SKIP_PITCH
        spans = [(o.bottom, o.top) for o in self.routing.obstacles]
        for route in self.routing.routes:
            if abs(route.line[0][1] - route.line[-1][1]) < 2:
                ys = [y for _, y in route.line]
                spans.append((min(ys), max(ys)))
        spans += [(y, y) for y in [*self.placement.bus.values(), *self.lanes]]
        room = 30 + int(_SKIP_PITCH) * (len(self.lanes) + turns)

        def cost(y: int) -> tuple[float, int]:
            taken = sum(low - margin < y < high + margin for low, high in spans)
            return taken * 1000 + abs(y - self.at[reader][1]) + 0.6 * abs(y - self.at[state][1]), y

        return min(range(int(self.placement.bottom) - room, int(self.placement.top) + 24, 2), key=cost)

    def chips(self, role: int) -> None:
        """The short wires between a node and the chips of its weights."""
        x, y = self.at[role]
        for chip in self.boxes[role].chips:
            centre = (x + chip.x, y + chip.y)
            meets = (x, y) if self.boxes[role].round else (x + chip.meets[0], y + chip.meets[1])
            shape = Shape(*centre, chip.width, 17)
            tail, key = f"w{chip.weight}", f"{chip.weight}-n{role}"
            line = tuple(dense([centre, meets]))
            self.routing.routes.append(Route(key, line, shape, self.shape(role), tail, f"n{role}", weight=chip.weight))

    # ---- free ways ----

    def way_up(self, y: float, reader: int, wire: str, source: float, trunk: float = -math.inf) -> Line:
        """A free vertical way from height y up to the port of a wire, with one jog below the reader where needed.

        Ways away from `source`, where the wire comes from, count double: the wire has to go there and back. Only the
        straight one may run close beside the `trunk` of the wire.
        """
        top, jog = self.at[reader][1], self.bottom(reader) - _JOG
        port = self.at[reader][0] + self.ports[reader, "in", wire]
        left, right = self.placement.left + 8, self.placement.right - 6
        best: tuple[float, Line] | None = None
        for step in range(200):
            for x in (port,) if step == 0 else (port + 4 * step, port - 4 * step):
                if not left <= x <= right or (step and abs(x - trunk) < _BESIDE_A_TRUNK):
                    continue
                way = [(x, y), (x, top)] if x == port else [(x, y), (x, jog), (port, jog), (port, top)]
                away = max(0.0, abs(x - source) - abs(port - source))
                cost = abs(x - port) + away + (25 if step else 0) + 500 * self.ways.blocked(way, reader)
                if best is None or cost < best[0]:
                    cost += 200 * self.ways.crowded(way, y + 12)
                if best is None or cost < best[0]:
                    best = (cost, way)
            if best and best[0] < 4 * step:
                break
        way = best[1] if best else [(port, y), (port, top)]
        self.ways.note(dense(way))
        return way
