"""The δ recursion gives every derivative of the loss, for every kind of model."""

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


@pytest.mark.parametrize("model", every_model(), ids=name_of)
def test_every_gradient_equals_the_complex_step_of_a_plain_python_network(model: tuple[Spec, Sizes]) -> None:
    spec, sizes = model
    instance = random_instance(spec, sizes, seed=(7, sizes.T))
    result, given = bptt.delta_recursion(*arguments(instance)), as_lists(instance)
    words, params, x, y, h0 = given
    for name in spec.names:
        truth = plain.by_array(params[name], lambda p, name=name: plain.run(words, {**params, name: p}, x, y, h0).loss)
        assert relative_error(result.params[name], truth) < RTOL, name
    assert relative_error(result.dh, plain.by_values(*given, "h")) < RTOL
    assert relative_error(result.da, plain.by_values(*given, "a")) < RTOL
    assert relative_error(result.dz, plain.by_values(*given, "z")) < RTOL
    assert relative_error(result.dx, plain.by_array(x, lambda v: plain.run(words, params, v, y, h0).loss)) < RTOL


@pytest.mark.parametrize("model", every_model()[::5], ids=name_of)
def test_the_forward_pass_equals_the_plain_python_network(model: tuple[Spec, Sizes]) -> None:
    instance = random_instance(*model, seed=3)
    result, truth = bptt.forward(*arguments(instance)), plain.run(*as_lists(instance))
    for quantity in ("loss", "step_losses", "h", "a", "z", "out"):
        assert relative_error(getattr(result, quantity), np.array(getattr(truth, quantity)).real) < RTOL, quantity


@pytest.mark.parametrize("convention", ["col", "row"])
@pytest.mark.parametrize("many_to_one", [False, True])
def test_without_a_batch_axis_everything_is_as_for_a_batch_of_one(convention: str, many_to_one: bool) -> None:
    spec = Spec(convention, many_to_one=many_to_one)
    one = random_instance(spec, Sizes(5, 1, 2, 3, 2), seed=1)
    bare = Instance(spec, one.params, one.x[:, 0], one.y[0] if many_to_one else one.y[:, 0], one.h0[0])
    batched, single = bptt.delta_recursion(*arguments(one)), bptt.delta_recursion(*arguments(bare))
    for name in spec.names:
        np.testing.assert_array_equal(single.params[name], batched.params[name])
    for quantity in ("dh", "da", "dz", "dx"):
        np.testing.assert_array_equal(getattr(single, quantity), getattr(batched, quantity)[:, 0])
    np.testing.assert_array_equal(single.forward.h, batched.forward.h[:, 0])
    assert single.forward.loss == batched.forward.loss


def test_a_row_model_with_transposed_weights_has_the_column_models_gradients_transposed() -> None:
    column, row = Spec("col"), Spec("row")
    instance = random_instance(column, DEEP, seed=5)
    turned = {name: value.T if value.ndim == 2 else value[None] for name, value in instance.params.items()}
    first = bptt.delta_recursion(*arguments(instance))
    second = bptt.delta_recursion(row, turned, instance.x, instance.y, instance.h0)
    for name, gradient in first.params.items():
        expected = gradient.T if gradient.ndim == 2 else gradient[None]
        np.testing.assert_allclose(second.params[name], expected, rtol=RTOL)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
def test_the_gradient_is_complex_clean_so_its_complex_step_is_a_symmetric_hessian(activation: str) -> None:
    spec = Spec(activation=activation, output_activation="softmax", loss="softmax_ce")
    instance = random_instance(spec, Sizes(4, 2, 2, 3, 2), seed=2)

    def flat_gradient(params: dict[str, np.ndarray]) -> np.ndarray:
        gradients = bptt.delta_recursion(spec, params, instance.x, instance.y, instance.h0).params
        return np.concatenate([gradients[name].ravel() for name in spec.names])

    blocks = complex_step(flat_gradient, instance.params)
    hessian = np.concatenate([blocks[name].reshape(len(blocks[name]), -1) for name in spec.names], axis=1)
    assert relative_error(hessian, hessian.T) < RTOL
    assert np.linalg.norm(hessian) > 0.1


def test_saturated_losses_and_activations_stay_finite() -> None:
    for spec in (Spec(output_activation="softmax", loss="softmax_ce"), Spec(output_activation="sigmoid", loss="bce")):
        instance = random_instance(Spec(**{**vars(spec), "activation": "sigmoid"}), DEEP, seed=4)
        huge = {name: 1e4 * value for name, value in instance.params.items()}
        result = bptt.delta_recursion(spec, huge, 1e3 * instance.x, instance.y, instance.h0)
        assert np.isfinite(result.forward.loss)
        assert all(np.isfinite(gradient).all() for gradient in result.params.values())


def test_what_does_not_fit_is_refused_in_one_line_that_names_the_step_or_the_parameter() -> None:
    spec, instance = Spec(), random_instance(Spec(), DEEP, seed=0)
    _, params, x, y, h0 = arguments(instance)
    ragged = [*x[:3], x[3][:, :1], x[4]]
    with pytest.raises(SpecError, match=r"^x at step 4 has shape \(3, 1\).*$"):
        bptt.delta_recursion(spec, params, ragged, y, h0)
    with pytest.raises(SpecError, match=r"^x is an empty sequence: .*$"):
        bptt.delta_recursion(spec, params, [], y, h0)
    with pytest.raises(SpecError, match=r"^b \(hidden_bias\) has shape \(2,\).*$"):
        bptt.delta_recursion(spec, {**params, "b": np.zeros(2)}, x, y, h0)
    with pytest.raises(ValueError, match=r"^params holds 2 copies: .*5 steps$"):
        bptt.forward(spec, [params, params], x, y, h0)
    with pytest.raises(ValueError, match=r"^params is an empty sequence.*$"):
        bptt.forward(spec, [], x, y, h0)
