"""Products, averages, norms, diagonals and triangles under NumPy's other names: each is said in terms of primitives.

What is written here has its derivatives, of any order, from the tables; there is nothing to differentiate.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from ..tape import ADAPTERS, Array, TapeError
from .arrangement import array, raveled
from .index import around, scatter
from .linear import einsum, explicit


def dot(a: Any, b: Any) -> Array:
    """np.dot: of numbers a product, of matrices `@`, of more dimensions the last axis by the last but one."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    a, b = array(a), array(b)
    return np.matmul(a, b) if max(a.ndim, b.ndim) <= 2 else tensordot(a, b, (-1, max(b.ndim - 2, 0)))


def vdot(a: Any, b: Any) -> Array:
    """np.vdot."""
    return np.matmul(raveled(a), raveled(b))


def inner(a: Any, b: Any) -> Array:
    """np.inner: last axis by last axis."""
    return np.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else tensordot(a, b, (-1, -1))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Array:
    """np.tensordot as einsum."""
    a, b = array(a), array(b)
    number = isinstance(axes, int | np.integer)
    first, second = (range(a.ndim - axes, a.ndim), range(axes)) if number else axes
    first, second = ([int(k) for k in np.atleast_1d(list(ks) if np.ndim(ks) else ks)] for ks in (first, second))
    firsts, seconds = ({len(around(k, x.ndim)) for k in ks} for ks, x in ((first, a), (second, b)))
    if not len(first) == len(second) == len(firsts) == len(seconds) or a.ndim + b.ndim > len(ascii_letters):
        raise TapeError(f"np.tensordot: axes {first} and {second} don't pair")
    left = list(ascii_letters[: a.ndim])
    right = list(ascii_letters[a.ndim : a.ndim + b.ndim])
    for m, n in zip(first, second, strict=True):
        if a.shape[m] != b.shape[n]:
            raise TapeError(f"np.tensordot: axis {m} of {a.shape} and axis {n} of {b.shape} have different lengths")
        right[n] = left[m]
    met = {left[m] for m in first}
    output = [c for c in left + right if c not in met]
    return einsum(f"{''.join(left)},{''.join(right)}->{''.join(output)}", a, b)


def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Array:
    """np.vecdot: products along an axis, summed."""
    a, b = (np.moveaxis(array(x), axis, -1) for x in (x1, x2))
    if a.shape[-1] != b.shape[-1]:
        raise TapeError(f"np.vecdot: vectors of {a.shape[-1]} and of {b.shape[-1]} numbers have no product")
    return np.sum(np.multiply(a, b), axis=-1)


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """np.average: Σ w a / Σ w; weights have a's shape, or one axis."""
    a = array(a)
    w = array(np.ones(a.shape, a.dtype) if weights is None else weights)
    if w.shape != a.shape:
        if w.ndim != 1 or not isinstance(axis, int | np.integer) or w.size != a.shape[axis]:
            told = f"np.average: weights of shape {w.shape} don't fit {a.shape}, axis {axis}"
            raise TapeError(f"{told}; give one axis, or weights of the array's shape")
        w = np.reshape(w, (-1, *(1,) * (a.ndim - 1 - len(around(int(axis), a.ndim)))))
    whole = np.broadcast_to(w, a.shape)
    total = np.sum(whole, axis=axis, keepdims=bool(keepdims))
    found = np.sum(a * whole, axis=axis, keepdims=bool(keepdims)) / total
    return (found, total) if returned else found


def general_einsum(*args: Any, optimize: Any = False) -> Array:
    """np.einsum in both of its forms: with text, or with lists of axes after each operand."""
    if isinstance(args[0], str):
        subscripts, operands = args[0], [array(a) for a in args[1:]]
    else:
        operands = [array(a) for a in args[:-1:2]] if len(args) % 2 else [array(a) for a in args[::2]]
        lists = [args[2 * k + 1] for k in range(len(operands))]
        subscripts = ",".join(map(letters, lists)) + ("->" + letters(args[-1]) if len(args) % 2 else "")
    return einsum(explicit(subscripts, [o.ndim for o in operands]), *operands)


def letters(axes: Sequence[Any]) -> str:
    """A list of axis numbers as subscripts."""
    return "".join("..." if k is Ellipsis else ascii_letters[k] for k in axes)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """np.linalg.norm: 2, 1, ∞ and p of vectors; Frobenius, 1 and ∞ of matrices. Its gradient at zero is zero."""
    x = array(x)
    ord = ord.item() if isinstance(ord, np.number) else ord
    axes: Any = axis if axis is not None or ord is None else tuple(range(x.ndim))
    pair = isinstance(axes, tuple) and len(axes) == 2
    if axes is not None and len({len(around(int(k), x.ndim)) for k in np.atleast_1d(axes)}) not in (1, 2):
        raise TapeError(f"np.linalg.norm: axis={axis} of {x.ndim} dimensions; one axis of vectors, two of matrices")
    if ord is None or (ord == "fro" and pair) or (ord == 2 and not pair):
        return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=keepdims))
    size = np.absolute(x)
    if not isinstance(ord, int | float) or ord == 0 or (pair and abs(ord) not in (1, np.inf)):
        raise TapeError(f"np.linalg.norm(ord={ord!r}) of {'matrices' if pair else 'vectors'} has no rule; write it out")
    if pair:
        rows, columns = axes
        lines = np.sum(size, axis=rows if abs(ord) == 1 else columns, keepdims=True)
        return (np.max if ord > 0 else np.min)(lines, axis=axes, keepdims=keepdims)
    if abs(ord) == np.inf:
        return (np.max if ord > 0 else np.min)(size, axis=axes, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    total = np.sum(size**ord, axis=axes, keepdims=keepdims)
    if ord < 0:
        return total ** (1 / ord)
    zero = 1 - np.sign(total)  # 1 where the norm is 0: the root's infinite derivative there times 0 would be NaN
    return (total + zero) ** (1 / ord) - zero


# ---- diagonals and triangles -------------------------------------------------------------------------------------


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """np.diagonal: the two axes together, last."""
    a = np.moveaxis(array(a), (axis1, axis2), (-2, -1))
    rows = np.arange(max(0, min(a.shape[-2] + min(offset, 0), a.shape[-1] - max(offset, 0))))
    return a[..., rows - min(offset, 0), rows + max(offset, 0)]


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """np.trace."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


def diag(v: Any, k: int = 0) -> Array:
    """np.diag: a matrix of a vector, or the diagonal of a matrix."""
    v = array(v)
    if v.ndim != 1:
        return diagonal(v, k) if v.ndim == 2 else np.diag(v.value)
    places, n = np.arange(v.size), v.size + abs(k)
    return scatter(v, (n, n), places - min(k, 0), places + max(k, 0))


def tril(m: Any, k: int = 0) -> Array:
    """np.tril."""
    m = array(m)
    return np.where(np.tri(m.shape[-2:][0], m.shape[-1], k, dtype=bool), m, m.dtype.type(0))


def triu(m: Any, k: int = 0) -> Array:
    """np.triu."""
    m = array(m)
    return np.where(np.tri(m.shape[-2:][0], m.shape[-1], k - 1, dtype=bool), m.dtype.type(0), m)


ADAPTERS.update({
    np.dot: dot, np.inner: inner, np.tensordot: tensordot, np.einsum: general_einsum,
    np.vdot: vdot, np.linalg.norm: norm,
    np.vecdot: vecdot, np.average: average,
    np.diagonal: diagonal, np.trace: trace, np.diag: diag, np.tril: tril, np.triu: triu,
})  # fmt: skip
