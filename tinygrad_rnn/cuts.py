"""Follow a loss's gradient, truncated: a truncation as edges that are cut, where it is a set of edges.

    flow(L, truncation=("detach_every_k", 2))           # the state is a constant before the steps 1, 3, 5, …
    flow(L, at=6, truncation=("max_lag", 2))            # the loss of step 6 reaches the steps 4, 5, 6

Each loss t reaches back to its earliest step e_t. That is one set of cut edges, the carries into the steps before
every e_t, only if no loss has another's e inside its own reach: always for one loss alone, and for blocks of steps.
Whatever loss is asked for later, in `Flow.table` or in a picture of a path, has the cuts of its own e_t.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .flow import Flow, Rule, marked, trace
from .losses import Follow, rows_read_other_blocks
from .places import At
from .steps import Steps, find_steps
from .tape import TapeError, Var
from .truncate import MODES, free_lines, passes, refuse_other_ways_back


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
        refuse_other_ways_back(loss.tape, steps, loss.index)
    found = trace(loss, at, follow=cut_edges(steps, at, truncation))
    return replace(found, notes=(*found.notes, *lost(found, truncation)), rule=rule(steps, truncation))


def rule(steps: Steps, truncation: Any) -> Rule:
    """The edges that each marked loss follows, by its step; None: L."""
    earliest = _earliest(steps, "all", truncation)
    free = free_lines(steps.tape, steps)

    def follows(s: int | None) -> Follow:
        return cut_edges(steps, "all", truncation) if s is None else _alone(steps, earliest[s], free)

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
    earliest, free = _earliest(steps, at, truncation), free_lines(steps.tape, steps)
    if len(earliest) == 1:
        return _alone(steps, next(iter(earliest.values())), free)
    borders = sorted({e for e in earliest.values() if e >= 0})

    def between(early: int, late: int) -> bool:
        return bisect_right(borders, early) < bisect_right(borders, late)

    for t, e in earliest.items():
        if between(e, t):
            here, there = steps.order[t][1], steps.order[borders[bisect_right(borders, e)]][1]
            raise TapeError(
                f"{truncation[0]}: the loss at t = {here} reaches past step {there}, where another loss ends, so this "
                f"is no set of cut edges; follow one loss: flow(L, at='last', truncation={tuple(truncation)!r})"
            )
    if rows_read_other_blocks(steps, partial(bisect_right, borders)):
        raise TapeError(
            f"{truncation[0]}: a row of the losses reads states of steps behind a cut itself, so this is no set of cut "
            f"edges; follow one loss: flow(L, at='last', truncation={tuple(truncation)!r})"
        )
    return _over(steps, borders, free)


def _alone(steps: Steps, earliest: int, free: bytearray) -> Follow:
    """Every edge but those by which one loss would reach a step before its earliest one, or the initial state."""
    carries, reads = _over(steps, [earliest], free), steps.readout

    def follow(child: int, argument: int, parent: int) -> bool:
        return carries(child, argument, parent) and not ((child, argument) in reads and steps.of[parent] < earliest)

    return follow


def _over(steps: Steps, borders: list[int], free: bytearray) -> Follow:
    """Every edge but carries over a border, into a step before it; a running total of the losses is no carry."""
    of, borders = steps.of, [border for border in borders if border >= 0]

    def follow(child: int, argument: int, parent: int) -> bool:
        if child >= len(of):  # recorded after the truncation was made: a backward pass
            return True
        over = bisect_right(borders, of[parent]) < bisect_right(borders, of[child])
        return not (over and free[parent] and steps.is_carry(child, argument))

    return follow


def _earliest(steps: Steps, at: At, truncation: Any) -> dict[int, int]:
    """By the position of each followed loss: the position of the earliest step that it reaches, −1 for h0."""
    if not isinstance(truncation, tuple | list) or not truncation or truncation[0] not in MODES:
        raise TapeError(f"truncation={truncation!r}: must be a mode and its numbers, as ('detach_every_k', 2)")
    mode, *numbers = truncation
    names = MODES[mode][1]
    if len(numbers) != len(names):
        raise TapeError(f"truncation={truncation!r}: {mode} takes {' and '.join(names)}")
    if any(lag < 0 for _, lag in steps.carries):
        raise TapeError("truncation: a state goes backwards in time; only states of earlier steps can be cut")
    found: dict[int, int] = {}
    for part in passes(len(steps.order), mode, **dict(zip(names, numbers, strict=True))):
        found |= {t - 1: part.earliest - 1 for t in range(part.first, part.last + 1)}
    if at is None or at == "all":
        return {s: e for s, e in found.items() if s in steps.losses or not steps.losses}
    here = marked(steps, at)
    return {here: found[here]}
