"""Say what may stand on a tape: floats as leaves, real numbers as data, lists where arrays are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from numbers import Number
from typing import Any

import numpy as np

from .errors import TapeError, first_line, word
from .registry import check_call
from .var import Var

CONSTANTS = {float, int, bool, slice, type(None), type(...), np.float64, np.float32}  # recorded as they are


def array(value: Any) -> Any:
    """An array of whatever numbers are given."""
    if isinstance(value, np.ma.MaskedArray):
        raise TapeError("a masked array would lose its mask; fill it, .filled(0.0), and choose with np.where")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise TapeError(f"{first_line(error)}; give an array of one shape") from None


def leaf(value: Any, name: Any) -> Any:
    """A private, frozen copy for a differentiable leaf."""
    copy = np.array(array(_named(value, name)))
    if copy.dtype not in (np.float64, np.float32):
        remedy = "use float64 or float32 (astype(float)) for a leaf with a gradient, tape.data for anything else"
        raise TapeError(f"tape.var({name or ''}): dtype {copy.dtype}; {remedy}")
    copy.flags.writeable = False
    return copy


def data(value: Any, name: Any = None) -> Any:
    """Real numbers of any dtype, not copied."""
    given = value if type(value) is np.ndarray else array(_named(value, name))
    if given.dtype.kind not in "fiub":
        raise TapeError(f"tape.data({name or ''}): dtype {given.dtype} holds no real numbers")
    return given


def cotangent(value: Any, dtype: Any) -> Any:
    """A seed as an array of its line's dtype."""
    if isinstance(value, Var):
        raise TapeError("the seed is a Var; pass its .value, or record the sweep with track=True")
    if np.iscomplexobj(value):
        raise TapeError("the seed is complex, and gradients are real; sweep for its real and imaginary parts")
    return np.asarray(value, dtype)


def operand(fn: Any, k: int, differentiable: int, value: Any) -> Any:
    """Argument k of a call: an array, to be recorded as data, or a constant as it is.

    A list, or another library's array, is an array where the function takes one: among its first `differentiable`
    arguments. Elsewhere (an index, a shape) a list stays a list, copied.
    """
    if k < differentiable and _holds_numbers(value):
        return array(value)
    if isinstance(value, list):  # a copy, which nobody can change
        return array(value).tolist()
    odd = isinstance(value, Number) and not isinstance(value, int | float | np.generic)  # a fraction, a complex number
    if odd or isinstance(value, np.complexfloating | np.ndarray):  # of arrays, only others' kinds come here
        raise TapeError(f"{word(fn)}: {type(value).__name__} can't be recorded; use np.asarray and real numbers")
    return value


def _holds_numbers(value: Any) -> bool:
    """Is it no array, but what NumPy makes one of: a list, a range, a buffer, another library's array?"""
    if isinstance(value, str | bytes | np.generic | np.ndarray):
        return False
    return isinstance(value, Sequence) or hasattr(value, "__array__")


def _named(value: Any, name: Any) -> Any:
    if name is not None and not isinstance(name, str):
        raise TapeError(f"a name is text, not {name!r}")
    return value


def by_position(fn: Any, args: Sequence[Any], kw: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The same call with its Vars and arrays by position, where they are recorded: np.outer(a, b=v)."""
    if not any(isinstance(value, Var | np.ndarray) for value in kw.values()):
        return args, kw
    args, kw, names = list(args), dict(kw), parameter_names(fn)
    while len(args) < len(names) and names[len(args)] in kw:
        args.append(kw.pop(names[len(args)]))
    for key, value in kw.items():
        if isinstance(value, Var):
            check_call(fn, len(args), kw)
            raise TapeError(f"{word(fn)}({key}=…) is an argument that can't be recorded; use .value")
    return args, kw


def parameter_names(fn: Any) -> list[str]:
    """What a function calls the arguments that it takes by position, in order."""
    try:
        found = signature(fn).parameters.values()
        return [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        return []
