"""Gather everything that a page's script reads, as plain lists, words and numbers of four digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from ..painting.colours import Scale, scale_of
from ..reading.fold import KEY, Fold
from ..reading.graph import build
from ..reading.naming import short_steps, step_words
from . import events, tables
from .arrays import MOST_FLOATS, MOST_FOLDED, Floats, limit_for
from .choices import Choice, first_shown
from .contributions import contributions
from .drawing import Drawing
from .parts import Event, Parts, parts

Pair = tuple[str, str]


@dataclass(frozen=True)
class Subject:
    """What a page is about: a flow, its graph, the losses to choose from, the lines that lead to them, the drawing."""

    flow: Flow
    graph: nx.MultiDiGraph
    ends: tuple[int, int] | None  # how many steps are drawn before and after a fold
    offered: list[Choice]
    wanted: set[int]
    scale: Scale
    picture: Drawing
    title: str


def gather(subject: Subject) -> dict[str, Any]:
    """All of it, ready for JSON."""
    flow, graph, offered, wanted = subject.flow, subject.graph, subject.offered, subject.wanted
    picture, scale, fold = subject.picture, subject.scale, graph.graph.get("fold")
    together = parts(flow, fold, wanted)
    drawn = events.Drawn(flow, graph, together)
    swept, order = events.edges(flow, offered, drawn, together)
    floats = Floats(limit_for(_sizes(subject, together, order), MOST_FOLDED if fold else MOST_FLOATS))
    told = events.lines(flow, graph, drawn, floats, wanted, together)
    names, groups = _elements(picture, drawn)
    first = first_shown(flow, offered)
    wires = _wires_by_element(picture)
    shown: list[dict[str, Any]] = []
    for choice in offered:
        own = graph if choice.s is None else build(choice.flow, fold=subject.ends)
        t = "" if choice.s is None else short_steps(flow.steps.order)[choice.s]
        when = "" if choice.s is None else step_words(flow.steps.order, choice.s, "t = ")
        found = {"label": choice.label, "t": t, "when": when, "s": -1 if choice.s is None else choice.s}
        found |= events.sweep(choice, order, floats)
        its = scale if own is graph else scale_of(tables.norms(own))
        found["scale"] = _ends(its)
        found["levels"] = tables.levels([wires.get(name, []) for name in names], own, its)
        found["wires"] = tables.levels([[pair] for pair in drawn.wires], own, its)
        found["segments"] = tables.segment_levels(picture.ribbons, own.graph.get("fold"), its)
        shown.append(found)
    return told | swept | {
        "title": subject.title,
        "notes": [*graph.graph["notes"]],
        "loss": flow.loss,
        "first": first,
        "counts": (len(told["forward"]), len(shown[first]["e"]) if shown else 0),
        "when": [step_words(flow.steps.order, s, "t = ") for s in range(len(flow.steps.order))],
        "nodes": _nodes(graph, groups),
        "wires": [[drawn.nodes[u], drawn.nodes[v], groups.get((u, v), [])] for u, v in drawn.wires],
        "names": names,
        "fold": _fold(fold, drawn, picture, tables.segment_levels(picture.ribbons, fold, scale)),
        "weights": tables.parameters(flow, graph),
        "choices": shown,
        "losses": {str(s): drawn.nodes[key] for s, key in graph.graph["losses"].items() if key in drawn.nodes},
        "table": contributions(flow, graph, offered),
        "scale": _ends(scale),
        "palette": tables.palette(),
        "floats": floats.text(),
    }  # fmt: skip


def _ends(scale: Scale) -> dict[str, Any]:
    return {"low": scale.low, "high": scale.high, "clamped": scale.clamped}


def _sizes(subject: Subject, together: Parts, order: list[Event]) -> list[int]:
    """How many numbers each array has that the page would keep."""
    lines = subject.flow.tape.lines
    sizes = [int(np.size(lines[i][4])) for i in together.shown(subject.wanted)]
    brought = [array for choice in subject.offered for event in order for array in events.brought(choice, event)]
    return [*sizes, *(int(np.size(array)) for array in brought if array is not None)]


def _fold(fold: Fold | None, drawn: events.Drawn, picture: Drawing, painted: str) -> dict[str, Any] | None:
    """The folded steps: their node, the arrows of their ribbons, each segment with its steps and its painted level."""
    if fold is None:
        return None
    segments = [(name, *steps) for ribbon in picture.ribbons for name, steps in ribbon.segments.items()]
    arrows = [ribbon.arrow for ribbon in picture.ribbons]
    steps = (fold.start, fold.stop - 1)
    return {"node": drawn.nodes[KEY], "steps": steps, "arrows": arrows, "segments": segments, "painted": painted}


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
        row |= {"told": _of_fold(graph)} if key == KEY else {}
        rows.append(row | {"lines": sorted(node["lines"]), "els": groups.get(("node", key), [])})
    return rows


def _of_fold(graph: nx.MultiDiGraph) -> list[str]:
    """What the panel of the folded steps says when it is opened."""
    fold: Fold = graph.graph["fold"]
    said = [f"{len(fold)} steps, each of them one event forward and one backward."]
    if fold.loss is not None:
        said.append(f"{fold.losses} losses, mean {fold.loss:.4g}.")
    for ribbon in fold.ribbons:
        norms = [size for size in ribbon.norms if size is not None]
        if norms and graph.graph["backward"]:
            said.append(f"{ribbon.label}: gradient on its carry, norms from {min(norms):.3g} to {max(norms):.3g}.")
    return said
