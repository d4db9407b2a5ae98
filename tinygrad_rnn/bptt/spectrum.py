"""The singular values of ∂h_t/∂h_k = J_t … J_{k+1}, small ones too, and the rates at which they grow or die.

The small singular values of a long product are lost once it is multiplied out: beyond a condition number of 1e14 they
are rounding noise. Here the product stays a triangular matrix in graded form, with the size of each row as a logarithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec import Spec
from .factors import factors
from .forward import Array

SWEEPS = 60  # Jacobi's method needs about ten


@dataclass(frozen=True)
class Spectrum:
    """What J_t … J_{k+1} does to a small ball around h_k; a batch axis comes first where there is one.

    Attributes:
        log_singular_values: (B, m), descending; −∞ for a direction that is lost altogether.
        lyapunov_exponents: (B, m), λ_i = 1/(t − k) Σ_j log |R_j,ii| of the QR accumulation: the growth per step of the
            i-th direction, which is log σ_i/(t − k) in the limit of many steps.
        log_volume: (B,), (t − k) log |det W| + Σ_{j,i} log |φ′(a_j^(i))|, which Σ_i log σ_i equals exactly.
    """

    log_singular_values: Array
    lyapunov_exponents: Array
    log_volume: Array


def jacobian_spectrum(
    spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, k: int = 0, t: int | None = None
) -> Spectrum:
    """Spectrum of ∂h_t/∂h_k for 0 ≤ k < t ≤ T; t is T where it is left out. Real numbers only.

    Raises:
        ValueError: k and t are no such steps.
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    t = parts.T if t is None else t
    if not 0 <= k < t <= parts.T:
        raise ValueError(f"k is {k} and t is {t}: give 0 <= k < t <= {parts.T}")
    jacobians = np.stack([parts.J(j) for j in range(k + 1, t + 1)], axis=1)  # (B, t − k, m, m)
    with np.errstate(divide="ignore"):
        log_det = np.linalg.slogdet(parts.run.weights[0]["recurrent"])[1]
        volume = (t - k) * log_det + np.log(np.abs(parts.slopes[k:t])).sum(axis=(0, 2))
    sigma = np.stack([log_singular_values(sample) for sample in jacobians])
    exponents = np.stack([lyapunov_exponents(sample) for sample in jacobians])
    if parts.run.batched:
        return Spectrum(sigma, exponents, volume)
    return Spectrum(sigma[0], exponents[0], volume[0])


def log_singular_values(matrices: Any) -> Array:
    """The log σ_i of M_n … M_2 M_1 for matrices (n, m, m) in the order in which they act; (m,), descending.

    Q_j R_j = M_j Q_{j−1} turns the product into R_n … R_1, kept as diag(d) T with T triangular, ±1 on its diagonal, and
    log d in place of d; Jacobi's one-sided rotations of its rows then find the singular values to high relative
    accuracy, however far apart they are. A product that is singular outright goes through a plain decomposition.
    """
    log_d, triangle = _graded(np.asarray(matrices, dtype=float))
    if not np.all(np.isfinite(log_d)):
        product = np.eye(triangle.shape[0])
        for matrix in matrices:
            product = matrix @ product
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.linalg.svd(product, compute_uv=False)))
    lengths = np.linalg.norm(triangle, axis=1)
    return _rotated(triangle / lengths[:, None], log_d + np.log(lengths))


def lyapunov_exponents(matrices: Any) -> Array:
    """λ_i = 1/n Σ_j log |R_j,ii| for matrices (n, m, m), with Q_j R_j = M_j Q_{j−1}; (m,)."""
    log_d, _ = _graded(np.asarray(matrices, dtype=float))
    return log_d / len(matrices)


def _graded(matrices: Array) -> tuple[Array, Array]:
    """The log |d| and T with diag(d) T = R_n … R_1; one d of 0 is a log of −∞, and T is then of no use."""
    m = matrices.shape[-1]
    # The right singular vectors of the first matrix put its directions in order of size, where later ones keep them.
    Q = np.linalg.svd(matrices[0])[2].T
    log_d, triangle = np.zeros(m), np.eye(m)
    with np.errstate(divide="ignore"):
        for matrix in matrices:
            Q, R = np.linalg.qr(matrix @ Q)
            diagonal = np.abs(np.diagonal(R))
            if np.all(diagonal != 0.0) and np.all(np.isfinite(log_d)):
                ratios = np.exp(np.minimum(log_d[None, :] - log_d[:, None], 700.0))
                triangle = (np.triu(R * ratios) / diagonal[:, None]) @ triangle
            log_d = log_d + np.log(diagonal)
    return log_d, triangle


def _rotated(rows: Array, logs: Array) -> Array:
    """The log σ_i of the matrix with rows e^{logs_i} rows_i (of length 1): rotate pairs until all are orthogonal.

    With u the longer and v the shorter row, r = their ratio, g = u·v and t the tangent of the rotation,
    t/r = 2g/(1 − r² + √((1 − r²)² + 4r²g²)): nothing overflows or cancels, even where r underflows to 0.
    """
    m = len(rows)
    orthogonal = 4.0 * m * np.finfo(float).eps
    for _ in range(SWEEPS):
        largest = 0.0
        for first in range(m - 1):
            for second in range(first + 1, m):
                i, j = (first, second) if logs[first] >= logs[second] else (second, first)
                u, v = rows[i], rows[j]
                g = float(u @ v)
                largest = max(largest, abs(g))
                if abs(g) <= orthogonal:
                    continue
                r = np.exp(logs[j] - logs[i])
                gap = 1.0 - r * r
                t_by_r = 2.0 * g / (gap + np.sqrt(gap * gap + 4.0 * r * r * g * g))
                cosine = 1.0 / np.sqrt(1.0 + (t_by_r * r) ** 2)
                for place, row in ((i, cosine * (u + t_by_r * r * r * v)), (j, cosine * (v - t_by_r * u))):
                    length = np.linalg.norm(row)
                    rows[place], logs[place] = row / length, logs[place] + np.log(length)
        if largest <= orthogonal:
            break
    return np.asarray(np.sort(logs)[::-1])
