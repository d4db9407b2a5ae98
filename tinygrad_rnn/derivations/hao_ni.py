"""The derivation of Hao Ni (UCL, The Alan Turing Institute), "Backpropagation through time of RNN".

    s_t = h(U x_t + W s_{t−1}),   o_t = g(V s_t),   E_t = ‖o_t − y_t‖₂²,   L = Σ_t E_t

Column vectors, no biases, a plain sum over time. The slides accumulate a matrix z = ∂s_T/∂s_t backwards, one step off
as printed; carrying the row vector ∂L/∂s_t instead of z gives the δ-form below, which serves all t in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..spec import Spec

Array = Any  # an ndarray or a NumPy scalar, real or complex

TITLE = "Hao Ni, Backpropagation through time of RNN"
_ROLES = (("U", "input"), ("W", "recurrent"), ("V", "output"))
SPECS = (
    Spec("col", "tanh", "tanh", "sq_err", "1", "sum", False, _ROLES),
    Spec("col", "tanh", "identity", "sq_err", "1", "sum", False, _ROLES),
    Spec("col", "sigmoid", "sigmoid", "sq_err", "1", "mean", False, _ROLES),
)


def covers(spec: Spec) -> bool:
    """Whether the model is the slides', with element-wise g and h among tanh, sigmoid and identity."""
    words = (spec.convention, spec.loss, spec.time_weight, spec.many_to_one)
    return (
        dict(spec.roles) == dict(_ROLES)
        and words == ("col", "sq_err", "1", False)
        and spec.activation in FUNCTIONS
        and spec.output_activation in FUNCTIONS
    )


def gradients(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """dL/dU, dL/dW, dL/dV for x (T, B, d), y (T, B, e), s_0 = h0 (B, n₁), sample by sample."""
    per_sample = [_one_sample(spec, params, x[:, i], y[:, i], h0[i]) for i in range(len(h0))]
    scale = 1.0 / len(h0) if spec.batch_reduction == "mean" else 1.0
    return {name: scale * sum(g[name] for g in per_sample) for name, _ in _ROLES}


def _one_sample(spec: Spec, params: Mapping[str, Any], x: Array, y: Array, s_0: Array) -> dict[str, Array]:
    """δ-form (003.delta) and the homework of the slides (003.doV).

    003.dEdo   ∂E_t/∂o_t = 2(o_t − y_t)
    003.delta  δ_t = (Wᵀ δ_{t+1} + Vᵀ(2(o_t − y_t) ⊙ g′(V s_t))) ⊙ h′(U x_t + W s_{t−1})
    003.dEdV   dV = Σ_t (2(o_t − y_t) ⊙ g′(V s_t)) s_tᵀ,   dU = Σ δ_t x_tᵀ,   dW = Σ δ_t s_{t−1}ᵀ
    """
    U, W, V = (np.asarray(params[name]) for name, _ in _ROLES)
    h, h_prime = FUNCTIONS[spec.activation]
    g, g_prime = FUNCTIONS[spec.output_activation]
    T = len(x)
    s = {0: s_0}
    for t in range(1, T + 1):
        s[t] = h(U @ x[t - 1] + W @ s[t - 1])

    dU, dW, dV = 0.0 * U, 0.0 * W, 0.0 * V
    delta = 0.0 * s_0
    for t in range(T, 0, -1):
        dE_do = 2.0 * (g(V @ s[t]) - y[t - 1])
        through_g = dE_do * g_prime(V @ s[t])
        delta = (W.T @ delta + V.T @ through_g) * h_prime(U @ x[t - 1] + W @ s[t - 1])
        dV = dV + np.outer(through_g, s[t])
        dU = dU + np.outer(delta, x[t - 1])
        dW = dW + np.outer(delta, s[t - 1])
    return {"U": dU, "W": dW, "V": dV}


# the slides' element-wise functions with their derivatives
FUNCTIONS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":     (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "sigmoid":  (lambda a: (1.0 + np.tanh(a / 2.0)) / 2.0, lambda a: (1.0 - np.tanh(a / 2.0) ** 2) / 4.0),
    "identity": (lambda a: a, lambda a: np.ones(a.shape)),
}
