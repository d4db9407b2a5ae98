"""Derivatives of products: matmul in every combination of 1-D, 2-D and batched operands, outer."""

from __future__ import annotations

import numpy as np

from ..tape import Array, rule
from .elementwise import like


def left(g: Array, y: Array, a: Array, b: Array) -> Array:
    """Gradient of y = a @ b with respect to a."""
    if type(g) is np.ndarray and a.ndim == b.ndim == 2:
        return np.dot(g, b.T)  # starts in half the time of @
    if b.ndim == 1:
        return like(g[..., None] * b, a)
    if a.ndim == 1:
        return b @ g if b.ndim == 2 else like((b @ g[..., None])[..., 0], a)
    return like(g @ b.mT, a)


def right(g: Array, y: Array, a: Array, b: Array) -> Array:
    """Gradient of y = a @ b with respect to b."""
    if type(g) is np.ndarray and a.ndim == b.ndim == 2:
        return np.dot(a.T, g)
    if a.ndim == 1:
        return like(a[..., None] * g[..., None, :] if b.ndim > 1 else g * a, b)
    if b.ndim == 1:
        return a.T @ g if a.ndim == 2 else like((a.mT @ g[..., None])[..., 0], b)
    return like(a.mT @ g, b)


rule(np.matmul, left, right)
rule(np.outer,  lambda g, y, a, b: np.reshape(g @ np.reshape(b, -1), np.shape(a)),
                lambda g, y, a, b: np.reshape(np.reshape(a, -1) @ g, np.shape(b)))
