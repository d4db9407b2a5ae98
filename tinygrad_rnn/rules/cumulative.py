"""Derivatives of what runs along an axis: cumulative sums and products, and the linear recurrence behind both.

A recurrence s_k = a_k s_{k−1} + b_k is a linear RNN, and so is its own reverse: with g pulled back, the gradient of b
is r_k = a_{k+1} r_{k+1} + g_k, the same recurrence run from the end, and that of a is r_k s_{k−1}. Products are
recurrences, too, hence exact where a factor is zero, to any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import primitive
from ..tape import Array, rule
from .index import around
from .reduce import spread
from .shape import concatenate


@primitive
def recurrence(a: Array, b: Array) -> Array:
    """s_k = a_k s_{k−1} + b_k along the last axis, from s_{−1} = 0."""
    out = np.array(b)
    for k in range(1, b.shape[-1]):
        out[..., k] += a[..., k] * out[..., k - 1]
    return out


def backwards(g: Array, a: Array) -> Array:
    """r_k = a_{k+1} r_{k+1} + g_k along the last axis, from the end."""
    return recurrence(moved_on(a[..., ::-1], 0.0), g[..., ::-1])[..., ::-1]


def moved_on(x: Array, first: float) -> Array:
    """X moved on by one place along the last axis; the last number falls off, and `first` comes in."""
    begin = np.full((*x.shape[:-1], min(1, x.shape[-1])), first, x.dtype)
    return concatenate(begin, x[..., :-1], axis=-1)


def to_last(x: Array, axis: Any) -> tuple[Array, Callable[[Array], Array]]:
    """These axes of x as one, the last, and what brings an array of that shape back to the shape of x."""
    axes = range(x.ndim) if axis is None or not x.ndim else (axis,) if np.ndim(axis) == 0 else axis
    chosen = [len(around(a, x.ndim)) for a in axes]
    order = [*(k for k in range(x.ndim) if k not in chosen), *chosen]
    between = tuple(x.shape[k] for k in order)
    kept = between[: x.ndim - len(chosen)]
    together = np.reshape(np.transpose(x, order), (*kept, math.prod(between[len(kept) :])))
    inverse = tuple(int(k) for k in np.argsort(order))
    return together, lambda z: np.transpose(np.reshape(z, between), inverse)


def product(g: Array, y: Array, x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Every factor gets the product of all the others."""
    factors, back = to_last(x, axis)
    before = moved_on(np.cumprod(factors, axis=-1), 1.0)
    after = moved_on(np.cumprod(factors[..., ::-1], axis=-1), 1.0)[..., ::-1]
    return spread(g, x, axis, keepdims) * back(before * after)


def running_sum(g: Array, y: Array, x: Array, axis: int | None = None) -> Array:
    """Every summand gets the gradients of all sums from its own on."""
    sums, back = to_last(x, axis)
    later = np.cumsum(np.reshape(to_last(g, axis)[0], sums.shape)[..., ::-1], axis=-1)
    return back(later[..., ::-1])


def running_product(g: Array, y: Array, x: Array, axis: int | None = None) -> Array:
    """With p_k = x_k p_{k−1}: the recurrence's rule, from p_{−1} = 1."""
    factors, back = to_last(x, axis)
    later = backwards(to_last(g, axis)[0], factors)
    return back(later * moved_on(to_last(y, axis)[0], 1.0))


rule(np.prod,    product)
rule(np.cumsum,  running_sum)
rule(np.cumprod, running_product)
rule(recurrence, lambda g, y, a, b: backwards(g, a) * moved_on(y, 0.0), lambda g, y, a, b: backwards(g, a))
