"""A canvas with pinned positions: boxes, texts and wires go in, and come out with their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import graphviz

from ..layout.curves import Line, Point, moved
from ..layout.metrics import text_width
from ..plain import clipped
from . import dot
from .colours import GREY, INK
from .finished import Element, Finished, Frame, hashed
from .text import BOLD, inches, literal, points, pt, slug
from .themes import LIGHT, Theme

Key = tuple[str, str]  # an edge of the graph, or ("node", its key)

_DECORATION = ("junction", "mark", "bar", "anchor", "cell", "scope")  # kinds that may lie on wires or around boxes


class Drawn(NamedTuple):
    """A rectangle or a text that was put on the canvas: for tests of what overlaps."""

    left: float
    bottom: float
    right: float
    top: float
    kind: str
    text: str
    name: str = ""
    round: bool = False


class Stroke(NamedTuple):
    """A wire that was put on the canvas: its cubics and its name."""

    line: tuple[Point, ...]
    name: str
    ends: tuple[str, str]


class Tip(NamedTuple):
    """Where an arrow head ends, and the name of what it points at."""

    at: Point
    wire: str
    target: str


@dataclass
class Canvas:
    """Collects what is drawn, in points, y upward; `finished` gives all of it for the layout engine nop2.

    Painters name colours by their roles; the theme's own colours are put in once, in the end.
    """

    theme: Theme = LIGHT
    faded: bool = False  # what is drawn while this is set stands back behind the rest
    hides: frozenset[str] = frozenset()  # wires whose class begins with one of these words are left out
    boxes: list[Drawn] = field(default_factory=list)
    texts: list[Drawn] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    tips: list[Tip] = field(default_factory=list)
    places: dict[str, Drawn] = field(default_factory=dict)  # every box by its name, junctions and anchors too
    frame: Frame | None = None
    stands_for: dict[str, tuple[Key, ...]] = field(default_factory=dict)  # by name: nodes or edges of the graph
    _nodes: list[Element] = field(default_factory=list)
    _wires: list[Element] = field(default_factory=list)
    _panels: dict[str, dict[str, str]] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def panel(self, name: str, left: float, bottom: float, right: float, top: float, label: str, **style: str) -> None:
        """A pale rounded panel behind everything, its label at the top left."""
        self._panels[name] = {
            "bb": f"{pt(left)},{pt(bottom)},{pt(right)},{pt(top)}",
            "label": literal(label),
            "lp": f"{pt(left + 10 + text_width(label, 14) / 2)},{pt(top - 13)}",
            "style": "rounded,filled",
            "fontsize": "14",
            "fontcolor": GREY,
            "class": "panel",
        } | style

    def box(
        self,
        name: str,
        label: str,
        at: Point,
        size: tuple[float, float],
        kind: str,
        *,
        shape: str = "box",
        panel: str | None = None,
        tooltip: str = "",
        **style: str,
    ) -> None:
        """A box or circle with a one-line label; `kind` is its class."""
        (x, y), (width, height) = at, size
        attributes = {
            "label": literal(label),
            "pos": f"{pt(x)},{pt(y)}",
            "width": inches(width),
            "height": inches(height),
            "class": kind,
        }
        if shape != "box":
            attributes["shape"] = shape
        if tooltip:
            attributes["tooltip"] = literal(tooltip)
        self._nodes.append(Element((self._fresh(name),), attributes | style, panel, self.faded))
        half_wide, half_high, is_round = width / 2, height / 2, shape == "circle"
        drawn = Drawn(x - half_wide, y - half_high, x + half_wide, y + half_high, kind, label, name, is_round)
        self.places[name] = drawn
        if kind.split()[0] not in _DECORATION:
            self.boxes.append(drawn)
        if label:
            size_of_font = float(style.get("fontsize", "12"))
            wide = text_width(label, size_of_font) / 2
            self.texts.append(Drawn(x - wide, y - size_of_font * 0.6, x + wide, y + size_of_font * 0.6, kind, label))

    def text(
        self,
        text: str,
        at: Point,
        size: float = 11,
        colour: str = INK,
        *,
        side: str = "",
        bold: bool = False,
        panel: str | None = None,
        kind: str = "text",
    ) -> None:
        """One line of text, centred on a point, or beginning (side "l") or ending (side "r") there."""
        text = clipped(text)
        x, y = at
        width = text_width(text, size, bold) + 2
        x += {"l": width / 2, "r": -width / 2, "": 0.0}[side]
        label = graphviz.nohtml(literal(text) + (f"\\{side}" if side else ""))
        attributes = {
            "label": label,
            "pos": f"{pt(x)},{pt(y)}",
            "width": inches(width),
            "height": inches(size * 1.5),
            "shape": "plaintext",
            "style": "solid",
            "fontsize": f"{size:g}",
            "fontcolor": colour,
            "class": kind,
        }
        if bold:
            attributes["fontname"] = BOLD
        self._nodes.append(Element((self._fresh(f"text{len(self._nodes)}"),), attributes, panel, self.faded))
        half = text_width(text, size, bold) / 2
        middle = {"l": at[0] + half, "r": at[0] - half, "": at[0]}[side]
        self.texts.append(Drawn(middle - half, y - size * 0.6, middle + half, y + size * 0.6, kind, text))

    def wire(
        self,
        name: str,
        ends: tuple[str, str],
        body: Line,
        tip: Point | None,
        kind: str,
        dx: float = 0.0,
        /,
        *,
        tooltip: str = "",
        **style: str,
    ) -> None:
        """A wire along joined cubics, all `dx` further right, with Graphviz's arrow head at `tip` (None: no head)."""
        line = moved(body, dx)
        tip = (tip[0] + dx, tip[1]) if tip else None
        attributes = {"pos": f"e,{points([tip, *line])}" if tip else points(line), "class": kind}
        if not tip:
            attributes["arrowhead"] = "none"
        if tooltip:
            attributes["tooltip"] = literal(tooltip)
        self._wires.append(Element((*ends, name), attributes | style, None, self.faded, body, dx))
        self.strokes.append(Stroke((*line, tip) if tip else tuple(line), name, ends))
        if tip:
            self.tips.append(Tip(tip, name, ends[1]))

    def head(
        self,
        name: str,
        ends: tuple[str, str],
        base: Point,
        tip: Point,
        width: float,
        *,
        kind: str = "bwd tip",
        **style: str,
    ) -> None:
        """An arrow head as a short tapered line from `base` to `tip`: the same in every version of Graphviz."""
        if "cut" not in kind.split():  # a blade of the scissors points at nothing
            self.tips.append(Tip(tip, name, ends[1]))
        (x0, y0), (x1, y1) = base, tip
        shaft = [base, ((2 * x0 + x1) / 3, (2 * y0 + y1) / 3), ((x0 + 2 * x1) / 3, (y0 + 2 * y1) / 3), tip]
        attributes = {
            "pos": points(shaft),
            "class": kind,
            "style": "tapered",
            "dir": "forward",
            "arrowhead": "none",
            "penwidth": f"{width:.2f}",
        }
        self._wires.append(Element((*ends, name), attributes | style))

    @property
    def prefix(self) -> str:
        """What every id begins with: a hash of the content."""
        return hashed(self._panels, *self._shown())

    def count(self) -> int:
        """How many boxes and texts there are so far."""
        return len(self._nodes)

    def claim(self, since: int, key: Key) -> None:
        """What was put on the canvas since it had `since` boxes and texts shows this node of the graph."""
        self.stands_for |= {item.names[-1]: (key,) for item in self._nodes[since:]}

    def shown_by(self) -> dict[Key, tuple[str, ...]]:
        """Which ids of the SVG show which node or edge of the graph, by `("node", key)` or `(u, v)`.

        A wire has up to three: its value lane, its gradient lane, and that lane's tip.
        """
        nodes, wires = self._shown()
        drawn = [item.names[-1] for item in (*nodes, *wires)]
        prefix, found = hashed(self._panels, nodes, wires), dict[Key, list[str]]()
        for name in drawn:
            for key in self.stands_for.get(name, ()):
                found.setdefault(key, []).append(f"{prefix}-{slug(name)}")
        return {key: tuple(ids) for key, ids in found.items()}

    def corners(self, frame: Frame) -> None:
        """Two points that nobody sees hold the picture's frame open where nothing else is drawn."""
        for name, at in (("corner-a", frame[:2]), ("corner-b", frame[2:])):
            self.box(name, "", at, (0.1, 0.1), "anchor", style="invis")

    def finished(self, frame: Frame) -> Finished:
        """Everything as it shall be painted, inside a frame (left, bottom, right, top)."""
        self.frame = frame
        nodes, wires = self._shown()
        prefix = hashed(self._panels, nodes, wires)
        panels = {name: self.theme.attributes(attributes) for name, attributes in self._panels.items()}
        return Finished(self.theme, frame, prefix, panels, nodes, wires)

    def _shown(self) -> tuple[list[Element], list[Element]]:
        """Nodes and wires in their own colours, without what is hidden and without dots that no wire touches then."""
        wires = [item for item in self._wires if item.first_word not in self.hides]
        touched = {end: False for item in wires for end in item.names[:2]}
        touched |= {end: True for item in wires if not item.faded for end in item.names[:2]}
        nodes = []
        for item in self._nodes:
            if item.first_word == "junction" and not touched.get(item.names[0], False):
                if item.names[0] not in touched:
                    continue
                item = replace(item, faded=True)
            nodes.append(item)
        return self._coloured(nodes, dot.NODE_STYLE), self._coloured(wires, dot.WIRE_STYLE)

    def _coloured(self, items: Sequence[Element], usual: Mapping[str, str]) -> list[Element]:
        """Elements with their colours in place; what stands back cannot rely on the usual ones of the whole graph."""
        pale = self.theme.faded()
        return [
            Element(
                item.names,
                pale.attributes({**usual, **item.attributes}) if item.faded else self.theme.attributes(item.attributes),
                item.panel, item.faded, item.way, item.dx,
            )  # fmt: skip
            for item in items
        ]

    def _fresh(self, name: str) -> str:
        """The name itself, or with a number behind it where it is taken."""
        fresh, n = name, 2
        while fresh in self._known:
            fresh, n = f"{name}~{n}", n + 1
        self._known.add(fresh)
        return fresh
