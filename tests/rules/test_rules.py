"""Every rule in the tables, against the complex step and, to second order, against differences of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step, differences
from tinygrad_rnn.ops import fill, identity

RNG = np.random.default_rng(20)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def positive(*shape: int) -> Any:
    return RNG.uniform(0.5, 2.0, size=shape)


CLASSES = np.array([2, 0])
SOFT = RNG.dirichlet(np.ones(4), size=2)
MASK = np.array([[True, False, True], [False, False, True]])

# name -> (function of its arguments, arguments); analytic, so that the complex step is exact
ANALYTIC: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "add": (lambda a, b: a + b, (normal(2, 3), normal(2, 3))),
    "add, a row": (lambda a, b: a + b, (normal(2, 3), normal(3))),
    "add, a column": (lambda a, b: a + b, (normal(2, 1), normal(2, 3))),
    "add, both": (lambda a, b: a + b, (normal(4, 1, 3), normal(2, 1))),
    "add, a scalar": (lambda a: 2.5 + a, (normal(2, 3),)),
    "subtract": (lambda a, b: a - b, (normal(2, 3), normal(3))),
    "subtract from": (lambda a: 1.0 - a, (normal(3),)),
    "multiply": (lambda a, b: a * b, (normal(2, 3), normal(2, 1))),
    "multiply by itself": (lambda a: a * a, (normal(3),)),
    "divide": (lambda a, b: a / b, (normal(2, 3), positive(3))),
    "divide a scalar": (lambda a: 3.0 / a, (positive(3),)),
    "power of a number": (lambda a: a**3, (normal(2, 3),)),
    "power of a fraction": (lambda a: a**0.5, (positive(3),)),
    "power 0": (lambda a: a**0, (normal(3),)),
    "power 1": (lambda a: a**1, (normal(3),)),
    "power of an array": (lambda a, n: a**n, (positive(2, 3), normal(3))),
    "number to the power": (lambda n: 2.0**n, (normal(3),)),
    "negative": (lambda a: -a, (normal(3),)),
    "positive": (np.positive, (normal(3),)),
    "identity": (lambda a: identity(a), (normal(3),)),
    "fill": (lambda a: fill(a, (2, 3)), (normal(3),)),
    "exp": (np.exp, (normal(3),)),
    "expm1": (np.expm1, (normal(3),)),
    "log": (np.log, (positive(3),)),
    "log1p": (np.log1p, (positive(3),)),
    "sin": (np.sin, (normal(3),)),
    "cos": (np.cos, (normal(3),)),
    "tanh": (np.tanh, (normal(2, 3),)),
    "sigmoid": (tg.sigmoid, (normal(2, 3),)),
    "relu": (tg.relu, (normal(2, 3),)),
    "square": (np.square, (normal(3),)),
    "sqrt": (np.sqrt, (positive(3),)),
    "reciprocal": (np.reciprocal, (positive(3),)),
    "where": (lambda a, b: np.where(MASK, a, b), (normal(2, 3), normal(3))),
    "matmul 2-D 2-D": (lambda a, b: a @ b, (normal(2, 3), normal(3, 4))),
    "matmul 2-D 1-D": (lambda a, b: a @ b, (normal(2, 3), normal(3))),
    "matmul 1-D 2-D": (lambda a, b: a @ b, (normal(3), normal(3, 4))),
    "matmul 1-D 1-D": (lambda a, b: a @ b, (normal(3), normal(3))),
    "matmul 3-D 3-D": (lambda a, b: a @ b, (normal(2, 3, 4), normal(2, 4, 2))),
    "matmul 3-D 2-D": (lambda a, b: a @ b, (normal(2, 3, 4), normal(4, 2))),
    "matmul 2-D 3-D": (lambda a, b: a @ b, (normal(3, 4), normal(2, 4, 2))),
    "matmul 3-D 1-D": (lambda a, b: a @ b, (normal(2, 3, 4), normal(4))),
    "matmul 1-D 3-D": (lambda a, b: a @ b, (normal(4), normal(2, 4, 3))),
    "matmul broadcast batch": (lambda a, b: a @ b, (normal(2, 1, 3, 4), normal(5, 4, 2))),
    "dot": (lambda a, b: np.dot(a, b), (normal(2, 3), normal(3))),
    "dot with a number": (lambda a: np.dot(2.0, a), (normal(3),)),
    "outer": (lambda a, b: np.outer(a, b), (normal(3), normal(2))),
    "reshape": (lambda a: np.reshape(a, (3, 2)), (normal(2, 3),)),
    "reshape method": (lambda a: a.reshape(3, -1), (normal(2, 3),)),
    "ravel": (lambda a: np.ravel(a), (normal(2, 3),)),
    "T": (lambda a: a.T, (normal(2, 3),)),
    "mT": (lambda a: a.mT, (normal(2, 3, 4),)),
    "transpose": (lambda a: np.transpose(a, (2, 0, 1)), (normal(2, 3, 4),)),
    "transpose method": (lambda a: a.transpose(2, 0, -2), (normal(2, 3, 4),)),
    "swapaxes": (lambda a: np.swapaxes(a, 0, 2), (normal(2, 3, 4),)),
    "expand_dims": (lambda a: np.expand_dims(a, 1), (normal(2, 3),)),
    "squeeze": (lambda a: np.squeeze(a), (normal(2, 1, 3),)),
    "broadcast_to": (lambda a: np.broadcast_to(a, (2, 3)), (normal(3),)),
    "stack": (lambda a, b: np.stack([a, b, a]), (normal(3), normal(3))),
    "stack, last axis": (lambda a, b: np.stack((a, b), axis=-1), (normal(2, 3), normal(2, 3))),
    "concatenate": (lambda a, b: np.concatenate([a, b]), (normal(2, 3), normal(1, 3))),
    "concatenate, axis 1": (lambda a, b: np.concatenate([a, b, a], axis=1), (normal(2, 3), normal(2, 1))),
    "concatenate, axis -1": (lambda a, b: np.concatenate((a, b), axis=-1), (normal(3), normal(2))),
    "index": (lambda a: a[1], (normal(2, 3),)),
    "index, negative": (lambda a: a[-1, 0], (normal(2, 3),)),
    "slice": (lambda a: a[:, 1:], (normal(2, 3),)),
    "slice backwards": (lambda a: a[::-1, ::2], (normal(2, 3),)),
    "newaxis and ellipsis": (lambda a: a[..., None, 1], (normal(2, 3),)),
    "index by an array, repeated": (lambda a: a[np.array([1, 1, 0])], (normal(2, 3),)),
    "index by a list": (lambda a: a[[1, 1]], (normal(2, 3),)),
    "index by a mask": (lambda a: a[MASK], (normal(2, 3),)),
    "index by two arrays": (lambda a: a[np.arange(2), CLASSES], (normal(2, 3),)),
    "iteration": (lambda a: sum(k * row for k, row in enumerate(a, 1)), (normal(2, 3),)),
    "sum": (lambda a: np.sum(a), (normal(2, 3),)),
    "sum, axis": (lambda a: np.sum(a, axis=0), (normal(2, 3),)),
    "sum, positional axis": (lambda a: np.sum(a, 1), (normal(2, 3),)),
    "sum, axes": (lambda a: np.sum(a, axis=(0, -1)), (normal(2, 3, 2),)),
    "sum, keepdims": (lambda a: np.sum(a, axis=1, keepdims=True), (normal(2, 3),)),
    "sum method": (lambda a: a.sum(axis=-1), (normal(2, 3),)),
    "mean": (lambda a: np.mean(a), (normal(2, 3),)),
    "mean, axis": (lambda a: np.mean(a, axis=1), (normal(2, 3),)),
    "mean method": (lambda a: a.mean(axis=0, keepdims=True), (normal(2, 3),)),
    "mean of 3-D": (lambda a: np.mean(a, axis=(0, 2)), (normal(2, 3, 4),)),
    "mean of 3-D, one axis": (lambda a: a.mean(axis=1), (normal(2, 3, 4),)),
    "outer of 2-D": (lambda a, b: np.outer(a, b), (normal(2, 3), normal(2, 2))),
    "logsumexp beside an axis of size 1": (lambda a: tg.logsumexp(a, axis=1), (normal(1, 3),)),
    "softmax cross entropy, 3-D": (
        lambda a: tg.softmax_cross_entropy(a, np.array([[2, 0], [1, 3], [0, 0]])),
        (normal(3, 2, 4),),
    ),
    "softmax cross entropy, transposed": (
        lambda a: tg.softmax_cross_entropy(a.T, np.array([1, 0, 1])),
        (normal(2, 3),),
    ),
    "swapaxes by name": (lambda a: np.swapaxes(a, axis1=0, axis2=1), (normal(2, 3),)),
    "index by a tuple in a tuple": (lambda a: a[((0, 1),)], (normal(2, 3),)),
    "logsumexp": (lambda a: tg.logsumexp(a), (normal(2, 4),)),
    "logsumexp, axis 0": (lambda a: tg.logsumexp(a, axis=0, keepdims=True), (normal(2, 4),)),
    "softmax": (lambda a: tg.softmax(a), (normal(2, 4),)),
    "softmax, axis 0": (lambda a: tg.softmax(a, axis=0), (normal(2, 4),)),
    "log_softmax": (lambda a: tg.log_softmax(a), (normal(2, 4),)),
    "softmax cross entropy, classes": (lambda a: tg.softmax_cross_entropy(a, CLASSES), (normal(2, 4),)),
    "softmax cross entropy, one sample": (lambda a: tg.softmax_cross_entropy(a, np.array(3)), (normal(4),)),
    "softmax cross entropy, rows": (lambda a: tg.softmax_cross_entropy(a, SOFT), (normal(2, 4),)),
    "softmax cross entropy, its rows": (lambda a, t: tg.softmax_cross_entropy(a, t), (normal(2, 4), SOFT * 1.3)),
    "binary cross entropy": (lambda a, t: tg.binary_cross_entropy(a, t), (normal(2, 3), positive(2, 3))),
    "binary cross entropy, broadcast": (lambda a, t: tg.binary_cross_entropy(a, t), (normal(2, 3), positive(3))),
}
KINKED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "abs": (np.abs, (normal(3),)),
    "builtin abs": (abs, (normal(3),)),
    "maximum": (np.maximum, (normal(2, 3), normal(3))),
    "maximum with a number": (lambda a: np.maximum(0.1, a), (normal(2, 3),)),
    "minimum": (np.minimum, (normal(2, 3), normal(2, 1))),
    "max": (lambda a: np.max(a), (normal(2, 3),)),
    "max, axis": (lambda a: a.max(axis=1), (normal(2, 3),)),
    "amax": (lambda a: np.amax(a, axis=0, keepdims=True), (normal(2, 3),)),
    "min": (lambda a: np.min(a, axis=(0, 1)), (normal(2, 3),)),
}


def gradients(function: Callable[..., Any], arguments: tuple[Any, ...], weights: Any) -> list[Any]:
    with tg.Tape(checked=True) as tape:
        leaves = [tape.var(a) for a in arguments]
        out = np.sum(function(*leaves) * weights)
        return tape.grad(out, leaves)


def at_argument(function: Callable[..., Any], arguments: tuple[Any, ...], k: int) -> Callable[[Any], Any]:
    return lambda x: function(*arguments[:k], x, *arguments[k + 1 :])


@pytest.mark.parametrize("name", ANALYTIC)
def test_rule_agrees_with_the_complex_step(name: str) -> None:
    function, arguments = ANALYTIC[name]
    value = np.asarray(function(*arguments))
    weights = np.random.default_rng(7).normal(size=value.shape)
    for k, found in enumerate(gradients(function, arguments, weights)):
        jacobian = complex_step(at_argument(function, arguments, k), arguments[k])
        known = np.tensordot(weights, jacobian, axes=value.ndim)
        assert found.shape == arguments[k].shape
        np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", KINKED)
def test_rule_agrees_with_differences_away_from_the_kink(name: str) -> None:
    function, arguments = KINKED[name]
    value = np.asarray(function(*arguments))
    weights = np.random.default_rng(7).normal(size=value.shape)
    for k, found in enumerate(gradients(function, arguments, weights)):
        jacobian = differences(at_argument(function, arguments, k), arguments[k])
        np.testing.assert_allclose(found, np.tensordot(weights, jacobian, axes=value.ndim), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ANALYTIC | KINKED)
def test_rule_can_be_differentiated_again(name: str) -> None:
    """Hessian-vector products of a non-linear function of each primitive, by differences of its gradient."""
    function, arguments = (ANALYTIC | KINKED)[name]
    weights = np.random.default_rng(7).normal(size=np.shape(function(*arguments)))
    directions = [np.random.default_rng(8).normal(size=a.shape) for a in arguments]

    def loss(leaves: tuple[Any, ...]) -> Any:
        y = function(*leaves)
        return np.sum(y * y * weights)

    found = tg.hvp(loss)(arguments, tuple(directions))
    step = 1e-6
    up = tg.grad(loss)(tuple(a + step * d for a, d in zip(arguments, directions, strict=True)))
    down = tg.grad(loss)(tuple(a - step * d for a, d in zip(arguments, directions, strict=True)))
    for k, part in enumerate(found):
        np.testing.assert_allclose(part, (up[k] - down[k]) / (2 * step), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ANALYTIC | KINKED)
def test_float32_in_float32_out(name: str) -> None:
    function, arguments = (ANALYTIC | KINKED)[name]
    narrow = tuple(a.astype(np.float32) for a in arguments)
    with tg.Tape() as tape:
        leaves = [tape.var(a) for a in narrow]
        out = function(*leaves).sum()
        if SOFT_CONSTANT not in name:
            assert out.dtype == np.float32
        assert {g.dtype for g in tape.grad(out, leaves)} == {np.dtype(np.float32)}


SOFT_CONSTANT = "cross entropy, rows"  # float64 target rows rightly make float64


@pytest.mark.parametrize(
    ("function", "x", "known"),
    [
        (tg.relu, 0.0, 0.0),
        (np.abs, 0.0, 0.0),
        (np.sqrt, 0.0, 0.0),
        (lambda v: np.maximum(v, 0.0), 0.0, 0.5),
        (lambda v: np.minimum(v, 0.0), 0.0, 0.5),
        (lambda v: v**0, 0.0, 0.0),
        (lambda v: v**2, 0.0, 0.0),
        (lambda v: 0.0**v, 2.0, 0.0),
        (tg.sigmoid, 800.0, 0.0),
        (tg.sigmoid, -800.0, 0.0),
        (np.tanh, 800.0, 0.0),
    ],
)
def test_conventions_where_there_is_no_derivative_and_at_saturation(
    function: Callable[[Any], Any], x: float, known: float
) -> None:
    assert tg.grad(function)(np.array(x)) == known


def test_equal_maxima_share_the_gradient() -> None:
    np.testing.assert_array_equal(tg.grad(np.max)(np.array([1.0, 3.0, 3.0])), [0.0, 0.5, 0.5])


def test_norm_at_zero_has_gradient_zero() -> None:
    np.testing.assert_array_equal(tg.grad(lambda v: np.sqrt(np.sum(v * v)))(np.zeros(3)), np.zeros(3))


EXTREME = np.array([[1000.0, -1000.0, 0.0, 999.0], [-1e4, -1e4, -1e4, -1e4]])


@pytest.mark.parametrize(
    "function",
    [
        lambda z: np.sum(tg.softmax_cross_entropy(z, CLASSES)),
        lambda z: np.sum(tg.softmax_cross_entropy(z, SOFT)),
        lambda z: np.sum(tg.binary_cross_entropy(z, SOFT)),
        lambda z: np.sum(tg.logsumexp(z)),
        lambda z: np.sum(tg.log_softmax(z) * SOFT),
        lambda z: np.sum(tg.softmax(z) * SOFT),
        lambda z: np.sum(tg.sigmoid(z) * SOFT),
    ],
)
def test_extremes_neither_overflow_nor_make_nan(function: Callable[[Any], Any]) -> None:
    """Warnings are errors here, so an overflow would fail too."""
    value, gradient = tg.value_and_grad(function)(EXTREME)
    assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_extremes_are_right_not_only_finite() -> None:
    np.testing.assert_array_equal(
        tg.softmax_cross_entropy(EXTREME, CLASSES), [1000.0 + np.log1p(np.exp(-1.0)), np.log(4.0)]
    )
    np.testing.assert_array_equal(tg.binary_cross_entropy(np.array([800.0, -800.0]), np.array([0.0, 1.0])), [800, 800])
    np.testing.assert_allclose(tg.sigmoid(np.array([-700.0, -30.0])), np.exp([-700.0, -30.0]), rtol=1e-12)
    assert tg.logsumexp(np.full(3, -np.inf)) == -np.inf


@pytest.mark.parametrize("targets", [np.array([0, 4]), np.array([0, -1]), np.array([0, 1, 2]), np.ones((2, 3))])
def test_targets_that_do_not_fit_are_refused(targets: Any) -> None:
    with pytest.raises((ValueError, IndexError)):
        tg.softmax_cross_entropy(np.zeros((2, 4)), targets)
