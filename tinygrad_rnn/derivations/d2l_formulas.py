"""Evaluate the slides' formulas (9.7.1) to (9.7.16): a general model in numerator layout, a linear one with gradients.

    (a)  h_t = f(x_t, h_{t−1}, w_h),  o_t = g(h_t, w_o):  ∂h_t/∂w_h has the axes (m, all weights in one row)
    (b)  h_t = W_hx x_t + W_hh h_{t−1},  o_t = W_qh h_t:  ∂L/∂h_t is a column, shaped as h_t

Both are column models of one sequence. Here f is tanh of W_hx x + W_hh h + b, g is tanh of w_o h, and l is half the
squared error in (a), the cross entropy of logits in (b). The forward passes are complex-clean, as the witnesses need.
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


# ---- (a) the general model


@dataclass(frozen=True, eq=False)  # by identity, so that its states are computed once
class General:
    """x (T, d), y (T, q), h_0 (m,), w_h in one row (W_hh, W_hx, b one after the other), w_o (q, m), the name of f.

    `b` (T, m, 3), `c` (T, m, m) and `a_0` (m, 3) are the sequences of (9.7.5) where they are any matrices at all.
    """

    f: str
    x: Array
    y: Array
    h_0: Array
    w_h: Array
    w_o: Array
    b: Array
    c: Array
    a_0: Array

    @property
    def T(self) -> int:
        """Number of time steps."""
        return len(self.x)


def draw_general(rng: np.random.Generator, setting: Setting) -> General:
    """A random sequence and network."""
    T, m = setting.sizes(rng)
    d, q = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    W_hh = recurrent(rng, m, setting)
    return General(
        f=setting.activation,
        x=rng.normal(size=(T, d)),
        y=rng.normal(size=(T, q)),
        h_0=rng.normal(0.0, 0.0 if setting.zero_start else 0.7, m),
        w_h=np.concatenate([W_hh.ravel(), rng.normal(0.0, 0.7, m * d), rng.normal(0.0, 0.4, m)]),
        w_o=rng.normal(0.0, 0.7, (q, m)),
        b=rng.normal(size=(T, m, 3)),
        c=rng.normal(0.0, 1.0 / np.sqrt(m), (T, m, m)),
        a_0=rng.normal(size=(m, 3)),
    )


def recurrent(rng: np.random.Generator, m: int, setting: Setting) -> Array:
    """W_hh (m, m)."""
    W = rng.normal(0.0, 1.0 / np.sqrt(m), (m, m))
    return (W + W.T) / 2.0 if setting.symmetric else W


def weights(s: General) -> tuple[Array, Array, Array]:
    """W_hh (m, m), W_hx (m, d), b (m,) out of w_h."""
    m, d = len(s.h_0), s.x.shape[1]
    W_hh, W_hx, b = np.split(s.w_h, [m * m, m * m + m * d])
    return W_hh.reshape(m, m), W_hx.reshape(m, d), b


@lru_cache(maxsize=64)
def states(s: General) -> tuple[list[Array], list[Array]]:
    """What f is taken of, and h_t, both counted from 0; the first of the former is None."""
    W_hh, W_hx, b = weights(s)
    inside: list[Array] = [None]
    h: list[Array] = [s.h_0]
    for t in range(1, s.T + 1):
        inside.append(W_hx @ s.x[t - 1] + W_hh @ h[t - 1] + b)
        h.append(F[s.f][0](inside[t]))
    return inside, h


def loss(s: General) -> Array:
    """L = (1/T) Σ_t l(y_t, o_t), l = ½ ‖o_t − y_t‖², o_t = tanh(w_o h_t)."""
    o = np.tanh(np.stack(states(s)[1][1:]) @ s.w_o.T)
    return ((o - s.y) ** 2).sum() / (2.0 * s.T)


@lru_cache(maxsize=64)
def dL_dw_h(s: General) -> Array:
    """The witness of dL/dw_h, in one row."""
    return complex_step(lambda moved: loss(replace(s, w_h=moved)), s.w_h)


@lru_cache(maxsize=64)
def dh_dw_h(s: General) -> Array:
    """The witness of the total dh_t/dw_h for t = 1…T: (T, m, all weights)."""
    return complex_step(lambda moved: np.stack(states(replace(s, w_h=moved))[1][1:]), s.w_h)


def dl_do(s: General, t: int) -> Array:
    """∂l(y_t, o_t)/∂o_t, a row (q,)."""
    return np.tanh(s.w_o @ states(s)[1][t]) - s.y[t - 1]


def dg_dh(s: General, t: int) -> Array:
    """∂g(h_t, w_o)/∂h_t = diag(1 − o_t²) w_o, (q, m)."""
    return (1.0 - np.tanh(s.w_o @ states(s)[1][t]) ** 2)[:, None] * s.w_o


def df_dh(s: General, t: int) -> Array:
    """c_t = ∂f(x_t, h_{t−1}, w_h)/∂h_{t−1}, (m, m)."""
    return F[s.f][1](states(s)[0][t])[:, None] * weights(s)[0]


def df_dw_h(s: General, t: int) -> Array:
    """b_t = ∂f(x_t, h_{t−1}, w_h)/∂w_h with h_{t−1} held fixed, (m, all weights)."""
    slope, m = np.diag(F[s.f][1](states(s)[0][t])), len(s.h_0)
    by_W_hh, by_W_hx = slope[:, :, None] * states(s)[1][t - 1], slope[:, :, None] * s.x[t - 1]
    return np.concatenate([by_W_hh.reshape(m, -1), by_W_hx.reshape(m, -1), slope], axis=1)


def sequences(s: General) -> tuple[Array, Array]:
    """b_1…b_T and c_1…c_T of the network."""
    steps = range(1, s.T + 1)
    return np.stack([df_dw_h(s, t) for t in steps]), np.stack([df_dh(s, t) for t in steps])


def recursion(b: Array, c: Array, a_0: Array) -> Array:
    """a_t = b_t + c_t a_{t−1} for t = 1…T."""
    a = [a_0]
    for b_t, c_t in zip(b, c, strict=True):
        a.append(b_t + c_t @ a[-1])
    return np.stack(a[1:])


def explicit(b: Array, c: Array, ascending: bool = False) -> Array:
    """a_t = b_t + Σ_{i=1}^{t−1} (∏_{j=i+1}^t c_j) b_i for t = 1…T; the product is c_t c_{t−1} ⋯ c_{i+1}, or turned."""
    a = []
    for t in range(1, len(b) + 1):
        a_t = b[t - 1]
        for i in range(1, t):
            product = np.eye(c.shape[1])
            for j in range(i + 1, t + 1):
                product = product @ c[j - 1] if ascending else c[j - 1] @ product
            a_t = a_t + product @ b[i - 1]
        a.append(a_t)
    return np.stack(a)


def through_h(s: General, last: Array) -> Array:
    """(1/T) Σ_t ∂l/∂o_t ∂g/∂h_t · last[t], in one row."""
    return sum(dl_do(s, t) @ dg_dh(s, t) @ last[t - 1] for t in range(1, s.T + 1)) / s.T


def of_W_hh(s: General, array: Array) -> Array:
    """The part of something by w_h that is by W_hh."""
    return array[..., : len(s.h_0) ** 2]


# ---- (b) the linear model


@dataclass(frozen=True, eq=False)  # by identity, so that its states are computed once
class Linear:
    """x (T, d), y (T, q), h_0 (m,), the weights, and what the witnesses move: dh (T, m), do (T, q), zeros otherwise.

    φ is the identity, which is the slides' model; `asked` names the activation of a network that it is not for.
    """

    phi: str
    asked: str
    x: Array
    y: Array
    h_0: Array
    W_hx: Array
    W_hh: Array
    W_qh: Array
    dh: Array
    do: Array

    @property
    def T(self) -> int:
        """Number of time steps."""
        return len(self.x)


def draw_linear(rng: np.random.Generator, setting: Setting) -> Linear:
    """A random sequence and network; the weights of each target's classes sum to 1."""
    T, m = setting.sizes(rng)
    d, q = int(rng.integers(1, 4)), int(rng.integers(2, 4))
    classes = rng.uniform(0.1, 1.0, (T, q))
    return Linear(
        phi="identity",
        asked=setting.activation,
        x=rng.normal(size=(T, d)),
        y=classes / classes.sum(axis=1, keepdims=True),
        h_0=rng.normal(0.0, 0.0 if setting.zero_start else 0.7, m),
        W_hx=rng.normal(0.0, 0.7, (m, d)),
        W_hh=recurrent(rng, m, setting),
        W_qh=rng.normal(0.0, 0.7, (q, m)),
        dh=np.zeros((T, m)),
        do=np.zeros((T, q)),
    )


def with_activation(s: Linear) -> Linear:
    """The same network with the activation that the setting names: the slides' (b) is not meant for it."""
    return replace(s, phi=s.asked)


@lru_cache(maxsize=64)
def linear_states(s: Linear) -> tuple[list[Array], list[Array], list[Array]]:
    """a_t = W_hx x_t + W_hh h_{t−1}, h_t = φ(a_t), o_t, counted from 0; a_0 and o_0 are None."""
    a: list[Array] = [None]
    h: list[Array] = [s.h_0]
    o: list[Array] = [None]
    for t in range(1, s.T + 1):
        a.append(s.W_hx @ s.x[t - 1] + s.W_hh @ h[t - 1])
        h.append(F[s.phi][0](a[t]) + s.dh[t - 1])
        o.append(s.W_qh @ h[t] + s.do[t - 1])
    return a, h, o


def linear_loss(s: Linear) -> Array:
    """L = (1/T) Σ_t l(o_t, y_t), l = Σ_j y_j (log Σ_i e^{o_i} − o_j): the cross entropy of logits."""
    o = np.stack(linear_states(s)[2][1:])
    return (s.y * (np.log(np.exp(o).sum(axis=1, keepdims=True)) - o)).sum() / s.T


@lru_cache(maxsize=64)
def linear_witness(s: Linear, name: str) -> Array:
    """dL/d name by the complex step; dh and do give dL/dh_t and dL/do_t, total, for every t."""
    return complex_step(lambda moved: linear_loss(replace(s, **{name: moved})), getattr(s, name))


def dL_do(s: Linear) -> Array:
    """(9.7.11)  ∂L/∂o_t = ∂l(o_t, y_t)/(T ∂o_t), (T, q)."""
    e = np.exp(np.stack(linear_states(s)[2][1:]))
    return (e / e.sum(axis=1, keepdims=True) - s.y) / s.T


def backwards(s: Linear, transposed: bool = True, with_slope: bool = False) -> Array:
    """(9.7.13), (9.7.14)  ∂L/∂h_T = W_qhᵀ ∂L/∂o_T, ∂L/∂h_t = W_hhᵀ ∂L/∂h_{t+1} + W_qhᵀ ∂L/∂o_t, (T, m).

    With `transposed` off, W_hh stands where its transpose should; `with_slope` puts φ′(a_{t+1}) ⊙ before ∂L/∂h_{t+1}.
    """
    a, do = linear_states(s)[0], dL_do(s)
    back = s.W_hh.T if transposed else s.W_hh
    dh = {s.T: s.W_qh.T @ do[-1]}
    for t in range(s.T - 1, 0, -1):
        slope = F[s.phi][1](a[t + 1]) if with_slope else 1.0
        dh[t] = back @ (slope * dh[t + 1]) + s.W_qh.T @ do[t - 1]
    return np.stack([dh[t] for t in range(1, s.T + 1)])


def own_loss_only(s: Linear) -> Array:
    """∂L/∂h_t through o_t alone, immediate, (T, m)."""
    return dL_do(s) @ s.W_qh


def backwards_immediate(s: Linear) -> Array:
    """(9.7.14) with ∂L/∂h_{t+1} through o_{t+1} alone."""
    own = own_loss_only(s)
    return own + np.concatenate([own[1:] @ s.W_hh, 0.0 * own[:1]])


def powers(s: Linear, odd_index: bool = True) -> Array:
    """(9.7.15)  ∂L/∂h_t = Σ_{i=t}^T (W_hhᵀ)^{T−i} W_qhᵀ ∂L/∂o_{T+t−i}, (T, m); or with ∂L/∂o_i instead."""
    T, do, power = s.T, dL_do(s), np.linalg.matrix_power
    return np.stack(
        [
            sum(
                power(s.W_hh.T, T - i) @ s.W_qh.T @ do[(T + t - i if odd_index else i) - 1] for i in range(t, T + 1)
            )
            for t in range(1, T + 1)
        ]
    )


def powers_by_lag(s: Linear) -> Array:
    """Σ_{s=t}^T (W_hhᵀ)^{s−t} W_qhᵀ ∂L/∂o_s, (T, m)."""
    T, do, power = s.T, dL_do(s), np.linalg.matrix_power
    return np.stack(
        [
            sum(power(s.W_hh.T, later - t) @ s.W_qh.T @ do[later - 1] for later in range(t, T + 1))
            for t in range(1, T + 1)
        ]
    )


def weights_of(s: Linear, dh: Array) -> tuple[Array, Array]:
    """(9.7.16)  Σ_t ∂L/∂h_t x_tᵀ and Σ_t ∂L/∂h_t h_{t−1}ᵀ."""
    h = linear_states(s)[1]
    steps = range(1, s.T + 1)
    return (
        sum(np.outer(dh[t - 1], s.x[t - 1]) for t in steps),
        sum(np.outer(dh[t - 1], h[t - 1]) for t in steps),
    )


def weights_counted_twice(s: Linear) -> tuple[Array, Array]:
    """(9.7.16) with both factors total: Σ_t ∂L/∂h_t dh_t/dW through all earlier steps, which counts some twice."""
    dh, h, one = backwards(s), linear_states(s)[1], np.eye(len(s.h_0))
    gradients = []
    for before in ([s.x[t - 1] for t in range(1, s.T + 1)], h[:-1]):
        total = 0.0 * one[:, :, None] * before[0]
        gradient = np.zeros(total.shape[1:])
        for t in range(1, s.T + 1):
            total = one[:, :, None] * before[t - 1] + np.tensordot(s.W_hh, total, axes=1)
            gradient = gradient + np.tensordot(dh[t - 1], total, axes=1)
        gradients.append(gradient)
    return gradients[0], gradients[1]


# f, or φ, and its derivative
F: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":     (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "identity": (lambda a: a, lambda a: 1.0 + 0.0 * a),
    "dead":     (lambda a: 0.0 * a, lambda a: 0.0 * a),
}
