"""Make small random instances of a model, the same ones for the same seed on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import bptt
from ..spec import Sizes, Spec

RELU_MARGIN = 1e-2  # how far from its kink every pre-activation of a relu model stays
ATTEMPTS = 1000


@dataclass(frozen=True)
class Instance:
    """A model with numbers: x (T, B, d), y (T, B, q) or (B, q), h0 (B, m), parameters by name."""

    spec: Spec
    params: Mapping[str, Any]
    x: Any
    y: Any
    h0: Any


def random_instance(spec: Spec, sizes: Sizes, seed: int | tuple[int, ...], zero_h0: bool = False) -> Instance:
    """An instance with normal weights, no two alike, so that W is not symmetric; h0 is zeros on request.

    Args:
        spec: the model. Targets suit its loss: weights of a class sum to 1, binary ones lie in (0, 1).
        sizes: how long and wide; no batch axis where `sizes.B` is None.
        seed: whole number or several.
        zero_h0: start from h0 = 0.

    Raises:
        ValueError: no relu instance was found whose pre-activations stay clear of the kink.
    """
    rng = np.random.default_rng(seed)
    for _ in range(ATTEMPTS):
        instance = _draw(spec, sizes, rng, zero_h0)
        if spec.activation != "relu":
            return instance
        a = bptt.forward(spec, instance.params, instance.x, instance.y, instance.h0).a
        if np.min(np.abs(a)) > RELU_MARGIN:
            return instance
    raise ValueError(f"no relu instance of {sizes} with |a| > {RELU_MARGIN} in {ATTEMPTS} draws: use smaller sizes")


def _draw(spec: Spec, sizes: Sizes, rng: np.random.Generator, zero_h0: bool) -> Instance:
    batch = () if sizes.B is None else (sizes.B,)
    time = () if spec.many_to_one else (sizes.T,)
    params = {}
    for name in spec.names:
        shape = spec.shape(name, sizes)
        params[name] = rng.normal(0.0, 0.9 / np.sqrt(max(shape)) if len(shape) == 2 else 0.4, shape)
    x = rng.normal(size=(sizes.T, *batch, sizes.d))
    y = rng.normal(size=(*time, *batch, sizes.q))
    if spec.loss == "bce":
        y = rng.uniform(0.05, 0.95, y.shape)
    if spec.loss == "softmax_ce":
        weights = rng.uniform(0.1, 1.0, y.shape)
        y = weights / weights.sum(axis=-1, keepdims=True)
    h0 = rng.normal(0.0, 0.7, (*batch, sizes.m))
    return Instance(spec, params, x, y, 0.0 * h0 if zero_h0 else h0)
