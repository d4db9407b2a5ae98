"""What stands around the steps: the strip of shares under each, the bar of the total loss, and the key at the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .canvas import BOLD, Canvas
from .colours import (
    CELL_EDGE,
    GREY,
    INK,
    OUTLINE,
    PALE,
    PANEL_EDGE,
    SEED,
    TEXT_GREY,
    WEIGHT,
    WEIGHT_EDGE,
    WEIGHT_TEXT,
    Scale,
    colour,
)
from .curves import straight
from .metrics import cell_number, scale_number, text_width
from .paint import Painter, head_length, paint_gradient
from .strips import CELL_HEIGHT, CELL_WIDTH

LEAST_WIDTH = 190.0
_MARGIN = 12.0
_COLUMN = 58.0  # where explanations begin
_BAR_CELLS = 28
_TABLE_WORDS = 74.0  # height of the table of contributions without its rows
_LEAST_ROW = 13.0


def paint_strips(painter: Painter) -> None:
    """Under each step one cell per weight: the norm of what this step adds to the weight's gradient."""
    graph, placement, strips = painter.graph, painter.placement, painter.layout.strips
    weights = graph.graph["weights"]
    for s, dx in painter.panels:
        middle = (placement.left + placement.right) / 2 + dx

        def share(k: int, s: int = s) -> float | None:
            value = graph.nodes[weights[k]]["shares"].get(s)
            return None if value is None else float(value)

        paint_table(painter, middle - strips.width / 2, share, f"@{s}", f"share of step {s + 1}", f"t{s}")


def paint_table(
    painter: Painter,
    x: float,
    value_of: Callable[[int], float | None],
    suffix: str,
    words: str,
    panel: str | None = None,
    bold: bool = False,
) -> None:
    """One table of cells, laid out like every other; `value_of` gives a weight's norm, None leaves its cell out."""
    canvas, strips, y = painter.canvas, painter.layout.strips, painter.strip_y
    graph = painter.graph
    for text, dx, dy, speaks_for in strips.heads:
        if any(value_of(k) is not None for k in speaks_for):
            canvas.text(text, (x + dx, y + dy), 10, WEIGHT_TEXT, panel=panel)
    for k, (dx, dy) in strips.cells.items():
        weight, value = graph.graph["weights"][k], value_of(k)
        if value is None:
            continue
        tooltip = f"∂L/∂{graph.nodes[weight]['label']}, {words}: ‖·‖ {value:.4g}"
        paint_cell(canvas, f"share-{weight}{suffix}", value, painter.scale, (x + dx, y + dy), tooltip, panel, bold)


def paint_cell(
    canvas: Canvas,
    name: str,
    value: float,
    scale: Scale,
    at: tuple[float, float],
    tooltip: str,
    panel: str | None = None,
    bold: bool = False,
    size: tuple[float, float] = (CELL_WIDTH, CELL_HEIGHT),
    number: bool = True,
) -> None:
    """A coloured cell with its norm; exactly zero is a white cell with a grey 0."""
    u = scale.position(value)
    style = {"style": "filled", "fontsize": "9.5"}
    if value == 0:
        style |= {"fillcolor": "white", "color": CELL_EDGE, "fontcolor": GREY, "penwidth": "0.6"}
    else:
        style |= {"fillcolor": colour(u), "penwidth": "0", "fontcolor": "white" if u > 0.33 else INK}
    if bold:
        style["fontname"] = BOLD
    text = cell_number(value) if number else ""
    canvas.box(name, text, at, size, "share", panel=panel, tooltip=tooltip, **style)


class Key:
    """The panel at the right: what colours and lines mean, who hears which loss, and the sums level with the strips."""

    def __init__(self, painter: Painter, left: float):
        self.painter, self.canvas, self.left = painter, painter.canvas, left
        self.width = max(painter.layout.strips.width + 20, LEAST_WIDTH)
        self.more = 0.0  # width of a second column, where the first has no room for the table
        self.y = painter.top - 22
        self.quiet = bool(painter.seeds)

    @property
    def right(self) -> float:
        """The right end of the panel."""
        return self.left + self.width + self.more

    def paint(self) -> None:
        """Draw the panel from top to bottom."""
        painter = self.painter
        if painter.backward:
            self._bar()
        else:
            self._write("no backward pass recorded", bold=True)
            self.y -= 18
            self._write("values only; no gradient yet")
            self.y -= 30
        self._lines()
        self._symbols()
        if painter.backward:
            self._table()
            self._sums()
        bottom = painter.bottom if painter.backward else self.y + 6
        style = {"color": PANEL_EDGE, "fillcolor": "white"}
        self.canvas.panel("key", self.left, bottom, self.right, painter.top, "", **style)

    def _write(
        self, text: str, dx: float = _MARGIN, ink: str = TEXT_GREY, size: float = 11, bold: bool = False
    ) -> None:
        ink = INK if bold else ink
        self.canvas.text(text, (self.left + dx, self.y), size, ink, side="l", bold=bold, panel="key")

    def _bar(self) -> None:
        scale, wide = self.painter.scale, self.width - 2 * _MARGIN
        self._write("‖gradient‖", bold=True, size=12.5)
        at = (self.left + self.width - _MARGIN, self.y)
        self.canvas.text("log scale", at, 11, GREY, side="r", panel="key")
        cell = wide / _BAR_CELLS
        for k in range(_BAR_CELLS):
            at = (self.left + _MARGIN + cell * (k + 0.5), self.y - 22)
            style = {"style": "filled", "penwidth": "0", "fillcolor": colour((k + 0.5) / _BAR_CELLS)}
            self.canvas.box(f"bar{k}", "", at, (cell - 0.8, 12.0), "bar", panel="key", **style)
        for share, side in ((0.0, "l"), (0.5, ""), (1.0, "r")):
            text = ("≤ " if share == 0 and scale.clamped else "") + scale_number(scale.between(share))
            at = (self.left + _MARGIN + share * wide, self.y - 38)
            self.canvas.text(text, at, 10, TEXT_GREY, side=side, panel="key")
        self.y -= 64

    def _lines(self) -> None:
        canvas, x = self.canvas, self.left
        for name in ("key-a", "key-b"):
            place = (x + (14 if name == "key-a" else 50), self.y)
            canvas.box(name, "", place, (1.0, 1.0), "anchor", panel="key", style="invis")
        ends, back = ("key-a", "key-b"), ("key-b", "key-a")
        canvas.wire("key-forward", ends, straight((x + 14, self.y), (x + 44, self.y)), (x + 50, self.y), "fwd key")
        self._write("value, forward", _COLUMN)
        self.y -= 20
        if not self.painter.backward:
            return
        u = 0.7
        base, tip = (x + 14 + head_length(u), self.y), (x + 14, self.y)
        paint_gradient(canvas, "key-gradient", back, straight((x + 50, self.y), base), base, tip, u, "bwd key")
        self._write("gradient, backward", _COLUMN, colour(u))
        self.y -= 20
        style = {"color": PALE, "penwidth": "1.2", "arrowsize": ".5", "style": "dotted"}
        shaft, tip = straight((x + 50, self.y), (x + 20, self.y)), (x + 14, self.y)
        canvas.wire("key-zero", back, shaft, tip, "bwd zero key", **style)
        self._write("exactly zero", _COLUMN)
        self.y -= 20

    def _symbols(self) -> None:
        canvas, graph = self.canvas, self.painter.graph
        if graph.graph["weights"]:
            self.y -= 14
            style = {"style": "filled", "color": WEIGHT_EDGE, "fillcolor": WEIGHT, "fontcolor": WEIGHT_TEXT}
            labels = [str(graph.nodes[key]["label"]) for key in graph.graph["weights"]]
            label = "W" if "W" in labels else labels[0] if len(labels[0]) < 5 else "W"
            at, size = (self.left + 32, self.y), (max(26.0, text_width(label, 11) + 10), 20.0)
            canvas.box("key-weight", label, at, size, "key", panel="key", fontsize="11", **style)
            self._two_lines("one tensor, redrawn", "in every step")
        if any(route.head.startswith("j") for route in self.painter.layout.routing.routes):
            style = {"style": "filled", "fillcolor": OUTLINE, "penwidth": "0"}
            at = (self.left + 32, self.y)
            canvas.box("key-dot", "", at, (6.0, 6.0), "key", shape="circle", panel="key", **style)
            if self.painter.backward:
                self._two_lines("wire splits; gradients", "that arrive add up")
            else:
                self._two_lines("wire splits", "")
        if self.quiet:
            key = next(iter(self.painter.seeds))
            paint_seed(canvas, "key-seed", (self.left + 32, self.y), "key")
            t = graph.nodes[key]["t"]
            self._two_lines(f"seed ∂ℓ/∂ℓ at t = {t}:", "this loss alone")

    def _two_lines(self, first: str, second: str) -> None:
        self.y += 7 if second else 0
        self._write(first, _COLUMN)
        self.y -= 14 if second else 0
        if second:
            self._write(second, _COLUMN)
        self.y -= 27 if second else 34

    # ---- who hears which loss ----

    def _table(self) -> None:
        """C[t, k]: how strongly loss t is heard at step k; in what room is left, or else in a column of its own."""
        table = self.painter.graph.graph["contributions"]
        if not table or len(self.painter.panels) < 2:
            return
        count, rows = len(self.painter.panels), sorted(table, reverse=True)
        room = self.y - (self.painter.strip_y + 56)
        wide = min(CELL_WIDTH + 2, (self.width - 2 * _MARGIN - 26) / count)
        high = min(26.0, wide, (room - _TABLE_WORDS) / len(rows))
        across = self.left
        if high < _LEAST_ROW:
            across, self.y = self.left + self.width, self.painter.top - 10
            room = self.y - self.painter.bottom - 10
            high = max(min(22.0, (room - _TABLE_WORDS) / len(rows)), 4.0)
            wide = CELL_WIDTH + 2 if count <= 6 else 22.0
            self.more = max(26 + wide * count, 160.0) + _MARGIN
        else:
            self.y -= max(0.0, (room - high * len(rows) - _TABLE_WORDS) * 0.4)
        numbers = wide >= 26 and high >= _LEAST_ROW
        self.y -= 12
        self.canvas.text("who hears which loss", (across + _MARGIN, self.y), 11, side="l", bold=True, panel="key")
        top, x0 = self.y - 16, across + _MARGIN + 26
        steps = self.painter.graph.graph["steps"]
        for i, s in enumerate(rows):
            y = top - high * (i + 0.5)
            label = self.painter.graph.nodes[self.painter.graph.graph["losses"][s]]["label"]
            if high >= 10 or i % 2 == 0:
                self.canvas.text(str(label), (x0 - 5, y), 10, TEXT_GREY, side="r", panel="key")
            for k, value in self._heard(table[s], s):
                tooltip = f"loss of step {s + 1}: ‖part of ∂{label}/∂θ added at step {k + 1}‖ {value:.4g}"
                at, size = (x0 + wide * (k + 0.5), y), (wide - 1.4, high - 1.4)
                name = f"heard{s}-{k}"
                paint_cell(self.canvas, name, value, self.painter.scale, at, tooltip, "key", size=size, number=numbers)
        every = 1 if wide >= 11 else 2
        low = top - high * len(rows) - 9
        for k in range(0, count, every):
            self.canvas.text(str(steps[k][1]), (x0 + wide * (k + 0.5), low), 10, TEXT_GREY, panel="key")
        at = (across + _MARGIN, low - 16)
        self.canvas.text("‖part of ∂ℓ/∂θ added at step k‖", at, 9.5, TEXT_GREY, side="l", panel="key")

    def _heard(self, row: dict[int, float], s: int) -> Iterator[tuple[int, float]]:
        for k in range(len(self.painter.panels)):
            if k <= s:
                yield k, float(row.get(k, 0.0))

    # ---- sums ----

    def _sums(self) -> None:
        graph, strips = self.painter.graph, self.painter.layout.strips
        weights = graph.graph["weights"]
        if not weights:
            return

        def total(k: int) -> float | None:
            value = graph.nodes[weights[k]]["adjoint_norm"]
            return None if value is None else float(value)

        x = self.left + (self.width - strips.width) / 2
        paint_table(self.painter, x, total, "-sum", "summed over the steps", "key", bold=True)
        middle, loss = self.left + self.width / 2, "ℓ" if self.quiet else "L"
        y = self.painter.strip_y
        self.canvas.text(f"‖ ∂{loss}/∂θ ‖, summed over t", (middle, y + 20), 11, bold=True, panel="key")
        self.canvas.text("strips: each step's share", (middle, y + 38), 10.5, TEXT_GREY, panel="key")


def paint_seed(canvas: Canvas, name: str, at: tuple[float, float], panel: str | None = None, text: str = "1") -> None:
    """The dark dot where a gradient begins."""
    style = {"style": "filled", "fillcolor": SEED, "color": SEED, "fontcolor": "white", "fontsize": "11"}
    words = "the seed: ∂ℓ/∂ℓ = 1"
    canvas.box(name, text, at, (18.0, 18.0), "seed", shape="circle", panel=panel, tooltip=words, **style)
