"""Every truncation is a mask on C[t,k]: what it keeps, what it leaves out, and what is no truncation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.agreement import arguments, as_lists, relative_error
from tests.cases import plain
from tests.specs import every_model, name_of
from tinygrad_rnn import bptt
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.spec import Sizes, Spec

RTOL = 1e-12
DEEP = Sizes(T=7, B=3, d=2, m=3, q=2)
MASKS = {
    "max_lag 0": bptt.max_lag(7, 0),
    "max_lag 2": bptt.max_lag(7, 2),
    "williams_peng 2 4": bptt.williams_peng(7, 2, 4),
    "williams_peng 3 3": bptt.williams_peng(7, 3, 3),
    "detach_every 3": bptt.detach_every_k(7, 3),
}


# ---- the masks, by running what they describe ----


def by_passes(T: int, k1: int, k2: int) -> Any:
    """Which C[t,k] are reached, by walking each backward pass of Williams & Peng's schedule."""
    reached, injected = np.zeros((T, T), dtype=int), 0
    for s in [*range(k1, T, k1), T]:
        for t in range(injected + 1, s + 1):
            for k in range(t, max(0, s - k2), -1):
                reached[t - 1, k - 1] += 1
        injected = s
    return reached


@pytest.mark.parametrize("T", [1, 4, 7, 12])
def test_williams_peng_keeps_what_its_passes_reach_and_reaches_nothing_twice(T: int) -> None:
    for k1 in range(1, T + 1):
        for k2 in range(k1, T + 3):
            np.testing.assert_array_equal(bptt.williams_peng(T, k1, k2), by_passes(T, k1, k2), err_msg=f"{k1} {k2}")


@pytest.mark.parametrize("T", [1, 4, 7, 12])
def test_detaching_every_k_keeps_what_a_walk_back_to_the_last_detached_state_reaches(T: int) -> None:
    for every in range(1, T + 2):
        reached = np.zeros((T, T), dtype=int)
        for t in range(1, T + 1):
            k, detached = t, False
            while k >= 1 and not detached:
                reached[t - 1, k - 1] = 1
                detached = k % every == 1 or every == 1  # the state is detached before step k
                k -= 1
        np.testing.assert_array_equal(bptt.detach_every_k(T, every), reached, err_msg=str(every))


def test_a_lag_of_tau_itself_is_kept() -> None:
    expected = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]]
    np.testing.assert_array_equal(bptt.max_lag(4, 2), expected)
    np.testing.assert_array_equal(bptt.max_lag(4, 0), np.eye(4))
    np.testing.assert_array_equal(bptt.max_lag(4, 9), np.tril(np.ones((4, 4))))


def test_numbers_beyond_the_sequence_truncate_nothing() -> None:
    full, huge = np.tril(np.ones((5, 5), int)), 10**30
    long = bptt.williams_peng(5, huge, huge), bptt.williams_peng(5, 2, huge)
    for mask in (bptt.max_lag(5, huge), bptt.detach_every_k(5, huge), *long):
        np.testing.assert_array_equal(mask, full)
    np.testing.assert_array_equal(bptt.williams_peng(5, 1, huge), full)


def test_masks_meet_where_their_definitions_meet() -> None:
    full = np.tril(np.ones((12, 12)))
    np.testing.assert_array_equal(bptt.williams_peng(12, 12, 12), full)
    np.testing.assert_array_equal(bptt.detach_every_k(12, 12), full)
    for h in range(1, 13):
        np.testing.assert_array_equal(bptt.williams_peng(12, 1, h), bptt.max_lag(12, h - 1))
    for k in range(1, 13):
        same = np.array_equal(bptt.detach_every_k(12, k), bptt.williams_peng(12, k, k))
        assert same == (12 % k == 0), k


# ---- the gradients ----


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("spec", [Spec("col"), Spec("row", "sigmoid", many_to_one=True, batch_reduction="mean")])
def test_truncated_bptt_is_a_mask_on_contributions(mask: Any, spec: Spec) -> None:
    instance = random_instance(spec, DEEP, seed=41)
    found = bptt.truncated(*arguments(instance), mask)
    full = bptt.delta_recursion(*arguments(instance)).params
    words, params, x, y, h0 = as_lists(instance)
    rows = [t - 1 for t in spec.loss_steps(7)]
    weight = spec.step_weight(7)
    for name in spec.names:
        if name in spec.recurrent_names:
            table = np.array(plain.by_copies(words, params, x, y, h0, name))
            expected = weight * np.einsum("tk,tk...->...", mask[rows], table)
        else:
            expected = full[name]
        assert relative_error(found[name], expected) < RTOL, name


@pytest.mark.parametrize("model", every_model()[::8], ids=name_of)
def test_the_bias_of_a_truncation_is_exactly_what_it_leaves_out(model: tuple[Spec, Sizes]) -> None:
    instance = random_instance(*model, seed=42)
    full = bptt.delta_recursion(*arguments(instance)).params
    T = model[1].T
    for mask in (bptt.max_lag(T, 1), bptt.detach_every_k(T, 3), bptt.williams_peng(T, 2, 3)):
        kept, left_out = bptt.truncated(*arguments(instance), mask), bptt.bias(*arguments(instance), mask)
        for name in model[0].names:
            assert relative_error(kept[name] + left_out[name], full[name]) < RTOL, name
        assert all(np.all(left_out[name] == 0.0) for name in set(model[0].names) - set(model[0].recurrent_names))


def test_a_truncation_that_cuts_something_differs_from_the_gradient() -> None:
    instance = random_instance(Spec(), DEEP, seed=43)
    full = bptt.delta_recursion(*arguments(instance)).params
    for mask in MASKS.values():
        assert relative_error(bptt.truncated(*arguments(instance), mask)["W"], full["W"]) > 1e-3


# ---- what is no truncation ----


def test_numbers_that_describe_no_truncation_are_refused_in_one_line() -> None:
    for call, message in (
        (lambda: bptt.max_lag(5, -1), r"^tau is -1: it must be at least 0$"),
        (lambda: bptt.max_lag(0, 1), r"^T is 0: it must be at least 1$"),
        (lambda: bptt.max_lag(5, 1.5), r"^tau is 1.5: it must be a whole number$"),
        (lambda: bptt.williams_peng(5, 3, 2), r"^k2 is 2 and k1 is 3: .*; use k2 >= k1$"),
        (lambda: bptt.williams_peng(5, 0, 2), r"^k1 is 0: it must be at least 1$"),
        (lambda: bptt.detach_every_k(5, 0), r"^k is 0: it must be at least 1$"),
        (lambda: bptt.max_lag(4, True), r"^tau is True: it must be a whole number$"),
        (lambda: bptt.max_lag(np.True_, 1), r"^T is (np\.True_|True): it must be a whole number$"),
        (lambda: bptt.detach_every_k(4, False), r"^k is False: it must be a whole number$"),
    ):
        with pytest.raises(bptt.TruncationError, match=message):
            call()


@pytest.mark.parametrize("function", [bptt.truncated, bptt.bias])
def test_a_mask_that_does_not_fit_is_refused_in_one_line(function: Any) -> None:
    instance = random_instance(Spec(), DEEP, seed=44)
    with pytest.raises(bptt.TruncationError, match=r"^the mask has shape \(6, 7\): a sequence of 7 steps needs .*$"):
        function(*arguments(instance), np.ones((6, 7)))
    with pytest.raises(bptt.TruncationError, match=r"^the mask holds a number that is neither 0 nor 1: .*$"):
        function(*arguments(instance), np.full((7, 7), 0.5))
    for ragged in ([[1, 0], [1]], "mask", None, {1: 2}):
        with pytest.raises(bptt.TruncationError, match=r"^the mask (is no array of real numbers: .* given|has .*)$"):
            function(*arguments(instance), ragged)
    with pytest.raises(bptt.TruncationError, match=r"^the mask is no array of real numbers: complex numbers given$"):
        function(*arguments(instance), np.ones((7, 7)) + 0j)
