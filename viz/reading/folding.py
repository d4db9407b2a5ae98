"""Fold steps of a graph into one node: what crosses its borders, what passes inside it step by step, what it adds up.

The node is called "fold". Gradient leaves it to the states before it and to the weights, and enters it from the states
after it and from L; every edge has its true contribution, so what arrives at each drawn node still sums to its adjoint.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow
from tinygrad_rnn.losses import loss_value

from ..layout.metrics import shorten
from . import collapsing, words
from .arguments import Wire, Wires
from .carried import Carried, few, joined
from .excerpt import Excerpt, excerpt, named
from .fold import KEY, Fold
from .missing import Missing, norms, put
from .tooltips import norm

Array = Any
Sums = dict[int, Array]  # by step, or by line: what arrives there, added as arrays
_UNNAMED = re.compile(r"\bv(\d+)\b")
MOST_STEPS_WHOLE = 12  # so many steps are read whole, for the table of contributions


def part(flow: Flow, start: int, stop: int) -> Excerpt:
    """What must be read of a flow to draw it with steps `start` to `stop` − 1 folded."""
    count = len(flow.steps.order)
    drawn = [s for s in range(count) if not start <= s < stop]
    return excerpt(flow, range(count) if count <= MOST_STEPS_WHOLE else drawn)


def folded(G: nx.MultiDiGraph, wires: Wires, cut: Excerpt, start: int, stop: int) -> nx.MultiDiGraph:
    """The graph of an excerpt with some steps of the whole recording folded; keys and lines are those of the whole."""
    return _Folding(named(G, cut), wires, cut, start, stop).graph()


class _Folding:
    """Sorts the wires of a graph into those outside the fold, those that cross its borders, and those inside."""

    def __init__(self, G: nx.MultiDiGraph, wires: Wires, cut: Excerpt, start: int, stop: int):
        self.G, self.wires, self.cut, self.start, self.stop = G, wires, cut, start, stop
        self.program, self.display, self.whole = wires.display.program, wires.display, cut.whole
        self.missing = Missing(wires, cut)
        self.H = nx.MultiDiGraph()
        self.carried = Carried(start, stop)
        self.entering: dict[tuple[str, int, int, int], list[Wire]] = defaultdict(list)  # u, role, target, step read in
        self.leaving: dict[tuple[str, int, int, int], list[Wire]] = defaultdict(list)  # v, role, target, step made in

    # ---- names ----

    def _is_folded(self, s: int) -> bool:
        return self.start <= s < self.stop

    def _step(self, key: str) -> int:
        """The step of a node of the excerpt, counted in the whole recording."""
        s = int(key.split("@")[1])
        return self.cut.steps[s] if s >= 0 else s

    def _key(self, key: str) -> str:
        """What a node of the excerpt is called in the whole."""
        return f"{key.split('@')[0]}@{self._step(key)}" if "@" in key else key

    def _hidden(self, key: str) -> bool:
        return key[0] == "n" and self._is_folded(self._step(key))

    def _made_in(self, u: str, wire: Wire) -> int:
        """The step in which a wire's value was really made, where another one stands in for it."""
        if u[0] == "n" and wire.passed:
            child, k = wire.passed[-1]
            parent = self.whole.tape.lines[self.cut.lines[child]][1][k]
            if parent >= 0 and self.whole.steps.of[parent] >= 0:
                return self.whole.steps.of[parent]
        return self._step(u)

    # ---- the graph ----

    def graph(self) -> nx.MultiDiGraph:
        """Drawn nodes, the fold, then the edges between them."""
        shown = {}
        for key, node in self.G.nodes(data=True):
            if not self._hidden(key):
                shown[key] = self._key(key)
                self.H.add_node(shown[key], **self._renumbered(key, node))
        self.H.add_node(KEY)
        for u, v, data in self.G.edges(data=True):
            if u in shown and v in shown and u[0] != "w" or (u[0] == "w" and v in shown):
                self._drawn(u, v, data)
        for (u, v), wires in self.wires.between.items():
            if u[0] in "ni" and v[0] == "n" and u in self.G and v in self.G:
                self._sort(u, v, wires)
        self.carried.add_missing(self.missing.carries, self.missing.cuts)
        self._borders()
        self._weights()
        self._total()
        self._facts()
        return self.H

    def _renumbered(self, key: str, node: dict[str, Any]) -> dict[str, Any]:
        lines = self.cut.lines
        new = {**node, "lines": tuple(lines[i] for i in node["lines"]), "exits": tuple(lines[i] for i in node["exits"])}
        if key[0] in "ni":
            new["step"] = self._step(key)
        for text in ("rule", "tooltip"):
            new[text] = _UNNAMED.sub(self._line_name, str(node[text]))
        return new

    def _line_name(self, found: re.Match[str]) -> str:
        """What a line without a name is called, v12, by its number in the whole recording."""
        number, names = int(found[1]), self.program.flow.steps.name
        unnamed = number < len(names) and names[number] is None and found[0] not in names
        return f"v{self.cut.lines[number]}" if unnamed else found[0]

    def _drawn(self, u: str, v: str, data: dict[str, Any]) -> None:
        a, b = self._key(u), self._key(v)
        lag = data["lag"] if v == "L" or u[0] == "w" else self._step(v) - self._step(u)
        passed = tuple((self.cut.lines[i], k) for i, k in data.get("passed", ()))
        self.H.add_edge(a, b, key=0, **{**data, "lag": lag, "passed": passed})

    def _sort(self, u: str, v: str, wires: list[Wire]) -> None:
        """Put each wire between two nodes where it belongs: at a border, inside the fold, or outside of it."""
        role, target, read = int(self.G.nodes[u]["role"]), int(self.G.nodes[v]["role"]), self._step(v)
        if self.G.nodes[u]["kind"] == "cell" and self._step(u) == read:
            return  # from a collapsed box to its port, or to a loss
        for wire in wires:
            silent = self._is_silent(wire)
            self.carried.heard |= set() if silent else {role}
            made = self._made_in(u, wire)
            lag = read - made
            if lag == 0 or not (self._is_folded(read) or self._is_folded(made)):
                continue
            if self._is_folded(read) and silent:
                self.carried.note(role, lag)
            elif self._is_folded(read):
                self.carried.add(role, lag, read, self._origin(wire), wire.contribution, cut=wire.cut)
            if self._is_folded(read) and not self._is_folded(made):
                self.entering[self._key(u), role, target, read].append(wire)
            elif not self._is_folded(read):
                self.leaving[self._key(v), role, target, made].append(wire)

    def _is_silent(self, wire: Wire) -> bool:
        """Whether no gradient can go back along a wire: it brings data, as a state may be that nobody asks about."""
        child, k = wire.passed[-1]
        return not self.G.graph["backward"] or not self.program.differentiable[self.program.parents(child)[k]]

    def _borders(self) -> None:
        """Edges into the fold and out of it; a state read at many distances has one for all of them."""
        entering: dict[tuple[str, int, int], dict[int, list[Wire]]] = defaultdict(dict)
        for (u, role, target, read), wires in self.entering.items():
            entering[u, role, target][read] = wires
        for (u, role, target), by_step in entering.items():
            made = int(u.split("@")[1])
            for lag, wires in few({read - made: w for read, w in by_step.items()}):
                self._edge(u, KEY, role, lag, target, made + lag, wires)
        leaving: dict[tuple[str, int, int], dict[int, list[Wire]]] = defaultdict(dict)
        for (v, role, target, made), wires in self.leaving.items():
            leaving[v, role, target][made] = wires
        for (v, role, target), by_step in leaving.items():
            read = int(v.split("@")[1])
            for lag, wires in few({read - made: w for made, w in by_step.items()}):
                self._edge(KEY, v, role, lag, target, read, wires)

    def _edge(self, u: str, v: str, role: int, lag: int, target: int, read: int, wires: list[Wire]) -> None:
        """One edge across a border; contributions to one state are added as arrays, those to several are stacked."""
        sums: Sums = {}
        for wire in wires:
            put(sums, self._origin(wire), wire.contribution)
        contribution = joined(sums.values())
        if u != KEY and self.H.nodes[u]["kind"] == "cell":
            pairs = [(self._origin(wire), wire.contribution) for wire in wires]
            contribution = collapsing.stacked(self.whole.tape, self.H.nodes[u]["exits"], pairs)
        gradient = None if all(map(self._is_silent, wires)) else 0.0 if contribution is None else norm(contribution)
        cut = all(wire.cut for wire in wires)
        other = self.H.nodes[v if u == KEY else u]
        told = other["label"] or other["op"]
        ends = ("the folded steps", told) if u == KEY else (told, "the folded steps")
        back = "" if gradient is None else f"\n‖gradient‖ {gradient:.4g}" if gradient else "\ngradient exactly 0"
        passed = tuple((self.cut.lines[i], k) for wire in wires for i, k in wire.passed)
        self.H.add_edge(
            u, v, key=self.H.number_of_edges(u, v), lag=lag, forward=True, gradient=gradient, contribution=contribution,
            cut=cut, vanished=(), passed=passed, source=role, target=target, step=read,
            value_norm=norm([norm(self.whole.tape.lines[i][4]) for i in {self._origin(wire) for wire in wires}]),
            tooltip=" → ".join(ends) + ("\ncut: gradient is not followed here" if cut else back),
        )  # fmt: skip

    def _origin(self, wire: Wire) -> int:
        child, k = wire.passed[-1]
        return self.whole.tape.lines[self.cut.lines[child]][1][k]

    # ---- what the fold adds up ----

    def _weights(self) -> None:
        """The share of the folded steps in each weight's gradient: the sum of their shares, as arrays."""
        shares: dict[int, Sums] = defaultdict(dict)
        for weight, child, k in self.wires.taps:
            s = self.program.step[child]
            if s >= 0 and self._is_folded(self.cut.steps[s]):
                array = self.wires.pushed(self.program.flow.edges, child, k)
                put(shares[self.cut.lines[weight]], self.cut.steps[s], array)
        for weight, arrays in self.missing.shares.items():
            shares[weight].update(arrays)
        for key in self.G.graph["weights"]:
            node, weight = self.H.nodes[key], int(key[1:])
            node["shares"] = {
                s if s < 0 else self.cut.steps[s]: share
                for s, share in node["shares"].items()
                if s < 0 or not self._is_folded(self.cut.steps[s])
            }
            if weight in shares:
                self._share(key, shares[weight])

    def _share(self, key: str, by_step: Sums) -> None:
        each = norms(by_step.values())
        silent = not self.G.graph["backward"]
        total = sum((a for a in by_step.values() if a is not None), start=np.zeros(()))
        words_ = "" if silent else f"\n‖sum of their shares‖ {norm(total):.4g}; each {min(each):.3g} to {max(each):.3g}"
        self.H.add_edge(
            key, KEY, key=0, lag=0, forward=True, gradient=None if silent else norm(total), cut=False, vanished=(),
            contribution=None if silent else total, passed=(), each=tuple(sorted(each)[:: max(1, len(each) - 1)]),
            tooltip=f"{self.H.nodes[key]['label']} → the folded steps{words_}",
        )  # fmt: skip

    def _total(self) -> None:
        """One edge to L for all folded losses, and for each other thing in the folded steps that L reads."""
        found: dict[int, Sums] = defaultdict(dict)
        heard: set[int] = set()  # roles that L sends gradient to, in one step at least
        for u, _, data in self.G.in_edges("L", data=True) if "L" in self.G else ():
            if u[0] == "n":
                role = int(self.G.nodes[u]["role"])
                heard |= set() if data["gradient"] is None else {role}
                if self._hidden(u):
                    put(found[role], self._step(u), data["contribution"])
        for role, arrays in self.missing.into_total.items():
            found[role].update(arrays)
        steps = self.whole.steps
        values = [loss_value(steps, s) for s in steps.losses if self._is_folded(s)]
        for role, by_step in found.items():
            arrays_ = [array for array in by_step.values() if array is not None]
            total = sum(arrays_[1:], arrays_[0]) if arrays_ else None
            gradient = norm(total) if total is not None else 0.0 if role in heard else None
            losses = role in self.display.losses
            what = f"{len(by_step)} losses" if losses else f"{len(by_step)} steps"
            told = "" if gradient is None else f"\nsum of the gradients that L sends to each: ‖·‖ {gradient:.4g}"
            self.H.add_edge(
                KEY, "L", key=self.H.number_of_edges(KEY, "L"), lag=0, forward=True, gradient=gradient, passed=(),
                contribution=total, cut=False, vanished=(), source=role, target=-1, step=-1,
                tooltip=f"{what} of the folded steps → L{told}", value_norm=norm(values),
            )  # fmt: skip

    def _facts(self) -> None:
        G, H, steps = self.G, self.H, self.whole.steps
        order = steps.order
        marks = {s: loss_value(steps, s) for s in steps.losses}
        if not self.cut.missing:
            marks = {s: float(self.program.lines[i][4]) for i, s in self.program.marks.items()}
        inside = [value for s, value in marks.items() if self._is_folded(s) and s not in steps.rows]
        ribbons = tuple(self.carried.ribbons(self._label))
        fold = Fold(self.start, self.stop, len(inside), sum(inside) / len(inside) if inside else None, ribbons, G)
        (loop, first), (other, last) = order[self.start], order[self.stop - 1]
        loop, other = shorten(str(loop), 20), shorten(str(other), 20)
        before = "t = " if loop == other == "time" else f"{loop} " if loop == other else ""
        ends = (first, last) if loop == other else (f"{loop} {first}", f"{other} {last}")
        H.nodes[KEY].update(
            kind="fold", role=-1, step=None, t=None, loop=None, op="", name=None, rows=(), cited=False, value=None,
            label=f"{before}{ends[0]} … {ends[1]}", lines=(), exits=(), shares={}, shape=(),
            value_norm=0.0, adjoint_norm=None, function="", source="", rule="", fused=True,
            tooltip=f"{len(fold)} steps folded: {before}{ends[0]} to {ends[1]}",
        )  # fmt: skip
        seeds = {(KEY if self._hidden(key) else self._key(key)): seed for key, seed in G.graph["seeds"].items()}
        losses = {self.cut.steps[s]: self._key(key) for s, key in G.graph["losses"].items() if not self._hidden(key)}
        joint = {s: loss_value(steps, s) for s in sorted(steps.rows)}
        losses |= dict.fromkeys(joint, "L")
        H.graph.update(
            {**G.graph, "steps": list(order), "seeds": seeds, "fold": fold, "losses": losses, "joint": joint,
             "followed": self.whole.followed,
             "contributions": None if self.cut.missing else G.graph["contributions"]}
        )  # fmt: skip
        self._say_total(marks)

    def _say_total(self, marks: dict[int, float]) -> None:
        """What L is of all losses, the folded ones too."""
        if "L" in self.H and len(marks) > 1:
            node, order = self.H.nodes["L"], self.whole.steps.order
            text = words.total(float(node["value"]), [(order[s][1], value) for s, value in sorted(marks.items())])
            old, node["text"], node["op"] = node["text"], text, text
            node["tooltip"] = str(node["tooltip"]).replace(f"L = {old}", f"L = {text}", 1)

    def _label(self, role: int) -> str:
        nodes = [n for _, n in self.G.nodes(data=True) if n.get("role") == role and n["kind"] != "initial"]
        name = next((n["name"] for n in nodes if n["name"]), None)
        return words.symbol(str(name)) if name else next((str(n["op"]) for n in nodes if n["op"]), "state")
