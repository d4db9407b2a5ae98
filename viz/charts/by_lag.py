"""How the gradient fades with the lag: of the states between its bounds, or of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_rnn import Flow, bptt, models

from ..reading.jacobians import Carried, carried, state_gradients, step_jacobians
from ..reading.naming import short_steps, step_words
from ..reading.tooltips import norm
from ..reading.words import symbol
from ..render import PictureError
from .chart import Chart, new_figure, plain, settings
from .curves import Curves
from .numbers import by_lag, contribution_arrays, quiet, swept, weights
from .palette import palette

Array = Any


@quiet
def lag_profile(
    flow: Flow, of: str = "states", weight: Any = None, *, model: models.Recording | None = None, theme: str = "light"
) -> Chart:
    """Norm of a gradient against the lag, on a log axis.

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives; `at=t` chooses the loss that states are followed from, else the last.
        of: "states": ‖∂J_T/∂S_{T−l}‖ of all that is carried, and of each state in it, between its bounds

                ‖e‖ Π σ_min(J_j)  ≤  ‖∂J_T/∂S_{T−l}‖  ≤  ‖e‖ Π σ_max(J_j),    J_j = ∂S_j/∂S_{j−1} off the tape;

            "weights": ‖w Σ_t C[t, t−l]‖, what comes from l steps back, and dashed the mean of ‖C[t, t−l]‖.
        weight: one weight's Var or name, for "weights".
        model: the `models.record(...)` that the flow is of: adds the bounds of its closed form, `bptt.jacobian_bounds`,
            by W and φ′ at this sequence, and (γ σ_max(W))^l for every sequence.
        theme: "light", "dark" or "print".

    Raises:
        PictureError: no flow, nothing carried, no marked loss, a model of another tape, matplotlib missing.
    """
    colours = palette(theme)
    swept(flow, "lag_profile")
    if of not in ("states", "weights"):
        raise PictureError(f"of={of!r}: must be 'states' or 'weights'")
    if model is not None and (not isinstance(model, models.Recording) or model.tape is not flow.tape):
        raise PictureError("model: must be the models.record(...) on whose tape the flow was made")
    with settings():
        figure = new_figure(8.0, 4.4, colours)
        curves = Curves(figure.add_subplot(), colours)
        if of == "states":
            title, told = _states(flow, curves, model)
        else:
            title, told = _weights(flow, curves, weight)
    return Chart(figure, title, told)


def _states(flow: Flow, curves: Curves, model: models.Recording | None) -> tuple[str, str]:
    state, last = carried(flow), followed(flow)
    rows = state_gradients(state, last)[::-1]
    lags = np.arange(len(rows))
    t = short_steps(flow.steps.order)[last]
    whole = np.array([norm(row) for row in rows])
    names = list(dict.fromkeys(name for here in state.names[: last + 1] for name in here))
    low, high, anchor = tape_bounds(state, rows)
    curves.between(lags[anchor:], low, high)
    curves.bound(lags[anchor:], high, "‖e‖ Π σ_max(J)")
    curves.bound(lags[anchor:], low, "‖e‖ Π σ_min(J)", (0, (1, 2)))
    if model is not None:
        bounds = _closed_bounds(model, last)
        curves.bound(lags, whole[0] * bounds[0], "‖e‖ Π max φ′ σ_max(W)", "-.")
        curves.bound(lags, whole[0] * bounds[1], "‖e‖ (γ σ_max(W))^lag", (0, (6, 1)))
    curves.add(lags, whole, "all that is carried" if len(names) > 1 else plain(symbol(names[0])))
    if len(names) > 1:
        for name in names[:5]:
            curves.add(lags, _of_state(state, rows, name), plain(symbol(name)), thin=True)
    title = f"How far back the loss of {step_words(flow.steps.order, last, 't = ')} reaches"
    curves.finish(f"lag {t} − k", f"‖∂J[{t}] / ∂ state of step k‖", title)
    far = whole[-1]
    fade = f"it is {whole[0]:.3g} at lag 0 and {far:.3g} at lag {len(whole) - 1}"
    states = ", ".join(plain(name) for name in names[:6])
    return title, f"Gradient norm of the carried state ({states}) against the lag: {fade}."


def followed(flow: Flow) -> int:
    """The step whose loss is followed: the flow's own, or the last that has one.

    Raises:
        PictureError: no loss is marked.
    """
    losses = flow.steps.losses
    if not losses:
        raise PictureError("no step loss is marked, so there is no lag; mark J_t with tinygrad_rnn.loss(value, t)")
    return max(losses) if flow.followed is None else flow.followed


def tape_bounds(state: Carried, rows: list[Array]) -> tuple[Array, Array, int]:
    """‖e‖ Π σ_min and ‖e‖ Π σ_max of the steps' Jacobians by lag, and the lag from which they hold.

    It is 0, or 1 where the loss also reads states of the step before, so that its gradient there is no e·J.
    """
    jacobians = step_jacobians(state)
    last = len(rows) - 1
    anchor = 0
    if last and norm(rows[0] @ jacobians[last - 1] - rows[1]) > 1e-9 * norm(rows[1]):
        anchor = 1
    low = [norm(rows[anchor])]
    high = [low[0]]
    for s in range(last - anchor, 0, -1):
        matrix = jacobians[s - 1]
        sigma = np.linalg.svd(matrix, compute_uv=False) if np.all(np.isfinite(matrix)) else np.array([np.nan])
        high.append(high[-1] * float(sigma[0] if sigma.size else 0.0))
        low.append(low[-1] * float(sigma[-1] if sigma.size and matrix.shape[0] <= matrix.shape[1] else 0.0))
    return np.array(low), np.array(high), anchor


def _of_state(state: Carried, rows: list[Array], name: str) -> Array:
    """‖∂J/∂(the newest state of a name)‖ by lag, NaN where the step has none."""
    result, last = [], len(rows) - 1
    for lag, row in enumerate(rows):
        s, start, found = last - lag, 0, np.nan
        for line, called in zip(state.lines[s], state.names[s], strict=True):
            size = np.size(state.flow.tape.lines[line][4])
            if called == name and np.isnan(found):
                found = norm(row[start : start + size])
            start += size
        result.append(np.nan if lag == 0 and found == 0 else found)  # the loss does not read it: not yet a gradient
    return np.array(result)


def _closed_bounds(model: models.Recording, last: int) -> tuple[Array, Array]:
    params = {name: leaf.value for name, leaf in model.params.items()}
    bounds = bptt.jacobian_bounds(model.spec, params, model.x.value, model.y.value, model.h0.value)
    upper = bounds.upper if bounds.upper.ndim == 2 else bounds.upper.max(axis=2)
    t = last + 1
    return upper[t, t:0:-1], bounds.uniform[t, t:0:-1]


def _weights(flow: Flow, curves: Curves, weight: Any) -> tuple[str, str]:
    chosen = weights(flow, weight)
    table = contribution_arrays(flow, chosen)
    told = []
    for w in chosen[:12]:
        sums, means = by_lag(flow, table[w.line])
        lags = np.arange(len(sums))
        if not np.any(sums[np.isfinite(sums)]) and weight is None:
            continue
        line = curves.add(lags, sums, w.name)
        if len(chosen) == 1:
            curves.bound(lags, means, "mean of the single ‖C[t, t−lag]‖")
        told.append(f"{w.name} {sums[0]:.3g} at lag 0, {sums[-1]:.3g} at lag {len(sums) - 1}")
        line.set_gid(f"weight-{len(told)}")
    more = f" (the first 12 of {len(chosen)} weights)" if len(chosen) > 12 else ""
    title = f"What comes from how far back{more}"
    curves.finish("lag t − k", "‖Σ over t of w_t C[t, t−lag]‖", title)
    return title, "Norm of the part of each weight's gradient that comes from lag steps back: " + "; ".join(told) + "."
