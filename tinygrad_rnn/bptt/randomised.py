"""Cut backpropagation through time at random, so that the mean over all cuts is still the gradient.

A pattern is T − 1 booleans: `kept[t − 1]` says whether the boundary between t and t + 1 lets the gradient through.
Every estimate takes its pattern as an argument, so that all 2^(T−1) of them can be tried; `sample_pattern` draws one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spec import Spec
from .factors import added, factors, matrix_times, row_times
from .forward import Array
from .truncation import TruncationError, numbers, whole


def d2l_recursive(
    spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, kept: Any, pi: Any
) -> dict[str, Array]:
    """Randomised truncation as it can be run: a forward recursion in which each step may forget the past.

        z_t = b_t + ξ_t c_t z_{t−1},   P(ξ_t = 0) = 1 − π_t,  P(ξ_t = 1/π_t) = π_t,  so E ξ_t = 1;   ĝ = w Σ_t e_t z_t

    with b_t = ∂⁺h_t/∂θ and c_t = J_t, in the letters of Dive into Deep Learning. z_0 = 0, so ξ_1 does not matter.

    Args:
        spec: the model.
        params: name -> array.
        x: (T, B, d).
        y: (T, B, q).
        h0: (B, m).
        kept: (T − 1,) booleans, kept[t − 2] for ξ_t ≠ 0, t = 2 … T.
        pi: π_2 … π_T in (0, 1], or one number for all.

    Returns:
        name -> the estimate of dL/dθ for this pattern. Gradients of the readout are exact.

    Raises:
        TruncationError: a probability outside (0, 1], or a pattern of the wrong shape.
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    xi = _xi(kept, keep_probabilities(pi, parts.T), parts.T)
    z: dict[str, Array] = {}
    estimates = []
    for t in range(1, parts.T + 1):
        z = added([parts.immediate(t), matrix_times(xi[t] * parts.J(t), z)])
        if t in parts.loss_steps:
            estimates.append(row_times(parts.e(t), z))
    return parts.gradients(added(estimates))


def d2l_one_step(
    spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, kept: Any, pi: Any
) -> dict[str, Array]:
    """Randomised truncation as it is printed: each step forgets its past or takes all of it, dh_{t−1}/dθ in full.

        z_t = b_t + ξ_t c_t dh_{t−1}/dθ,   ĝ = w Σ_t e_t z_t

    It saves nothing, since dh_{t−1}/dθ must be known. Its factor on C[t,k] is ξ_t for every k < t, of mean square
    1/π_t, so the variance does not grow with the lag. Arguments, result and errors as of `d2l_recursive`.
    """
    parts = factors(spec, params, x, y, h0)
    xi = _xi(kept, keep_probabilities(pi, parts.T), parts.T)
    derivative: dict[str, Array] = {}
    estimates = []
    for t in range(1, parts.T + 1):
        immediate, carried = parts.immediate(t), matrix_times(parts.J(t), derivative)
        if t in parts.loss_steps:
            z = added([immediate, {name: xi[t] * array for name, array in carried.items()}])
            estimates.append(row_times(parts.e(t), z))
        derivative = added([immediate, carried])
    return parts.gradients(added(estimates))


def artbp(
    spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, kept: Any, c: Any, *, reweigh: bool = True
) -> dict[str, Array]:
    """ARTBP: the backward recursion, cut between t and t + 1 with probability c_t, else weighed up.

        δ̃_t = e_t + 1[no cut]/(1 − c_t) · δ̃_{t+1} J_{t+1},   δ̃_T = e_T,   ĝ = w Σ_t δ̃_t ∂⁺h_t/∂θ

    (Tallec & Ollivier 2017, arXiv:1705.08209; e_t = 0 where step t has no loss). With π_{t+1} = 1 − c_t it is
    `d2l_recursive`, run backwards.

    Args:
        spec: the model.
        params: name -> array.
        x: (T, B, d).
        y: (T, B, q).
        h0: (B, m).
        kept: (T − 1,) booleans, kept[t − 1] for no cut between t and t + 1.
        c: c_1 … c_{T−1} in [0, 1), or one number for all.
        reweigh: False leaves 1/(1 − c_t) out, to show what it is for: the mean is then no longer the gradient.

    Raises:
        TruncationError: a probability outside [0, 1), or a pattern of the wrong shape.
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    keep = 1.0 - cut_probabilities(c, parts.T)
    xi = _xi(kept, keep if reweigh else np.ones_like(keep), parts.T)
    delta = np.zeros_like(parts.states[0])
    terms = []
    for t in range(parts.T, 0, -1):
        if t < parts.T:
            delta = xi[t + 1] * parts.times_J(delta, t + 1)
        if t in parts.loss_steps:
            delta = delta + parts.e(t)
        terms.append(parts.times_immediate(delta, t))
    return parts.gradients(added(terms))


def sample_pattern(generator: np.random.Generator, T: int, keep: Any) -> Array:
    """A pattern for T steps: every boundary lets the gradient through with its probability `keep` (π, or 1 − c).

    Raises:
        TruncationError: a probability outside (0, 1], or T < 1.
    """
    probabilities = keep_probabilities(keep, T)
    return generator.random(len(probabilities)) < probabilities


def pattern_probability(kept: Any, keep: Any) -> float:
    """The probability of a pattern, when every boundary lets through with probability `keep` (π, or 1 − c).

    Raises:
        TruncationError: a probability outside (0, 1], or a pattern that is none.
    """
    T = np.size(kept) + 1
    probabilities, kept = keep_probabilities(keep, T), check_pattern(kept, T)
    return float(np.where(kept, probabilities, 1.0 - probabilities).prod())


def pattern_weights(kept: Any, keep: Any) -> Array:
    """The factor that a pattern puts on C[t,k], (T, T): ∏_{j=k}^{t−1} 1[no cut after j]/keep_j; its mean is 1.

    Raises:
        TruncationError: a probability outside (0, 1].
    """
    T = np.size(kept) + 1
    xi = _xi(kept, keep_probabilities(keep, T), T)
    return _products({j: xi[j + 1] for j in range(1, T)}, T)


def weight_second_moments(T: int, c: Any) -> Array:
    """Mean square of the factor on C[t,k], (T, T): ∏_{j=k}^{t−1} 1/(1 − c_j); so its variance grows with the lag.

    Raises:
        TruncationError: a probability outside [0, 1), or T < 1.
    """
    keep = 1.0 - cut_probabilities(c, T)
    return _products({j: 1.0 / keep[j - 1] for j in range(1, T)}, T)


def keep_probabilities(pi: Any, T: int) -> Array:
    """π for each of the T − 1 boundaries.

    Raises:
        TruncationError: one of them outside (0, 1], not one number and not T − 1 of them, or T < 1.
    """
    return _probabilities("pi", pi, T, "(0, 1]", lambda p: (p > 0.0) & (p <= 1.0))


def cut_probabilities(c: Any, T: int) -> Array:
    """The c_t of each of the T − 1 boundaries.

    Raises:
        TruncationError: one of them outside [0, 1), not one number and not T − 1 of them, or T < 1.
    """
    return _probabilities("c", c, T, "[0, 1)", lambda p: (p >= 0.0) & (p < 1.0))


def _probabilities(name: str, given: Any, T: int, interval: str, inside: Any) -> Array:
    T, array = whole("T", T, least=1), numbers(name, given)
    if array.shape not in ((), (T - 1,)):
        raise TruncationError(
            f"{name} has shape {array.shape}: give one number, or {T - 1}, one for each boundary between the {T} steps"
        )
    wrong = array[~inside(array)]
    if wrong.size:
        raise TruncationError(f"{name} holds {wrong.flat[0]}: a probability here must lie in {interval}")
    return np.broadcast_to(array, (T - 1,))


def _xi(kept: Any, keep: Array, T: int) -> dict[int, float]:
    """Every t with its ξ_t; ξ_1 is 1, and nothing reads it."""
    kept = check_pattern(kept, T)
    return {1: 1.0} | {t: float(kept[t - 2] / keep[t - 2]) for t in range(2, T + 1)}


def check_pattern(kept: Any, T: int) -> Array:
    """The pattern as booleans.

    Raises:
        TruncationError: it is not (T − 1,), or holds anything but True and False.
    """
    kept = numbers("the pattern", kept)
    if kept.shape != (T - 1,):
        wanted = f"({T - 1},), one entry for each boundary between {T} steps"
        raise TruncationError(f"the pattern has shape {kept.shape}: it needs {wanted}")
    if not np.all((kept == 0) | (kept == 1)):
        raise TruncationError("the pattern holds something other than True and False: a boundary is cut or it is not")
    return kept.astype(bool)


def _products(factor: Mapping[int, float], T: int) -> Array:
    """∏_{j=k}^{t−1} factor_j for k ≤ t, else 0."""
    table = np.zeros((T, T))
    for k in range(1, T + 1):
        product = 1.0
        for t in range(k, T + 1):
            table[t - 1, k - 1] = product
            product *= factor.get(t, 1.0)
    return table
