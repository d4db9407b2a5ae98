"""What a canvas holds in the end: every element in its own colours, in the order in which Graphviz shall paint it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import graphviz

from . import dot
from .text import slug
from .themes import Theme

Frame = tuple[float, float, float, float]


@dataclass(slots=True)
class Element:
    """A box, a text or a wire with its attributes of DOT. Names: its own last; a wire's two ends before it.

    `way` is the line of a wire before it was shifted by `dx`: wires of one way look alike.
    """

    names: tuple[str, ...]
    attributes: dict[str, str]
    panel: str | None = None
    faded: bool = False
    way: object = None
    dx: float = 0.0

    @property
    def first_word(self) -> str:
        """The first word of the class: fwd for values, bwd for gradients."""
        return self.attributes.get("class", "").split(" ", 1)[0]


@dataclass(frozen=True)
class Finished:
    """Panels by their names, boxes and texts, and wires, as they are painted. `prefix` is what every id begins with."""

    theme: Theme
    frame: Frame
    prefix: str
    panels: Mapping[str, Mapping[str, str]]
    nodes: Sequence[Element]
    wires: Sequence[Element]
    extra: dict[str, str] = field(default_factory=dict)  # attributes of the whole graph: its size on paper

    def __len__(self) -> int:
        return len(self.panels) + len(self.nodes) + len(self.wires)

    def identity(self, name: str) -> str:
        """The id of an element in the SVG."""
        return f"{self.prefix}-{slug(name)}"

    def holding(self, statements: Iterable[str]) -> graphviz.Digraph:
        """Elements, and what holds for all of them."""
        out = dot.empty(self.theme, self.prefix, self.frame)
        out.body += statements
        out.attr(**self.extra)
        return out

    def in_panels(self) -> dict[str | None, list[Element]]:
        """Boxes and texts by their panels, in the order in which they are painted; those without one come last."""
        groups: dict[str | None, list[Element]] = {name: [] for name in self.panels}
        for element in self.nodes:
            groups.setdefault(element.panel, []).append(element)
        return groups

    def digraph(self) -> graphviz.Digraph:
        """Everything as DOT."""
        groups, statements = self.in_panels(), list[str]()
        for panel, attributes in self.panels.items():
            inside = [f"\t{self._node(element)}" for element in groups.pop(panel)]
            statements += dot.panel(panel, attributes, self.identity(panel), inside)
        statements += [self._node(element) for group in groups.values() for element in group]
        for wire in self.wires:
            tail, head, name = wire.names
            statements.append(dot.wire(tail, head, wire.attributes, self.identity(name)))
        return self.holding(statements)

    def _node(self, element: Element) -> str:
        name = element.names[0]
        return dot.node(name, element.attributes, self.identity(name))


def hashed(panels: Mapping[str, Mapping[str, str]], nodes: Sequence[Element], wires: Sequence[Element]) -> str:
    """A prefix for ids out of a hash of the content: stable, and unlike those of other pictures."""
    content = hashlib.sha256(repr(panels).encode())
    elements = ["\x1f".join((*element.names, *element.attributes.values())) for element in (*nodes, *wires)]
    content.update("".join(elements).encode())
    return "p" + content.hexdigest()[:6]
