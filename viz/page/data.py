"""Gather everything that a page's script reads, as plain lists, words and numbers of four digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from ..painting.colours import Scale
from ..reading.graph import build
from ..reading.naming import short_steps, step_words
from . import events, tables
from .arrays import Floats, limit_for
from .choices import Choice, first_shown
from .drawing import Drawing

Pair = tuple[str, str]


@dataclass(frozen=True)
class Subject:
    """What a page is about: a flow, its graph, the losses to choose from, the lines that lead to them, the drawing."""

    flow: Flow
    graph: nx.MultiDiGraph
    offered: list[Choice]
    wanted: set[int]
    scale: Scale
    picture: Drawing
    title: str


def gather(subject: Subject) -> dict[str, Any]:
    """All of it, ready for JSON."""
    flow, graph, offered, wanted = subject.flow, subject.graph, subject.offered, subject.wanted
    picture, scale = subject.picture, subject.scale
    sizes = [int(np.size(flow.tape.lines[i][4])) for i in wanted]
    sizes += [int(np.size(array)) for choice in offered for array in choice.flow.edges.values()]
    floats, drawn = Floats(limit_for(sizes)), events.Drawn(flow, graph)
    told = events.lines(flow, graph, drawn, floats, wanted)
    swept, order = events.edges(flow, offered, drawn)
    names, groups = _elements(picture, drawn)
    first = first_shown(flow, offered)
    wires = _wires_by_element(picture)
    shown: list[dict[str, Any]] = []
    for choice in offered:
        own = graph if choice.s is None else build(choice.flow)
        t = "" if choice.s is None else short_steps(flow.steps.order)[choice.s]
        when = "" if choice.s is None else step_words(flow.steps.order, choice.s, "t = ")
        found = {"label": choice.label, "t": t, "when": when, "s": -1 if choice.s is None else choice.s}
        found |= events.sweep(choice, order, floats)
        found["levels"] = tables.levels([wires.get(name, []) for name in names], own, scale)
        found["wires"] = tables.levels([[pair] for pair in drawn.wires], own, scale)
        shown.append(found)
    forward = sum(1 for i in wanted if flow.tape.lines[i][1])
    return told | swept | {
        "title": subject.title,
        "notes": [*graph.graph["notes"]],
        "loss": flow.loss,
        "first": first,
        "counts": (forward, len(shown[first]["e"]) if shown else 0),
        "when": [step_words(flow.steps.order, s, "t = ") for s in range(len(flow.steps.order))],
        "nodes": _nodes(graph, groups),
        "wires": [[drawn.nodes[u], drawn.nodes[v], groups.get((u, v), [])] for u, v in drawn.wires],
        "names": names,
        "weights": tables.parameters(flow, graph),
        "choices": shown,
        "losses": {str(s): drawn.nodes[key] for s, key in graph.graph["losses"].items() if key in drawn.nodes},
        "table": tables.contributions(flow, graph, offered),
        "scale": {"low": scale.low, "high": scale.high},
        "palette": tables.palette(),
        "floats": floats.text(),
    }  # fmt: skip


def _elements(picture: Drawing, drawn: events.Drawn) -> tuple[list[str], dict[Pair, list[int]]]:
    """All ids, and by node or edge which of them show it."""
    names = sorted({name for ids in picture.elements.values() for name in ids})
    place = {name: n for n, name in enumerate(names)}
    return names, {key: [place[name] for name in ids] for key, ids in picture.elements.items()}


def _wires_by_element(picture: Drawing) -> dict[str, list[Pair]]:
    """Which edges of the graph an element stands for."""
    found: dict[str, list[Pair]] = {}
    for key, ids in picture.elements.items():
        for name in ids if key[0] != "node" else ():
            found.setdefault(name, []).append(key)
    return found


def _nodes(graph: nx.MultiDiGraph, groups: dict[Pair, list[int]]) -> list[dict[str, Any]]:
    rows = []
    for key, node in graph.nodes(data=True):
        label = str(node["label"] or node["op"])
        row = {"k": key, "label": label, "kind": node["kind"], "s": node.get("step", -1) if key[0] == "n" else -1}
        rows.append(row | {"lines": sorted(node["lines"]), "els": groups.get(("node", key), [])})
    return rows
