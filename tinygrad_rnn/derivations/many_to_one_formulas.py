"""Evaluate the factors of the many-to-one notes one by one: row vectors, hidden states o_t, in the notes' letters.

Row layout: (∂o_t/∂o_{t−1})[i, j] = ∂o_t^(j)/∂o_{t−1}^(i), so that chains read from the inside out, left to right:

    dL/dw = Σ_j ∂⁺o_j/∂w · ∂o_{j+1}/∂o_j ⋯ ∂o_n/∂o_{n−1} · ∂ŷ/∂o_n · ∂L/∂ŷ

Everything but the draw of a trial is complex-clean, so that the complex step can go through it.
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
class Sentence:
    """One sample: words x_1…x_n as rows of x (n, d), its label y, the start o_0 (m,), and the weights.

    w_h holds one matrix for each step, w_h[t − 1] for step t, and so does w_i: the notes use the same one in every
    step, and a witness may move one copy alone.
    """

    f: str
    x: Array
    y: float
    o_0: Array
    w_i: Array
    w_h: Array
    w_o: Array

    @property
    def n(self) -> int:
        """Number of time steps."""
        return len(self.x)


def sentence(rng: np.random.Generator, setting: Setting, n: int | None = None) -> Sentence:
    """A random sample with normal weights; n steps where a formula is for so many, unless the setting has its own T."""
    T, m = setting.sizes(rng)
    if n is not None and setting.T == Setting().T:
        T = n
    d = int(rng.integers(1, 4))
    x, o_0 = rng.normal(size=(T, d)), rng.normal(0.0, 0.7, m)
    w_i, w_h, w_o = rng.normal(0.0, 0.7, (d, m)), rng.normal(0.0, 0.8, (m, m)), rng.normal(0.0, 1.0, (m, 1))
    if setting.symmetric:
        w_h = (w_h + w_h.T) / 2.0
    start = 0.0 * o_0 if setting.zero_start else o_0
    return Sentence(setting.activation, x, float(rng.integers(2)), start, same(w_i, T), same(w_h, T), w_o)


def same(w: Array, n: int) -> Array:
    """One weight as n copies of it, (n, …)."""
    return np.tile(w, (n, 1, 1))


def states(s: Sentence) -> tuple[list[Array], list[Array]]:
    """a_t and o_t = f(a_t), a_t = x_it w_i + o_{t−1} w_h, both counted from 0; a_0 is None."""
    a: list[Array] = [None]
    o: list[Array] = [s.o_0]
    for t in range(1, s.n + 1):
        a.append(s.x[t - 1] @ s.w_i[t - 1] + o[t - 1] @ s.w_h[t - 1])
        o.append(F[s.f][0](a[t]))
    return a, o


def y_hat(s: Sentence) -> Array:
    """ŷ = σ(o_n w_o), a number."""
    return sigma(states(s)[1][s.n] @ s.w_o)[0]


def loss(s: Sentence) -> Array:
    """L = −y log ŷ − (1 − y) log(1 − ŷ) from the logit z = o_n w_o: log(1 + eᶻ) − y z."""
    z = (states(s)[1][s.n] @ s.w_o)[0]
    return np.log(1.0 + np.exp(z)) - s.y * z


def f_prime(s: Sentence, t: int) -> Array:
    """f′(x_it w_i + o_{t−1} w_h), (m,)."""
    return F[s.f][1](states(s)[0][t])


def dL_dyhat(s: Sentence) -> Array:
    """∂L/∂ŷ = (ŷ − y)/(ŷ(1 − ŷ)), a number."""
    return (y_hat(s) - s.y) / (y_hat(s) * (1.0 - y_hat(s)))


def dyhat_do_n(s: Sentence) -> Array:
    """∂ŷ/∂o_n = w_o σ′(o_n w_o), (m,)."""
    return s.w_o[:, 0] * y_hat(s) * (1.0 - y_hat(s))


def do_do(s: Sentence, t: int) -> Array:
    """∂o_t/∂o_{t−1} = w_h diag(f′(a_t)), (m, m)."""
    return s.w_h[t - 1] * f_prime(s, t)


def do_do_far(s: Sentence, j: int, k: int) -> Array:
    """∂o_j/∂o_k = ∂o_{k+1}/∂o_k ⋯ ∂o_j/∂o_{j−1}, ascending; the identity for j = k."""
    product = np.eye(len(s.o_0))
    for t in range(k + 1, j + 1):
        product = product @ do_do(s, t)
    return product


def dyhat_do(s: Sentence, j: int) -> Array:
    """dŷ/do_j, total: through o_{j+1} … o_n, (m,)."""
    return do_do_far(s, s.n, j) @ dyhat_do_n(s)


def immediate(s: Sentence, w: str, j: int) -> Array:
    """∂⁺o_j/∂w with o_{j−1} held fixed: entry (a, b, c) is ∂o_j^(c)/∂w[a, b]; w is "w_i" or "w_h"."""
    before = s.x[j - 1] if w == "w_i" else states(s)[1][j - 1]
    return before[:, None, None] * np.diag(f_prime(s, j))


def total(s: Sentence, w: str, j: int) -> Array:
    """do_j/dw through all earlier steps as well, shaped as `immediate`."""
    result = immediate(s, w, 1)
    for t in range(2, j + 1):
        result = immediate(s, w, t) + result @ do_do(s, t)
    return result


def term(s: Sentence, w: str, j: int) -> Array:
    """∂⁺o_j/∂w · dŷ/do_j · ∂L/∂ŷ, what step j adds to dL/dw; shaped as w."""
    return immediate(s, w, j) @ dyhat_do(s, j) * dL_dyhat(s)


def explicit_sum(s: Sentence, w: str) -> Array:
    """dL/dw = Σ_{j=1}^{n} ∂⁺o_j/∂w · dŷ/do_j · ∂L/∂ŷ."""
    return sum(term(s, w, j) for j in range(1, s.n + 1))


def delta_form(s: Sentence) -> tuple[Array, Array]:
    """dL/dw_i and dL/dw_h by δ_n = (ŷ − y) w_oᵀ ⊙ f′(a_n), δ_j = (δ_{j+1} w_hᵀ) ⊙ f′(a_j)."""
    a, o = states(s)
    f_dash = F[s.f][1]
    delta = (y_hat(s) - s.y) * s.w_o[:, 0] * f_dash(a[s.n])
    dw_i, dw_h = np.outer(s.x[-1], delta), np.outer(o[s.n - 1], delta)
    for j in range(s.n - 1, 0, -1):
        delta = (delta @ s.w_h[j].T) * f_dash(a[j])
        dw_i, dw_h = dw_i + np.outer(s.x[j - 1], delta), dw_h + np.outer(o[j - 1], delta)
    return dw_i, dw_h


def dL_dw_o(s: Sentence) -> Array:
    """dL/dw_o = o_nᵀ(ŷ − y), (m, 1)."""
    return states(s)[1][s.n][:, None] * (y_hat(s) - s.y)


def witness(s: Sentence, w: str) -> Array:
    """dL/dw by the complex step through the loss: every copy of w moves with it."""
    if w == "w_o":
        return complex_step(lambda w_o: loss(replace(s, w_o=w_o)), s.w_o)
    return complex_step(lambda v: loss(_with_copies(s, w, same(v, s.n))), getattr(s, w)[0])


def witness_of_step(s: Sentence, w: str, j: int) -> Array:
    """dL/d(the copy of w at step j), by the complex step: what step j alone adds."""
    copies = getattr(s, w)

    def moved(v: Array) -> Array:
        return loss(_with_copies(s, w, np.stack([v if t == j else copies[t - 1] for t in range(1, s.n + 1)])))

    return complex_step(moved, copies[j - 1])


def witness_of_state(s: Sentence, j: int, k: int) -> Array:
    """∂o_j/∂o_k in row layout, by the complex step through the steps k + 1 … j."""
    _, o = states(s)

    def onwards(o_k: Array) -> Array:
        rest = replace(s, x=s.x[k:j], o_0=o_k, w_i=s.w_i[k:j], w_h=s.w_h[k:j])
        return states(rest)[1][j - k]

    return complex_step(onwards, o[k]).T


def _with_copies(s: Sentence, w: str, copies: Array) -> Sentence:
    return replace(s, w_i=copies) if w == "w_i" else replace(s, w_h=copies)


def sigma(a: Array) -> Array:
    """The logistic function."""
    return 0.5 + 0.5 * np.tanh(a / 2.0)


# f and f′; "dead" is a relu that no step passes
F: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh":     (np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "sigmoid":  (sigma, lambda a: 0.25 * (1.0 - np.tanh(a / 2.0) ** 2)),
    "identity": (lambda a: a, lambda a: np.ones(a.shape)),
    "dead":     (lambda a: 0.0 * a, lambda a: 0.0 * a),
}
