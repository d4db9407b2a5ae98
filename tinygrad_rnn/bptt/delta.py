"""Family D: backpropagation through time as the backward recursion of δ_t = dL/da_t, O(T) in time and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec import Spec
from .forward import PHI_PRIME, Array, Forward, forward, prepare, step_loss_gradient


@dataclass(frozen=True)
class Gradients:
    """dL by everything; shapes as in `Forward`.

    Attributes:
        params: name -> dL/dθ, shaped like θ.
        dh: (T + 1, B, m), total dL/dh_t; dh[0] = dL/dh_0.
        da: (T, B, m), δ_t = dL/da_t.
        dz: (R, B, q), ε_t = dL/dz_t.
        dx: (T, B, d), dL/dx_t.
        forward: the forward pass that was differentiated.
    """

    params: dict[str, Array]
    dh: Array
    da: Array
    dz: Array
    dx: Array
    forward: Forward


def delta_recursion(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> Gradients:
    """Every gradient of L by one pass from T down to 1, in row vectors (δ_{T+1} = 0, w the weight of J_t in L).

        ε_t = w ∂J_t/∂z_t                        (0 where step t has no loss)
        h̄_t = ε_t Vᵀ + δ_{t+1} Wᵀ                (h̄_0 = δ_1 Wᵀ)
        δ_t = h̄_t ⊙ φ′(a_t)
        dU = Σ x_tᵀ δ_t,  dW = Σ h_{t−1}ᵀ δ_t,  db = Σ δ_t,  dV = Σ h_tᵀ ε_t,  dc = Σ ε_t,  dx_t = δ_t Uᵀ

    Sums run over t and over the batch. Convention "col" stores U, W, V and their gradients transposed.

    Raises:
        SpecError: an array does not fit the model.
    """
    run, past = prepare(spec, params, x, y, h0), forward(spec, params, x, y, h0)
    U, W, V = (run.weights[0][role] for role in ("input", "recurrent", "output"))
    a, h, z = (array if run.batched else array[:, None] for array in (past.a, past.h, past.z))
    weight = run.step_weight * run.batch_weight
    epsilon = {
        t: weight * step_loss_gradient(spec, z_t, run.y[t]) for t, z_t in zip(run.loss_steps, z, strict=True)
    }
    h_bars: list[Array] = []
    deltas: list[Array] = []
    delta = np.zeros_like(run.h0)
    for t in range(run.sizes.T, 0, -1):
        h_bar = delta @ W.T
        if t in epsilon:
            h_bar = h_bar + epsilon[t] @ V.T
        delta = h_bar * PHI_PRIME[spec.activation](a[t - 1])
        h_bars.append(h_bar)
        deltas.append(delta)
    h_bars.append(delta @ W.T)
    h_bars.reverse()
    deltas.reverse()

    steps = range(1, run.sizes.T + 1)
    by_role = {
        "input":       sum(run.x[t - 1].T @ deltas[t - 1] for t in steps),
        "recurrent":   sum(h[t - 1].T @ deltas[t - 1] for t in steps),
        "hidden_bias": sum(deltas[t - 1].sum(axis=0) for t in steps),
        "output":      sum(h[t].T @ epsilon[t] for t in epsilon),
        "output_bias": sum(epsilon[t].sum(axis=0) for t in epsilon),
    }
    return Gradients(
        params=as_given(spec, params, by_role),
        dh=run.like_given(np.stack(h_bars)),
        da=run.like_given(np.stack(deltas)),
        dz=run.like_given(np.stack([epsilon[t] for t in run.loss_steps])),
        dx=run.like_given(np.stack([delta @ U.T for delta in deltas])),
        forward=past,
    )


def as_given(spec: Spec, params: Mapping[str, Any], by_role: Mapping[str, Any]) -> dict[str, Array]:
    """Gradients by parameter name, in the orientation and shape in which the parameters were given."""
    gradients = {}
    for name, role in spec.roles:
        if role in by_role:
            array = np.asarray(by_role[role])
            transpose = spec.convention == "col" and not role.endswith("bias")
            gradients[name] = array.T if transpose else array.reshape(np.shape(params[name]))
    return gradients
