"""What is stated where there is no derivative: one test for each sentence at the head of the tables of rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg

INF, NAN = np.inf, np.nan


def gradients(call: Callable[..., Any], *arrays: Any) -> list[Any]:
    """Gradients of the sum of a call's result, by a plain sweep and a tracked one, which must agree."""
    with np.errstate(all="ignore"):
        tape = tg.Tape()
        leaves = [tape.var(np.asarray(a, float)) for a in arrays]
        out = call(*leaves)
        seed, indices = {out.index: np.ones(out.shape)}, [v.index for v in leaves]
        found, tracked = tape.sweep(seed, indices), tape.sweep(seed, indices, track=True)
    for one, two in zip(found, tracked, strict=True):
        np.testing.assert_array_equal(one, two.value)
    return found


# name: (function, arguments, gradient of each)
STATED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]] = {
    "relu'(0) = 0": (tg.relu, ([0.0, -0.0, 1.0],), ([0, 0, 1],)),
    "|x|'(0) = 0": (np.absolute, ([0.0, -2.0, 3.0],), ([0, -1, 1],)),
    "fabs'(0) = 0": (np.fabs, ([0.0, -2.0],), ([0, -1],)),
    "sqrt'(0) = 0": (np.sqrt, ([0.0, 4.0],), ([0, 0.25],)),
    "a norm at zero": (np.linalg.norm, ([0.0, 0.0],), ([0, 0],)),
    "a norm of order 3 at zero": (lambda x: np.linalg.norm(x, 3), ([0.0, 0.0],), ([0, 0],)),
    "a norm of order 1.5 at zero": (lambda x: np.linalg.norm(x, 1.5), ([0.0, 0.0],), ([0, 0],)),
    "a norm of order 1 at zero": (lambda x: np.linalg.norm(x, 1), ([0.0, 0.0],), ([0, 0],)),
    "norms of rows, one of them zero": (lambda x: np.linalg.norm(x, 3, axis=1), ([[0.0, 0.0], [0.0, -2.0]],),
                                        ([[0, 0], [0, -1]],)),
    "std of equal numbers": (np.std, ([2.0, 2.0],), ([0, 0],)),
    "hypot at zero": (np.hypot, ([0.0, 3.0], [0.0, 4.0]), ([0, 0.6], [0, 0.8])),
    "arctan2 at zero": (np.arctan2, ([0.0, 1.0], [0.0, 0.0]), ([0, 0], [0, -1])),
    "cbrt at zero": (np.cbrt, ([0.0, 8.0],), ([0, 1 / 12],)),
    "equal arguments of maximum": (np.maximum, ([1.0, 2, INF], [1.0, 1, INF]), ([0.5, 1, 0.5], [0.5, 0, 0.5])),
    "equal arguments of minimum": (np.minimum, ([1.0, 2, -INF], [1.0, 1, -INF]), ([0.5, 0, 0.5], [0.5, 1, 0.5])),
    "a number on a bound of clip": (lambda x: np.clip(x, 0.0, 1.0), ([0.0, 0.5, 1.0, 2.0],), ([0.5, 1, 0.5, 0],)),
    "equal extremes": (np.max, ([1.0, 0.0, 1.0, 1.0],), ([1 / 3, 0, 1 / 3, 1 / 3],)),
    "equal extremes of rows": (lambda x: np.min(x, axis=1), ([[1.0, 1.0], [2.0, 3.0]],), ([[0.5, 0.5], [1, 0]],)),
    "a NaN in maximum": (np.maximum, ([NAN, 1.0], [1.0, NAN]), ([0, 0], [0, 0])),
    "a NaN in minimum": (np.minimum, ([NAN, 1.0], [1.0, NAN]), ([0, 0], [0, 0])),
    "a NaN in fmax": (np.fmax, ([NAN, 1.0, 2.0, 3.0], [1.0, NAN, 2.0, 1.0]), ([0, 1, 0.5, 1], [1, 0, 0.5, 0])),
    "a NaN in fmin": (np.fmin, ([NAN, 1.0, 2.0, 3.0], [1.0, NAN, 2.0, 1.0]), ([0, 1, 0.5, 0], [1, 0, 0.5, 1])),
    "two NaN in fmax": (np.fmax, ([NAN], [NAN]), ([0], [0])),
    "the exponent of 0 ** n": (lambda n: 0.0**n, ([0.0, 1.0, 2.0],), ([0, 0, 0],)),
    "the exponent of a negative number": (lambda n: (-2.0) ** n, ([2.0, 3.0],), ([0, 0],)),
    "x ** n, negative and zero": (lambda x, n: x**n, ([0.0, 0, 0, -2, -2], [0.0, 1, 2, 2, 3]),
                                  ([0, 1, 0, -4, 12], [0, 0, 0, 0, 0])),
    "x ** 0 and x ** 1 at 0": (lambda x: x**0 + x**1, ([0.0, 3.0],), ([1, 1],)),
    "sign": (np.sign, ([0.0, 1.0],), ([0, 0],)), "floor": (np.floor, ([1.0, 1.5],), ([0, 0],)),
    "ceil": (np.ceil, ([1.0, 1.5],), ([0, 0],)), "rint": (np.rint, ([0.5, 1.5],), ([0, 0],)),
    "trunc": (np.trunc, ([1.0, 1.5],), ([0, 0],)), "round": (np.round, ([0.5, 1.5],), ([0, 0],)),
    "heaviside": (np.heaviside, ([0.0, 1.0], [0.5, 0.5]), ([0, 0], [0, 0])),
    "floor_divide": (np.floor_divide, ([4.0, 1.0], [2.0, 3.0]), ([0, 0], [0, 0])),
    "a remainder at its jump": (np.remainder, ([4.0, -1.0], [2.0, 3.0]), ([1, 1], [-2, 1])),
    "log 0": (np.log, ([0.0],), ([INF],)), "log1p −1": (np.log1p, ([-1.0],), ([INF],)),
    "log2 0": (np.log2, ([0.0],), ([INF],)), "log10 0": (np.log10, ([0.0],), ([INF],)),
    "arcsin 1": (np.arcsin, ([1.0, -1.0],), ([INF, INF],)), "arccos 1": (np.arccos, ([1.0],), ([-INF],)),
    "arccosh 1": (np.arccosh, ([1.0],), ([INF],)), "arctanh 1": (np.arctanh, ([1.0],), ([INF],)),
    "1 / 0": (lambda x: 1 / x, ([0.0],), ([-INF],)), "0 ** 0.5": (lambda x: x**0.5, ([0.0],), ([INF],)),
    "reciprocal of 0": (np.reciprocal, ([0.0],), ([-INF],)),
    "a logarithm that np.where does not choose": (
        lambda x: np.where(x > 0, np.log(x), 0.0), ([0.0, 2.0],), ([NAN, 0.5],)),
    "its argument chosen before": (lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0), ([0.0, 2.0],),
                                   ([0, 0.5],)),
    "equal numbers in sort, in the order in which they stand": (lambda x: np.sort(x) * np.array([1.0, 2, 3]),
                                                                ([1.0, 1.0, 0.0],), ([2, 3, 1],)),
    "a product with one zero, with two": (lambda x: np.prod(x, axis=1), ([[0.0, 2, 3], [0.0, 0, 3]],),
                                          ([[6, 0, 0], [0, 0, 0]],)),
    "a running product with a zero": (np.cumprod, ([2.0, 0.0, 3.0],), ([1, 8, 0],)),
    "sigmoid far out": (tg.sigmoid, ([INF, -INF, 800, -800],), ([0, 0, 0, 0],)),
    "tanh far out": (np.tanh, ([INF, -INF, 800, -800],), ([0, 0, 0, 0],)),
    "softplus far out": (tg.softplus, ([INF, -INF, 800, -800],), ([1, 0, 1, 0],)),
    "relu far out": (tg.relu, ([INF, -INF],), ([1, 0],)),
    "logsumexp beside −∞": (tg.logsumexp, ([-INF, 1.0],), ([0, 1],)),
    "logaddexp beside −∞": (np.logaddexp, ([-INF, 1.0], [1.0, -INF]), ([0, 1], [1, 0])),
    "softmax beside −∞": (tg.softmax, ([-INF, 1.0],), ([0, 0],)),
    "cross entropy far out": (lambda z: tg.softmax_cross_entropy(z, 1), ([800.0, -800.0, -INF],), ([1, -1, 0],)),
    "binary cross entropy far out": (lambda z: tg.binary_cross_entropy(z, np.array([1.0, 0.0])), ([-800.0, 800.0],),
                                     ([-1, 1],)),
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_the_convention_holds(name: str) -> None:
    call, arrays, known = STATED[name]
    for found, stated in zip(gradients(call, *arrays), known, strict=True):
        np.testing.assert_allclose(found, np.asarray(stated, float), rtol=1e-14)


@pytest.mark.parametrize("name", ["softplus far out", "relu far out", "sigmoid far out", "tanh far out"])
def test_values_far_out_are_finite_or_the_limit(name: str) -> None:
    call, (x,), _ = STATED[name]
    found = call(np.asarray(x, float))
    assert not np.any(np.isnan(found)) and found[1] in (0.0, -1.0)


def test_a_nan_passes_through_every_activation() -> None:
    for call in (tg.relu, tg.sigmoid, tg.softplus, np.tanh):
        assert np.isnan(call(np.array(NAN)))


@pytest.mark.parametrize("order", [None, 1, 1.5, 2, 3, np.inf])
def test_norms_keep_their_value(order: Any) -> None:
    for x in (np.zeros(3), np.array([3.0, -4.0, 0.0]), np.array([1e-120, 0.0, 0.0])):
        np.testing.assert_allclose(np.linalg.norm(tg.Tape().var(x), order).value, np.linalg.norm(x, order), rtol=1e-15)


def test_a_norm_at_zero_can_be_differentiated_again_and_is_finite() -> None:
    for order in (None, 2, 3):
        assert np.all(np.isfinite(tg.hessian(lambda x, order=order: np.linalg.norm(x, order))(np.zeros(2))))
