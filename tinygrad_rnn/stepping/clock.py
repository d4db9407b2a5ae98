"""Tell when every value of a recording was made: at which time, whatever loop made it, and not at which line.

    clock = read_clock(find_steps(tape))
    clock.of[h.index]                                      # 3: made in the fourth step
    tape.sweep(seeds, wrt, follow=cut_at(clock, [2]))      # no state crosses from the times 0, 1 to 2, 3, …

A line in a step has the step's time. A line outside has the latest time of what it is made of, and −1 where no step had
a part in it: weights, also transformed ones, are of no time. So has a line of a gradient that a step recorded, but at
least that step's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ..losses import Edge, Follow, free_lines
from ..steps import Steps
from .loops import Reader, times_of_steps


@dataclass(frozen=True)
class Clock:
    """The time of every step and every line, counted from 0; −1 is before all steps."""

    steps: Steps
    count: int  # how many times there are, T
    of_step: tuple[int, ...]  # by position in steps.order
    of: list[int]  # by line
    begin: tuple[int, ...]  # by step: when its loop begins, or one that runs beside it
    starts: frozenset[int]  # lines that stand for a state before the first step of a loop
    rows: dict[int, int]  # x[n] in a step, where x is a stack of states -> the state it takes
    stacks: dict[int, bool]  # these stacks -> whether something reads them whole, too

    def carried(self, child: int, argument: int, parent: int) -> int | None:
        """The time of the state that an edge carries to a later one, −1 for an initial state; None: no state."""
        source = self.rows.get(child, parent)
        time = self.of[source]
        if time < 0 and source in self.starts:
            return self._before(child, argument, source)
        return time if 0 <= time < self.of[child] else None

    def _before(self, child: int, argument: int, parent: int) -> int | None:
        """The time before a loop begins, where an argument that its earlier steps feed is an initial state."""
        steps, meaning = self.steps, self.steps.tape.backward.get(child)
        if (child, argument) in steps.readout:  # the rows of losses read it as their steps would
            return min(self.begin[s] for s in steps.rows) - 1
        line, arguments = child, [argument]
        if meaning:  # of a gradient: where the line that it belongs to reads the state
            line = meaning.line
            arguments = [k for k, p in enumerate(steps.tape.lines[line][1]) if p == parent]
        if not any((steps.role[line], k) in steps.recurrent for k in arguments):
            return None
        return self.begin[steps.of[line]] - 1

    def number(self, time: int) -> int:
        """What the user calls a time: the number of the first step that has it."""
        return self.steps.order[self.of_step.index(time)][1]


def cut_at(
    clock: Clock, borders: Sequence[int], spared: Collection[Edge] = (), kept: Callable[[int, int], bool] | None = None
) -> Follow:
    """Every edge but those that carry a state over a border, from a time before it to that time or a later one.

    Args:
        clock: the times.
        borders: times, in order.
        spared: edges that are followed nevertheless.
        kept: of a child and its parent, whether the edge is no state's.
    """
    block = [*[bisect_right(borders, time) for time in range(clock.count)], 0]  # the last is that of −1
    of, spared = clock.of, {*spared, *indexed_only(clock)}

    def follow(child: int, argument: int, parent: int) -> bool:
        if child >= len(of):  # recorded after the clock was read: a backward pass
            return True
        time = clock.carried(child, argument, parent)
        if time is None or block[time] == block[of[child]] or (child, argument) in spared:
            return True
        return kept is not None and kept(child, parent)

    return follow


def carry_cut(steps: Steps, earliest: int) -> Follow:
    """Follow everything but edges that carry states of times before `earliest`: the edge rule of truncated BPTT.

    Times are counted from 0; with one loop they are positions in `steps.order`. A running total of losses is no state.

    Raises:
        TapeError: states that go backwards in time.
    """
    clock, free = read_clock(steps), free_lines(steps)

    def follow(child: int, argument: int, parent: int) -> bool:
        time = clock.carried(child, argument, parent) if child < len(clock.of) and free[parent] else None
        return time is None or time >= earliest

    return follow


def indexed_only(clock: Clock) -> set[Edge]:
    """The edges to states from stacks of them that are only read row by row: where each row is read says its time."""
    lines = clock.steps.tape.lines
    return {(i, k) for i, whole in clock.stacks.items() if not whole for k in range(len(lines[i][1]))}


def read_clock(steps: Steps) -> Clock:
    """The time of every line, from the scopes of steps and from who reads whom.

    Raises:
        TapeError: a state that goes backwards in time, or loops that have no common time.
    """
    reader = Reader(steps)
    of_step, begin = times_of_steps(reader)
    return Clock(
        steps=steps,
        count=max(of_step, default=-1) + 1,
        of_step=of_step,
        of=reader.times(of_step),
        begin=begin,
        starts=frozenset(steps.initial.values()),
        rows=reader.rows,
        stacks=reader.stacks(),
    )
