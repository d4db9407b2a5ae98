"""Derivatives of functions: grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp over nested dicts, lists and tuples.

    dloss = grad(loss)                      # loss(params, x) -> scalar; params a dict of arrays
    dloss({"W": W, "b": b}, x)              # {"W": dL/dW, "b": dL/db}

Each opens a tape, or joins the one that is recording: then the sweep records itself and can be differentiated again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .ops import identity
from .tape import CURRENT, Tape, TapeError, Var

Function = Callable[..., Any]


class UnusedWarning(UserWarning):
    """The result does not depend on an input; its derivative is zeros."""


def leaves(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """The arrays in nested dicts, lists and tuples, each with its path: [("['W']", W), …]."""
    if isinstance(tree, dict):
        return [leaf for key, branch in tree.items() for leaf in leaves(branch, f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [leaf for k, branch in enumerate(tree) for leaf in leaves(branch, f"{path}[{k}]")]
    return [(path, tree)]


def rebuild(tree: Any, values: list[Any]) -> Any:
    """The same nesting with new leaves, taken from a list in order."""
    supply = iter(values)

    def fill(branch: Any) -> Any:
        if isinstance(branch, dict):
            return {key: fill(value) for key, value in branch.items()}
        if isinstance(branch, tuple) and hasattr(branch, "_fields"):
            return type(branch)(*(fill(value) for value in branch))
        if isinstance(branch, list | tuple):
            return type(branch)(fill(value) for value in branch)
        return next(supply)

    return fill(tree)


def _record(
    fn: Function, argnum: int, args: tuple[Any, ...], caller: str
) -> tuple[Tape, bool, list[tuple[str, Var]], Any]:
    """Run fn with its argument as new lines: (tape, was it joined, inputs by path, result)."""
    if not 0 <= argnum < len(args):
        raise TapeError(f"{caller}: argument {argnum} of {len(args)} does not exist; count from 0")
    outer = CURRENT.get()
    tape = Tape() if outer is None else outer
    inputs: list[tuple[str, Var]] = []
    for path, value in leaves(args[argnum]):
        if isinstance(value, Var) and value.tape is tape:
            inputs.append((path, tape.record(identity, (value,), {})))
        elif np.asarray(getattr(value, "value", value)).dtype.kind != "f":
            kind = np.asarray(getattr(value, "value", value)).dtype
            raise TapeError(f"{caller}: argument {argnum}{path} has dtype {kind}; differentiate floats (astype(float))")
        else:
            inputs.append((path, tape.var(value, path.strip("[]'") or None)))
    filled = rebuild(args[argnum], [v for _, v in inputs])
    with tape:
        result = fn(*args[:argnum], filled, *args[argnum + 1 :])
    return tape, outer is not None, inputs, result


def _reached(tape: Tape, out: Var, inputs: list[tuple[str, Var]], caller: str) -> None:
    """Warn of inputs that the result does not depend on."""
    seen = bytearray(out.index + 2)
    for i in range(out.index, -1, -1):
        if i == out.index or seen[i]:
            for p in tape.lines[i][1]:
                seen[p] = 1
    for path, v in inputs:
        if v.index != out.index and not seen[v.index if v.index <= out.index else -2]:
            warnings.warn(
                f"{caller}: the result does not depend on {path or 'its argument'}; that derivative is zeros",
                UnusedWarning,
                stacklevel=4,
            )


def _plain(value: Any, joined: bool) -> Any:
    return value.value if type(value) is Var and not joined else value


def value_and_grad(fn: Function, argnum: int = 0) -> Function:
    """A function that gives (fn(*args), gradient with respect to argument argnum).

    fn must give a scalar. The gradient is nested as the argument is. A part that fn does not depend on gets zeros and
    an `UnusedWarning`. Raises TapeError for leaves that are no floats and for a result that is no scalar.
    """

    def wrapped(*args: Any) -> tuple[Any, Any]:
        tape, joined, inputs, out = _record(fn, argnum, args, "grad")
        if type(out) is not Var:
            warnings.warn(
                "grad: the result is no Var, so it depends on no input; its gradient is zeros",
                UnusedWarning,
                stacklevel=3,
            )
            return out, rebuild(args[argnum], [np.zeros_like(v.value) for _, v in inputs])
        _reached(tape, out, inputs, "grad")
        grads = tape.grad(out, [v for _, v in inputs], track=joined)
        return _plain(out, joined), rebuild(args[argnum], grads)

    return wrapped


def grad(fn: Function, argnum: int = 0) -> Function:
    """A function that gives the gradient of a scalar function; see value_and_grad."""
    both = value_and_grad(fn, argnum)
    return lambda *args: both(*args)[1]


def vjp(fn: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(fn(*args), pull): pull(cotangent of the result) gives one cotangent per argument, nested as it is.

    The result may be an array of any shape. `pull` may be called again with other cotangents.
    """
    tape, joined, inputs, out = _record(lambda whole: fn(*whole), 0, (tuple(args),), "vjp")
    if type(out) is not Var:
        raise TapeError("vjp: the result depends on no argument")

    def pull(cotangent: Any) -> tuple[Any, ...]:
        grads = tape.grad(out, [v for _, v in inputs], _seed(cotangent, out), track=joined)
        return tuple(rebuild(tuple(args), grads))

    return _plain(out, joined), pull


def _seed(cotangent: Any, out: Var) -> Any:
    return cotangent if type(cotangent) is Var else np.asarray(cotangent, out.dtype)


def jvp(fn: Function, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(fn(*args), directional derivative along tangents), by two reverse sweeps: exact, with no second table of rules.

    The pullback u ↦ uᵀJ is linear in u; its own pullback at v is Jv.
    """
    outer = CURRENT.get()
    tape = Tape() if outer is None else outer
    with tape:
        out, pull = vjp(fn, *args)
        dummy = tape.var(np.zeros_like(out.value), "u")
        pulled = [v for _, v in leaves(pull(dummy))]
        flat = [t for _, t in leaves(tuple(tangents))]
        if [np.shape(t) for t in flat] != [p.shape for p in pulled]:
            raise TapeError("jvp: every tangent must have the shape of its argument")
        inner = sum((p * t).sum() for p, t in zip(pulled, flat, strict=True))
        (tangent,) = tape.grad(inner, [dummy], track=outer is not None)
    return _plain(out, outer is not None), tangent


def jacobian(fn: Function, argnum: int = 0) -> Function:
    """A function that gives d fn / d argument, of shape result.shape + leaf.shape for every leaf, one sweep per row."""

    def wrapped(*args: Any) -> Any:
        tape, joined, inputs, out = _record(fn, argnum, args, "jacobian")
        if type(out) is not Var:
            raise TapeError("jacobian: the result depends on no input")
        rows = []
        for k in range(out.size):
            seed = np.zeros(out.size, out.dtype)
            seed[k] = 1.0
            rows.append(tape.grad(out, [v for _, v in inputs], seed.reshape(out.shape), track=joined))
        columns = [
            np.stack(column).reshape(out.shape + v.shape)
            for column, (_, v) in zip(zip(*rows, strict=True), inputs, strict=True)
        ]
        return rebuild(args[argnum], columns)

    return wrapped


def hessian(fn: Function, argnum: int = 0) -> Function:
    """A function that gives the Hessian of a scalar function of one array: shape x.shape + x.shape."""
    return jacobian(grad(fn, argnum), argnum)


def hvp(fn: Function, argnum: int = 0) -> Function:
    """A function (*args, direction) that gives Hessian · direction, nested as the argument, by reverse over reverse."""

    def wrapped(*args: Any) -> Any:
        *inputs, direction = args
        flat = [np.asarray(d) for _, d in leaves(direction)]

        def slope(inner: Any) -> Any:
            grads = [g for _, g in leaves(grad(fn, argnum)(*inputs[:argnum], inner, *inputs[argnum + 1 :]))]
            if [g.shape for g in grads] != [d.shape for d in flat]:
                raise TapeError("hvp: the direction must have the shapes of the argument")
            return sum((g * d).sum() for g, d in zip(grads, flat, strict=True))

        return grad(slope)(inputs[argnum])

    return wrapped
