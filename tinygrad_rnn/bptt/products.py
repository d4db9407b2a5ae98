"""Family Z: for each final step, the matrix z = J_t J_{t−1} … accumulated backwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..spec import Spec
from .factors import Factors, added, factors, row_times
from .forward import Array


def reverse_products(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """The gradient with dh_t/dθ accumulated anew for every loss step t: O(T m³) + O(T m P) time for each t.

        dL/dθ = w Σ_t e_t dh_t/dθ;   for each t:  acc ← 0, z ← I;  for k = t … 1:  acc ← acc + z ∂⁺h_k/∂θ,  z ← z J_k

    This is the algorithm of Hao Ni's slides with its index put right (the addition comes before the product).

    Returns:
        name -> dL/dθ, shaped like θ.

    Raises:
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    return parts.gradients(added(row_times(parts.e(t), _accumulated(parts, t)[0]) for t in parts.loss_steps))


def state_derivative(
    spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, t: int
) -> tuple[dict[str, Array], Array]:
    """dh_t/dθ, name -> (B, m, shape of θ), and dh_t/dh_0 = J_t … J_1, (B, m, m), by the same accumulation.

    Raises:
        SpecError: an array does not fit the model.
        ValueError: t is not a step.
    """
    parts = factors(spec, params, x, y, h0)
    if not 1 <= t <= parts.T:
        raise ValueError(f"t is {t}: the sequence has the steps 1 to {parts.T}")
    return _accumulated(parts, t)


def _accumulated(parts: Factors, t: int) -> tuple[dict[str, Array], Array]:
    accumulated: dict[str, Array] = {}
    z = parts.identity()
    for k in range(t, 0, -1):
        accumulated = added([accumulated, parts.matrix_times_immediate(z, k)])
        z = z @ parts.J(k)
    return accumulated, z
