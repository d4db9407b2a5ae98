"""Have Graphviz paint one element of each look and stamp the others: thousands of steps differ in numbers only.

An element's look is all that Graphviz needs to know but how far right it stands, its id, its tooltip, its label, and
its own colour on a scale. What Graphviz makes of the first element of a look is taken apart where these stand, and put
together anew for every other. So the drawing is what Graphviz would have painted, to a tenth of a point.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from html import escape

from ..layout.curves import Point
from . import dot
from .finished import Element, Finished
from .slim import rounded
from .text import points, pt
from .written import part_written, written

_MARK = "\0"  # stands around what differs; no XML may hold it, so nobody's text does
_NODES, _WIRES = _MARK + "nodes", _MARK + "wires"
_OWN = {"color": "#010203", "fillcolor": "#010204", "fontcolor": "#010205", "penwidth": "7.77"}
_OWN_LINE = {"color", "penwidth", "arrowhead"}
_OWN_CODES = {value: name for name, value in _OWN.items()}
_OWN_WORD = "@"
# Graphviz writes these differently, or in a font that stands at another height; "\n" begins a line.
_NOT_AS_WRITTEN = re.compile(r"\\(?!n)|&|  |[^\S ]|[^\0-\u2fff]")
_BEFORE_COMMA = re.compile(r"(-?[\d.]+)(?=,)")
_FIRST = re.compile(r"(?<=M)(-?[\d.]+)")

# Gives the tidy tree of a text of DOT; told by id how many wires one stands for.
Paint = Callable[[str, dict[str, int]], ElementTree.Element]


@dataclass
class _Look:
    """What Graphviz made of the element `identity`, as pieces of text; `codes` says which of them differ, and how."""

    identity: str
    attributes: Mapping[str, str]
    x: float
    varied: frozenset[str]
    times: int = 0
    moved: Point = (0.0, 0.0)  # of the corners of a head: from DOT's places to those of SVG
    pieces: list[str] = field(default_factory=list)
    codes: list[tuple[int, str | float]] = field(default_factory=list)

    def learn(self, group: ElementTree.Element) -> None:
        """Learn from the tree of the painted element."""
        for element in group.iter():
            if "corners" in self.varied and "points" in element.attrib:
                x, y = element.attrib["points"].split(" ")[1].split(",")
                tip = self.attributes["pos"].split(" ")[-1].split(",")
                self.moved = (float(x) - float(tip[0]), float(y) + float(tip[1]))
            _mark(element, self.varied)
        group.set("id", f"{_MARK}id{_MARK}")
        self.pieces = part_written(group).split(_MARK)
        for k, said in enumerate(self.pieces[1::2]):
            self.codes.append((2 * k + 1, said if said.isalpha() else float(said)))


@dataclass(slots=True)
class _Stamp:
    """One element: its look, and how far right of the first one of this look it stands."""

    look: _Look
    attributes: Mapping[str, str]
    identity: str
    shift: float

    def pressed(self) -> str:
        """The element in SVG; "" where Graphviz shows nothing."""
        parts = self.look.pieces.copy()
        for k, code in self.look.codes:
            parts[k] = pt(code + self.shift) if isinstance(code, float) else self._said(code)
        return "".join(parts)

    def _said(self, code: str) -> str:
        if code == "id":
            return self.identity
        if code == "corners":
            return _corners(self.attributes, self.look.moved)
        if code == "penwidth":
            return rounded(self.attributes[code], 2)
        return escape(self.attributes[code].replace("\\n", "\n"), quote=False)


def stamped(finished: Finished, paint: Paint) -> str:
    """The SVG of a finished canvas, of which `paint` sees one element of each look."""
    press = _Press(finished)
    nodes = [press.panel(name, attributes) for name, attributes in finished.panels.items()]
    elements = [element for group in finished.in_panels().values() for element in group]
    nodes += [press.node(element) for element in elements]
    order = {element.names[0]: k for k, element in enumerate(elements)}
    # Graphviz paints wires by where they begin, then by where they end.
    ordered = sorted(finished.wires, key=lambda wire: (order[wire.names[0]], order[wire.names[1]]))
    wires = [press.wire(wire) for wire in ordered]
    tree = paint(press.source(), press.times())
    graph = next(child for child in tree if child.get("class") == "graph")
    press.take_apart(graph)
    text = written(tree)
    for mark, stamps in ((_NODES, nodes), (_WIRES, wires)):
        text = text.replace(mark, "".join([stamp.pressed() for stamp in stamps]))
    return text


class _Press:
    """Finds the look of each element, and has the first of each look painted."""

    def __init__(self, finished: Finished):
        self.finished = finished
        self.looks: dict[Hashable, _Look] = {}
        self.statements: list[str] = []
        self.ends: list[str] = []  # names of nodes that are painted

    def panel(self, name: str, attributes: Mapping[str, str]) -> _Stamp:
        """The stamp of a step's panel."""
        sides, label = ([float(n) for n in attributes[place].split(",")] for place in ("bb", "lp"))
        x, identity = sides[0], self.finished.identity(name)
        relative = [round(n, 1) for n in (sides[1], sides[2] - x, sides[3], label[0] - x, label[1])]
        varied = _varied(attributes, "panel")
        key = ("panel", *relative, *_kept(attributes, varied | {"bb", "lp"}))
        if key not in self.looks:
            self.statements += dot.panel(name, _example(attributes, varied), self._next, [])
        return self._stamp(key, x, attributes, identity, varied)

    def node(self, element: Element) -> _Stamp:
        """The stamp of a box or a text."""
        attributes, name = element.attributes, element.names[0]
        x, _, y = attributes["pos"].partition(",")
        varied, identity = _varied(attributes, "node"), self.finished.identity(name)
        key = ("node", y, *_kept(attributes, varied | {"pos"}))
        if key not in self.looks:
            self.statements.append(dot.node(name, _example(attributes, varied), self._next))
            self.ends.append(name)
        return self._stamp(key, float(x), attributes, identity, varied)

    def wire(self, element: Element) -> _Stamp:
        """The stamp of a wire, or of the head of one."""
        attributes, identity = element.attributes, self.finished.identity(element.names[2])
        head = attributes.get("style") == "tapered"
        varied = _varied(attributes, "head" if head else "wire")
        place = {"pos"} if head or element.way is not None else set()
        # The way itself, not its points, tells the look: it is kept for all steps, and comparing it costs nothing.
        key = ("wire", id(element.way), *_kept(attributes, varied | place))
        if key not in self.looks:
            tail, target = self.ends[0], self.ends[-1]  # any two: the wire's line is given
            self.statements.append(dot.wire(tail, target, _example(attributes, varied), self._next))
        varied |= {"corners"} if head else set()
        return self._stamp(key, element.dx, attributes, identity, varied)

    @property
    def _next(self) -> str:
        """The id by which the next look will be found again."""
        return f"{self.finished.prefix}-look{len(self.looks)}"

    def _stamp(
        self, key: Hashable, x: float, attributes: Mapping[str, str], identity: str, varied: frozenset[str]
    ) -> _Stamp:
        look = self.looks.get(key)
        if look is None:
            look = self.looks[key] = _Look(self._next, attributes, x, varied)
        look.times += 1
        return _Stamp(look, attributes, identity, x - look.x)

    def source(self) -> str:
        """DOT with one element of each look."""
        return str(self.finished.holding(self.statements).source)

    def times(self) -> dict[str, int]:
        """How many elements the painted ones stand for; none where each has a colour of its own."""
        return {look.identity: 0 if "color" in look.varied else look.times for look in self.looks.values()}

    def take_apart(self, graph: ElementTree.Element) -> None:
        """Take what was painted out of the tree, and leave marks where all elements shall stand."""
        looks = {look.identity: look for look in self.looks.values()}
        together = next((child for child in graph if child.get("class") == "wires"), None)
        for group in (graph,) if together is None else (graph, together):
            for child in list(group):
                if look := looks.get(child.get("id", "")):
                    look.learn(child)
                    group.remove(child)
        graph[0].tail = f"\n{_NODES}"
        if together is not None:
            together.text = f"\n{_WIRES}"


def _varied(attributes: Mapping[str, str], kind: str) -> frozenset[str]:
    """Which attributes of an element are its own, and are stamped."""
    varied = [name for name in ("label", "tooltip") if attributes.get(name) and _as_written(attributes[name])]
    if attributes["class"] == "share":
        varied += ["fillcolor", "fontcolor"]
    elif kind == "head" or (kind == "wire" and attributes.keys() >= _OWN_LINE and attributes["arrowhead"] == "none"):
        varied += ["color", "penwidth"]
    return frozenset(varied)


def _as_written(text: str) -> bool:
    return not _NOT_AS_WRITTEN.search(text)


def _kept(attributes: Mapping[str, str], varied: frozenset[str]) -> list[tuple[str, str]]:
    return [item for item in attributes.items() if item[0] not in varied]


def _example(attributes: Mapping[str, str], varied: frozenset[str]) -> dict[str, str]:
    """The attributes for Graphviz: what is stamped is held by words that can be found again."""
    return {**attributes} | {name: _OWN.get(name, _OWN_WORD) for name in varied}


def _mark(element: ElementTree.Element, varied: frozenset[str]) -> None:
    """Put marks around what differs in one element of SVG."""
    for name, value in element.attrib.items():
        if name == "points" and "corners" in varied:
            element.set(name, f"{_MARK}corners{_MARK}")
        elif name == "points" or (name == "d" and "," in value):
            element.set(name, _BEFORE_COMMA.sub(f"{_MARK}\\1{_MARK}", value))
        elif name == "d":
            element.set(name, _FIRST.sub(f"{_MARK}\\1{_MARK}", value))
        elif name in ("x", "cx"):
            element.set(name, f"{_MARK}{value}{_MARK}")
        elif _OWN_CODES.get(value) in varied:
            element.set(name, f"{_MARK}{_OWN_CODES[value]}{_MARK}")
    if element.text == _OWN_WORD:
        code = "tooltip" if element.tag.endswith("title") else "label"
        element.text = f"{_MARK}{code}{_MARK}" if code in varied else element.text


def _corners(attributes: Mapping[str, str], moved: Point) -> str:
    """The three corners of an arrow head: half its width to both sides of its base, and its tip."""
    places = [place.split(",") for place in attributes["pos"].split(" ")]
    (x0, y0), (x1, y1) = ((moved[0] + float(x), moved[1] - float(y)) for x, y in (places[0], places[-1]))
    half = float(attributes["penwidth"]) / 2 / (math.hypot(x1 - x0, y1 - y0) or 1.0)
    across, up = (y1 - y0) * half, (x0 - x1) * half
    corners = ((x0 + across, y0 + up), (x1, y1), (x0 - across, y0 - up))
    return points([(round(x, 2), round(y, 2)) for x, y in corners])  # Graphviz writes hundredths
