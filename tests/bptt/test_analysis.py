"""Bounds hold and are reached, small singular values are right, and every regrouping of the table says what it says."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from tests.agreement import arguments, relative_error
from tests.specs import every_model, name_of
from tinygrad_rnn import bptt
from tinygrad_rnn.check import Instance, complex_step, random_instance
from tinygrad_rnn.spec import Sizes, Spec

RTOL = 1e-12
DEEP = Sizes(T=6, B=3, d=2, m=3, q=2)
Array = Any


def jacobians(instance: Instance, sample: int) -> list[Array]:
    """J_1 … J_T of one sample by the complex step through one step of the network, not by any formula."""
    spec, params, x, y, h0 = arguments(instance)
    states = bptt.forward(spec, params, x, y, h0).h
    found = []
    for t in range(len(x)):
        target = y[sample] if spec.many_to_one else y[t][sample]
        one = (spec, params, x[t : t + 1, sample], target if spec.many_to_one else target[None])
        found.append(complex_step(lambda p, one=one: bptt.forward(*one, p["h"]).h[1], {"h": states[t, sample]})["h"])
    return found


# ---- bounds ----


@pytest.mark.parametrize("model", every_model()[2::8], ids=name_of)
def test_the_norm_of_every_jacobian_product_lies_between_its_bounds(model: tuple[Spec, Sizes]) -> None:
    instance = random_instance(*model, seed=61)
    bounds = bptt.jacobian_bounds(*arguments(instance))
    T, B = model[1].T, model[1].B
    slack = 1.0 + 1e-12
    assert bounds.norm.shape == bounds.upper.shape == bounds.lower.shape == (T + 1, T + 1, B)
    assert np.all(bounds.lower <= slack * bounds.norm)
    assert np.all(bounds.norm <= slack * bounds.upper)
    assert np.all(bounds.upper <= slack * bounds.uniform[:, :, None])
    assert np.all(bounds.norm[np.triu_indices(T + 1, 1)] == 0.0)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_norms_and_bounds_are_those_of_jacobians_found_by_the_complex_step(activation: str) -> None:
    instance = random_instance(Spec("row", activation), DEEP, seed=62)
    bounds = bptt.jacobian_bounds(*arguments(instance))
    W = instance.params["W"]
    sigma = np.linalg.svd(W, compute_uv=False)
    for sample in range(3):
        J = jacobians(instance, sample)
        slopes = [np.linalg.norm(j, axis=1) / np.linalg.norm(W.T, axis=1) for j in J]  # row i of J is φ′_i times W's
        for k in range(7):
            product, upper, lower = np.eye(3), 1.0, 1.0
            for t in range(k, 7):
                if t > k:
                    product = J[t - 1] @ product
                    upper *= slopes[t - 1].max() * sigma[0]
                    lower *= slopes[t - 1].min() * sigma[-1]
                place = (t, k, sample)
                np.testing.assert_allclose(bounds.norm[place], np.linalg.norm(product, 2), rtol=1e-11)
                np.testing.assert_allclose(bounds.upper[place], upper, rtol=1e-11)
                np.testing.assert_allclose(bounds.lower[place], lower, rtol=1e-11)
                gamma = {"tanh": 1.0, "sigmoid": 0.25}[activation]
                np.testing.assert_allclose(bounds.uniform[t, k], (gamma * sigma[0]) ** (t - k), rtol=1e-11)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity", "relu"])
def test_gamma_is_the_largest_slope_of_the_activation(activation: str) -> None:
    W, x = np.eye(1), np.linspace(-3.0, 3.0, 601)[:, None]
    params = {"U": np.eye(1), "W": W, "V": np.eye(1), "b": np.zeros(1), "c": np.zeros(1)}
    spec = Spec(activation=activation)
    slopes = [
        bptt.jacobian_bounds(spec, params, x[i : i + 1], np.zeros((1, 1)), np.zeros(1)).upper[1, 0] for i in range(601)
    ]
    gamma = bptt.jacobian_bounds(spec, params, x[:1], np.zeros((1, 1)), np.zeros(1)).gamma
    np.testing.assert_allclose(max(slopes), gamma, rtol=1e-12)


def test_for_orthogonal_w_and_identity_activation_all_bounds_are_reached() -> None:
    spec = Spec(activation="identity")
    instance = random_instance(spec, DEEP, seed=63)
    turned = np.linalg.qr(instance.params["W"])[0] * 1.25
    bounds = bptt.jacobian_bounds(spec, {**instance.params, "W": turned}, instance.x, instance.y, instance.h0)
    for lag in range(7):
        for table in (bounds.norm, bounds.upper, bounds.lower):
            np.testing.assert_allclose(np.diagonal(table, -lag), 1.25**lag, rtol=1e-12)
    assert bounds.may_explode
    assert not bounds.must_vanish


def test_a_spectral_radius_below_1_does_not_keep_gradients_from_growing_first() -> None:
    W = np.array([[0.5, 10.0], [0.0, 0.5]])
    spec = Spec(activation="identity", roles=(("U", "input"), ("W", "recurrent"), ("V", "output")))
    params = {"U": np.ones((2, 1)), "W": W, "V": np.ones((1, 2))}
    x, y, h0 = np.ones((40, 1)), np.ones((40, 1)), np.array([0.3, -0.2])
    bounds = bptt.jacobian_bounds(spec, params, x, y, h0)
    np.testing.assert_allclose(bounds.spectral_radius**3, 0.125, rtol=1e-12)
    np.testing.assert_allclose(bounds.norm[3, 0], np.linalg.norm(W @ W @ W, 2), rtol=1e-12)
    assert 7.4 < bounds.norm[3, 0] < 7.6
    assert bounds.norm[40, 0] < 1e-8, "it vanishes in the end"
    rates = [bounds.norm[t, 0] ** (1 / t) for t in (10, 20, 40)]
    assert rates[0] > rates[1] > rates[2] > 0.5, "Gelfand: the rate goes down to the spectral radius"


def test_without_a_batch_axis_tables_have_none() -> None:
    one = random_instance(Spec(), Sizes(4, 1, 2, 3, 2), seed=64)
    bare = Instance(one.spec, one.params, one.x[:, 0], one.y[:, 0], one.h0[0])
    batched, single = bptt.jacobian_bounds(*arguments(one)), bptt.jacobian_bounds(*arguments(bare))
    for table in ("norm", "upper", "lower"):
        np.testing.assert_array_equal(getattr(single, table), getattr(batched, table)[:, :, 0])
    first, second = bptt.jacobian_spectrum(*arguments(one)), bptt.jacobian_spectrum(*arguments(bare))
    for field in ("log_singular_values", "lyapunov_exponents", "log_volume"):
        np.testing.assert_array_equal(getattr(second, field), getattr(first, field)[0])


def test_norms_and_bounds_too_large_for_a_float_are_infinite_and_nothing_fails() -> None:
    spec = Spec(activation="identity")
    params = {"U": np.zeros((2, 1)), "W": 1e100 * np.eye(2), "V": np.ones((1, 2)), "b": np.zeros(2), "c": np.zeros(1)}
    bounds = bptt.jacobian_bounds(spec, params, np.ones((4, 1)), np.zeros((4, 1)), np.zeros(2))
    np.testing.assert_allclose(bounds.norm[3, 0], 1e300, rtol=1e-10)
    assert bounds.norm[4, 0] == bounds.upper[4, 0] == bounds.uniform[4, 0] == np.inf


# ---- singular values ----


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("convention", ["col", "row"])
def test_log_singular_values_add_up_to_the_log_volume(activation: str, convention: str) -> None:
    instance = random_instance(Spec(convention, activation), Sizes(30, 2, 2, 4, 2), seed=65)
    for k, t in ((0, 30), (3, 9), (7, 8)):
        spectrum = bptt.jacobian_spectrum(*arguments(instance), k, t)
        J = np.array([jacobians(instance, sample)[k:t] for sample in range(2)])
        volume = np.linalg.slogdet(J)[1].sum(axis=1)
        assert relative_error(spectrum.log_volume, volume) < RTOL
        assert relative_error(spectrum.log_singular_values.sum(axis=1), volume) < RTOL
        assert relative_error((t - k) * spectrum.lyapunov_exponents.sum(axis=1), volume) < RTOL


def test_short_products_have_the_singular_values_of_a_plain_decomposition() -> None:
    instance = random_instance(Spec("row"), DEEP, seed=66)
    for sample in range(3):
        J = jacobians(instance, sample)
        expected = np.log(np.linalg.svd(J[3] @ J[2] @ J[1], compute_uv=False))
        found = bptt.jacobian_spectrum(*arguments(instance), 1, 4).log_singular_values[sample]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def compound(matrix: Array, order: int) -> Array:
    """All minors of that order: the largest singular value is σ_1 … σ_order, and compounds multiply like matrices."""
    places = list(combinations(range(len(matrix)), order))
    return np.array([[np.linalg.det(matrix[np.ix_(rows, columns)]) for columns in places] for rows in places])


def test_every_singular_value_of_a_product_of_condition_1e45_is_right() -> None:
    random = np.random.default_rng(67)
    matrices = [np.diag(10.0 ** random.uniform(-3.0, 0.0, 4)) @ random.normal(size=(4, 4)) for _ in range(30)]
    found = bptt.log_singular_values(matrices)
    assert found[0] - found[-1] > np.log(1e45)
    for order in range(1, 5):
        product = np.eye(len(compound(matrices[0], order)))
        for matrix in matrices:
            product = compound(matrix, order) @ product
        largest = np.log(np.linalg.svd(product, compute_uv=False)[0])
        np.testing.assert_allclose(found[:order].sum(), largest, rtol=1e-12)
    plain = np.eye(4)
    for matrix in matrices:
        plain = matrix @ plain
    rounded = np.log(np.linalg.svd(plain, compute_uv=False))
    assert abs(rounded[-1] - found[-1]) > 1.0, "the multiplied product has lost the small ones"


def test_two_thousand_steps_neither_overflow_nor_underflow() -> None:
    random = np.random.default_rng(68)
    matrices = 10.0 ** random.uniform(-3.0, 0.0, (2000, 3, 1)) * random.normal(size=(2000, 3, 3))
    found, exponents = bptt.log_singular_values(matrices), bptt.lyapunov_exponents(matrices)
    np.testing.assert_allclose(found.sum(), np.linalg.slogdet(matrices)[1].sum(), rtol=1e-12)
    np.testing.assert_allclose(2000 * exponents.sum(), found.sum(), rtol=1e-12)
    np.testing.assert_allclose(exponents, found / 2000, atol=1e-2)
    assert np.all(np.diff(found) < 0.0)


def test_lyapunov_exponents_of_a_constant_matrix_go_to_its_log_eigenvalues() -> None:
    vectors = np.array([[1.0, 0.4, 0.1], [0.0, 1.0, -0.7], [0.3, 0.0, 1.0]])
    matrix = vectors @ np.diag([1.5, 0.8, 0.1]) @ np.linalg.inv(vectors)
    exponents = bptt.lyapunov_exponents([matrix] * 400)
    np.testing.assert_allclose(exponents, np.log([1.5, 0.8, 0.1]), atol=5e-3)


def test_equal_singular_values_and_lost_directions_are_told_as_they_are() -> None:
    np.testing.assert_allclose(bptt.log_singular_values([2.0 * np.eye(3)] * 5), 5 * np.log(2.0) * np.ones(3), rtol=RTOL)
    found = bptt.log_singular_values([np.diag([1.0, 0.0, 2.0]), np.diag([3.0, 1.0, 1.0])])
    np.testing.assert_allclose(found, [np.log(3.0), np.log(2.0), -np.inf], rtol=RTOL)


def test_a_spectrum_of_no_steps_is_refused() -> None:
    instance = random_instance(Spec(), DEEP, seed=69)
    for k, t in ((2, 2), (-1, 3), (0, 7)):
        with pytest.raises(ValueError, match=rf"^k is {k} and t is {t}: give 0 <= k < t <= 6$"):
            bptt.jacobian_spectrum(*arguments(instance), k, t)


# ---- regroupings of the table ----


@pytest.mark.parametrize("many_to_one", [False, True])
def test_rows_columns_and_diagonals_of_the_table_all_add_up_to_the_gradient(many_to_one: bool) -> None:
    instance = random_instance(Spec("row", many_to_one=many_to_one), DEEP, seed=70)
    table = bptt.contribution_table(*arguments(instance))
    full = bptt.delta_recursion(*arguments(instance)).params
    profile = bptt.lag_profile(table)
    for name in instance.spec.recurrent_names:
        for parts in (table.step_weight * bptt.by_loss(table)[name], bptt.by_step(table)[name], profile.shares[name]):
            assert relative_error(parts.sum(axis=0), full[name]) < RTOL, name


def test_a_column_is_the_gradient_of_a_copy_used_at_that_step_only() -> None:
    instance = random_instance(Spec("col"), DEEP, seed=71)
    spec, params, x, y, h0 = arguments(instance)
    columns = bptt.by_step(bptt.contribution_table(*arguments(instance)))
    for k in range(1, 7):
        truth = complex_step(
            lambda p, k=k: bptt.forward(spec, [p if s == k else params for s in range(1, 7)], x, y, h0).loss, params
        )
        for name in spec.recurrent_names:
            assert relative_error(columns[name][k - 1], truth[name]) < RTOL, (k, name)


def test_the_first_lags_add_up_to_the_truncated_gradient() -> None:
    instance = random_instance(Spec("col"), DEEP, seed=72)
    profile = bptt.lag_profile(bptt.contribution_table(*arguments(instance)))
    for tau in range(6):
        truncated = bptt.truncated(*arguments(instance), bptt.max_lag(6, tau))
        for name in instance.spec.recurrent_names:
            assert relative_error(profile.shares[name][: tau + 1].sum(axis=0), truncated[name]) < RTOL, (tau, name)


def test_mean_norms_by_lag_count_the_losses_that_reach_so_far() -> None:
    table = bptt.contribution_table(*arguments(random_instance(Spec("col"), DEEP, seed=73)))
    profile = bptt.lag_profile(table)
    for lag in range(6):
        np.testing.assert_allclose(profile.mean_norms["W"][lag], np.diagonal(table.norms["W"], -lag).mean(), rtol=RTOL)
        np.testing.assert_allclose(profile.share_norms["W"][lag], np.linalg.norm(profile.shares["W"][lag]), rtol=RTOL)
    last = bptt.contribution_table(*arguments(random_instance(Spec("col", many_to_one=True), DEEP, seed=73)))
    np.testing.assert_allclose(bptt.lag_profile(last).mean_norms["W"], last.norms["W"][0][::-1], rtol=RTOL)
