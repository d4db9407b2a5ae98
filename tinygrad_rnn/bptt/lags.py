"""Sum the contribution table the four ways that mean something: by loss, by step, by lag, and in all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .contributions import Contributions
from .forward import Array


def by_loss(table: Contributions) -> dict[str, Array]:
    """Row sums, name -> (R, shape of θ): dJ_t/dθ for every loss step t, what F and Z gather."""
    return {name: array.sum(axis=1) for name, array in table.arrays.items()}


def by_step(table: Contributions) -> dict[str, Array]:
    """Column sums, name -> (T, shape of θ): dL/dθ_k of a copy θ_k used at step k alone, what D and P gather."""
    return {name: table.step_weight * array.sum(axis=0) for name, array in table.arrays.items()}


@dataclass(frozen=True)
class LagProfile:
    """How much comes from how far back: index l is the lag t − k.

    Attributes:
        shares: name -> (T, shape of θ), w Σ_t C[t,t−l]; they add up to dL/dθ, and the first τ + 1 of them to max_lag.
        share_norms: name -> (T,), their Frobenius norms.
        mean_norms: name -> (T,), the mean of ‖C[t,t−l]‖ over the losses t that reach so far back (0 where none does):
            what single contributions measure before they cancel in the sum.
    """

    shares: dict[str, Array]
    share_norms: dict[str, Array]
    mean_norms: dict[str, Array]


def lag_profile(table: Contributions) -> LagProfile:
    """Diagonal sums of the contribution table."""
    shares: dict[str, Array] = {}
    share_norms: dict[str, Array] = {}
    mean_norms: dict[str, Array] = {}
    for name, array in table.arrays.items():
        T = array.shape[1]
        found = np.zeros_like(array[0])
        means = np.zeros(T)
        for lag in range(T):
            cells = [(row, t - lag - 1) for row, t in enumerate(table.loss_steps) if t > lag]
            if cells:
                found[lag] = table.step_weight * sum(array[cell] for cell in cells)
                means[lag] = sum(table.norms[name][cell] for cell in cells) / len(cells)
        shares[name] = found
        share_norms[name] = np.linalg.norm(found.reshape(T, -1), axis=1)
        mean_norms[name] = means
    return LagProfile(shares, share_norms, mean_norms)
