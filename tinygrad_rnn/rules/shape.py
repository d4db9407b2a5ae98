"""Derivatives of what moves numbers and changes none: reshaping, transposing, joining."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from ..ops import fill, primitive
from ..tape import Array, Var, rule
from .elementwise import like


@primitive
def stack(*arrays: Array, axis: int = 0) -> Array:
    """np.stack, its arrays spread out as arguments."""
    return np.stack(arrays, axis=axis)


@primitive
def concatenate(*arrays: Array, axis: int = 0) -> Array:
    """np.concatenate, its arrays spread out as arguments."""
    return np.concatenate(arrays, axis=axis)


def inverse(axes: Any) -> Any:
    """The permutation that undoes a transposition."""
    axes = axes.value if isinstance(axes, Var) else axes  # an array, met in a recorded sweep
    return None if axes is None else tuple(int(k) for k in np.argsort([a % len(axes) for a in axes]))


def unstack(g: Array, axis: int) -> Callable[[int], Array]:
    """Argument k of a stack gets index k of the gradient."""
    before = (slice(None),) * (axis % g.ndim)
    return lambda k: g[(*before, k)]


def split(g: Array, axis: int, arrays: tuple[Array, ...]) -> Callable[[int], Array]:
    """Argument k of a concatenation gets its range of the gradient."""
    before = (slice(None),) * (axis % g.ndim)
    ends = list(accumulate(a.shape[axis] for a in arrays))
    return lambda k: g[(*before, slice(ends[k] - arrays[k].shape[axis], ends[k]))]


rule(np.reshape,          lambda g, y, x, shape: np.reshape(g, x.shape))
rule(np.transpose,        lambda g, y, x, axes=None: np.transpose(g, inverse(axes)))
rule(np.matrix_transpose, lambda g, y, x: g.mT)
rule(np.swapaxes,         lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
rule(np.expand_dims,      lambda g, y, x, axis: np.reshape(g, x.shape))
rule(np.squeeze,          lambda g, y, x, axis=None: np.reshape(g, x.shape))
rule(np.broadcast_to,     lambda g, y, x, shape: like(g, x))
rule(fill,                lambda g, y, x, shape: like(g, x))
rule(stack,       each=lambda g, y, *arrays, axis=0: unstack(g, axis))
rule(concatenate, each=lambda g, y, *arrays, axis=0: split(g, axis, arrays))
