"""What happens in which order: every line computed, then every contribution brought back, with what each one lights up.

Forward there is one event for each line that leads to a loss, in the order of the tape. Backward there is one for each
edge of the tape that gradient comes back on, in the order of the sweep: last line first, arguments in order.
"""

from __future__ import annotations

import linecache
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow, Tape
from tinygrad_rnn.printing.naming import heading, names
from tinygrad_rnn.printing.notation import printable, shorten

from ..reading import words
from ..reading.fold import KEY
from .arrays import Floats, short, short_norm
from .choices import Choice
from .formulas import forward_tree, rule_trees
from .parts import OUTSIDE, Edge, Event, Part, Parts

_NAME = re.compile(r"(.*?)('\d+|'*)(?:\[([^\[\]]*)\])?")
_MOST_SOURCE = 160
_PLAIN_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@dataclass
class Unique:
    """Keeps each thing once, and says at which place."""

    kept: list[Any] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def place(self, thing: Any) -> int:
        """Where the thing stands."""
        key = repr(thing)
        if key not in self._places:
            self._places[key] = len(self.kept)
            self.kept.append(thing)
        return self._places[key]


class Drawn:
    """Which nodes and edges of the graph show a line or an edge of the tape."""

    def __init__(self, flow: Flow, graph: nx.MultiDiGraph, parts: Parts) -> None:
        self.nodes = {key: n for n, key in enumerate(graph)}
        self.wires = {pair: n for n, pair in enumerate(dict.fromkeys((u, v) for u, v, _ in graph.edges(keys=True)))}
        self._by_edge: dict[Edge, list[int]] = defaultdict(list)
        for u, v, data in graph.edges(data=True):
            for edge in data["passed"]:
                if self.wires[u, v] not in self._by_edge[edge]:
                    self._by_edge[edge].append(self.wires[u, v])
        self._by_line: dict[int, list[int]] = {}
        for key, node in graph.nodes(data=True):
            for i in node["lines"]:
                if key != "L" or i not in self._by_line:
                    self._by_line.setdefault(i, []).append(self.nodes[key])
        for part in parts.all:
            if part.s != OUTSIDE:
                self._by_line |= dict.fromkeys(part.lines, [self.nodes[KEY]])
        self._pass_on(flow)

    def _pass_on(self, flow: Flow) -> None:
        """What is not drawn itself lights up what it leads to."""
        lines = flow.tape.lines
        heirs: dict[int, list[int]] = defaultdict(list)
        if "L" in self.nodes:
            self._by_line.setdefault(flow.loss, [self.nodes["L"]])
        for i in range(len(lines) - 1, -1, -1):
            if i not in self._by_line and i in heirs:
                self._by_line[i] = sorted(set(heirs[i]))
            for p in lines[i][1]:
                if p >= 0 and i in self._by_line:
                    heirs[p] += self._by_line[i]

    def line(self, i: int) -> list[int]:
        """The nodes that show a line."""
        return self._by_line.get(i, [])

    def edge(self, edge: Edge) -> list[int]:
        """The edges of the graph that show an edge of the tape; none for one inside a node."""
        return self._by_edge.get(edge, [])


def upstream(tape: Tape, roots: set[int]) -> set[int]:
    """Every line that leads to one of the roots, roots included."""
    found = set(roots)
    for i in range(max(roots, default=-1), -1, -1):
        if i in found:
            found.update(p for p in tape.lines[i][1] if p >= 0)
    return found


def lines(
    flow: Flow, graph: nx.MultiDiGraph, drawn: Drawn, floats: Floats, wanted: set[int], parts: Parts
) -> dict[str, Any]:
    """The tape for the page: every line that has a row, with its tree, its value, and what shows it; then the parts."""
    tape, called = flow.tape, names(flow.tape)
    initial = {i: str(node["label"]) for key, node in graph.nodes(data=True) if key[0] == "i" for i in node["lines"]}
    trees, headings, sources, rows = Unique(), Unique(), Unique(), []
    remarks = {"var": "leaf, differentiable", "data": "leaf, data"}
    for i in parts.shown(wanted):
        fn, parents, _, _, value, scope, _ = tape.lines[i]
        hidden = parts.hides(i)
        wires = sorted({wire for k in range(len(parents)) for wire in drawn.edge((i, k))})
        row = {
            "i": i,
            "n": _name(flow, i, called[i], initial),
            "h": headings.place(heading(scope)),
            "p": [] if hidden else list(parents),
            "f": trees.place(forward_tree(tape, i)) if parents and not hidden else -1,
            "s": list(np.shape(value)),
            "v": floats.add(value),
            "m": short(np.ravel(value)[0]) if np.size(value) == 1 else short_norm(value),
            "r": "" if parents else remarks.get(fn, ""),
            "c": sources.place(_source(tape, i)),
            "o": drawn.line(i),
            "w": wires,
        }
        rows.append(row | ({"g": parts.of[i]} if hidden else {}))
    told = [_part(flow, drawn, part) for part in parts.all]
    return {
        "lines": rows, "parts": told, "forward": [event for event in parts.forward(wanted) if _is_event(tape, event)],
        "trees": trees.kept, "headings": headings.kept, "sources": sources.kept,
    }  # fmt: skip


def _is_event(tape: Tape, event: int) -> bool:
    """Whether something is computed: a leaf is given."""
    return event < 0 or bool(tape.lines[event][1])


def _part(flow: Flow, drawn: Drawn, part: Part) -> dict[str, Any]:
    """A part for the page: its step, how many lines are computed in it, what it reads and makes, and what shows it."""
    parents = {i: flow.tape.lines[i][1] for i in part.lines}
    return {
        "s": part.s, "n": sum(map(bool, parents.values())), "reads": part.reads, "makes": part.makes,
        "o": drawn.line(part.lines[-1]),
        "w": sorted({w for i, read in parents.items() for k in range(len(read)) for w in drawn.edge((i, k))}),
    }  # fmt: skip


def _name(flow: Flow, i: int, called: str, initial: dict[int, str]) -> list[str]:
    """A line's name: base, primes, subscript. As in the picture, step losses are ℓ and the total is L."""
    marked = [s for s, line in flow.steps.losses.items() if line == i]
    if marked:  # several where the line has a row for each step
        return ["ℓ", "", str(flow.steps.order[marked[0]][1]) if len(marked) == 1 else ""]
    if i == flow.loss:
        return ["L", "", ""]
    if i in initial:
        base, time = re.fullmatch(r"(.*?)([₀-₉]*)", initial[i], re.DOTALL).groups()  # type: ignore[union-attr]
        return [shorten(printable(base)), "", time.translate(_PLAIN_DIGITS)]
    if called == f"v{i}":
        return ["v", "", str(i)]
    if called.startswith("`"):
        return [called.strip("`"), "", ""]
    match = _NAME.fullmatch(called)
    base, primes, time = match.groups() if match else (called, "", None)
    return [words.symbol(base), primes.replace("'", "′"), time or ""]


def _source(tape: Tape, i: int) -> list[str]:
    """Where the user wrote a line, and what stands there: ["model.py:12", "h = np.tanh(W @ h)"]."""
    place = tape[i].source
    if not place:
        return []
    text = printable(linecache.getline(place[0], place[1]).strip())
    return [f"{printable(PurePath(place[0]).name)}:{place[1]}", shorten(text, _MOST_SOURCE)]


def edges(flow: Flow, offered: list[Choice], drawn: Drawn, parts: Parts) -> tuple[dict[str, Any], list[Event]]:
    """Every event that some choice brings gradient back by, in the order of the sweep.

    An edge has a row [line, argument, its rule, wires]; a part has [−1 − n, the lines that it brings gradient to, −1,
    wires].
    """
    order = sorted({edge for choice in offered for edge in choice.flow.edges}, key=lambda edge: (-edge[0], edge[1]))
    rules, rows, events = Unique(), [], list(parts.backward(flow, order))
    for event in events:
        wires = sorted({wire for edge in event.edges for wire in drawn.edge(edge)})
        if event.part >= 0:
            rows.append([-1 - event.part, event.targets, -1, wires])
            continue
        ((child, k),) = event.edges
        named, place, tree = rule_trees(flow.tape, child, k)
        rows.append([child, k, rules.place([named, place, tree]), wires])
    return {"edges": rows, "rules": rules.kept}, events


def brought(choice: Choice, event: Event) -> list[Any]:
    """What an event brings to each of its targets, as arrays; None to a line that this choice does not reach."""
    lines, found = choice.flow.tape.lines, choice.flow.edges
    sums: dict[int, Any] = {}
    for child, k in event.edges:
        if (child, k) in found:
            parent, array = lines[child][1][k], found[child, k]
            sums[parent] = sums[parent] + array if parent in sums else array
    return [sums.get(target) for target in event.targets]


def sweep(choice: Choice, events: list[Event], floats: Floats) -> dict[str, Any]:
    """One choice's contributions: which events, each one's norm, the adjoint's norm after it, and the array itself.

    For a part each of the three is a list over its targets, null for what is not reached.
    """
    so_far: dict[int, Any] = dict(choice.flow.seeds)
    which: list[int] = []
    columns: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for n, event in enumerate(events):
        found = brought(choice, event)
        if all(array is None for array in found):
            continue
        told: list[tuple[Any, Any, Any]] = []
        for parent, array in zip(event.targets, found, strict=True):
            if array is None:
                told.append((None, None, None))
                continue
            first = parent not in so_far
            so_far[parent] = array if first else so_far[parent] + array
            told.append((short_norm(array), 0 if first else short_norm(so_far[parent]), floats.add(array)))
        which.append(n)
        for column, entries in zip(columns, zip(*told, strict=True), strict=True):
            column.append(entries if event.part >= 0 else entries[0])
    sizes, sums, arrays = columns
    seeds = [
        [i, short_norm(seed), floats.add(seed)] if np.ndim(seed) else [i, short(seed)]
        for i, seed in choice.flow.seeds.items()
    ]
    return {"e": which, "n": sizes, "m": sums, "a": arrays, "seeds": seeds}
