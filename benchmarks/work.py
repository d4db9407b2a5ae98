"""The work that every engine is given: the loss of a recurrent network and its gradients, and the sizes it is done at.

    h_t = tanh(x_t U + h_{t−1} W + b),   o_t = h_t V + c,   L = mean over steps and batch of softmax cross-entropy

with integer targets; the gradients of U, W, V, b and c are wanted, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = ("U", "W", "V", "b", "c")


@dataclass(frozen=True)
class Size:
    """Batch B, input D, hidden H, output K, steps T."""

    B: int
    D: int
    H: int
    K: int
    T: int

    def __str__(self) -> str:
        return f"({self.B},{self.D},{self.H},{self.K},{self.T})"


SIZES = (
    Size(1, 8, 16, 8, 100),
    Size(1, 8, 16, 8, 1000),
    Size(16, 32, 64, 32, 100),
    Size(32, 64, 128, 64, 100),
    Size(64, 128, 512, 128, 50),
    Size(1, 4, 8, 4, 10000),
)


@dataclass(frozen=True)
class Work:
    """Inputs X (T, B, D), class numbers Y (T, B), first state h0 (B, H), and the parameters by name."""

    size: Size
    X: Array
    Y: Array
    h0: Array
    parameters: dict[str, Array]


def make_work(size: Size, seed: int = 0) -> Work:
    """The same numbers for the same size and seed."""
    random = np.random.default_rng(seed)
    B, D, H, K, T = size.B, size.D, size.H, size.K, size.T
    parameters = {
        "U": random.normal(size=(D, H)) / np.sqrt(D),
        "W": random.normal(size=(H, H)) / np.sqrt(H),
        "V": random.normal(size=(H, K)) / np.sqrt(H),
        "b": 0.1 * random.normal(size=H),
        "c": 0.1 * random.normal(size=K),
    }
    X, h0 = random.normal(size=(T, B, D)), 0.1 * random.normal(size=(B, H))
    return Work(size, X, random.integers(0, K, size=(T, B)), h0, parameters)
