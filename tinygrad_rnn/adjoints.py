"""Sum what a sweep brings to a line, in place wherever the sum is the sweep's own.

`bars[p]` is the adjoint of line p so far, None before the first contribution. `owned` has the lines whose sum was made
here: a contribution itself may be shared, with another line or with the user, and is never changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def add(bars: list[Any], owned: set[int], p: int, d: Array) -> None:
    """Add d to the adjoint of line p, in place where the sum is the sweep's own."""
    bar = bars[p]
    if p in owned:
        bar += d
        bars[p] = bar
    else:
        bars[p] = bar + d
        owned.add(p)


def buffer(bars: list[Any], owned: set[int], p: int, like: Array) -> Array:
    """The adjoint of line p as an array of the sweep's own, into which slices of one leaf are added."""
    if p not in owned or type(bars[p]) is not np.ndarray:
        bars[p] = np.zeros_like(like) if bars[p] is None else np.array(bars[p])
        owned.add(p)
    return bars[p]
