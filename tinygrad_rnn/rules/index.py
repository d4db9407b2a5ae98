"""Derivatives of indexing, and the functions whose results carry no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import primitive
from ..tape import INTO, PLAIN, Array, rule
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


rule(getitem, lambda g, y, x, *index: scatter(g, x.shape, *index))
rule(scatter, lambda g, y, x, shape, *index: getitem(g, *index))
INTO[getitem] = add_into

PLAIN.update({
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.isfinite, np.isnan, np.isinf, np.logical_and, np.logical_or, np.logical_not,
    np.argmax, np.argmin, np.argsort, np.shape, np.ndim, np.size,
    np.zeros_like, np.ones_like, np.array_equal, np.allclose, np.isclose, np.all, np.any,
})  # fmt: skip
