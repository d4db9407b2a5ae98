"""More recurrent cells that the package has no line of code for: many gates, many layers, loops that read each other.

They join those of `unseen_cells`: `CELLS[name](steps, seed)` gives (tape, L).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_rnn as tg
from tests.viz.unseen_cells import CELLS, CLASSES, HIDDEN, INPUTS, Draw, Recording, cell, cross_entropy

__all__ = ["CELLS"]


class Gates:
    """The weights W·h + U·x + b of several gates, by letter."""

    def __init__(self, draw: Draw, letters: str, suffix: str = "", inputs: int = INPUTS) -> None:
        self.W = {g: draw.var(f"W{g}{suffix}", HIDDEN, HIDDEN) for g in letters}
        self.U = {g: draw.var(f"U{g}{suffix}", HIDDEN, inputs) for g in letters}
        self.b = {g: draw.var(f"b{g}{suffix}", HIDDEN) for g in letters}

    def __call__(self, gate: str, x: Any, h: Any) -> Any:
        return self.W[gate] @ h + self.U[gate] @ x + self.b[gate]


@cell
def two_lstm_layers(steps: int, seed: int) -> Recording:
    """Two LSTM layers, the second reads the first."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        first, second, V = Gates(draw, "ifgo", "1"), Gates(draw, "ifgo", "2", HIDDEN), draw.var("V", CLASSES, HIDDEN)
        h1, c1, h2, c2 = (draw.var(f"{name}_0", HIDDEN) for name in ("h1", "c1", "h2", "c2"))
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                i1, f1 = tg.sigmoid(first("i", x, h1)), tg.sigmoid(first("f", x, h1))
                g1, o1 = np.tanh(first("g", x, h1)), tg.sigmoid(first("o", x, h1))
                c1 = f1 * c1 + i1 * g1
                h1 = o1 * np.tanh(c1)
                i2, f2 = tg.sigmoid(second("i", h1, h2)), tg.sigmoid(second("f", h1, h2))
                g2, o2 = np.tanh(second("g", h1, h2)), tg.sigmoid(second("o", h1, h2))
                c2 = f2 * c2 + i2 * g2
                h2 = o2 * np.tanh(c2)
                losses.append(tg.loss(cross_entropy(V @ h2, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def gru_with_reset_after(steps: int, seed: int) -> Recording:
    """The reset gate multiplies the product, not the state."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        gates, V, h = Gates(draw, "zrn"), draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                z, r = tg.sigmoid(gates("z", x, h)), tg.sigmoid(gates("r", x, h))
                n = np.tanh(gates.U["n"] @ x + r * (gates.W["n"] @ h + gates.b["n"]))
                h = (1 - z) * n + z * h
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def multiplicative_lstm(steps: int, seed: int) -> Recording:
    """M = (Wm h) ⊙ (Um x) takes the place of h in every gate."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        gates, V = Gates(draw, "ifgo"), draw.var("V", CLASSES, HIDDEN)
        Wm, Um = draw.var("Wm", HIDDEN, HIDDEN), draw.var("Um", HIDDEN, INPUTS)
        h, c = draw.var("h0", HIDDEN), draw.var("c0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                m = (Wm @ h) * (Um @ x)
                i, f = tg.sigmoid(gates("i", x, m)), tg.sigmoid(gates("f", x, m))
                g, o = np.tanh(gates("g", x, m)), tg.sigmoid(gates("o", x, m))
                c = f * c + i * g
                h = o * np.tanh(c)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def clockwork(steps: int, seed: int) -> Recording:
    """A slow state that every second step renews, and a fast one that always reads it."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, R = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("R", HIDDEN, HIDDEN)
        A, B, V = draw.var("A", HIDDEN, INPUTS), draw.var("B", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        h, s = draw.var("h0", HIDDEN), draw.var("s0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                if t % 2:
                    s = np.tanh(A @ x + B @ s)
                h = np.tanh(U @ x + W @ h + R @ s)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def one_to_many(steps: int, seed: int) -> Recording:
    """An input in the first step alone, a loss in every step; each step's guess is the next one's input."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        E, W, b = draw.var("E", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        U, V = draw.var("U", HIDDEN, CLASSES), draw.var("V", CLASSES, HIDDEN)
        h, y = draw.var("h0", HIDDEN), None
        for t in range(1, steps + 1):
            with tg.step(t):
                a = E @ draw.data("x", INPUTS) if y is None else U @ y
                h = np.tanh(a + W @ h + b)
                z = V @ h
                y = tg.softmax(z)
                losses.append(tg.loss(cross_entropy(z, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def six_gates_in_one_sum(steps: int, seed: int) -> Recording:
    """More gates than a row can try all orders of, and one sum of all of them."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        gates, V, h = Gates(draw, "abcdef"), draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                a, b, c = (tg.sigmoid(gates(g, x, h)) for g in "abc")
                d, e, f = (np.tanh(gates(g, x, h)) for g in "def")
                h = np.tanh(a + b + c + d + e + f)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def three_lags(steps: int, seed: int) -> Recording:
    """A convolution over time: h reads the three states before it, each with a weight of its own."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, V = draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        A, B, C = draw.var("A", HIDDEN, HIDDEN), draw.var("B", HIDDEN, HIDDEN), draw.var("C", HIDDEN, HIDDEN)
        states = [draw.var(f"h_{-k}", HIDDEN) for k in (2, 1, 0)]
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + A @ states[-1] + B @ states[-2] + C @ states[-3])
                states.append(h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def nested_lstm(steps: int, seed: int) -> Recording:
    """The memory of the outer LSTM is the output of an inner one."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        outer, inner, V = Gates(draw, "ifgo"), Gates(draw, "jkq", "", HIDDEN), draw.var("V", CLASSES, HIDDEN)
        h, c, n = draw.var("h0", HIDDEN), draw.var("c0", HIDDEN), draw.var("n0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                i, f = tg.sigmoid(outer("i", x, h)), tg.sigmoid(outer("f", x, h))
                g, o = np.tanh(outer("g", x, h)), tg.sigmoid(outer("o", x, h))
                u, v = i * g, f * c
                j, k = tg.sigmoid(inner("j", u, v)), tg.sigmoid(inner("k", u, v))
                n = k * n + j * np.tanh(inner("q", u, v))
                c = np.tanh(n)
                h = o * np.tanh(c)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def lstm_encoder_and_decoder(steps: int, seed: int) -> Recording:
    """Two LSTMs, one after the other: h and c are handed over."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        encode, decode, V = Gates(draw, "ifgo", "e"), Gates(draw, "ifgo", "d"), draw.var("V", CLASSES, HIDDEN)
        h, c = draw.var("h0", HIDDEN), draw.var("c0", HIDDEN)
        for loop, gates in (("encoder", encode), ("decoder", decode)):
            for t in range(1, steps + 1):
                with tg.step(t, loop=loop):
                    x = draw.data("x", INPUTS)
                    i, f = tg.sigmoid(gates("i", x, h)), tg.sigmoid(gates("f", x, h))
                    g, o = np.tanh(gates("g", x, h)), tg.sigmoid(gates("o", x, h))
                    c = f * c + i * g
                    h = o * np.tanh(c)
                    if loop == "decoder":
                        losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def bidirectional_gru(steps: int, seed: int) -> Recording:
    """Two gated states, one of them from the last step to the first."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        ahead, back, V = Gates(draw, "zn", "f"), Gates(draw, "zn", "b"), draw.var("V", CLASSES, HIDDEN)
        R = draw.var("R", CLASSES, HIDDEN)
        X, f, g = draw.data("x", steps, INPUTS), draw.var("f0", HIDDEN), draw.var("g_end", HIDDEN)
        forward, backward = [], []
        for t in range(1, steps + 1):
            with tg.step(t):
                z = tg.sigmoid(ahead("z", X[t - 1], f))
                f = (1 - z) * f + z * np.tanh(ahead("n", X[t - 1], f))
                forward.append(f)
        for t in range(steps, 0, -1):
            with tg.step(t):
                u = tg.sigmoid(back("z", X[t - 1], g))
                g = (1 - u) * g + u * np.tanh(back("n", X[t - 1], g))
                backward.insert(0, g)
        for t in range(1, steps + 1):
            with tg.step(t):
                losses.append(tg.loss(cross_entropy(V @ forward[t - 1] + R @ backward[t - 1], draw.target()), t))
        return tape, sum(losses) / steps


@cell
def highway_of_three(steps: int, seed: int) -> Recording:
    """Three gated layers between one state and the next."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        gates, V, s = Gates(draw, "hsahsb"[:2] + "abcd"), draw.var("V", CLASSES, HIDDEN), draw.var("s0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                for new, gate in ("hs", "ab", "cd"):
                    k = tg.sigmoid(gates(gate, x, s))
                    s = np.tanh(gates(new, x, s)) * k + s * (1 - k)
                losses.append(tg.loss(cross_entropy(V @ s, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def attention_in_a_python_loop(steps: int, seed: int) -> Recording:
    """Each score by itself: the number of lines grows with the step."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, Q = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("Q", HIDDEN, HIDDEN)
        V, states = draw.var("V", CLASSES, HIDDEN), [draw.var("h0", HIDDEN)]
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                query = Q @ states[-1]
                scores = [np.sum(query * state) for state in states[-3:]]
                weights = tg.softmax(np.stack(scores))
                context = sum(weights[k] * state for k, state in enumerate(states[-3:]))
                h = np.tanh(U @ x + W @ context)
                states.append(h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def fast_weights(steps: int, seed: int) -> Recording:
    """A matrix is a state: it decays, and learns each new state by an outer product."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, V = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        h, A = draw.var("h0", HIDDEN), draw.var("A0", HIDDEN, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                s = W @ h + U @ x
                A = 0.9 * A + 0.5 * np.outer(h, h)
                h = np.tanh(s + A @ np.tanh(s))
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps
