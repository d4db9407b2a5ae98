"""Read every quantity that a case can expect off the tape, and off the closed form, under the same names.

A reading is a dict: loss, step_losses, step_weight, h, a, z, out, dh, da, dz, dx, and for every parameter grads.NAME,
contrib_norm.NAME, contrib_full.NAME (these two for the parameters inside the recurrence). jac_singular_values, which
takes many sweeps, is read on its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import bptt
from ..flow import Flow, trace
from ..models import record
from ..tape import Var
from .instances import Instance

Reading = dict[str, Any]


def read_tape(instance: Instance) -> Reading:
    """One recording, one sweep for all gradients, and one sweep for every step loss and parameter for C[t,k]."""
    recording = record(instance.spec, instance.params, instance.x, instance.y, instance.h0)
    past = recording.forward
    wanted = {"dh": past.h, "da": past.a, "dz": past.z, "dx": (recording.x,)}
    leaves = list(recording.params.values())
    gradients = iter(recording.tape.grad(recording.loss, [*leaves, *(v for group in wanted.values() for v in group)]))
    reading: Reading = {f"grads.{name}": next(gradients) for name in recording.params}
    for quantity, group in wanted.items():
        arrays = [next(gradients) for _ in group]
        reading[quantity] = arrays[0] if quantity == "dx" else np.stack(arrays)
    for quantity in ("step_losses", "h", "a", "z", "out"):
        reading[quantity] = np.stack([_value(v) for v in getattr(past, quantity)])
    reading["loss"] = recording.loss.value
    flow = trace(recording.loss)
    for name in instance.spec.recurrent_names:
        full = _table(flow, recording.params[name].index, len(past.a))
        reading[f"contrib_full.{name}"] = full
        reading[f"contrib_norm.{name}"] = np.sqrt((full * full).sum(axis=tuple(range(2, full.ndim))))
    reading["step_weight"] = next(iter(flow.loss_weights.values()))
    return reading


def read_closed_form(instance: Instance) -> Reading:
    """The δ recursion and the contribution table of `bptt`."""
    arguments = (instance.spec, instance.params, instance.x, instance.y, instance.h0)
    gradients, table = bptt.delta_recursion(*arguments), bptt.contribution_table(*arguments)
    past = gradients.forward
    reading: Reading = {quantity: getattr(gradients, quantity) for quantity in ("dh", "da", "dz", "dx")}
    for quantity in ("loss", "step_losses", "h", "a", "z", "out"):
        reading[quantity] = getattr(past, quantity)
    reading["step_weight"] = table.step_weight
    reading |= {f"grads.{name}": gradient for name, gradient in gradients.params.items()}
    reading |= {f"contrib_full.{name}": array for name, array in table.arrays.items()}
    reading |= {f"contrib_norm.{name}": norms for name, norms in table.norms.items()}
    return reading


def tape_singular_values(instance: Instance) -> Reading:
    """Singular values of dh_t/dh_k of the first sample, [k, t − k]; one sweep for every entry of every h_t."""
    recording = record(instance.spec, instance.params, instance.x, instance.y, instance.h0)
    states, T = [state.index for state in recording.forward.h], len(instance.x)
    shape = recording.h0.shape
    table = np.zeros((T + 1, T + 1, shape[-1]))
    for t in range(T + 1):
        rows = []
        for unit in range(shape[-1]):
            seed = np.zeros(shape)
            seed[0, unit] = 1.0
            rows.append(recording.tape.sweep({states[t]: seed}, states[: t + 1]))
        for k in range(t + 1):
            table[k, t - k] = np.linalg.svd(np.stack([row[k][0] for row in rows]), compute_uv=False)
    return {"jac_singular_values": table}


def closed_form_singular_values(instance: Instance) -> Reading:
    """The same by the QR accumulation of `bptt`, which never multiplies the Jacobians out."""
    arguments = (instance.spec, instance.params, instance.x, instance.y, instance.h0)
    T = len(instance.x)
    table = np.zeros((T + 1, T + 1, instance.h0.shape[-1]))
    for k in range(T + 1):
        table[k, 0] = 1.0
        for t in range(k + 1, T + 1):
            table[k, t - k] = np.exp(bptt.jacobian_spectrum(*arguments, k=k, t=t).log_singular_values[0])
    return {"jac_singular_values": table}


def _value(array: Any) -> Any:
    return array.value if isinstance(array, Var) else array


def _table(flow: Flow, weight: int, steps: int) -> Any:
    """C[t,k] as one array (rows with a loss, steps, shape of the weight); what is absent (k > t) is 0."""
    zero = np.zeros_like(flow.tape.lines[weight][4])
    rows = [[columns.get(k, zero) for k in range(steps)] for _, columns in sorted(flow.table(weight).items())]
    return np.array(rows)
