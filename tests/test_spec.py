"""A Spec holds plain words, and refuses in one line what does not fit together."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tinygrad_rnn.spec import Sizes, Spec, SpecError, measure

UNBIASED = (("U", "input"), ("W", "recurrent"), ("V", "output"))


def test_a_spec_is_a_frozen_value_of_plain_words() -> None:
    assert Spec() == Spec()
    assert hash(Spec("row")) == hash(Spec("row")) != hash(Spec("col"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Spec().loss = "bce"  # type: ignore[misc]
    for value in vars(Spec()).values():
        assert isinstance(value, str | bool | tuple)


def test_roles_find_parameters_and_those_inside_the_recurrence() -> None:
    spec = Spec(roles=(("w_h", "recurrent"), ("w_i", "input"), ("beta", "hidden_bias"), ("w_o", "output")))
    assert spec.names == ("w_h", "w_i", "beta", "w_o")
    assert spec.recurrent_names == ("w_h", "w_i", "beta")
    assert (spec.name("input"), spec.name("output_bias")) == ("w_i", None)


def test_loss_steps_are_all_of_them_or_the_last_counted_from_one() -> None:
    assert Spec().loss_steps(3) == (1, 2, 3)
    assert Spec(many_to_one=True).loss_steps(3) == (3,)
    assert Spec().step_weight(4) == 0.25
    assert Spec(time_weight="1").step_weight(4) == 1.0


def test_shapes_follow_the_convention() -> None:
    sizes = Sizes(T=4, B=2, d=5, m=3, q=2)
    column = [Spec("col").shape(name, sizes) for name in "UWbVc"]
    assert column == [(3, 5), (3, 3), (3,), (2, 3), (2,)]
    assert [Spec("row").shape(name, sizes) for name in "UWbVc"] == [shape[::-1] for shape in column]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"convention": "column"}, r"^convention is 'column': it must be one of col, row$"),
        ({"activation": "gelu"}, r"^activation is 'gelu': it must be one of tanh, sigmoid, identity, relu$"),
        ({"output_activation": "relu"}, r"^output_activation is 'relu': .*$"),
        ({"loss": "hinge"}, r"^loss is 'hinge': .*$"),
        ({"time_weight": 1}, r"^time_weight is 1: .*$"),
        ({"batch_reduction": "max"}, r"^batch_reduction is 'max': .*$"),
        ({"many_to_one": 1}, r"^many_to_one is 1: it must be True or False$"),
        ({"loss": "bce"}, r"^loss 'bce' cannot follow output_activation 'identity': use 'sigmoid'$"),
        ({"loss": "softmax_ce", "output_activation": "tanh"}, r"^loss 'softmax_ce' .*: use 'softmax' or 'identity'$"),
        ({"roles": UNBIASED[:2]}, r"^no parameter has the role 'output': .*$"),
        ({"roles": (*UNBIASED, ("X", "input"))}, r"^role 'input' is given twice: .*$"),
        ({"roles": (*UNBIASED, ("U", "hidden_bias"))}, r"^parameter 'U' is listed twice: .*$"),
        ({"roles": (*UNBIASED, ("b", "bias"))}, r"^role of parameter 'b' is 'bias': .*$"),
        ({"roles": {"U": "input"}}, r"^roles is .*: it must be a tuple of pairs \(parameter name, role\)$"),
        ({"roles": (*UNBIASED, ("", "hidden_bias"))}, r"^parameter name '' .*$"),
    ],
)
def test_words_that_contradict_each_other_are_refused_in_one_line(words: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Spec(**words)


def fitting(**changes: Any) -> dict[str, Any]:
    """Arguments of measure that fit (T = 4, B = 2, d = 5, m = 3, q = 2), some of them changed."""
    shapes = {"U": (3, 5), "W": (3, 3), "b": (3,), "V": (2, 3), "c": (2,)}
    arrays = {
        "params": {name: np.zeros(shape) for name, shape in shapes.items()},
        "x": np.zeros((4, 2, 5)),
        "y": np.zeros((4, 2, 2)),
        "h0": np.zeros((2, 3)),
    }
    params = changes.pop("params", {})
    arrays["params"].update(params)
    return {**arrays, **changes}


def test_sizes_are_read_off_the_arrays() -> None:
    assert measure(Spec(), **fitting()) == Sizes(4, 2, 5, 3, 2)
    bare = fitting(x=np.zeros((4, 5)), y=np.zeros((4, 2)), h0=np.zeros(3))
    assert measure(Spec(), **bare) == Sizes(4, None, 5, 3, 2)
    assert measure(Spec(many_to_one=True), **fitting(y=np.zeros((2, 2)))) == Sizes(4, 2, 5, 3, 2)
    assert measure(Spec(), **fitting(params={"b": np.zeros((1, 3))})).m == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.zeros((0, 2, 5))}, r"^x is an empty sequence: give at least one time step$"),
        ({"x": np.zeros(())}, r"^x is a scalar: its first axis must be time$"),
        ({"x": np.zeros((4, 1, 2, 5))}, r"^x at step 1 has shape \(1, 2, 5\): .*$"),
        ({"x": np.zeros((4, 0, 5))}, r"^x holds no sample: .*$"),
        ({"x": [np.zeros((2, 5)), np.zeros((2, 4))]}, r"^x at step 2 has shape \(2, 4\): U .* need \(2, 5\)$"),
        ({"x": np.zeros((4, 2, 6))}, r"^x at step 1 has shape \(2, 6\): U and the other steps need \(2, 5\)$"),
        ({"y": np.zeros((3, 2, 2))}, r"^y has 3 steps and x has 4: .*$"),
        ({"y": np.zeros((4, 2, 3))}, r"^y at step 1 has shape \(2, 3\): V and x need \(2, 2\)$"),
        ({"h0": np.zeros(3)}, r"^h0 has shape \(3,\): W and x need \(2, 3\)$"),
        ({"params": {"W": np.zeros((3, 2))}}, r"^W \(recurrent\) has shape \(3, 2\): .* it must be \(3, 3\)$"),
        ({"params": {"W": np.zeros(3)}}, r"^W has shape \(3,\): an? recurrent weight is a matrix.*$"),
        ({"params": {"b": np.zeros((2, 3))}}, r"^b \(hidden_bias\) has shape \(2, 3\): .* \(1, 3\) or \(3,\)$"),
        ({"params": {"V": np.zeros((2, 4))}}, r"^V \(output\) has shape \(2, 4\): .*$"),
        ({"params": {"bias": np.zeros(3)}}, r"^parameter 'bias' is unknown: the model has U, W, b, V, c$"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name_and_step(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        measure(Spec(), **fitting(**changes))


def test_a_missing_parameter_and_a_bad_target_of_many_to_one_are_named() -> None:
    arrays = fitting()
    del arrays["params"]["V"]
    with pytest.raises(SpecError, match=r"^parameter 'V' is missing: .*$"):
        measure(Spec(), **arrays)
    with pytest.raises(SpecError, match=r"^y has shape \(4, 2, 2\): many_to_one .* it must be \(2, 2\)$"):
        measure(Spec(many_to_one=True), **fitting())
