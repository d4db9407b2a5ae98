"""Moving, repeating, joining, splitting and choosing under NumPy's own names: each is said in terms of primitives.

What is written here has its derivatives, of any order, from the tables; there is nothing to differentiate.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tape import ADAPTERS, Array, TapeError, Var
from .index import around, scatter
from .shape import concatenate, stack


def array(x: Any) -> Array:
    """What is no array yet, as one."""
    return x if isinstance(x, Var | np.ndarray) else np.asarray(x)


def raveled(x: Any, order: str = "C") -> Array:
    """np.ravel."""
    if order != "C":
        raise TapeError(f"ravel(order={order!r}) can't be recorded; transpose first")
    return np.reshape(array(x), -1)


def moveaxis(a: Any, source: Any, destination: Any) -> Array:
    """np.moveaxis."""
    return np.transpose(array(a), moved(array(a).ndim, source, destination))


def moved(n: int, source: Any, destination: Any) -> tuple[int, ...]:
    """np.moveaxis as a permutation of n axes."""
    sources = [len(around(int(k), n)) for k in np.atleast_1d(source)]
    targets = [len(around(int(k), n)) for k in np.atleast_1d(destination)]
    if not len(sources) == len(targets) == len({*sources}) == len({*targets}):
        raise TapeError(f"np.moveaxis: axes {sources} can't go to {targets}; name as many of each, none twice")
    order = [k for k in range(n) if k not in sources]
    for target, source_axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source_axis)
    return tuple(order)


def at_least(n: int) -> Any:
    """np.atleast_1d, 2d or 3d, with NumPy's places for the new axes."""

    def widened(*arrays: Any) -> Any:
        """Give every array at least n axes."""
        found = [np.reshape(x, _widened(x.shape, n)) for x in map(array, arrays)]
        return found[0] if len(found) == 1 else tuple(found)

    return widened


def _widened(shape: tuple[int, ...], n: int) -> tuple[int, ...]:
    return tuple(getattr(np, f"atleast_{n}d")(np.empty(shape)).shape)


def taken(a: Array, indices: Any, axis: int) -> Array:
    """What stands at these indices along an axis."""
    return a[(*around(axis, a.ndim), indices)]


def take(a: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Array:
    """np.take."""
    if mode != "raise":
        raise TapeError(f"np.take(mode={mode!r}) can't be recorded; clip or wrap the indices first")
    a = array(a)
    indices = array(indices)
    if indices.dtype == bool or not indices.size:  # truth values are 0 and 1 here, and an empty list is one of floats
        indices = np.asarray(indices.value if isinstance(indices, Var) else indices).astype(np.intp)
    return np.reshape(a, -1)[indices] if axis is None else taken(a, indices, axis)


def flip(m: Any, axis: Any = None) -> Array:
    """np.flip."""
    m = array(m)
    axes = range(m.ndim) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    turned = {len(around(k, m.ndim)) for k in axes}
    if len(turned) != len(axes):
        raise TapeError(f"np.flip: axes {axis} name one twice")
    return m[tuple(slice(None, None, -1) if k in turned else slice(None) for k in range(m.ndim))]


def roll(a: Any, shift: Any, axis: Any = None) -> Array:
    """np.roll."""
    a = array(a)
    found = np.reshape(a, -1) if axis is None else a
    for by, k in np.broadcast(np.sum(shift), 0) if axis is None else np.broadcast(shift, axis):
        n = found.shape[len(around(int(k), found.ndim))]
        found = taken(found, (np.arange(n) - by) % max(n, 1), int(k))
    return np.reshape(found, a.shape) if axis is None else found


def repeat(a: Any, repeats: Any, axis: int | None = None) -> Array:
    """np.repeat."""
    a = array(a)
    a, axis = (np.reshape(a, -1), axis or 0) if axis is None or not a.ndim else (a, axis)
    return taken(a, np.repeat(np.arange(a.shape[len(around(axis, a.ndim))]), repeats), axis)


def tile(A: Any, reps: Any) -> Array:
    """np.tile."""
    A, reps = array(A), tuple(int(r) for r in np.atleast_1d(reps))
    n = max(A.ndim, len(reps))
    shape, reps = (1,) * (n - A.ndim) + A.shape, (1,) * (n - len(reps)) + reps
    apart = tuple(k for size in shape for k in (1, size))
    wide = tuple(k for r, size in zip(reps, shape, strict=True) for k in (r, size))
    whole = tuple(r * size for r, size in zip(reps, shape, strict=True))
    return np.reshape(np.broadcast_to(np.reshape(A, apart), wide), whole)


def pad(x: Any, pad_width: Any, mode: str = "constant", **kw: Any) -> Array:
    """np.pad: with constants, or with the array's own numbers (edge, reflect, symmetric, wrap)."""
    x = array(x)
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise TapeError(f"np.pad(mode={mode!r}) has no rule; use constant, edge, reflect, symmetric or wrap")
    padded: Any = np.pad  # its types know no mode that is not written out
    width = widths(pad_width, x.ndim)
    if mode == "constant":
        frame = padded(np.zeros(x.shape, x.dtype), width, mode, **kw)
        inside = tuple(slice(b, b + n) for (b, _), n in zip(width, x.shape, strict=True))
        return scatter(x, frame.shape, *inside) + frame if np.any(frame) else scatter(x, frame.shape, *inside)
    if kw.get("reflect_type") != "odd":
        return np.reshape(x, -1)[padded(np.arange(x.size).reshape(x.shape), width, mode, **kw)]
    for k, pair in enumerate(width):  # 2 edge − image: linear, so what it does to units says all (beside ∞: NaN)
        units = padded(np.eye(x.shape[k], dtype=x.dtype), ((0, 0), pair), mode, **kw)
        x = np.moveaxis(np.moveaxis(x, k, -1) @ units, -1, k)
    return x


def widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """How far np.pad goes before and after, on every axis; of a dict, on those that it names."""
    pairs: Any = np.zeros((ndim, 2), object)
    for axis, pair in pad_width.items() if isinstance(pad_width, dict) else [(..., pad_width)]:
        pairs[axis] = pair
    return [(operator.index(before), operator.index(after)) for before, after in pairs]


# ---- joining and splitting ---------------------------------------------------------------------------------------


def joined(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """np.concatenate."""
    if axis is None:
        return concatenate(*(np.reshape(array(a), -1) for a in arrays), axis=0)
    return concatenate(*arrays, axis=axis)


def stacked(arrays: Sequence[Array], axis: int = 0) -> Array:
    """np.stack."""
    return stack(*arrays, axis=axis)


def vstack(tup: Sequence[Array]) -> Array:
    """np.vstack."""
    return concatenate(*(at_least(2)(a) for a in tup), axis=0)


def hstack(tup: Sequence[Array]) -> Array:
    """np.hstack."""
    arrays = [at_least(1)(a) for a in tup]
    return concatenate(*arrays, axis=0 if arrays[0].ndim == 1 else 1)


def column_stack(tup: Sequence[Array]) -> Array:
    """np.column_stack."""
    columns = [np.reshape(a, (-1, 1)) if a.ndim < 2 else a for a in map(array, tup)]
    return concatenate(*columns, axis=1)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """np.array_split: a list of slices."""
    before, n = around(axis, ary.ndim), ary.shape[axis]
    parts = np.array_split(np.arange(n), indices_or_sections)
    ends = np.cumsum([0] + [part.size for part in parts]).tolist()
    if np.ndim(indices_or_sections):
        cuts = [0, *(int(k) for k in indices_or_sections), n]
        return [ary[(*before, slice(a, b))] for a, b in zip(cuts, cuts[1:], strict=False)]
    return [ary[(*before, slice(a, b))] for a, b in zip(ends, ends[1:], strict=False)]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """np.split: like array_split, into equal parts."""
    n, parts = ary.shape[len(around(axis, ary.ndim))], indices_or_sections
    if not np.ndim(parts) and (parts < 1 or n % parts):
        raise TapeError(f"np.split: {n} can't be divided into {parts} equal parts")
    return array_split(ary, indices_or_sections, axis)


# ---- choosing ----------------------------------------------------------------------------------------------------


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Array:
    """np.clip: a number that stands on a bound shares its gradient with the bound."""
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise TapeError("np.clip: give a_min and a_max, or min and max, not both")
    low, high = a_min if a_min is not None else min, a_max if a_max is not None else max
    found = a if low is None else np.maximum(a, low)
    return found if high is None else np.minimum(found, high)


def rounded(a: Any, decimals: int = 0) -> Array:
    """np.around."""
    return np.round(a, decimals)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Array:
    """np.select: the first condition that holds chooses."""
    if len(condlist) != len(choicelist):
        raise TapeError(f"np.select: {len(condlist)} conditions for {len(choicelist)} choices")
    found = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        found = np.where(condition, choice, found)
    return found


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """np.diff: neighbours subtracted, n times; as in NumPy, nothing is put around them where n is 0."""
    if operator.index(n) < 0:
        raise TapeError(f"np.diff(n={n}): order must be 0 or more")
    a = array(a)
    before = around(axis, a.ndim)
    one = (*a.shape[: len(before)], 1, *a.shape[len(before) + 1 :])
    ends = [np.broadcast_to(e, one) if e is not None and np.ndim(e) == 0 else e for e in (prepend, append)]
    a = joined([part for part in (ends[0], a, ends[1]) if part is not None], len(before)) if n else a
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


def full_like(a: Any, fill_value: Any, **kw: Any) -> Any:
    """np.full_like: a plain array, but of a Var, whose gradient is summed."""
    if kw:
        raise TapeError(f"full_like({', '.join(kw)}=…) can't be recorded; leave it out")
    if isinstance(fill_value, Var):
        if fill_value.dtype != a.dtype:  # where NumPy rounds it
            raise TapeError(f"np.full_like would make {a.dtype} of {fill_value.dtype}; use np.broadcast_to(x, a.shape)")
        return np.broadcast_to(fill_value, a.shape)
    return np.full(a.shape, fill_value, a.dtype)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    """np.nan_to_num: what is replaced is a constant and gets no gradient."""
    x = array(x)
    return np.where(np.isfinite(x), x, np.nan_to_num(x.value, nan=nan, posinf=posinf, neginf=neginf))


def copied(a: Any) -> Array:
    """np.copy."""
    return np.positive(a)


ADAPTERS.update({
    np.ravel: raveled, np.moveaxis: moveaxis, np.atleast_1d: at_least(1), np.atleast_2d: at_least(2),
    np.atleast_3d: at_least(3), np.take: take, np.flip: flip, np.roll: roll, np.repeat: repeat, np.tile: tile,
    np.pad: pad, np.stack: stacked, np.concatenate: joined,
    np.vstack: vstack, np.hstack: hstack, np.column_stack: column_stack, np.split: split, np.array_split: array_split,
    np.clip: clip, np.select: select, np.amax: np.max, np.amin: np.min,
    np.around: rounded, np.diff: diff, np.full_like: full_like, np.nan_to_num: nan_to_num,
    np.copy: copied,
})  # fmt: skip
