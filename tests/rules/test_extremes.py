"""Gradients at the far ends of the numbers, where squares overflow or vanish, against closed forms that do not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg

FAR = [(np.float64, (1e-200, 1e-8, 1.0, 1e200)), (np.float32, (1e-25, 1.0, 1e25))]


@pytest.mark.parametrize(("dtype", "sizes"), FAR)
def test_lengths_and_angles_neither_overflow_nor_vanish(dtype: Any, sizes: tuple[float, ...]) -> None:
    for size in sizes:
        a, b = np.array(3.0 * size, dtype), np.array(4.0 * size, dtype)
        tape = tg.Tape()
        x, y = tape.var(a), tape.var(b)
        found = [*tape.grad(np.hypot(x, y), [x, y]), *tape.grad(np.arctan2(x, y), [x, y])]
        known = [0.6, 0.8, 0.16 / size, -0.12 / size]
        np.testing.assert_allclose(found, known, rtol=1e-14 if dtype is np.float64 else 1e-6)


@pytest.mark.parametrize("x", [1e-8, 1.0, 1e8, 1e200, 1e300])
def test_inverse_hyperbolic_functions_keep_their_gradient_far_out(x: float) -> None:
    both = tg.grad(np.arcsinh)(x), tg.grad(np.arccosh)(x + 1.0)
    root = x * np.sqrt(1.0 + (1.0 / x) ** 2) if x > 1.0 else np.sqrt(1.0 + x * x)
    np.testing.assert_allclose(both[0], 1.0 / root, rtol=1e-14)
    if x >= 1.0:
        np.testing.assert_allclose(both[1], 1.0 / (np.sqrt(x) * np.sqrt(x + 2.0)), rtol=1e-14)


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e8])
def test_logsumexp_keeps_the_digits_of_its_gradient_far_from_zero(shift: float) -> None:
    """It depends on differences alone; logits here are whole numbers, so that a shift loses none of them."""
    x = np.array([[1.0, 2.0, -3.0], [0.0, 0.0, 4.0]])
    found = tg.grad(lambda z: np.sum(tg.logsumexp(z) * np.array([2.0, -1.0])))(x + shift)
    e = np.exp(x)
    np.testing.assert_allclose(found, e / e.sum(axis=1, keepdims=True) * [[2.0], [-1.0]], rtol=1e-14)


def test_the_second_derivatives_of_a_power_are_symmetric_and_exact_where_an_exponent_is_zero() -> None:
    """∂²(xⁿ)/∂x∂n = xⁿ⁻¹ (1 + n log x), which is 1/x at n = 0."""
    for x, n in [(2.0, 0.0), (2.0, 1.0), (0.5, -1.5), (3.0, 2.0)]:
        (xx, xn), (nx, nn) = tg.jacobian(lambda v: np.stack(tg.grad(lambda p: p[0] ** p[1])((v[0], v[1]))))(
            np.array([x, n])
        )
        np.testing.assert_allclose(xx, n * (n - 1) * x ** (n - 2), rtol=1e-14)
        np.testing.assert_allclose([xn, nx], x ** (n - 1) * (1 + n * np.log(x)), rtol=1e-14)
        np.testing.assert_allclose(nn, x**n * np.log(x) ** 2, rtol=1e-14)


@pytest.mark.parametrize("apart", [2.0**-k for k in (1, 10, 27, 40, 52)])
def test_inverse_functions_keep_the_digits_of_their_gradient_near_the_ends_of_their_domain(apart: float) -> None:
    """1/(1 − a²) and its root, by whole numbers; the second derivatives are 2a/(1 − a²)² and a/(1 − a²)^(3/2)."""
    for a in (1.0 - apart, apart - 1.0):
        square = 1 - Fraction(a) ** 2
        root = float(Decimal(square.numerator) / Decimal(square.denominator)) ** 0.5
        np.testing.assert_allclose(tg.grad(np.arctanh)(a), float(1 / square), rtol=1e-15)
        np.testing.assert_allclose(tg.hessian(np.arctanh)(a), float(2 * Fraction(a) / square**2), rtol=1e-15)
        for function, sign in ((np.arcsin, 1), (np.arccos, -1)):
            np.testing.assert_allclose(tg.grad(function)(a), sign / root, rtol=1e-15)
            np.testing.assert_allclose(tg.hessian(function)(a), sign * a / root**3, rtol=2e-15)


@pytest.mark.parametrize("x", [-1.0, -40.0, -700.0])
def test_the_derivative_of_expm1_is_the_exponential_far_below_as_well(x: float) -> None:
    np.testing.assert_array_equal([tg.grad(np.expm1)(x), tg.hessian(np.expm1)(x)], [np.exp(x)] * 2)


def test_the_second_derivatives_of_a_power_of_a_negative_base_are_as_they_are_stated() -> None:
    found = tg.jacobian(lambda v: np.stack(tg.grad(lambda p: p[0] ** p[1])((v[0], v[1]))))(np.array([-2.0, 2.0]))
    np.testing.assert_array_equal(found, [[2.0, -2.0], [0.0, 0.0]])
