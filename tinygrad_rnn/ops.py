"""What NumPy lacks for recurrent networks: activations and losses that stay finite at the extremes.

Every function takes an array or a Var and is one line on the tape; on plain arrays it is also exact for the complex
step (no absolute values, branches by the real part).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .registry import PRIMITIVES
from .tape import Array, Var

__all__ = ["binary_cross_entropy", "log_softmax", "logsumexp", "primitive", "relu", "sigmoid", "softmax"]
__all__ += ["softmax_cross_entropy", "softplus", "stop_gradient"]


def primitive(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of arrays record itself, as one line, where an argument is a Var; `rule` teaches its gradient.

    The gradient need not be the function's own. A step that passes it on as if it were the identity, the
    straight-through estimator of binary neurons:

        >>> @tg.primitive
        ... def fires(x):
        ...     return np.where(x > 0, 1.0, 0.0)
        >>> tg.rule(fires, lambda g, y, x: g)
        >>> print(tg.grad(lambda x: np.sum(fires(x) * x))(np.array([2.0, -3.0])))  # y + x
        [ 3. -3.]

    Inside there are plain arrays. `tg.primitive(np.floor)` is another function than np.floor, with a rule of its own.
    """

    @wraps(fn)
    def call(*args: Any, **kw: Any) -> Any:
        for a in args:
            if type(a) is Var:
                return a.tape.record(call, args, kw)
        for a in kw.values():
            if type(a) is Var:
                return a.tape.record(call, args, kw)
        found = fn(*args, **kw)
        return np.float64(found) if type(found) is float else found  # Python's float has no shape

    PRIMITIVES.add(call)
    return call


def floats(x: Any) -> Array:
    """An array or NumPy number of floats, real or complex, of what may be a list, a number or an array of integers."""
    x = x if isinstance(x, np.ndarray | np.generic) else np.asarray(x)
    return x.astype(float) if x.dtype.kind in "iub" else x


@primitive
def identity(x: Array) -> Array:
    """x, as a line of its own."""
    return x.view()


@primitive
def stop_gradient(x: Array) -> Array:
    """x, as a constant: no gradient passes."""
    return x.view() if isinstance(x, np.ndarray) else x


@primitive
def fill(x: Array, shape: tuple[int, ...]) -> Array:
    """An array of a shape, x in all of it: np.broadcast_to as fresh memory."""
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


@primitive
def sigmoid(x: Array) -> Array:
    """1 / (1 + e^−x), without overflow for any x."""
    x = floats(x)
    small = np.exp(np.where(x.real >= 0, -x, x))
    return np.where(x.real >= 0, 1.0, small).astype(small.dtype, copy=False) / (1.0 + small)


@primitive
def relu(x: Array) -> Array:
    """max(x, 0); its derivative at 0 is 0."""
    x = floats(x)
    return np.maximum(x, 0.0) if x.dtype.kind == "f" else x * (x.real > 0)  # −∞ times 0 would be NaN


@primitive
def softplus(x: Array) -> Array:
    """The smooth relu log(1 + e^x), without overflow for any x."""
    x = floats(x)
    return np.log1p(np.exp(np.where(x.real > 0, -x, x))) + relu(x)


@primitive
def logsumexp(x: Array, axis: Any = -1, keepdims: bool = False) -> Array:
    """The logarithm log Σ e^x along an axis, without overflow."""
    x = floats(x)
    m = np.minimum(top(x, axis), np.finfo(x.dtype).max)
    with np.errstate(divide="ignore"):  # log 0 is right where a whole row is −∞
        total = np.log(np.exp(x - m).sum(axis=axis, keepdims=True)) + m
    return total if keepdims else np.squeeze(total, axis=axis)


@primitive
def weights(x: Array, axis: Any) -> Array:
    """The gradient of logsumexp: softmax, but 0 in a row of nothing but −∞, and equal shares for +∞."""
    m = np.minimum(top(x, axis), np.finfo(x.dtype).max)
    e = np.where((x == np.inf).any(axis=axis, keepdims=True), x == np.inf, np.exp(x - m)).astype(x.dtype, copy=False)
    total = e.sum(axis=axis, keepdims=True)
    return e / (total + (total == 0))


@primitive
def softmax(x: Array, axis: int = -1) -> Array:
    """e^x / Σ e^x along an axis, without overflow."""
    x = floats(x)
    e = np.exp(x - top(x, axis))
    e /= np.add.reduce(e, axis=axis, keepdims=True)
    return e


@primitive
def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of softmax(x) along an axis, without overflow."""
    x = floats(x)
    x = x - top(x, axis)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


@primitive
def softmax_cross_entropy(logits: Array, targets: Array) -> Array:
    """−Σ_j y_j log softmax(z)_j over the last axis, from logits z; not reduced over the others.

    Args:
        logits: shape (..., K).
        targets: class numbers 0 … K−1 of shape (...), or rows of weights of the logits' shape. A weight of 0 takes
            nothing, of a logit of −∞, too.

    Returns shape (...). Raises ValueError or IndexError where shapes or class numbers do not fit.
    """
    logits = floats(logits)
    z = logits - top(logits, -1)
    total = np.log(np.add.reduce(np.exp(z), axis=-1))
    targets = np.asarray(targets)
    if targets.dtype.kind in "iub":
        if targets.shape != logits.shape[:-1]:
            remedy = "; make rows of weights floats (astype(float))" if targets.shape == logits.shape else ""
            told = f"class numbers of shape {targets.shape} do not fit logits of shape {logits.shape}"
            raise ValueError(told + remedy)
        return total - pick(z, targets)
    if targets.shape != logits.shape:
        raise ValueError(f"target rows of shape {targets.shape} do not fit logits of shape {logits.shape}")
    return total * targets.sum(axis=-1) - (targets * np.where(targets == 0, 0, z)).sum(axis=-1)


@primitive
def binary_cross_entropy(logits: Array, targets: Array) -> Array:
    """−y log σ(z) − (1−y) log(1−σ(z)), element-wise, from logits z: log(1 + e^z) − y z without overflow.

    As in softmax_cross_entropy, a weight of 0 takes nothing, of an infinite logit, too.
    """
    logits = floats(logits)
    positive = logits.real > 0
    lead = positive.astype(logits.real.dtype) - targets
    return np.log1p(np.exp(np.where(positive, -logits, logits))) + np.where(lead == 0, 0, logits) * lead


def pick(rows: Array, classes: Array) -> Array:
    """rows[..., classes] row by row; a class number outside 0 … K−1 is an IndexError."""
    flat = numbered(classes)
    if np.minimum.reduce(flat, initial=0) < 0:  # NumPy would count from the end
        raise IndexError(f"class number {flat.min()} is below 0")
    return rows.reshape(-1, rows.shape[-1])[np.arange(flat.size), flat].reshape(classes.shape)[()]


def numbered(classes: Array) -> Array:
    """Class numbers in one row; truth values are 0 and 1, and no mask."""
    return np.asarray(classes).reshape(-1).astype(np.intp, copy=False)


@primitive
def one_hot(classes: Array, logits: Array) -> Array:
    """Rows of zeros with a 1 at each class, in the shape and dtype of the logits."""
    rows = np.zeros(logits.shape, logits.dtype)
    classes = numbered(classes)
    rows.reshape(-1, logits.shape[-1])[np.arange(classes.size), classes] = 1.0
    return rows


def top(x: Array, axis: Any) -> Array:
    """The maximum that is subtracted before an exponential; finite where a whole row is −∞, so no ∞ − ∞ appears."""
    return np.maximum.reduce(x.real, axis=axis, keepdims=True, initial=np.finfo(x.dtype).min)
