"""Family E: the gradient as the explicit sum over t and k of ordered products of Jacobians, in two forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..spec import Spec
from .factors import Factors, added, factors, row_times
from .forward import Array


def explicit_sum(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """The sum with a row vector carried from the left: O(T² m²) time.

        dL/dθ = w Σ_t Σ_{k=1}^{t} ((e_t J_t) J_{t−1} … J_{k+1}) ∂⁺h_k/∂θ

    Args, as of every family: the model, name -> array, x (T, B, d), y (T, B, q), h0 (B, m), without B if unbatched.

    Returns:
        name -> dL/dθ, shaped like θ.

    Raises:
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    return parts.gradients(added(term for _, _, term in terms(parts)))


def terms(parts: Factors) -> Iterator[tuple[int, int, dict[str, Array]]]:
    """(t, k, C[t,k] of every parameter inside the recurrence), for every loss step t and k = t, t − 1, …, 1."""
    for t in parts.loss_steps:
        v = parts.e(t)
        for k in range(t, 0, -1):
            yield t, k, parts.times_immediate(v, k)
            v = parts.times_J(v, k)


def explicit_matrix_sum(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """The sum as it is printed, every matrix in full: O(T² m³) time, O(m³) for ∂⁺h_k/∂W alone.

        dL/dθ = w Σ_t Σ_{k=1}^{t} e_t (∏_{j=k+1}^{t} J_j) ∂⁺h_k/∂θ,   ∏_{j=k+1}^{t} J_j = J_t J_{t−1} … J_{k+1}

    The product descends from left to right (numerator layout); k = t leaves the identity.

    Raises:
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    return parts.gradients(added(_matrix_terms(parts)))


def _matrix_terms(parts: Factors) -> Iterator[dict[str, Array]]:
    jacobians = {t: parts.J(t) for t in range(1, parts.T + 1)}
    for k in range(1, parts.T + 1):
        immediate = parts.immediate(k)
        product = parts.identity()
        for t in range(k, parts.T + 1):
            if t > k:
                product = jacobians[t] @ product
            if t in parts.loss_steps:
                e_times_product = (parts.e(t)[:, None, :] @ product)[:, 0, :]
                yield row_times(e_times_product, immediate)
