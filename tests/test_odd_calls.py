"""Calls that stand in no textbook and that everybody writes at some time: NumPy's integers as axes, buffers, divmod."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step

RNG = np.random.default_rng(77)
X, V = RNG.uniform(0.5, 2.0, size=(2, 3, 4)), np.array([0.7, 1.6, 25.0])


class Elsewhere:
    """An array of another library."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, 2.0, 3.0])


def remainder(a: Any, b: Any) -> Any:
    return a - b * np.floor(np.real(a) / np.real(b))


THREE = np.array([1.0, 2.0, 3.0])
CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "prod over NumPy's integer": (lambda x: np.prod(x, axis=np.int64(1)), X),
    "prod over NumPy's integers": (lambda x: np.prod(x, axis=(np.int64(-1), np.int8(0))), X),
    "cumsum over NumPy's integer": (lambda x: np.cumsum(x, axis=np.int64(1)), X),
    "cumprod over NumPy's integer": (lambda x: np.cumprod(x, axis=np.int16(-1)), X),
    "sum over NumPy's integer": (lambda x: np.sum(x, axis=np.int64(1)), X),
    "a norm of NumPy's order": (lambda x: np.linalg.norm(x, np.int64(1), axis=np.int64(1)), X),
    "a norm of NumPy's order, no whole one": (lambda x: np.linalg.norm(x, np.float32(2.5), axis=2), X),
    "flip over NumPy's integer": (lambda x: np.flip(x, axis=np.int64(1)), X),
    "roll over NumPy's integer": (lambda x: np.roll(x, np.int64(1), axis=np.int64(1)), X),
    "transpose by an array": (lambda x: np.transpose(x, np.array([2, 0, 1])), X),
    "reshape by an array": (lambda x: np.reshape(x, np.array([4, 6])), X),
    "a plus sign": (lambda x: +x, X),
    "divmod": (lambda x: divmod(x, 0.1 * THREE)[1], V), "divmod from the left": (lambda x: divmod(7.0, x)[1], V),
    "around": (lambda x: x + np.around(x) + x.round(), V),
    "a range": (lambda x: x * range(1, 4), V), "a range from the left": (lambda x: range(1, 4) * x, V),
    "a range to be matched": (lambda x: x @ range(1, 4), V),
    "a buffer": (lambda x: np.hypot(array("d", [1.0, 2.0, 3.0]), x), V),
    "a view of memory": (lambda x: x ** memoryview(np.array([2.0, 1.0, 0.0])), V),
    "another library's array": (lambda x: np.maximum(x, Elsewhere()), V),
    "a whole number beyond 64 bits": (lambda x: np.fmin(x, 2**70), V),
    "exponents that are truth values": (lambda x: x ** np.array([True, False, False]), V),
    "an exponent that is a truth value": (lambda x: x ** np.True_, V),
    "unsigned exponents, 0 among them": (lambda x: x ** np.array([2, 1, 0], np.uint8), V),
    "bytes as exponents": (lambda x: x ** np.array([2, -1, 0], np.int8), V),
}  # fmt: skip
ANALYTIC: dict[str, Callable[[Any], Any]] = {  # where NumPy's own takes no complex numbers
    "divmod": lambda x: remainder(x, 0.1 * THREE), "divmod from the left": lambda x: remainder(7.0, x),
    "around": lambda x: x, "a norm of NumPy's order": lambda x: np.sum(x, axis=1),
    "a norm of NumPy's order, no whole one": lambda x: np.sum(x**2.5, axis=2) ** 0.4,
    "a buffer": lambda x: np.sqrt(x * x + THREE**2),
    "another library's array": lambda x: np.where(x.real > THREE, x, THREE),
    "a whole number beyond 64 bits": lambda x: x,
}  # fmt: skip


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_an_odd_call_has_numpys_value_and_its_gradient_by_either_sweep(name: str, checked: bool) -> None:
    call, x = CALLS[name]
    plain = np.asarray(call(x))
    tape = tg.Tape(checked=checked)
    leaf = tape.var(x)
    out = call(leaf)
    assert (out.shape, out.dtype) == (plain.shape, plain.dtype)
    np.testing.assert_array_equal(out.value, plain)
    weights = RNG.normal(size=out.shape)
    known = np.tensordot(weights, complex_step(ANALYTIC.get(name, call), x), axes=np.ndim(weights))
    found = tape.grad(out, leaf, weights)
    np.testing.assert_allclose(found, known, rtol=1e-12)
    np.testing.assert_allclose(tape.grad(out, leaf, weights, track=True).value, found, rtol=1e-15)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int8])
def test_the_gradient_of_an_exponent_is_as_precise_as_the_power(kind: Any) -> None:
    """The logarithm of a base of few digits is taken with the digits of the result."""
    base, n = np.array([1.5, 2.0, 3.0]).astype(kind), np.array([2.0, 0.5, 1.5])
    found = tg.grad(lambda n: np.sum(base**n))(n)
    np.testing.assert_allclose(found, base.astype(float) ** n * np.log(base.astype(float)), rtol=1e-15)


def test_the_jacobian_of_nothing_keeps_its_dtype() -> None:
    assert tg.jacobian(lambda x: x[:0])(np.ones(3, np.float32)).dtype == np.float32


def test_a_loss_is_printed_as_the_number_that_it_is() -> None:
    loss = tg.Tape().var(3.14159, "loss")
    assert f"{loss:.2f}" == "3.14" and f"{loss:8.3e}" == "3.142e+00" and f"{loss}" == repr(loss)


def test_where_the_largest_stands_is_asked_as_of_an_array() -> None:
    x = tg.Tape().var(X)
    np.testing.assert_array_equal(x.argmax(-1), X.argmax(-1))
    np.testing.assert_array_equal(x.argmin(axis=0), X.argmin(axis=0))
    assert x.argmax() == X.argmax()


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "moveaxis to one place twice": (lambda x: np.moveaxis(x, (0, 1), (1, 1)), "none twice"),
    "moveaxis from one place twice": (lambda x: np.moveaxis(x, (0, 0), (0, 1)), "none twice"),
    "a fraction": (lambda x: x * Fraction(1, 3), "Fraction can't be recorded"),
    "a decimal": (lambda x: np.maximum(x, Decimal(2)), "Decimal can't be recorded"),
    "an order of a method": (lambda x: x.reshape((4, 6), order="F"), "reshape(x, shape)"),
    "a format of many": (lambda x: f"{x:.2f}", "use .value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_in_one_line(name: str) -> None:
    call, told = REFUSED[name]
    with pytest.raises(tg.TapeError) as said:
        call(tg.Tape().var(X))
    assert told in str(said.value) and "\n" not in str(said.value)


def test_adding_to_an_array_in_place_is_refused_and_the_other_way_named() -> None:
    total, x = np.zeros(3), tg.Tape().var(V)
    with pytest.raises(tg.TapeError, match=r"write a = a \+ b for a \+= b"):
        total += x
    np.testing.assert_array_equal(total, np.zeros(3))


@pytest.mark.parametrize(("name", "told"), [("sort", r"np\.sort, or \.value\.sort"), ("item", r"use \.value\.item"),
                                            ("astype", r"use \.value\.astype")])  # fmt: skip
def test_what_an_array_has_and_a_var_lacks_is_named_with_the_remedy(name: str, told: str) -> None:
    x = tg.Tape().var(V)
    assert not hasattr(x, name)
    with pytest.raises(AttributeError, match=told):
        getattr(x, name)


# ---- what NumPy refuses, or reads otherwise than one would think -------------------------------------------------

SQUARE = np.eye(3) + RNG.uniform(size=(3, 3))
FALSE_FRIENDS: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "a norm of three dimensions": (lambda x: np.linalg.norm(x, 2), X, "one axis of vectors, two of matrices"),
    "a norm over three axes": (lambda x: np.linalg.norm(x, axis=(0, 1, 2)), X, "one axis of vectors"),
    "a norm over no axis": (lambda x: np.linalg.norm(x, axis=()), X, "one axis of vectors"),
    "an axis of a number": (lambda x: np.linalg.norm(x, 2, axis=0), np.array(2.0), "out of bounds"),
    "an ellipsis that the output lacks": (lambda x: np.einsum("...j->j", x), X, "write ... there"),
    "an axis matched twice": (lambda x: np.tensordot(x, x, ([0, 0], [0, 0])), SQUARE, "don't pair"),
    "an axis matched twice, from the end": (lambda x: np.tensordot(x, x, ([0, -2], [0, 1])), SQUARE, "don't pair"),
    "more axes than there are": (lambda x: np.tensordot(x, x, 2), V, "out of bounds"),
    "vectors of two lengths": (lambda x: np.vecdot(x, x[..., :1]), V, "vectors of 3 and of 1 numbers"),
    "an axis that one of two lacks": (lambda x: np.vecdot(x, x[0], axis=-2), SQUARE, "out of bounds"),
    "a flip over one axis twice": (lambda x: np.flip(x, (0, -3)), X, "name one twice"),
    "bounds by two names": (lambda x: np.clip(x, 0.8, 1.2, min=1.0), V, "not both"),
    "a pad of less than nothing": (lambda x: np.pad(x, -1), V, "pad: index can't contain negative"),
    "a split into nothing": (lambda x: np.split(x, 0), V, "can't be divided into 0 equal parts"),
    "an array split into nothing": (lambda x: np.array_split(x, 0), V, "array_split: number sections"),
    "more counts than places": (lambda x: np.repeat(x, [1, 2]), V, "repeat: operands could not be broadcast"),
    "a diagonal of three dimensions": (lambda x: np.diag(x), X, "diag: Input must be 1- or 2-d"),
}


@pytest.mark.parametrize("name", FALSE_FRIENDS)
def test_what_numpy_refuses_is_refused_in_one_line_that_names_the_function(name: str) -> None:
    call, x, told = FALSE_FRIENDS[name]
    with pytest.raises((ValueError, TypeError, ZeroDivisionError, IndexError)):
        call(x)
    with tg.Tape() as tape, tg.step(3), pytest.raises(tg.TapeError) as said:
        call(tape.var(x))
    assert str(said.value).startswith("step t = 3: ") and told in str(said.value) and "\n" not in str(said.value)


@pytest.mark.parametrize("indices", [True, [True, False, True], [], [[1, 0]], np.array([2], np.uint8)])
@pytest.mark.parametrize("axis", [None, 1])
def test_take_reads_truth_values_as_numbers_and_an_empty_list_as_nothing(indices: Any, axis: Any) -> None:
    tape = tg.Tape()
    x = tape.var(X)
    out, plain = np.take(x, indices, axis=axis), np.take(X, indices, axis=axis)
    np.testing.assert_array_equal(out.value, plain)
    weights = RNG.normal(size=plain.shape)
    known = complex_step(lambda z: np.sum(weights * np.take(z, indices, axis=axis)), X)
    np.testing.assert_allclose(tape.grad(out, x, weights), known, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_norm_of_negative_order_of_nothing_is_numpys() -> None:
    assert np.linalg.norm(tg.Tape().var(np.zeros(0)), -2).value == np.linalg.norm(np.zeros(0), -2) == np.inf


@pytest.mark.parametrize("kind", [bool, np.uint64, np.int8, np.uint8, np.int32])
def test_class_numbers_of_every_kind_are_numbers(kind: Any) -> None:
    """Two classes told by truth values were read as a mask, which chose others; in the plain sweep they were right."""
    logits, classes = RNG.normal(size=(3, 2)), np.array([1, 0, 1])
    tape = tg.Tape(checked=True)
    z = tape.var(logits)
    loss = tg.softmax_cross_entropy(z, classes.astype(kind))
    weights = np.array([1.0, -2.0, 0.5])

    def plain(z: Any) -> Any:
        return np.sum(weights * (np.log(np.exp(z).sum(axis=1)) - z[np.arange(3), classes]))

    np.testing.assert_allclose(np.sum(weights * loss.value), plain(logits), rtol=1e-12, atol=1e-14)
    for found in (tape.grad(loss, z, weights), tape.grad(loss, z, weights, track=True).value):
        np.testing.assert_allclose(found, complex_step(plain, logits), rtol=1e-12, atol=1e-14)


def test_rows_are_taken_by_data_on_the_tape() -> None:
    """An embedding: the words are data of the tape."""
    tape = tg.Tape()
    table, words = tape.var(RNG.normal(size=(4, 3)), "E"), tape.data([2, 0, 2], "words")
    for out in (np.take(table, words, axis=0), table[words], table.take(words, 0)):
        np.testing.assert_array_equal(out.value, table.value[[2, 0, 2]])
        np.testing.assert_array_equal(tape.grad(out.sum(), table)[:, 0], [1.0, 0.0, 2.0, 0.0])


def test_a_comparison_that_has_no_meaning_is_refused_in_one_line() -> None:
    with tg.Tape() as tape, tg.step(2), pytest.raises(tg.TapeError, match="^step t = 2: .*'equal'"):
        assert tape.var(V) == "a"


def test_a_var_in_an_array_of_another_kind_is_refused_where_numpy_rounds_it() -> None:
    tape = tg.Tape()
    with pytest.raises(tg.TapeError, match="would make int64 of float64; use np.broadcast_to"):
        np.full_like(tape.data(np.arange(3)), tape.var(1.5))
