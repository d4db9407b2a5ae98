"""Every function in every form of call: NumPy's value, the complex step's gradient, and differences to second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.rules.forms import FORMS, Form, names
from tests.witness import complex_step

CASES = list(zip(names(), FORMS, strict=True))


def by_form(forms: list[tuple[str, Form]]) -> Any:
    return pytest.mark.parametrize("form", [f for _, f in forms], ids=[name for name, _ in forms])


def cotangent(value: Any) -> Any:
    return np.random.default_rng(7).normal(size=np.shape(value))


def test_names_tell_forms_apart() -> None:
    assert len({name for name, _ in CASES}) == len(CASES)


@by_form(CASES)
def test_a_form_has_numpys_value_and_the_complex_steps_gradient(form: Form) -> None:
    plain = np.asarray(form.call(*form.arguments))
    with tg.Tape(checked=True) as tape:
        leaves = [tape.var(a) for a in form.arguments]
        out = form.call(*leaves)
        weights = cotangent(out.value)
        found = gradients(tape, np.sum(out * weights), leaves, form.constant)
    assert (out.shape, out.dtype) == (plain.shape, plain.dtype)
    np.testing.assert_allclose(out.value, plain, rtol=1e-14, atol=1e-15)
    for k, gradient in enumerate(found):
        argument = form.arguments[k]
        assert gradient.shape == np.shape(argument)
        if not np.size(argument):
            continue
        jacobian = complex_step(lambda z, k=k: form.witness(*form.arguments[:k], z, *form.arguments[k + 1 :]), argument)
        known = np.tensordot(weights, jacobian, axes=np.ndim(weights))
        np.testing.assert_allclose(gradient, known, rtol=1e-12, atol=1e-13)


def gradients(tape: tg.Tape, loss: Any, leaves: Any, constant: bool) -> Any:
    if not constant:
        return tape.grad(loss, leaves)
    with pytest.warns(tg.UnusedWarning):  # nothing depends on them, and it is said
        return tape.grad(loss, leaves)


SMOOTH = [(name, form) for name, form in CASES if not form.constant and all(np.size(a) for a in form.arguments)]


def scalar(form: Form) -> Any:
    """A non-linear function of a form: its gradient varies with every argument."""
    weights = cotangent(form.call(*form.arguments))

    def loss(leaves: tuple[Any, ...]) -> Any:
        y = form.call(*leaves)
        return np.sum(weights * y * y * y)

    return loss


def directions(form: Form, seed: int) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    return tuple(random.normal(size=np.shape(a)) for a in form.arguments)


def moved(form: Form, direction: tuple[Any, ...], step: float) -> tuple[Any, ...]:
    return tuple(a + step * d for a, d in zip(form.arguments, direction, strict=True))


def slope(function: Any, form: Form, direction: tuple[Any, ...], step: float = 1e-4) -> list[Any]:
    """The derivative of a function of the arguments along a direction, by differences of the fourth order."""
    at = [function(moved(form, direction, k * step)) for k in (-2, -1, 1, 2)]
    return [(a - 8 * b + 8 * c - d) / (12 * step) for a, b, c, d in zip(*at, strict=True)]


@by_form(SMOOTH)
def test_a_form_can_be_differentiated_twice(form: Form) -> None:
    loss, direction = scalar(form), directions(form, 8)
    found = tg.hvp(loss)(form.arguments, direction)
    for part, known in zip(found, slope(tg.grad(loss), form, direction), strict=True):
        np.testing.assert_allclose(part, known, rtol=1e-8, atol=1e-8 * max(1.0, float(np.max(np.abs(known)))))


THIRD = {"prod", "cumprod", "std", "einsum", "linalg.solve", "linalg.inv", "power", "softmax", "logsumexp", "tanh"}
THIRD |= {"linalg.norm", "sigmoid", "softplus", "matmul", "divide", "hypot", "arctan2", "softmax_cross_entropy"}


@by_form([(name, form) for name, form in SMOOTH if form.function in THIRD])
def test_a_form_can_be_differentiated_three_times(form: Form) -> None:
    loss, first, second = scalar(form), directions(form, 8), directions(form, 9)

    def curvature(leaves: tuple[Any, ...]) -> Any:
        return tg.hvp(loss)(leaves, first)

    def along(leaves: tuple[Any, ...]) -> Any:
        return sum(np.sum(part * d) for part, d in zip(curvature(leaves), second, strict=True))

    found = tg.grad(along)(form.arguments)
    expected = slope(curvature, form, second)
    for part, numbers in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, numbers, rtol=1e-7, atol=1e-7 * max(1.0, float(np.max(np.abs(numbers)))))
