"""Put the numbers of a page into short form: norms of four digits as JSON, whole arrays as 32-bit floats in base64."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..reading.tooltips import norm

MOST_FLOATS = 60_000  # 320 kB of base64
MOST_FOLDED = 180_000  # 960 kB, where hundreds of folded steps add their parts
LIMITS = (400, 144, 64, 16, 1, 0)  # entries of the largest array that is kept whole; the first that fits is taken


def short(value: float) -> float | str:
    """A number to four digits; what JSON has no number for as a word."""
    value = float(np.real(value))
    return float(f"{value:.4g}") if np.isfinite(value) else str(value)


def short_norm(array: Any) -> float | str:
    """The Euclidean norm to four digits."""
    return short(norm(array))


def limit_for(sizes: list[int], room: int = MOST_FLOATS) -> int:
    """The largest array to keep whole, so that all that are kept have room."""
    return next((most for most in LIMITS if sum(size for size in sizes if size <= most) <= room), 0)


@dataclass
class Floats:
    """Collects arrays one behind the other; the page reads them back as one Float32Array."""

    limit: int
    arrays: list[Any] = field(default_factory=list)
    used: int = 0

    def add(self, array: Any) -> int:
        """Where the array begins; −1 for one that is too large to be kept, and for an empty one."""
        entries = np.ravel(np.real(np.asarray(array, dtype=np.complex128)))
        if not 0 < entries.size <= self.limit:
            return -1
        self.arrays.append(entries)
        self.used += entries.size
        return self.used - entries.size

    def text(self) -> str:
        """All of them, little-endian, in base64."""
        with np.errstate(over="ignore", under="ignore"):
            whole = np.concatenate([np.zeros(0), *self.arrays]).astype("<f4")
        return base64.b64encode(whole.tobytes()).decode("ascii")
