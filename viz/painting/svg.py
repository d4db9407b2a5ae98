"""Make Graphviz's SVG one that pages and screen readers can use: role, title, description, tooltips as titles."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping

from ..plain import printable
from .slim import slim
from .text import BOLD, FONT
from .written import written

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_COMMENT = re.compile("<!--.*?-->\n?", re.DOTALL)
_TOOLTIP = f"{{{_LINK}}}title"


def tidy(raw: str, prefix: str, title: str, description: str, size: tuple[float, float] | None = None) -> str:
    """The same drawing with `role="img"`, a title and a description; every id begins with the picture's prefix.

    Graphviz puts tooltips into links without a target, and its own names into <title>. Here an element's tooltip
    becomes its title, which browsers show and screen readers read; elements without one have no title.
    Graphviz rounds its frame to whole points; `size` says exactly how large the drawing shall be.
    """
    return written(tidied(raw, prefix, title, description, size))


def tidied(
    raw: str,
    prefix: str,
    title: str,
    description: str,
    size: tuple[float, float] | None = None,
    times: Mapping[str, int] | None = None,
) -> ElementTree.Element:
    """The tree of a tidy drawing; `times` says by id for how many wires one stands, where it is not one."""
    root = ElementTree.fromstring(_COMMENT.sub("", raw))
    for group in list(root.iter(_tag("g"))):
        _tooltip_to_title(group)
        if group.get("class", "").endswith(" tip"):
            _plain_head(group)
    for element in root.iter():
        if element.get("stroke") == "transparent":  # what Graphviz 2 writes for none is no colour of SVG
            element.set("stroke", "none")
    for text in root.iter(_tag("text")):
        _fonts(text)
    root.set("font-family", FONT)
    _prefix_ids(root, prefix)
    slim(root, _tag(""), times or {})
    if size is not None:
        for side, length in zip(("width", "height"), size, strict=True):
            root.set(side, f"{length:.2f}".rstrip("0").rstrip(".") + "pt")
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    for tag, words in (("desc", description), ("title", title)):
        element = ElementTree.Element(_tag(tag), {"id": f"{prefix}-{tag}"})
        element.text = printable(words)
        element.tail = "\n"
        root.insert(0, element)
    return root


def _tag(name: str) -> str:
    return f"{{{_SVG}}}{name}"


def _tooltip_to_title(group: ElementTree.Element) -> None:
    """Take the content out of Graphviz's `<g><a xlink:title="…">` and give the group the tooltip as its title."""
    own = group.find(_tag("title"))
    tooltip = None
    for place, child in enumerate(list(group)):
        link = child.find(_tag("a")) if child.tag == _tag("g") and not child.get("class") else None
        link = child if child.tag == _tag("a") else link
        if link is not None and link.get(_TOOLTIP) is not None:
            tooltip = link.get(_TOOLTIP)
            group.remove(child)
            for k, inner in enumerate(list(link)):
                group.insert(place + k, inner)
    if own is not None:
        if tooltip:
            own.text = tooltip
        else:
            group.remove(own)


def _plain_head(group: ElementTree.Element) -> None:
    """A tapered line comes as some forty points along three straight sides: three points say the same."""
    polygon = group.find(_tag("polygon"))
    points = polygon.get("points", "").split() if polygon is not None else []
    if polygon is not None and len(points) > 8 and len(points) % 2:
        middle = (len(points) - 1) // 2
        polygon.set("points", " ".join([points[0], points[middle], points[-2]]))
        polygon.set("stroke", "none")
        polygon.attrib.pop("stroke-width", None)


def _fonts(text: ElementTree.Element) -> None:
    """The usual family stands once, at the root; "bold" is a weight in SVG, not a part of a family's name."""
    family = text.get("font-family", "")
    if family == BOLD:
        text.set("font-weight", "bold")
    if family in (FONT, BOLD):
        text.attrib.pop("font-family")


def _prefix_ids(root: ElementTree.Element, prefix: str) -> None:
    """Every id begins with the prefix: several pictures may stand on one page."""
    renamed = {}
    for element in root.iter():
        name = element.get("id")
        if name is not None and not name.startswith(prefix):
            renamed[name] = f"{prefix}-{name}"
            element.set("id", renamed[name])
    for element in root.iter():
        for attribute, value in list(element.attrib.items()):
            if "url(#" in value:
                name = re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{renamed.get(match[1], match[1])})", value)
                element.set(attribute, name)
