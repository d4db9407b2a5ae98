"""Differentiate functions: grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp over nested dicts, lists and tuples.

    dloss = grad(loss)                      # loss(params, x) -> scalar; params a dict of arrays
    dloss({"W": W, "b": b}, x)              # {"W": dL/dW, "b": dL/db}

Each opens a tape, or joins the one that is recording: then the sweep records itself and can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np

from .errors import UnusedWarning
from .guard import warn_unused
from .ops import identity
from .tape import CURRENT, Tape, TapeError, Var

__all__ = ["UnusedWarning", "grad", "hessian", "hvp", "jacobian", "jvp", "leaves", "rebuild", "value_and_grad", "vjp"]
Function = Callable[..., Any]
Keys = tuple[Any, ...]  # the way to a leaf: a dict's key or a number for every level of nesting


def leaves(tree: Any) -> list[tuple[str, Any]]:
    """The arrays in nested dicts, lists and tuples, each with its path: [("cell.W", W), ("biases.0", b), …]."""
    return [(".".join(map(str, keys)), leaf) for keys, leaf in _keyed(tree)]


def _keyed(tree: Any, keys: Keys = ()) -> list[tuple[Keys, Any]]:
    """The leaves by their keys, which tell apart what looks the same as text: 1 and "1", "a" "b" and "a.b"."""
    if isinstance(tree, dict):
        return [leaf for key, branch in tree.items() for leaf in _keyed(branch, (*keys, key))]
    if isinstance(tree, list | tuple):
        return [leaf for k, branch in enumerate(tree) for leaf in _keyed(branch, (*keys, k))]
    return [(keys, tree)]


def rebuild(tree: Any, values: Sequence[Any]) -> Any:
    """The same nesting with new leaves, taken from a list in order."""
    return _fill(tree, iter(values))


def _fill(branch: Any, supply: Iterator[Any]) -> Any:
    if isinstance(branch, dict):
        filled = copy(branch)  # of its own kind: an OrderedDict, a defaultdict
        filled.update({key: _fill(value, supply) for key, value in branch.items()})
        return filled
    if isinstance(branch, tuple) and hasattr(branch, "_fields"):
        return type(branch)(*(_fill(value, supply) for value in branch))
    if isinstance(branch, list | tuple):
        return type(branch)(_fill(value, supply) for value in branch)
    return next(supply)


class _Recorded:
    """A function run once, its argument as new lines of a tape: the current one, joined, or a new one."""

    def __init__(self, caller: str, fn: Function, argnum: int, args: tuple[Any, ...], kw: dict[str, Any]) -> None:
        _check_argnum(caller, argnum, args)
        outer = CURRENT.get()
        self.caller, self.argument = caller, args[argnum]
        self.joined, self.tape = outer is not None, Tape() if outer is None else outer
        self.inputs = [self._input(keys, value, argnum) for keys, value in _keyed(self.argument)]
        filled = rebuild(self.argument, self.inputs)
        with self.tape:
            self.result = fn(*args[:argnum], filled, *args[argnum + 1 :], **kw)
        if not isinstance(self.result, Var | float | int | np.ndarray | np.number):
            raise TapeError(f"{caller}: the function gives a {type(self.result).__name__}, not one array or number")

    def _input(self, keys: Keys, value: Any, argnum: int) -> Any:
        if isinstance(value, Var) and value.tape is self.tape:
            return self.tape.record(identity, (value,), {})
        wrong = "is a Var of another tape; use its .value" if isinstance(value, Var) else _wrong(np.asarray(value))
        if wrong:
            raise TapeError(f"{self.caller}: argument {argnum}{_at(keys)} {wrong}")
        return self.tape.var(value, ".".join(map(str, keys)) or None)

    def value(self) -> Any:
        """The result: a Var where an outer derivative may want it, else plain."""
        return self.result.value if isinstance(self.result, Var) and not self.joined else self.result

    def gradients(self, seed: Any = None, *, warn: bool = False) -> list[Any]:
        """One reverse sweep from the result: a gradient for every input."""
        if not isinstance(self.result, Var):
            missing = list(range(len(self.inputs)))
            found = [np.zeros_like(v.value) for v in self.inputs]
        else:
            indices, unreached = [v.index for v in self.inputs], list[int]()
            if seed is None and self.result.shape != ():
                told = f"{self.caller}: the result has shape {self.result.shape}, not ()"
                raise TapeError(f"{told}; sum or average it, or use vjp or jacobian")
            seeds = {self.result.index: np.ones_like(self.result.value) if seed is None else seed}
            found = self.tape.sweep(seeds, indices, track=self.joined, unreached=unreached.append)
            missing = [indices.index(i) for i in dict.fromkeys(unreached)]
        if warn:
            paths = [path for path, _ in leaves(self.argument)]
            for k in missing:
                warn_unused(paths[k] or "the argument")
        return found


def value_and_grad(fn: Function, argnum: int = 0) -> Function:
    """A function that gives (fn(*args), gradient with respect to argument argnum).

    fn must give a scalar. The gradient is nested as the argument is. A part that fn does not depend on gets zeros and
    an `UnusedWarning`. Raises TapeError for leaves that are no floats and for a result that is no scalar.
    """

    def wrapped(*args: Any, **kw: Any) -> tuple[Any, Any]:
        run = _Recorded("grad", fn, argnum, args, kw)
        return run.value(), rebuild(run.argument, run.gradients(warn=True))

    return wrapped


def grad(fn: Function, argnum: int = 0) -> Function:
    """A function that gives the gradient of a scalar function; see value_and_grad."""
    both = value_and_grad(fn, argnum)
    return lambda *args, **kw: both(*args, **kw)[1]


def vjp(fn: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(fn(*args), pull): pull(cotangent of the result) gives one cotangent per argument, nested as it is.

    The result may be an array of any shape. `pull` may be called again with other cotangents.
    """
    run = _Recorded("vjp", lambda whole: fn(*whole), 0, (tuple(args),), {})
    return run.value(), lambda cotangent: tuple(rebuild(tuple(args), run.gradients(cotangent)))


def jvp(fn: Function, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(fn(*args), directional derivative along tangents), by two reverse sweeps: exact, with no second table of rules.

    The pullback u ↦ uᵀJ is linear in u; its own pullback at v is Jv.
    """
    flat = _matched("jvp", tuple(args), tuple(tangents))
    outer = CURRENT.get()
    tape = Tape() if outer is None else outer
    with tape:
        run = _Recorded("jvp", lambda whole: fn(*whole), 0, (tuple(args),), {})
        if not isinstance(run.result, Var):
            return run.result, np.zeros_like(run.result)
        u = tape.var(np.zeros_like(run.result.value), "u")
        inner = sum((pulled * t).sum() for pulled, t in zip(run.gradients(u), flat, strict=True))
        (tangent,) = tape.sweep({inner.index: np.ones(())}, [u.index], track=outer is not None)
    return run.result if outer is not None else run.result.value, tangent


def jacobian(fn: Function, argnum: int = 0) -> Function:
    """A function that gives d fn / d argument, of shape result.shape + leaf.shape for every leaf, one sweep per row."""

    def wrapped(*args: Any, **kw: Any) -> Any:
        run = _Recorded("jacobian", fn, argnum, args, kw)
        shape = np.shape(run.result)
        units: Any = np.eye(int(np.prod(shape))).reshape(-1, *shape) if np.prod(shape) else []
        rows = [run.gradients(unit) for unit in units]
        columns = zip(*rows, strict=True) if rows else ([] for _ in run.inputs)
        whole = [
            np.stack(column).reshape(shape + v.shape) if column else np.zeros(shape + v.shape, v.dtype)
            for column, v in zip(map(list, columns), run.inputs, strict=True)
        ]
        return rebuild(run.argument, whole)

    return wrapped


def hessian(fn: Function, argnum: int = 0) -> Function:
    """A function that gives the Hessian of a scalar function of one array: shape x.shape + x.shape."""

    def slope(*args: Any, **kw: Any) -> Any:
        if 0 <= argnum < len(args) and isinstance(args[argnum], dict | list | tuple):
            raise TapeError("hessian: the argument must be one array; use hvp for nested ones")
        run = _Recorded("hessian", fn, argnum, args, kw)
        return run.gradients()[0]

    return jacobian(slope, argnum)


def hvp(fn: Function, argnum: int = 0) -> Function:
    """A function (*args, direction) that gives Hessian · direction, nested as the argument, by reverse over reverse."""

    def wrapped(*args: Any, **kw: Any) -> Any:
        if len(args) < 2:
            raise TapeError(f"hvp: {len(args)} arguments given; the direction comes last, after all arguments")
        *inputs, direction = args
        _check_argnum("hvp", argnum, inputs)
        flat = _matched("hvp", inputs[argnum], direction)

        def slope(inner: Any) -> Any:
            run = _Recorded("hvp", fn, argnum, (*inputs[:argnum], inner, *inputs[argnum + 1 :]), kw)
            return sum((g * d).sum() for g, d in zip(run.gradients(), flat, strict=True))

        run = _Recorded("hvp", slope, 0, (inputs[argnum],), {})
        return rebuild(run.argument, run.gradients())

    return wrapped


def _matched(caller: str, argument: Any, direction: Any) -> list[Any]:
    """The leaves of a direction in the order of the argument's, found by their keys."""
    given, wanted = dict(_keyed(direction)), _keyed(argument)
    if set(given) != {keys for keys, _ in wanted}:
        raise TapeError(f"{caller}: the direction must be nested as its argument, with the same keys")
    for keys, value in wanted:
        found = np.shape(given[keys])
        if found != np.shape(value):
            raise TapeError(f"{caller}: the direction{_at(keys)} has shape {found}, its argument {np.shape(value)}")
    return [given[keys] for keys, _ in wanted]


def _at(keys: Keys) -> str:
    """Where in a nested argument: " at cell.W", and nothing for all of it."""
    return " at " + ".".join(map(str, keys)) if keys else ""


def _check_argnum(caller: str, argnum: Any, args: Sequence[Any]) -> None:
    if not isinstance(argnum, int | np.integer):
        remedy = "put what you differentiate by into one dict, list or tuple"
        raise TapeError(f"{caller}: argnum is the number of one argument, not {argnum!r}; {remedy}")
    if not 0 <= argnum < len(args):
        given = f"{len(args)} given by position" if args else "none is given by position, as it must be"
        raise TapeError(f"{caller}: argument {argnum} does not exist; {given}, counted from 0")


def _wrong(leaf: Any) -> str:
    """Why an array can't be differentiated by, or nothing."""
    if leaf.dtype.kind == "f":
        return ""
    if leaf.dtype.kind == "O":
        told = "is None" if leaf.shape == () and leaf[()] is None else "holds Python objects"
        return f"{told}; differentiate by arrays of floats, nested in dicts, lists and tuples"
    remedy = " (astype(float))" if leaf.dtype.kind in "iub" else ""
    return f"has dtype {leaf.dtype}; differentiate by arrays of floats{remedy}"
