"""Everything that a recurrent program carries from step to step, and the Jacobian of each step's state by the last's.

With S_t all that is carried across the end of step t (h, or h and c, or h of two steps where a skip reaches back two),
J_t = ∂S_t/∂S_{t−1}, taken off the tape by sweeps that do not leave the step. It holds for every recorded cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_rnn import Flow
from tinygrad_rnn.losses import seed
from tinygrad_rnn.steps import differentiable

from ..render import PictureError

Array = Any
MOST_NUMBERS = 256  # entries of a state: one sweep over the tape for each
MOST_LAG = 8


@dataclass(frozen=True)
class Carried:
    """What is carried: `lines[s]` are the lines of S_s, `names[s]` what they are called; steps count from 0."""

    flow: Flow
    lines: tuple[tuple[int, ...], ...]
    names: tuple[tuple[str, ...], ...]
    reach: int  # how many steps back a state is read
    depends: bytearray  # by line: does it depend on a differentiable leaf?

    def size(self, s: int) -> int:
        """How many numbers S_s has."""
        return sum(np.size(self.flow.tape.lines[i][4]) for i in self.lines[s])


def carried(flow: Flow) -> Carried:
    """The state at the end of every step.

    Raises:
        PictureError: nothing is carried, a state runs backwards in time, or one is read from very far back.
    """
    steps = flow.steps
    reach: dict[int, int] = {}
    for role, lag in steps.carries:
        if lag < 0:
            raise PictureError("a state runs backwards in time, so steps have no one Jacobian; choose a state by name")
        reach[role] = max(lag, reach.get(role, 0))
    if not reach:
        raise PictureError("nothing is carried from step to step: no later step reads what a step computes")
    if max(reach.values()) > MOST_LAG:
        raise PictureError(f"states are read from {max(reach.values())} steps back, at most {MOST_LAG} can be charted")
    lines, names, depends = [], [], differentiable(flow.tape)
    if _through_outside(flow, depends):
        raise PictureError("steps read states through lines that stand outside every step; compute those inside a step")
    for s in range(len(steps.order)):
        found = [(role, s - j) for role, most in sorted(reach.items()) for j in range(most)]
        here = [steps.lines[role][at] for role, at in found if at in steps.lines[role]]
        here = [i for i in here if depends[i]]
        lines.append(tuple(here))
        names.append(tuple(steps.name[i] or f"v{i}" for i in here))
    result = Carried(flow, tuple(lines), tuple(names), max(reach.values()), depends)
    largest = max(result.size(s) for s in range(len(lines)))
    if largest > MOST_NUMBERS:
        raise PictureError(f"the carried state has {largest} numbers, too many to chart (at most {MOST_NUMBERS})")
    return result


def _through_outside(flow: Flow, depends: bytearray) -> bool:
    """Does a step read what lines outside every step make of other steps' values?"""
    of = flow.steps.of
    lines = flow.tape.lines[: len(of)]  # without what was recorded after the flow was taken
    made = bytearray(len(lines) + 1)
    for i, line in enumerate(lines):
        parents = [p for p in line[1] if p >= 0 and depends[p]]
        if of[i] >= 0 and any(made[p] for p in parents):
            return True
        made[i] = of[i] < 0 and i not in flow.tape.backward and any(of[p] >= 0 or made[p] for p in parents)
    return False


def step_jacobians(state: Carried) -> list[Array]:
    """J_s = ∂S_s/∂S_{s−1} for s = 1, 2, … (steps count from 0): one sweep for each number of the state and (reach + 1).

    Steps that are reach + 1 apart share a sweep: what leaves one of them arrives at lines of which none is in another.
    """
    flow, count = state.flow, len(state.lines)
    found = [np.zeros((state.size(s), state.size(s - 1))) for s in range(1, count)]
    for first in range(state.reach + 1):
        active = [s for s in range(1, count) if s % (state.reach + 1) == first]
        for n in range(max((state.size(s) for s in active), default=0)):
            seeds = {}
            for s in active:
                if n < state.size(s):
                    line, unit = _unit(state, s, n)
                    if line in state.lines[s - 1]:  # carried on unchanged, for a step that reads further back
                        found[s - 1][n] += _row(state, s - 1, {line: unit})
                    else:
                        seeds[line] = unit
            arrived: dict[int, dict[int, Array]] = {s: {} for s in active}
            _sweep(state, seeds, _inside(flow, arrived), _collect(flow, arrived))
            for s in active:
                if n < state.size(s):
                    found[s - 1][n] += _row(state, s - 1, arrived[s])
    return found


def state_gradients(state: Carried, loss: int) -> list[Array]:
    """∂J/∂S_s for every s up to the step of a marked loss J, all of S_s independent of each other.

    For the loss's own step this is e, what J reads of S directly; before, all that crosses the end of step s.
    """
    flow, losses = state.flow, state.flow.steps.losses
    last, line, start = loss, losses[loss], seed(flow.steps, loss)
    edges: list[tuple[int, int, Array]] = []
    _sweep(state, start, lambda child: True, lambda child, parent, part: edges.append((child, parent, part)))
    result = []
    for s in range(last):
        crossing: dict[int, Array] = {}
        for child, parent, part in edges:
            if parent in state.lines[s] and not 0 <= flow.steps.of[child] <= s:
                crossing[parent] = crossing[parent] + part if parent in crossing else part
        result.append(_row(state, s, crossing))
    direct: dict[int, Array] = {}

    def note(child: int, parent: int, part: Array) -> None:
        if parent in state.lines[last]:
            direct[parent] = direct[parent] + part if parent in direct else part

    _sweep(state, start, lambda child: child not in state.lines[last], note)
    if line in state.lines[last]:
        direct[line] = start[line]
    return [*result, _row(state, last, direct)]


def total_jacobians(flow: Flow, name: str) -> tuple[list[int], list[Array]]:
    """∂h_T/∂h_k by every road, h_T being the last recorded state of a name: the lags T − k, and the matrices.

    Raises:
        PictureError: no such state, or one that is too large.
    """
    steps = flow.steps
    roles = {role for role, _ in steps.carries}
    called = {role: steps.name[max(steps.lines[role].values())] or "" for role in roles}
    hits = [role for role in sorted(roles) if called[role] == name]
    if not hits:
        known = ", ".join(sorted(set(called.values()))) or "none"
        raise PictureError(f"state={name[:40]!r}: no carried state is called so; there are {known}")
    lines = sorted(steps.lines[hits[0]].values())
    size = np.size(flow.tape.lines[lines[-1]][4])
    if size > MOST_NUMBERS:
        raise PictureError(f"state={name[:40]!r} has {size} numbers, too many to chart (at most {MOST_NUMBERS})")
    found = [np.zeros((size, np.size(flow.tape.lines[i][4]))) for i in reversed(lines)]
    for n in range(size):
        unit = _entry(flow.tape.lines[lines[-1]][4], n)
        bars = flow.tape.sweep({lines[-1]: unit}, lines, follow=flow.follow)
        for matrix, bar in zip(found, reversed(bars), strict=True):
            matrix[n] = np.ravel(bar)
    return list(range(len(lines))), found


def _sweep(
    state: Carried, seeds: dict[int, Array], through: Callable[[int], bool], note: Callable[[int, int, Array], None]
) -> None:
    """Sweep from seeds, past the lines that `through` lets pass, and note what each edge brings."""
    if not seeds:
        return
    flow, depends = state.flow, state.depends
    cut = flow.follow

    def follow(child: int, argument: int, parent: int) -> bool:
        return through(child) and (cut is None or cut(child, argument, parent))

    wanted = [i for i in range(max(seeds) + 1) if depends[i]]
    flow.tape.sweep(seeds, wanted, follow=follow, report=lambda child, _, parent, part: note(child, parent, part))


def _inside(flow: Flow, steps: dict[int, Any]) -> Callable[[int], bool]:
    return lambda child: flow.steps.of[child] in steps


def _collect(flow: Flow, arrived: dict[int, dict[int, Array]]) -> Callable[[int, int, Array], None]:
    def note(child: int, parent: int, part: Array) -> None:
        here = arrived[flow.steps.of[child]]
        here[parent] = here[parent] + part if parent in here else part

    return note


def _unit(state: Carried, s: int, n: int) -> tuple[int, Array]:
    """Which line of S_s holds its n-th number, and 1 there."""
    for line in state.lines[s]:
        value = state.flow.tape.lines[line][4]
        if n < np.size(value):
            return line, _entry(value, n)
        n -= np.size(value)
    raise IndexError(n)


def _entry(value: Array, n: int) -> Array:
    one = np.zeros(np.size(value), dtype=np.asarray(value).dtype)
    one[n] = 1.0
    return one.reshape(np.shape(value))


def _row(state: Carried, s: int, arrays: dict[int, Array]) -> Array:
    """Arrays by line as one row over all numbers of S_s."""
    parts = [
        np.ravel(arrays[i]) if i in arrays else np.zeros(np.size(state.flow.tape.lines[i][4])) for i in state.lines[s]
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
