"""Paint a program that marks no time steps: a box per line with its value and its gradient, values flowing upward."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import networkx as nx

from ..check import overlaps
from ..layout.curves import Line, Point, Shape
from ..layout.free import PORTS, ROOMS, Free, lay_out_free
from ..layout.metrics import shorten, text_width
from ..render import PictureError
from .canvas import Canvas
from .colours import (
    CELL_EDGE,
    GREY,
    INK,
    LOSS,
    LOSS_EDGE,
    OUTLINE,
    PAGE,
    TEXT_GREY,
    WEIGHT,
    WEIGHT_EDGE,
    WEIGHT_TEXT,
    Scale,
    colour,
    text_colour,
)
from .key import Key
from .lanes import ZERO, make_lane, paint_gradient
from .text import BOLD, slug_words

MOST_NODES = 250
_HIGHEST = 27_000.0  # where all wires together climb higher, Graphviz would take long over more room between rows
_HIGH, _CELL = 52.0, 17.0  # a box, and its lower part: the cells of value and gradient
_LONGEST = 24
_NUMBER = 9.5  # letters in the cells


@dataclass
class Sheet:
    """What is painted on, and what its key must know: the graph, the scale, and the room between top and bottom."""

    graph: nx.MultiDiGraph
    scale: Scale
    canvas: Canvas
    left: float
    right: float
    bottom: float
    top: float

    @property
    def backward(self) -> bool:
        """Was a backward pass recorded."""
        return bool(self.graph.graph["backward"])


def paint_unstepped(graph: nx.MultiDiGraph, scale: Scale, with_key: bool = True) -> Sheet:
    """Boxes, both lanes of every wire, and, if asked for, the key at the right.

    Raises:
        PictureError: more than 250 lines, which nobody can read and `dot` lays out slowly; Graphviz missing, or slow.
    """
    if len(graph) > MOST_NODES:
        raise PictureError(
            f"{len(graph)} lines without time steps are too many to draw (at most {MOST_NODES}): mark the steps with "
            "`with tg.step(t):`, then one step is laid out and repeated; or draw the flow of an earlier, smaller result"
        )
    side = {key: max(graph.in_degree(key), graph.out_degree(key)) for key in graph}
    sizes = {key: (max(_width(node), 18 + PORTS * (side[key] - 1)), _HIGH) for key, node in graph.nodes(data=True)}
    wires = list(graph.edges())
    layout = lay_out_free(sizes, wires)
    sheet, climb = _sheet(graph, scale, sizes, layout), sum(layout.at[v][1] - layout.at[u][1] for u, v in wires)
    if climb <= _HIGHEST and (touching := _faults(sheet)):
        with suppress(PictureError):  # too slow this time: then with the wires as they are
            wider = _sheet(graph, scale, sizes, lay_out_free(sizes, wires, ROOMS[1]))
            sheet = wider if _faults(wider) < touching else sheet
    if with_key:
        PlainKey(sheet).paint()
    return sheet


def _faults(sheet: Sheet) -> int:
    return sum(map(len, overlaps(sheet.canvas).values()))


def _sheet(graph: nx.MultiDiGraph, scale: Scale, sizes: Mapping[str, tuple[float, float]], layout: Free) -> Sheet:
    """Boxes and wires, laid out."""
    canvas = Canvas()
    for key, node in graph.nodes(data=True):
        _box(canvas, key, node, layout.at[key], sizes[key][0], scale)
    for n, (u, v, data) in enumerate(graph.edges(data=True)):
        ends = [Shape(*layout.at[key], *sizes[key]) for key in (u, v)]
        _wire(canvas, f"{u}-{v}-{n}", (u, v), layout.lines[n], (ends[0], ends[1]), data, scale)
    return Sheet(graph, scale, canvas, *_frame(layout, sizes))


def _frame(layout: Free, sizes: Mapping[str, tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of all boxes and wires."""
    xs = [x + side * sizes[key][0] / 2 for key, (x, _) in layout.at.items() for side in (-1, 1)]
    ys = [y + side * _HIGH / 2 for _, y in layout.at.values() for side in (-1, 1)]
    xs += [x + side * 8 for line in layout.lines for x, _ in line for side in (-1, 1)]
    return min(xs), max(xs), min(ys) - 6, max(ys) + 6


# ---- boxes ----


def _width(node: Mapping[str, Any]) -> float:
    operation, name = _words(node)
    first = text_width(operation, 11) + text_width(name, 13, bold=True) + (6 if operation and name else 0)
    value, gradient = _numbers(node)
    second = 2 * max(text_width(value, _NUMBER), text_width(gradient or "", _NUMBER)) + 16
    if gradient is None:
        second = text_width(value, _NUMBER) + 8
    return 2 * round(max(56.0, first + 18, second + 14) / 2)


def _words(node: Mapping[str, Any]) -> tuple[str, str]:
    """The operation, and the name of what it makes; the loss is called L."""
    label = shorten(str(node["label"]), _LONGEST)
    if node["kind"] in ("weight", "input"):
        return "", label
    name = "L" if node["kind"] == "total" else label if node["name"] else ""
    return shorten(str(node["op"] or ""), _LONGEST), name


def _numbers(node: Mapping[str, Any]) -> tuple[str, str | None]:
    """Value and gradient: signed numbers of a scalar, shape and norms of an array."""
    scalar = node["shape"] == ()
    value = _short(node["value"]) if scalar else f"{'×'.join(map(str, node['shape']))}: ‖{_short(node['value_norm'])}‖"
    if node["adjoint_norm"] is None:
        return value, None
    return value, _short(node["adjoint"]) if scalar else f"‖{_short(node['adjoint_norm'])}‖"


def _short(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _box(canvas: Canvas, key: str, node: Mapping[str, Any], at: Point, wide: float, scale: Scale) -> None:
    (x, y), kind = at, str(node["kind"])
    styles = {
        "weight": {"style": "filled", "color": WEIGHT_EDGE, "fillcolor": WEIGHT},
        "total": {"color": LOSS_EDGE, "fillcolor": LOSS, "penwidth": "1.6"},
    }
    words = slug_words(["param", str(node["name"])]) if kind == "weight" else kind
    canvas.stands_for |= {name: (("node", key),) for name in (key, f"value-{key}", f"gradient-{key}")}
    canvas.box(key, "", at, (wide, _HIGH), words, tooltip=str(node["tooltip"]), **styles.get(kind, {}))
    operation, name = _words(node)
    ink = WEIGHT_TEXT if kind == "weight" else INK
    line = y + _CELL / 2
    if operation and name:
        first, second = text_width(operation, 11), text_width(name, 13, bold=True)
        split = x + (first - second) / 2
        canvas.text(operation, (split - 3, line), 11, GREY, side="r")
        canvas.text(name, (split + 3, line), 13, ink, side="l", bold=True)
    else:
        canvas.text(operation or name, (x, line), 13, ink, bold=bool(name))
    _cells(canvas, key, node, (x, y - _HIGH / 2 + _CELL / 2 + 5), wide - 12, scale)


def _cells(canvas: Canvas, key: str, node: Mapping[str, Any], at: Point, wide: float, scale: Scale) -> None:
    """The value at the left in white, the gradient at the right in its colour; exactly zero is white with a grey 0."""
    (x, y), (value, gradient) = at, _numbers(node)
    plain = {"style": "filled", "fillcolor": PAGE, "color": CELL_EDGE, "penwidth": "0.6", "fontsize": f"{_NUMBER:g}"}
    tooltip = str(node["tooltip"])
    if gradient is None:
        canvas.box(f"value-{key}", value, at, (wide, _CELL), "cell value", tooltip=tooltip, **plain)
        return
    half = wide / 2
    canvas.box(f"value-{key}", value, (x - half / 2, y), (half, _CELL), "cell value", tooltip=tooltip, **plain)
    norm = float(node["adjoint_norm"])
    u = scale.position(norm)
    hue = {"fillcolor": colour(u), "color": colour(u), "fontcolor": text_colour(u), "fontname": BOLD}
    style = plain | ({"fontcolor": GREY} if norm == 0 else hue)
    canvas.box(f"gradient-{key}", gradient, (x + half / 2, y), (half, _CELL), "cell gradient", tooltip=tooltip, **style)


# ---- wires ----


def _wire(
    canvas: Canvas,
    name: str,
    ends: tuple[str, str],
    line: Line,
    shapes: tuple[Shape, Shape],
    data: Mapping[str, Any],
    scale: Scale,
) -> None:
    """Both lanes: the value forward in thin grey, the gradient backward in wide colour."""
    gradient, tooltip, back = data["gradient"], str(data["tooltip"]), (ends[1], ends[0])
    canvas.stands_for |= {f"{lane}-{name}": (ends,) for lane in ("fwd", "bwd", "tip")}
    body, _, tip = make_lane(line, *shapes, "alone" if gradient is None else "forward")
    canvas.wire(f"fwd-{name}", ends, body, tip, "fwd link", tooltip=tooltip)
    if gradient is None:
        return
    if gradient == 0:
        body, _, tip = make_lane(line, *shapes, "zero")
        canvas.wire(f"bwd-{name}", back, body, tip, "bwd zero link", tooltip=tooltip, **ZERO)
        return
    u = scale.position(float(gradient))
    body, base, tip = make_lane(line, *shapes, "gradient", u)
    paint_gradient(canvas, f"{name}", back, body, base, tip, u, "bwd link", tooltip)


class PlainKey(Key):
    """The key of a picture without steps: colours, lines, what the cells of a box say, the law of conservation."""

    def __init__(self, sheet: Sheet):
        self.sheet = sheet
        self.painter, self.canvas = sheet, sheet.canvas  # type: ignore[assignment]
        self.left, self.width, self.more = sheet.right + 22, 216.0, 0.0
        self.y = sheet.top - 22
        self.quiet = self.exceeds = False

    def paint(self) -> None:
        """Draw it from the top down; the picture is at least as high as its key."""
        self._scale()
        self._lines()
        self._boxes()
        if self.sheet.backward:
            self._law()
        self.sheet.bottom = min(self.sheet.bottom, self.y)
        self.sheet.right = self.right

    def _boxes(self) -> None:
        self.y -= 12
        at = (self.left + 32, self.y)
        plain = {"style": "filled", "color": CELL_EDGE, "penwidth": "0.6", "fontsize": f"{_NUMBER:g}"}
        self.canvas.box("key-box", "", at, (46.0, 26.0), "key", color=OUTLINE)
        if self.sheet.backward:
            halves = ((-9.5, "v", PAGE, INK), (9.5, "∂", colour(0.7), text_colour(0.7)))
            for dx, text, fill, ink in halves:
                place = (at[0] + dx, at[1])
                style = plain | {"fillcolor": fill, "fontcolor": ink}
                self.canvas.box(f"key-{text}", text, place, (19.0, 16.0), "cell key", **style)
            self._two_lines("value | gradient ∂L/∂·", "arrays: shape, norms ‖·‖")
        else:
            self.canvas.box("key-v", "v", at, (38.0, 16.0), "cell key", **plain, fillcolor=PAGE)
            self._two_lines("value; arrays: shape", "and norm ‖·‖")
        if self.sheet.graph.graph["weights"]:
            style = {"style": "filled", "color": WEIGHT_EDGE, "fillcolor": WEIGHT, "fontcolor": WEIGHT_TEXT}
            self.canvas.box("key-weight", "w", (self.left + 32, self.y), (28.0, 20.0), "key", fontsize="11", **style)
            self._two_lines("differentiable leaf", "")

    def _law(self) -> None:
        self.y -= 4
        for text in ("what the wires bring to a box adds", "up to its gradient"):
            self._write(text, ink=TEXT_GREY, size=10.5)
            self.y -= 14
