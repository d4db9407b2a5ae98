"""Randomised truncation has the gradient for its mean: every cut pattern is added up, so no chance is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.agreement import arguments, relative_error
from tinygrad_rnn import bptt
from tinygrad_rnn.check import Instance, random_instance
from tinygrad_rnn.spec import Sizes, Spec

RTOL = 1e-12
T = 6
SIZES = Sizes(T=T, B=2, d=2, m=3, q=2)
SPECS = (Spec("col"), Spec("row", "sigmoid", "softmax", "softmax_ce", "1", "mean"), Spec(many_to_one=True))
PI = np.array([0.9, 0.5, 0.3, 1.0, 0.7])  # π_2 … π_6; c_t = 1 − π_{t+1}
Estimator = Callable[..., dict[str, Any]]

ESTIMATORS: dict[str, Estimator] = {
    "d2l recursive": lambda *args: bptt.d2l_recursive(*args, PI),
    "d2l one step": lambda *args: bptt.d2l_one_step(*args, PI),
    "ARTBP": lambda *args: bptt.artbp(*args, 1.0 - PI),
}


def every_pattern() -> Iterator[tuple[Any, float]]:
    """All 2^(T−1) patterns with their probabilities, worked out here by hand."""
    for kept in product([False, True], repeat=T - 1):
        yield np.array(kept), float(np.prod([p if keeps else 1.0 - p for keeps, p in zip(kept, PI, strict=True)]))


def mean(estimator: Estimator, instance: Instance) -> dict[str, Any]:
    total: dict[str, Any] = dict.fromkeys(instance.spec.names, 0.0)
    for kept, probability in every_pattern():
        estimate = estimator(*arguments(instance), kept)
        total = {name: total[name] + probability * estimate[name] for name in total}
    return total


@pytest.mark.parametrize("spec", SPECS, ids=["col", "row", "many_to_one"])
@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_the_mean_over_every_cut_pattern_is_the_gradient(estimator: Estimator, spec: Spec) -> None:
    instance = random_instance(spec, SIZES, seed=51)
    expected = bptt.delta_recursion(*arguments(instance)).params
    found = mean(estimator, instance)
    for name, gradient in expected.items():
        assert relative_error(found[name], gradient) < RTOL, name


def test_a_single_estimate_is_not_the_gradient() -> None:
    instance = random_instance(SPECS[0], SIZES, seed=52)
    full = bptt.delta_recursion(*arguments(instance)).params["W"]
    for name, estimator in ESTIMATORS.items():
        errors = [relative_error(estimator(*arguments(instance), kept)["W"], full) for kept, _ in every_pattern()]
        assert max(errors) > 0.1, name


def test_without_its_weights_artbp_is_biased() -> None:
    instance = random_instance(SPECS[0], SIZES, seed=53)
    full = bptt.delta_recursion(*arguments(instance)).params
    plain = mean(lambda *args: bptt.artbp(*args, 1.0 - PI, reweigh=False), instance)
    assert relative_error(plain["W"], full["W"]) > 0.05
    np.testing.assert_allclose(plain["V"], full["V"], rtol=RTOL)  # nothing of the readout is cut


def test_without_its_weights_artbp_is_a_mask_whose_mean_is_the_probability_to_get_through() -> None:
    instance = random_instance(SPECS[0], SIZES, seed=54)
    table = bptt.contribution_table(*arguments(instance))
    through = np.array([[np.prod(PI[k:t]) if k <= t else 0.0 for k in range(T)] for t in range(T)])
    expected = table.step_weight * np.einsum("tk,tk...->...", through, table.arrays["W"])
    plain = mean(lambda *args: bptt.artbp(*args, 1.0 - PI, reweigh=False), instance)
    assert relative_error(plain["W"], expected) < RTOL


@pytest.mark.parametrize("spec", SPECS, ids=["col", "row", "many_to_one"])
def test_artbp_is_d2l_recursive_run_backwards_and_both_are_weights_on_contributions(spec: Spec) -> None:
    instance = random_instance(spec, SIZES, seed=55)
    table = bptt.contribution_table(*arguments(instance))
    rows = [t - 1 for t in spec.loss_steps(T)]
    for kept, _ in every_pattern():
        weights = bptt.pattern_weights(kept, PI)[rows]
        backward = bptt.artbp(*arguments(instance), kept, 1.0 - PI)
        forward = bptt.d2l_recursive(*arguments(instance), kept, PI)
        for name in spec.recurrent_names:
            expected = table.step_weight * np.einsum("tk,tk...->...", weights, table.arrays[name])
            scale = np.linalg.norm(table.arrays[name])
            assert np.linalg.norm(forward[name] - expected) < RTOL * scale, (kept, name)
            assert np.linalg.norm(backward[name] - expected) < RTOL * scale, (kept, name)


def test_one_step_truncation_weighs_every_earlier_contribution_alike() -> None:
    instance = random_instance(SPECS[0], SIZES, seed=56)
    table = bptt.contribution_table(*arguments(instance))
    kept = np.array([True, False, True, False, True])
    xi = np.concatenate([[1.0], kept / PI])
    weights = np.tril(np.ones((T, T)), -1) * xi[:, None] + np.eye(T)
    expected = table.step_weight * np.einsum("tk,tk...->...", weights, table.arrays["W"])
    assert relative_error(bptt.d2l_one_step(*arguments(instance), kept, PI)["W"], expected) < RTOL


def test_the_second_moment_of_one_step_truncation_does_not_grow_with_the_lag() -> None:
    """ξ_t are independent with E ξ_t = 1, E ξ_t² = 1/π_t: Var ĝ = w² Σ_t (1/π_t − 1)(Σ_{k<t} C[t,k])², by entries."""
    instance = random_instance(SPECS[0], SIZES, seed=61)
    table = bptt.contribution_table(*arguments(instance))
    second = 0.0
    for kept, probability in every_pattern():
        second = second + probability * bptt.d2l_one_step(*arguments(instance), kept, PI)["W"] ** 2
    full = bptt.delta_recursion(*arguments(instance)).params["W"]
    C = table.arrays["W"]
    earlier = np.array([C[t, :t].sum(axis=0) for t in range(1, T)])
    variance = table.step_weight**2 * np.einsum("t,t...->...", 1.0 / PI - 1.0, earlier**2)
    assert relative_error(second, full**2 + variance) < RTOL
    assert np.linalg.norm(variance) > 0.1 * np.linalg.norm(full**2)


def test_the_weight_on_each_contribution_has_mean_1_and_the_second_moment_of_its_lag() -> None:
    first, second = np.zeros((T, T)), np.zeros((T, T))
    for kept, probability in every_pattern():
        weights = bptt.pattern_weights(kept, PI)
        first += probability * weights
        second += probability * weights**2
    np.testing.assert_allclose(first, np.tril(np.ones((T, T))), rtol=RTOL)
    c = 1.0 - PI
    for t in range(1, T + 1):
        for k in range(1, t + 1):
            expected = np.prod([1.0 / (1.0 - c[j - 1]) for j in range(k, t)])
            np.testing.assert_allclose(second[t - 1, k - 1], expected, rtol=RTOL)
    np.testing.assert_allclose(bptt.weight_second_moments(T, c), second, rtol=RTOL)


def test_with_one_probability_for_all_the_variance_grows_geometrically_with_the_lag() -> None:
    moments = bptt.weight_second_moments(T, 0.25)
    for lag in range(T):
        np.testing.assert_allclose(np.diagonal(moments, -lag), (1.0 / 0.75) ** lag, rtol=RTOL)


def test_where_nothing_is_cut_the_estimate_is_the_gradient() -> None:
    instance = random_instance(SPECS[1], SIZES, seed=57)
    full = bptt.delta_recursion(*arguments(instance)).params
    kept = np.ones(T - 1, dtype=bool)
    for estimate in (
        bptt.d2l_recursive(*arguments(instance), kept, 1.0),
        bptt.d2l_one_step(*arguments(instance), kept, 1.0),
        bptt.artbp(*arguments(instance), kept, 0.0),
    ):
        assert all(relative_error(estimate[name], full[name]) < RTOL for name in full)


def test_one_step_has_no_boundary_and_every_estimate_of_it_is_exact() -> None:
    instance = random_instance(Spec(), Sizes(1, 2, 2, 3, 2), seed=58)
    full = bptt.delta_recursion(*arguments(instance)).params
    for found in (bptt.artbp(*arguments(instance), [], 0.5), bptt.d2l_recursive(*arguments(instance), [], 0.5)):
        assert all(relative_error(found[name], full[name]) < RTOL for name in full)


def test_sampled_patterns_follow_their_generator_and_come_with_their_probability() -> None:
    drawn = np.array([bptt.sample_pattern(np.random.default_rng(seed), T, PI) for seed in range(4000)])
    assert drawn.shape == (4000, T - 1)
    assert drawn.dtype == bool
    assert drawn[:, 3].all(), "kept with probability 1"
    np.testing.assert_allclose(drawn.mean(axis=0), PI, atol=0.04)  # five standard deviations; the seeds are fixed
    np.testing.assert_array_equal(drawn[7], bptt.sample_pattern(np.random.default_rng(7), T, PI))
    for kept, probability in every_pattern():
        np.testing.assert_allclose(bptt.pattern_probability(kept, PI), probability, rtol=RTOL)


def test_probabilities_outside_their_interval_are_refused_in_one_line() -> None:
    given = arguments(random_instance(Spec(), SIZES, seed=59))
    kept = np.ones(T - 1, dtype=bool)
    for c, shown in ((1.0, "1.0"), (-0.1, "-0.1"), (np.nan, "nan"), ([0.1, 0.2, 1.5, 0.0, 0.0], "1.5")):
        with pytest.raises(bptt.TruncationError, match=rf"^c holds {shown}: a probability here must lie in \[0, 1\)$"):
            bptt.artbp(*given, kept, c)
        with pytest.raises(bptt.TruncationError, match=rf"^c holds {shown}: .*$"):
            bptt.weight_second_moments(T, c)
    for pi, shown in ((0.0, "0.0"), (1.1, "1.1"), ([0.0, 1.0, 1.0, 1.0, 1.0], "0.0")):
        for call in (
            lambda pi=pi: bptt.d2l_recursive(*given, kept, pi),
            lambda pi=pi: bptt.d2l_one_step(*given, kept, pi),
            lambda pi=pi: bptt.pattern_weights(kept, pi),
            lambda pi=pi: bptt.pattern_probability(kept, pi),
            lambda pi=pi: bptt.sample_pattern(np.random.default_rng(0), T, pi),
        ):
            with pytest.raises(
                bptt.TruncationError, match=rf"^pi holds {shown}: a probability here must lie in \(0, 1\]$"
            ):
                call()


def test_patterns_and_probabilities_of_the_wrong_shape_are_refused_in_one_line() -> None:
    given = arguments(random_instance(Spec(), SIZES, seed=60))
    with pytest.raises(bptt.TruncationError, match=r"^the pattern has shape \(6,\): it needs \(5,\), .* 6 steps$"):
        bptt.artbp(*given, np.ones(6), 0.5)
    with pytest.raises(bptt.TruncationError, match=r"^the pattern holds something other than True and False: .*$"):
        bptt.d2l_recursive(*given, np.full(5, 0.5), 0.5)
    with pytest.raises(bptt.TruncationError, match=r"^c has shape \(6,\): give one number, or 5, .*$"):
        bptt.artbp(*given, np.ones(5), np.full(6, 0.5))
    for function in (bptt.pattern_probability, bptt.pattern_weights):
        with pytest.raises(bptt.TruncationError, match=r"^the pattern has shape \(\): it needs \(1,\), .* 2 steps$"):
            function(True, 0.5)
        with pytest.raises(bptt.TruncationError, match=r"^the pattern holds something other than True and False: .*$"):
            function([0.5, 1.0], 0.5)
    with pytest.raises(bptt.TruncationError, match=r"^c is no array of real numbers: str given$"):
        bptt.artbp(*given, np.ones(5), "half")
    with pytest.raises(bptt.TruncationError, match=r"^pi is no array of real numbers: complex numbers given$"):
        bptt.d2l_recursive(*given, np.ones(5), 0.5 + 0j)


def test_a_number_of_steps_that_is_none_is_refused_in_one_line() -> None:
    for T, said in ((0, "T is 0: it must be at least 1"), (2.5, "T is 2.5: it must be a whole number")):
        for call in (
            lambda T=T: bptt.sample_pattern(np.random.default_rng(0), T, 0.5),
            lambda T=T: bptt.weight_second_moments(T, 0.5),
        ):
            with pytest.raises(bptt.TruncationError, match=rf"^{said}$"):
                call()
    assert bptt.sample_pattern(np.random.default_rng(0), 1, 0.5).shape == (0,)
    np.testing.assert_array_equal(bptt.weight_second_moments(1, 0.5), [[1.0]])
