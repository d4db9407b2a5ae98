"""Find where numbers go bad: `watch(h)` is h itself, and stops at the first NaN or infinity, forward or backward.

    h = tg.watch(np.tanh(W @ h + U @ x), "h")  # say=True prints a line instead of stopping

It costs one look at the numbers per pass, and is differentiable to any order.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .errors import TapeError, where_in_time, word
from .guard import user_line
from .ops import primitive
from .tape import Array, Var, rule


def watch(x: Any, name: str | None = None, *, say: bool = False) -> Any:
    """Return x; a NaN or an infinity in it, or in a gradient that passes it, is told with its place.

    Args:
        x: an array or a Var.
        name: what to call it; by default the name that its tape knows, or the number of its line.
        say: print one line to standard error and go on, instead of stopping.

    Raises:
        TapeError: a number is not finite: which, in what, made by which operation, in which step, at which line.
    """
    if not isinstance(x, Var):
        return watched(np.asarray(x), f"{name or 'an array'} at {user_line()}", say)
    fn, *_, scope, known = x.tape.lines[x.index]
    made = "" if fn in ("var", "data") else f", made by {word(fn)}"
    what = name or known or f"v{x.index}"
    label = f"{where_in_time(scope)}{what} (line {x.index} of the tape{made}) at {user_line()}"
    return watched(x, label, say)


@primitive
def watched(x: Array, label: str, say: bool) -> Array:
    """x, looked at."""
    bad = ~np.isfinite(x)
    if np.any(bad):
        place = tuple(int(k) for k in np.argwhere(bad)[0])
        what = f"{x[place]} at {list(place)} of {label}" if place else f"{x} is {label}"
        told = f"watch: {what}; {int(np.sum(bad))} of {x.size} numbers are not finite"
        if not say:
            raise TapeError(told)
        print(told, file=sys.stderr)
    return x.view() if isinstance(x, np.ndarray) else x


rule(watched, lambda g, y, x, label, say: watched(g, f"the gradient of {label}", say), None, None)
