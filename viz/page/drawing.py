"""Draw the picture that a page lights up: steps and total only, since the page has tables and a key of its own."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace

import networkx as nx

from .. import render
from ..drawing import paint_network
from ..length import layout_of
from ..painting.border import PaintedRibbon
from ..painting.colours import Scale
from ..painting.steps import Painter
from ..painting.svg import tidy
from ..painting.text import slug
from ..painting.unstepped import paint_unstepped

_SVG = "{http://www.w3.org/2000/svg}"
Pair = tuple[str, str]


@dataclass(frozen=True)
class Drawing:
    """An inline SVG and which of its elements show what: ("node", key) or (u, v) -> ids without the prefix."""

    svg: str
    elements: dict[Pair, tuple[str, ...]]
    ribbons: list[PaintedRibbon]  # of a fold; its names are ids without the prefix


def drawing(graph: nx.MultiDiGraph, scale: Scale, title: str, description: str) -> Drawing:
    """The picture of a graph without strips and key.

    Raises:
        PictureError: Graphviz is missing or fails.
    """
    ribbons: list[PaintedRibbon] = []
    if not graph.graph["steps"]:
        sheet = paint_unstepped(graph, scale, with_key=False)
        canvas, frame = sheet.canvas, (sheet.left - 4, sheet.bottom - 4, sheet.right + 4, sheet.top + 4)
    else:
        painter = Painter(graph, layout_of(graph), scale, strips=False)
        total = paint_network(painter)
        ribbons = [_as_ids(painted) for painted in painter.ribbons]
        left, right = min(painter.left, total.left) - 4, max(painter.right, total.right) + 4
        canvas, frame = painter.canvas, (left, painter.bottom - 4, right, total.top + 4)
    prefix, found = canvas.prefix, canvas.shown_by()
    raw = render.paint(canvas.finished(frame).digraph().source, "svg").decode()
    short = {key: tuple(name.removeprefix(f"{prefix}-") for name in ids) for key, ids in found.items()}
    known = {name for ids in found.values() for name in ids}
    known |= {f"{prefix}-{name}" for painted in ribbons for name in (painted.arrow, *painted.segments)}
    return Drawing(_slim(tidy(raw, prefix, _clean(title), _clean(description)), prefix, known), short, ribbons)


def _as_ids(painted: PaintedRibbon) -> PaintedRibbon:
    """A ribbon whose names are as the SVG has them."""
    return replace(painted, arrow=slug(painted.arrow), segments={slug(n): at for n, at in painted.segments.items()})


def _clean(text: str) -> str:
    """Text without what XML cannot hold: control characters and halves of characters."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]", " ", text)


def _slim(svg: str, prefix: str, known: set[str]) -> str:
    """The same drawing without tooltips and without what the page's style says once for all; ids begin with "p-"."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    root = ElementTree.fromstring(svg)
    for attribute in ("width", "height", "aria-labelledby"):
        root.attrib.pop(attribute, None)
    root.set("text-anchor", "middle")
    if (tooltip := root.find(f"{_SVG}title")) is not None:  # it would pop up wherever the pointer rests
        root.remove(tooltip)
    if (told := root.find(f"{_SVG}desc")) is not None:
        told.set("id", "p-description")
        root.set("aria-describedby", "p-description")
    for group in root.iter(f"{_SVG}g"):
        if (title := group.find(f"{_SVG}title")) is not None:
            group.remove(title)
        name = group.attrib.pop("id", "")
        if name in known:
            group.set("id", f"p-{name.removeprefix(prefix + '-')}")
        if (group.get("class") or "").startswith("edge"):
            _without(group, "stroke", "stroke-width", "stroke-dasharray", "fill")
        for shape in group:
            _shorter(shape)
    for element in root.iter():
        if element.tag != f"{_SVG}text":
            element.text = None if element.tag == f"{_SVG}g" else element.text
        element.tail = None
    return ElementTree.tostring(root, encoding="unicode")


def _without(group: ElementTree.Element, *names: str) -> None:
    for shape in group:
        for name in names:
            shape.attrib.pop(name, None)


def _shorter(shape: ElementTree.Element) -> None:
    """Coordinates to a tenth of a point, and no attribute that repeats what holds anyway."""
    for name in ("d", "points", "x", "y", "cx", "cy", "rx", "ry", "font-size"):
        if name in shape.attrib:
            shape.set(name, re.sub(r"-?\d+\.\d+", _tenths, shape.attrib[name]))
    if shape.get("text-anchor") == "middle":
        del shape.attrib["text-anchor"]


def _tenths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
