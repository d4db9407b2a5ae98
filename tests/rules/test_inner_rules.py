"""Rules that only other rules call, hence only second derivatives: each against the complex step on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step
from tinygrad_rnn.ops import fill, one_hot
from tinygrad_rnn.rules.cumulative import recurrence
from tinygrad_rnn.rules.elementwise import present, rest, share
from tinygrad_rnn.rules.index import order, put_along_axis, scatter
from tinygrad_rnn.rules.reduce import winners

RNG = np.random.default_rng(33)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


ROWS = np.array([[2, 0, 1], [0, 0, 2]])
INNER: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "recurrence": (recurrence, (normal(2, 5), normal(2, 5))),
    "recurrence of one": (recurrence, (normal(1), normal(1))),
    "scatter": (lambda g: scatter(g, (3, 4), slice(None), 1), (normal(3),)),
    "scatter, repeated": (lambda g: scatter(g, (3,), np.array([0, 0, 2, -1])), (normal(4),)),
    "scatter, an ellipsis and a new axis": (lambda g: scatter(g, (2, 3), ..., None), (normal(2, 3, 1),)),
    "put_along_axis": (lambda g: put_along_axis(g, ROWS, (2, 4), 1), (normal(2, 3),)),
    "put_along_axis, rows": (lambda g: put_along_axis(g, ROWS, (3, 3), 0), (normal(2, 3),)),
    "fill": (lambda x: fill(x, (2, 4, 3)), (normal(3),)),
    "rest": (rest, (normal(2, 3),)),
    "fill of a number": (lambda x: fill(x, (2, 2)), (normal(),)),
}


@pytest.mark.parametrize("name", INNER)
def test_an_inner_rule_is_the_complex_steps_derivative(name: str) -> None:
    call, arrays = INNER[name]
    tape = tg.Tape(checked=True)
    leaves = [tape.var(a) for a in arrays]
    out = call(*leaves)
    weights = normal(*out.shape)
    indices = [v.index for v in leaves]
    found = tape.sweep({out.index: weights}, indices)
    tracked = tape.sweep({out.index: weights}, indices, track=True)
    plain = [a.astype(complex) for a in arrays]
    for k, g in enumerate(found):
        jacobian = complex_step(lambda z, k=k: call(*plain[:k], z, *plain[k + 1 :]), arrays[k])
        np.testing.assert_allclose(g, np.tensordot(weights, jacobian, weights.ndim), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(tracked[k].value, g, rtol=1e-14, atol=1e-15)


def test_what_only_chooses_passes_no_gradient() -> None:
    """Their values are steps: each is recorded, so that it is computed anew for other inputs."""
    tape = tg.Tape()
    x, y = tape.var(normal(2, 3)), tape.var(normal(2, 3))
    chosen = [share(x, y), present(x, y), winners(x, np.max(x, axis=1), 1, False), one_hot(tape.data([0, 1]), x)]
    chosen.append(order(x, 1) * 1.0)
    loss = sum(np.sum(c) for c in chosen)
    assert all(isinstance(c, tg.Var) for c in chosen)
    with pytest.warns(tg.UnusedWarning):
        assert not any(g.any() for g in tape.grad(loss, [x, y]))


def test_where_something_stands_is_shared_among_equals() -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(winners(x, x.max(axis=1), 1, False), [[0, 0.5, 0.5], [1 / 3] * 3])
    np.testing.assert_array_equal(share(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])), [0, 0.5, 1])
    np.testing.assert_array_equal(present(np.array([1.0, np.nan]), np.array([np.nan, np.nan])), [1, 0])
    np.testing.assert_array_equal(order(np.array([2.0, 1.0, 2.0, 1.0]), 0), [1, 3, 0, 2])


def test_a_primitive_of_arrays_stays_plain_and_takes_a_var_by_name() -> None:
    assert not isinstance(share(np.ones(2), np.ones(2)), tg.Var)
    tape = tg.Tape()
    a, b = tape.var([1.0, 2.0]), tape.var([3.0, 2.0])
    for out in (share(a=a, b=b), share(np.ones(2), b=b), share(a, b=np.ones(2))):
        assert isinstance(out, tg.Var) and len(tape[out.index].parents) == 2
