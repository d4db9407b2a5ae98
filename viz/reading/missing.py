"""Add up what passes in the steps that an excerpt left out: on carries, into weights, from L; nodes are not needed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_rnn import RULES
from tinygrad_rnn.edges import Edges

from .arguments import Wires
from .excerpt import Excerpt
from .tooltips import norm

Array = Any
Sums = dict[int, Array]
AT_ONCE = 100_000  # numbers that are measured together; more would only need room


class Missing:
    """What the left-out steps bring, found by the roles of lines: every one of them has a like among those kept."""

    def __init__(self, wires: Wires, cut: Excerpt):
        self.wires, self.cut, self.flow = wires, cut, cut.whole
        self.display, self.program = wires.display, wires.display.program
        self.steps, self.lines, self.gone = self.flow.steps, self.flow.tape.lines, cut.missing
        self.vanished_roles = {self.program.role[i] for i in self.display.vanished if self.program.step[i] >= 0}
        self.vanished_outside = {cut.lines[i] for i in self.display.vanished if self.program.step[i] < 0}
        self.cuts: dict[tuple[int, int], set[int]] = defaultdict(set)

    @cached_property
    def _left_out(self) -> dict[int, tuple[list[int], list[int]]]:
        """By role: the left-out steps that have it, and its lines there."""
        found = {}
        for role, instances in self.steps.lines.items():
            here = {s: i for s, i in instances.items() if s in self.gone}
            found[role] = list(here), list(here.values())
        return found

    def _column(self, role: int, k: int) -> Iterator[tuple[int, int, int, Array | None]]:
        """One argument in every left-out step: the step, the line, the visible line it reads, what arrives there."""
        edges, role_of = self.flow.edges, self.steps.role
        steps, readers = self._left_out.get(role, ([], []))
        parents = [self.lines[i][1] for i in readers]
        if k >= min(map(len, parents), default=0):  # as where ever more states are put together
            longer = [n for n, found in enumerate(parents) if k < len(found)]
            steps, readers = [steps[n] for n in longer], [readers[n] for n in longer]
            parents = [parents[n] for n in longer]
        column = edges.column(readers, k) if isinstance(edges, Edges) else [edges.get((i, k)) for i in readers]
        for s, i, found, contribution in zip(steps, readers, parents, column, strict=True):
            p = found[k]
            if p in self.vanished_outside or role_of[p] in self.vanished_roles:
                p, contribution = self._through(p, contribution)
            yield s, i, p, contribution

    def _through(self, p: int, contribution: Array | None) -> tuple[int, Array | None]:
        """The visible line behind a line, and a contribution to that as it arrives there."""
        while p >= 0 and (p in self.vanished_outside or self.steps.role[p] in self.vanished_roles):
            fn, parents, args, kw, y = self.lines[p][:5]
            if contribution is not None:
                contribution = RULES[fn][0](contribution, y, *args, **kw)
            p = parents[0]
        return p, contribution

    def _drawn_role(self, p: int) -> int:
        return self.display.drawn(self.steps.role[p])

    @cached_property
    def carries(self) -> dict[tuple[int, int], dict[int, Sums]]:
        """(role, lag) -> by step that reads, by line that is read: the gradient that goes back to it."""
        found: dict[tuple[int, int], dict[int, Sums]] = defaultdict(dict)
        follow, of = self.flow.follow, self.steps.of
        for role, k in sorted(self.steps.recurrent) if self.gone else ():
            for s, i, p, contribution in self._column(role, k):
                parent = self.lines[i][1][k]
                if parent < 0 or of[parent] in (s, -1) or i in self._total_lines:
                    continue
                carry = self._drawn_role(p), s - of[p]
                put(found[carry].setdefault(s, {}), p, contribution)
                if follow is not None and not follow(i, k, parent):
                    self.cuts[carry].add(s)
        return dict(found)

    @cached_property
    def shares(self) -> dict[int, Sums]:
        """Weight -> by step: what it adds to the weight's gradient."""
        found: dict[int, Sums] = defaultdict(dict)
        weights = {self.cut.lines[w] for w in self.display.weights}
        slots = {(self.program.role[child], k) for _, child, k in self.wires.taps if self.program.step[child] >= 0}
        for role, k in sorted(slots) if self.gone else ():
            for s, _, p, contribution in self._column(role, k):
                if p in weights:
                    put(found[p], s, contribution)
        return dict(found)

    @cached_property
    def _total_lines(self) -> set[int]:
        """Lines of left-out steps that only add up L, as the like of them among the kept ones do."""
        roles = {self.program.role[i] for i in self.program.total if self.program.step[i] >= 0}
        return {i for role in roles if role in self._left_out for i in self._left_out[role][1]}

    @cached_property
    def into_total(self) -> dict[int, Sums]:
        """Role -> by step: what L sends back to it."""
        roles = {self.program.role[i] for i in self.program.marks}
        roles |= {int(u[1:].split("@")[0]) for u, v in self.wires.between if v == "L" and u[0] == "n"}
        found: dict[int, Sums] = defaultdict(dict)
        if not self.gone:
            return {}
        of, total = self.steps.of, self._total_lines
        outside = (i for i, s in enumerate(of) if s < 0 and i not in self.flow.tape.backward)
        for i in [*outside, *sorted(total)]:
            for k, parent in enumerate(self.lines[i][1]):
                if parent >= 0 and of[parent] in self.gone and parent not in total:
                    p, contribution = self._through(parent, self.flow.edges.get((i, k)))
                    if self._drawn_role(p) in roles:
                        put(found[self._drawn_role(p)], of[p], contribution)
        return dict(found)


def norms(arrays: Iterable[Array | None]) -> list[float]:
    """The norm of each array; those of one shape are measured together, which matters where they are thousands."""
    arrays = list(arrays)
    shapes = {np.shape(a) for a in arrays if a is not None}
    if len(shapes) != 1 or any(a is None for a in arrays) or len(arrays) < 8:
        return [0.0 if a is None else norm(a) for a in arrays]
    few = max(1, AT_ONCE // max(1, math.prod(*shapes)))
    return [n for k in range(0, len(arrays), few) for n in _norms(np.array(arrays[k : k + few]))]


def _norms(arrays: Array) -> list[float]:
    """The norms of the rows of one array."""
    stacked = np.abs(arrays.reshape(len(arrays), -1))
    top = np.max(stacked, axis=1, initial=0.0)
    safe = np.where((top > 0) & np.isfinite(top), top, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = safe * np.linalg.norm(stacked / safe[:, None], axis=1)
    found: list[float] = np.where(np.isfinite(top), lengths, top).tolist()
    return found


def put(sums: Sums, key: int, array: Array | None) -> None:
    """Add an array to what is there; what gets None alone is there all the same."""
    before = sums.get(key)
    sums[key] = array if before is None else before if array is None else before + array
