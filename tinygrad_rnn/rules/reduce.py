"""Derivatives of what brings many numbers to few: sums, means, maxima, softmax and the cross entropies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import (
    binary_cross_entropy,
    fill,
    log_softmax,
    logsumexp,
    numbered,
    one_hot,
    primitive,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    weights,
)
from ..tape import Array, Var, rule
from .elementwise import half_reciprocal, like


def spread(g: Array, x: Array, axis: Any, keepdims: bool) -> Array:
    """Give a reduced gradient back the axes that the reduction dropped, each of size 1."""
    if axis is None or keepdims or not x.ndim:  # NumPy lets a number have an axis 0
        return g
    return g[..., None] if axis == -1 else np.expand_dims(g, axis)


def count(x: Array, y: Array) -> float:
    """How many numbers went into each mean."""
    return float(x.size / max(y.size, 1))


@primitive
def winners(x: Array, y: Array, axis: Any, keepdims: bool) -> Array:
    """1/n at each of the n places of x that equal the extreme y, 0 elsewhere."""
    hit = (x == spread(y, x, axis, keepdims)).astype(x.dtype)
    return hit / hit.sum(axis=axis, keepdims=True)


def summed(g: Array, y: Array, x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Every summand gets the sum's gradient."""
    return fill(spread(g, x, axis, keepdims), x.shape)


def deviation(x: Array, axis: Any, ddof: float) -> Array:
    """(x − mean) / (n − ddof)."""
    mean = np.mean(x, axis=axis, keepdims=True)
    return (x - mean) / (count(x, mean) - ddof)


def extreme(g: Array, y: Array, x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """The extreme's gradient goes to where it stands, in equal shares."""
    return spread(g, x, axis, keepdims) * winners(x, y, axis, keepdims)


def cross_entropy(g: Array, y: Array, logits: Array, targets: Array) -> Array:
    """(softmax(z) Σ_j y_j − y) g."""
    whole = np.asarray(targets).dtype.kind in "iub" if type(targets) is not Var else targets.dtype.kind in "iub"
    if whole and type(logits) is np.ndarray:  # in place, for speed; in C order, so that the flat view is no copy
        p = np.ascontiguousarray(softmax(logits))
        p.reshape(-1)[np.arange(0, p.size, p.shape[-1]) + numbered(targets)] -= 1.0
        return np.multiply(p, g[..., None], out=p)
    if whole:
        return (softmax(logits) - one_hot(targets, logits)) * g[..., None]
    return (softmax(logits) * targets.sum(axis=-1, keepdims=True) - targets) * g[..., None]


rule(np.sum,      summed)
rule(np.mean,     lambda g, y, x, axis=None, *, keepdims=False: summed(g / count(x, y), y, x, axis, keepdims=keepdims))
rule(np.max,      extreme)
rule(np.min,      extreme)
rule(np.var,      lambda g, y, x, axis=None, *, ddof=0, keepdims=False:
                  spread(g, x, axis, keepdims) * (2 * deviation(x, axis, ddof)))
rule(np.std,      lambda g, y, x, axis=None, *, ddof=0, keepdims=False:
                  spread(g * half_reciprocal(y), x, axis, keepdims) * (2 * deviation(x, axis, ddof)))
rule(logsumexp,   lambda g, y, x, axis=-1, keepdims=False: spread(g, x, axis, keepdims) * weights(x, axis=axis))
rule(weights,     lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)))
rule(softmax,     lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)))
rule(log_softmax, lambda g, y, x, axis=-1: g - np.exp(y) * g.sum(axis=axis, keepdims=True))
rule(winners,     None, None)
rule(one_hot,     None, None)
rule(softmax_cross_entropy, cross_entropy, lambda g, y, logits, targets: -log_softmax(logits) * g[..., None])
rule(binary_cross_entropy,  lambda g, y, logits, targets: like(g * (sigmoid(logits) - targets), logits),
                            lambda g, y, logits, targets: like(-g * logits, targets))
