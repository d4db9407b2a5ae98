"""What a small mistake in the tape or in its tables would change, and no other test would notice; see mutation.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.ops import primitive
from tinygrad_rnn.rules.shape import concatenate, stack

RNG = np.random.default_rng(91)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def test_the_line_after_the_last_is_refused_like_any_that_is_not_there() -> None:
    tape = tg.Tape()
    x = tape.var(1.5)
    for seeds, wrt in [({1: 1.0}, [x.index]), ({x.index: 1.0}, [1])]:
        with pytest.raises(tg.TapeError, match="there is no line 1; the tape has 1"):
            tape.sweep(seeds, wrt)


def test_a_condition_with_a_gradient_of_its_own_keeps_none_from_the_choices() -> None:
    x = np.array([0.0, -1.5, 0.7, 0.0])
    found = tg.grad(lambda v: np.sum(np.where(v, v * v, np.sin(v))))(x)
    np.testing.assert_allclose(found, [1.0, -3.0, 1.4, 1.0], rtol=1e-15)


@primitive
def halves(*arrays: Any) -> Any:
    """The sum of all, halved: a function of any number of arguments."""
    return sum(arrays) / 2


def test_what_the_arguments_of_a_rule_share_is_recorded_as_of_the_first() -> None:
    """In a recorded sweep every line says what it is, those of the part that serves all arguments as well."""
    tape = tg.Tape()
    a, b = tape.var(normal(3)), tape.var(normal(3))
    tg.rule(halves, each=lambda g, y, *arrays: (lambda shared: lambda k: shared)(g * 0.5))
    try:
        y = halves(a, b)
        tape.sweep({y.index: np.ones(3)}, [a.index, b.index], track=True)
    finally:
        del tg.RULES[halves]
    assert [tape.backward[i] for i in range(len(tape)) if tape[i].fn is np.multiply] == [
        tg.tape.Backward("adjoint", y.index, 0)
    ]


def test_an_array_is_split_along_its_first_axis_unless_another_is_named() -> None:
    x = normal(4, 3)
    parts = np.array_split(tg.Tape().var(x), 3)
    for part, known in zip(parts, np.array_split(x, 3), strict=True):
        np.testing.assert_array_equal(part.value, known)


@pytest.mark.parametrize("join", [stack, concatenate])
@pytest.mark.parametrize("axis", [{}, {"axis": 1}])
def test_arrays_are_joined_along_the_first_axis_unless_another_is_named(join: Any, axis: Any) -> None:
    a, b, known = normal(2, 3), normal(2, 3), getattr(np, join.__name__)
    tape = tg.Tape()
    leaves = [tape.var(a), tape.var(b)]
    joined = join(*leaves, **axis)
    np.testing.assert_array_equal(joined.value, known([a, b], **axis))
    weights = normal(*joined.shape)
    for found, place in zip(tape.grad(joined, leaves, weights), np.eye(2), strict=True):
        ones = [np.full((2, 3), k) for k in place]
        np.testing.assert_array_equal(found.ravel(), weights[known(ones, **axis) == 1])


def test_arrays_have_as_many_axes_as_there_are_letters_and_no_more() -> None:
    """NumPy allows 64 axes, einsum's alphabet has 52 letters."""
    most, more = normal(*(1,) * 51, 2), normal(*(1,) * 52, 2)
    found = tg.grad(lambda x: np.sum(np.einsum("...->...", x * x)))(most)
    np.testing.assert_allclose(found, 2 * most, rtol=1e-15)
    with pytest.raises(tg.TapeError, match="don't fit"):
        np.einsum("...->...", tg.Tape().var(more))
    a, b = normal(*(1,) * 49, 2), normal(2, 1)
    found = tg.grad(lambda x: np.sum(np.tensordot(x, b, axes=1)))(a)
    np.testing.assert_allclose(found, np.broadcast_to(b[:, 0], a.shape), rtol=1e-15)
    with pytest.raises(tg.TapeError, match="don't pair"):
        np.tensordot(tg.Tape().var(most), b, axes=1)
