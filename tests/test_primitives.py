"""Functions of one's own on a tape: `tg.primitive` makes them record themselves, `tg.rule` teaches their gradient."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.registry import RULES

RNG = np.random.default_rng(31)
W, U, XS, H0 = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2)), RNG.normal(size=(6, 2)), RNG.normal(size=4)
SURROGATE = 2.0  # the slope that passes for the step's


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What a test taught is forgotten."""
    known = dict(RULES)
    yield
    RULES.clear()
    RULES.update(known)


def spikes() -> Any:
    """A step whose gradient is that of a fast sigmoid."""

    @tg.primitive
    def spike(x: Any) -> Any:
        return np.where(x > 0, 1.0, 0.0)

    tg.rule(spike, lambda g, y, x: g / (1 + SURROGATE * np.abs(x)) ** 2)
    return spike


def recurrent(spike: Any, w: Any) -> Any:
    """A spiking network of six steps, h0 ≠ 0."""
    h, total = H0, 0.0
    for t in range(1, 7):
        with tg.step(t):
            h = spike(w @ h + U @ XS[t - 1]) - 0.3 * h
            total = total + tg.loss(np.sum(h**3), t)
    return total


def test_a_surrogate_gradient_in_a_recurrent_network_is_the_recursion_written_by_hand() -> None:
    found = tg.grad(lambda w: recurrent(spikes(), w))(W)
    states, inputs = [H0], []
    for x in XS:
        inputs.append(W @ states[-1] + U @ x)
        states.append(np.where(inputs[-1] > 0, 1.0, 0.0) - 0.3 * states[-1])
    bar, known = np.zeros(4), np.zeros((4, 4))
    for a, before, after in zip(inputs[::-1], states[-2::-1], states[:0:-1], strict=True):
        bar = bar + 3 * after**2
        delta = bar / (1 + SURROGATE * np.abs(a)) ** 2
        known += np.outer(delta, before)
        bar = W.T @ delta - 0.3 * bar
    np.testing.assert_allclose(found, known, rtol=1e-12)


def test_a_straight_through_estimator_can_be_differentiated_again() -> None:
    """With dy/dx = 1 by decree, Σ y³ x² has the gradient 3 y² x² + 2 y³ x, and that 6 y x² + 12 y² x + 2 y³."""
    rounded = tg.primitive(np.round)
    tg.rule(rounded, lambda g, y, x: g)
    x = np.array([0.7, -1.6, 2.2])
    y = np.round(x)

    def f(x: Any) -> Any:
        return np.sum(rounded(x) ** 3 * x**2)

    np.testing.assert_allclose(tg.grad(f)(x), 3 * y**2 * x**2 + 2 * y**3 * x, rtol=1e-14)
    np.testing.assert_allclose(tg.hessian(f)(x), np.diag(6 * y * x**2 + 12 * y**2 * x + 2 * y**3), rtol=1e-14)
    inner = tg.grad(lambda x: np.sum(tg.grad(f)(x) ** 2))(x)  # on one tape, through the recorded sweep
    slope, curve = 3 * y**2 * x**2 + 2 * y**3 * x, 6 * y * x**2 + 12 * y**2 * x + 2 * y**3
    np.testing.assert_allclose(inner, 2 * slope * curve, rtol=1e-13)
    assert tg.grad(lambda x: np.sum(np.round(x) * x))(x).tolist() == y.tolist()  # np.round itself is as it was


def test_several_arguments_are_broadcast_and_told_apart() -> None:
    @tg.primitive
    def clamped(x: Any, bound: Any, *, soft: float = 0.0) -> Any:
        return np.minimum(x, bound)

    like = tg.rules.elementwise.like
    tg.rule(
        clamped,
        lambda g, y, x, bound, *, soft=0.0: like(g * np.where(x < bound, 1.0, soft), x),
        lambda g, y, x, bound, *, soft=0.0: like(g * np.where(x < bound, 0.0, 1.0 - soft), bound),
    )
    x, bound = np.array([[1.0, 5.0], [3.0, 0.5]]), np.array([2.0, 1.0])
    tape = tg.Tape(checked=True)
    leaves = tape.var(x), tape.var(bound)
    by_x, by_bound = tape.grad(np.sum(clamped(leaves[0], bound=leaves[1], soft=0.25)), leaves)
    np.testing.assert_array_equal(by_x, [[1.0, 0.25], [0.25, 1.0]])
    np.testing.assert_array_equal(by_bound, [0.75, 0.75])
    assert isinstance(clamped(x, bound), np.ndarray)


def test_a_rule_that_no_tape_would_ask_is_refused_with_the_remedy() -> None:
    def hard(x: Any) -> Any:
        return np.sign(x)

    with pytest.raises(tg.TapeError, match=r"write @tg.primitive above its def, or hard = tg.primitive\(hard\)"):
        tg.rule(hard, lambda g, y, x: g)
    with pytest.raises(tg.TapeError, match=r"^no gradient rule for hard; add one, tg.rule\(hard, lambda g, y, a: …\)"):
        tg.primitive(hard)(tg.Tape().var(1.0))
    with pytest.raises(tg.TapeError, match=r"^no gradient rule for floor; add one, tg.rule\(floor, lambda"):
        tg.primitive(np.floor)(tg.Tape().var(1.0))
    for vjps, told in [((), "is given nothing"), ((3,), "is given 3"), ((None, "g"), "is given 'g'")]:
        with pytest.raises(tg.TapeError, match=f"rule: sinc {told}; give lambda g, y, x: … for each argument"):
            tg.rule(np.sinc, *vjps)  # type: ignore[arg-type]


@pytest.mark.parametrize("track", [False, True])
def test_a_rule_that_forgets_to_return_is_told_so(track: bool) -> None:
    def forgetful(g: Any, y: Any, x: Any) -> Any:
        g * x

    tg.rule(np.sinc, forgetful)
    tape = tg.Tape()
    x = tape.var(0.5)
    with pytest.raises(tg.TapeError, match="the rule of sinc gives argument 0 None"):
        tape.grad(np.sinc(x), x, track=track)


def test_the_example_of_a_function_of_ones_own_runs_and_prints_what_it_says() -> None:
    (example,) = doctest.DocTestFinder().find(tg.primitive, "primitive", globs={"np": np, "tg": tg})
    assert len(example.examples) == 3
    assert doctest.DocTestRunner().run(example).failed == 0


def test_a_primitive_that_gives_a_python_float_is_recorded_like_one_that_gives_numpys() -> None:
    @tg.primitive
    def mean(x: Any) -> float:
        return float(np.mean(x))

    tg.rule(mean, lambda g, y, x: g * np.ones_like(x) / x.size)
    try:
        np.testing.assert_allclose(tg.grad(lambda x: mean(x) ** 2)(np.array([1.0, 3.0])), [2.0, 2.0], rtol=1e-15)
    finally:
        del tg.RULES[mean]
