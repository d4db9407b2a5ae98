"""Singular values of products of Jacobians against the lag: which directions of a state survive how many steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_rnn import Flow, bptt

from ..reading.jacobians import carried, step_jacobians, total_jacobians
from ..reading.words import SUBSCRIPTS
from ..render import PictureError
from .chart import Chart, new_figure, plain, settings
from .curves import Curves
from .numbers import quiet, swept
from .palette import palette

Array = Any
MOST_LAGS = 60  # points of a curve; each is a product of its own
MOST_CURVES = 12


@quiet
def jacobian_spectrum(flow: Flow, state: str | None = None, *, theme: str = "light") -> Chart:
    """The singular values of ∂S_T/∂S_k = J_T J_{T−1} … J_{k+1} against the lag T − k, on a log axis.

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives; any recorded cell.
        state: None takes all that is carried as one state S (h and c of an LSTM), and keeps small singular values to
            high relative accuracy (`bptt.log_singular_values`); the name of one state, "h", takes ∂h_T/∂h_k by every
            road, where values below 1e-13 of the largest are rounding noise and left out.
        theme: "light", "dark" or "print".

    Raises:
        PictureError: no flow, nothing carried, fewer than two steps, no such state or theme, matplotlib missing.
    """
    colours = palette(theme)
    swept(flow, "jacobian_spectrum")
    lags, logs = singular_values(flow, state)
    if logs.size == 0:
        raise PictureError("jacobian_spectrum: at least two steps with a carried state that has numbers are needed")
    name = "the carried state" if state is None else plain(state)
    title = f"Singular values of ∂S/∂S over the lag, {name}"
    curves_at = np.unique(np.linspace(0, logs.shape[1] - 1, min(MOST_CURVES, logs.shape[1])).round().astype(int))
    with settings():
        figure = new_figure(8.0, 4.4, colours)
        curves = Curves(figure.add_subplot(), colours)
        ramp = colours.curve_map()
        for i in curves_at:
            strength = 1.0 - i / max(1, logs.shape[1] - 1)
            curves.add(lags, np.exp(logs[:, i]), f"σ{str(i + 1).translate(SUBSCRIPTS)}", colour=ramp(strength))
        curves.bound(lags, np.ones(len(lags)), "1: neither grows nor dies", ":")
        curves.finish("lag T − k", "singular values of J[T] … J[k+1]", title)
    ends = " and ".join(f"{np.exp(logs[i, 0]):.3g} at lag {lags[i]}" for i in dict.fromkeys((0, len(lags) - 1)))
    return Chart(figure, title, f"{title}: the largest is {ends}.")


def singular_values(flow: Flow, state: str | None = None) -> tuple[Array, Array]:
    """Lags, and the logarithms of the singular values, (lags, directions), descending; NaN where unknown.

    Raises:
        PictureError: as for `jacobian_spectrum`.
    """
    if flow.steps.losses:  # T is the last step: what a truncation cuts for an earlier loss is not cut here
        flow = replace(flow, follow=flow.follows(max(flow.steps.losses)))
    if state is not None:
        if not isinstance(state, str):
            raise PictureError(f"state={state!r}: must be the name of a carried state, or None for all that is carried")
        found, matrices = total_jacobians(flow, state)
        return np.array(found[1:]), _table([_logs(matrix) for matrix in matrices[1:]])
    jacobians = step_jacobians(carried(flow))
    if not all(np.all(np.isfinite(matrix)) for matrix in jacobians):
        raise PictureError("jacobian_spectrum: a Jacobian holds NaN or infinity; look at the forward pass first")
    lags: Array = np.unique(np.linspace(1, len(jacobians), min(MOST_LAGS, len(jacobians))).round().astype(int))
    square = len({size for matrix in jacobians for size in matrix.shape}) == 1
    rows = []
    for lag in lags:
        part = jacobians[len(jacobians) - lag :]
        rows.append(np.asarray(bptt.log_singular_values(np.array(part))) if square else _logs(_product(part)))
    return np.asarray(lags), _table(rows)


def _product(matrices: list[Array]) -> Array:
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matrix @ product
    return product


def _logs(matrix: Array) -> Array:
    """The log σ of a matrix; −∞ for 0, NaN for what rounding hides."""
    if not np.all(np.isfinite(matrix)):
        return np.full(min(matrix.shape), np.nan)
    sigma = np.linalg.svd(matrix, compute_uv=False)
    hidden = (sigma > 0) & (sigma < 1e-13 * np.max(sigma, initial=0.0))
    with np.errstate(divide="ignore"):
        return np.where(hidden, np.nan, np.log(sigma))


def _table(rows: list[Array]) -> Array:
    wide = max((len(row) for row in rows), default=0)
    return np.array([np.concatenate([row, np.full(wide - len(row), np.nan)]) for row in rows]).reshape(len(rows), wide)
