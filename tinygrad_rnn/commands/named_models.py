"""Record a model that is known by name, on random numbers: a cell of `cells`, or a published derivation's model."""

from __future__ import annotations

from dataclasses import dataclass

from .. import cells, models
from ..check.instances import random_instance
from ..derivations import DERIVATIONS
from ..spec import Sizes
from ..tape import Tape, Var
from .arguments import choose

INPUTS, HIDDEN, OUTPUTS = 3, 4, 2


@dataclass(frozen=True)
class Named:
    """A recorded model: its tape, its loss L, what it is called and where its numbers come from."""

    tape: Tape
    loss: Var
    title: str
    caption: str


def record(name: str, steps: int, seed: int) -> Named:
    """Unroll a model over random inputs.

    Raises:
        CommandError: no model has this name; the message lists all.
    """
    name = choose("model", name, [*cells.CELLS, *DERIVATIONS])
    if name in cells.CELLS:
        tape, loss = cells.record(name, steps, seed)
        forget = ", forget bias + 1.5" if name == "lstm" else ""
        caption = f"untrained: weights N(0, 1/columns), biases N(0, 0.3²){forget}, initial states 0, seed {seed}"
        return Named(tape, loss, name, caption)
    spec = DERIVATIONS[name].specs[0]
    outputs = 1 if spec.many_to_one else OUTPUTS
    instance = random_instance(spec, Sizes(steps, None, INPUTS, HIDDEN, outputs), seed)
    recording = models.record(spec, instance.params, instance.x, instance.y, instance.h0, differentiate_x=False)
    biases = "biases N(0, 0.4²)" if any(role.endswith("bias") for _, role in spec.roles) else "no biases"
    caption = f"untrained: weights N(0, 0.9²/longer side), {biases}, h0 N(0, 0.7²), seed {seed}"
    return Named(recording.tape, recording.loss, name, caption)
