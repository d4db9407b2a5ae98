"""Say the same drawing in fewer bytes: short coordinates, straight lines as lines, and once what holds for many.

Only attributes that any viewer of SVG knows are used, and inheritance from a group; there is no style sheet, so a page
may still restyle everything by class.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CURVES = re.compile(r"M[\d.,\s-]*C[\d.,\s-]*")
_ROUNDED = ("points", "x", "y", "cx", "cy", "rx", "ry", "font-size", "stroke-width")
_SHARED = ("fill", "stroke", "stroke-width")


def slim(root: ElementTree.Element, space: str, times: Mapping[str, int] = MappingProxyType({})) -> None:
    """Shorten a drawing of Graphviz in place; `space` is the namespace of SVG in braces.

    `times` says by id for how many wires one stands, where it is not one.
    """
    root.set("text-anchor", "middle")
    for element in root.iter():
        attributes = element.attrib
        if "d" in attributes:
            attributes["d"] = short_path(attributes["d"])
        for name in _ROUNDED:
            if name in attributes:
                attributes[name] = _NUMBER.sub(_hundredths if name == "stroke-width" else _tenth, attributes[name])
        if "points" in attributes:
            attributes["points"] = _open(attributes["points"])
        if attributes.get("text-anchor") == "middle" and element is not root:
            del attributes["text-anchor"]
        if element.tag != f"{space}text" and element.text and not element.text.strip():
            element.text = None
        element.tail = None
    for graph in root.findall(f"{space}g"):
        _gather_wires(graph, space, times)
        for child in graph:
            child.tail = "\n"


def _gather_wires(graph: ElementTree.Element, space: str, times: Mapping[str, int]) -> None:
    """Put all wires into one group that says how most of them look; those that look so need not say it again."""
    wires = [child for child in graph if (child.get("class") or "").startswith("edge")]
    looks: Counter[tuple[str | None, ...]] = Counter()
    for wire in wires:
        for path in wire.findall(f"{space}path"):
            looks[tuple(path.get(name) for name in _SHARED)] += times.get(wire.get("id", ""), 1)
    if not wires:
        return
    most = (+looks).most_common(1)
    usual = dict(zip(_SHARED, most[0][0], strict=True)) if most else {}
    together = ElementTree.Element(f"{space}g", {name: value for name, value in usual.items() if value is not None})
    together.set("class", "wires")
    together.text = "\n"
    for wire in wires:
        for shape in wire:
            for name, value in usual.items():
                if value is not None and shape.get(name) == value:
                    del shape.attrib[name]
                elif value is not None and name not in shape.attrib and shape.tag not in (f"{space}title", f"{space}g"):
                    shape.set(name, "none" if name != "stroke-width" else "1")
        wire.tail = "\n"
        together.append(wire)
    graph[:] = [child for child in graph if not (child.get("class") or "").startswith("edge")]
    graph.append(together)


def short_path(path: str) -> str:
    """The same path with relative coordinates to a tenth of a point; a curve that is straight becomes a line."""
    if not _CURVES.fullmatch(path):
        return _NUMBER.sub(_tenth, path)
    numbers = [round(10 * float(n)) for n in _NUMBER.findall(path)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    out, here, last = [f"M{_joined(points[0])}"], points[0], ""
    for k in range(1, len(points) - 2, 3):
        a, b, c = points[k : k + 3]
        dx, dy = c[0] - here[0], c[1] - here[1]
        if _is_straight(here, a, b, c):
            if not dx and not dy:
                continue
            command, said = ("h", [dx]) if not dy else ("v", [dy]) if not dx else ("l", [dx, dy])
        else:
            command, said = "c", [p[n] - here[n] for p in (a, b, c) for n in (0, 1)]
        text = _joined(said)
        glue = "" if text.startswith("-") else " "
        out.append(f"{glue}{text}" if command == last and command in "cl" else command + text)
        here, last = c, command
    return "".join(out)


def _is_straight(here: tuple[int, int], a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether two control points lie on the piece between the ends, to a tenth of a point."""
    dx, dy = c[0] - here[0], c[1] - here[1]
    square = dx * dx + dy * dy
    for x, y in (a, b):
        across = dx * (y - here[1]) - dy * (x - here[0])
        along = dx * (x - here[0]) + dy * (y - here[1])
        if across * across > square * 1.5 or not -square <= 8 * along <= 9 * square:
            return False
    return True


def _joined(tenths: Sequence[int]) -> str:
    """Numbers with as little between them as SVG allows."""
    out = ""
    for n in tenths:
        text = _tenths(n)
        out += text if not out or text.startswith("-") else " " + text
    return out


def _tenths(n: int) -> str:
    whole, rest = divmod(abs(n), 10)
    sign = "-" if n < 0 else ""
    return f"{sign}{whole}" if not rest else f"{sign}{whole or ''}.{rest}"


@lru_cache(maxsize=20_000)
def rounded(number: str, digits: int) -> str:
    """A number with at most so many digits behind its point."""
    text = f"{float(number):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _tenth(number: re.Match[str]) -> str:
    return rounded(number[0], 1)


def _hundredths(number: re.Match[str]) -> str:
    return rounded(number[0], 2)


def _open(points: str) -> str:
    """The corners of a polygon; it closes by itself."""
    corners = points.split()
    return " ".join(corners[:-1] if len(corners) > 3 and corners[0] == corners[-1] else corners)
