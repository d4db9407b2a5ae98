"""Draw a program that marks no time steps: one node per line, laid out by plain `dot` under render's time limit."""

from __future__ import annotations

import graphviz
import networkx as nx

from ..layout.metrics import loss_number, shorten
from ..render import PictureError
from .canvas import FONT, literal
from .colours import FORWARD, INK, LOSS, LOSS_EDGE, OUTLINE, PALE, WEIGHT, WEIGHT_EDGE, WEIGHT_TEXT, Scale, line_colour

MOST_NODES = 400


def unstepped(graph: nx.MultiDiGraph, scale: Scale, title: str) -> graphviz.Digraph:
    """DOT without positions: values run upward in grey, gradients downward in colour.

    Raises:
        PictureError: more than 400 nodes, which `dot` lays out slowly or never.
    """
    if len(graph) > MOST_NODES:
        raise PictureError(
            f"{len(graph)} lines without time steps are too many to draw (at most {MOST_NODES}): "
            "mark the steps with `with tg.step(t):`, then one step is laid out and repeated"
        )
    prefix = f"p{abs(hash_of(graph)):08x}"
    out = graphviz.Digraph(
        prefix,
        graph_attr={"rankdir": "BT", "bgcolor": "white", "fontname": FONT, "label": literal(title), "labelloc": "t",
                    "id": prefix, "fontsize": "16", "nodesep": "0.3", "pad": ".25"},
        node_attr={"shape": "box", "style": "rounded,filled", "fillcolor": "white", "color": OUTLINE,
                   "fontcolor": INK, "fontname": FONT, "fontsize": "12", "margin": "0.12,0.05", "height": "0.3"},
        edge_attr={"color": FORWARD, "penwidth": "1.1", "arrowsize": ".55"},
    )  # fmt: skip
    for key, node in graph.nodes(data=True):
        out.node(key, _label(node), id=f"{prefix}-{key}", tooltip=literal(str(node["tooltip"])), **_style(node["kind"]))
    for n, (u, v, data) in enumerate(graph.edges(data=True)):
        tooltip = literal(str(data["tooltip"]))
        out.edge(u, v, id=f"{prefix}-fwd-{n}", tooltip=tooltip, **{"class": "fwd"})
        gradient = data["gradient"]
        if gradient is None:
            continue
        back = {"id": f"{prefix}-bwd-{n}", "tooltip": tooltip, "constraint": "false"}
        if gradient == 0:
            out.edge(v, u, **back, color=PALE, style="dotted", **{"class": "bwd zero"})
        else:
            at = scale.position(float(gradient))
            width, head = f"{1.2 + 3.2 * at:.2f}", f"{0.55 + 0.45 * at:.2f}"
            out.edge(v, u, **back, color=line_colour(at), penwidth=width, arrowsize=head, **{"class": "bwd"})
    return out


def elements(graph: nx.MultiDiGraph) -> dict[tuple[str, str], tuple[str, ...]]:
    """Which ids of the SVG show which node or edge of the graph, by `("node", key)` or `(u, v)`."""
    prefix = f"p{abs(hash_of(graph)):08x}"
    found = {("node", key): [f"{prefix}-{key}"] for key in graph}
    for n, (u, v, data) in enumerate(graph.edges(data=True)):
        lanes = ["fwd"] if data["gradient"] is None else ["fwd", "bwd"]
        found.setdefault((u, v), []).extend(f"{prefix}-{lane}-{n}" for lane in lanes)
    return {key: tuple(ids) for key, ids in found.items()}


def hash_of(graph: nx.MultiDiGraph) -> int:
    """A number for this graph's content, the same in every process."""
    import zlib

    content = [sorted((key, str(node["tooltip"])) for key, node in graph.nodes(data=True))]
    return zlib.crc32(repr(content).encode())


def _label(node: dict[str, object]) -> str:
    words = [str(node["op"] or "")] if node["kind"] not in ("weight", "input") else []
    if node["kind"] == "total":
        words = ["L =", loss_number(float(str(node["value"])), 3)]
    elif node["name"]:
        words.append(str(node["label"]))
    return literal(shorten(" ".join(filter(None, words)) or str(node["label"]), 40))


def _style(kind: str) -> dict[str, str]:
    styles = {
        "weight": {"style": "filled", "color": WEIGHT_EDGE, "fillcolor": WEIGHT, "fontcolor": WEIGHT_TEXT},
        "total": {"color": LOSS_EDGE, "fillcolor": LOSS},
        "input": {"shape": "ellipse"},
    }
    return styles.get(kind, {}) | {"class": "param" if kind == "weight" else kind}
