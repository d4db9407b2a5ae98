"""Derivatives of what moves numbers and changes none: reshaping, transposing, joining."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import ADAPTERS, Array, rule
from .elementwise import like


def stack(*arrays: Array, axis: int = 0) -> Array:
    """np.stack, its arrays spread out as arguments."""
    return np.stack(arrays, axis=axis)


def concatenate(*arrays: Array, axis: int = 0) -> Array:
    """np.concatenate, its arrays spread out as arguments."""
    return np.concatenate(arrays, axis=axis)


def inverse(axes: Any) -> Any:
    """The permutation that undoes a transposition."""
    return None if axes is None else tuple(int(k) for k in np.argsort([a % len(axes) for a in axes]))


def piece(g: Array, k: int, axis: int, arrays: tuple[Array, ...] | None) -> Array:
    """Argument k's part of the gradient of a join: one index of a stack, one range of a concatenation."""
    before = (slice(None),) * (axis % g.ndim)
    if arrays is None:
        return g[(*before, k)]
    start = sum(a.shape[axis] for a in arrays[:k])
    return g[(*before, slice(start, start + arrays[k].shape[axis]))]


rule(np.reshape,          lambda g, y, x, shape, order="C": np.reshape(g, x.shape))
rule(np.ravel,            lambda g, y, x, order="C": np.reshape(g, x.shape))
rule(np.transpose,        lambda g, y, x, axes=None: np.transpose(g, inverse(axes)))
rule(np.matrix_transpose, lambda g, y, x: g.mT)
rule(np.swapaxes,         lambda g, y, x, a, b: np.swapaxes(g, a, b))
rule(np.expand_dims,      lambda g, y, x, axis: np.reshape(g, x.shape))
rule(np.squeeze,          lambda g, y, x, axis=None: np.reshape(g, x.shape))
rule(np.broadcast_to,     lambda g, y, x, shape: like(g, x))
rule(stack,       each=lambda k, g, y, *arrays, axis=0: piece(g, k, axis, None))
rule(concatenate, each=lambda k, g, y, *arrays, axis=0: piece(g, k, axis, arrays))
ADAPTERS[np.stack] = lambda arrays, axis=0: (stack, tuple(arrays), {"axis": axis})
ADAPTERS[np.concatenate] = lambda arrays, axis=0: (concatenate, tuple(arrays), {"axis": axis})
