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


@pytest.mark.parametrize(("given", "named"), [((0.0, None), {"min": 0.0}), ((None, 1.0), {"min": 0.0}),
                                              ((0.0, None), {"max": 1.0}), ((0.0, 1.0), {"max": 1.0})])  # fmt: skip
def test_bounds_are_given_in_one_of_two_ways(given: Any, named: Any) -> None:
    x = normal(4)
    for array in (x, tg.Tape().var(x)):
        with pytest.raises(ValueError, match="min"):
            np.clip(array, *given, **named)


def test_either_bound_may_be_given_by_name() -> None:
    x, tape = normal(2, 4), tg.Tape()
    for named in ({"min": 0.0}, {"max": 0.3}, {"min": -0.5, "max": 0.3}):
        np.testing.assert_array_equal(np.clip(tape.var(x), **named).value, np.clip(x, **named))


def test_nothing_is_split_into_no_parts() -> None:
    with pytest.raises(tg.TapeError, match="into 0 equal parts"):
        np.split(tg.Tape().var(normal(4)), 0)


def test_numbers_are_rounded_to_whole_ones_unless_more_is_asked() -> None:
    x = 10 * normal(5)
    np.testing.assert_array_equal(np.around(tg.Tape().var(x)).value, np.around(x))


def test_odd_reflections_of_three_dimensions_are_numpys() -> None:
    x, width = normal(2, 3, 4), ((1, 0), (0, 2), (2, 1))
    weights = normal(3, 5, 7)

    def padded(z: Any) -> Any:
        return np.pad(z, width, mode="reflect", reflect_type="odd")

    tape = tg.Tape()
    leaf = tape.var(x)
    out = padded(leaf)
    np.testing.assert_allclose(out.value, padded(x), rtol=1e-13, atol=1e-13)
    known = [np.sum(weights * padded(unit.reshape(x.shape))) for unit in np.eye(x.size)]  # it is linear
    np.testing.assert_allclose(tape.grad(out, leaf, weights).ravel(), known, rtol=1e-12, atol=1e-13)


def test_truth_values_are_places_to_take_from() -> None:
    x, tape = normal(2, 3), tg.Tape()
    v = tape.var(x)
    for places in ([True, False], np.array([False, True]), [], np.array([1, 1])):
        np.testing.assert_array_equal(np.take(v, places, axis=0).value, np.take(x, np.asarray(places, int), axis=0))
    truth = tape.data(np.array([True, False, True]))
    np.testing.assert_array_equal(np.take(v, truth).value, x.ravel()[[1, 0, 1]])
    row = tape.data(np.array([2, 0]))
    np.testing.assert_array_equal(np.take(v, row, axis=1).value, x[:, [2, 0]])
    assert row.index in tape[len(tape) - 1].parents  # so that it may be fed anew


def test_only_data_is_looked_at_again_and_only_where_checked() -> None:
    for checked, known in ((True, ["data"]), (False, [])):
        tape = tg.Tape(checked=checked)
        np.tanh(tape.var(normal(3)) * tape.data(normal(3)))
        assert [tape[i].fn for i in tape.checksums] == known


def test_differences_may_have_a_number_before_or_after_them_on_any_axis() -> None:
    x, tape = normal(2, 3, 4), tg.Tape()
    for ends in ({"axis": 0, "prepend": 0.5}, {"axis": 1, "append": 0.5}, {"prepend": 0.5, "append": -1.0}):
        np.testing.assert_array_equal(np.diff(tape.var(x), **ends).value, np.diff(x, **ends))
    with pytest.raises(tg.TapeError, match="order must be 0 or more"):
        np.diff(tape.var(x), n=-1)


def test_what_is_no_number_becomes_nought_unless_another_is_named() -> None:
    x = np.array([np.nan, 1.5, -2.0])
    np.testing.assert_array_equal(np.nan_to_num(tg.Tape().var(x)).value, [0.0, 1.5, -2.0])


@pytest.mark.parametrize(("base", "exponent", "first", "mixed"), [
    (0.0, 0.0, 0.0, 0.0), (-1.5, 0.0, 0.0, -1 / 1.5), (2.0, 0.0, 0.0, 0.5), (0.0, -1.0, -np.inf, None),
])  # fmt: skip
def test_a_power_with_an_exponent_of_nought_or_less(base: float, exponent: float, first: float, mixed: Any) -> None:
    """The derivative n a^(n−1), and its derivative by n: a^(n−1) where n is 0, but 0 where a is 0, too."""
    a, n = np.array([base]), np.array([exponent])
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(tg.grad(lambda z: np.sum(z**n))(a), [first])
        if mixed is not None:
            found = tg.grad(lambda m: np.sum(tg.grad(lambda z: np.sum(z**m))(a)))(n)
            np.testing.assert_allclose(found, [mixed], rtol=1e-15)


def test_norms_of_negative_order_are_numpys() -> None:
    x = normal(4)
    for order in (-1, -2, -1.5):
        found = np.linalg.norm(tg.Tape().var(x), ord=order).value
        np.testing.assert_allclose(found, np.linalg.norm(x, ord=order), rtol=1e-14)
    with np.errstate(divide="ignore"):
        assert np.linalg.norm(tg.Tape().var(x[:0]), ord=-1).value == np.linalg.norm(x[:0], ord=-1)


@pytest.mark.parametrize(("shape", "axis"), [((1, 3), 1), ((3,), None), ((2,), 1)])
def test_weights_of_an_average_that_fit_no_axis_are_refused(shape: tuple[int, ...], axis: int | None) -> None:
    with pytest.raises(tg.TapeError, match="don't fit"):
        np.average(tg.Tape().var(normal(2, 3)), axis=axis, weights=np.ones(shape))


def test_vectors_run_along_the_last_axis_unless_another_is_named() -> None:
    a, b, tape = normal(2, 3, 4), normal(2, 3, 4), tg.Tape()
    np.testing.assert_allclose(np.vecdot(tape.var(a), tape.var(b)).value, np.vecdot(a, b), rtol=1e-14)
    with pytest.raises(tg.TapeError, match="vectors of 4 and of 5 numbers"):
        np.vecdot(tape.var(a), normal(2, 3, 5))
