"""Witnesses that know nothing of the tape: the complex step, and differences where a function is not analytic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def complex_step(function: Callable[[Any], Any], x: Any) -> Any:
    """D function / d x, of shape result.shape + x.shape, exact to rounding: Im f(x + i·1e−30) / 1e−30."""
    x = np.asarray(x)
    columns = []
    for place in np.ndindex(x.shape):
        z = x.astype(complex)
        z[place] += 1e-30j
        columns.append(np.asarray(function(z)).imag / 1e-30)
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)


def differences(function: Callable[[Any], Any], x: Any, step: float = 1e-6) -> Any:
    """D function / d x by central differences."""
    columns = []
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        columns.append((np.asarray(function(up)) - np.asarray(function(down))) / (2 * step))
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)
