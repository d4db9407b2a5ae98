"""Cut a long recording down to the steps that are drawn, their neighbours, and one step of every kind between them.

The reading of a program costs some work per line. Where most steps are folded away that work would be lost: what is
left out here is never placed, labelled or given a tooltip. A line that is kept keeps its value, its adjoint and its
contributions; where it reads a step that is left out, the same role in a step that is kept stands in for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow, Steps, Tape
from tinygrad_rnn.losses import Follow


@dataclass(frozen=True)
class Excerpt:
    """A shorter flow, and where its lines and steps stand in the whole one."""

    flow: Flow
    whole: Flow
    lines: list[int]
    steps: list[int]

    @property
    def missing(self) -> set[int]:
        """The steps of the whole recording that were left out."""
        return set(range(len(self.whole.steps.order))) - set(self.steps)


def excerpt(flow: Flow, drawn: Iterable[int]) -> Excerpt:
    """The steps that are drawn and what is needed beside them; the whole flow where nothing can be left out."""
    steps, tape = flow.steps, flow.tape
    outside = [i for i, s in enumerate(steps.of) if s < 0 and i not in tape.backward]
    after = _after(flow, outside)
    if not (tape.backward or _are_scattered(steps) or _is_read(flow, after)):
        kept = sorted(_kept(flow, set(drawn), after))
        if len(kept) < len(steps.order):
            return _Cutter(flow, kept, outside, after).excerpt()
    return Excerpt(flow, flow, list(range(len(tape.lines))), list(range(len(steps.order))))


def named(G: nx.MultiDiGraph, cut: Excerpt) -> nx.MultiDiGraph:
    """The graph of an excerpt with weights called by their lines in the whole recording."""
    names = {key: f"w{cut.lines[int(key[1:])]}" for key in G if key[0] == "w"}
    G = nx.relabel_nodes(G, names)
    for _, node in G.nodes(data=True):
        if node.get("rows"):
            node["rows"] = tuple((text, names.get(key, key)) for text, key in node["rows"])
    G.graph["weights"] = [names[key] for key in G.graph["weights"]]
    return G


def _are_scattered(steps: Steps) -> bool:
    """Whether losses were marked one by one after the loop; the rows of one line are a part of L."""
    return any(steps.of[line] < 0 and s not in steps.rows for s, line in steps.losses.items())


def _after(flow: Flow, outside: list[int]) -> set[int]:
    """The lines outside the steps that are made of what steps made."""
    of, lines, found = flow.steps.of, flow.tape.lines, set[int]()
    for i in outside:
        if any(p >= 0 and (of[p] >= 0 or p in found) for p in lines[i][1]):
            found.add(i)
    return found


def _is_read(flow: Flow, after: set[int]) -> bool:
    """Whether a step reads what was made between two loops."""
    first, of, lines = min(after, default=len(flow.tape.lines)), flow.steps.of, flow.tape.lines
    return any(p in after for i in range(first, len(lines)) if of[i] >= 0 for p in lines[i][1])


def _kept(flow: Flow, drawn: set[int], after: set[int]) -> set[int]:
    """Drawn steps, those they read or are read by, those that read an initial state, one of each kind of the others."""
    steps, lines, of = flow.steps, flow.tape.lines, flow.steps.of
    count = len(steps.order)
    kept = drawn | {of[i] for i in [flow.loss, *flow.seeds] if of[i] >= 0}
    kept |= set() if flow.followed is None else {flow.followed}
    starts = set(steps.initial.values())
    found: dict[Hashable, set[int]] = defaultdict(set)  # by what a step has or does: the steps that do
    for role, instances in steps.lines.items():
        if len(instances) < count:
            found[role].update(instances)
    for role, k in steps.recurrent:
        for s, i in steps.lines.get(role, {}).items():
            p = lines[i][1][k] if k < len(lines[i][1]) else -1
            if p < 0 or of[p] == s:
                continue
            if of[p] < 0:
                kept |= {s} if p in starts else set()
                continue
            if (s in drawn) != (of[p] in drawn):
                kept |= {s, of[p]}
            found[role, k, s - of[p]].add(s)
    for i in after:
        for p in lines[i][1]:
            if p >= 0 and of[p] >= 0:
                found["after", lines[i][0], steps.role[p]].add(of[p])
    kinds: dict[int, list[int]] = defaultdict(list)
    for number, where in enumerate(found.values()):
        if len(where) < count:
            for s in where:
                kinds[s].append(number)
    seen: set[tuple[int, ...]] = set()
    for s in range(count):
        kind = tuple(kinds.get(s, ()))
        if s not in drawn and kind not in seen:
            seen.add(kind)
            kept.add(s)
    return kept


class _Cutter:
    """Copies what is kept to a tape of its own, and everything that is known of it."""

    def __init__(self, flow: Flow, kept: list[int], outside: list[int], after: set[int]):
        self.flow, self.steps, self.kept, self.after = flow, flow.steps, kept, after
        self.place = {s: n for n, s in enumerate(kept)}
        self.stands_for: dict[int, int | None] = {}  # a sum after the loop of which one operand is left: that one
        inside = [instances[s] for instances in self.steps.lines.values() for s in kept if s in instances]
        self.lines = sorted({*inside, *self._around(outside, inside), flow.loss})
        self.number = {line: n for n, line in enumerate(self.lines)}

    def _around(self, outside: list[int], inside: list[int]) -> list[int]:
        """The outside lines to keep: what kept lines read, every parameter, and what follows the loop."""
        lines, wanted = self.flow.tape.lines, set(inside)
        follow = [i for i in outside if i in self.after and not self._is_idle(i)]
        wanted.update(i for i in outside if lines[i][0] == "var")
        wanted.update(follow)
        read = {p for i in wanted for p in lines[i][1] if p >= 0}
        for i in reversed(outside):
            if i in read and i not in self.after:
                wanted.add(i)
                read.update(p for p in lines[i][1] if p >= 0)
        return [i for i in outside if i in wanted]

    def _is_idle(self, i: int) -> bool:
        """Whether a line after the loop says nothing of the kept steps that its operand would not say."""
        fn, parents = self.flow.tape.lines[i][:2]
        made = [p for p in parents if p >= 0 and (self.steps.of[p] >= 0 or p in self.after)]
        left = [p for p in map(self._resolved, made) if p is not None]
        if i == self.flow.loss or i in self.flow.seeds or (left and (fn is not np.add or len(left) == len(made))):
            return False
        self.stands_for[i] = left[0] if left else None
        return True

    def _resolved(self, p: int) -> int | None:
        """The line that stands for p among those that are kept, None where nothing does."""
        if p in self.stands_for:
            return self.stands_for[p]
        s = self.steps.of[p]
        return p if s < 0 or s in self.place else None

    def _parent(self, child: int, p: int) -> int:
        """The number that a parent has on the new tape."""
        if p < 0:
            return -1
        s, t = self.steps.of[p], self.steps.of[child]
        if s < 0 or s in self.place:
            resolved = self.stands_for.get(p, p)
            return -1 if resolved is None else self.number.get(resolved, -1)
        return self._stand_in(child, p, s, t) if t >= 0 else -1

    def _stand_in(self, child: int, p: int, s: int, t: int) -> int:
        """The same role, as many kept steps away as the step that is left out really is; else the nearest there is."""
        role, at = self.steps.role[p], self.place[t] - (t - s)
        instances = self.steps.lines[role]
        if 0 <= at < len(self.kept) and self.kept[at] in instances and instances[self.kept[at]] < child:
            return self.number[instances[self.kept[at]]]
        near = [instances[step] for step in self.kept if step in instances and step != t and instances[step] < child]
        return self.number[max(near)] if near else -1

    def excerpt(self) -> Excerpt:
        """The shorter flow."""
        flow, number, whole = self.flow, self.number, self.flow.tape
        tape = Tape(checked=whole.checked)
        for i in self.lines:
            fn, parents, *rest = whole.lines[i]
            tape.lines.append((fn, tuple(self._parent(i, p) for p in parents), *rest))
        tape.source = [whole.source[i] for i in self.lines] if whole.checked else []
        tape.losses = [(number[line], scope, t) for line, scope, t in whole.losses if line in number]
        rule, lines, kept = flow.rule, self.lines, self.kept

        def short_of(follow: Follow) -> Follow:
            return lambda child, k, _: follow(lines[child], k, whole.lines[lines[child]][1][k])

        def rule_of(s: int | None) -> Follow:
            assert rule is not None
            return short_of(rule(None if s is None else kept[s]))

        edges = {}
        for n, i in enumerate(self.lines):
            for k in range(len(whole.lines[i][1])):
                if (i, k) in flow.edges:
                    edges[n, k] = flow.edges[i, k]
        short = replace(
            flow, tape=tape, steps=self._steps(tape), loss=number[flow.loss], edges=edges, _shares={},
            seeds={number[i]: seed for i, seed in flow.seeds.items()},
            adjoint={n: flow.adjoint[i] for n, i in enumerate(self.lines) if i in flow.adjoint},
            follow=None if flow.follow is None else short_of(flow.follow),
            rule=None if rule is None else rule_of,
        )  # fmt: skip
        return Excerpt(short, flow, self.lines, self.kept)

    def _steps(self, tape: Tape) -> Steps:
        steps, number, place = self.steps, self.number, self.place
        placed: dict[int, dict[int, int]] = {}
        for role, instances in steps.lines.items():
            if here := {place[s]: number[instances[s]] for s in self.kept if s in instances}:
                placed[role] = here

        def numbers(lines: Iterable[int]) -> Any:
            return (number[i] for i in lines if i in number)

        return replace(
            steps, tape=tape, order=tuple(steps.order[s] for s in self.kept), lines=placed,
            of=tuple(place.get(steps.of[i], -1) for i in self.lines), role=tuple(steps.role[i] for i in self.lines),
            name=tuple(steps.name[i] for i in self.lines), shared=tuple(numbers(steps.shared)),
            weights=tuple(numbers(steps.weights)), inputs=frozenset(numbers(steps.inputs)),
            initial={state: number[i] for state, i in steps.initial.items() if i in number},
            losses={place[s]: number[i] for s, i in steps.losses.items() if s in place},
            rows={place[s]: row for s, row in steps.rows.items() if s in place},
        )  # fmt: skip
