"""List what lines read, in steps and across them: as arrays, for a long recording has many reads of a few kinds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape import Tape

Integers = NDArray[np.int64]
Read = tuple[int, int, int]  # a line, the number of an argument, and the line that it reads there


@dataclass(frozen=True)
class Reads:
    """Arguments that are lines: the line that reads, the argument's number, and the line that it reads."""

    line: Integers
    argument: Integers
    parent: Integers

    def where(self, kept: Any) -> Reads:
        """Those of a mask, or in the order of a list of places."""
        return Reads(self.line[kept], self.argument[kept], self.parent[kept])

    def of(self, parents: set[int]) -> Iterator[Read]:
        """Those that read some lines, one by one."""
        some = self.where(np.isin(self.parent, list(parents)))
        return zip(some.line.tolist(), some.argument.tolist(), some.parent.tolist(), strict=True)

    def parents(self) -> set[int]:
        """The lines that are read."""
        return set(np.flatnonzero(np.bincount(self.parent)).tolist())

    def in_many(self, of: Sequence[int]) -> set[int]:
        """The lines that are read in two steps or more."""
        parents, steps = self.parent.tolist(), _each(of, self.line)
        last = dict(zip(parents, steps, strict=True))
        first = dict(zip(reversed(parents), reversed(steps), strict=True))
        return {p for p, s in last.items() if first[p] != s}

    def kinds(self, role: Sequence[int]) -> set[Read]:
        """Which role reads which line by which argument, in however many steps."""
        return set(zip(_each(role, self.line), self.argument.tolist(), self.parent.tolist(), strict=True))

    def feeds(self, of: Sequence[int], role: Sequence[int]) -> set[tuple[int, int, int, int]]:
        """Which role reads by which argument which other role, from how many steps before."""
        lags = map(int.__sub__, _each(of, self.line), _each(of, self.parent))
        return set(zip(_each(role, self.line), self.argument.tolist(), _each(role, self.parent), lags, strict=True))


def reads(tape: Tape) -> Reads:
    """Everything that the forward pass reads, line by line."""
    parents = [line[1] for line in tape.lines]
    for i in tape.backward:
        parents[i] = ()
    counts = np.fromiter(map(len, parents), np.int64, len(parents))
    parent = np.fromiter(chain.from_iterable(parents), np.int64, int(counts.sum()))
    argument = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Reads(np.repeat(np.arange(len(parents)), counts), argument, parent).where(parent >= 0)


def sorted_out(everything: Reads, of: Sequence[int]) -> tuple[Reads, Reads, Reads]:
    """What lines in steps read from other steps, from outside of all steps, and as leaves of their own, in order."""
    step, leaf = np.array(of, np.int64), np.ones(len(of), bool)
    leaf[everything.line] = False
    inside = everything.where(step[everything.line] >= 0)
    inside = inside.where(np.argsort(step[inside.line], kind="stable"))
    here, there = step[inside.line], step[inside.parent]
    between, own = (there >= 0) & (there != here), (there == here) & leaf[inside.parent]
    return inside.where(between), inside.where(there < 0), inside.where(own)


def _each(numbers: Sequence[int], lines: Integers) -> list[int]:
    return [numbers[i] for i in lines.tolist()]
