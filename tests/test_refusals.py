"""What can't be is refused on one line: what, where, and the remedy; Python's own errors do not show through."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg

V, M = np.array([0.5, 1.5, 2.5]), np.array([[0.5, 1.0, 2.0], [1.0, 0.3, 0.7]])

REFUSED: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "a whole number beyond the floats": (lambda x: x * 10**400, V, "multiply(v0 [3], 1000000"),
    "a negative number of repeats": (lambda x: np.repeat(x, -1), V, "repeat: negative dimensions"),
    "a triangle of a number": (np.tril, 1.0, "tril: tuple index out of range"),
    "a dtype to join in": (lambda x: np.concatenate([x], dtype=float), V, "concatenate(arrays, axis=0), not with 1 by"),
    "a dtype to stack in": (lambda x: np.stack([x], dtype=float), V, "stack is recorded as stack(arrays, axis=0)"),
    "an array to round into": (lambda x: np.round(x, out=np.zeros(3)), V, "round(out=…) can't be recorded"),
    "what fills an array": (lambda x: np.full_like(np.zeros(3), x), 1.0, "copyto; it writes into an array; build that"),
    "what puts into an array": (lambda x: np.put(np.zeros(3), [0, 2], x), V, "np.stack or np.broadcast_to"),
    "Python's own functions": (math.exp, 1.0, "np.exp for math.exp"),
    "a branch": (lambda x: 1.0 if x > 0 and x else 0.0, 1.0, "a branch on a Var is not recorded; use np.where"),
    "classes as rows of whole numbers": (
        lambda z: tg.softmax_cross_entropy(z, np.eye(2, 3, dtype=int)), M, "make rows of weights floats (astype(float))"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_one_line_that_says_where_in_time_and_what_to_do(name: str) -> None:
    call, x, told = REFUSED[name]
    with tg.Tape() as tape, tg.step(4), pytest.raises(tg.TapeError) as said:
        call(tape.var(x))
    text = str(said.value)
    assert text.startswith("step t = 4: ") and told in text and "\n" not in text and len(text) < 200


def test_numbers_put_into_an_array_one_by_one_are_told_how_to_be_joined() -> None:
    x, out = tg.Tape().var(1.0), np.zeros(3)
    with pytest.raises(ValueError) as said:
        out[0] = x
    assert "np.stack for an array of Vars" in str(said.value.__cause__)


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.softmax_cross_entropy])
def test_targets_by_name_are_recorded_as_targets_by_position(loss: Any) -> None:
    z, targets = np.array([[0.3, -1.2], [0.7, 2.0]]), np.array([[0.25, 0.75], [1.0, 0.0]])
    known = tg.grad(lambda z: np.sum(loss(z, targets)))(z)
    np.testing.assert_array_equal(tg.grad(lambda z: np.sum(loss(z, targets=targets)))(z), known)
    np.testing.assert_array_equal(tg.grad(lambda z: np.sum(loss(targets=targets, logits=z)))(z), known)
    tape = tg.Tape(checked=True)
    logits = tape.var(z)
    out = np.sum(loss(logits, targets=targets))
    targets[0, 0] = 9.0
    with pytest.raises(tg.TapeError, match="was changed afterwards"):
        tape.grad(out, logits)


def test_seeds_are_real_arrays_and_vars_only_where_the_sweep_is_recorded() -> None:
    tape = tg.Tape()
    w, s = tape.var(V), tape.var(np.ones(3))
    with pytest.raises(tg.TapeError, match=r"pass its \.value, or record the sweep with track=True"):
        tape.grad(w * w, w, seed=s)
    with pytest.raises(tg.TapeError, match="the seed is complex"):
        tape.grad(w * w, w, seed=1j * np.ones(3))
    before = len(tape)
    np.testing.assert_array_equal(tape.grad(w * w, w, seed=s, track=True).value, 2 * V)
    assert len(tape) > before


def test_lines_are_asked_for_by_number() -> None:
    tape = tg.Tape()
    tape.var(V, "x")
    assert tape[0].name == tape[np.int64(-1)].name == "x" and len(list(tape)) == 1
    with pytest.raises(tg.TapeError, match="'slice' object"):
        tape[0:1]  # type: ignore[index]


def test_a_mask_is_not_lost() -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for leaf in (tg.Tape().var, tg.Tape().data):
        with pytest.raises(tg.TapeError, match="would lose its mask"):
            leaf(masked)


def test_a_singular_matrix_is_caught_as_numpy_users_do() -> None:
    singular = tg.Tape().var(np.ones((2, 2)))
    with pytest.raises(np.linalg.LinAlgError, match=r"inv\(v0 \[2, 2\]\): Singular matrix") as said:
        np.linalg.inv(singular)
    assert isinstance(said.value, tg.TapeError)
