"""Coloured cells with norms: one table of them under each step, and one with the sums."""

from __future__ import annotations

from collections.abc import Callable

from ..layout.metrics import cell_number, text_width
from ..layout.strips import CELL_HEIGHT, CELL_WIDTH
from .canvas import Canvas
from .colours import CELL_EDGE, GREY, PAGE, WEIGHT_TEXT, Scale, colour, text_colour
from .steps import Painter
from .text import BOLD


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
    words: str | Callable[[int], str],
    panel: str | None = None,
    bold: bool = False,
    y: float | None = None,
) -> None:
    """One table of cells, laid out like every other; `value_of` gives a weight's norm, None leaves its cell out."""
    canvas, strips, graph = painter.canvas, painter.layout.strips, painter.graph
    y = painter.strip_y if y is None else y
    for text, dx, dy, speaks_for in strips.heads:
        if any(value_of(k) is not None for k in speaks_for):
            canvas.text(text, (x + dx, y + dy), 10, WEIGHT_TEXT, panel=panel)
    for k, (dx, dy) in strips.cells.items():
        weight, value = graph.graph["weights"][k], value_of(k)
        if value is None:
            continue
        told = words if isinstance(words, str) else words(k)
        tooltip = f"∂L/∂{graph.nodes[weight]['label']}, {told}: ‖·‖ {value:.4g}"
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
        style |= {"fillcolor": PAGE, "color": CELL_EDGE, "fontcolor": GREY, "penwidth": "0.6"}
    else:
        style |= {"fillcolor": colour(u), "penwidth": "0", "fontcolor": text_colour(u)}
    if bold:
        style["fontname"] = BOLD
    text = cell_number(value) if number else ""
    if (wide := text_width(text, 9.5)) > size[0] - 2:
        style["fontsize"] = f"{9.5 * (size[0] - 2) / wide:.1f}"
    canvas.box(name, text, at, size, "share", panel=panel, tooltip=tooltip, **style)
