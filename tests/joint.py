"""One network written twice: its losses in the loop, and read out together after it. The mean over time and batch."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_rnn as tg
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.spec import Sizes, Spec

T, B, NAMES = 5, 3, ("U", "W", "b", "V", "c")
SPEC = Spec("row", output_activation="softmax", loss="softmax_ce")
INSTANCE = random_instance(SPEC, Sizes(T=T, B=B, d=2, m=4, q=3), 7)


def states(params: Any, h: Any, steps: int = T) -> list[Any]:
    """Tanh states of the instance's sequence, over and over again, each in its step."""
    found = []
    for t in range(1, steps + 1):
        with tg.step(t):
            h = np.tanh(INSTANCE.x[(t - 1) % T] @ params["U"] + h @ params["W"] + params["b"])
            found.append(h)
    return found


def joint(params: Any, h: Any, steps: int = T, scale: float = 1.0, mark: bool = True) -> Any:
    """L of a readout after the loop."""
    logits = np.stack(states(params, h, steps)) @ params["V"] + params["c"]
    rows = tg.softmax_cross_entropy(logits, np.resize(INSTANCE.y, logits.shape))
    if mark:
        rows = tg.loss(rows, range(1, steps + 1))
    return scale * rows.mean()


def in_the_loop(params: Any, h: Any, steps: int = T) -> Any:
    """The same L, with the readout and the loss in every step."""
    losses = []
    for t, state in enumerate(states(params, h, steps), 1):
        with tg.step(t):
            J = tg.softmax_cross_entropy(state @ params["V"] + params["c"], INSTANCE.y[(t - 1) % T]).sum()
            losses.append(tg.loss(J, t))
    return sum(losses) / (steps * B)


def recorded(model: Any, **options: Any) -> tuple[tg.Var, dict[str, tg.Var]]:
    """L and the parameters, on a tape."""
    with tg.Tape(checked=True) as tape:
        params = {name: tape.var(array, name) for name, array in INSTANCE.params.items()}
        return model(params, tape.var(INSTANCE.h0, "h0"), **options), params


def both(steps: int = T) -> tuple[tg.Var, tg.Var, dict[str, tg.Var], dict[str, tg.Var]]:
    """L read out together and L in the loop, and the parameters of each."""
    (L, params), (M, others) = recorded(joint, steps=steps), recorded(in_the_loop, steps=steps)
    return L, M, params, others
