"""Well-known recurrent cells as plain NumPy functions, and `record`, which puts one on a tape with random weights.

    tape, loss = record("lstm", steps=4)

A cell is only a function of its weights, its input and its states; copy one and change it to make your own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .ops import sigmoid, softmax_cross_entropy
from .tape import Array, Tape, TapeError, Var, loss, step
from .uncollected import uncollected

Weights = dict[str, Any]
States = tuple[Any, ...]
Cell = Callable[[Weights, Any, States], tuple[Any, States]]


def vanilla(w: Weights, x: Array, states: States) -> tuple[Array, States]:
    """h_t = tanh(U x_t + W h_{t−1} + b)."""
    (h,) = states
    h = np.tanh(w["U"] @ x + w["W"] @ h + w["b"])
    return h, (h,)


def lstm(w: Weights, x: Array, states: States) -> tuple[Array, States]:
    """c_t = f ⊙ c_{t−1} + i ⊙ g, h_t = o ⊙ tanh(c_t) (Hochreiter & Schmidhuber 1997, with a forget gate)."""
    h, c = states
    i = sigmoid(w["Wi"] @ h + w["Ui"] @ x + w["bi"])
    f = sigmoid(w["Wf"] @ h + w["Uf"] @ x + w["bf"])
    g = np.tanh(w["Wg"] @ h + w["Ug"] @ x + w["bg"])
    o = sigmoid(w["Wo"] @ h + w["Uo"] @ x + w["bo"])
    c = f * c + i * g
    h = o * np.tanh(c)
    return h, (h, c)


def gru(w: Weights, x: Array, states: States) -> tuple[Array, States]:
    """h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}, reset before the product with W_n (Cho et al. 2014)."""
    (h,) = states
    z = sigmoid(w["Wz"] @ h + w["Uz"] @ x + w["bz"])
    r = sigmoid(w["Wr"] @ h + w["Ur"] @ x + w["br"])
    n = np.tanh(w["Wn"] @ (r * h) + w["Un"] @ x + w["bn"])
    h = (1.0 - z) * n + z * h
    return h, (h,)


def stacked(w: Weights, x: Array, states: States) -> tuple[Array, States]:
    """Two vanilla layers, the second fed by the first."""
    h1, h2 = states
    h1 = np.tanh(w["U1"] @ x + w["W1"] @ h1 + w["b1"])
    h2 = np.tanh(w["U2"] @ h1 + w["W2"] @ h2 + w["b2"])
    return h2, (h1, h2)


def skip(w: Weights, x: Array, states: States) -> tuple[Array, States]:
    """A skip from two steps back, a residual link, and one weight used twice: h = tanh(W a + a)."""
    h, before = states
    a = np.tanh(w["U"] @ x + w["W"] @ h + w["S"] @ before + w["b"])
    before = h
    h = np.tanh(w["W"] @ a + a)
    return h, (h, before)


Shapes = dict[str, str]  # weight -> its dimensions in the letters h (hidden), x (input), y (classes)
CELLS: dict[str, tuple[Cell, tuple[str, ...], Shapes]] = {
    "vanilla": (vanilla, ("h0",), {"U": "hx", "W": "hh", "b": "h"}),
    "lstm": (lstm, ("h0", "c0"), {k + g: d for g in "ifgo" for k, d in (("W", "hh"), ("U", "hx"), ("b", "h"))}),
    "gru": (gru, ("h0",), {k + g: d for g in "zrn" for k, d in (("W", "hh"), ("U", "hx"), ("b", "h"))}),
    "stacked": (stacked, ("h1_0", "h2_0"), {"U1": "hx", "W1": "hh", "b1": "h", "U2": "hh", "W2": "hh", "b2": "h"}),
    "skip": (skip, ("h0", "h[-1]"), {"U": "hx", "W": "hh", "S": "hh", "b": "h"}),
}


@uncollected
def record(
    name: str,
    steps: int = 4,
    seed: int = 0,
    *,
    scale: float = 1.0,
    forget: float = 1.5,
    sizes: tuple[int, int, int] = (4, 5, 3),
    checked: bool = True,
) -> tuple[Tape, Var]:
    """Unroll a cell over random inputs with a readout V h + c and cross-entropy at every step.

    Args:
        name: one of CELLS.
        steps: number of time steps, at least 1.
        seed: of weights, inputs and targets; the same seed gives the same numbers.
        scale: weights are normal with deviation scale / √columns, biases with 0.3.
        forget: added to an LSTM's forget bias.
        sizes: input, hidden and classes.
        checked: as in Tape.

    Returns the tape and the mean of the step losses.
    """
    if name not in CELLS:
        raise TapeError(f"no cell is called {name!r}; there are {', '.join(CELLS)}")
    if steps < 1:
        raise TapeError(f"{steps} steps: an empty sequence has no loss; use at least 1")
    cell, states, shapes = CELLS[name]
    rng, tape, losses = np.random.default_rng(seed), Tape(checked=checked), []
    size = dict(zip("xhy", sizes, strict=True))
    w: Weights = {}
    for key, letters in {**shapes, "V": "yh", "c" if "c" not in shapes and name == "vanilla" else "k": "y"}.items():
        shape = tuple(size[letter] for letter in letters)
        value = rng.normal(0.0, scale / np.sqrt(shape[-1]) if len(shape) > 1 else 0.3, shape)
        w[key] = tape.var(value + forget * (key == "bf"), key)
    carried: States = tuple(tape.var(np.zeros(size["h"]), state) for state in states)
    bias = "c" if "c" in w else "k"
    with tape:
        for t in range(1, steps + 1):
            with step(t):
                x = tape.data(rng.normal(size=size["x"]), "x")
                h, carried = cell(w, x, carried)
                z = w["V"] @ h + w[bias]
                losses.append(loss(softmax_cross_entropy(z, rng.integers(size["y"])), t))
        total = sum(losses[1:], losses[0]) / float(steps)
    return tape, total
