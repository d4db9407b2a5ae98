"""A checked tape says itself where a NaN or infinity is made: NumPy does not warn besides, whatever it was told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg


def overflown(x: Any) -> Any:
    return np.exp(x * 1e3)


def bounded(x: Any) -> Any:
    """Finite in the end; on the way there are infinite constants, overflow to them, and underflow."""
    return np.sum(np.exp(-(x * 1e3)) * 1e-300) + np.sum(np.minimum(x, np.array([np.inf, 1.0, 2.0])))


@pytest.mark.parametrize("told", ["warn", "raise"])
def test_one_error_in_the_tapes_words_and_no_warning_of_numpy(told: Any) -> None:
    with np.errstate(all=told), tg.Tape(checked=True) as tape:
        x = tape.var(np.array([1.0, 2.0, 3.0]), "x")
        with pytest.raises(tg.TapeError, match=r"exp made infinity of finite numbers at .*test_checked_numbers\.py:15"):
            overflown(x)
        with pytest.raises(tg.TapeError, match="log made NaN of finite numbers"):
            np.log(-x)
        assert np.isfinite(bounded(x).value)


def test_what_the_user_told_numpy_still_holds_for_the_users_own_arrays() -> None:
    with np.errstate(all="raise"), tg.Tape(checked=True) as tape:
        bounded(tape.var(np.array([1.0, 2.0, 3.0])))
        with pytest.raises(FloatingPointError):
            overflown(np.ones(3))
        assert np.geterr()["over"] == "raise"


def test_bad_numbers_among_the_operands_pass_in_silence() -> None:
    with np.errstate(all="raise"), tg.Tape(checked=True) as tape:
        x = tape.var(np.array([1.0, np.inf, np.nan]), "x")
        np.testing.assert_array_equal((x - x).value, [0.0, np.nan, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_whose_squares_overflow_are_finite(dtype: Any) -> None:
    with tg.Tape(checked=True) as tape:
        x = tape.var(np.full((2, 3), np.finfo(dtype).max / 2), "x")
        assert np.isfinite((x * 1.5).value).all()
        with pytest.raises(tg.TapeError, match="multiply made infinity"):
            _ = x * 3.0


def test_eight_threads_record_checked_at_once() -> None:
    def work(k: int) -> Any:
        with np.errstate(all="raise"), tg.Tape(checked=True) as tape:
            x = tape.var(np.linspace(0.1, 1.0, 6) + k, "x")
            for _ in range(100):
                x = np.tanh(x * 2.0) + 1e-200 * np.exp(-x * 700.0)
            return tape.grad(np.sum(x), x)

    with ThreadPoolExecutor(8) as pool:
        for k, found in enumerate(pool.map(work, range(8))):
            np.testing.assert_array_equal(found, work(k))
