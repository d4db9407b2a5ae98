"""Recurrent cells drawn by lot: `record(seed, steps)` gives (tape, L) of a cell that nobody thought of."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_rnn as tg

SIZE = 4
KINDS = ("affine", "affine", "gate", "product", "sum", "function", "rest")


def plan(random: np.random.Generator, states: int) -> list[tuple[str, tuple[int, ...], str]]:
    """Operations on what is there so far, by number: first x, then the states, then what was made."""
    made, operations = 1 + states, []
    for n in range(int(random.integers(3, 9))):
        kind = "affine" if n < states else str(random.choice(KINDS))
        recent = lambda: int(made - 1 - min(random.geometric(0.45) - 1, made - 1))  # noqa: E731, B023
        first = 1 + n if n < states else recent()
        operands = (first, 0 if random.random() < 0.5 else recent())
        operations.append((kind, operands, str(random.choice(["tanh", "sigmoid", "relu"]))))
        made += 1
    return operations


def record(seed: int, steps: int = 4) -> tuple[tg.Tape, Any]:
    """One cell: one to three states, some of them read from two steps back, a loss in every step."""
    random = np.random.default_rng(seed)
    states = int(random.integers(1, 4))
    operations = plan(random, states)
    far = bool(random.random() < 0.25)
    functions = {"tanh": np.tanh, "sigmoid": tg.sigmoid, "relu": tg.relu}
    with tg.Tape(checked=True) as tape:
        weights: dict[str, Any] = {}

        def weight(name: str, *shape: int) -> Any:
            if name not in weights:
                weights[name] = tape.var(random.normal(size=shape) / 2, name)
            return weights[name]

        held = [tape.var(random.normal(size=SIZE), f"s{k}_0") for k in range(states)]
        past, losses = [held[0]], []
        for t in range(1, steps + 1):
            with tg.step(t):
                x = tape.data(random.normal(size=SIZE), "x")
                made = [x, *held]
                for n, (kind, (a, b), function) in enumerate(operations):
                    u, v = made[a], made[b]
                    if kind in ("affine", "gate"):
                        z = weight(f"W{n}", SIZE, SIZE) @ u + weight(f"U{n}", SIZE, SIZE) @ v + weight(f"b{n}", SIZE)
                        made.append(functions[function](z) if kind == "affine" else tg.sigmoid(z) * u)
                    elif kind == "product":
                        made.append(u * v)
                    elif kind == "sum":
                        made.append(u + v)
                    elif kind == "function":
                        made.append(functions[function](u))
                    else:
                        made.append((1 - u) * v)
                held = made[-states:]
                if far:
                    held[-1] = np.tanh(held[-1] + weight("R", SIZE, SIZE) @ past[max(0, len(past) - 2)])
                past.append(held[0])
                readout = weight("V", 3, SIZE) @ held[-1]
                losses.append(tg.loss(tg.softmax_cross_entropy(readout, np.array(t % 3)), t))
        return tape, sum(losses) / steps
