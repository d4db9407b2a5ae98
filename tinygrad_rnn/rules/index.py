"""Derivatives of indexing, and the functions whose results carry no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import primitive
from ..tape import INTO, PLAIN, Array, TapeError, rule
from ..var import getitem


@primitive
def scatter(g: Array, shape: tuple[int, ...], *index: Any) -> Array:
    """Zeros of a shape with g added at an index: the transpose of `x[index]`."""
    out = np.zeros(shape, g.dtype)
    add_into(out, g, *index)
    return out


def add_into(buffer: Array, g: Array, *index: Any) -> None:
    """buffer[index] += g, repeated indices included."""
    if all(k is None or k is Ellipsis or isinstance(k, int | slice | np.integer) for k in index):
        buffer[index] += g
    else:
        np.add.at(buffer, index, g)


def added(bar: Array | None, owned: bool, g: Array, x: Array, *index: Any) -> Array:
    """What has come in for x with the gradient of x[index] added, in place where it is the sweep's own array."""
    if not owned or type(bar) is not np.ndarray:
        bar = np.zeros_like(x) if bar is None else np.array(bar)
    add_into(bar, g, *index)
    return bar


def around(axis: int, ndim: int) -> tuple[slice, ...]:
    """The slices before an axis, so that `x[*around(axis, x.ndim), k]` is index k along it."""
    if not -ndim <= axis < ndim:
        raise TapeError(f"axis {axis} is out of bounds for an array of {ndim} dimensions")
    return (slice(None),) * (axis % ndim)


@primitive
def put_along_axis(g: Array, where: Array, shape: tuple[int, ...], axis: int) -> Array:
    """Zeros of a shape with g added at the places `where` along an axis: the transpose of np.take_along_axis."""
    places = list(np.ogrid[tuple(slice(n) for n in shape)])
    places[axis] = where
    return scatter(g, shape, *places)


@primitive
def order(x: Array, axis: int | None) -> Array:
    """Where the sorted numbers came from: np.argsort, equal ones in the order in which they stand."""
    return np.argsort(x, axis=axis, kind="stable")


def put_back(g: Array, x: Array, where: Array, axis: int | None) -> Array:
    """Every number of x gets the gradients of the places along an axis that it was taken to."""
    if axis is None:
        return np.reshape(put_along_axis(g, where, (x.size,), 0), x.shape)
    return put_along_axis(g, where, x.shape, axis)


rule(np.sort, lambda g, y, x, axis=-1: put_back(g, x, order(x, axis), axis))
rule(order, None, None)
rule(np.take_along_axis, lambda g, y, x, indices, axis=-1: put_back(g, x, indices, axis), None)
rule(put_along_axis, lambda g, y, x, where, shape, axis: np.take_along_axis(g, where, axis=axis), None)
rule(getitem, lambda g, y, x, *index: scatter(g, x.shape, *index))
rule(scatter, lambda g, y, x, shape, *index: getitem(g, *index))
INTO[getitem] = added

PLAIN.update({
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.argmax, np.argmin, np.argsort, np.argpartition, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted,
    np.shape, np.ndim, np.size, np.result_type,
    np.zeros_like, np.ones_like, np.array_equal, np.allclose, np.isclose, np.all, np.any,
})  # fmt: skip
