"""Differentiate a function numerically: by the complex step, exact to rounding, and by central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = Any  # an ndarray or a NumPy scalar, real or complex
Function = Callable[[dict[str, Array]], Any]

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-6


def complex_step(function: Function, arrays: Mapping[str, Any]) -> dict[str, Array]:
    """Gradient of an analytic function: g_i = Im f(θ + 1e−30·i·e_i) / 1e−30 (no subtraction, so no cancellation).

    Args:
        function: takes name -> array, real or complex, and gives a scalar or an array; it must be complex-clean: no
            abs, no conjugate, no buffer of floats, comparisons by the real part.
        arrays: name -> array, the point θ.

    Returns:
        name -> array of shape (shape of the result, shape of θ).
    """
    point = _arrays(arrays)

    def partial(name: str, index: tuple[int, ...]) -> Array:
        moved = point[name].astype(complex)
        moved[index] += 1j * COMPLEX_STEP
        return np.asarray(function({**point, name: moved})).imag / COMPLEX_STEP

    return _entry_by_entry(partial, point)


def central_differences(function: Function, arrays: Mapping[str, Any], step: float = CENTRAL_STEP) -> dict[str, Array]:
    """Gradient by (f(θ + step·e_i) − f(θ − step·e_i)) / (2·step): good to about 1e−9, for functions of reals only."""
    point = _arrays(arrays)

    def value(name: str, index: tuple[int, ...], distance: float) -> Array:
        moved = point[name].astype(float)
        moved[index] += distance
        return np.asarray(function({**point, name: moved}))

    def partial(name: str, index: tuple[int, ...]) -> Array:
        return np.asarray((value(name, index, step) - value(name, index, -step)) / (2.0 * step))

    return _entry_by_entry(partial, point)


def _arrays(arrays: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(value) for name, value in arrays.items()}


def _entry_by_entry(
    partial: Callable[[str, tuple[int, ...]], Array], point: Mapping[str, Array]
) -> dict[str, Array]:
    gradients = {}
    for name, value in point.items():
        columns = np.stack([partial(name, index) for index in np.ndindex(value.shape)], axis=-1)
        gradients[name] = columns.reshape(columns.shape[:-1] + value.shape)
    return gradients
