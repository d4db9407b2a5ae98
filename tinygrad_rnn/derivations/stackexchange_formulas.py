"""Evaluate the differentials of the Stack Exchange answer: mini-batches of rows, in the source's letters.

    dL = ∂L/∂A : dA,   dA = X dU,   A : B C = Bᵀ A : C,   so ∂L/∂U = Xᵀ ∂L/∂A

∂L/∂A^(t) is the total adjoint of one step's A; dA^(t) is immediate, with H^(t−1) held fixed. The forward pass is
complex-clean, and every step may have its own copy of a weight: that is how the witness moves one step alone.
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
class Batch:
    """X (T, n, d), Y (T, n, v), H^(0) (n, h), weights, the activation's name, and what the witnesses move.

    Attributes:
        U: (T, d, h), a copy for each step; all alike but where a witness moves one.
        dU: a direction to move in, (d, h).
        dA: added to A^(t), (T, n, h); zeros but where a witness moves it. The same for dO, (T, n, v).
    """

    activation: str
    X: Array
    Y: Array
    H0: Array
    U: Array
    W: Array
    b: Array
    V: Array
    c: Array
    dU: Array
    dA: Array
    dO: Array

    @property
    def T(self) -> int:
        """Number of time steps."""
        return len(self.X)


def draw(rng: np.random.Generator, setting: Setting) -> Batch:
    """A random mini-batch and network; the weights of a row's classes sum to 1."""
    T, h = setting.sizes(rng)
    n, d, v = (int(rng.integers(low, 4)) for low in (1, 1, 2))
    classes = rng.uniform(0.1, 1.0, (T, n, v))
    W = rng.normal(0.0, 1.0 / np.sqrt(h), (h, h))
    return Batch(
        activation=setting.activation,
        X=rng.normal(size=(T, n, d)),
        Y=classes / classes.sum(axis=2, keepdims=True),
        H0=rng.normal(0.0, 0.0 if setting.zero_start else 0.7, (n, h)),
        U=np.tile(rng.normal(0.0, 0.7, (d, h)), (T, 1, 1)),
        W=(W + W.T) / 2.0 if setting.symmetric else W,
        b=rng.normal(0.0, 0.4, (1, h)),
        V=rng.normal(0.0, 0.7, (h, v)),
        c=rng.normal(0.0, 0.4, (1, v)),
        dU=rng.normal(size=(d, h)),
        dA=np.zeros((T, n, h)),
        dO=np.zeros((T, n, v)),
    )


@lru_cache(maxsize=64)
def states(s: Batch) -> tuple[list[Array], list[Array], list[Array]]:
    """A^(t), H^(t), O^(t), counted from 0; A^(0) and O^(0) are None."""
    A: list[Array] = [None]
    H: list[Array] = [s.H0]
    O: list[Array] = [None]  # noqa: E741 (the source's letter)
    for t in range(1, s.T + 1):
        A.append(s.X[t - 1] @ s.U[t - 1] + H[t - 1] @ s.W + s.b + s.dA[t - 1])
        H.append(ACTIVATION[s.activation][0](A[t]))
        O.append(H[t] @ s.V + s.c + s.dO[t - 1])
    return A, H, O


def loss(s: Batch) -> Array:
    """L = −(1/T) Σ_t Σ_i Σ_j Y log Ŷ, from the logits: Y (log Σ_k e^{O_k} − O)."""
    O = np.stack(states(s)[2][1:])  # noqa: E741
    return (s.Y * (np.log(np.exp(O).sum(axis=2, keepdims=True)) - O)).sum() / s.T


@lru_cache(maxsize=64)
def witness(s: Batch, name: str) -> Array:
    """dL/d name by the complex step; of U, dA and dO that is (T, …): each step's copy moved alone."""
    return complex_step(lambda moved: loss(replace(s, **{name: moved})), getattr(s, name))


def softmax(O: Array) -> Array:  # noqa: E741
    """e^{o_j} / Σ_k e^{o_k} by rows."""
    return np.exp(O) / np.exp(O).sum(axis=-1, keepdims=True)


def softmax_without_exp(O: Array) -> Array:  # noqa: E741
    """o_j / Σ_k o_k by rows, as printed."""
    return O / O.sum(axis=-1, keepdims=True)


def log_sum_exp_slope(O: Array) -> Array:  # noqa: E741
    """The softmax as what it is the gradient of: the complex step of Σ_i log Σ_k e^{o_ik}."""
    return complex_step(lambda moved: np.log(np.exp(moved).sum(axis=-1)).sum(), O)


def logits(s: Batch) -> Array:
    """O^(1)…O^(T), (T, n, v)."""
    return np.stack(states(s)[2][1:])


def swapped_loss(O: Array, Y: Array) -> Array:  # noqa: E741
    """−(1/T) Σ ŷ log y, as printed."""
    return -(softmax(O) * np.log(Y)).sum() / len(O)


def cross_entropy(O: Array, Y: Array) -> Array:  # noqa: E741
    """−(1/T) Σ y log ŷ."""
    return -(Y * np.log(softmax(O))).sum() / len(O)


def one_hot(s: Batch) -> Array:
    """Y with 1 at each row's largest weight and 0 elsewhere."""
    return 1.0 * (s.Y == s.Y.max(axis=2, keepdims=True))


def dL_dO(s: Batch) -> Array:
    """001.do: (1/T)((Σ_j Y_ij) Ŷ^(t) − Y^(t)), (T, n, v)."""
    return (s.Y.sum(axis=2, keepdims=True) * softmax(logits(s)) - s.Y) / s.T


@lru_cache(maxsize=64)
def dL_dA(s: Batch, transposed: bool = True) -> Array:
    """001.dA: (dL/dO^(t) Vᵀ + dL/dA^(t+1) Wᵀ) ⊙ (1 − H^(t) ⊙ H^(t)), (T, n, h).

    With `transposed` off, W stands where Wᵀ should: the slip of who mixes rows with columns.
    """
    A = states(s)[0]
    back, dO = s.W.T if transposed else s.W, dL_dO(s)
    dA: dict[int, Array] = {s.T + 1: 0.0 * s.H0}
    for t in range(s.T, 0, -1):
        dA[t] = (dO[t - 1] @ s.V.T + dA[t + 1] @ back) * slope(s, A[t])
    return np.stack([dA[t] for t in range(1, s.T + 1)])


def immediate_dA(s: Batch, t: int) -> Array:
    """dA^(t) = X^(t) dU with H^(t−1) held fixed, (n, h)."""
    return s.X[t - 1] @ s.dU


def total_dA(s: Batch, t: int) -> Array:
    """dA^(t) = X^(t) dU + dH^(t−1) W through all earlier steps as well, (n, h)."""
    A = states(s)[0]
    dA = immediate_dA(s, 1)
    for step in range(2, t + 1):
        dA = immediate_dA(s, step) + (slope(s, A[step - 1]) * dA) @ s.W
    return dA


def frobenius(A: Array, B: Array) -> Array:
    """A : B = Tr(Aᵀ B)."""
    return np.trace(A.T @ B)


def by_entries(A: Array, B: Array) -> Array:
    """Σ_ij A_ij B_ij, the definition that `frobenius` is held against."""
    return sum(A[place] * B[place] for place in np.ndindex(A.shape))


def dL_along(s: Batch, dA_of: Callable[[Batch, int], Array]) -> Array:
    """Σ_t dL/dA^(t) : dA^(t)."""
    return sum(frobenius(dL_dA(s)[t - 1], dA_of(s, t)) for t in range(1, s.T + 1))


def each_step(s: Batch, term: Callable[[int], Array]) -> Array:
    """What a function gives for t = 1…T, stacked."""
    return np.stack([term(t) for t in range(1, s.T + 1)])


def slope(s: Batch, A: Array) -> Array:
    """The activation's derivative at A."""
    return ACTIVATION[s.activation][1](A)


# the activation and its derivative; the source's is tanh
ACTIVATION: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":     (np.tanh, lambda A: 1.0 - np.tanh(A) ** 2),
    "identity": (lambda A: A, lambda A: 1.0 + 0.0 * A),
    "dead":     (lambda A: 0.0 * A, lambda A: 0.0 * A),
}
