"""Every family gives the gradient, and each is a regrouping of the same contributions C[t,k]."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.agreement import arguments, as_lists, relative_error
from tests.cases import plain
from tests.specs import every_model, name_of
from tinygrad_rnn import bptt
from tinygrad_rnn.check import Instance, complex_step, random_instance
from tinygrad_rnn.spec import Sizes, Spec, SpecError

RTOL = 1e-12
DEEP = Sizes(T=5, B=3, d=2, m=3, q=2)
FUNCTIONS = ("explicit_sum", "explicit_matrix_sum", "rtrl", "reverse_products", "matrix_powers")
Model = tuple[Spec, Sizes]

# Deep enough to see every known mistake: T >= 4, m >= 2, h0 != 0, W not symmetric, an activation that is no identity.
SEEING = (Spec("col"), DEEP)


def gradients(function: str, instance: Instance) -> dict[str, Any]:
    """By the name of the function, looked up anew, so that a broken one can be put in its place."""
    return getattr(bptt, function)(*arguments(instance))


def exists(function: str, spec: Spec) -> bool:
    return function != "matrix_powers" or spec.activation == "identity"


def as_table(table: bptt.Contributions, name: str) -> Any:
    """w·C[t,k] as (T, T, shape of θ), with empty rows for steps without a loss."""
    rows = table.arrays[name]
    whole = np.zeros((rows.shape[1], *rows.shape[1:]))
    whole[[t - 1 for t in table.loss_steps]] = rows
    return table.step_weight * whole


# ---- each family against the complex step of a network in plain Python, which shares no line with any of them ----


MODELS = [*every_model()[::3], SEEING]
PAIRS = [(function, model) for function in FUNCTIONS for model in MODELS if exists(function, model[0])]


@pytest.mark.parametrize(("function", "model"), PAIRS, ids=[f"{f}-{name_of(m)}" for f, m in PAIRS])
def test_every_family_equals_the_complex_step_of_a_plain_python_network(function: str, model: Model) -> None:
    spec, sizes = model
    instance = random_instance(spec, sizes, seed=(21, sizes.T))
    found = gradients(function, instance)
    words, params, x, y, h0 = as_lists(instance)
    assert list(found) == list(spec.names)
    for name in spec.names:
        truth = plain.by_array(params[name], lambda p, name=name: plain.run(words, {**params, name: p}, x, y, h0).loss)
        assert relative_error(found[name], truth) < RTOL, (function, name)


def test_every_family_of_every_model_agrees_with_the_delta_recursion() -> None:
    for n, model in enumerate(every_model()):
        instance = random_instance(*model, seed=(22, n))
        expected = bptt.delta_recursion(*arguments(instance)).params
        for function in FUNCTIONS:
            if exists(function, model[0]):
                found = gradients(function, instance)
                for name, gradient in expected.items():
                    assert relative_error(found[name], gradient) < RTOL, (name_of(model), function, name)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("convention", ["col", "row"])
@pytest.mark.parametrize("many_to_one", [False, True])
def test_without_a_batch_axis_a_family_is_as_for_a_batch_of_one(
    function: str, convention: str, many_to_one: bool
) -> None:
    spec = Spec(convention, activation="identity", many_to_one=many_to_one)
    one = random_instance(spec, Sizes(5, 1, 2, 3, 2), seed=23)
    bare = Instance(spec, one.params, one.x[:, 0], one.y[0] if many_to_one else one.y[:, 0], one.h0[0])
    batched, single = gradients(function, one), gradients(function, bare)
    for name in spec.names:
        np.testing.assert_array_equal(single[name], batched[name])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_family_is_complex_clean(function: str) -> None:
    activation = "identity" if function == "matrix_powers" else "tanh"
    spec = Spec(activation=activation, output_activation="softmax", loss="softmax_ce")
    instance = random_instance(spec, Sizes(4, 2, 2, 3, 2), seed=24)

    def flat(params: dict[str, Any]) -> Any:
        found = gradients(function, Instance(spec, params, instance.x, instance.y, instance.h0))
        return np.concatenate([found[name].ravel() for name in spec.names])

    blocks = complex_step(flat, instance.params)
    hessian = np.concatenate([blocks[name].reshape(len(blocks[name]), -1) for name in spec.names], axis=1)
    assert relative_error(hessian, hessian.T) < RTOL
    assert np.linalg.norm(hessian) > 0.1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_does_not_fit_is_refused_in_one_line(function: str) -> None:
    spec, params, x, y, h0 = arguments(random_instance(Spec(activation="identity"), DEEP, seed=25))
    with pytest.raises(SpecError, match=r"^x is an empty sequence: .*$"):
        getattr(bptt, function)(spec, params, [], [], h0)
    with pytest.raises(SpecError, match=r"^x at step 2 has shape \(3, 1\): .*$"):
        getattr(bptt, function)(spec, params, [x[0], x[1][:, :1]], y[:2], h0)


# ---- each family is a way to group C[t,k] ----


def test_e_adds_up_the_whole_table() -> None:
    instance = random_instance(*SEEING, seed=26)
    table = bptt.contribution_table(*arguments(instance))
    for function in ("explicit_sum", "explicit_matrix_sum"):
        found = gradients(function, instance)
        for name in instance.spec.recurrent_names:
            assert relative_error(found[name], as_table(table, name).sum(axis=(0, 1))) < RTOL, (function, name)


@pytest.mark.parametrize("many_to_one", [False, True])
def test_f_after_every_step_is_the_next_row_sum_of_the_table(many_to_one: bool) -> None:
    instance = random_instance(Spec(many_to_one=many_to_one), DEEP, seed=27)
    spec, params, x, y, h0 = arguments(instance)
    table = bptt.contribution_table(*arguments(instance))
    online = bptt.OnlineRTRL(spec, params, h0)
    for t in range(1, 6):
        online.step(x[t - 1], None if many_to_one and t < 5 else y if many_to_one else y[t - 1])
        for name in spec.recurrent_names:
            rows = as_table(table, name).sum(axis=1)[:t] / table.step_weight
            assert relative_error(online.gradients[name], rows.sum(axis=0)) < RTOL, (t, name)


def test_z_for_each_final_step_is_one_row_sum_of_the_table() -> None:
    instance = random_instance(*SEEING, seed=28)
    table, parts = bptt.contribution_table(*arguments(instance)), bptt.factors(*arguments(instance))
    for t in range(1, 6):
        derivative, to_start = bptt.state_derivative(*arguments(instance), t)
        for name, array in derivative.items():
            row = np.einsum("bi,bi...->...", parts.e(t), array)
            assert relative_error(row, table.arrays[name][t - 1].sum(axis=0)) < RTOL, (t, name)
        product = np.eye(3)
        for j in range(1, t + 1):
            product = parts.J(j) @ product
        assert relative_error(to_start, product) < RTOL


def test_d_and_p_are_column_sums_of_the_table() -> None:
    instance = random_instance(Spec("row", activation="identity"), DEEP, seed=29)
    table = bptt.contribution_table(*arguments(instance))
    result = bptt.delta_recursion(*arguments(instance))
    powers = bptt.matrix_powers(*arguments(instance))
    columns = as_table(table, "W").sum(axis=0)
    for k in range(1, 6):
        share = result.forward.h[k - 1].T @ result.da[k - 1]
        assert relative_error(share, columns[k - 1]) < RTOL, k
    assert relative_error(powers["W"], columns.sum(axis=0)) < RTOL


def test_of_a_linear_model_a_diagonal_of_the_table_is_one_matrix_power() -> None:
    instance = random_instance(Spec("col", activation="identity", time_weight="1"), DEEP, seed=30)
    table, parts = bptt.contribution_table(*arguments(instance)), bptt.factors(*arguments(instance))
    W, h = instance.params["W"], parts.states
    for lag in range(5):
        power = np.linalg.matrix_power(W, lag)
        expected = sum(np.einsum("bi,bc->ic", parts.e(t) @ power, h[t - lag - 1]) for t in range(lag + 1, 6))
        diagonal = sum(table.arrays["W"][t - 1, t - lag - 1] for t in range(lag + 1, 6))
        assert relative_error(diagonal, expected) < RTOL, lag


# ---- RTRL online ----


@pytest.mark.parametrize("spec", [Spec("col"), Spec("row", "sigmoid", "softmax", "softmax_ce", batch_reduction="mean")])
def test_rtrl_after_every_step_is_the_gradient_of_the_losses_so_far(spec: Spec) -> None:
    instance = random_instance(spec, DEEP, seed=31)
    _, params, x, y, h0 = arguments(instance)
    summed = Spec(**{**vars(spec), "time_weight": "1"})
    online = bptt.OnlineRTRL(spec, params, h0)
    for t in range(1, 6):
        J_t = online.step(x[t - 1], y[t - 1])
        so_far = complex_step(lambda p, t=t: bptt.forward(summed, p, x[:t], y[:t], h0).loss, params)
        past = bptt.forward(summed, params, x[:t], y[:t], h0)
        assert list(online.gradients) == list(spec.names)
        for name, gradient in so_far.items():
            assert relative_error(online.gradients[name], gradient) < RTOL, (t, name)
        assert relative_error(online.h, past.h[t]) < RTOL
        assert relative_error(J_t, past.step_losses[-1]) < RTOL
        assert relative_error(online.loss, past.loss) < RTOL
    assert online.t == 5


def test_rtrl_carries_the_total_derivative_of_the_state() -> None:
    instance = random_instance(*SEEING, seed=32)
    spec, params, x, y, h0 = arguments(instance)
    online = bptt.OnlineRTRL(spec, params, h0)
    for t in range(1, 6):
        assert online.step(x[t - 1]) is None
        truth = complex_step(lambda p, t=t: bptt.forward(spec, p, x, y, h0).h[t], params)
        for name in spec.recurrent_names:
            assert relative_error(online.S[name], truth[name]) < RTOL, (t, name)
    assert all(np.all(gradient == 0.0) for gradient in online.gradients.values())


def test_rtrl_names_the_step_that_does_not_fit_and_stays_where_it_was() -> None:
    spec, params, x, y, h0 = arguments(random_instance(Spec(), DEEP, seed=33))
    online = bptt.OnlineRTRL(spec, params, h0)
    online.step(x[0], y[0])
    with pytest.raises(SpecError, match=r"^step 2, taken as a sequence of one step: y at step 1 has shape \(3, 1\).*$"):
        online.step(x[1], y[1][:, :1])
    with pytest.raises(SpecError, match=r"^step 2, .*$"):
        online.step(x[1][:, :1])
    assert online.t == 1
    online.step(x[1], y[1])
    assert online.t == 2
    with pytest.raises(SpecError, match=r"^step 1, .* parameter 'V' is missing.*$"):
        bptt.OnlineRTRL(spec, {name: params[name] for name in "UWbc"}, h0).step(x[0])


# ---- the registry ----


def test_the_registry_names_every_family_with_its_cost() -> None:
    assert list(bptt.FAMILIES) == ["D", "E", "F", "Z", "P", "V"]
    assert bptt.LETTERS == "DEFZP", "V bounds norms and gives no gradient"
    for letter, family in bptt.FAMILIES.items():
        assert family.letter == letter
        assert family.title
        assert family.cost.startswith("O(")


@pytest.mark.parametrize("model", every_model()[::9], ids=name_of)
def test_a_family_that_the_registry_says_exists_gives_the_gradient_and_another_says_why_not(model: Model) -> None:
    instance = random_instance(*model, seed=34)
    expected = bptt.delta_recursion(*arguments(instance)).params
    for letter, family in bptt.FAMILIES.items():
        reason = family.why_not(model[0])
        if reason is None:
            found = family.gradients(*arguments(instance))
            assert all(relative_error(found[name], expected[name]) < RTOL for name in expected), letter
        else:
            assert letter in "PV"
            assert "\n" not in reason
            with pytest.raises(bptt.FamilyError) as error:
                family.gradients(*arguments(instance))
            assert str(error.value) == reason


def test_powers_say_in_one_line_why_they_do_not_exist_for_a_nonlinear_model() -> None:
    instance = random_instance(Spec(), DEEP, seed=35)
    with pytest.raises(bptt.FamilyError, match=r"^family P needs activation 'identity', this model has 'tanh': .*$"):
        bptt.matrix_powers(*arguments(instance))


class Counted(np.ndarray):
    """An array that counts the multiplications of entries it takes part in: by kind of operation."""

    tally: dict[str, int] = {}

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain_inputs = [np.asarray(each) for each in inputs]
        result = getattr(ufunc, method)(*plain_inputs, **options)
        times = plain_inputs[0].shape[-1] if ufunc is np.matmul else 1
        Counted.tally[ufunc.__name__] = Counted.tally.get(ufunc.__name__, 0) + np.size(result) * times
        return np.asarray(result).view(Counted)


@pytest.mark.parametrize("many_to_one", [False, True])
def test_z_takes_the_multiplications_that_its_cost_says(many_to_one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each loss step t: t products of m × m matrices, and t times z ∂⁺h_k/∂θ in O(m P), where P = m² + m d + m."""
    T, B, d, m, q = 5, 2, 3, 4, 2
    spec = Spec(many_to_one=True) if many_to_one else Spec()
    instance = random_instance(spec, Sizes(T, B, d, m, q), seed=37)
    made = bptt.products.factors

    def counted(*given: Any) -> bptt.Factors:
        parts = made(*given)
        return dataclasses.replace(parts, slopes=parts.slopes.view(Counted), states=parts.states.view(Counted))

    monkeypatch.setattr(bptt.products, "factors", counted)
    monkeypatch.setattr(Counted, "tally", {})
    found = bptt.reverse_products(*arguments(instance))
    assert relative_error(found["W"], bptt.delta_recursion(*arguments(instance)).params["W"]) < RTOL
    visits = T if many_to_one else T * (T + 1) // 2
    readout = len(spec.loss_steps(T)) * B * q * m
    assert Counted.tally["matmul"] == visits * B * m**3 + readout
    # J_k, and z times the slopes; then with h_{k−1} for W and x_k for U; the bias takes z as it is
    assert Counted.tally["multiply"] == visits * B * (2 * m**2 + m * m**2 + m * m * d)


def test_a_state_derivative_of_no_step_is_refused() -> None:
    instance = random_instance(Spec(), DEEP, seed=36)
    call: Callable[[int], object] = lambda t: bptt.state_derivative(*arguments(instance), t)  # noqa: E731
    for t in (0, 6):
        with pytest.raises(ValueError, match=rf"^t is {t}: the sequence has the steps 1 to 5$"):
            call(t)
