"""Run any `Spec` forward in plain NumPy, on arrays or on Vars alike, or record it on a tape ready to differentiate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .ops import binary_cross_entropy, identity, relu, sigmoid, softmax, softmax_cross_entropy
from .spec import Spec, measure
from .tape import Tape, Var, loss, step

Array = Any  # an ndarray, real or complex, or a Var


@dataclass(frozen=True)
class Forward:
    """What a forward pass computes, arrays or Vars as the inputs were; step t's a is a[t − 1], its h is h[t].

    Attributes:
        loss: L = weight · Σ_t J_t.
        step_losses: J_t, reduced over the batch and not weighted; one for each step, or one when many_to_one.
        h: T + 1 states of shape (B, m), from h_0.
        a: T pre-activations (B, m).
        z: the readout (B, q) of each step that has a loss.
        out: output_activation(z). The cross entropies read z itself, so there `out` is always plain arrays.
    """

    loss: Array
    step_losses: tuple[Array, ...]
    h: tuple[Array, ...]
    a: tuple[Array, ...]
    z: tuple[Array, ...]
    out: tuple[Array, ...]


@dataclass(frozen=True)
class Recording:
    """A forward pass on a tape.

    Attributes:
        tape: the tape; its lines inside the recurrence carry their step.
        spec: the model.
        loss: L.
        params: parameter name -> its leaf.
        x: the inputs, one leaf of shape (T, B, d).
        y: the targets, one data leaf.
        h0: the initial state, a leaf with a gradient.
        forward: every value on the way.
    """

    tape: Tape
    spec: Spec
    loss: Var
    params: dict[str, Var]
    x: Var
    y: Var
    h0: Var
    forward: Forward


def forward(spec: Spec, params: Mapping[str, Array], x: Array, y: Array, h0: Array) -> Forward:
    """The model's forward pass; inside a tape every step is marked, and so is its loss.

    Args:
        spec: the model.
        params: name -> array or Var.
        x: (T, B, d), or (T, d) without a batch axis; or a list of T arrays.
        y: (T, B, q), or (T, q); without the time axis when many_to_one.
        h0: (B, m), or (m,).

    Raises:
        SpecError: an empty sequence, or an array that does not fit (it names the parameter or the step).
    """
    X, Y = _steps(x), _targets(y)
    sizes = measure(spec, params, X, Y, h0)
    hidden, readout = AFFINE[spec.convention, sizes.B is not None]
    U, W, V = (params[name] for name in map(spec.name, ("input", "recurrent", "output")) if name is not None)
    b, c = (None if name is None else params[name] for name in map(spec.name, ("hidden_bias", "output_bias")))
    activate = ACTIVATIONS[spec.activation]
    loss_steps = spec.loss_steps(sizes.T)
    samples = sizes.B if spec.batch_reduction == "mean" else None
    h = h0
    states, sums, readouts, outputs, losses = [h], [], [], [], []
    for t in range(1, sizes.T + 1):
        with step(t):
            x = X[t - 1]
            a = hidden(U, W, b, x, h)
            h = activate(a)
            sums.append(a)
            states.append(h)
            if t not in loss_steps:
                continue
            z = readout(V, c, h)
            y = Y if spec.many_to_one else Y[t - 1]
            J, out = _step_loss(spec, z, y, samples)
            losses.append(loss(J, t))
            readouts.append(z)
            outputs.append(out)
    total = losses[0]
    for J in losses[1:]:
        total = total + J
    L = total
    if spec.time_weight == "1/T":
        L = total / float(sizes.T)
    return Forward(L, tuple(losses), tuple(states), tuple(sums), tuple(readouts), tuple(outputs))


def record(
    spec: Spec,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    h0: Array,
    checked: bool = True,
    differentiate_x: bool = True,
) -> Recording:
    """Record the forward pass on a new tape; parameters, h0 and x are leaves with gradients, y is data.

    Args:
        spec: the model.
        params: name -> array.
        x: inputs, as for `forward`.
        y: targets, as for `forward`.
        h0: initial state, as for `forward`.
        checked: record on a checked tape, which keeps source lines and names.
        differentiate_x: False makes x data: nothing flows back to it, and pictures do not show it.

    Raises:
        SpecError: an array does not fit.
    """
    arrays = {name: _floats(value) for name, value in params.items()}
    x, y, h0 = _steps(x), _targets(y), _floats(h0)
    measure(spec, arrays, x, y, h0)
    with Tape(checked=checked) as tape:
        leaves = {name: tape.var(arrays[name], name) for name in spec.names}
        inputs = tape.var(_floats(x), "X") if differentiate_x else tape.data(_floats(x), "X")
        targets = tape.data(_floats(y), "Y")
        start = tape.var(h0, "h0")
        past = forward(spec, leaves, inputs, targets, start)
    return Recording(tape, spec, past.loss, leaves, inputs, targets, start, past)


# ---- a_t and z_t, written out once for each layout -------------------------------------------------------------------
# Each sum is one statement, since printed tapes and pictures take its name and its source line from it. A bias that is
# not there is not added: a sum with 0 would be drawn. A batch is always rows, so a column weight acts transposed.


def _hidden_rows(U: Array, W: Array, b: Array, x: Array, h: Array) -> Array:
    if b is None:
        a = x @ U + h @ W
    else:
        a = x @ U + h @ W + b
    return a


def _readout_rows(V: Array, c: Array, h: Array) -> Array:
    if c is None:
        z = h @ V
    else:
        z = h @ V + c
    return z


def _hidden_columns(U: Array, W: Array, b: Array, x: Array, h: Array) -> Array:
    if b is None:
        a = U @ x + W @ h
    else:
        a = U @ x + W @ h + b
    return a


def _readout_columns(V: Array, c: Array, h: Array) -> Array:
    if c is None:
        z = V @ h
    else:
        z = V @ h + c
    return z


def _hidden_batch_of_columns(U: Array, W: Array, b: Array, x: Array, h: Array) -> Array:
    if b is None:
        a = x @ U.T + h @ W.T
    else:
        a = x @ U.T + h @ W.T + b
    return a


def _readout_batch_of_columns(V: Array, c: Array, h: Array) -> Array:
    if c is None:
        z = h @ V.T
    else:
        z = h @ V.T + c
    return z


# (convention, batched) -> how a_t and z_t are written
AFFINE: Mapping[tuple[str, bool], tuple[Callable[..., Array], Callable[..., Array]]] = {
    ("row", False): (_hidden_rows, _readout_rows),
    ("row", True):  (_hidden_rows, _readout_rows),
    ("col", False): (_hidden_columns, _readout_columns),
    ("col", True):  (_hidden_batch_of_columns, _readout_batch_of_columns),
}


def _step_loss(spec: Spec, z: Array, y: Array, samples: int | None) -> tuple[Array, Array]:
    """(J_t, out_t): summed over batch and features, then divided by the number of samples where one is given."""
    activate = OUTPUT_ACTIVATIONS[spec.output_activation]
    if spec.loss in LOSSES_FROM_LOGITS:
        # The loss reads z, so out_t is no part of its graph: it is computed beside the tape.
        out = activate(z.value if isinstance(z, Var) else z)
        losses = LOSSES_FROM_LOGITS[spec.loss](z, y)
    else:
        out = activate(z)
        if spec.loss == "half_mse":
            losses = 0.5 * (out - y) ** 2
        else:
            losses = (out - y) ** 2
    if samples is None:
        J = np.sum(losses)
    else:
        J = np.sum(losses) / float(samples)
    return J, out


def _itself(x: Array) -> Array:
    return x


# `identity` is a line of its own on a tape, so that a linear model too has an h beside its a; the readout needs none.
ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "tanh":     np.tanh,
    "sigmoid":  sigmoid,
    "identity": identity,
    "relu":     relu,
}
OUTPUT_ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "tanh":     np.tanh,
    "sigmoid":  sigmoid,
    "identity": _itself,
    "softmax":  softmax,
}
LOSSES_FROM_LOGITS: Mapping[str, Callable[[Array, Array], Array]] = {
    "bce":        binary_cross_entropy,
    "softmax_ce": softmax_cross_entropy,
}


def _steps(sequence: Array) -> Array:
    """An array or Var as it is; a list item by item, so that a wrong shape is told by its step."""
    if hasattr(sequence, "shape"):
        return sequence
    items = [item if hasattr(item, "shape") else np.asarray(item) for item in sequence]
    same = len({item.shape for item in items}) == 1 and all(isinstance(item, np.ndarray) for item in items)
    return np.stack(items) if same else items


def _targets(y: Array) -> Array:
    """Targets as floats: rows of whole numbers are one-hot rows here, never class numbers."""
    y = _steps(y)
    return _floats(y) if isinstance(y, np.ndarray) else y


def _floats(array: Array) -> Array:
    array = np.asarray(array)
    return array.astype(float) if array.dtype.kind in "iub" else array
