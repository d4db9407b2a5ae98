"""The key at the right: what colours and lines mean, tables by step, and the sums level with the strips."""

from __future__ import annotations

import networkx as nx

from ..layout.curves import straight
from ..layout.metrics import scale_number, shorten, text_width
from ..layout.search import Layout
from ..reading.fold import KEY
from ..reading.naming import followed_words, step_words
from .canvas import Canvas
from .cells import paint_table
from .chips import paint_kept
from .colours import (
    ADJOINT,
    GREY,
    INK,
    OUTLINE,
    PAGE,
    PANEL_EDGE,
    SEED,
    SEED_TEXT,
    TEXT_GREY,
    WEIGHT,
    WEIGHT_EDGE,
    WEIGHT_TEXT,
    colour,
    line_colour,
)
from .lanes import CUT, ZERO, head_length, paint_gradient, paint_scissors
from .routes import Routes
from .steps import Painter
from .tables import Tables

LEAST_WIDTH = 190.0
_MARGIN = 12.0
_COLUMN = 58.0  # where explanations begin
_BAR_CELLS = 28
_SUMS = 68.0  # height of what stands above the sums
_EMPTY = 60.0  # more room than this between the symbols and the sums, and each has a panel of its own


def is_cut(graph: nx.MultiDiGraph) -> bool:
    """Whether the sweep left out some wires."""
    fold = graph.graph.get("fold")
    inside = bool(fold) and any(ribbon.cut for ribbon in fold.ribbons)
    return inside or any(data["cut"] for _, _, data in graph.edges(data=True))


def least_room(graph: nx.MultiDiGraph, layout: Layout) -> float:
    """Height that the key needs above the sums, its tables left out."""
    if not graph.graph["backward"]:
        return 0.0
    splits = any(route.head.startswith("j") for route in layout.routing.routes)
    symbols = bool(graph.graph["weights"]) + splits + bool(graph.graph["seeds"]) + bool(graph.graph["recorded"])
    symbols += any(box.has_chips("k") for box in layout.boxes.values())
    return 250.0 + 20 * is_cut(graph) + 34 * (symbols + bool(graph.graph.get("fold")))


class Key:
    """The panel at the right: what colours and lines mean, who hears which loss, and the sums level with the strips."""

    def __init__(self, painter: Painter, left: float):
        self.painter, self.canvas, self.left = painter, painter.canvas, left
        self.width = max(painter.layout.strips.width + 20, LEAST_WIDTH)
        self.more = 0.0  # width of a second column, where the first has no room for the table
        self.y = painter.top - 22
        self.quiet = bool(painter.seeds)
        self.floor = painter.bottom  # the lower end of the panel
        self.sums_y = painter.strip_y  # level with the strips
        self.filled = False  # is there a table between the symbols and the sums
        self.tables = Tables(painter) if painter.backward and "path" not in painter.graph.graph else None
        self.exceeds = self.tables is not None and self.tables.largest > 1.005 * painter.scale.high

    @property
    def shows(self) -> str:
        """What the picture shows: "both", "value" or "gradient"."""
        return str(self.painter.graph.graph.get("show", "both"))

    @property
    def right(self) -> float:
        """The right end of the panel."""
        return self.left + self.width + self.more

    def paint(self) -> None:
        """Draw the panel from top to bottom."""
        painter = self.painter
        self._scale()
        self._lines()
        self._symbols()
        if painter.backward:
            self._tables()
            self._sums()
        bottom = self.floor = painter.bottom if painter.backward else self.y + 6
        style = {"color": PANEL_EDGE, "fillcolor": PAGE}
        above = self.sums_y + _SUMS
        if painter.backward and not self.filled and painter.graph.graph["weights"] and self.y + 10 - above > _EMPTY:
            self.canvas.panel("sums", self.left, bottom, self.right, above, "", **style)
            self.canvas.box("sums", "", (self.left + 2, bottom + 2), (0.1, 0.1), "anchor", panel="sums", style="invis")
            bottom = self.y + 10
        self.canvas.panel("key", self.left, bottom, self.right, painter.top, "", **style)

    def _write(
        self, text: str, dx: float = _MARGIN, ink: str = TEXT_GREY, size: float = 11, bold: bool = False
    ) -> None:
        ink = INK if bold else ink
        self.canvas.text(text, (self.left + dx, self.y), size, ink, side="l", bold=bold, panel="key")

    def _scale(self) -> None:
        """What colours and widths mean, or that there is no gradient."""
        if self.painter.backward or self.shows == "value":
            self._bar()
            return
        self._write("no backward pass recorded", bold=True)
        self.y -= 18
        self._write("values only; no gradient yet")
        self.y -= 30

    def _bar(self) -> None:
        scale, wide = self.painter.scale, self.width - 2 * _MARGIN
        self._write("‖value‖" if self.shows == "value" else "‖gradient‖", bold=True, size=12.5)
        at = (self.left + self.width - _MARGIN, self.y)
        self.canvas.text("log scale", at, 11, GREY, side="r", panel="key")
        cell = wide / _BAR_CELLS
        for k in range(_BAR_CELLS):
            x, u = self.left + _MARGIN + cell * (k + 0.5), (k + 0.5) / _BAR_CELLS
            parts = (("cell", colour(u), -20.0, 9.0), ("line", line_colour(u), -27.0, 1.2 + 3.2 * u))
            for part, hue, dy, high in parts:  # how strips look, and below it how wires look
                style = {"style": "filled", "penwidth": "0", "fillcolor": hue}
                size = (cell - (0.8 if part == "cell" else 0.0), high)
                self.canvas.box(f"bar-{part}{k}", "", (x, self.y + dy), size, "bar", panel="key", **style)
        for share, side in ((0.0, "l"), (0.5, ""), (1.0, "r")):
            beyond = "≤ " if share == 0 and scale.clamped else "≥ " if share == 1 and self.exceeds else ""
            text = beyond + scale_number(scale.between(share))
            at = (self.left + _MARGIN + share * wide, self.y - 40)
            self.canvas.text(text, at, 10, TEXT_GREY, side=side, panel="key")
        self.y -= 64

    def _lines(self) -> None:
        canvas, x = self.canvas, self.left
        for name in ("key-a", "key-b"):
            place = (x + (14 if name == "key-a" else 50), self.y)
            canvas.box(name, "", place, (1.0, 1.0), "anchor", panel="key", style="invis")
        ends, back = ("key-a", "key-b"), ("key-b", "key-a")
        if self.shows == "value":
            self._value_sample(ends)
        elif self.shows == "both" or not self.painter.backward:
            canvas.wire("key-forward", ends, straight((x + 14, self.y), (x + 44, self.y)), (x + 50, self.y), "fwd key")
            self._write("value, forward", _COLUMN)
            self.y -= 20
        if not self.painter.backward:
            return
        u = 0.7
        base, tip = (x + 14 + head_length(u), self.y), (x + 14, self.y)
        paint_gradient(canvas, "key-gradient", back, straight((x + 50, self.y), base), base, tip, u, "bwd key")
        self._write("gradient, backward", _COLUMN, line_colour(u))
        self.y -= 20
        samples = [] if "path" in self.painter.graph.graph else [("zero", "exactly zero: no way, or", ZERO)]
        if is_cut(self.painter.graph):
            samples.append(("cut", "cut: nothing passes", CUT))
        for name, words, style in samples:
            shaft, tip = straight((x + 50, self.y), (x + 20, self.y)), (x + 14, self.y)
            canvas.wire(f"key-{name}", back, shaft, tip, f"bwd {name} key", **style)
            if name == "cut":
                paint_scissors(canvas, "key", back, (x + 34, self.y))
            self._write(words, _COLUMN)
            self.y -= 20
            if name == "zero":
                self.y += 6
                self._write("a factor that is zero", _COLUMN)
                self.y -= 20

    def _value_sample(self, ends: tuple[str, str]) -> None:
        x, u = self.left, 0.7
        base, tip = (x + 50 - head_length(u), self.y), (x + 50, self.y)
        line = straight((x + 14, self.y), base)
        paint_gradient(self.canvas, "key-forward", ends, line, base, tip, u, "fwd key", lane="fwd")
        self._write("value, forward", _COLUMN, line_colour(u))
        self.y -= 20

    def _symbols(self) -> None:
        canvas, graph = self.canvas, self.painter.graph
        if any(box.has_chips("w") for box in self.painter.boxes.values()):
            self.y -= 14
            style = {"style": "filled", "color": WEIGHT_EDGE, "fillcolor": WEIGHT, "fontcolor": WEIGHT_TEXT}
            labels = [str(graph.nodes[key]["label"]) for key in graph.graph["weights"]]
            label = "W" if "W" in labels else labels[0] if len(labels[0]) < 5 else "W"
            at, size = (self.left + 32, self.y), (max(26.0, text_width(label, 11) + 10), 20.0)
            canvas.box("key-weight", label, at, size, "key", panel="key", fontsize="11", **style)
            self._two_lines("one tensor, redrawn", "in every step")
        if graph.graph["recorded"]:
            at, style = (self.left + 32, self.y), {"fillcolor": ADJOINT, "fontsize": "11"}
            canvas.box("key-adjoint", "δ", at, (30.0, 20.0), "key", panel="key", **style)
            self._two_lines("recorded backward", "pass: h̄ is ∂L/∂h")
            if any(box.has_chips("k") for box in self.painter.boxes.values()):
                paint_kept(canvas, "key-kept", "h", (self.left + 32, self.y), panel="key")
                self._two_lines("a value kept from the", "forward pass")
        if any(route.head.startswith("j") for route in self.painter.layout.routing.routes):
            style = {"style": "filled", "fillcolor": OUTLINE, "penwidth": "0"}
            at = (self.left + 32, self.y)
            canvas.box("key-dot", "", at, (6.0, 6.0), "key", shape="circle", panel="key", **style)
            if self.painter.backward:
                self._two_lines("wire splits; gradients", "that arrive add up")
            else:
                self._two_lines("wire splits", "")
        if self.painter.fold and self.painter.backward:
            for n in range(9):
                u, wide = n / 8, 4.0
                style = {"style": "filled", "penwidth": "0", "fillcolor": line_colour(u)}
                at = (self.left + 16 + wide * n, self.y + 4 - (2 + 8 * u) / 2)
                canvas.box(f"key-ribbon{n}", "", at, (wide, 2 + 8 * u), "bar", panel="key", **style)
            self._two_lines("folded steps: the", "gradient on one carry")
        if self.quiet:
            key = next(iter(self.painter.seeds))
            paint_seed(canvas, "key-seed", (self.left + 32, self.y), "key")
            s, steps = graph.nodes[key].get("step") if key != KEY else None, graph.graph["steps"]
            s = graph.graph["followed"] if key == "L" else s
            where = followed_words(graph.graph["at"]) if s is None else shorten(step_words(steps, s, "t = "), 16)
            self._two_lines(f"seed ∂ℓ/∂ℓ at {where}:", "this loss alone")

    def _two_lines(self, first: str, second: str) -> None:
        self.y += 7 if second else 0
        self._write(first, _COLUMN)
        self.y -= 14 if second else 0
        if second:
            self._write(second, _COLUMN)
        self.y -= 27 if second else 34

    def _tables(self) -> None:
        """In what room is left between the symbols and the sums, or else in a column of their own."""
        if "path" in self.painter.graph.graph:
            self.filled = True
            self._routes()
            return
        tables = self.tables
        if tables is None or not tables.losses:
            return
        self.filled = True
        room = self.y - (self.painter.strip_y + _SUMS + 2)
        if size := tables.fit(self.width - 2 * _MARGIN, room):
            self.y -= max(0.0, (room - tables.height(size[1])) * 0.4)
            tables.fill(self.left + _MARGIN, self.y, *size)
        else:
            top = self.painter.top - 10
            wide, high = tables.own_column(top - self.painter.bottom - 10)
            self.more = tables.width(wide) + 2 * _MARGIN
            tables.fill(self.left + self.width + _MARGIN, top, wide, high)

    def _routes(self) -> None:
        """On which states a path crosses the steps: between the symbols and the sums, or else in a column."""
        routes = Routes(self.painter.graph, self.canvas)
        room, width = self.y - (self.painter.strip_y + _SUMS + 2), self.width - 2 * _MARGIN
        if routes.fits(room) and routes.width <= width:
            routes.fill(self.left + _MARGIN, self.y, width, room)
        else:
            self.more = routes.width + 2 * _MARGIN
            top = self.painter.top - 10
            routes.fill(self.left + self.width + _MARGIN, top, routes.width, top - self.painter.bottom - 10)

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
        paint_table(self.painter, x, total, "-sum", "summed over the steps", "key", True, self.sums_y)
        middle, loss = self.left + self.width / 2, "ℓ" if self.quiet else "L"
        y = self.sums_y
        words = [f"‖ ∂{loss}/∂θ ‖ of all steps"]
        words += ["parts can cancel, norms don't add", "strips: norm of each step's part"]
        if path := graph.graph.get("path"):
            words = [f"‖ {path['name']} ‖ by weight", "what arrives on all routes"]
        self.canvas.text(words[0], (middle, y + 20), 11, bold=True, panel="key")
        for n, text in enumerate(words[1:]):
            self.canvas.text(text, (middle, y + 37 + 14 * n), 10, TEXT_GREY, panel="key")


def paint_seed(canvas: Canvas, name: str, at: tuple[float, float], panel: str | None = None, text: str = "1") -> None:
    """The dark dot where a gradient begins."""
    style = {"style": "filled", "fillcolor": SEED, "color": SEED, "fontcolor": SEED_TEXT, "fontsize": "11"}
    words = "the seed: ∂ℓ/∂ℓ = 1"
    canvas.box(name, text, at, (18.0, 18.0), "seed", shape="circle", panel=panel, tooltip=words, **style)
