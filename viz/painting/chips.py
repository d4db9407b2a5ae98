"""Paint the chips beside a node: the weights that it uses, and the values kept for a line of the backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from ..layout.boxes import Box, chip_width
from ..layout.curves import Point
from ..layout.metrics import shorten
from .canvas import Canvas
from .colours import INK, OUTLINE, PAGE, WEIGHT, WEIGHT_EDGE, WEIGHT_TEXT
from .text import slug_words


def paint_chips(
    canvas: Canvas, graph: nx.MultiDiGraph, box: Box, user: str, at: Point, sources: Mapping[str, str]
) -> None:
    """The chips of a node that stands at a point; `sources` are the nodes of the graph that they stand for."""
    step = graph.nodes[user]["step"]
    for chip in box.chips:
        source, name = sources[chip.weight], f"{chip.weight}-{user}"
        if not graph.has_edge(source, user):
            continue
        node, edge, place = graph.nodes[source], graph[source][user][0], (at[0] + chip.x, at[1] + chip.y)
        canvas.faded = edge.get("faded", False)
        canvas.stands_for[name] = (("node", source),)
        if source != chip.weight:
            paint_kept(canvas, name, edge["kept"], place, node["tooltip"], f"t{step}")
            continue
        share = node["shares"].get(step)
        told = f"\nshare of step {step + 1}: ‖·‖ {share:.4g}" if share is not None else ""
        paint_chip(canvas, name, node, place, node["tooltip"] + told, f"t{step}")
    canvas.faded = False


def paint_chip(
    canvas: Canvas, name: str, weight: Mapping[str, Any], at: Point, tooltip: str = "", panel: str | None = None
) -> None:
    """A small blue box for a shared weight."""
    label = str(weight["label"])
    style = {"style": "filled", "color": WEIGHT_EDGE, "fillcolor": WEIGHT, "fontcolor": WEIGHT_TEXT, "fontsize": "11"}
    kind = slug_words(["param", str(weight["name"])])
    canvas.box(name, shorten(label, 26), at, (chip_width(label), 17.0), kind, tooltip=tooltip, panel=panel, **style)


def paint_kept(
    canvas: Canvas, name: str, text: str, at: Point, tooltip: str = "", panel: str | None = None
) -> None:
    """A small white box for a value of the forward pass that the backward pass reads."""
    style = {"style": "filled", "color": OUTLINE, "fillcolor": PAGE, "fontcolor": INK, "fontsize": "11"}
    canvas.box(name, shorten(text, 26), at, (chip_width(text), 17.0), "kept", tooltip=tooltip, panel=panel, **style)
