"""One forward pass serves arrays, complex arrays and Vars, and its recording differentiates to the closed form."""

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.agreement import arguments, as_lists, relative_error
from tests.cases import plain
from tests.specs import every_model, name_of
from tinygrad_rnn import bptt, models
from tinygrad_rnn.check import Instance, complex_step, random_instance
from tinygrad_rnn.spec import Sizes, Spec, SpecError

RTOL = 1e-12
DEEP = Sizes(T=5, B=3, d=2, m=3, q=2)


@pytest.mark.parametrize("model", every_model()[::3], ids=name_of)
def test_values_equal_a_plain_python_network(model: tuple[Spec, Sizes]) -> None:
    instance = random_instance(*model, seed=31)
    result, truth = models.forward(*arguments(instance)), plain.run(*as_lists(instance))
    for quantity in ("loss", "step_losses", "h", "a", "z", "out"):
        assert relative_error(getattr(result, quantity), np.array(getattr(truth, quantity)).real) < RTOL, quantity


@pytest.mark.parametrize("model", every_model()[1::3], ids=name_of)
def test_the_tape_gives_the_closed_forms_gradients(model: tuple[Spec, Sizes]) -> None:
    instance = random_instance(*model, seed=32)
    recording, closed = models.record(*arguments(instance)), bptt.delta_recursion(*arguments(instance))
    past = recording.forward
    groups = {"dh": past.h, "da": past.a, "dz": past.z}
    wanted = [*recording.params.values(), recording.x, *(v for group in groups.values() for v in group)]
    gradients = iter(recording.tape.grad(recording.loss, wanted))
    for name in recording.params:
        assert relative_error(next(gradients), closed.params[name]) < RTOL, name
    assert relative_error(next(gradients), closed.dx) < RTOL
    for quantity, group in groups.items():
        assert relative_error([next(gradients) for _ in group], getattr(closed, quantity)) < RTOL, quantity


@pytest.mark.parametrize("convention", ["col", "row"])
@pytest.mark.parametrize("many_to_one", [False, True])
def test_a_single_sample_needs_no_batch_axis(convention: str, many_to_one: bool) -> None:
    spec = Spec(convention, many_to_one=many_to_one)
    one = random_instance(spec, Sizes(5, 1, 2, 3, 2), seed=33)
    bare = Instance(spec, one.params, one.x[:, 0], one.y[0] if many_to_one else one.y[:, 0], one.h0[0])
    recording, closed = models.record(*arguments(bare)), bptt.delta_recursion(*arguments(one))
    gradients = recording.tape.grad(recording.loss, list(recording.params.values()))
    for name, gradient in zip(recording.params, gradients, strict=True):
        assert relative_error(gradient, closed.params[name]) < RTOL, name
    assert recording.forward.h[-1].shape == (3,)


@pytest.mark.parametrize("model", every_model()[2::9], ids=name_of)
def test_plain_arrays_may_be_complex(model: tuple[Spec, Sizes]) -> None:
    instance = random_instance(*model, seed=34)
    spec, params, x, y, h0 = arguments(instance)
    stepped = complex_step(lambda p: models.forward(spec, p, x, y, h0).loss, params)
    closed = bptt.delta_recursion(*arguments(instance)).params
    for name in spec.names:
        assert relative_error(stepped[name], closed[name]) < RTOL, name


def test_a_recording_reads_as_the_formulas() -> None:
    recording = models.record(*arguments(random_instance(Spec(), DEEP, seed=35)))
    tape, steps = recording.tape, tg.find_steps(recording.tape)
    assert [tape[v.index].name for v in recording.params.values()] == ["U", "W", "b", "V", "c"]
    assert [steps.label(v.index) for v in recording.forward.h] == ["h0", "h[1]", "h[2]", "h[3]", "h[4]", "h[5]"]
    assert [steps.label(v.index) for v in recording.forward.a[:2]] == ["a[1]", "a[2]"]
    assert [steps.label(v.index) for v in recording.forward.z[:2]] == ["z[1]", "z[2]"]
    assert [t for _, _, t in tape.losses] == [1, 2, 3, 4, 5]
    assert [line for line, _, _ in tape.losses] == [J.index for J in recording.forward.step_losses]
    assert list(steps.initial.values()) == [recording.h0.index]
    assert {tape[w].name for w in steps.weights} == {"U", "W", "b", "V", "c"}


def test_a_linear_model_has_an_h_beside_its_a() -> None:
    recording = models.record(*arguments(random_instance(Spec(activation="identity"), DEEP, seed=36)))
    steps = tg.find_steps(recording.tape)
    assert steps.label(recording.forward.a[2].index) == "a[3]"
    assert steps.label(recording.forward.h[3].index) == "h[3]"


def test_many_to_one_reads_out_and_marks_the_last_step_only() -> None:
    spec = Spec(activation="tanh", output_activation="sigmoid", loss="bce", time_weight="1", many_to_one=True)
    recording = models.record(*arguments(random_instance(spec, DEEP, seed=37)))
    assert [t for _, _, t in recording.tape.losses] == [5]
    assert len(recording.forward.z) == len(recording.forward.step_losses) == 1


def test_inputs_can_be_data_so_that_nothing_flows_back_to_them() -> None:
    instance = random_instance(Spec(), DEEP, seed=38)
    recording = models.record(*arguments(instance), differentiate_x=False)
    assert recording.tape[recording.x.index].fn == "data"
    assert recording.tape[recording.h0.index].fn == "var"
    assert recording.tape[recording.y.index].fn == "data"


def test_whole_number_targets_are_one_hot_rows_never_class_numbers() -> None:
    spec = Spec(output_activation="softmax", loss="softmax_ce")
    instance = random_instance(spec, DEEP, seed=39)
    rows = np.eye(2, dtype=int)[np.arange(15).reshape(5, 3) % 2]
    spec, params, x, _, h0 = arguments(instance)
    as_int, as_float = (models.forward(spec, params, x, y, h0).loss for y in (rows, rows.astype(float)))
    assert as_int == as_float == pytest.approx(float(bptt.forward(spec, params, x, rows, h0).loss), rel=RTOL)


def test_inputs_may_come_as_a_list_of_steps() -> None:
    instance = random_instance(Spec(), DEEP, seed=40)
    spec, params, x, y, h0 = arguments(instance)
    whole = models.forward(spec, params, x, y, h0).loss
    assert models.forward(spec, params, list(x), list(y), h0).loss == whole
    recording = models.record(spec, params, list(x), list(y), h0)
    assert recording.loss.value == whole


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_a_hessian_vector_product_is_the_complex_step_of_the_closed_forms_gradient(activation: str) -> None:
    spec = Spec("row", activation=activation, output_activation="softmax", loss="softmax_ce")
    instance = random_instance(spec, DEEP, seed=41)
    rng = np.random.default_rng(41)
    direction = {name: rng.normal(size=value.shape) for name, value in instance.params.items()}
    _, params, x, y, h0 = arguments(instance)

    def loss(theta: dict[str, Any]) -> Any:
        return models.forward(spec, theta, x, y, h0).loss

    product = tg.hvp(loss)(params, direction)
    ahead = {name: params[name] + 1e-30j * direction[name] for name in params}
    witness = bptt.delta_recursion(spec, ahead, x, y, h0).params
    for name in spec.names:
        assert relative_error(product[name], witness[name].imag / 1e-30) < 1e-10, name


def test_saturation_makes_no_nan() -> None:
    for output, loss in (("softmax", "softmax_ce"), ("sigmoid", "bce")):
        spec = Spec(output_activation=output, loss=loss)
        instance = random_instance(spec, DEEP, seed=42)
        params = {name: 1e3 * value for name, value in instance.params.items()}
        recording = models.record(spec, params, instance.x, instance.y, instance.h0)
        gradients = recording.tape.grad(recording.loss, list(recording.params.values()))
        assert np.isfinite(recording.loss.value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("call", [models.forward, models.record])
def test_what_does_not_fit_is_refused_in_one_line(call: Any) -> None:
    spec, params, x, y, h0 = arguments(random_instance(Spec(), DEEP, seed=43))
    with pytest.raises(SpecError, match=r"^x is an empty sequence: .*$"):
        call(spec, params, x[:0], y[:0], h0)
    with pytest.raises(SpecError, match=r"^x is an empty sequence: .*$"):
        call(spec, params, [], [], h0)
    with pytest.raises(SpecError, match=r"^x at step 3 has shape \(3, 1\): .*$"):
        call(spec, params, [x[0], x[1], x[2][:, :1], x[3], x[4]], y, h0)
    with pytest.raises(SpecError, match=r"^c \(output_bias\) has shape \(3,\): .*$"):
        call(spec, {**params, "c": np.zeros(3)}, x, y, h0)
