"""What is stated where there is no derivative holds, row by row; and what has no derivative somewhere is stated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.conventions import STATED, Stated, conventions
from tinygrad_rnn.functions import functions, named
from tinygrad_rnn.registry import RULES

NUMBERS = {"inf": np.inf, "nan": np.nan, "pi": np.pi, "log": np.log}
NAMES = [f"{stated.call} at {stated.at}" for stated in STATED]


def read(text: str) -> list[Any]:
    """Arrays written one after the other: "[1, 2], [3, 4]"."""
    return [np.asarray(a, float) for a in eval(f"[{text}]", NUMBERS)]


def recorded(stated: Stated, dtype: Any = float) -> tuple[tg.Tape, list[Any], Any]:
    """The call on a tape: the tape, its leaves, and the result."""
    tape = tg.Tape()
    leaves = {name: tape.var(np.asarray(a, dtype)) for name, a in eval(f"dict({stated.at})", NUMBERS).items()}
    return tape, list(leaves.values()), eval(stated.call, {"np": np, "tg": tg, **NUMBERS}, leaves)


@pytest.mark.parametrize("stated", STATED, ids=NAMES)
def test_a_statement_holds_by_a_plain_sweep_a_tracked_one_and_one_through_that(stated: Stated) -> None:
    with np.errstate(all="ignore"):
        tape, leaves, out = recorded(stated)
        np.testing.assert_allclose(out.value, read(stated.value)[0], rtol=1e-14)
        seed, indices = {out.index: np.ones(out.shape)}, [v.index for v in leaves]
        plain, tracked = tape.sweep(seed, indices), tape.sweep(seed, indices, track=True)
        gradients, seconds = read(stated.gradient), read(stated.second)
        assert len(plain) == len(gradients) == len(seconds)
        for leaf, found, again, gradient, second in zip(leaves, plain, tracked, gradients, seconds, strict=True):
            np.testing.assert_array_equal(found, again.value)
            np.testing.assert_allclose(found, gradient, rtol=1e-14)
            diagonal = np.zeros(leaf.shape)
            for place in np.ndindex(leaf.shape):
                unit = np.zeros(leaf.shape)
                unit[place] = 1.0
                diagonal[place] = tape.sweep({again.index: unit}, [leaf.index])[0][place]
            np.testing.assert_allclose(diagonal, second, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("stated", STATED, ids=NAMES)
def test_a_statement_holds_in_float32_as_well(stated: Stated) -> None:
    with np.errstate(all="ignore"):
        tape, leaves, out = recorded(stated, np.float32)
        found = tape.sweep({out.index: np.ones(out.shape)}, [v.index for v in leaves])
    for one, gradient in zip(found, read(stated.gradient), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, gradient, rtol=1e-6)


def test_statements_are_of_functions_that_are_listed_and_are_found_by_their_names() -> None:
    listed = {function.name for function in functions()}
    for stated in STATED:
        for name in stated.functions.split(", "):
            assert name in listed and stated in conventions(name)
    assert conventions("np.exp") == []


PLACES = (0.0, 1.0, -1.0, np.inf, -np.inf)
AT_INFINITY = {"np.exp", "np.expm1", "np.exp2", "np.square", "np.negative", "np.positive", "np.sinh", "np.cosh",
               "np.arcsinh", "np.arctan", "np.sin", "np.cos", "np.tan"}  # odd there alone, as NumPy has it  # fmt: skip


@pytest.mark.parametrize("fn", [fn for fn in RULES if isinstance(fn, np.ufunc) and fn.nin == 1], ids=named)
def test_a_function_that_has_no_derivative_at_0_or_1_or_infinity_says_so(fn: Any) -> None:
    """No derivative: the tape's is not finite, or differences from the left, or from the right, are not near it."""
    with np.errstate(all="ignore"):
        for x in PLACES:
            tape = tg.Tape()
            leaf = tape.var(x)
            out = fn(leaf)
            slope = tape.sweep({out.index: 1.0}, [leaf.index])[0]
            left, right = (fn(x) - fn(x - 1e-6)) / 1e-6, (fn(x + 1e-6) - fn(x)) / 1e-6
            if np.isnan(fn(x)) and not np.isinf(x):
                continue  # outside of its domain
            fine = np.isfinite(slope) and abs(left - slope) < 1e-4 and abs(right - slope) < 1e-4
            if not fine and not (np.isinf(x) and named(fn) in AT_INFINITY):
                assert conventions(named(fn)), f"{named(fn)} at {x}"


def test_a_nan_passes_through_every_activation() -> None:
    for call in (tg.relu, tg.sigmoid, tg.softplus, np.tanh):
        assert np.isnan(call(np.array(np.nan)))


@pytest.mark.parametrize("order", [None, 1, 1.5, 2, 3, np.inf])
def test_norms_keep_their_value(order: Any) -> None:
    for x in (np.zeros(3), np.array([3.0, -4.0, 0.0]), np.array([1e-120, 0.0, 0.0])):
        np.testing.assert_allclose(np.linalg.norm(tg.Tape().var(x), order).value, np.linalg.norm(x, order), rtol=1e-15)


def test_a_norm_at_zero_can_be_differentiated_again_and_is_finite() -> None:
    for order in (None, 2, 3):
        assert np.all(np.isfinite(tg.hessian(lambda x, order=order: np.linalg.norm(x, order))(np.zeros(2))))
