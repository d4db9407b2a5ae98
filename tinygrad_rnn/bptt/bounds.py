"""Family V: how large and how small ∂h_t/∂h_k can be, by the activation and W alone, and with the data looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec import Spec
from .factors import Factors, factors
from .forward import Array

GAMMA: Mapping[str, float] = {"tanh": 1.0, "sigmoid": 0.25, "identity": 1.0, "relu": 1.0}  # sup |φ′|


@dataclass(frozen=True)
class JacobianBounds:
    """‖∂h_t/∂h_k‖₂ between its bounds: lower ≤ norm ≤ upper ≤ uniform.

    Tables are (T + 1, T + 1), or (T + 1, T + 1, B) with a batch axis; table[t, k] for 0 ≤ k ≤ t ≤ T, and 0 above.

    Attributes:
        norm: ‖∂h_t/∂h_k‖₂ itself.
        upper: ∏_{j=k+1}^{t} max_i φ′(a_j^(i)) σ_max(W), for this sequence.
        lower: ∏_{j=k+1}^{t} min_i φ′(a_j^(i)) σ_min(W), for this sequence.
        uniform: (γ σ_max(W))^{t−k} for every sequence there is; (T + 1, T + 1).
        gamma: γ, the largest |φ′|.
        sigma_max: largest singular value of W.
        sigma_min: smallest singular value of W.
        spectral_radius: largest |eigenvalue| of W. Below 1 it makes powers of W vanish in the end, not at once.
    """

    norm: Array
    upper: Array
    lower: Array
    uniform: Array
    gamma: float
    sigma_max: float
    sigma_min: float
    spectral_radius: float

    @property
    def must_vanish(self) -> bool:
        """σ_max(W) < 1/γ: sufficient for gradients to vanish with the lag."""
        return self.gamma * self.sigma_max < 1.0

    @property
    def may_explode(self) -> bool:
        """σ_max(W) > 1/γ: necessary for gradients to explode, not sufficient."""
        return self.gamma * self.sigma_max > 1.0


def jacobian_bounds(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> JacobianBounds:
    """Bounds on the Jacobians of one instance, and the norms themselves (O(T² m³) time; real numbers only).

        ∏ min_i φ′(a_j^(i)) σ_min(W)  ≤  ‖∂h_t/∂h_k‖₂  ≤  ∏ max_i φ′(a_j^(i)) σ_max(W)  ≤  (γ σ_max(W))^{t−k}

    (Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, section 2.1, in the letters and layout of this room.)

    Raises:
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    W, gamma = parts.run.weights[0]["recurrent"], GAMMA[spec.activation]
    sigma = np.linalg.svd(W, compute_uv=False)
    largest, smallest = parts.slopes.max(axis=2), parts.slopes.min(axis=2)
    tables = _norms(parts), _running_products(largest * sigma[0]), _running_products(smallest * sigma[-1])
    norm, upper, lower = (table if parts.run.batched else table[:, :, 0] for table in tables)
    uniform = _running_products(np.full((parts.T, 1), gamma * sigma[0]))[:, :, 0]
    radius = float(np.abs(np.linalg.eigvals(W)).max())
    return JacobianBounds(norm, upper, lower, uniform, gamma, float(sigma[0]), float(sigma[-1]), radius)


def _running_products(factor: Array) -> Array:
    """∏_{j=k+1}^{t} factor_j at [t, k] for factors (T, B); a bound too large for a float is infinite."""
    T, B = factor.shape
    table = np.zeros((T + 1, T + 1, B))
    with np.errstate(over="ignore"):
        for k in range(T + 1):
            table[k, k] = 1.0
            for t in range(k + 1, T + 1):
                table[t, k] = factor[t - 1] * table[t - 1, k]
    return table


def _norms(parts: Factors) -> Array:
    """‖J_t … J_{k+1}‖₂ at [t, k]; products are scaled as they grow, so only a norm itself can be infinite."""
    jacobians = [parts.J(t) for t in range(1, parts.T + 1)]
    table = np.zeros((parts.T + 1, parts.T + 1, len(parts.run.h0)))
    with np.errstate(over="ignore"):
        for k in range(parts.T + 1):
            product, logarithm = parts.identity(), np.zeros(len(parts.run.h0))
            table[k, k] = 1.0
            for t in range(k + 1, parts.T + 1):
                product = jacobians[t - 1] @ product
                size = np.linalg.norm(product, 2, axis=(1, 2))
                alive = np.where(size > 0.0, size, 1.0)
                product, logarithm = product / alive[:, None, None], logarithm + np.log(alive)
                table[t, k] = np.where(size > 0.0, np.exp(logarithm), 0.0)
    return table
