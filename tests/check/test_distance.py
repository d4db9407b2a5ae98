"""A relative error is measured in one way: by norms, from a reference, and never silently where shapes differ."""

import math

import numpy as np
import pytest

from tinygrad_rnn.check import relative_error


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        ([3.0, 4.5], [3.0, 4.0], 0.1),
        ([[0.0, 0.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 4.0]], 1.0),
        (2.0, 1.0, 1.0),
        (3.0 + 4.0j, 0.0 + 0.0j, 5e12),
        ([1e-23], [0.0], 1e-11),
        ([], [], 0.0),
    ],
)
def test_an_error_is_a_norm_relative_to_the_norm_of_the_reference(a: object, b: object, error: float) -> None:
    assert relative_error(a, b) == pytest.approx(error, rel=1e-12, abs=0.0)


def test_other_shapes_are_infinitely_far_although_they_could_be_broadcast() -> None:
    assert relative_error(np.ones(2), np.ones((1, 2))) == math.inf
    assert relative_error(1.0, np.ones(3)) == math.inf


def test_what_is_not_a_number_is_not_near() -> None:
    assert math.isnan(relative_error([math.nan, 1.0], [1.0, 1.0]))
    assert not relative_error([math.inf], [1.0]) <= 1e-10
