"""`watch` names the first bad number: where it stands, what made it, in which step, at which line, which way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg


def unrolled(tape: tg.Tape, factor: float, **options: Any) -> Any:
    w, h = tape.var(np.array([factor, 1.0]), "w"), tape.var(np.array([1.0, 1.0]), "h0")
    for t in range(1, 5):
        with tg.step(t):
            h = tg.watch(w * h * h, "h", **options)
    return np.sum(h)


def test_it_is_the_identity_for_values_and_gradients_of_any_order() -> None:
    x = np.array([0.3, -1.2])

    def cubed(v: Any) -> Any:
        return np.sum(tg.watch(v) ** 3)

    np.testing.assert_array_equal(tg.grad(cubed)(x), 3 * x**2)
    np.testing.assert_allclose(tg.hessian(cubed)(x), np.diag(6 * x), rtol=1e-15)
    np.testing.assert_array_equal(tg.watch(x), x)


def test_forward_it_stops_in_the_step_where_the_number_is_made() -> None:
    with pytest.raises(tg.TapeError) as said, tg.Tape() as tape, np.errstate(over="ignore"):
        unrolled(tape, 1e60)  # h: 1e60, 1e180, then beyond the largest float
    text = str(said.value)
    assert "step t = 3" in text and "inf at [0] of" in text and "h (line" in text
    assert "made by multiply" in text and "test_watching.py:" in text and "1 of 2" in text
    assert "\n" not in text


def test_backward_it_says_so() -> None:
    with tg.Tape() as tape, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        x = tape.var(np.array([4.0, 0.0]), "x")
        out = np.sum(np.log(tg.watch(x * 1.0, "rate") + 1e-320) * np.array([1.0, 1e300]))
        with pytest.raises(tg.TapeError, match=r"inf at \[1\] of the gradient of rate \(line 1 of the tape"):
            tape.grad(out, [x])


def test_it_can_print_and_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with tg.Tape() as tape, np.errstate(over="ignore"):
        unrolled(tape, 1e60, say=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "step t = 3" in lines[0] and "step t = 4" in lines[1]


def test_plain_arrays_are_watched_too() -> None:
    with pytest.raises(tg.TapeError, match=r"nan at \[1\] of an array at .*test_watching\.py:"):
        tg.watch(np.array([0.0, np.nan]))
