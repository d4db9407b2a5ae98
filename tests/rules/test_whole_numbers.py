"""A constant operand of whole numbers, small ones or truth values is what the same floats are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.rules.forms import FORMS, Form, names

NUMBERS: dict[Any, list[int]] = {  # their squares and sums leave the dtype
    np.int8: [3, 100, 0, 2, 7, 90], np.uint8: [3, 200, 0, 2, 7, 250], np.int32: [3, 50000, 1, 2, 7, 2_000_000_000],
    np.bool_: [1, 1, 0, 1, 0, 1],
}  # fmt: skip
NONZERO = {"divide", "remainder", "floor_divide"}
CASES = [(name, form) for name, form in zip(names(), FORMS, strict=True) if len(form.arguments) > 1]


def swept(form: Form, operands: list[Any], k: int) -> list[Any]:
    """The value, the gradients of a plain sweep and of a tracked one, and second derivatives along one direction."""
    tape = tg.Tape()
    leaves = [a if j == k else tape.var(a) for j, a in enumerate(operands)]
    out = form.call(*leaves)
    seed, indices = {out.index: np.cos(np.arange(float(out.size))).reshape(out.shape)}, list(range(len(leaves) - 1))
    tracked = tape.sweep(seed, indices, track=True)
    again = sum(np.sum(g * g) for g in tracked)
    first, second = tape.sweep(seed, indices), tape.sweep({again.index: 1.0}, indices)
    return [out.value, *first, *(g.value for g in tracked), *second]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # 2e9 to the power of 2e9
@pytest.mark.parametrize("form", [form for _, form in CASES], ids=[name for name, _ in CASES])
def test_constants_of_whole_numbers_have_the_gradients_of_the_same_floats(form: Form) -> None:
    for k, argument in enumerate(form.arguments):
        for kind, numbers in NUMBERS.items():
            whole = np.resize(np.array(numbers, kind), np.shape(argument))
            whole = whole | (whole == 0) if form.function in NONZERO else whole
            operands = [whole if j == k else np.asarray(a, float) for j, a in enumerate(form.arguments)]
            if form.function == "softmax_cross_entropy" and k == 1:
                continue  # there whole numbers are classes
            try:
                known = swept(form, [a.astype(float) for a in operands], k)
            except (tg.TapeError, np.linalg.LinAlgError):
                continue  # singular, or a method of the constant, of floats, too
            for found, expected in zip(swept(form, operands, k), known, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=f"argument {k} of {kind.__name__}")
