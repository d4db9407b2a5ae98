"""Paint every step of a picture: the layout of one step, repeated over time, with each step's own numbers and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import networkx as nx

from ..layout.curves import Line, Point, Shape, dense, joined, rounded
from ..layout.metrics import shorten, text_width
from ..layout.place import PANEL_GAP
from ..layout.routing import JUNCTION, Route
from ..layout.search import Layout
from ..reading.fold import KEY, Fold
from ..reading.template import Edge, kept_edge
from .border import Border, PaintedRibbon, fold_width
from .canvas import Canvas
from .chips import paint_chips
from .colours import OUTLINE, PANEL, PANEL_EDGE, Scale
from .flows import together
from .nodes import paint_node
from .scopes import framed, paint_frames
from .wires import Wires

_INITIAL = 34.0


class Painter:
    """Paints the steps of one graph on a canvas; `panels` holds (step, shift to the right).

    There are at least `least_room` points between the top of the panels and the strips, for which room is left if
    `strips` is true.
    """

    def __init__(
        self, graph: nx.MultiDiGraph, layout: Layout, scale: Scale, least_room: float = 0.0, strips: bool = True
    ):
        self.graph, self.layout, self.scale = graph, layout, scale
        self.canvas = Canvas()
        self.ribbons: list[PaintedRibbon] = []
        self.wires = Wires(self.canvas, layout, scale)
        self.placement, self.boxes = layout.placement, layout.boxes
        self.backward: bool = graph.graph["backward"]
        self.seeds: Mapping[str, float] = graph.graph["seeds"]
        self.fold: Fold | None = graph.graph.get("fold")
        fold_wide = fold_width(self.fold, layout, str(graph.nodes[KEY]["label"])) if self.fold else 0.0
        self.shift = _shifts(len(graph.graph["steps"]), layout.pitch, self.fold, fold_wide)  # of each drawn step
        self.panels = list(self.shift.items())
        self.frames = framed(layout)
        heights = [y for wire in layout.routing.routes for _, y in wire.line]
        heights += [y for frame, *_ in self.frames.frames for y in (frame.bottom, frame.top)]
        self.top = max([self.placement.top, *heights]) + 30
        self.strip_y = min([self.placement.bottom, *(y - 4 for y in heights)]) - 28
        lacking = max(0.0, least_room - (self.top - self.strip_y))  # the key must fit beside a low step
        self.top, self.strip_y = self.top + lacking / 2, self.strip_y - lacking / 2
        self.strips = strips and self.backward
        self.bottom = self.strip_y - (layout.strips.height + 12 if self.strips else -10)
        gap, ends = layout.pitch - self._panel_width, [self.placement.right + dx for dx in self.shift.values()]
        self.border: Border | None = None
        if self.fold:
            left, label = self.placement.left + self.fold.start * layout.pitch, str(graph.nodes[KEY]["label"])
            self.border = Border.of(self.fold, layout, label, left, self.top)
            ends.append(self.border.right)
        self.gap, self.right = gap, max(ends)
        self.initial_at = self._initial_places()

    @property
    def _panel_width(self) -> float:
        return self.placement.right - self.placement.left

    @property
    def left(self) -> float:
        """The left end of everything drawn."""
        aside = 14 if self.layout.structure.skips or self.layout.routing.memories else 0
        return min([self.placement.left, *(x - _INITIAL / 2 - aside for x, _ in self.initial_at.values())])

    def paint(self) -> None:
        """Panels, initial states, then every step."""
        for s, dx in self.panels:
            loop, t = self.graph.graph["steps"][s]
            label = f"t = {t}" if loop == "time" else f"{shorten(str(loop), 20)} {t}"
            left, right = self.placement.left + dx, self.placement.right + dx
            style = {"color": PANEL_EDGE, "fillcolor": PANEL}
            self.canvas.panel(f"t{s}", left, self.bottom, right, self.top, label, **style)
        for (role, s), at in self.initial_at.items():
            self._initial(role, s, at)
        for s, dx in self.panels:
            self._step(s, dx)

    # ---- one step ----

    def _step(self, s: int, dx: float) -> None:
        present = frozenset(role for role in self.layout.structure.roles if self._has(role, s))
        paint_frames(self.canvas, self.frames, present, s, dx)
        for role in self.layout.structure.roles:
            if self._has(role, s):
                self._node(role, s, dx)
        pairs = {route.key: pairs for route in self.layout.routing.routes if (pairs := self._pairs(route, s))}
        routes = without_idle_junctions([route for route in self.layout.routing.routes if route.key in pairs])
        for route in routes:
            self._wire(route, s, dx, pairs.get(route.key) or self._pairs(route, s))
        splits = {route.tail for route in routes}
        for name, (x, y) in self.layout.routing.junctions.items():
            if f"j{name}" in splits:
                style = {"style": "filled", "fillcolor": OUTLINE, "penwidth": "0"}
                at, size = (x + dx, y), (JUNCTION, JUNCTION)
                self.canvas.box(f"{name}@{s}", "", at, size, "junction", shape="circle", **style)

    def _has(self, role: int, s: int) -> bool:
        return f"n{role}@{s}" in self.graph

    def _node(self, role: int, s: int, dx: float) -> None:
        key, box = f"n{role}@{s}", self.boxes[role]
        x, y = self.placement.at[role]
        node = self.graph.nodes[key]
        before = self.canvas.count()
        self.canvas.faded = node.get("faded", False)
        paint_node(self.canvas, key, node, (x + dx, y), box, f"t{s}")
        self.canvas.claim(before, ("node", key))
        self.canvas.faded = False
        sources = {chip.weight: self._chip_source(chip.weight, role, s) for chip in box.chips}
        paint_chips(self.canvas, self.graph, box, key, (x + dx, y), sources)

    def _chip_source(self, chip: str, role: int, s: int) -> str:
        """The node of the graph that a chip beside a node stands for."""
        edge = kept_edge(chip, role)
        return self._state(edge, s) if edge else chip

    def layout_hits(self, line: Line, role: int) -> bool:
        """Whether a line, in the coordinates of the first step, runs over any node or chip other than its own."""
        obstacles = self.layout.routing.obstacles
        kinds = self.layout.structure.template.kinds
        kind = next(n for n, roles in enumerate(kinds) if role in roles)
        return any(o.holds(point, 4) for o in obstacles if o.kind == kind and o.role != role for point in line)

    # ---- wires ----

    def _wire(self, wire: Route, s: int, dx: float, pairs: list[tuple[str, str]]) -> None:
        """Draw one wire of a step, which stands for some edges of the graph."""
        flows = together(self._data(wire, pairs))
        source = pairs[0][0]
        if wire.back and source == KEY and self.border:
            wire = self.border.leaving(wire, dx, str(s))
        elif wire.back and self.fold and source[0] == "n":
            wire = self._stretched(wire, s, dx)
        if wire.back and source.startswith("i"):
            wire = self.from_initial(wire, self.initial_at[self.graph.nodes[source]["role"], s - wire.back], s, dx)
        ends = (self._end(wire.tail, source, wire, s), self._end(wire.head, pairs[0][1], wire, s))
        self.wires.draw(wire, ends, f"{wire.key}@{s}", dx, flows, pairs)

    def _pairs(self, wire: Route, s: int) -> list[tuple[str, str]]:
        """The edges of the graph that this wire stands for in step s; none where nothing passes along it."""
        if wire.turn and s % wire.turn[1] != wire.turn[0]:
            return []
        if wire.weight is not None:
            pairs = [(self._chip_source(wire.weight, int(wire.head[1:]), s), f"{wire.head}@{s}")]
        else:
            pairs = [(self._state(edge, s), f"n{edge.target}@{s}") for edge in wire.edges]
        there = [(u, v) for u, v in pairs if self.graph.has_edge(u, v)]
        return [pair for pair in there if self._data(wire, [pair])] if self.fold else there

    def _data(self, wire: Route, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """What is known of some edges; out of the fold come several to one node, of different states."""
        if self.fold is None:
            return [data for u, v in dict.fromkeys(pairs) for data in self.graph[u][v].values()]
        wanted = {(edge.source, edge.lag, edge.target) for edge in wire.edges}
        found = []
        for u, v in dict.fromkeys(pairs):
            for data in self.graph.get_edge_data(u, v).values():
                if u != KEY or (data["source"], data["lag"], data["target"]) in wanted:
                    found.append(data)
        return found

    def _state(self, edge: Edge, s: int) -> str:
        made = s - edge.lag
        if self.fold and made in self.fold:
            return KEY
        key = f"n{edge.source}@{made}"
        return key if key in self.graph else f"i{edge.source}@{made}"

    def _stretched(self, wire: Route, s: int, dx: float) -> Route:
        """A wire between two drawn steps with the fold between them: it runs past all of it."""
        extra = self.shift.get(s - wire.back, dx - self.layout.pitch * wire.back) - (dx - self.layout.pitch * wire.back)
        if abs(extra) < 0.01:
            return wire
        border = -self.layout.pitch * wire.back + (self.placement.right if wire.back > 0 else self.placement.left)
        way = 1 if wire.back > 0 else -1
        line = [(x + extra if way * (x - border) < self.gap / 2 else x, y) for x, y in wire.line]
        return replace(wire, key=f"{wire.key}-past-fold{s}", line=tuple(dense(line)), start=wire.start.moved(extra))

    def _end(self, end: str, key: str, wire: Route, s: int) -> str:
        """The DOT name of one end of a wire."""
        if end.startswith("j"):
            return f"{end[1:]}@{s}"
        return f"{wire.weight}-{wire.head}@{s}" if end.startswith("w") else key

    def shape_of(self, key: str) -> Shape:
        """The outline of a drawn node where it stands; of the fold, the box of its losses."""
        if key == KEY and self.border:
            return self.border.loss
        node = self.graph.nodes[key]
        x, y = self.placement.at[node["role"]]
        return self.boxes[node["role"]].shape((x + self.shift[node["step"]], y))

    def from_initial(self, wire: Route, at: Point, s: int, dx: float) -> Route:
        """The same wire, beginning at an initial state left of the first panel."""
        x, y = at[0] - dx, at[1]
        start = self.initial_shape((x, y))
        if wire.turn:
            lane = wire.line[len(wire.line) // 2][1]
            side = self.beside_initial(at, lane) - dx
            rest = [point for point in wire.line if point[0] >= self.placement.left - 4]
            line = [*joined(rounded([(x, y), (side, y), (side, lane), rest[0]], 14), rest)]
        else:
            rest = [point for point in wire.line if point[0] >= self.placement.left - 4]
            line = [*dense([(x, y), rest[0]]), *rest[1:]]
            if abs(y - rest[0][1]) > 0.5:
                side = x + _INITIAL / 2 + 10
                line = joined(rounded([(x, y), (side, y), (side, rest[0][1]), rest[0]], 10), rest, 2)
        return replace(wire, key=f"{wire.key}-from{s - wire.back}", line=tuple(line), start=start)

    # ---- initial states ----

    def _initial_places(self) -> dict[tuple[int, int], Point]:
        """Left of the first panel, at the height where the state enters; each earlier step further left."""
        states = [(node["role"], node["step"]) for key, node in self.graph.nodes(data=True) if key.startswith("i")]
        places: dict[tuple[int, int], Point] = {}
        height = self.placement.at
        for s in sorted({s for _, s in states}, reverse=True):
            x = self.placement.left - 30 + 64 * (s + 1)
            group = sorted((role for role, when in states if when == s), key=lambda role: height[role][1])
            levels = _spread([height[role][1] for role in group], _INITIAL + 8)
            if any(y != height[role][1] for role, y in zip(group, levels, strict=True)):
                x -= 18  # room for the ways from there to the lines of these states
            places |= {(role, s): (x, y) for role, y in zip(group, levels, strict=True)}
        return places

    def beside_initial(self, at: Point, lane: float) -> float:
        """Where a wire from an initial state goes to its lane: straight, or left of initial states on that way."""
        x, y = at
        low, high = min(y, lane) - 20, max(y, lane) + 20
        below = [v for u, v in self.initial_at.values() if u == x and v != y and low < v < high]
        return x - _INITIAL / 2 - 10 if below else x

    def initial_shape(self, at: Point) -> Shape:
        """The outline of an initial state."""
        return Shape(at[0], at[1], _INITIAL, _INITIAL, True)

    def _initial(self, role: int, s: int, at: Point) -> None:
        key = f"i{role}@{s}"
        node = self.graph.nodes[key]
        label = shorten(str(node["label"]), 8)
        size = min(13.0, 13 * 28 / max(text_width(label, 13), 1))
        style = {"fontsize": f"{size:.3g}", "tooltip": str(node.get("tooltip", ""))}
        self.canvas.stands_for[key] = (("node", key),)
        self.canvas.faded = node.get("faded", False)
        self.canvas.box(key, label, at, (_INITIAL, _INITIAL), "initial", shape="circle", **style)
        self.canvas.faded = False


def _spread(levels: list[float], gap: float) -> list[float]:
    """Ascending heights, moved as little as needed to be at least so far apart."""
    out = list(levels)
    for _ in range(20):
        for k in range(1, len(out)):
            lacking = gap - (out[k] - out[k - 1])
            if lacking > 0.01:
                out[k - 1], out[k] = out[k - 1] - lacking / 2, out[k] + lacking / 2
    return out


def without_idle_junctions(routes: list[Route]) -> list[Route]:
    """The routes with those joined that meet at a dot where, in this step, nothing splits."""
    routes = list(routes)
    for name in dict.fromkeys(route.head for route in routes if route.head.startswith("j")):
        entering, leaving = [r for r in routes if r.head == name], [r for r in routes if r.tail == name]
        if len(entering) == 1 and len(leaving) == 1:
            first, second = entering[0], leaving[0]
            line = tuple(joined(first.line, second.line))
            whole = replace(first, key=f"{first.key}+{second.key}", line=line, end=second.end, head=second.head)
            routes[routes.index(first)] = replace(whole, edges=second.edges)
            routes.remove(second)
    return routes


def _shifts(count: int, pitch: float, fold: Fold | None, wide: float) -> dict[int, float]:
    """How far right of the first step each drawn step stands."""
    if fold is None:
        return {s: pitch * s for s in range(count)}
    after = wide + PANEL_GAP - pitch * len(fold)
    return {s: pitch * s + (0.0 if s < fold.start else after) for s in range(count) if s not in fold}
