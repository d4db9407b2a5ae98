"""Read one line of a tape: `tape[i]` is a Line, `tape.backward[i]` says what a line of a backward pass is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .errors import Scope, TapeError
from .guard import Place


class Backward(NamedTuple):
    """What a line of a tracked sweep is.

    The "seed" of a line, the "adjoint" of a line through one argument, a "sum" of contributions into a line, or the
    "zeros" of a line that nothing reached.
    """

    kind: str
    line: int
    argument: int | None = None


class Line(NamedTuple):
    """One line of a tape, for reading: `number` is its place."""

    number: int
    fn: Any
    parents: tuple[int, ...]
    args: tuple[Any, ...]
    kw: dict[str, Any]
    value: Any
    scope: Scope
    name: str | None
    source: Place | None


def frame(t: Any, loop: Any) -> tuple[str, int | None]:
    """The frame of a scope: step t of a loop; without a t, a named part of a step."""
    if not isinstance(t, int | np.integer | None) or not isinstance(loop, str):
        raise TapeError(f"step({t!r}, loop={loop!r}): t is a whole number, loop a word")
    return loop, None if t is None else int(t)
