"""Add up what passes in the steps that an excerpt left out: on carries, into weights, from L; nodes are not needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_rnn import RULES

from .arguments import Wires
from .excerpt import Excerpt
from .tooltips import norm

Array = Any
Sums = dict[int, Array]


class Missing:
    """What the left-out steps bring, found by the roles of lines: every one of them has a like among those kept."""

    def __init__(self, wires: Wires, cut: Excerpt):
        self.wires, self.cut, self.flow = wires, cut, cut.whole
        self.display, self.program = wires.display, wires.display.program
        self.steps, self.lines, self.gone = self.flow.steps, self.flow.tape.lines, cut.missing
        self.vanished_roles = {self.program.role[i] for i in self.display.vanished if self.program.step[i] >= 0}
        self.vanished_outside = {cut.lines[i] for i in self.display.vanished if self.program.step[i] < 0}
        self.cuts: dict[tuple[int, int], set[int]] = defaultdict(set)

    def _arrives(self, child: int, k: int) -> tuple[int, Array | None]:
        """The visible line that an argument comes from, and the contribution as it arrives there."""
        contribution, p = self.flow.edges.get((child, k)), self.lines[child][1][k]
        while p >= 0 and self._is_vanished(p):
            fn, parents, args, kw, y = self.lines[p][:5]
            if contribution is not None:
                contribution = RULES[fn][0](contribution, y, *args, **kw)
            p = parents[0]
        return p, contribution

    def _is_vanished(self, p: int) -> bool:
        if self.steps.of[p] < 0:
            return p in self.vanished_outside
        return self.steps.role[p] in self.vanished_roles

    def _drawn_role(self, p: int) -> int:
        return self.display.drawn(self.steps.role[p])

    @cached_property
    def carries(self) -> dict[tuple[int, int], dict[int, Sums]]:
        """(role, lag) -> by step that reads, by line that is read: the gradient that goes back to it."""
        found: dict[tuple[int, int], dict[int, Sums]] = defaultdict(dict)
        follow, of = self.flow.follow, self.steps.of
        for role, k in sorted(self.steps.recurrent) if self.gone else ():
            for s, i in self.steps.lines.get(role, {}).items():
                if s not in self.gone or i in self._total_lines or k >= len(self.lines[i][1]):
                    continue
                parent = self.lines[i][1][k]
                if parent < 0 or of[parent] in (s, -1):
                    continue
                p, contribution = self._arrives(i, k)
                carry = self._drawn_role(p), s - of[p]
                _add(found[carry].setdefault(s, {}), p, contribution)
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
            for s, i in self.steps.lines.get(role, {}).items():
                if s in self.gone and k < len(self.lines[i][1]):
                    p, contribution = self._arrives(i, k)
                    if p in weights:
                        _add(found[p], s, contribution)
        return dict(found)

    @cached_property
    def _total_lines(self) -> set[int]:
        """Lines of left-out steps that only add up L, as the like of them among the kept ones do."""
        roles = {self.program.role[i] for i in self.program.total if self.program.step[i] >= 0}
        found = (i for role in roles for s, i in self.steps.lines.get(role, {}).items() if s in self.gone)
        return set(found)

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
                    p, contribution = self._arrives(i, k)
                    if self._drawn_role(p) in roles:
                        _add(found[self._drawn_role(p)], of[p], contribution)
        return dict(found)


def norms(arrays: Iterable[Array | None]) -> list[float]:
    """The norm of each array; those of one shape are measured together, which matters where they are thousands."""
    arrays = list(arrays)
    shapes = {np.shape(a) for a in arrays if a is not None}
    if len(shapes) != 1 or any(a is None for a in arrays) or len(arrays) < 8:
        return [0.0 if a is None else norm(a) for a in arrays]
    stacked = np.abs(np.array(arrays).reshape(len(arrays), -1))
    top = np.max(stacked, axis=1, initial=0.0)
    safe = np.where((top > 0) & np.isfinite(top), top, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = safe * np.linalg.norm(stacked / safe[:, None], axis=1)
    return [float(n) for n in np.where(np.isfinite(top), lengths, top)]


def _add(sums: Sums, s: int, array: Array | None) -> None:
    before = sums.get(s)
    sums[s] = array if before is None else before if array is None else before + array
