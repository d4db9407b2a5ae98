"""The derivation asked for on Stack Exchange (2019): dL/dU of a tanh network on mini-batches of rows.

    A^(t) = X^(t) U + H^(t−1) W + 1 b,   H^(t) = tanh A^(t),   O^(t) = H^(t) V + 1 c
    Ŷ^(t) = softmax by rows,             L = −(1/T) Σ_t Σ_i Σ_j Y^(t)_ij log Ŷ^(t)_ij

The source prints the softmax without its exponentials and the loss with y and ŷ exchanged, and its answer,
∂L/∂U = Xᵀ ∂L/∂A, is one step's: the sum over t is supplied here, with the four other gradients that were asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spec import Spec

Array = Any  # an ndarray or a NumPy scalar, real or complex

TITLE = "Stack Exchange, derivative of the RNN loss with respect to U, 2019"
_ROLES = (("U", "input"), ("W", "recurrent"), ("b", "hidden_bias"), ("V", "output"), ("c", "output_bias"))
SPECS = (
    Spec("row", "tanh", "softmax", "softmax_ce", "1/T", "sum", False, _ROLES),
    Spec("row", "tanh", "softmax", "softmax_ce", "1/T", "mean", False, _ROLES),
)


def covers(spec: Spec) -> bool:
    """Whether the model is the source's; it states no mean over the n rows, both reductions are offered."""
    return dict(spec.roles) == dict(_ROLES) and (
        spec.convention,
        spec.activation,
        spec.output_activation,
        spec.loss,
        spec.time_weight,
        spec.many_to_one,
    ) == ("row", "tanh", "softmax", "softmax_ce", "1/T", False)


def gradients(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """dL/dU, dL/dW, dL/db, dL/dV, dL/dc for X^(t) = x[t − 1] (n, d), Y^(t) = y[t − 1] (n, v), H^(0) = h0 (n, h).

    001.do   dL/dO^(t) = (1/T)((Σ_j Y_ij) Ŷ^(t) − Y^(t))
    001.dA   dL/dA^(t) = (dL/dO^(t) Vᵀ + dL/dA^(t+1) Wᵀ) ⊙ (1 − H^(t) ⊙ H^(t)),   dL/dA^(T+1) = 0
    001.U    dU = Σ X^(t)ᵀ dA^(t)
    001.W,V,b,c    dW = Σ H^(t−1)ᵀ dA^(t),  dV = Σ H^(t)ᵀ dO^(t),  db = Σ 1ᵀ dA^(t),  dc = Σ 1ᵀ dO^(t)
    """
    U, W, b, V, c = (np.asarray(params[name]) for name, _ in _ROLES)
    X, Y, T, n = x, y, len(x), len(h0)
    per_row = 1.0 / n if spec.batch_reduction == "mean" else 1.0
    H, dO = {0: h0}, {}
    for t in range(1, T + 1):
        H[t] = np.tanh(X[t - 1] @ U + H[t - 1] @ W + b)
        O = H[t] @ V + c  # noqa: E741 (the source's letter)
        e_O = np.exp(O - O.real.max(axis=1, keepdims=True))
        Y_hat = e_O / e_O.sum(axis=1, keepdims=True)
        dO[t] = per_row / T * (Y[t - 1].sum(axis=1, keepdims=True) * Y_hat - Y[t - 1])

    dA = {T + 1: np.zeros_like(h0)}
    for t in range(T, 0, -1):
        dA[t] = (dO[t] @ V.T + dA[t + 1] @ W.T) * (1.0 - H[t] * H[t])
    steps = range(1, T + 1)
    one = np.ones((1, n))
    return {
        "U": sum(X[t - 1].T @ dA[t] for t in steps),
        "W": sum(H[t - 1].T @ dA[t] for t in steps),
        "b": sum(one @ dA[t] for t in steps).reshape(b.shape),
        "V": sum(H[t].T @ dO[t] for t in steps),
        "c": sum(one @ dO[t] for t in steps).reshape(c.shape),
    }
