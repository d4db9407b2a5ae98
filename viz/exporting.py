"""Hand the graph behind a picture to other programs: networkx's node-link JSON, GraphML, or DOT without positions.

viz.export(flow, "bptt.json")                     # or .graphml, .dot; a graph or a Picture instead of a flow
viz.export(flow, "bptt.json", arrays="norms")     # smaller: the norm of each array instead of its numbers

Numbers are written so that reading them gives the same ones. What a format cannot hold is written like this:

* JSON is strict: NaN and infinities are the strings "NaN", "Infinity" and "-Infinity"; tuples and arrays are lists;
  keys are strings.
* GraphML and DOT know plain values only: lists and dicts are JSON texts in them, and None is left out.
* XML 1.0 and DOT cannot hold control characters: each becomes U+FFFD.
* In DOT attributes begin with `tg_`, since Graphviz has a `shape` of its own, and backslashes are doubled, as Graphviz
  reads them; `label` and `tooltip` are what it shows.
"""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from . import render
from .plain import one_line
from .reading.graph import build
from .reading.tooltips import norm
from .render import PictureError

FORMATS = ("json", "graphml", "dot")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_HALVES = re.compile("[\ud800-\udfff]")
_LONGEST = 2000  # characters of a string in DOT; longer ones are joined by +, since Graphviz 2 stops at 16,384 bytes
_JAVA = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # GraphML's doubles are Java's
_GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


def export(what: Any, path: str | Path, *, arrays: str = "lists") -> Path:
    """Write the graph of a flow or of a picture; the ending of the path says how: .json, .graphml or .dot.

    Args:
        what: a flow, a Picture, or a graph that `viz.graph` made.
        path: where to; the file is written whole.
        arrays: "lists" keeps every number of every array (each edge's contribution is one), "norms" their norms.

    Returns the path.

    Raises:
        PictureError: something else was given, unknown ending, or a place that cannot be written.
    """
    path = Path(path)
    ending = render.ending_of(path, FORMATS)
    if arrays not in ("lists", "norms"):
        raise PictureError(f"arrays={arrays!r}: must be 'lists' or 'norms'")
    render.write(path, exported(_graph(what), ending, arrays))
    return path


def exported(graph: nx.MultiDiGraph, ending: str, arrays: str = "lists") -> bytes:
    """A graph as the bytes of a file: "json", "graphml" or "dot"."""
    data = _strict(nx.node_link_data(graph, edges="edges"), arrays)
    if ending == "json":
        return (json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()
    return _graphml(data, graph) if ending == "graphml" else _dot(data)


def _graph(what: Any) -> nx.MultiDiGraph:
    if isinstance(what, Flow):
        return build(what)
    graph = what if isinstance(what, nx.MultiDiGraph) else getattr(what, "graph", None)  # a Picture has its graph
    if not isinstance(graph, nx.MultiDiGraph):
        kind = type(what).__name__
        raise PictureError(f"cannot export a {kind}: give a flow, a Picture or what viz.graph(flow) made")
    return graph


def _strict(data: Any, arrays: str) -> Any:
    """Data that any JSON reader takes: what json itself would write as NaN becomes a string on the way."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist() if arrays == "lists" else norm(value)
        if isinstance(value, np.generic):
            return value.item()
        if is_dataclass(value):  # what a folded panel stands for
            return {entry.name: getattr(value, entry.name) for entry in fields(value)}
        return sorted(value, key=repr) if isinstance(value, set | frozenset) else str(value)

    text = json.dumps(data, default=plain, ensure_ascii=False)
    return json.loads(_HALVES.sub("\ufffd", text), parse_constant=str)


def _attributes(data: dict[str, Any], besides: tuple[str, ...] = ()) -> dict[str, Any]:
    """Attributes as plain values: lists and dicts as JSON text, None left out, nothing that XML cannot hold."""
    found = {}
    for key, value in data.items():
        if value is None or key in besides:
            continue
        if isinstance(value, list | dict):
            value = json.dumps(value, ensure_ascii=False)
        found[_clean(key)] = _clean(value) if isinstance(value, str) else value
    return found


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text).replace("\r", "\n")


def _graphml(data: Any, given: nx.MultiDiGraph) -> bytes:
    graph = nx.MultiDiGraph()
    graph.graph.update(_attributes(data["graph"]))
    for node, (key, before) in zip(data["nodes"], given.nodes(data=True), strict=True):
        graph.add_node(key)
        graph.nodes[key].update(_numbers(_attributes(node, ("id",)), before))
    for edge, (u, v, key, before) in zip(data["edges"], given.edges(keys=True, data=True), strict=True):
        graph.add_edge(u, v, key=key)
        graph.edges[u, v, key].update(_numbers(_attributes(edge, ("source", "target", "key")), before))
    out = io.BytesIO()
    nx.write_graphml_xml(graph, out)
    root = ElementTree.fromstring(out.getvalue())
    doubles = {key.get("id") for key in root.iter(f"{_GRAPHML}key") if key.get("attr.type") == "double"}
    for entry in root.iter(f"{_GRAPHML}data"):
        if entry.get("key") in doubles:
            entry.text = _JAVA.get(entry.text or "", entry.text)
    ElementTree.register_namespace("", _GRAPHML[1:-1])
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _numbers(attributes: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Infinities and NaN as the floats that they were, for a format that has them."""
    return {
        key: float(before[key]) if isinstance(before.get(key), float | np.floating) else value
        for key, value in attributes.items()
    }


def _dot(data: Any) -> bytes:
    lines = ["digraph {"]
    lines += [f"  {_quoted(f'tg_{key}')}={_quoted(value)};" for key, value in _attributes(data["graph"]).items()]
    for node in data["nodes"]:
        shown = one_line(node.get("label") or "", 60)  # without a label Graphviz would show the node's key
        told = {"label": shown, "tooltip": str(node.get("tooltip") or ""), "tg_label": node.get("label")}
        lines.append(f"  {_quoted(node['id'])} {_list(_attributes(node, ('id', *told)), _attributes(told))};")
    for edge in data["edges"]:
        ends = f"{_quoted(edge['source'])} -> {_quoted(edge['target'])}"
        lines.append(f"  {ends} {_list(_attributes(edge, ('source', 'target', 'key')), {})};")
    return ("\n".join([*lines, "}"]) + "\n").encode()


def _list(attributes: dict[str, Any], graphviz: dict[str, Any]) -> str:
    own = graphviz | {f"tg_{key}": value for key, value in attributes.items()}
    return "[" + ", ".join(f"{_quoted(key)}={_quoted(value)}" for key, value in own.items()) + "]"


def _quoted(value: Any) -> str:
    """A quoted string of DOT; inside one only a quote needs a backslash, and a backslash before it would undo that."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    parts = [text[i : i + _LONGEST] for i in range(0, len(text), _LONGEST)] or [""]
    return " + ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
