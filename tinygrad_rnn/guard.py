"""Checked recording: frozen results, data that may not change unseen, the user's source lines, the first bad number."""

from __future__ import annotations

import sys
import warnings
import zlib
from collections.abc import Iterable, Sequence
from contextvars import copy_context
from functools import lru_cache
from math import isfinite
from reprlib import repr as shortened
from threading import local
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from .errors import TapeError, UnusedWarning, where_in_time, word

ROOMS = ("tape", "var", "guard", "rules", "ops", "registry", "operands", "watching")
ENGINE = tuple(f"tinygrad_rnn.{room}." for room in ROOMS)
MOST_PLACES = 10_000  # that are remembered; a tape of many steps has a few dozen
_CACHE = 0  # the opcode of the places behind an instruction where Python keeps what it learned of it
LIBRARIES = ("tinygrad_rnn.transform.", "numpy.", "contextlib.")  # what stands between the user's line and the engine


def call(fn: Any, raw: Sequence[Any], kw: dict[str, Any]) -> Any:
    """fn(*raw, **kw); a NaN or infinity made of finite numbers is a TapeError."""
    if isinstance(fn, np.ufunc):
        value = _SILENCE.context.run(fn, *raw, **kw)
    else:
        with np.errstate(all="ignore"):
            value = fn(*raw, **kw)
    if not _finite(value) and all(np.all(np.isfinite(a)) for a in raw if _floats(a)):
        made = "NaN" if np.any(np.isnan(value)) else "infinity"
        told = f"{word(fn)} made {made} of finite numbers at {user_line()}; Tape(checked=False) lets it pass"
        raise TapeError(told)
    return value


class _Silence(local):
    """A context where NumPy does not warn: a tenth of the cost of `np.errstate`, and a ufunc looks up nothing else."""

    def __init__(self) -> None:
        self.context = copy_context()
        self.context.run(np.seterr, all="ignore")


_SILENCE = _Silence()


def _finite(value: Any) -> bool:
    """Whether there is neither NaN nor infinity; counting takes a third of the time of `.all()`."""
    if isinstance(value, float):
        return isfinite(value)
    finite = np.isfinite(value)
    return bool(np.count_nonzero(finite) == finite.size)


def _floats(a: Any) -> bool:
    return isinstance(a, float) or (isinstance(a, np.ndarray | np.generic) and a.dtype.kind == "f")


def checksum(value: Any) -> int:
    """A number that changes when the array does."""
    return zlib.crc32(np.ascontiguousarray(value).tobytes())


def verify(checksums: dict[int, int], lines: Sequence[Any], source: Sequence[Place]) -> None:
    """Raise TapeError where a data leaf no longer holds what was recorded."""
    for i, recorded in checksums.items():
        _, _, _, _, value, scope, name = lines[i]
        if checksum(value) != recorded:
            told = f"{name or f'v{i}'} {list(value.shape)}, recorded at {source[i]}, was changed afterwards"
            raise TapeError(f"{where_in_time(scope)}{told}; pass a copy")


class Place(NamedTuple):
    """Where in the user's code a line was recorded: file, line, offset of the bytecode instruction, function."""

    file: str
    line: int
    instruction: int
    function: str

    def __str__(self) -> str:
        """`file:line`, as editors and terminals link it."""
        return f"{self.file}:{self.line}"


_PLACES: dict[tuple[int, int], tuple[CodeType, Place]] = {}  # by the id of a function's code, and how far it is in it


def warn_unused(name: str) -> None:
    """Note at the user's line that a gradient is zeros because the loss does not depend on what it is for."""
    place = user_line()
    told = f"the loss does not depend on {name}; its gradient is zeros"
    warnings.warn_explicit(told, UnusedWarning, place.file, place.line)


def user_line() -> Place:
    """The place of the nearest caller that is neither the engine nor a library between."""
    frame = sys._getframe(2)  # the engine calls this, from functions that the engine calls
    while frame.f_back and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    code, at = frame.f_code, frame.f_lasti
    known = _PLACES.get((id(code), at))  # the code is kept with it, so its id is no other's
    if known is None:
        if len(_PLACES) >= MOST_PLACES:
            _PLACES.clear()
        known = _PLACES[id(code), at] = code, _place(frame)
    return known[1]


def _place(frame: FrameType) -> Place:
    units, at = frame.f_code.co_code, frame.f_lasti
    while at > 0 and units[at] == _CACHE:  # where Python has made an instruction faster, it stops behind it: x[t]
        at -= 2
    return Place(frame.f_code.co_filename, frame.f_lineno, at, frame.f_code.co_name)


@lru_cache(maxsize=1024)
def _is_ours(module: str) -> bool:
    """Whether a module is the engine's or a library's between it and the user."""
    return f"{module}.".startswith((*ENGINE, *LIBRARIES))


def names_of(parents: Iterable[int], raw: Iterable[Any], lines: Sequence[Any]) -> str:
    """Operands for a message: `W [3, 3], h [4]`."""
    return ", ".join(
        f"{lines[p][6] or f'v{p}'} {list(np.shape(a))}" if p >= 0 else shortened(a)
        for p, a in zip(parents, raw, strict=True)
    )
