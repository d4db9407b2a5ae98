"""Every family of closed forms by its letter: what it is called, what it costs, and whether a model has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..spec import Spec
from .delta import delta_recursion
from .explicit import explicit_sum
from .forward import Array
from .powers import FamilyError, matrix_powers, why_no_powers
from .products import reverse_products
from .rtrl import rtrl

Function = Callable[[Spec, Mapping[str, Any], Any, Any, Any], dict[str, Array]]


@dataclass(frozen=True)
class Family:
    """One way to write the gradient.

    Attributes:
        letter: its short name.
        title: its name in words.
        cost: time and memory for one sequence of T steps with m hidden units and P recurrent parameters.
        gradients: (spec, params, x, y, h0) -> dL/dθ by parameter name.
        why_not: for a Spec, the reason why the family gives no gradient for it, on one line; None if it gives one.
        bound: whether it bounds norms and gives no gradient for any model.
    """

    letter: str
    title: str
    cost: str
    gradients: Function
    why_not: Callable[[Spec], str | None]
    bound: bool = False


def _always(spec: Spec) -> str | None:
    return None


def _no_gradient(spec: Spec) -> str | None:
    return "family V bounds the norms of Jacobian products and gives no gradient: call bptt.jacobian_bounds"


def _delta(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    return delta_recursion(spec, params, x, y, h0).params


def _refuse(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    raise FamilyError(_no_gradient(spec))


FAMILIES: Mapping[str, Family] = {
    family.letter: family
    for family in (
        Family("D", "backward δ recursion", "O(T P) time, O(T m) memory", _delta, _always),
        Family("E", "explicit sum of ordered Jacobian products", "O(T² m²) time", explicit_sum, _always),
        Family("F", "forward recursion, RTRL", "O(T m² P) time, O(m P) memory", rtrl, _always),
        Family(
            "Z", "reverse accumulation of z = ∏J", "O(T m³) + O(T m P) time per loss step", reverse_products, _always
        ),
        Family("P", "matrix powers", "O(T² m²) time with the powers cached", matrix_powers, why_no_powers),
        Family("V", "bounds on vanishing and exploding", "O(T²) after one SVD of W", _refuse, _no_gradient, bound=True),
    )
}
LETTERS = "".join(letter for letter, family in FAMILIES.items() if not family.bound)  # of those that give gradients
