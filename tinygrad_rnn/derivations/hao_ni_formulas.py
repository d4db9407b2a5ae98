"""Evaluate the factors of Hao Ni's slides one by one: column vectors, states s_t, in the slides' letters.

Numerator layout: (∂s_t/∂s_{t−1})[i, j] = ∂s_t^(i)/∂s_{t−1}^(j); a product over j ascending in time is written from the
right to the left, J_t J_{t−1} ⋯ J_{k+1}. d is total, ∂ is immediate, as in the slides.

Everything but the draw is complex-clean, so that the complex step can go through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .entry import Setting
from .measuring import complex_step

Array = Any  # an ndarray or a NumPy scalar, real or complex


@dataclass(frozen=True)
class Sequence:
    """One sequence: x (T, d), y (T, e), the start s_0 (n₁,), the weights, and the names of h and g."""

    h: str
    g: str
    x: Array
    y: Array
    s_0: Array
    U: Array
    W: Array
    V: Array

    @property
    def T(self) -> int:
        """Number of time steps."""
        return len(self.x)


def sequence(rng: np.random.Generator, setting: Setting, T: int | None = None) -> Sequence:
    """A random sequence with normal weights; T steps where a formula is for so many, unless the setting has its own."""
    drawn, n_1 = setting.sizes(rng)
    T = drawn if T is None or setting.T != Setting().T else T
    d, e = int(rng.integers(1, 4)), int(rng.integers(2, 4))
    U, W, V = rng.normal(0.0, 0.7, (n_1, d)), rng.normal(0.0, 0.8, (n_1, n_1)), rng.normal(0.0, 0.8, (e, n_1))
    if setting.symmetric:
        W = (W + W.T) / 2.0
    s_0 = rng.normal(0.0, 0.7, n_1)
    x, y = rng.normal(size=(T, d)), rng.normal(size=(T, e))
    return Sequence(setting.activation, "tanh", x, y, 0.0 * s_0 if setting.zero_start else s_0, U, W, V)


def states(q: Sequence) -> list[Array]:
    """s_0 … s_T, s_t = h(U x_t + W s_{t−1})."""
    s = [q.s_0]
    for t in range(1, q.T + 1):
        s.append(FUNCTIONS[q.h][0](q.U @ q.x[t - 1] + q.W @ s[t - 1]))
    return s


def outputs(q: Sequence) -> list[Array]:
    """o_0 … o_T, o_t = g(V s_t); o_0 is read out too, and has no loss."""
    return [FUNCTIONS[q.g][0](q.V @ s_t) for s_t in states(q)]


def E(q: Sequence, t: int) -> Array:
    """E_t = ‖o_t − y_t‖₂²."""
    return np.sum((outputs(q)[t] - q.y[t - 1]) ** 2)


def L(q: Sequence) -> Array:
    """L = Σ_{t=1}^{T} E_t."""
    return sum(E(q, t) for t in range(1, q.T + 1))


def dE_do(q: Sequence, t: int) -> Array:
    """∂E_t/∂o_t = 2(o_t − y_t), (e,)."""
    return 2.0 * (outputs(q)[t] - q.y[t - 1])


def do_ds(q: Sequence, t: int) -> Array:
    """∂o_t/∂s_t = diag(g′(V s_t)) V, (e, n₁)."""
    return FUNCTIONS[q.g][1](q.V @ states(q)[t])[:, None] * q.V


def do_dV(q: Sequence, t: int) -> Array:
    """∂o_t^(i)/∂V_ab = δ_ia g′((V s_t)_a) s_t^(b), (e, e, n₁)."""
    s_t = states(q)[t]
    return np.diag(FUNCTIONS[q.g][1](q.V @ s_t))[:, :, None] * s_t


def J(q: Sequence, t: int) -> Array:
    """∂s_t/∂s_{t−1} = diag(h′(a_t)) W, (n₁, n₁)."""
    return h_dash(q, t)[:, None] * q.W


def h_dash(q: Sequence, t: int) -> Array:
    """h′(U x_t + W s_{t−1}), (n₁,)."""
    return FUNCTIONS[q.h][1](q.U @ q.x[t - 1] + q.W @ states(q)[t - 1])


def immediate(q: Sequence, w: str, t: int) -> Array:
    """∂s_t/∂w, s_{t−1} held fixed: entry (i, a, c) is ∂s_t^(i)/∂w_ac; w is "U" or "W".

    For t = 0 it is what Python makes of it: x[−1] is the last input and s[−1] the last state.
    """
    s = states(q)
    x_t, before = q.x[t - 1], s[t - 1]
    slope = FUNCTIONS[q.h][1](q.U @ x_t + q.W @ before)
    return np.diag(slope)[:, :, None] * (x_t if w == "U" else before)


def through(jacobian: Array, derivative: Array) -> Array:
    """A Jacobian times a derivative by a matrix: (n₁, n₁) and (n₁, a, c) give (n₁, a, c)."""
    return np.tensordot(jacobian, derivative, axes=1)


def product(q: Sequence, t: int, k: int, ascending: bool = False) -> Array:
    """J_t J_{t−1} ⋯ J_{k+1}, or the same factors in the other order; the identity for t = k."""
    z = np.eye(len(q.s_0))
    for j in range(k + 1, t + 1):
        z = z @ J(q, j) if ascending else J(q, j) @ z
    return z


def recursion(q: Sequence, w: str, t: int) -> Array:
    """ds_t/dw = ∂s_t/∂w + ∂s_t/∂s_{t−1} ds_{t−1}/dw, from ds_0/dw = 0."""
    total = 0.0 * immediate(q, w, 1)
    for j in range(1, t + 1):
        total = immediate(q, w, j) + through(J(q, j), total)
    return total


def explicit_sum(q: Sequence, w: str, t: int, ascending: bool = False) -> Array:
    """ds_t/dw = Σ_{k=1}^{t} J_t J_{t−1} ⋯ J_{k+1} ∂s_k/∂w."""
    return sum(through(product(q, t, k, ascending), immediate(q, w, k)) for k in range(1, t + 1))


def printed_algorithm(q: Sequence, w: str, start: Array) -> Array:
    """Lines 3 to 7 as printed: for t = T … 1, z ← z ∂s_t/∂s_{t−1}, then ds_T/dw ← ds_T/dw + z ∂s_t/∂w."""
    z, ds_dw = np.eye(len(q.s_0)), start
    for t in range(q.T, 0, -1):
        z = z @ J(q, t)
        ds_dw = ds_dw + through(z, immediate(q, w, t))
    return ds_dw


def fix_a(q: Sequence, w: str, start: Array) -> Array:
    """For t = T … 2, z ← z ∂s_t/∂s_{t−1}, then ds_T/dw ← ds_T/dw + z ∂s_{t−1}/∂w; start is ∂s_T/∂w."""
    z, ds_dw = np.eye(len(q.s_0)), start
    for t in range(q.T, 1, -1):
        z = z @ J(q, t)
        ds_dw = ds_dw + through(z, immediate(q, w, t - 1))
    return ds_dw


def fix_b(q: Sequence, w: str) -> tuple[Array, Array]:
    """For t = T … 1, ds_T/dw ← ds_T/dw + z ∂s_t/∂w, then z ← z ∂s_t/∂s_{t−1}; gives ds_T/dw and z = ds_T/ds_0."""
    z, ds_dw = np.eye(len(q.s_0)), 0.0 * immediate(q, w, 1)
    for t in range(q.T, 0, -1):
        ds_dw = ds_dw + through(z, immediate(q, w, t))
        z = z @ J(q, t)
    return ds_dw, z


def row_vector_form(q: Sequence, w: str) -> Array:
    """dL/dw with λ = dL/ds_t carried instead of z: λ ← λ J_t + ∂E_{t−1}/∂o_{t−1} ∂o_{t−1}/∂s_{t−1}."""
    gradient, row = 0.0, dE_do(q, q.T) @ do_ds(q, q.T)
    for t in range(q.T, 0, -1):
        gradient = gradient + through(row, immediate(q, w, t))
        row = row @ J(q, t)
        if t > 1:
            row = row + dE_do(q, t - 1) @ do_ds(q, t - 1)
    return gradient


def delta_form(q: Sequence) -> tuple[Array, Array]:
    """dL/dU and dL/dW by δ_t = (Wᵀ δ_{t+1} + Vᵀ(2(o_t − y_t) ⊙ g′(V s_t))) ⊙ h′(a_t)."""
    s, delta = states(q), 0.0 * q.s_0
    dU, dW = 0.0 * q.U, 0.0 * q.W
    for t in range(q.T, 0, -1):
        inner = dE_do(q, t) * FUNCTIONS[q.g][1](q.V @ s[t])
        delta = (q.W.T @ delta + q.V.T @ inner) * h_dash(q, t)
        dU, dW = dU + np.outer(delta, q.x[t - 1]), dW + np.outer(delta, s[t - 1])
    return dU, dW


def gradient_of_step(q: Sequence, w: str, t: int) -> Array:
    """dE_t/dw = ∂E_t/∂o_t ∂o_t/∂s_t ds_t/dw."""
    return through(dE_do(q, t) @ do_ds(q, t), explicit_sum(q, w, t))


def witness(q: Sequence, w: str, function: Callable[[Sequence], Array]) -> Array:
    """D function / d w by the complex step; w is "U", "W" or "V"."""
    changed: Mapping[str, Callable[[Array], Sequence]] = {
        "U": lambda v: replace(q, U=v),
        "W": lambda v: replace(q, W=v),
        "V": lambda v: replace(q, V=v),
    }
    return complex_step(lambda v: function(changed[w](v)), getattr(q, w))


def witness_of_state(q: Sequence, w: str, t: int) -> Array:
    """ds_t/dw by the complex step."""
    return witness(q, w, lambda moved: states(moved)[t])


# the slides' element-wise functions with their derivatives; "dead" is a relu that no step passes
FUNCTIONS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":     (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "identity": (lambda a: a, lambda a: np.ones(a.shape)),
    "dead":     (lambda a: 0.0 * a, lambda a: 0.0 * a),
}
