"""Read truncated gradients off the tape, by edges that are not followed, and off the closed form, by a mask on C[t,k].

A reading is a dict: loss, mask, blocks (the same mask, which a case describes by its blocks as well), and for every
parameter grads.NAME (truncated) and full_grads.NAME.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import bptt
from ..models import record
from ..truncate import mask, truncated_gradients
from .instances import Instance
from .readings import Reading

# The closed form's masks. The tape makes its own, in truncate.py: neither knows the other's.
MASKS: Mapping[str, Callable[..., Any]] = {
    "max_lag":        bptt.max_lag,
    "williams_peng":  bptt.williams_peng,
    "detach_every_k": bptt.detach_every_k,
}


@dataclass(frozen=True)
class Truncation:
    """A mode and its numbers: "williams_peng" with k1 and k2, "detach_every_k" with k, "max_lag" with tau."""

    mode: str
    numbers: Mapping[str, int]

    def __str__(self) -> str:
        return " ".join([self.mode, *(f"{name}={number}" for name, number in self.numbers.items())])


def read_tape(instance: Instance, truncation: Truncation) -> Reading:
    """One recording; a sweep for each backward pass of the mode, and a whole one."""
    recording = record(instance.spec, instance.params, instance.x, instance.y, instance.h0)
    loss, leaves = recording.loss, list(recording.params.values())
    cut = truncated_gradients(loss, leaves, truncation.mode, **truncation.numbers)
    full = recording.tape.grad(loss, leaves)
    kept = mask(len(instance.x), truncation.mode, **truncation.numbers)
    return {
        "loss": loss.value,
        "mask": kept,
        "blocks": kept,
        **{f"grads.{name}": gradient for name, gradient in zip(recording.params, cut, strict=True)},
        **{f"full_grads.{name}": gradient for name, gradient in zip(recording.params, full, strict=True)},
    }


def read_closed_form(instance: Instance, truncation: Truncation) -> Reading:
    """The masked sum of the contributions, and the δ recursion for the whole gradient."""
    arguments = (instance.spec, instance.params, instance.x, instance.y, instance.h0)
    kept = MASKS[truncation.mode](len(instance.x), **truncation.numbers)
    whole = bptt.delta_recursion(*arguments)
    return {
        "loss": whole.forward.loss,
        "mask": kept,
        "blocks": kept,
        **{f"grads.{name}": gradient for name, gradient in bptt.truncated(*arguments, kept).items()},
        **{f"full_grads.{name}": gradient for name, gradient in whole.params.items()},
    }
