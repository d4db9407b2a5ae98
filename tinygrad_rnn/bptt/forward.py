"""Run the forward pass that the closed forms differentiate: written in NumPy alone, on purpose a second time.

Nothing here knows the tape or the forward pass in `models`; a mistake shared by both could not be seen. All of it is
complex-clean (no abs, no float buffers, relu and shifts decided by the real part), so that a complex step through it,
g_i = Im L(θ + 1e−30·i·e_i)/1e−30, is exact to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec import Sizes, Spec, measure

Array = Any  # an ndarray or a NumPy scalar, real or complex


@dataclass(frozen=True)
class Forward:
    """Everything the forward pass computes; R is the number of steps with a loss (T, or 1 when many_to_one).

    Attributes:
        loss: L = weight · Σ_t J_t.
        step_losses: J_t, (R,), reduced over the batch, not weighted.
        h: (T + 1, B, m), h[0] = h_0.
        a: (T, B, m), a[t − 1] = a_t.
        z: (R, B, q), the readout.
        out: (R, B, q), output_activation(z).
    """

    loss: Any
    step_losses: Array
    h: Array
    a: Array
    z: Array
    out: Array


def forward(spec: Spec, params: Mapping[str, Any] | Sequence[Mapping[str, Any]], x: Any, y: Any, h0: Any) -> Forward:
    """Forward pass of FORMULAS' general model for t = 1…T.

        a_t = x_t U + h_{t−1} W + b,  h_t = φ(a_t),  z_t = h_t V + c,  J_t = loss(z_t, y_t),  L = w Σ_t J_t

    (convention "col" stores U, W, V transposed).

    Args:
        spec: the model.
        params: name -> array; or a sequence of T such mappings, one copy θ_k for every step k, so that
            ∂J_t/∂θ_k = C[t,k] can be asked for.
        x: (T, B, d), or (T, d) without a batch axis; then no result has one.
        y: (T, B, q); (B, q) when many_to_one.
        h0: (B, m).

    Raises:
        SpecError: an array does not fit.
    """
    run = prepare(spec, params, x, y, h0)
    a, h, z, step_losses = [], [run.h0], [], []
    for t in range(1, run.sizes.T + 1):
        theta = run.weights[t - 1]
        a.append(run.x[t - 1] @ theta["input"] + h[t - 1] @ theta["recurrent"] + theta["hidden_bias"])
        h.append(PHI[spec.activation](a[-1]))
        if t in run.loss_steps:
            z.append(h[t] @ theta["output"] + theta["output_bias"])
            step_losses.append(run.batch_weight * step_loss(spec, z[-1], run.y[t]))
    losses = np.stack(step_losses)
    out = np.stack([OUTPUT[spec.output_activation](z_t) for z_t in z])
    states = (np.stack(h), np.stack(a), np.stack(z), out)
    return Forward(run.step_weight * losses.sum(), losses, *(run.like_given(array) for array in states))


@dataclass(frozen=True)
class Run:
    """An instance made ready: batch axis present, weights oriented as in the row convention and found by role."""

    sizes: Sizes
    weights: tuple[Mapping[str, Array], ...]
    x: Array
    y: Mapping[int, Array]
    h0: Array
    loss_steps: tuple[int, ...]
    step_weight: float
    batch_weight: float
    batched: bool

    def like_given(self, array: Array) -> Array:
        """Take away the batch axis (axis 1) that the caller did not have."""
        return array if self.batched else array[:, 0]


def prepare(spec: Spec, params: Mapping[str, Any] | Sequence[Mapping[str, Any]], x: Any, y: Any, h0: Any) -> Run:
    """Check an instance and bring it into the one form that every family computes in."""
    x, y, h0 = _steps(x), np.asarray(y) if spec.many_to_one else _steps(y), np.asarray(h0)
    copies = [params] if isinstance(params, Mapping) else list(params)
    copies = [{name: np.asarray(value) for name, value in copy.items()} for copy in copies]
    if not copies:
        raise ValueError("params is an empty sequence: give one mapping, or one for each step")
    sizes = measure(spec, copies[0], x, y, h0)
    if len(copies) not in (1, sizes.T):
        raise ValueError(f"params holds {len(copies)} copies: give one mapping, or one for each of the {sizes.T} steps")
    weights = [by_role(spec, copy) for copy in copies]
    x, y = np.asarray(x), np.asarray(y)
    batched = sizes.B is not None
    if not batched:
        x, h0 = x[:, None], h0[None]
        y = y[None] if spec.many_to_one else y[:, None]
    steps = spec.loss_steps(sizes.T)
    return Run(
        sizes=sizes,
        weights=tuple(weights * sizes.T if len(weights) == 1 else weights),
        x=x,
        y={t: y if spec.many_to_one else y[t - 1] for t in steps},
        h0=h0,
        loss_steps=steps,
        step_weight=spec.step_weight(sizes.T),
        batch_weight=1.0 / (sizes.B or 1) if spec.batch_reduction == "mean" else 1.0,
        batched=batched,
    )


def _steps(sequence: Any) -> Any:
    """An array, or a list of arrays not yet stacked, so that a wrong shape can be told by its step."""
    return sequence if hasattr(sequence, "shape") else [np.asarray(item) for item in sequence]


def by_role(spec: Spec, params: Mapping[str, Array]) -> dict[str, Array]:
    """Parameters by role, matrices as the row convention has them; a bias that the model lacks is 0."""
    found = {"hidden_bias": np.zeros(1), "output_bias": np.zeros(1)}
    for name, role in spec.roles:
        transpose = spec.convention == "col" and params[name].ndim == 2 and not role.endswith("bias")
        found[role] = params[name].T if transpose else params[name]
    return found


# ---- φ and φ′, both as functions of the pre-activation a ----


def sigmoid(a: Array) -> Array:
    """σ(a) = 1/(1 + e^{−a}), never with a positive exponent, so it does not overflow."""
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))
    return np.where(positive, 1.0, e) / (1.0 + e)


def softmax(z: Array) -> Array:
    """e^{z_j} / Σ_k e^{z_k} over the last axis."""
    e = np.exp(z - z.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _identity(a: Array) -> Array:
    return a


def _relu(a: Array) -> Array:
    return np.where(a.real > 0, a, 0.0)


PHI: Mapping[str, Callable[[Array], Array]] = {
    "tanh":     np.tanh,
    "sigmoid":  sigmoid,
    "identity": _identity,
    "relu":     _relu,
}
PHI_PRIME: Mapping[str, Callable[[Array], Array]] = {
    "tanh":     lambda a: 1.0 - np.tanh(a) ** 2,
    "sigmoid":  lambda a: sigmoid(a) * sigmoid(-a),
    "identity": lambda a: np.ones_like(a),
    "relu":     lambda a: np.where(a.real > 0, 1.0, 0.0),
}
OUTPUT: Mapping[str, Callable[[Array], Array]] = {**PHI, "softmax": softmax}


# ---- step losses of z, not yet reduced by the batch weight, and their gradients ∂J_t/∂z_t ----


def step_loss(spec: Spec, z: Array, y: Array) -> Any:
    """J_t summed over batch and features; the cross entropies from the logits, stable at saturation."""
    if spec.loss == "softmax_ce":
        shift = z.real.max(axis=-1, keepdims=True)
        log_normaliser = shift + np.log(np.exp(z - shift).sum(axis=-1, keepdims=True))
        return (y * (log_normaliser - z)).sum()
    if spec.loss == "bce":
        positive = z.real > 0
        return (np.where(positive, z, 0.0) - y * z + np.log1p(np.exp(np.where(positive, -z, z)))).sum()
    error = OUTPUT[spec.output_activation](z) - y
    return (0.5 if spec.loss == "half_mse" else 1.0) * (error * error).sum()


def step_loss_gradient(spec: Spec, z: Array, y: Array) -> Array:
    """∂J_t/∂z_t, (B, q), before the batch weight.

    softmax_ce: (Σ_j y_j) softmax(z) − y;  bce: σ(z) − y;  otherwise (∂J_t/∂out_t) G_t with G_t = diag(φ′(z)), or
    diag(p) − p pᵀ for a softmax output p.
    """
    if spec.loss == "softmax_ce":
        return y.sum(axis=-1, keepdims=True) * softmax(z) - y
    if spec.loss == "bce":
        return sigmoid(z) - y
    out = OUTPUT[spec.output_activation](z)
    dout = (1.0 if spec.loss == "half_mse" else 2.0) * (out - y)
    if spec.output_activation == "softmax":
        return out * (dout - (dout * out).sum(axis=-1, keepdims=True))
    return dout * PHI_PRIME[spec.output_activation](z)
