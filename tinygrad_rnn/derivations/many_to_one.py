"""The derivation of handwritten course notes, "Backpropagation in RNN" (2022): sentiment, one output after n steps.

    o_t = f(x_it w_i + o_{t−1} w_h),   ŷ = σ(o_n w_o),   L = −y_i log ŷ_i − (1 − y_i) log(1 − ŷ_i)

Row vectors, no biases, hidden states called o_t. The notes once drop the σ, and print a gradient of w_o that is zero
(o_n does not depend on w_o); their sum over j of dŷ/do_j ∂⁺o_j/∂w is right. The δ-form below is its completion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..spec import Spec

Array = Any  # an ndarray or a NumPy scalar, real or complex

TITLE = "course notes, Backpropagation in RNN (many to one), 2022"
_ROLES = (("w_i", "input"), ("w_h", "recurrent"), ("w_o", "output"))
SPECS = (
    Spec("row", "tanh", "sigmoid", "bce", "1", "sum", True, _ROLES),
    Spec("row", "sigmoid", "sigmoid", "bce", "1", "sum", True, _ROLES),
    Spec("row", "relu", "sigmoid", "bce", "1", "mean", True, _ROLES),
)


def covers(spec: Spec) -> bool:
    """Whether the model is the notes', with f one of tanh, sigmoid and relu (their f′ lies in [0, 1])."""
    words = (spec.convention, spec.output_activation, spec.loss, spec.time_weight, spec.many_to_one)
    return (
        dict(spec.roles) == dict(_ROLES)
        and words == ("row", "sigmoid", "bce", "1", True)
        and spec.activation in F
    )


def gradients(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """dL/dw_i, dL/dw_h, dL/dw_o for samples i = 1…B: x (n, B, d), y (B, 1), o_0 = h0 (B, m)."""
    per_sample = [_one_sample(spec, params, x[:, i], y[i], h0[i]) for i in range(len(h0))]
    scale = 1.0 / len(h0) if spec.batch_reduction == "mean" else 1.0
    return {name: scale * sum(g[name] for g in per_sample) for name, _ in _ROLES}


def _one_sample(spec: Spec, params: Mapping[str, Any], x_i: Array, y_i: Array, o_0: Array) -> dict[str, Array]:
    """δ-form (002.delta) and the readout (002.wo, corrected).

    dL/dw_o = o_nᵀ (ŷ − y)
    δ_n = (ŷ − y) w_oᵀ ⊙ f′(a_n),   δ_j = (δ_{j+1} w_hᵀ) ⊙ f′(a_j),   dw_i = Σ x_jᵀ δ_j,   dw_h = Σ o_{j−1}ᵀ δ_j
    """
    w_i, w_h, w_o = (np.asarray(params[name]) for name, _ in _ROLES)
    f, f_prime = F[spec.activation]
    n = len(x_i)
    o, a = {0: o_0}, {}
    for t in range(1, n + 1):
        a[t] = x_i[t - 1] @ w_i + o[t - 1] @ w_h
        o[t] = f(a[t])
    y_hat = _sigma(o[n] @ w_o)

    delta = {n: ((y_hat - y_i) @ w_o.T) * f_prime(a[n])}
    for j in range(n - 1, 0, -1):
        delta[j] = (delta[j + 1] @ w_h.T) * f_prime(a[j])
    return {
        "w_i": sum(np.outer(x_i[j - 1], delta[j]) for j in range(1, n + 1)),
        "w_h": sum(np.outer(o[j - 1], delta[j]) for j in range(1, n + 1)),
        "w_o": np.outer(o[n], y_hat - y_i),
    }


def _sigma(a: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(a / 2.0)


# f and f′
F: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":    (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "sigmoid": (_sigma, lambda a: 0.25 * (1.0 - np.tanh(a / 2.0) ** 2)),
    "relu":    (lambda a: a * (a.real > 0), lambda a: 1.0 * (a.real > 0)),
}
