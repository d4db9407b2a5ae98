"""A handle on one line of a tape that behaves like an array: operators, NumPy functions, everyday methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .errors import word
from .registry import ADAPTERS, PLAIN, PRIMITIVES, RULES


def getitem(x: Any, *index: Any) -> Any:
    """`x[index]`, the index spread out so that arrays and Vars in it are arguments like any other."""
    return x[index]


PRIMITIVES.add(getitem)


def listed(wrt: Any) -> list[Any]:
    """What to differentiate by as a list: one Var is a list of one, and not of its rows."""
    return [wrt] if isinstance(wrt, Var) else list(wrt)


def _binary(fn: Any) -> Callable[[Any, Any], Any]:
    return lambda a, b: a.tape.record(fn, (a, b), {})


def _reflected(fn: Any) -> Callable[[Any, Any], Any]:
    return lambda a, b: a.tape.record(fn, (b, a), {})


def _unary(fn: Any) -> Callable[[Any], Any]:
    return lambda a: a.tape.record(fn, (a,), {})


def _method(fn: Any) -> Any:
    """A NumPy function as a method: what is no array's own comes from the function's own arguments."""

    def method(self: Any, *args: Any, **kw: Any) -> Any:
        return self.tape.record(fn, (self, *args), kw)

    method.__doc__ = f"As np.{fn.__name__}."
    return method


class Var:
    """A handle on one line: `tape`, `index`, `value`. It is immutable: `x += y` makes a new line."""

    __slots__ = ("index", "tape", "value")

    def __init__(self, tape: Any, index: int, value: Any) -> None:
        """Point at line `index` of a tape."""
        self.tape, self.index, self.value = tape, index, value

    shape = property(lambda s: s.value.shape)
    ndim = property(lambda s: s.value.ndim)
    size = property(lambda s: s.value.size)
    dtype = property(lambda s: s.value.dtype)
    T = property(lambda s: s.tape.record(np.transpose, (s,), {}))
    mT = property(lambda s: s.tape.record(np.matrix_transpose, (s,), {}))
    __add__, __radd__ = _binary(np.add), _reflected(np.add)
    __sub__, __rsub__ = _binary(np.subtract), _reflected(np.subtract)
    __mul__, __rmul__ = _binary(np.multiply), _reflected(np.multiply)
    __truediv__, __rtruediv__ = _binary(np.divide), _reflected(np.divide)
    __pow__, __rpow__ = _binary(np.power), _reflected(np.power)
    __matmul__, __rmatmul__ = _binary(np.matmul), _reflected(np.matmul)
    __mod__, __rmod__ = _binary(np.remainder), _reflected(np.remainder)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide), _reflected(np.floor_divide)
    __neg__, __pos__, __abs__ = _unary(np.negative), _unary(np.positive), _unary(np.absolute)
    __lt__, __le__, __gt__, __ge__ = (
        _binary(np.less),
        _binary(np.less_equal),
        _binary(np.greater),
        _binary(np.greater_equal),
    )
    __eq__, __ne__ = _binary(np.equal), _binary(np.not_equal)

    def __array_ufunc__(self, fn: Any, method: str, *args: Any, **kw: Any) -> Any:
        if method != "__call__":
            raise self.tape._error(f"np.{fn.__name__}.{method} can't be recorded; use np.sum, np.outer …")
        return self.tape.record(fn, args, kw)

    def __array_function__(self, fn: Any, types: Any, args: Any, kw: Any) -> Any:
        return self.tape.record(fn, args, kw)

    def __array__(self, *args: Any, **kw: Any) -> Any:
        raise self.tape._error("a Var is no array; np.stack joins Vars, .value leaves the tape")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise self.tape._error("a Var can't be assigned to; build it with np.where, np.stack or np.concatenate")

    def _leave(self) -> Any:
        remedy = "np.exp for math.exp, np.stack for an array of Vars; .value leaves the tape, without a gradient"
        raise self.tape._error(f"a Var is no plain number; use {remedy}")

    __float__ = __int__ = __complex__ = __index__ = _leave

    def __bool__(self) -> bool:
        raise self.tape._error("a branch on a Var is not recorded; use np.where, or branch on its .value")

    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Any:
        return self.tape.record(getitem, (self, *key) if isinstance(key, tuple) else (self, key), {})

    def __format__(self, how: str) -> str:
        """As the number itself where a format is given, f"{loss:.3f}"; else as repr."""
        if how and self.shape != ():
            raise self.tape._error(f"a Var of shape {self.shape} can't be formatted as {how!r}; use .value")
        return format(self.value[()], how) if how else repr(self)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Var]:
        return (self[i] for i in range(len(self.value)))

    def __repr__(self) -> str:
        fn, *_, name = self.tape.lines[self.index]
        return f"Var({name or f'v{self.index}'}: {word(fn)}, shape {self.shape})"

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As np.sum."""
        kw = {} if axis is None and not keepdims else {"axis": axis, "keepdims": keepdims}
        return self.tape.record(np.sum, (self,), kw)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As np.mean."""
        return self.tape.record(np.mean, (self,), {"axis": axis, "keepdims": keepdims})

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As np.max."""
        return self.tape.record(np.max, (self,), {"axis": axis, "keepdims": keepdims})

    def reshape(self, *shape: Any, **kw: Any) -> Any:
        """As np.reshape; `reshape(2, 3)` and `reshape((2, 3))` are the same."""
        return self.tape.record(np.reshape, (self, shape[0] if len(shape) == 1 else shape), kw)

    def transpose(self, *axes: Any) -> Any:
        """As np.transpose."""
        return self.tape.record(np.transpose, (self, (axes[0] if len(axes) == 1 else axes) or None), {})

    ravel, flatten, squeeze, swapaxes, repeat = map(_method, (np.ravel, np.ravel, np.squeeze, np.swapaxes, np.repeat))
    take, clip, dot, diagonal, trace = map(_method, (np.take, np.clip, np.dot, np.diagonal, np.trace))
    min, prod, std, var, round = map(_method, (np.min, np.prod, np.std, np.var, np.round))
    argmax, argmin, argsort = map(_method, (np.argmax, np.argmin, np.argsort))
    cumsum, cumprod = map(_method, (np.cumsum, np.cumprod))


def _lacking(name: str) -> Any:
    """What stands where an array has something that a Var has not: the remedy."""

    def refuse(self: Var) -> Any:
        known = any(getattr(np, name, None) in functions for functions in (RULES, ADAPTERS, PLAIN))
        here = f"np.{name}, or " if known else ""
        raise AttributeError(f"a Var has no .{name}; use {here}.value.{name}, which leaves the tape")

    return property(refuse)


for name in dir(np.ndarray):  # one by one: a `__getattr__` would slow down every `.value`
    if not name.startswith("_") and not hasattr(Var, name):
        setattr(Var, name, _lacking(name))
