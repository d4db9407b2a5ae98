"""Write elements as DOT statements. The graphviz library quotes; a word that was quoted once is not quoted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import graphviz
from graphviz.quoting import quote

from .colours import FORWARD, INK, NODE, OUTLINE, PAGE
from .text import FONT, pt
from .themes import Theme

# The usual colours of nodes and wires, which stand once at the head of the graph.
NODE_STYLE = {"fillcolor": NODE, "color": OUTLINE, "fontcolor": INK}
WIRE_STYLE = {"color": FORWARD}

# Attributes that the canvas itself writes: numbers, points and slugs, which hold nothing that wants escaping.
_SAFE = frozenset(("pos", "lp", "bb", "id", "width", "height", "penwidth", "fontsize", "arrowsize"))

quoted = lru_cache(maxsize=50_000)(quote)


def node(name: str, attributes: Mapping[str, str], identity: str) -> str:
    """One node as a line of DOT."""
    return f"\t{quoted(name)} [{_listed(attributes, identity)}]\n"


def wire(tail: str, head: str, attributes: Mapping[str, str], identity: str) -> str:
    """One edge as a line of DOT."""
    return f"\t{quoted(tail)} -> {quoted(head)} [{_listed(attributes, identity)}]\n"


def panel(name: str, attributes: Mapping[str, str], identity: str, inside: Sequence[str]) -> list[str]:
    """A panel with the statements inside it."""
    held = " ".join([f"{key}={quoted(value)}" for key, value in sorted({**attributes, "id": identity}.items())])
    return [f"\tsubgraph {quoted(f'cluster_{name}')} {{\n", f"\t\t{held}\n", *inside, "\t}\n"]


def _listed(attributes: Mapping[str, str], identity: str) -> str:
    parts = [
        f'{key}="{value}"' if key in _SAFE else f"{key}={quoted(value)}" for key, value in sorted(attributes.items())
    ]
    return " ".join([*parts, f'id="{identity}"'])


def empty(theme: Theme, prefix: str, frame: tuple[float, float, float, float]) -> graphviz.Digraph:
    """A graph with what holds for all its elements, and none of them yet."""
    return graphviz.Digraph(
        prefix,
        graph_attr=theme.attributes(
            {
                "layout": "nop2",
                "bgcolor": PAGE,
                "pad": ".25",
                "splines": "true",
                "outputorder": "nodesfirst",
                "fontname": FONT,
                "id": prefix,
                "bb": ",".join(pt(side) for side in frame),
            }
        ),
        node_attr=theme.attributes(
            {
                "shape": "box",
                "style": "rounded,filled",
                **NODE_STYLE,
                "fontname": FONT,
                "fontsize": "12",
                "penwidth": "1.1",
                "margin": "0",
                "fixedsize": "true",
            }
        ),
        edge_attr=theme.attributes({**WIRE_STYLE, "penwidth": "1.1", "arrowsize": ".55"}),
    )
