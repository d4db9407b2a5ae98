"""Mark what a step's loss is: a scalar of its own, or a row of what was read out of all steps together, after the loop.

    J = tg.loss(np.mean((h - y) ** 2), t)                                         # the loss of step t
    rows = tg.loss(tg.softmax_cross_entropy(hs @ V + c, ys), range(1, T + 1))     # row t − 1 is the loss of step t

Both come back as they were given. A row that holds several numbers, those of a batch, counts as their sum. A tape notes
(line, scope, t) for every loss; the losses of one line stand in the order of its rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .errors import Scope, TapeError
from .var import Var

Frame = tuple[str, int]
Mark = tuple[int, Scope, int]
_ALONE: ContextVar[int | None] = ContextVar("step", default=None)  # the step that found no tape, while it is open


@contextmanager
def without_tape(t: int | None) -> Iterator[None]:
    """A step where no tape is recording: nothing happens, but a loss of a tape is not marked in it unnoticed."""
    token = _ALONE.set(_ALONE.get() if t is None else t)
    try:
        yield
    finally:
        _ALONE.reset(token)


def marks(tape: Any, value: Any, t: Any, loop: str | None) -> list[Mark]:
    """What a tape is to note where a value is marked as the loss of step t, or its rows as the losses of several steps.

    Args:
        tape: where it was recorded.
        value: a scalar Var, or one with a row for each step.
        t: the number of a step, or those of several steps, in the order of the rows.
        loop: the loop of these steps, for a mark after loops that count the same numbers.

    Raises:
        TapeError: no scalar, or not a row for each step; a scalar in another step than its own, or rows in any step;
            steps that were not recorded, or that two loops have; a second mark; in a step that found no tape.
    """
    if _ALONE.get() is not None and not _numbered(tape.scope):
        raise TapeError(
            f"step t = {_ALONE.get()}: tg.step found no tape, so what stands in it is of no step; write `with tape:` "
            "around the loop, or tape.step(t)"
        )
    shape = value.shape if type(value) is Var and value.tape is tape else None
    if type(t) is not int and isinstance(t, Iterable) and not isinstance(t, str) and getattr(t, "shape", None) != ():
        frames = _frames_of_rows(tape, shape, list(t), loop)
        if any(line == value.index for line, _, _ in tape.losses):
            raise TapeError("the losses of several steps: the value is marked already; mark it once, for all of them")
        _occupy(tape, [(frame, ("", frame[1])) for frame in frames])
        return [(value.index, (frame,), frame[1]) for frame in frames]
    numbered = _numbered(tape.scope)
    if shape != ():
        what = "is no Var of this tape" if shape is None else f"has shape {shape}, not ()"
        rows = "" if numbered or not shape else f", or mark a row a step: tg.loss(value, range(1, {shape[0] + 1}))"
        raise TapeError(f"step t = {t}: the step loss {what}; sum or average what you recorded first{rows}")
    if numbered and t not in [number for _, number in numbered]:
        raise TapeError(f"a loss of step t = {numbered[0][1]} was marked for t = {t}; mark it for its own step")
    scope = tape.scope
    if loop is not None and not numbered:
        scope = numbered = tuple(_frames([t], loop, tape.lines))
    _occupy(tape, [(*numbered, ("", t))])
    return [(value.index, scope, t)]


def unmarked(value: Any) -> Any:
    """A plain number or array, as it is.

    Raises:
        TapeError: a list of Vars, of which none would be marked.
    """
    if isinstance(value, list | tuple) and any(type(v) is Var for v in value):
        raise TapeError("loss: a list of Vars is no Var; mark np.stack(losses), or each of them for its own step")
    return value


def step_frame(scope: Scope) -> Frame | None:
    """The frame of a scope that is its time step: the one of loop "time", else the outermost with a number."""
    numbered = _numbered(scope)
    return next((frame for frame in numbered if frame[0] == "time"), numbered[0] if numbered else None)


def losses_by_step(
    losses: Iterable[Mark], lines: Sequence[Any], order: Mapping[Frame, int]
) -> tuple[dict[int, int], dict[int, int]]:
    """By the position of a step: the line that is marked as its loss, and which row of it, where the line has rows.

    Raises:
        TapeError: two losses of one step, or one that was marked after two loops that have such a step.
    """
    found, rows, count = dict[int, int](), dict[int, int](), Counter[int]()
    named: dict[int, list[Frame]] = defaultdict(list)
    for frame in order:
        named[frame[1]].append(frame)
    for line, scope, t in losses:
        own = step_frame(scope)
        meant = [own] if own else named.get(t, [])
        if len(meant) > 1:
            raise _several(t, [loop for loop, _ in meant])
        if meant and meant[0] in order:
            s = order[meant[0]]
            if s in found:
                raise TapeError(f"step t = {t} has two marked losses; mark their sum")
            found[s] = line
            if np.ndim(lines[line][4]):
                rows[s] = count[line]
        count[line] += 1
    return found, rows


def _numbered(scope: Scope) -> tuple[Frame, ...]:
    return tuple([frame for frame in scope if frame[1] is not None])  # type: ignore[misc]


def _frames_of_rows(tape: Any, shape: tuple[int, ...] | None, numbers: list[Any], loop: str | None) -> list[Frame]:
    """The step of every row, where there is one row for each and they are marked outside the steps."""
    told = f"the losses of {len(numbers)} steps"
    odd = [n for n in numbers if isinstance(n, bool) or not isinstance(n, int | np.integer)]
    if odd or len(set(numbers)) < len(numbers):
        what = f"{repr(odd[0])[:40]} is no step's number" if odd else "a step stands there twice"
        raise TapeError(f"{told}: {what}; give the number of each row's step, as range(1, T + 1)")
    if shape is None or shape[:1] != (len(numbers),):
        what = "the value is no Var of this tape" if shape is None else f"the value has shape {shape}"
        raise TapeError(f"{told}: {what}; mark what was recorded, with one row (axis 0) for each step")
    if inside := _numbered(tape.scope):
        raise TapeError(f"{told} were marked in step t = {inside[0][1]}; mark them after the loop")
    return _frames([int(n) for n in numbers], loop, tape.lines)


def _frames(numbers: Sequence[int], loop: str | None, lines: Sequence[Any]) -> list[Frame]:
    """Recorded steps by their numbers, all of one loop."""
    there: dict[str, dict[int, None]] = {}
    for scope in {id(line[5]): line[5] for line in lines}.values():  # lines of one step share the scope itself
        if frame := step_frame(scope):
            there.setdefault(frame[0], {})[frame[1]] = None
    asked = there if loop is None else {loop: there.get(loop, {})}
    found = [name for name, steps in asked.items() if all(n in steps for n in numbers)]
    if len(found) > 1:
        raise _several(numbers[0], found)
    if not found:
        steps = list(next(iter(asked.values()), {}))
        missing = next((n for n in numbers if n not in steps), None)
        loops = "" if loop is None else f" of loop {loop!r}"
        stand = f"{', '.join(map(str, steps[:8]))}{', …' if len(steps) > 8 else ''}" if steps else "none"
        raise TapeError(f"a loss of step t = {missing}: no such step{loops} was recorded; the steps are t = {stand}")
    return [(found[0], n) for n in numbers]


def _several(t: int, loops: Sequence[str]) -> TapeError:
    told = " and ".join(map(repr, loops))
    return TapeError(f"a loss of step t = {t}: the loops {told} have such a step; say loop={loops[-1]!r}")


def _occupy(tape: Any, places: Sequence[tuple[Frame, ...]]) -> None:
    """Note that the steps at these places have their losses: all of them, or none where one had a loss before."""
    for place in places:
        if place in tape.marked:
            t = place[-1][1]
            raise TapeError(
                f"step t = {t} already has a marked loss; mark the sum, or give a second loop a name of its own"
            )
    tape.marked.update(places)
