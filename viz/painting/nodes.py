"""Paint one node of a step, with what is written on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..layout.boxes import ROW_HEIGHT, Box, Face, face
from ..layout.curves import Point
from ..layout.metrics import text_width
from .canvas import Canvas
from .colours import ADJOINT, GREY, INK, LOSS, LOSS_EDGE, SCOPE, TEXT_GREY


def paint_node(
    canvas: Canvas,
    key: str,
    node: Mapping[str, Any],
    at: Point,
    box: Box,
    panel: str | None = None,
) -> None:
    """One node of a step: its outline with its operation, its name, or the rows of its affine map."""
    (x, y), kind, written, size = at, str(node["kind"]), face(node), (box.width, box.height)
    tooltip = str(node["tooltip"])
    tint = {"fillcolor": ADJOINT} if node.get("recorded") else {}
    if kind == "input":
        shape = "circle" if size[0] == size[1] else "box"
        tint |= {"fontsize": "13", "tooltip": tooltip}
        canvas.box(key, written.name, at, size, "input", shape=shape, panel=panel, **tint)
    elif kind == "cell":
        style = {"fillcolor": SCOPE, "color": INK, "penwidth": "1.6", "tooltip": tooltip}
        canvas.box(key, "", at, size, "op collapsed", panel=panel, **style)
        canvas.text(written.name, (x, y + 8), 13, INK, bold=True, panel=panel)
        held = written.operation or f"{len(node['lines'])} lines"
        canvas.text(held, (x, y - 11), 10.5, TEXT_GREY, panel=panel)
    elif kind == "loss":
        style = {"fillcolor": LOSS, "color": LOSS_EDGE, "penwidth": "1.4", "tooltip": tooltip}
        canvas.box(key, "", at, size, "loss", panel=panel, **style)
        value = written.value
        first, second = text_width(f"{written.name} =", 11.5), text_width(value, 11.5, bold=True)
        split = x + (first - second) / 2
        canvas.text(f"{written.name} =", (split - 1, y), 11.5, side="r", panel=panel)
        canvas.text(value, (split + 1, y), 11.5, side="l", bold=True, panel=panel)
    elif kind == "affine":
        style = {"penwidth": "2.1", "color": INK} if box.title else {}
        words = "state affine" if box.title else "op affine"
        canvas.box(key, "", at, size, words, tooltip=tooltip, panel=panel, **tint, **style)
        _rows(canvas, written, at, box, panel)
    elif written.name:
        bold = kind == "state"
        style = {"penwidth": "2.1", "color": INK} if bold else {}
        canvas.box(key, "", at, size, "state" if bold else "op", tooltip=tooltip, panel=panel, **tint, **style)
        _operation_and_name(canvas, written, at, bold, panel)
    else:
        round_ = {"shape": "circle", "fontsize": "16"} if size == (26.0, 26.0) and kind in ("sum", "times") else {}
        style = {"penwidth": "2.1", "color": INK} if kind == "state" else {}
        style |= round_ | tint
        canvas.box(key, written.operation, at, size, f"op {kind}", tooltip=tooltip, panel=panel, **style)


def _operation_and_name(canvas: Canvas, written: Face, at: Point, bold: bool, panel: str | None) -> None:
    """The operation in grey, ending where the name begins, so that both fit whatever the font."""
    x, y = at
    sign = len(written.operation) == 1 and not written.operation.isalpha()
    size, letters = (14.0 if sign else 11.0), (13.0 if bold else 12.0)
    first, second = text_width(written.operation, size), text_width(written.name, letters, bold)
    split = x + (first - second) / 2
    canvas.text(written.operation, (split - 2, y), size, GREY, side="r", panel=panel)
    canvas.text(written.name, (split + 2, y), letters, INK, side="l", bold=bold, panel=panel)


def _rows(canvas: Canvas, written: Face, at: Point, box: Box, panel: str | None) -> None:
    """The terms of an affine map: side by side on a spine, otherwise below each other; a state's name before them."""
    x, y = at
    left, top = x - box.width / 2, y + box.height / 2
    if box.columns:
        if box.title:
            canvas.text(f"{written.name} =", (left + 8, y), 12, side="l", bold=True, panel=panel)
        for k, (row, middle) in enumerate(zip(written.rows, box.columns, strict=False)):
            canvas.text(row, (x + middle, y), 11, panel=panel)
            if k:
                before = box.columns[k - 1] + text_width(written.rows[k - 1], 11) / 2
                after = middle - text_width(row, 11) / 2
                canvas.text("+", (x + (before + after) / 2, y), 10, GREY, panel=panel)
        return
    if box.title:
        canvas.text(f"{written.name} =", (left + 8, top - 13), 12, side="l", bold=True, panel=panel)
    for k, row in enumerate(written.rows):
        level = top - 12 - box.title - ROW_HEIGHT * k
        if k:
            canvas.text("+", (left + 8, level), 10, GREY, panel=panel)
        canvas.text(row, (left + 14, level), 11, side="l", panel=panel)
