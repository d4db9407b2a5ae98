"""The derivation of 1Cademy, "RNN Backpropagation Formulas" (2020): column vectors, biases, J averaged over time.

    h^(t) = g₁(W h^(t−1) + U x^(t) + b_h),  ŷ^(t) = g₂(V h^(t) + b_y),  J^(t) = 𝓛(ŷ^(t), y^(t)),  J = (1/T) Σ_t J^(t)

The source prints ⊕ for the + between W h and U x. It leaves g₁, g₂, 𝓛 open and gives the sum over k of Jacobian
products; its δ-form below is the completion. One sequence at a time, as there; a batch is a sum (or mean) of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..spec import Spec

Array = Any  # an ndarray or a NumPy scalar, real or complex

TITLE = "1Cademy, RNN Backpropagation Formulas, 2020"
_ROLES = (("U", "input"), ("W", "recurrent"), ("b_h", "hidden_bias"), ("V", "output"), ("b_y", "output_bias"))
SPECS = (
    Spec("col", "tanh", "softmax", "softmax_ce", "1/T", "sum", False, _ROLES),
    Spec("col", "tanh", "tanh", "sq_err", "1/T", "sum", False, _ROLES),
    Spec("col", "sigmoid", "identity", "half_mse", "1/T", "mean", False, _ROLES),
)


def covers(spec: Spec) -> bool:
    """Whether the source's model, with these g₁, g₂ and 𝓛, is this one."""
    return (
        dict(spec.roles) == dict(_ROLES)
        and (spec.convention, spec.time_weight, spec.many_to_one) == ("col", "1/T", False)
        and spec.activation in G1
        and (spec.output_activation, spec.loss) in EPSILON
    )


def gradients(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """dJ/dU, dJ/dW, dJ/db_h, dJ/dV, dJ/db_y, for x (T, B, d), y (T, B, q), h0 (B, m)."""
    n = len(h0)
    per_sequence = [_one_sequence(spec, params, x[:, i], y[:, i], h0[i]) for i in range(n)]
    scale = 1.0 / n if spec.batch_reduction == "mean" else 1.0
    return {name: scale * sum(g[name] for g in per_sequence) for name, _ in _ROLES}


def _one_sequence(spec: Spec, params: Mapping[str, Any], x: Array, y: Array, h0: Array) -> dict[str, Array]:
    """δ-form (000.delta), with ε_t = (∂J^(t)/∂ŷ^(t) · ∂ŷ^(t)/∂z^(t))ᵀ and z^(t) = V h^(t) + b_y.

    h̄_t = Vᵀ ε_t / T + Wᵀ δ_{t+1},   δ_t = g₁′(a_t) ⊙ h̄_t,   δ_{T+1} = 0
    dW = Σ δ_t h^(t−1)ᵀ,  dU = Σ δ_t x^(t)ᵀ,  db_h = Σ δ_t,  dV = (1/T) Σ ε_t h^(t)ᵀ,  db_y = (1/T) Σ ε_t
    """
    U, W, b_h, V, b_y = (np.asarray(params[name]) for name, _ in _ROLES)
    g1, g1_prime = G1[spec.activation]
    epsilon_of = EPSILON[spec.output_activation, spec.loss]
    T = len(x)
    h, a, epsilon = {0: h0}, {}, {}
    for t in range(1, T + 1):
        a[t] = W @ h[t - 1] + U @ x[t - 1] + b_h
        h[t] = g1(a[t])
        epsilon[t] = epsilon_of(V @ h[t] + b_y, y[t - 1])

    delta = {T + 1: np.zeros_like(h0)}
    for t in range(T, 0, -1):
        h_bar = V.T @ epsilon[t] / T + W.T @ delta[t + 1]
        delta[t] = g1_prime(a[t]) * h_bar
    steps = range(1, T + 1)
    return {
        "U": sum(np.outer(delta[t], x[t - 1]) for t in steps),
        "W": sum(np.outer(delta[t], h[t - 1]) for t in steps),
        "b_h": sum(delta[t] for t in steps),
        "V": sum(np.outer(epsilon[t], h[t]) for t in steps) / T,
        "b_y": sum(epsilon[t] for t in steps) / T,
    }


def _sigma(a: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def _softmax(z: Array) -> Array:
    e = np.exp(z - np.max(z.real))
    return e / np.sum(e)


# g₁ and g₁′
G1: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":    (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "sigmoid": (_sigma, lambda a: _sigma(a) * (1.0 - _sigma(a))),
}
# ε = ∂𝓛/∂z for each pair of g₂ and 𝓛
EPSILON: Mapping[tuple[str, str], Callable[[Array, Array], Array]] = {
    ("softmax", "softmax_ce"): lambda z, y: np.sum(y) * _softmax(z) - y,
    ("sigmoid", "bce"):        lambda z, y: _sigma(z) - y,
    ("tanh", "sq_err"):        lambda z, y: 2.0 * (np.tanh(z) - y) * (1.0 - np.tanh(z) ** 2),
    ("tanh", "half_mse"):      lambda z, y: (np.tanh(z) - y) * (1.0 - np.tanh(z) ** 2),
    ("identity", "sq_err"):    lambda z, y: 2.0 * (z - y),
    ("identity", "half_mse"):  lambda z, y: z - y,
}
