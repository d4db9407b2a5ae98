"""Fold a graph over time into the one step that is laid out: its parts, their edges with lags, and its carries."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

import networkx as nx

from .reach import far_reads, kinds_of_steps

_MOST_LAGS = 2  # of one value that one node reads from several steps, each with a chip

@dataclass(frozen=True)
class Edge:
    """A wire from one role to another, `lag` steps later."""

    source: int
    lag: int
    target: int


@dataclass(frozen=True)
class Part:
    """One drawn node of the step; its texts are the widest that occur in any step."""

    role: int
    kind: str
    op: str
    name: str | None
    label: str | None
    rows: tuple[tuple[str, str | None], ...]
    chips: tuple[str, ...]  # keys of weights used here, level with the rows first; then of values that were kept
    chip_labels: tuple[str, ...]
    cited: bool  # do other nodes' texts name it
    scopes: tuple[str, ...] = ()  # the named parts of the step that it stands in, from the outermost
    recorded: bool = False  # is it a line of the backward pass


@dataclass(frozen=True)
class Template:
    """One step that stands for all: the union of what occurs in any of them."""

    parts: tuple[Part, ...]  # program order
    edges: tuple[Edge, ...]  # sorted; weights, the total and what has a chip left out
    carries: tuple[tuple[int, int], ...]  # (role, lag >= 1), initial states included
    loss: int | None
    kinds: tuple[tuple[int, ...], ...] = ()  # roles that occur in the same loops; an encoder and a decoder are two
    stand_ins: tuple[tuple[int, int], ...] = ()  # (state of another kind of step, state whose place it takes at first)
    remembered: tuple[tuple[int, int], ...] = ()  # (state, reader) at no constant lag: the reader attends to the past

    def of_kind(self, kind: int) -> Template:
        """One kind of step alone, without the wires that come from other kinds of steps or out of the memory."""
        roles = frozenset(self.kinds[kind])
        edges = tuple(e for e in self.edges if {e.source, e.target} <= roles)
        carries = tuple(carry for carry in self.carries if carry[0] in roles)
        remembered = tuple(pair for pair in self.remembered if pair[1] in roles)
        parts = tuple(part for part in self.parts if part.role in roles)
        loss = self.loss if self.loss in roles else None
        return Template(parts, edges, carries, loss, (self.kinds[kind],), (), remembered)

    def signature(self) -> str:
        """Structure and texts as one string, the same for the same layout: numbers of roles and lines don't matter."""
        position = {part.role: n for n, part in enumerate(self.parts)}
        chips: dict[str, int] = {}
        rows = []
        for part in self.parts:
            numbers = [chips.setdefault(key, len(chips)) for key in part.chips]
            terms = [[text, None if key is None else chips.setdefault(key, len(chips))] for text, key in part.rows]
            texts = [part.kind, part.op, part.name, part.label, part.chip_labels, part.cited, part.scopes]
            rows.append([texts, terms, numbers])
        edges = sorted([position[e.source], e.lag, position[e.target]] for e in self.edges)
        carries = sorted([position[r], lag] for r, lag in self.carries)
        loss = None if self.loss is None else position[self.loss]
        kinds = [[position[role] for role in kind] for kind in self.kinds]
        pairs = [sorted([position[a], position[b]] for a, b in pairs) for pairs in (self.stand_ins, self.remembered)]
        return json.dumps([rows, edges, carries, loss, kinds, pairs], ensure_ascii=False)


def fold(G: nx.MultiDiGraph) -> Template:
    """The template of a graph made by `graph.build`; a plain graph without steps gives one without parts."""
    instances: dict[int, list[str]] = {}
    for key, node in G.nodes(data=True):
        if key[0] == "n":
            instances.setdefault(node["role"], []).append(key)
    if not G.graph["steps"]:
        return Template((), (), (), None)
    edges: set[Edge] = set()
    for u, v, wire in G.edges(data=True):
        if u[0] in "ni" and v[0] == "n":
            edges.add(Edge(G.nodes[u]["role"], wire["lag"], G.nodes[v]["role"]))
    kept = _kept(G)
    edges -= set(kept)
    roles = [r for r in G.graph["roles"] if r in instances]
    roles += sorted({e.source for e in edges} - set(roles))
    parts = tuple(_part(G, r, instances.get(r, []), kept) for r in roles)
    ordered = tuple(sorted(edges, key=lambda e: (e.source, e.lag, e.target)))
    carries = tuple(sorted({(e.source, e.lag) for e in edges if e.lag}))
    losses = [G.nodes[key]["role"] for key in G.graph["losses"].values() if key != "L"]
    kinds = kinds_of_steps(G, roles)
    stand_ins, remembered = far_reads(G, {(e.source, e.lag, e.target) for e in edges}, kinds)
    return Template(parts, ordered, carries, losses[-1] if losses else None, kinds, stand_ins, remembered)


def _kept(G: nx.MultiDiGraph) -> dict[Edge, str]:
    """What the recorded backward pass reads of the forward pass, with the widest text: it has chips, as weights have.

    A wire from each value to each line that reads it would hide both passes. Where there is no short text for a
    value, or it is read at many distances, its wires stay.
    """
    texts: dict[Edge, list[str | None]] = {}
    for u, v, wire in G.edges(data=True):
        if u[0] in "ni" and v[0] == "n" and G.nodes[v].get("recorded") and G.nodes[v]["kind"] != "cell":
            edge = Edge(G.nodes[u]["role"], wire["lag"], G.nodes[v]["role"])
            texts.setdefault(edge, []).append(wire["kept"])
    lags = Counter((edge.source, edge.target) for edge in texts)
    return {
        edge: max((text for text in found if text), key=len)
        for edge, found in texts.items()
        if all(found) and lags[edge.source, edge.target] <= _MOST_LAGS
    }


def kept_key(edge: Edge) -> str:
    """The key of the chip of a value that was kept."""
    return f"k{edge.source}.{edge.lag}"


def kept_edge(key: str, target: int) -> Edge | None:
    """The edge that a chip beside a node stands for; None where it is a weight's."""
    if key[0] != "k":
        return None
    source, lag = key[1:].split(".")
    return Edge(int(source), int(lag), target)


def _part(G: nx.MultiDiGraph, role: int, keys: list[str], kept: dict[Edge, str]) -> Part:
    nodes = [G.nodes[key] for key in keys]
    chips: dict[str, None] = {}
    rows: tuple[tuple[str, str | None], ...] = max((n["rows"] for n in nodes), key=_size, default=())
    chips.update((key, None) for _, key in rows if key is not None)
    chips.update((u, None) for key in keys for u in G.predecessors(key) if u[0] == "w")  # as the operands stand
    if nodes[-1]["kind"] == "cell":
        chips = {}  # too many for one box; strips have them
    texts = {key: str(G.nodes[key]["label"]) for key in chips}
    texts |= {kept_key(edge): text for edge, text in kept.items() if edge.target == role}
    return Part(
        role=role,
        kind=nodes[-1]["kind"],
        op=max((n["op"] for n in nodes), key=len),
        name=next((n["name"] for n in nodes if n["name"]), None),
        label=max((n["label"] for n in nodes if n["label"]), key=len, default=None),
        rows=rows,
        chips=tuple(texts),
        chip_labels=tuple(texts.values()),
        cited=any(n["cited"] for n in nodes),
        scopes=nodes[0]["scopes"],
        recorded=all(n.get("recorded", False) for n in nodes),
    )


def _size(rows: tuple[tuple[str, str | None], ...]) -> tuple[int, int]:
    return len(rows), max((len(text) for text, _ in rows), default=0)
