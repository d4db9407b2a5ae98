"""Follow a loss's gradient, truncated: a truncation as edges that are cut, where it is a set of edges.

    flow(L, truncation=("detach_every_k", 2))           # the state is a constant before the steps 1, 3, 5, …
    flow(L, at=6, truncation=("max_lag", 2))            # the loss of step 6 reaches the steps 4, 5, 6

Each loss t reaches back to its earliest step e_t. That is one set of cut edges, the carries into the steps before
every e_t, only if no loss has another's e inside its own reach: always for one loss alone, and for blocks of steps.
Whatever loss is asked for later, in `Flow.table` or in a picture of a path, has the cuts of its own e_t.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from .flow import Flow, Rule, marked, trace
from .losses import Follow, free_lines, rows_read_other_blocks
from .stepping.clock import Clock, cut_at, read_clock
from .stepping.places import At
from .steps import Steps, find_steps
from .tape import TapeError, Var
from .truncate import MODES, passes, refuse_other_ways_back


def flow(
    loss: Var,
    at: At = "all",
    *,
    follow: Follow | None = None,
    truncation: tuple[str | int, ...] | None = None,
) -> Flow:
    """Sweep back from a loss and keep everything: adjoints, and every edge's own contribution.

    Args:
        loss: the total loss L, a scalar.
        at: "all" follows L; "last" or a step number t follows that step's marked loss J_t alone, ("decoder", t) where
            several loops have such a step; None sweeps nothing.
        follow: `follow(child, argument, parent)` may cut edges; the same ones for every loss that the flow is asked
            about. A truncation cuts for each loss what that loss does not reach.
        truncation: a mode of `truncated_gradients` and its numbers, ("detach_every_k", k), ("max_lag", tau) or
            ("williams_peng", k1, k2), as cut edges; the gradient of L is then what `truncated_gradients` gives.

    Raises:
        TapeError: a loss that is no scalar, a step without a marked loss, a bad `at`; a truncation that does not exist,
            that is no set of edges, or beside `follow`; at="all" with one, and L uses a state by no marked loss.
    """
    if truncation is None:
        return trace(loss, at, follow=follow)
    if follow is not None:
        raise TapeError("flow: truncation and follow both cut edges; give one of them")
    if not isinstance(loss, Var):
        return trace(loss, at)
    steps = find_steps(loss.tape)
    if at == "all" and steps.losses:
        refuse_other_ways_back(read_clock(steps), loss.index)
    found = trace(loss, at, follow=cut_edges(steps, at, truncation))
    return replace(found, notes=(*found.notes, *lost(found, truncation)), rule=rule(steps, truncation))


def rule(steps: Steps, truncation: Any) -> Rule:
    """The edges that each marked loss follows, by its step; None: L."""
    clock = read_clock(steps)
    earliest = _earliest(clock, "all", truncation)

    def follows(s: int | None) -> Follow:
        return cut_edges(steps, "all", truncation) if s is None else cut_at(clock, _borders([earliest[s]]))

    return follows


def lost(truncated: Flow, truncation: tuple[str | int, ...]) -> list[str]:
    """What was cut, and what it costs: the bias of each shared weight's gradient, relative to the whole gradient."""
    weights = truncated.steps.weights
    if not truncated.seeds or not weights:
        return []
    biases = []
    for line, whole in zip(weights, truncated.tape.sweep(truncated.seeds, weights), strict=True):
        size = np.linalg.norm(whole)
        bias = np.linalg.norm(whole - truncated.adjoint.get(line, 0.0))
        if size > 0 and np.isfinite(bias):
            biases.append(f"{truncated.steps.name[line] or f'v{line}'} {bias / size:.2g}")
    mode, *numbers = truncation
    told = f"{str(mode).replace('_', ' ')} = {', '.join(map(str, numbers))}"
    return [f"{told}; bias ‖cut − whole‖ / ‖whole‖ of ∂L/∂θ: {', '.join(biases)}"] if biases else [told]


def cut_edges(steps: Steps, at: At, truncation: Any) -> Follow:
    """The edges that a truncation follows, as a function of (child, argument, parent).

    Raises:
        TapeError: no such truncation, states that go backwards in time, or one that is no set of edges.
    """
    clock = read_clock(steps)
    earliest, kept = _earliest(clock, at, truncation), _totals(steps)
    borders = _borders(earliest.values())
    if len(earliest) == 1:
        return cut_at(clock, borders, kept=kept)

    def block(s: int) -> int:
        return bisect_right(borders, clock.of_step[s])

    for s, e in earliest.items():
        if (there := bisect_right(borders, e)) < block(s):
            raise _no_set(
                truncation, f"the loss at t = {steps.order[s][1]} reaches past step {clock.number(borders[there])}, "
                "where another loss ends"
            )  # fmt: skip
    late = [s for s in earliest if s not in steps.rows and s in steps.losses]
    if any(bisect_right(borders, clock.of[steps.losses[s]]) != block(s) for s in late):
        raise _no_set(truncation, "a loss reads states of steps after its own, behind a cut")
    if rows_read_other_blocks(steps, block):
        raise _no_set(truncation, "a row of the losses reads states of steps behind a cut itself")
    if any(clock.stacks.values()):
        raise _no_set(truncation, "a stack of states is read both whole and row by row")
    return cut_at(clock, borders, spared=steps.readout, kept=kept)


def _totals(steps: Steps) -> Callable[[int, int], bool]:
    """Of a child and its parent: whether they only add up losses; a total that is a marked loss itself is a state."""
    free, lines = free_lines(steps), steps.tape.lines
    leads = bytearray(len(lines))  # by line: is it a marked loss, or does one come from it?
    for line in steps.losses.values():
        leads[line] = 1
    for i in range(max(steps.losses.values(), default=-1), -1, -1):
        if leads[i]:
            for p in lines[i][1]:
                if p >= 0:
                    leads[p] = 1
    return lambda child, parent: not free[parent] and not leads[child]


def _no_set(truncation: Any, why: str) -> TapeError:
    return TapeError(
        f"{truncation[0]}: {why}, so this is no set of cut edges; follow one loss: "
        f"flow(L, at='last', truncation={tuple(truncation)!r})"
    )


def _borders(earliest: Iterable[int]) -> list[int]:
    """The times that no state may cross into; where the initial state is reached, −1, there is none."""
    return sorted({time for time in earliest if time >= 0})


def _earliest(clock: Clock, at: At, truncation: Any) -> dict[int, int]:
    """By the position of each followed loss: the earliest time that it reaches, −1 for the initial state."""
    if not isinstance(truncation, tuple | list) or not truncation or truncation[0] not in MODES:
        raise TapeError(f"truncation={truncation!r}: must be a mode and its numbers, as ('detach_every_k', 2)")
    mode, *numbers = truncation
    names, steps = MODES[mode][1], clock.steps
    if len(numbers) != len(names):
        raise TapeError(f"truncation={truncation!r}: {mode} takes {' and '.join(names)}")
    by_time: dict[int, int] = {}
    for part in passes(clock.count, mode, **dict(zip(names, numbers, strict=True))):
        by_time |= {t - 1: part.earliest - 1 for t in range(part.first, part.last + 1)}
    found = {s: by_time[time] for s, time in enumerate(clock.of_step)}
    if at is None or at == "all":
        return {s: e for s, e in found.items() if s in steps.losses or not steps.losses}
    here = marked(steps, at)
    return {here: found[here]}
