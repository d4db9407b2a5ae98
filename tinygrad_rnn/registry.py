"""Teach the tape a primitive with `rule`; the tables of `rules/` are nothing but calls of it.

Besides functions with a gradient there are those that give plain arrays (comparisons, shapes) and those that are
another spelling of a primitive. Anything else is refused, so that no gradient is ever dropped in silence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature, signature
from typing import Any

import numpy as np

from .errors import REFUSALS, TapeError, first_line, word

RULES: dict[Any, Any] = {}  # function -> one vjp(g, y, *args, **kw) per argument (None: not differentiable)
INTO: dict[Any, Callable[..., Any]] = {}  # function -> adds its first argument's vjp to what has come in, in place
PLAIN: set[Any] = set()  # functions whose results carry no gradient (comparisons, shapes): given as plain arrays
ADAPTERS: dict[Any, Callable[..., Any]] = {}  # function -> the same said with primitives
IN_PLACE = {np.copyto, np.put, np.putmask, np.place, np.put_along_axis}  # these can have no rule
PRIMITIVES: set[Any] = set()  # functions that are not NumPy's and that record themselves all the same
_ACCEPTED: set[tuple[Any, ...]] = (
    set()
)  # forms of call that were found to fit: (function, number of arguments, keywords)


def rule(fn: Any, *vjps: Callable[..., Any] | None, each: Callable[..., Any] | None = None) -> None:
    """Teach the tape a primitive: one `vjp(g, y, *args, **kw)` per argument, the gradient g pulled back to it.

        >>> tg.rule(np.sinc, lambda g, y, x: g * (np.cos(np.pi * x) - y) / x)
        >>> print(tg.grad(np.sinc)(0.5))  # −4 / π
        -1.2732395447351625
        >>> print(tg.hessian(np.sinc)(0.5))  # (16 − 2 π²) / π: a rule is differentiated as any code is
        -1.190227128238936

    y is the result. Everything may be an array or a Var: the same text serves both, so write it with operators and with
    NumPy's functions. Sum what was broadcast (`tg.rules.elementwise.like(g, x)`), and give None for an argument that
    has no gradient. The function is NumPy's, any ufunc, or one's own under `@tg.primitive`; a function that is itself
    made of recorded ones needs no rule. A function of any number of arguments has `each(g, y, *args, **kw)` instead,
    which gives a function: argument number -> its gradient. What the vjp does not take after g and y, by position or by
    name, cannot be recorded.

    Raises:
        TapeError: the function does not record itself, so that its rule would never be asked; or no vjp is given.
    """
    name = word(fn)
    if not isinstance(fn, np.ufunc | type(np.sum)) and fn not in PRIMITIVES:
        remedy = f"write @tg.primitive above its def, or {name} = tg.primitive({name})"
        raise TapeError(f"rule: no tape sees {name} when it is called, and the rule would be ignored; {remedy}")
    given = [*vjps, *([each] if each is not None else [])]
    if not given or not all(vjp is None or callable(vjp) for vjp in given):
        told = next((repr(vjp) for vjp in given if vjp is not None and not callable(vjp)), "nothing")
        raise TapeError(f"rule: {name} is given {told}; give lambda g, y, x: … for each argument, or None")
    RULES[fn] = Each(each) if each else vjps
    _ACCEPTED.clear()


class Each:
    """The rules of a function of any number of arguments; `RULES[fn][k]` is a vjp as for any other function."""

    def __init__(self, pull: Callable[..., Any]) -> None:
        self.pull = pull

    def __getitem__(self, k: int) -> Callable[..., Any]:
        return lambda g, y, *args, **kw: self.pull(g, y, *args, **kw)(k)

    def __len__(self) -> int:
        return sys.maxsize


def check_call(fn: Any, count: int, kw: Mapping[str, Any]) -> None:
    """Raise TapeError for a call that the function's rule does not take: np.sum(x, where=…), np.where(x)."""
    form = (fn, count, *kw)
    if form in _ACCEPTED:
        return
    if (isinstance(fn, np.ufunc) and kw) or "out" in kw:
        remedy = "leave it out, and write a = a + b for a += b" if "out" in kw else "leave it out"
        raise TapeError(f"{word(fn)}({', '.join(kw)}=…) can't be recorded; {remedy}")
    _check_fit(fn, count, kw)
    _ACCEPTED.add(form)


def respelled(fn: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
    """The call said with primitives; TapeError, with the name of what was called, where that fails."""
    try:
        return ADAPTERS[fn](*args, **kw)
    except REFUSALS as error:
        _check_fit(fn, len(args), kw)
        name = "" if isinstance(error, TapeError) else f"{word(fn)}: "
        raise TapeError(name + first_line(error)) from None


def takes(fn: Any) -> Signature | None:
    """What a function takes on a tape: what the first of its vjps takes after g and y, or its other spelling."""
    said = ADAPTERS.get(fn, fn)
    vjps = RULES.get(said, ())
    vjp = vjps.pull if isinstance(vjps, Each) else next((v for v in vjps if v is not None), None)
    if vjp is None and said is fn:
        return None
    bare = [p.replace(annotation=Parameter.empty) for p in signature(vjp or said).parameters.values()]
    return Signature(bare[2:] if vjp else bare)


def _check_fit(fn: Any, count: int, kw: Mapping[str, Any]) -> None:
    shown = takes(fn)
    try:
        if shown is not None:
            shown.bind(*range(count), **kw)
    except TypeError:
        given = ", ".join([f"{count} by position", *(f"{key}=…" for key in kw)])
        raise TapeError(f"{word(fn)} is recorded as {word(fn)}{shown}, not with {given}") from None


def how_to_teach(fn: Any, count: int) -> str:
    """The one line that adds a function of so many arguments, as a remedy."""
    if fn in IN_PLACE:
        return "it writes into an array; build that with np.where, np.stack or np.broadcast_to"
    letters = "abcdefghijklmnop"[: max(1, min(count, 3))]
    takes = ", ".join(letters) + (", *rest" if count > 3 else "")
    vjps = ", ".join(f"lambda g, y, {takes}: …" for _ in letters)
    module = "numpy" if isinstance(fn, np.ufunc) else str(getattr(fn, "__module__", ""))
    place = f"np{module.removeprefix('numpy')}." if module.startswith("numpy") and fn not in PRIMITIVES else ""
    return f"add one, tg.rule({place}{word(fn)}, {vjps}), or use .value"
