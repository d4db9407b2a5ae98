"""Put what happens in folded steps together: each folded step is one event forward and one backward, with exact sums.

A part is a run of lines, one behind the other on the tape, of one folded step; or of lines outside the steps that add
up what folded steps made, as a sum of their losses does. A person sees of a part what goes in and what comes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from tinygrad_rnn import Flow

from ..reading.fold import Fold

Edge = tuple[int, int]  # a line and the number of its argument
OUTSIDE = -1  # stands for a step where a part is in none


@dataclass(frozen=True)
class Part:
    """Some lines that are one event; `reads` and `makes` are the lines at its border, weights and data left out."""

    s: int  # position of its step, or OUTSIDE
    lines: tuple[int, ...]
    reads: tuple[int, ...]
    makes: tuple[int, ...]

    @property
    def is_hidden(self) -> bool:
        """Whether its lines are not shown one by one; a single sum of many folded steps is."""
        return self.s >= 0 or len(self.lines) > 1


@dataclass(frozen=True)
class Event:
    """Gradient comes back: on one edge, or (part ≥ 0) on all edges of a part; `targets` are the lines it comes to.

    What a part brings to its own lines counts where others read them, too: without it their adjoints were not whole.
    """

    part: int
    edges: tuple[Edge, ...]
    targets: tuple[int, ...]


@dataclass
class Parts:
    """All parts of a program, in the order of the tape; none where nothing is folded."""

    all: list[Part] = field(default_factory=list)
    of: dict[int, int] = field(default_factory=dict)  # line -> the part that holds it

    def hides(self, i: int) -> bool:
        """Whether a line has no event of its own."""
        return i in self.of and self.all[self.of[i]].is_hidden

    def shown(self, wanted: Iterable[int]) -> list[int]:
        """The lines that have a row: those with an event of their own, and what parts make."""
        makes = {i for part in self.all for i in part.makes}
        return [i for i in sorted(wanted) if not self.hides(i) or i in makes]

    def forward(self, wanted: Iterable[int]) -> list[int]:
        """What is computed one behind the other: lines, and −1 − n for part n."""
        events = ((-1 - self.of[i]) if self.hides(i) else i for i in sorted(wanted))
        return [event for event, _ in groupby(events)]

    def backward(self, flow: Flow, edges: Iterable[Edge]) -> Iterator[Event]:
        """What comes back one behind the other: single edges, and all edges of a part together."""
        lines = flow.tape.lines
        for n, run in groupby(edges, key=lambda edge: self._part_of(flow, edge)):
            several = tuple(run)
            if n < 0:
                yield from (Event(n, (edge,), (lines[edge[0]][1][edge[1]],)) for edge in several)
                continue
            reached = {lines[child][1][k] for child, k in several}
            border = (p for p in reached if self.of.get(p) != n or p in self.all[n].makes)
            yield Event(n, several, tuple(sorted(border)))

    def _part_of(self, flow: Flow, edge: Edge) -> int:
        child, k = edge
        if self.hides(child):
            return self.of[child]
        if child not in self.of:
            return -1
        return self.of[child] if self.hides(flow.tape.lines[child][1][k]) else -1  # one sum of drawn and folded steps


def parts(flow: Flow, fold: Fold | None, wanted: Collection[int]) -> Parts:
    """Find the parts among the lines that lead to a loss."""
    found = Parts()
    if fold is None:
        return found
    runs = _runs(flow, fold, sorted(wanted))
    found.of = {i: n for n, (_, run) in enumerate(runs) for i in run}
    read: dict[int, set[int]] = {}  # line -> the parts that read it, −1 for lines in none
    for i in wanted:
        for p in flow.tape.lines[i][1]:
            read.setdefault(p, set()).add(found.of.get(i, -1))
    seen = {flow.loss, *flow.seeds, *flow.steps.losses.values()}
    for n, (s, run) in enumerate(runs):
        inside = set(run)
        reads = {p for i in run for p in flow.tape.lines[i][1] if p >= 0 and p not in inside and _is_made(flow, p)}
        makes = tuple(i for i in run if i in seen or read.get(i, set()) - {n})
        found.all.append(Part(s, tuple(run), tuple(sorted(reads)), makes))
    return found


def _is_made(flow: Flow, i: int) -> bool:
    """Whether a line is a result or a state before the first step, and no weight or data."""
    return bool(flow.tape.lines[i][1]) or i in flow.steps.initial.values()


def _runs(flow: Flow, fold: Fold, lines: Iterable[int]) -> list[tuple[int, list[int]]]:
    """Lines that belong together and stand one behind the other, each run with the position of its step."""
    runs: list[tuple[int, list[int]]] = []
    before: int | None = None
    for i in lines:
        s = _run_of(flow, fold, i, before)
        if s is not None and s != before:
            runs.append((s, []))
        if s is not None:
            runs[-1][1].append(i)
        before = s
    return runs


def _run_of(flow: Flow, fold: Fold, i: int, before: int | None) -> int | None:
    """The folded step that a line belongs to, OUTSIDE for sums of several; None: a line with an event of its own."""
    s = flow.steps.of[i]
    if s >= 0:
        return s if s in fold else None
    read = {flow.steps.of[p] for p in flow.tape.lines[i][1] if p >= 0}
    folded = {step for step in read if step in fold}
    return None if not folded else before if before in folded else OUTSIDE
