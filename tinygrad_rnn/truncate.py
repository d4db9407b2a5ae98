"""Truncate backpropagation through time on a tape: gradients of which no pass reaches further back than a rule allows.

    dW, dU = truncated_gradients(L, [W, U], "williams_peng", k1=2, k2=4)

The recorded program stays as it is; each backward pass starts from some of the marked losses J_t and does not follow
the edges that carry a state out of the steps that it may not reach. Gradients of all passes are added, as if the
weights stayed fixed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .losses import free_lines, of_loss
from .stepping.clock import Clock, cut_at, read_clock
from .steps import find_steps
from .tape import Array, TapeError, Var
from .var import listed


@dataclass(frozen=True)
class Pass:
    """One backward pass: from the losses of steps `first`…`last`, back to step `earliest` (0: to the initial state)."""

    first: int
    last: int
    earliest: int


def max_lag(T: int, tau: int) -> list[Pass]:
    """Loss t reaches the steps t − τ…t: d2l's regular truncation, and Williams and Peng's BPTT(τ + 1).

    d2l's words "stop at ∂h_{t−τ}" also allow t − τ + 1…t; that is τ one smaller here. The initial state is step 0.
    """
    _at_least("tau", tau, 0)
    return [Pass(t, t, max(0, t - tau)) for t in range(1, T + 1)]


def williams_peng(T: int, k1: int, k2: int) -> list[Pass]:
    """BPTT(k2; k1): after every k1 steps the last k1 losses go back k2 steps; h_{max(0, s − k2)} is a constant.

    Passes end at s = k1, 2·k1, … and at T, and each injects only the losses that none before it did. Needs k2 ≥ k1:
    otherwise the first losses of a block would reach no step at all.
    """
    _at_least("k1", k1, 1)
    if _whole("k2", k2) < k1:
        raise TapeError(f"k2 is {k2} and k1 is {k1}: a pass must go back at least as far as its losses, k2 >= k1")
    passes = []
    for first in range(1, T + 1, k1):
        end = min(T, first + k1 - 1)
        passes.append(Pass(first, end, max(1, end - k2 + 1)))
    return passes


def detach_every_k(T: int, k: int) -> list[Pass]:
    """The state is a constant before the steps 1, k + 1, 2k + 1, …: a loss reaches its own chunk only."""
    _at_least("k", k, 1)
    return [Pass(first, min(T, first + k - 1), first) for first in range(1, T + 1, k)]


# mode -> (its rule, the numbers that it takes)
MODES: Mapping[str, tuple[Callable[..., list[Pass]], tuple[str, ...]]] = {
    "max_lag":        (max_lag, ("tau",)),
    "williams_peng":  (williams_peng, ("k1", "k2")),
    "detach_every_k": (detach_every_k, ("k",)),
}


def passes(T: int, mode: str, **numbers: int) -> list[Pass]:
    """The backward passes of a mode over T steps, in order of time.

    Raises:
        TapeError: an unknown mode, a number that is missing, not asked for, not whole, or too small.
    """
    if mode not in MODES:
        raise TapeError(f"no truncation is called {mode!r}: there are {', '.join(MODES)}")
    rule, names = MODES[mode]
    if set(numbers) != set(names):
        given = ", ".join(sorted(numbers)) or "nothing"
        raise TapeError(f"{mode} takes {' and '.join(names)}, and {given} was given")
    return rule(T, **numbers)


def mask(T: int, mode: str, **numbers: int) -> Array:
    """(T, T), 1 where the passes keep C[t,k], the part of loss t that step k adds, and 0 elsewhere.

    Raises:
        TapeError: as for `passes`.
    """
    kept = np.zeros((T, T))
    for part in passes(T, mode, **numbers):
        for t in range(part.first, part.last + 1):
            kept[t - 1, max(1, part.earliest) - 1 : t] = 1.0
    return kept


def truncated_gradients(loss: Var, wrt: Var | Sequence[Var], mode: str, **numbers: int) -> Any:
    """The gradient of L = Σ_t w_t J_t + rest, where each J_t reaches only the steps that the mode lets it reach.

    Args:
        loss: L, a scalar that uses the losses marked with `tg.loss`, one in every step that has one. What it holds
            besides (a penalty on a weight) is differentiated whole.
        wrt: Vars of the same tape; fresh arrays come back in their order, for one Var its own. Weights may be
            transformed before the steps (M = W * mask): no edge to what no step had a part in is cut.
        mode: "max_lag" (tau), "williams_peng" (k1, k2) or "detach_every_k" (k); steps count from 1 in the order in
            which they were recorded. Of several loops, step t of each is one time where they can run side by side, as
            layers do; a decoder counts on from its encoder's end.
        **numbers: whole numbers that the mode takes.

    The result is Σ mask[t,k] · w_t · C[t,k] for a weight that steps use. The initial state has a gradient only where a
    pass of `max_lag` goes past step 1; the other two modes have it constant. A tape of one step alone does not say
    which of its leaves is a state: names do, on a checked tape (h0, h_0 or h[0] before a line called h). A state
    without such a name has its gradient there like a weight, uncut.

    Raises:
        TapeError: what `passes` refuses, no marked loss, states that go backwards in time, loops that have no common
            time, or a loss that reaches back through time by a way that is no marked loss.
    """
    single, wrt = isinstance(wrt, Var), listed(wrt)
    if not isinstance(loss, Var) or any(not isinstance(v, Var) or v.tape is not loss.tape for v in wrt):
        raise TapeError("truncated_gradients: the loss and what it is differentiated by must be Vars of one tape")
    if loss.shape != ():
        raise TapeError(f"truncated_gradients: the loss has shape {loss.shape}, not (); sum or average it first")
    tape, steps = loss.tape, find_steps(loss.tape)
    clock = read_clock(steps)
    parts = passes(clock.count, mode, **numbers)
    if not steps.losses:
        raise TapeError("truncated_gradients: no step loss is marked; mark J_t with tg.loss(value, t)")
    lines = [v.index for v in wrt]
    adjoints, total = _past_the_losses(clock, loss.index, lines)
    for together in _sweeps(clock, parts):
        seeds: dict[int, Array] = {}
        for s, line in steps.losses.items():
            if line in adjoints and any(one.first <= clock.of_step[s] + 1 <= one.last for one in together):
                seeds[line] = seeds.get(line, 0.0) + of_loss(steps, s, adjoints[line])
        if seeds:
            follow = cut_at(clock, [one.earliest - 1 for one in together if one.earliest > 0])
            total = [a + b for a, b in zip(total, tape.sweep(seeds, lines, follow=follow), strict=True)]
    return total[0] if single else total


def _sweeps(clock: Clock, parts: Sequence[Pass]) -> list[list[Pass]]:
    """Passes that have no time in common share a sweep, of which each keeps to its own times.

    Not where a loss is outside its own pass's times: a row of a readout, or made of later states.
    """
    steps, together = clock.steps, list[list[Pass]]()
    apart = any(clock.stacks.values()) or any(clock.of[line] != clock.of_step[s] for s, line in steps.losses.items())
    for part in parts:
        room = (sweep for sweep in together if not apart and sweep[-1].last < part.earliest)
        sweep = next(room, None)
        if sweep is None:
            together.append([part])
        else:
            sweep.append(part)
    return together


def _past_the_losses(clock: Clock, loss: int, wrt: list[int]) -> tuple[dict[int, Array], list[Array]]:
    """The gradient of L by every marked line that it uses, and by the others with all marked losses held fixed."""
    tape, marked = clock.steps.tape, set(clock.steps.losses.values())

    def follow(child: int, argument: int, parent: int) -> bool:
        return child not in marked

    refuse_other_ways_back(clock, loss)
    used = [line for line in marked if line <= loss]
    found = tape.sweep({loss: np.ones_like(tape.lines[loss][4])}, [*used, *wrt], follow=follow)
    return dict(zip(used, found, strict=False)), found[len(used) :]


def refuse_other_ways_back(clock: Clock, loss: int) -> None:
    """A state that L uses, not through a marked loss, belongs to no pass; a running total of the losses is no state.

    Raises:
        TapeError: L uses such a state.
    """
    steps, free = clock.steps, free_lines(clock.steps)
    reached = bytearray(loss + 2)
    reached[loss] = free[loss]
    for i in range(loss, -1, -1):
        if not reached[i]:
            continue
        for k, p in enumerate(steps.tape.lines[i][1]):
            if p >= 0 and free[p]:
                if clock.carried(i, k, p) is not None:
                    name = steps.label(p) or f"line {p}"
                    raise TapeError(f"truncation: the loss uses {name} other than by a marked loss; mark it")
                reached[p] = 1


def _at_least(name: str, value: Any, least: int) -> None:
    if _whole(name, value) < least:
        raise TapeError(f"{name} is {value}: it must be {least} or more")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TapeError(f"{name} is {value!r}: it must be a whole number")
    return int(value)
