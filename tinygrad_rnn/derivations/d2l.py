"""The derivation of slides after Dive into Deep Learning, section 9.7: a general model and a linear one.

    (a) general   h_t = f(x_t, h_{t−1}, w_h),   o_t = g(h_t, w_o),   L = (1/T) Σ_t l(y_t, o_t)
    (b) linear    h_t = W_hx x_t + W_hh h_{t−1},   o_t = W_qh h_t,   L = (1/T) Σ_t l(o_t, y_t)

Column vectors. (b) is transcribed by (9.7.11) to (9.7.16) as printed. For (a), w_h stands for W_hx, W_hh and a bias b
inside an activation f, and (9.7.14), (9.7.16) are taken with the factor f′ that the slides' linear model has not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..spec import Spec

Array = Any  # an ndarray or a NumPy scalar, real or complex

TITLE = "slides after Dive into Deep Learning, section 9.7"
_GENERAL_ROLES = (("W_hx", "input"), ("W_hh", "recurrent"), ("b", "hidden_bias"), ("w_o", "output"))
_LINEAR_ROLES = (("W_hx", "input"), ("W_hh", "recurrent"), ("W_qh", "output"))
SPECS = (
    Spec("col", "sigmoid", "tanh", "half_mse", "1/T", "sum", False, _GENERAL_ROLES),
    Spec("col", "tanh", "sigmoid", "bce", "1/T", "sum", False, _GENERAL_ROLES),
    Spec("col", "identity", "identity", "softmax_ce", "1/T", "sum", False, _LINEAR_ROLES),
    Spec("col", "identity", "identity", "half_mse", "1/T", "mean", False, _LINEAR_ROLES),
)


def covers(spec: Spec) -> bool:
    """Whether the model is one of the slides' two."""
    if (spec.convention, spec.time_weight, spec.many_to_one) != ("col", "1/T", False):
        return False
    if dict(spec.roles) == dict(_LINEAR_ROLES):
        return (spec.activation, spec.output_activation) == ("identity", "identity") and spec.loss in LINEAR_LOSS
    return (
        dict(spec.roles) == dict(_GENERAL_ROLES)
        and spec.activation in ACTIVATION
        and (spec.output_activation, spec.loss) in GENERAL_LOSS
    )


def gradients(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """dL/d each parameter for x (T, B, d), y (T, B, q), h0 (B, m), sample by sample."""
    one_sample = _linear if dict(spec.roles) == dict(_LINEAR_ROLES) else _general
    per_sample = [one_sample(spec, params, x[:, i], y[:, i], h0[i]) for i in range(len(h0))]
    scale = 1.0 / len(h0) if spec.batch_reduction == "mean" else 1.0
    return {name: scale * sum(g[name] for g in per_sample) for name in spec.names}


def _linear(spec: Spec, params: Mapping[str, Any], x: Array, y: Array, h_0: Array) -> dict[str, Array]:
    """The linear model, step by step.

    (9.7.11)  ∂L/∂o_t = ∂l(o_t, y_t) / (T ∂o_t)
    (9.7.12)  ∂L/∂W_qh = Σ ∂L/∂o_t h_tᵀ
    (9.7.13)  ∂L/∂h_T = W_qhᵀ ∂L/∂o_T
    (9.7.14)  ∂L/∂h_t = W_hhᵀ ∂L/∂h_{t+1} + W_qhᵀ ∂L/∂o_t
    (9.7.16)  ∂L/∂W_hx = Σ ∂L/∂h_t x_tᵀ,   ∂L/∂W_hh = Σ ∂L/∂h_t h_{t−1}ᵀ
    """
    W_hx, W_hh, W_qh = (np.asarray(params[name]) for name, _ in _LINEAR_ROLES)
    T = len(x)
    h, dL_do = {0: h_0}, {}
    for t in range(1, T + 1):
        h[t] = W_hx @ x[t - 1] + W_hh @ h[t - 1]
        o_t = W_qh @ h[t]
        dL_do[t] = LINEAR_LOSS[spec.loss](o_t, y[t - 1]) / T

    dL_dh = {T: W_qh.T @ dL_do[T]}
    for t in range(T - 1, 0, -1):
        dL_dh[t] = W_hh.T @ dL_dh[t + 1] + W_qh.T @ dL_do[t]
    steps = range(1, T + 1)
    return {
        "W_qh": sum(np.outer(dL_do[t], h[t]) for t in steps),
        "W_hx": sum(np.outer(dL_dh[t], x[t - 1]) for t in steps),
        "W_hh": sum(np.outer(dL_dh[t], h[t - 1]) for t in steps),
    }


def _general(spec: Spec, params: Mapping[str, Any], x: Array, y: Array, h_0: Array) -> dict[str, Array]:
    """The general model with h_t = f(a_t), a_t = W_hx x_t + W_hh h_{t−1} + b, and o_t = g(w_o h_t).

    (9.7.14, non-linear)  ∂L/∂h_t = W_hhᵀ (f′(a_{t+1}) ⊙ ∂L/∂h_{t+1}) + w_oᵀ (∂l/∂(w_o h_t))/T
    (9.7.16, non-linear)  ∂L/∂W_hx = Σ (f′(a_t) ⊙ ∂L/∂h_t) x_tᵀ,   ∂L/∂W_hh = Σ (f′(a_t) ⊙ ∂L/∂h_t) h_{t−1}ᵀ,
                          ∂L/∂b = Σ f′(a_t) ⊙ ∂L/∂h_t
    """
    W_hx, W_hh, b, w_o = (np.asarray(params[name]) for name, _ in _GENERAL_ROLES)
    f, f_prime = ACTIVATION[spec.activation]
    T = len(x)
    a, h, dL_dz = {}, {0: h_0}, {}
    for t in range(1, T + 1):
        a[t] = W_hx @ x[t - 1] + W_hh @ h[t - 1] + b
        h[t] = f(a[t])
        dL_dz[t] = GENERAL_LOSS[spec.output_activation, spec.loss](w_o @ h[t], y[t - 1]) / T

    dL_dh = {T: w_o.T @ dL_dz[T]}
    for t in range(T - 1, 0, -1):
        dL_dh[t] = W_hh.T @ (f_prime(a[t + 1]) * dL_dh[t + 1]) + w_o.T @ dL_dz[t]
    steps = range(1, T + 1)
    return {
        "W_hx": sum(np.outer(f_prime(a[t]) * dL_dh[t], x[t - 1]) for t in steps),
        "W_hh": sum(np.outer(f_prime(a[t]) * dL_dh[t], h[t - 1]) for t in steps),
        "b": sum(f_prime(a[t]) * dL_dh[t] for t in steps),
        "w_o": sum(np.outer(dL_dz[t], h[t]) for t in steps),
    }


def _logistic(a: Array) -> Array:
    return (np.tanh(a / 2.0) + 1.0) / 2.0


def _softmax(o: Array) -> Array:
    e = np.exp(o - np.max(o.real))
    return e / np.sum(e)


# ∂l(o, y)/∂o of the linear model; "softmax_ce" is the cross entropy of the logits o with a one-hot or soft label y
LINEAR_LOSS: Mapping[str, Callable[[Array, Array], Array]] = {
    "half_mse":   lambda o, y: o - y,
    "sq_err":     lambda o, y: 2.0 * (o - y),
    "softmax_ce": lambda o, y: np.sum(y) * _softmax(o) - y,
}
# f and f′ of the general model
ACTIVATION: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":    (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "sigmoid": (_logistic, lambda a: _logistic(a) * (1.0 - _logistic(a))),
}
# ∂l(y, g(z))/∂z of the general model, z = w_o h_t
GENERAL_LOSS: Mapping[tuple[str, str], Callable[[Array, Array], Array]] = {
    ("tanh", "half_mse"):     lambda z, y: (np.tanh(z) - y) * (1.0 - np.tanh(z) ** 2),
    ("tanh", "sq_err"):       lambda z, y: 2.0 * (np.tanh(z) - y) * (1.0 - np.tanh(z) ** 2),
    ("identity", "half_mse"): lambda z, y: z - y,
    ("identity", "sq_err"):   lambda z, y: 2.0 * (z - y),
    ("sigmoid", "bce"):       lambda z, y: _logistic(z) - y,
    ("softmax", "softmax_ce"): lambda z, y: np.sum(y) * _softmax(z) - y,
}
