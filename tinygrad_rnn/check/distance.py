"""Measure how far an array is from the one that it should equal, the one way that the whole project does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SMALLEST_NORM = 1e-12  # below this a reference counts as zero, and the error is as good as absolute


def relative_error(a: Any, b: Any) -> float:
    """‖a − b‖ / max(‖b‖, 1e−12) in the Frobenius norm; infinite where the shapes differ.

    Args:
        a: array or number of any shape.
        b: the reference, of the same shape.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return math.inf
    return float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(b)), SMALLEST_NORM)
