"""The total loss as a bar over all steps, so that every loss goes straight up; the seed of a loss followed alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ..layout.boxes import chip_width
from ..layout.curves import Line, Shape, dense, moved, rounded, straight
from ..layout.metrics import loss_number, text_width
from ..layout.routing import Route
from ..layout.ways import Ways
from ..reading.fold import KEY
from ..reading.words import symbol
from .chips import paint_chip
from .colours import GREY, INK, LOSS, LOSS_EDGE, PAGE, PALE
from .flows import flows_of, together
from .key import paint_seed
from .lanes import head_length, paint_gradient
from .steps import Painter

_HIGH = 28.0
_ABOVE = 34.0
_REGULARISERS = 40.0  # above the middle of the bar
_LEAST_WIDTH = 210.0


class Total:
    """Paints the bar of the total loss above the panels and everything that ends there."""

    def __init__(self, painter: Painter):
        self.painter, self.graph, self.canvas = painter, painter.graph, painter.canvas
        self.y = painter.top + _ABOVE
        self.row: int | None = self.graph.graph["followed"] if "L" in painter.seeds else None  # a loss in the bar
        self.quiet = bool(painter.seeds) and self.row is None  # one step's loss is followed: the total takes no part
        self.sources: dict[str, list[dict[str, Any]]] = {}
        for u, _, data in self.graph.in_edges("L", data=True) if "L" in self.graph else ():
            self.sources.setdefault(u, []).append(data)
        self._up: dict[tuple[int, bool], Line] = {}
        self.ways = {u: way for u in self.sources if u[0] != "w" for way in [self._way(u)] if way[0]}
        xs = [way[-1][0] + dx for way, dx in self.ways.values()] or [(painter.placement.left + painter.right) / 2]
        self.left, self.right = min(xs) - 44, max(xs) + 44
        text = text_width(self._words + self._rest, 14) + text_width(self._value, 14, bold=True) + 48
        wide = max(_LEAST_WIDTH, text)
        if self.right - self.left < wide:
            middle = (self.left + self.right) / 2
            self.left, self.right = middle - wide / 2, middle + wide / 2

    @property
    def regularisers(self) -> list[str]:
        """Keys of the weights that the total itself reads."""
        return [source for source in self.sources if source.startswith("w")]

    @property
    def top(self) -> float:
        """The upper end of what is painted here."""
        return self.y + (_REGULARISERS + 9 if self.regularisers or self.row is not None else _HIGH / 2)

    @property
    def _words(self) -> str:
        if "L" not in self.graph:
            return ""
        if self.row is not None:
            return f"{symbol('ℓ', self.graph.graph['steps'][self.row][1])} ="
        words = self.graph.nodes["L"]["text"]
        return f"L = {words} =" if words else "L ="

    @property
    def _value(self) -> str:
        if "L" not in self.graph:
            return ""
        value = self.graph.nodes["L"]["value"] if self.row is None else self.graph.graph["joint"][self.row]
        return loss_number(float(value), 3)

    @property
    def _rest(self) -> str:
        """What stands behind the loss that is followed alone, where it stands in the bar."""
        if self.row is None:
            return ""
        node = self.graph.nodes["L"]
        words = f" = {node['text']}" if node["text"] else ""
        return f"alone, of L{words} = {loss_number(float(node['value']), 3)}"

    def paint(self) -> None:
        """The bar, the wires into it, and the seed."""
        if "L" not in self.graph:
            return
        middle, wide = (self.left + self.right) / 2, self.right - self.left
        fill, edge = (PAGE, PALE) if self.quiet else (LOSS, LOSS_EDGE)
        style = {"fillcolor": fill, "color": edge, "penwidth": "1.2" if self.quiet else "2"}
        tooltip = str(self.graph.nodes["L"]["tooltip"])
        before = self.canvas.count()
        self.canvas.box("L", "", (middle, self.y), (wide, _HIGH), "total", tooltip=tooltip, **style)
        ink = GREY if self.quiet else INK
        first, second = text_width(self._words, 14), text_width(self._value, 14, bold=not self.quiet)
        third = text_width(self._rest, 14) + 8 if self._rest else 0.0
        split = middle + (first - second - third) / 2
        self.canvas.text(self._words, (split - 2, self.y), 14, ink, side="r")
        self.canvas.text(self._value, (split + 2, self.y), 14, ink, side="l", bold=not self.quiet)
        if self._rest:
            self.canvas.text(self._rest, (split + 2 + second + 8, self.y), 14, GREY, side="l")
        self.canvas.claim(before, ("node", "L"))
        for source in self.ways:
            self._wire(source, self.sources[source])
        self._regularisers()
        for key in self.painter.seeds:
            self._seed(key)

    def _way(self, source: str) -> tuple[Line, float]:
        """From a node up to the bar: how it runs in the first step, and how far right its own step stands."""
        node, painter = self.graph.nodes[source], self.painter
        if source == KEY:
            box = painter.shape_of(source)
            return dense([(box.x, box.y), (box.x, self.y)]), 0.0
        if not source.startswith("n"):
            return [], 0.0
        place = node["role"], source in painter.seeds
        if place not in self._up:
            self._up[place] = self._way_up(*place)
        return self._up[place], painter.shift[node["step"]]

    def _way_up(self, role: int, seeded: bool) -> Line:
        """Straight up, or along the panel's right side where something stands above."""
        painter = self.painter
        x, y = painter.placement.at[role]
        half = painter.boxes[role].width / 2
        if seeded:
            x -= min(16.0, half - 8)
        for move in (0.0, half - 9, 9 - half):
            up = dense([(x + move, y), (x + move, self.y)])
            if not painter.layout_hits(up, role):
                return up
        level = y + painter.boxes[role].height / 2 + 13
        left, right = painter.placement.left + 62, painter.placement.right - 9  # clear of "t = 12"
        columns = sorted((left + 6 * k for k in range(int((right - left) / 6))), key=lambda c: abs(c - x))
        ways = [[(x, y), (x, level), (column, level), (column, self.y)] for column in columns]
        free = [way for way in ways if not self._around.blocked(way, role)]
        if free:
            return rounded(min(free, key=lambda way: self._around.crowded(way, level)), 10)
        side = painter.placement.right - 7
        return rounded([(x, y), (side, y), (side, self.y)], 12)

    @cached_property
    def _around(self) -> Ways:
        """What stands in a step, and its wires: those that arrive from other steps on both sides of the border."""
        routing, pitch = self.painter.layout.routing, self.painter.layout.pitch
        wires = [wire for wire in routing.routes if wire.weight is None]
        return Ways(routing.obstacles, [moved(wire.line, dx) for wire in wires for dx in {0.0, pitch * wire.back}])

    def _wire(self, source: str, several: list[dict[str, Any]]) -> None:
        painter, (way, dx) = self.painter, self.ways[source]
        start = painter.shape_of(source).moved(-dx)
        bar = Shape((self.left + self.right) / 2 - dx, self.y, self.right - self.left, _HIGH)
        key = f"{self.graph.nodes[source].get('role', KEY)}-L-{source in painter.seeds}"  # as for every other step
        wire = Route(key, tuple(way), start, bar, source, "L")
        painter.wires.draw(wire, (source, "L"), f"{source}-L", dx, together(several), [(source, "L")])

    def _regularisers(self) -> None:
        """Weights that the total reads outside the steps: chips above the bar."""
        bar = Shape((self.left + self.right) / 2, self.y, self.right - self.left, _HIGH)
        x, y = self.left + 12, self.y + _REGULARISERS
        for weight in self.regularisers:
            node, name = self.graph.nodes[weight], f"{weight}-L"
            wide = chip_width(str(node["label"]))
            x += wide / 2
            share = node["shares"].get(-1)
            words = "" if share is None else f"\noutside the steps: ‖·‖ {share:.4g}"
            self.canvas.stands_for[name] = (("node", weight),)
            paint_chip(self.canvas, name, node, (x, y), str(node["tooltip"]) + words)
            chip = Shape(x, y, wide, 17)
            way = tuple(dense([(x, y), (x, self.y)]))
            x += wide / 2 + 10
            flows = flows_of(self.sources[weight][0])
            wire = Route(name, way, chip, bar, name, "L", weight=weight)
            self.painter.wires.draw(wire, (name, "L"), name, 0.0, flows, [(weight, "L")])

    def _seed(self, key: str) -> None:
        painter = self.painter
        if not (key.startswith("n") or key in (KEY, "L")):
            return
        box = Shape(self.right - 36, self.y, 0, _HIGH) if key == "L" else painter.shape_of(key)
        name = f"seed-{key}"
        if side := self._seed_beside(key):  # a recorded backward pass stands above
            edge = box.x + side * box.width / 2
            seed, tip = (edge + side * 37, box.y), (edge + side * 0.5, box.y)
            start, base = (seed[0] - side * 9, box.y), (tip[0] + side * head_length(1.0), box.y)
        else:
            x = box.x + 10
            seed = x, self.y + _REGULARISERS if key == "L" else painter.top + 3
            tip = (x, box.y + box.height / 2 + 0.5)
            start, base = (x, seed[1] - 9), (x, tip[1] + head_length(1.0))
        paint_seed(self.canvas, name, seed)
        paint_gradient(self.canvas, name, (name, key), straight(start, base), base, tip, 1.0, "bwd seed")

    def _seed_beside(self, key: str) -> int:
        """On which side of a node its seed stands, 1 right or −1 left; 0 where the way down to it is free."""
        painter, node = self.painter, self.graph.nodes[key]
        if not key.startswith("n"):
            return 0
        x, y = painter.placement.at[node["role"]]
        if not painter.layout_hits(dense([(x + 10, y), (x + 10, painter.top)]), node["role"]):
            return 0
        reach = painter.boxes[node["role"]].width / 2 + 46
        ways = {side: dense([(x, y), (x + side * reach, y)]) for side in (1, -1)}
        return next((side for side, way in ways.items() if not painter.layout_hits(way, node["role"])), 1)
