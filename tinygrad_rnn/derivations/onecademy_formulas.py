"""Evaluate the factors of 1Cademy's formulas one by one: column vectors, numerator layout, in the source's letters.

    ∂J^(t)/∂W = Σ_k ∂J^(t)/∂ŷ^(t) · ∂ŷ^(t)/∂h^(t) · ∂h^(t)/∂h^(k) · ∂h^(k)/∂W

The source leaves g₁, g₂ and 𝓛 open; here they are tanh (or what a setting asks for), softmax and cross entropy. A
factor ∂h/∂θ has the axes of h first and of θ behind. The forward pass is complex-clean, as the witnesses need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from .entry import Setting
from .measuring import complex_step

Array = Any  # an ndarray or a NumPy scalar, real or complex


@dataclass(frozen=True, eq=False)  # by identity, so that its states are computed once
class Sequence:
    """x^(1)…x^(T) as rows of x (T, d), targets y (T, q), h^(0) (m,), weights, and the name of g₁.

    Where `direct_sum` is set, ⊕ stacks W h over U x: h has 2m entries then, W (m, 2m), b_h (2m,), V (q, 2m).
    """

    g1: str
    x: Array
    y: Array
    h0: Array
    U: Array
    W: Array
    b_h: Array
    V: Array
    b_y: Array
    direct_sum: bool = False

    @property
    def T(self) -> int:
        """Number of time steps."""
        return len(self.x)


def draw(rng: np.random.Generator, setting: Setting, direct_sum: bool = False) -> Sequence:
    """A random sequence and network."""
    T, m = setting.sizes(rng)
    d, q = int(rng.integers(1, 4)), int(rng.integers(2, 4))
    width = 2 * m if direct_sum else m
    x, weights = rng.normal(size=(T, d)), rng.uniform(0.1, 1.0, (T, q))
    W = rng.normal(0.0, 1.0 / np.sqrt(m), (m, width))
    return Sequence(
        g1=setting.activation,
        x=x,
        y=weights / weights.sum(axis=1, keepdims=True),
        h0=rng.normal(0.0, 0.0 if setting.zero_start else 0.7, width),
        U=rng.normal(0.0, 0.7, (m, d)),
        W=(W + W.T) / 2.0 if setting.symmetric else W,
        b_h=rng.normal(0.0, 0.4, width),
        V=rng.normal(0.0, 0.7, (q, width)),
        b_y=rng.normal(0.0, 0.4, q),
        direct_sum=direct_sum,
    )


@lru_cache(maxsize=64)
def states(s: Sequence) -> tuple[list[Array], list[Array]]:
    """a^(t) and h^(t) = g₁(a^(t)), both counted from 0; a^(0) is None."""
    a: list[Array] = [None]
    h: list[Array] = [s.h0]
    for t in range(1, s.T + 1):
        recurrent, entering = s.W @ h[t - 1], s.U @ s.x[t - 1]
        a.append((np.concatenate([recurrent, entering]) if s.direct_sum else recurrent + entering) + s.b_h)
        h.append(G1[s.g1][0](a[t]))
    return a, h


def step_losses(s: Sequence) -> Array:
    """J^(1)…J^(T): J^(t) = Σ_j y_j (log Σ_i e^{z_i} − z_j), z = V h^(t) + b_y: cross entropy of the softmax."""
    z = np.stack(states(s)[1][1:]) @ s.V.T + s.b_y
    return (s.y * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z)).sum(axis=1)


@lru_cache(maxsize=64)
def witness(s: Sequence, name: str) -> Array:
    """dJ^(t)/dθ for every t by the complex step: (T, shape of θ)."""
    return complex_step(lambda moved: step_losses(replace(s, **{name: moved})), getattr(s, name))


def dJ_dyhat(s: Sequence, t: int) -> Array:
    """∂J^(t)/∂ŷ^(t) = −y/ŷ, a row (q,)."""
    return -s.y[t - 1] / y_hat(s, t)


def dyhat_dz(s: Sequence, t: int) -> Array:
    """G_t = ∂ŷ^(t)/∂z^(t) = diag(ŷ) − ŷ ŷᵀ, (q, q)."""
    return np.diag(y_hat(s, t)) - np.outer(y_hat(s, t), y_hat(s, t))


def dyhat_dh(s: Sequence, t: int) -> Array:
    """∂ŷ^(t)/∂h^(t) = G_t V, (q, m)."""
    return dyhat_dz(s, t) @ s.V


def dyhat_dV(s: Sequence, t: int) -> Array:
    """∂ŷ^(t)_i/∂V_ac = (G_t)_ia h^(t)_c, (q, q, m)."""
    return dyhat_dz(s, t)[:, :, None] * states(s)[1][t]


def dh_dh(s: Sequence, j: int) -> Array:
    """∂h^(j)/∂h^(j−1) = diag(g₁′(a_j)) W; with zero rows below W for a direct sum, (m, m)."""
    rows = np.concatenate([s.W, 0.0 * s.W]) if s.direct_sum else s.W
    return g1_prime(s, j)[:, None] * rows


def descending(s: Sequence, t: int, k: int) -> Array:
    """∂h^(t)/∂h^(k) = J_t J_{t−1} ⋯ J_{k+1}; the identity for k = t."""
    product = np.eye(len(s.h0))
    for j in range(k + 1, t + 1):
        product = dh_dh(s, j) @ product
    return product


def by_definition(s: Sequence, t: int, k: int) -> Array:
    """∂h^(t)/∂h^(k) by the complex step: the sequence started anew from h^(k), with no product of Jacobians."""
    rest = replace(s, x=s.x[k:t])
    return complex_step(lambda start: states(replace(rest, h0=start))[1][-1], states(s)[1][k])


def ascending(s: Sequence, t: int, k: int) -> Array:
    """J_{k+1} J_{k+2} ⋯ J_t: the factors in the order in which ∏ counts."""
    product = np.eye(len(s.h0))
    for j in range(k + 1, t + 1):
        product = product @ dh_dh(s, j)
    return product


def immediate(s: Sequence, name: str, k: int) -> Array:
    """∂⁺h^(k)/∂θ with h^(k−1) held fixed, for θ in W, U, b_h: (m, shape of θ)."""
    slope = np.diag(g1_prime(s, k))
    if name == "b_h":
        return slope
    before = states(s)[1][k - 1] if name == "W" else s.x[k - 1]
    first = len(s.U) if s.direct_sum and name == "U" else 0
    return slope[:, first : first + len(getattr(s, name)), None] * before


def total(s: Sequence, name: str, k: int) -> Array:
    """dh^(k)/dθ through all earlier steps as well: (m, shape of θ)."""
    result = 0.0 * immediate(s, name, 1)
    for t in range(1, k + 1):
        result = immediate(s, name, t) + np.tensordot(dh_dh(s, t), result, axes=1)
    return result


def sum_over_k(
    s: Sequence,
    name: str,
    t: int,
    product: Callable[[Sequence, int, int], Array] = descending,
    last: Callable[[Sequence, str, int], Array] = immediate,
) -> Array:
    """Σ_{k=1}^t ∂J^(t)/∂ŷ^(t) ∂ŷ^(t)/∂h^(t) (∏_{j=k+1}^t ∂h^(j)/∂h^(j−1)) ∂h^(k)/∂θ, of the shape of θ."""
    row = dJ_dyhat(s, t) @ dyhat_dh(s, t)
    return sum(np.tensordot(row @ product(s, t, k), last(s, name, k), axes=1) for k in range(1, t + 1))


def through_total(s: Sequence, name: str, t: int) -> Array:
    """dJ^(t)/dθ = ∂J^(t)/∂ŷ^(t) ∂ŷ^(t)/∂h^(t) dh^(t)/dθ, the last factor by its recursion over the steps."""
    return np.tensordot(dJ_dyhat(s, t) @ dyhat_dh(s, t), total(s, name, t), axes=1)


def only_last_step(s: Sequence, name: str, t: int) -> Array:
    """∂J^(t)/∂θ with h^(t−1) held fixed: the term k = t alone."""
    return np.tensordot(dJ_dyhat(s, t) @ dyhat_dh(s, t), immediate(s, name, t), axes=1)


def mean_over_t(s: Sequence, of_step: Callable[[int], Array]) -> Array:
    """(1/T) Σ_t of what a function gives for t."""
    return sum(of_step(t) for t in range(1, s.T + 1)) / s.T


def delta_form(s: Sequence, transposed: bool = True) -> tuple[Array, ...]:
    """dJ/dW, dJ/dU, dJ/db_h, dJ/dV, dJ/db_y by h̄_t = Vᵀ ε_t/T + Wᵀ δ_{t+1}, δ_t = g₁′(a_t) ⊙ h̄_t.

    With `transposed` off, W stands where Wᵀ should: the slip of who mixes rows with columns.
    """
    h, back = states(s)[1], s.W.T if transposed else s.W
    epsilon = {t: dJ_dyhat(s, t) @ dyhat_dz(s, t) for t in range(1, s.T + 1)}
    delta = {s.T + 1: 0.0 * s.h0}
    for t in range(s.T, 0, -1):
        h_bar = s.V.T @ epsilon[t] / s.T + back @ delta[t + 1]
        delta[t] = g1_prime(s, t) * h_bar
    steps = range(1, s.T + 1)
    return (
        sum(np.outer(delta[t], h[t - 1]) for t in steps),
        sum(np.outer(delta[t], s.x[t - 1]) for t in steps),
        sum(delta[t] for t in steps),
        sum(np.outer(epsilon[t], h[t]) for t in steps) / s.T,
        sum(epsilon[t] for t in steps) / s.T,
    )


def y_hat(s: Sequence, t: int) -> Array:
    """ŷ^(t) = softmax(V h^(t) + b_y)."""
    e = np.exp(s.V @ states(s)[1][t] + s.b_y)
    return e / e.sum()


def g1_prime(s: Sequence, t: int) -> Array:
    """g₁′(a^(t)), (m,)."""
    return G1[s.g1][1](states(s)[0][t])


# g₁ and g₁′
G1: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":     (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "identity": (lambda a: a, lambda a: 1.0 + 0.0 * a),
    "dead":     (lambda a: 0.0 * a, lambda a: 0.0 * a),
}
