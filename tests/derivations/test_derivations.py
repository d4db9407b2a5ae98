"""Each published derivation, in its own letters, gives the gradients of its own model."""

import dataclasses

import numpy as np
import pytest

from tests.agreement import arguments, as_lists, relative_error
from tests.cases import plain
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.derivations import DERIVATIONS, covering
from tinygrad_rnn.spec import Sizes, Spec

RTOL = 1e-12
SHAPES = [  # (T, B, d, m), h0 = 0
    ((1, 1, 2, 3), True),
    ((1, 3, 1, 2), False),
    ((2, 1, 3, 2), True),
    ((4, 3, 2, 3), False),
    ((7, 1, 2, 2), False),
    ((5, 2, 2, 1), True),
]
MODELS = [(name, spec) for name, derivation in DERIVATIONS.items() for spec in derivation.specs]
IDS = [f"{name}-{spec.activation}-{spec.output_activation}-{spec.loss}" for name, spec in MODELS]


@pytest.mark.parametrize(("shape", "zero_h0"), SHAPES, ids=str)
@pytest.mark.parametrize(("name", "spec"), MODELS, ids=IDS)
def test_a_transcription_gives_the_complex_step_of_a_plain_python_network(
    name: str, spec: Spec, shape: tuple[int, int, int, int], zero_h0: bool
) -> None:
    sizes = Sizes(*shape, q=1 if spec.many_to_one else 3)
    instance = random_instance(spec, sizes, seed=(21, *shape), zero_h0=zero_h0)
    words, params, x, y, h0 = as_lists(instance)
    gradients = DERIVATIONS[name].gradients(*arguments(instance))
    assert set(gradients) == set(spec.names)
    for parameter in spec.names:
        truth = plain.by_array(
            params[parameter], lambda p, n=parameter: plain.run(words, {**params, n: p}, x, y, h0).loss
        )
        assert relative_error(gradients[parameter], truth) < RTOL, parameter


@pytest.mark.parametrize(("name", "spec"), MODELS, ids=IDS)
def test_a_source_is_found_by_its_model_and_not_by_another(name: str, spec: Spec) -> None:
    found = covering(spec)
    assert found is not None
    assert found.name == name
    other = "row" if spec.convention == "col" else "col"
    assert covering(dataclasses.replace(spec, convention=other)) is None
    renamed = tuple((parameter + "x", role) for parameter, role in spec.roles)
    assert covering(dataclasses.replace(spec, roles=renamed)) is None


def test_biases_keep_the_shape_in_which_the_rows_of_stackexchange_have_them() -> None:
    spec = DERIVATIONS["stackexchange"].specs[0]
    instance = random_instance(spec, Sizes(4, 3, 2, 3, 2), seed=22)
    rows = {name: value[None] if value.ndim == 1 else value for name, value in instance.params.items()}
    gradients = DERIVATIONS["stackexchange"].gradients(spec, rows, instance.x, instance.y, instance.h0)
    assert gradients["b"].shape == (1, 3)
    assert gradients["c"].shape == (1, 2)


def test_with_one_step_and_no_initial_state_w_gets_exactly_nothing() -> None:
    for derivation in DERIVATIONS.values():
        spec = derivation.specs[0]
        instance = random_instance(spec, Sizes(1, 2, 2, 3, 1 if spec.many_to_one else 2), seed=23, zero_h0=True)
        recurrent = spec.name("recurrent")
        assert recurrent is not None
        assert np.all(derivation.gradients(*arguments(instance))[recurrent] == 0.0), derivation.name
