"""Say what was wrong on one line: what, where in time, the remedy."""

from __future__ import annotations

from typing import Any

from numpy.linalg import LinAlgError

REFUSALS = (ValueError, TypeError, IndexError, OverflowError)  # what NumPy and Python say of a call that can't be
Scope = tuple[tuple[str, int | None], ...]  # the frames (loop, t) that a line was recorded in


class TapeError(TypeError, ValueError):
    """What was wrong, where, and the remedy, on one line."""


class SingularError(TapeError, LinAlgError):
    """The same of a matrix that can't be inverted, which `except np.linalg.LinAlgError` catches as well."""


class UnusedWarning(UserWarning):
    """The result does not depend on an input; its derivative is zeros."""


def where_in_time(scope: Scope) -> str:
    """`(("time", 3),)` as the beginning of a message: "step t = 3: "."""
    words = ["step t = " + str(t) if loop == "time" else f"{loop} {t}" if t is not None else loop for loop, t in scope]
    return ", ".join(words) + ": " if words else ""


def word(fn: Any) -> str:
    """The name a person knows a function by."""
    return str(getattr(fn, "__name__", fn))


def first_line(error: Exception) -> str:
    """What another library said, without the rest."""
    return (str(error).splitlines() or [type(error).__name__])[0]
