"""Family P: matrix powers in place of Jacobian products, for a recurrence without an activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..spec import Spec
from .factors import added, factors
from .forward import Array


class FamilyError(ValueError):
    """A family that does not exist for a model; the message is one line that says why."""


def why_no_powers(spec: Spec) -> str | None:
    """Why family P does not exist for a model, or None when it does."""
    if spec.activation == "identity":
        return None
    return (
        f"family P needs activation 'identity', this model has {spec.activation!r}: its Jacobians diag(φ′(a_t)) W "
        "differ from step to step, so their product is no power of W"
    )


def matrix_powers(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """The gradient of a linear recurrence by powers of W, each made once: O(T² m²) time, O(T m³) for the powers.

        h̄_t = w Σ_{s=t}^{T} (Wᵀ)^{s−t} Vᵀ ∂J_s/∂z_s,   dW = Σ_t h̄_t h_{t−1}ᵀ,  dU = Σ_t h̄_t x_tᵀ,  db = Σ_t h̄_t

    (column vectors; Dive into Deep Learning, equations 9.7.15 and 9.7.16, where the sum runs the other way round).

    Returns:
        name -> dL/dθ, shaped like θ.

    Raises:
        FamilyError: the activation is not "identity".
        SpecError: an array does not fit the model.
    """
    reason = why_no_powers(spec)
    if reason:
        raise FamilyError(reason)
    parts = factors(spec, params, x, y, h0)
    W = parts.run.weights[0]["recurrent"]
    powers = [parts.identity()[0]]
    for _ in range(parts.T - 1):
        powers.append(powers[-1] @ W.T)
    e = {s: parts.e(s) for s in parts.loss_steps}
    # Row vectors stand to the left of (Wᵀ)^{s−t} in this room's orientation, where h_t = h_{t−1} W.
    h_bar = {t: sum(e[s] @ powers[s - t] for s in e if s >= t) for t in range(1, parts.T + 1)}
    return parts.gradients(added(parts.times_immediate(h_bar[t], t) for t in range(1, parts.T + 1)))
