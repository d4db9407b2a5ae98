"""Compare arrays as the project does, and describe a Spec in the words that the plain network of tests/cases reads."""

from typing import Any

from tinygrad_rnn.check import Instance, relative_error
from tinygrad_rnn.spec import Spec

__all__ = ["arguments", "as_lists", "in_words", "relative_error"]


def in_words(spec: Spec) -> dict[str, Any]:
    """The model as the case schema has it."""
    return {
        "convention": spec.convention,
        "activation": spec.activation,
        "output_activation": spec.output_activation,
        "loss": spec.loss,
        "time_weight": spec.time_weight,
        "batch_reduction": spec.batch_reduction,
        "many_to_one": spec.many_to_one,
        "roles": dict(spec.roles),
    }


def as_lists(instance: Instance) -> tuple[Any, ...]:
    """(model, params, x, y, h0) for tests.cases.plain."""
    params = {name: value.tolist() for name, value in instance.params.items()}
    return in_words(instance.spec), params, instance.x.tolist(), instance.y.tolist(), instance.h0.tolist()


def arguments(instance: Instance) -> tuple[Any, ...]:
    """(spec, params, x, y, h0), as every function of the package takes them."""
    return instance.spec, instance.params, instance.x, instance.y, instance.h0
