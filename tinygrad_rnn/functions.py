"""List what a tape can record, read from its registry: what is differentiable, constant, or leaves the tape.

    for function in functions():
        print(function.name, function.kind, function.arguments)

What users teach with `rule` is among them.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import ops
from .errors import word
from .operands import parameter_names
from .registry import ADAPTERS, PLAIN, RULES, Each
from .var import getitem
from .watching import watch, watched

KINDS = {
    "differentiable": "has a rule for each argument that a gradient can reach",
    "other words": "said in terms of functions that have rules, so differentiable, too",
    "constant": "recorded, but piecewise constant: no gradient passes",
    "plain": "gives a plain array or a Python value, which carries no gradient",
    "inner": "what rules themselves record, so that they can be differentiated again",
}


@dataclass(frozen=True)
class Function:
    """One function that may be called with Vars.

    Attributes:
        name: as it is written, "np.tanh" or "tg.softmax".
        kind: one of KINDS.
        arguments: what it takes on a tape, "(x, axis=None, *, keepdims=False)".
    """

    name: str
    kind: str
    arguments: str


def functions() -> list[Function]:
    """Every function that the registry knows, by kind and name; what users taught with `rule` among them."""
    found = [Function(named(fn), _kind(fn, vjps), _arguments(fn, vjps)) for fn, vjps in RULES.items()]
    found += [Function(named(fn), "other words", _arguments(fn, said)) for fn, said in ADAPTERS.items()]
    found += [Function(named(fn), "plain", "") for fn in PLAIN]
    order = list(KINDS)
    return sorted(found, key=lambda f: (order.index(f.kind), f.name))


def named(fn: Any) -> str:
    """How a function is written by those who call it."""
    name = word(fn)
    if _is_inner(fn):
        return name
    for module, space in (("np", np), ("np.linalg", np.linalg), ("tg", ops)):
        if getattr(space, name, None) is fn:
            return f"{module}.{name}"
    return "x[…]" if fn is getitem else "tg.watch" if fn is watched else name


def _kind(fn: Any, vjps: Any) -> str:
    if _is_inner(fn):
        return "inner"
    return "differentiable" if isinstance(vjps, Each) or any(vjp is not None for vjp in vjps) else "constant"


def _is_inner(fn: Any) -> bool:
    """Is it the project's own, and nothing that people call?"""
    return _is_ours(fn) and word(fn) not in ops.__all__ and fn not in (getitem, watched)


def _is_ours(fn: Any) -> bool:
    return f"{getattr(fn, '__module__', '')}.".startswith(f"{__package__}.")


def _arguments(fn: Any, taken: Any) -> str:
    """What a function takes on a tape, by its own names: `taken` are its vjps, or the function that is said instead."""
    if fn is getitem:
        return ""
    if _is_ours(fn):
        return _written(watch if fn is watched else fn, [])
    names = [] if isinstance(fn, np.ufunc) else parameter_names(fn)
    if callable(taken) and taken not in RULES:
        return _written(taken, names)
    vjps = RULES[taken] if callable(taken) else taken
    vjp = vjps.pull if isinstance(vjps, Each) else next((vjp for vjp in vjps if vjp is not None), None)
    if vjp is None:
        return f"({', '.join((names or 'abc')[: len(vjps)])})"
    return _written(vjp, ["g", "y", *names], skipped=2)


def _written(fn: Any, names: Sequence[str], skipped: int = 0) -> str:
    """A function's parameters without annotations; those that `names` does not know are called as what stands there."""
    found = []
    for k, parameter in enumerate(inspect.signature(fn).parameters.values()):
        known = parameter.name in names or k >= len(names) or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD
        found.append(parameter.replace(annotation=parameter.empty, name=parameter.name if known else names[k]))
    return str(inspect.Signature(found[skipped:]))
