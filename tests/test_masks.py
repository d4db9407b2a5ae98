"""Logits of −∞ as models use them: masked attention, forward algorithms in log space; against sums over everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step

RNG = np.random.default_rng(41)
T, STATES = 5, 3
MOVES = np.array([[True, True, False], [False, True, True], [False, False, True]])  # left to right, as in a CTC
START = np.array([True, False, False])
LOG_A, LOG_B = RNG.normal(size=(STATES, STATES)), RNG.normal(size=(T, STATES))
SUMS: dict[str, Callable[[Any], Any]] = {
    "logsumexp": lambda scores: tg.logsumexp(scores, axis=0),
    "logaddexp": lambda scores: reduce(np.logaddexp, list(scores)),
}


def forward_algorithm(add: Callable[[Any], Any], log_a: Any, log_b: Any) -> Any:
    """Log of the sum over all paths that end in the last state, by one recursion over time."""
    alpha = np.where(START, log_b[0], -np.inf)
    moves = np.where(MOVES, log_a, -np.inf)
    for t in range(1, T):
        with tg.step(t):
            alpha = add(alpha[:, None] + moves) + log_b[t]
    return alpha[-1]


def sum_over_paths(log_a: Any, log_b: Any) -> Any:
    """The same with no logarithm before the last one, path by path."""
    total = 0.0
    for path in product(range(STATES), repeat=T):
        steps = list(zip(path, path[1:], strict=False))
        if START[path[0]] and path[-1] == STATES - 1 and all(MOVES[i, j] for i, j in steps):
            total = total + np.exp(sum(log_a[i, j] for i, j in steps) + sum(log_b[t, s] for t, s in enumerate(path)))
    return np.log(total)


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("name", SUMS)
def test_the_forward_algorithm_in_log_space_is_the_sum_over_all_paths(name: str, checked: bool) -> None:
    """After two steps the last states are out of reach: −∞ beside −∞, in value and in both gradients."""
    with tg.Tape(checked=checked) as tape:
        a, b = tape.var(LOG_A), tape.var(LOG_B)
        loss = forward_algorithm(SUMS[name], a, b)
        found = tape.grad(loss, [a, b])
    known = sum_over_paths(LOG_A, LOG_B)
    np.testing.assert_allclose(loss.value, known, rtol=1e-14)
    for k, gradient in enumerate(found):
        one = (lambda z: sum_over_paths(LOG_A, z)) if k else lambda z: sum_over_paths(z, LOG_B)
        witness = complex_step(one, (LOG_A, LOG_B)[k])
        np.testing.assert_allclose(gradient, witness, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", SUMS)
def test_its_second_derivatives_are_those_of_the_sum_over_all_paths(name: str) -> None:
    """The witness is the complex step through the gradient of the sum, which meets no −∞."""
    direction = RNG.normal(size=LOG_B.shape)
    found = tg.hvp(lambda b: forward_algorithm(SUMS[name], LOG_A, b))(LOG_B, direction)
    known = tg.hvp(lambda b: sum_over_paths(LOG_A, b))(LOG_B, direction)
    np.testing.assert_allclose(found, known, rtol=1e-11, atol=1e-13)


def attention(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """Causal attention, the forbidden scores at −∞."""
    return tg.softmax(np.where(mask, q @ k.mT / 2.0, -np.inf)) @ v


def by_rows(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """The same, each row over what it may see alone: no −∞ anywhere."""
    rows = []
    for t in range(T):
        seen = np.flatnonzero(mask[t])
        weights = np.exp(k[seen] @ q[t] / 2.0)
        rows.append(weights @ v[seen] / np.sum(weights))
    return np.stack(rows)


def test_masked_attention_is_attention_over_what_is_seen_to_second_order() -> None:
    arrays, mask = tuple(RNG.normal(size=(T, 4)) for _ in range(3)), np.tri(T, dtype=bool)
    weights, direction = RNG.normal(size=(T, 4)), tuple(RNG.normal(size=(T, 4)) for _ in range(3))

    def loss(form: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda inputs: np.sum(weights * np.tanh(form(*inputs, mask)))

    found = tg.grad(loss(attention))(arrays)
    for k, gradient in enumerate(found):
        witness = complex_step(lambda z, k=k: loss(by_rows)([*arrays[:k], z, *arrays[k + 1 :]]), arrays[k])
        np.testing.assert_allclose(gradient, witness, rtol=1e-12, atol=1e-15)
    for one, two in zip(
        tg.hvp(loss(attention))(arrays, direction), tg.hvp(loss(by_rows))(arrays, direction), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-13)


def test_a_padded_row_chooses_other_scores_before_softmax_and_then_passes_no_gradient() -> None:
    """The remedy that is stated for a row of nothing but −∞."""
    scores, mask = RNG.normal(size=(2, 3)), np.array([[True, True, False], [False, False, False]])
    some = mask.any(axis=-1, keepdims=True)

    def loss(z: Any) -> Any:
        weights = tg.softmax(np.where(some, np.where(mask, z, -np.inf), 0.0))
        return np.sum(np.where(some, weights, 0.0) * np.array([1.0, 2.0, 3.0]))

    found = tg.grad(loss)(scores)
    assert np.all(found[~mask] == 0.0) and np.all(np.isfinite(found)) and np.all(found[0, :2] != 0.0)


def test_weights_of_zero_take_nothing_of_infinite_logits_and_the_loss_is_that_of_the_others() -> None:
    """softmax_cross_entropy and binary_cross_entropy with soft targets, a class masked out."""
    z, y = RNG.normal(size=(2, 4)), np.array([[0.2, 0.3, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0]])
    masked = np.where([True, True, True, False], z, -np.inf)
    np.testing.assert_allclose(tg.softmax_cross_entropy(masked, y), tg.softmax_cross_entropy(z[:, :3], y[:, :3]), 1e-14)
    np.testing.assert_allclose(tg.binary_cross_entropy(np.array([-np.inf, 1.0]), np.array([0.0, 1.0])),
                               [0.0, np.log1p(np.exp(-1.0))], rtol=1e-14)  # fmt: skip
