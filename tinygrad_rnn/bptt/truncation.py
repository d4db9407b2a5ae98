"""Cut backpropagation through time short: every truncation is a 0/1 mask on the contributions C[t,k].

A mask is a T × T array; row t − 1, column k − 1 says whether step k's share in the gradient of step t's loss is kept.
Weights are the same in all blocks, and the gradients of all blocks are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

import numpy as np

from ..spec import Spec
from .explicit import terms
from .factors import Factors, added, factors
from .forward import Array


class TruncationError(ValueError):
    """Numbers that describe no truncation, or a mask that does not fit; the message is one line."""


def max_lag(T: int, tau: int) -> Array:
    """Every loss reaches `tau` steps back: keep 0 ≤ t − k ≤ τ.

    This is the regular truncation of Dive into Deep Learning ("stop at ∂h_{t−τ}/∂w"). Its wording also admits a reading
    with one step less, t − k ≤ τ − 1: that is max_lag(T, τ − 1). Here lag τ itself is kept, so τ = 0 leaves the
    immediate partials alone. Williams & Peng's BPTT(h) is max_lag(T, h − 1).

    Raises:
        TruncationError: tau < 0 or T < 1.
    """
    T, tau = whole("T", T, least=1), whole("tau", tau, least=0)
    tau = min(tau, T)  # beyond T nothing changes
    t, k = _steps(T)
    return _mask((k <= t) & (t - k <= tau))


def williams_peng(T: int, k1: int, k2: int) -> Array:
    """Every k1 steps, and at T, go back k2 steps with the losses since the last time: BPTT(k2; k1), k1 ≤ k2.

    The pass at s = k1, 2 k1, …, T injects only the losses that no earlier pass injected and holds h_{max(0, s−k2)}
    constant:

        keep s(t) − k2 + 1 ≤ k ≤ t,   s(t) = min(T, k1 ⌈t/k1⌉)

    (Williams & Peng 1990, Neural Computation 2(4), 490–501). (T, T) is the full gradient, (1, h) is max_lag(T, h − 1).

    Raises:
        TruncationError: k1 < 1, or k2 < k1, where the first losses of a block would reach no recurrent weight.
    """
    T, k1, k2 = whole("T", T, least=1), whole("k1", k1, least=1), whole("k2", k2, least=1)
    if k2 < k1:
        raise TruncationError(
            f"k2 is {k2} and k1 is {k1}: a pass that goes back fewer steps than it takes losses would lose the first "
            f"{k1 - k2} of them; use k2 >= k1"
        )
    k1, k2 = min(k1, T), min(k2, T)  # beyond T nothing changes
    t, k = _steps(T)
    end_of_block = np.minimum(T, k1 * -(-t // k1))
    return _mask((end_of_block - k2 + 1 <= k) & (k <= t))


def detach_every_k(T: int, k: int) -> Array:
    """The state is detached before steps 1, k + 1, 2k + 1, …: keep ⌊(step k − 1)/k⌋ = ⌊(t − 1)/k⌋, the same chunk.

    What training loops do that cut a sequence into chunks of k. It equals williams_peng(T, k, k) if k divides T, and
    else differs in the last, short chunk, where williams_peng still looks k steps back from T.

    Raises:
        TruncationError: k < 1 or T < 1.
    """
    T, k = whole("T", T, least=1), min(whole("k", k, least=1), T)
    t, step = _steps(T)
    return _mask((step <= t) & ((step - 1) // k == (t - 1) // k))


def truncated(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, mask: Any) -> dict[str, Array]:
    """The gradient that a truncation computes: name -> w Σ_{t,k} mask[t,k] C[t,k], shaped like θ.

    Gradients of the readout are not truncated: no recurrence lies between them and their loss.

    Args:
        spec: the model.
        params: name -> array.
        x: (T, B, d).
        y: (T, B, q).
        h0: (B, m).
        mask: (T, T) of 0 and 1; of a many-to-one model only its last row is read.

    Raises:
        TruncationError: the mask has another shape or other entries.
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    return parts.gradients(weighted_terms(parts, check_mask(mask, parts.T)))


def bias(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any, mask: Any) -> dict[str, Array]:
    """What a truncation leaves out, exactly: name -> w Σ_{t,k} (1 − mask[t,k]) C[t,k] = dL/dθ − truncated gradient.

    It is exactly 0 for the parameters of the readout.

    Raises:
        TruncationError: the mask has another shape or other entries.
        SpecError: an array does not fit the model.
    """
    parts = factors(spec, params, x, y, h0)
    left_out = parts.gradients(weighted_terms(parts, 1 - check_mask(mask, parts.T)))
    return {name: array if name in spec.recurrent_names else np.zeros_like(array) for name, array in left_out.items()}


def weighted_terms(parts: Factors, weights: Array) -> dict[str, Array]:
    """Σ_{t,k} weights[t,k] C[t,k] by name, for a (T, T) array of weights, 0/1 or real."""
    return added(
        {name: weights[t - 1, k - 1] * array for name, array in term.items()} for t, k, term in terms(parts)
    )


def check_mask(mask: Any, T: int) -> Array:
    """The mask as an array.

    Raises:
        TruncationError: it is not (T, T), or holds anything but 0 and 1.
    """
    mask = numbers("the mask", mask)
    if mask.shape != (T, T):
        raise TruncationError(f"the mask has shape {mask.shape}: a sequence of {T} steps needs ({T}, {T})")
    if not np.all((mask == 0) | (mask == 1)):
        raise TruncationError("the mask holds a number that is neither 0 nor 1: a contribution is kept or it is not")
    return mask.astype(np.int64)


def numbers(name: str, given: Any) -> Array:
    """Anything that is an array of real numbers, as one.

    Raises:
        TruncationError: it holds something else, or rows of unequal length.
    """
    what = type(given).__name__
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "cUS":  # of complex numbers a cast would drop a part, and texts it would read
            return array.astype(float)
        what = "complex numbers" if array.dtype.kind == "c" else what
    except (TypeError, ValueError):
        pass
    raise TruncationError(f"{name} is no array of real numbers: {what} given")


def _steps(T: int) -> tuple[Array, Array]:
    """Steps t down the rows and k along the columns, both counted from 1."""
    steps = np.arange(1, T + 1)
    return steps[:, None], steps[None, :]


def _mask(kept: Array) -> Array:
    return kept.astype(np.int64)


def whole(name: str, number: Any, least: int) -> int:
    """A whole number that is at least so large; True and False are none.

    Raises:
        TruncationError: it is not.
    """
    try:
        if isinstance(number, bool | np.bool_):
            raise TypeError
        found = index(number)
    except TypeError:
        raise TruncationError(f"{name} is {number!r}: it must be a whole number") from None
    if found < least:
        raise TruncationError(f"{name} is {found}: it must be at least {least}")
    return found
