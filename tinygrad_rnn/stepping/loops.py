"""Find the common time of several loops: which run side by side, and which follow each other.

Loops run side by side where no step reads a later one of the same or a greater number: step t of each is one time, as
in layers that are recorded one after the other. A loop of which every step that reads an earlier loop reads the end of
it follows that loop, as a decoder does. Loops that do neither have no common time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..errors import Scope
from ..marks import step_frame
from ..rules.shape import stack
from ..steps import Steps, differentiable
from ..tape import TapeError
from ..var import getitem

Groups = Mapping[str, int]  # by loop: which group it is in; the loops of a group run side by side, groups follow


class LateError(Exception):
    """A step reads a value of a later time: line `child` reads line `parent`."""

    def __init__(self, child: int, parent: int) -> None:
        """Keep who reads what."""
        self.child, self.parent = child, parent


class Reader:
    """What the lines of a recording read, for as far as gradient goes back, and the step that each was recorded in."""

    def __init__(self, steps: Steps) -> None:
        """Look through all lines once."""
        self.steps, self.lines = steps, steps.tape.lines
        depends = differentiable(steps.tape)
        self.own = self._own_steps()
        self.reads = [[p for p in line[1] if p >= 0 and depends[p]] for line in self.lines]
        self.rows, self.opaque = self._indexed()
        for i, state in self.rows.items():
            self.reads[i] = [state]

    def _own_steps(self) -> list[int]:
        """By line: the step in whose scope it stands, −1 outside; leaves are of no step."""
        place = {frame: s for s, frame in enumerate(self.steps.order)}
        known: dict[Scope, int] = {(): -1}
        found = []
        for line in self.lines:
            scope = line[5]
            if scope not in known:
                frame = step_frame(scope)
                known[scope] = -1 if frame is None else place.get(frame, -1)
            found.append(known[scope] if line[1] else -1)
        return found

    def _indexed(self) -> tuple[dict[int, int], set[int]]:
        """Lines x[n] in steps: the state that each takes from a stack of states, and those that cannot be told apart.

        These take another row in every step, of something that was computed from all states together.
        """
        rows, taken = dict[int, int](), defaultdict[int, dict[int, dict[int, int]]](lambda: defaultdict(dict))
        starts = frozenset(self.steps.initial.values())  # a state that is itself a stack
        for i, (fn, parents, args, *_) in enumerate(self.lines):
            taking = fn is getitem and self.own[i] >= 0 and self.own[parents[0]] < 0 and self.reads[i] and _is_row(args)
            if taking and parents[0] not in starts:
                made, members, _, kw, *_ = self.lines[parents[0]]
                if made is stack and kw.get("axis", 0) == 0:
                    rows[i] = members[args[1]]
                else:
                    taken[parents[0]][self.own[i]][i] = int(args[1])
        opaque = set[int]()
        for by_step in taken.values():
            if len({frozenset(indices.values()) for indices in by_step.values()}) > 1:
                opaque.update(i for indices in by_step.values() for i in indices)
        return rows, opaque

    def stacks(self) -> dict[int, bool]:
        """By stack of states of which steps take rows: whether something reads it whole, too."""
        found = dict.fromkeys((self.lines[i][1][0] for i in self.rows), False)
        for i, line in enumerate(self.lines) if found else ():
            if i not in self.rows and i not in self.steps.tape.backward:
                found |= {p: True for p in line[1] if p in found}
        return found

    def times(self, of_step: Sequence[int | None]) -> list[int]:
        """By line, its time; −1 where no step that has a time had a part in it.

        Raises:
            LateError: a step reads a value of a later time than its own.
        """
        of: list[int] = []
        for i, s in enumerate(self.own):
            latest = -1
            for p in self.reads[i]:
                latest = max(latest, of[p])
            own = of_step[s] if s >= 0 else None
            if own is not None and latest > own and i not in self.steps.tape.backward:
                raise LateError(i, next(p for p in self.reads[i] if of[p] == latest))
            of.append(latest if own is None else max(own, latest))
        return of


def times_of_steps(reader: Reader) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """By step, its time, and when its loop and those beside it begin.

    Loop by loop: side by side with those before it where that can be, else after them.

    Raises:
        TapeError: a state that goes backwards in time, or loops that have no common time.
    """
    groups: Groups = {}
    for loop in dict.fromkeys(loop for loop, _ in reader.steps.order):
        beside = [{**groups, loop: group} for group in sorted(set(groups.values()), reverse=True)]
        possible = [choice for choice in beside if _is_possible(reader, choice)]
        meeting = [choice for choice in possible if _meets(reader, choice, loop)]
        groups = [*meeting, *possible][0] if possible else _after(reader, groups, loop)
    times = tuple(time for time in _of_step(reader.steps, groups) if time is not None)
    begin: dict[int, int] = {}
    for (loop, _), time in zip(reader.steps.order, times, strict=True):
        begin[groups[loop]] = min(time, begin.get(groups[loop], time))
    return times, tuple(begin[groups[loop]] for loop, _ in reader.steps.order)


def _of_step(steps: Steps, groups: Groups) -> list[int | None]:
    """By step, its time, None for those of loops that are in no group yet."""
    numbers: dict[int, dict[int, int]] = defaultdict(dict)  # by group: number of a step -> its time in the group
    for loop, group in groups.items():
        for name, t in steps.order:
            if name == loop:
                numbers[group].setdefault(t, len(numbers[group]))
    start = list(accumulate((len(numbers[group]) for group in range(len(numbers))), initial=0))
    return [start[groups[loop]] + numbers[groups[loop]][t] if loop in groups else None for loop, t in steps.order]


def _is_possible(reader: Reader, groups: Groups) -> bool:
    try:
        reader.times(_of_step(reader.steps, groups))
    except LateError:
        return False
    return True


def _meets(reader: Reader, groups: Groups, loop: str) -> bool:
    """Whether a step of the loop reads another loop's step of the same time."""
    of_step, order, own = _of_step(reader.steps, groups), reader.steps.order, reader.own
    of = reader.times(of_step)
    mine = (i for i, s in enumerate(own) if s >= 0 and order[s][0] == loop)
    return any(own[p] != own[i] and of[p] == of_step[own[i]] for i in mine for p in reader.reads[i])


def _after(reader: Reader, groups: Groups, loop: str) -> Groups:
    """The groups with one more, of a loop that follows them.

    Raises:
        TapeError: it does not follow, or reads its own states backwards in time.
    """
    steps, own = reader.steps, reader.own
    found = {**groups, loop: len(set(groups.values()))}
    try:
        of = reader.times(_of_step(steps, found))
    except LateError as late:
        read, t = steps.label(late.parent) or f"line {late.parent}", steps.order[own[late.child]][1]
        raise TapeError(
            f"truncation: a state goes backwards in time, {read} is read in step {t}; only states of earlier steps can "
            "be cut"
        ) from None
    if groups and not _follows(reader, found, of, loop):
        raise TapeError(
            f"truncation: the loops {' and '.join(map(repr, found))} have no common time; number their steps so that "
            "step t of one reads no later step of another, or record them as one loop"
        )
    return found


def _follows(reader: Reader, groups: Groups, of: Sequence[int], loop: str) -> bool:
    """Whether every step of the loop that reads an earlier group reads the end of one, and some step does."""
    order, last = reader.steps.order, dict[int, int]()  # by group: the time of its end
    for (name, _), time in zip(order, _of_step(reader.steps, groups), strict=True):
        if name in groups and time is not None:
            last[groups[name]] = max(time, last.get(groups[name], -1))
    own = last.pop(groups[loop])
    start = max(last.values()) + 1
    read: dict[int, set[int]] = defaultdict(set)
    for i, s in enumerate(reader.own):
        if s >= 0 and order[s][0] == loop:
            earlier = {of[p] for p in reader.reads[i] if 0 <= of[p] < start}
            read[s] |= {own} if earlier and i in reader.opaque else earlier
    found = {max(times) for times in read.values() if times}
    return bool(found) and found <= set(last.values())


def _is_row(args: Sequence[Any]) -> bool:
    return len(args) == 2 and isinstance(args[1], int | np.integer) and not isinstance(args[1], bool)
