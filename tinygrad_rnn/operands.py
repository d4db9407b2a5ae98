"""Say what may stand on a tape: floats as leaves, real numbers as data, lists where arrays are meant."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import TapeError, first_line, word

CONSTANTS = {float, int, bool, slice, type(None), type(...), np.float64, np.float32}  # recorded as they are


def array(value: Any) -> Any:
    """An array of whatever numbers are given."""
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


def operand(fn: Any, k: int, differentiable: int, value: Any) -> Any:
    """Argument k of a call: an array, to be recorded as data, or a constant as it is.

    A list is an array where the function takes one: among its first `differentiable` arguments. Elsewhere (an index, a
    shape) it stays a list, copied.
    """
    if isinstance(value, list | tuple) and k < differentiable:
        return array(value)
    if isinstance(value, list):  # a copy, which nobody can change
        return array(value).tolist()
    if isinstance(value, complex | np.complexfloating) or (
        isinstance(value, np.ndarray) and type(value) is not np.ndarray
    ):
        raise TapeError(f"{word(fn)}: {type(value).__name__} can't be recorded; use np.asarray and real numbers")
    return value


def _named(value: Any, name: Any) -> Any:
    if name is not None and not isinstance(name, str):
        raise TapeError(f"a name is text, not {name!r}")
    return value
