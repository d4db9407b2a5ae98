"""Write one line of a tape as an expression: infix operators, `W.T`, `x[0]`, calls without their default keywords.

The same text serves what people read (`h[1] = tanh(v9)`) and what Python runs (`h_1 = np.tanh(v9)`); a `Notation` says
how functions and plain arguments are spelled. Brackets stand where Python needs them, and nowhere else.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..errors import word
from ..rules.shape import concatenate, stack
from ..var import getitem

Piece = tuple[Any, tuple[int, ...], Sequence[Any], Mapping[str, Any]]  # function, parents, arguments, keywords


class Written(NamedTuple):
    """An expression and how strongly it holds together, by Python's grammar."""

    text: str
    strength: int

    def inside(self, least: int) -> str:
        """The text, in brackets where a neighbour pulls harder than it holds."""
        return self.text if self.strength >= least else f"({self.text})"


ATOM, NUMBER, POWER, SIGN, PRODUCT, SUM, COMPARISON = 9, 8, 7, 6, 5, 4, 3
OPERATORS: dict[Any, tuple[str, int]] = {
    np.add: ("+", SUM), np.subtract: ("-", SUM),
    np.multiply: ("*", PRODUCT), np.divide: ("/", PRODUCT), np.matmul: ("@", PRODUCT), np.power: ("**", POWER),
    np.equal: ("==", COMPARISON), np.not_equal: ("!=", COMPARISON), np.less: ("<", COMPARISON),
    np.less_equal: ("<=", COMPARISON), np.greater: (">", COMPARISON), np.greater_equal: (">=", COMPARISON),
}  # fmt: skip


@dataclass(frozen=True)
class Notation:
    """How to spell what is no line of the tape."""

    function: Callable[[Any], str]  # the name a function is called by
    argument: Callable[[Any, Any], Written]  # a plain argument: (value, the function it goes to)


def expression(piece: Piece, operands: Sequence[Written | None], notation: Notation) -> Written:
    """One application of a function.

    Args:
        piece: the function with its parents, arguments and keywords, as a tape's line holds them.
        operands: by argument, how the line it comes from is written; None for an argument that is no line.
        notation: how everything else is spelled.
    """
    fn, _, args, keywords = piece
    written = [notation.argument(a, fn) if o is None else o for a, o in zip(args, operands, strict=True)]
    if fn in OPERATORS and len(args) == 2:
        sign, strength = OPERATORS[fn]
        left, right = {POWER: (NUMBER, SIGN), COMPARISON: (SUM, SUM)}.get(strength, (strength, strength + 1))
        return Written(f"{written[0].inside(left)} {sign} {written[1].inside(right)}", strength)
    if fn is np.heaviside and notation is DISPLAY and isinstance(args[1], float) and args[1] == 0:
        return Written(f"{written[0].inside(SUM)} > 0", COMPARISON)  # what a person would write
    if fn is np.negative:
        return Written(f"-{written[0].inside(SIGN)}", SIGN)
    if fn is getitem:
        return Written(f"{written[0].inside(ATOM)}[{index(piece, operands, notation)}]", ATOM)
    if fn is np.transpose and not keywords and (len(args) == 1 or args[1] is None):
        return Written(f"{written[0].inside(ATOM)}.T", ATOM)
    if fn is np.matrix_transpose:
        return Written(f"{written[0].inside(ATOM)}.{'T' if np.ndim(args[0]) == 2 else 'mT'}", ATOM)
    texts = [w.text for w in written]
    if fn in (stack, concatenate):
        texts = [f"[{', '.join(texts)}]"]
    texts += [f"{k}={notation.argument(v, fn).text}" for k, v in keywords.items() if not is_default(fn, k, v)]
    return Written(f"{notation.function(fn)}({', '.join(texts)})", ATOM)


def index(piece: Piece, operands: Sequence[Written | None], notation: Notation, first: int = 1) -> str:
    """What stands between the brackets of `x[…]`; the index begins at argument `first`."""
    fn, _, args, _ = piece
    texts = []
    for a, operand in list(zip(args, operands, strict=True))[first:]:
        if operand is not None:
            texts.append(operand.text)
        elif type(a) is slice:
            ends = ["" if end is None else notation.argument(end, fn).text for end in (a.start, a.stop, a.step)]
            texts.append(":".join(ends if ends[2] else ends[:2]))
        else:
            texts.append(notation.argument(a, fn).text)
    return ", ".join(texts) or "()"


def literal(value: Any) -> Written | None:
    """Python's own text for a number, None, `…`, a string, a slice, or tuples and lists of these; None for the rest.

    Types are compared exactly: what only claims to be a number may print anything.
    """
    opened: list[tuple[Any, list[Any], list[str]]] = []  # brackets that are still open: what, its rest, its texts
    while True:
        if type(value) in (tuple, list):
            opened.append((value, list(reversed(value)), []))
        else:
            written = _single(int(value) if opened and isinstance(value, np.integer) else value)
            if written is None or not opened:
                return written
            opened[-1][2].append(written.text)
        while opened and not opened[-1][1]:
            what, _, texts = opened.pop()
            inner = ", ".join(texts)
            text = f"[{inner}]" if type(what) is list else f"({inner},)" if len(texts) == 1 else f"({inner})"
            if not opened:
                return Written(text, ATOM)
            opened[-1][2].append(text)
        value = opened[-1][1].pop()


def _single(value: Any) -> Written | None:
    if value is None or value is Ellipsis or type(value) in (bool, str):
        return Written("..." if value is Ellipsis else repr(value), ATOM)
    if type(value) is int:
        return Written(repr(value), NUMBER if value >= 0 else SIGN)
    if type(value) is float:
        if not math.isfinite(value):
            return Written("np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf", SIGN)
        return Written(repr(value), SIGN if math.copysign(1.0, value) < 0 else NUMBER)
    if type(value) is complex:
        return Written(f"complex({value.real!r}, {value.imag!r})", ATOM) if np.isfinite(value) else None
    if type(value) is slice:
        ends = [_single(end) for end in (value.start, value.stop, value.step) if type(end) is not slice]
        if len(ends) == 3 and all(ends):
            return Written(f"slice({', '.join(end.text for end in ends if end)})", ATOM)
    return None


def shown(value: Any, fn: Any = None) -> Written:
    """A plain argument for people: numbers as they are, anything else as a short one-line description."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        written = literal(value)
        if written is None:
            return Written(shorten(printable(word(value) if callable(value) else repr(value))), ATOM)
    except Exception:  # a user's own __repr__ may do anything
        return Written(printable(type(value).__name__), ATOM)
    return Written(shorten(printable(written.text), 60), written.strength)


def is_default(fn: Any, key: str, value: Any) -> bool:
    """Does this keyword say what the function does anyway?"""
    if key == "keepdims" and value is False:
        return True
    default = _defaults(fn).get(key, is_default)
    return value is default or (type(value) is type(default) and type(value) in (int, float, str) and value == default)


@lru_cache(maxsize=512)
def _defaults(fn: Any) -> dict[str, Any]:
    try:
        return {key: p.default for key, p in inspect.signature(fn).parameters.items()}
    except (TypeError, ValueError):
        return {}


def printable(text: str) -> str:
    """Text on one line: line ends, control characters and changes of direction as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def shorten(text: str, limit: int = 32) -> str:
    """At most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def spelled(fn: Any) -> str:
    """A function's name for people."""
    return shorten(printable(re.sub(r"[<>]", "", word(fn))))


DISPLAY = Notation(function=spelled, argument=shown)
