"""Write a tree of SVG as text: what ElementTree does, in a third of the time, for the few things that a picture has."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"}
)


def written(root: ElementTree.Element) -> str:
    """The tree as text, with the namespaces of SVG and of links at its root."""
    text = part_written(root)
    links = f' xmlns:xlink="{_LINK}"' if "xlink:" in text else ""
    return text.replace("<svg", f'<svg xmlns="{_SVG}"{links}', 1) + "\n"


def part_written(root: ElementTree.Element) -> str:
    """A part of a tree as text, with what follows it."""
    out: list[str] = []
    waiting: list[ElementTree.Element | str] = [root]
    while waiting:
        element = waiting.pop()
        if isinstance(element, str):
            out.append(element)
            continue
        tag, tail = _short(element.tag), (element.tail or "").translate(_TEXT)
        said = "".join([f' {_short(name)}="{value.translate(_ATTRIBUTE)}"' for name, value in element.attrib.items()])
        if element.text or len(element):
            out.append(f"<{tag}{said}>{(element.text or '').translate(_TEXT)}")
            waiting += [f"</{tag}>{tail}", *reversed(element)]
        else:
            out.append(f"<{tag}{said}/>{tail}")
    return "".join(out)


def _short(name: str) -> str:
    """A name with its usual prefix instead of its namespace."""
    if name[0] != "{":
        return name
    space, _, word = name[1:].partition("}")
    return f"xlink:{word}" if space == _LINK else word
