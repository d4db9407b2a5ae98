"""Ten recurrent cells written after the layout was frozen: whether a picture is general shows here.

Written as a user would write them: plain NumPy, names as they come. `HELD_OUT[name](steps, seed)` gives (tape, L).
"""

from __future__ import annotations

import numpy as np

import tinygrad_rnn as tg
from tests.viz.unseen_cells import CLASSES, HIDDEN, INPUTS, Cell, Draw, Recording, cross_entropy

HELD_OUT: dict[str, Cell] = {}


def held_out(function: Cell) -> Cell:
    HELD_OUT[function.__name__] = function
    return function


@held_out
def coupled_gates(steps: int, seed: int) -> Recording:
    """An LSTM whose input gate is 1 − f, with one bias for both states' readout."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        Wf, Wg, Wo = (draw.var("W" + g, HIDDEN, HIDDEN) for g in "fgo")
        Uf, Ug, Uo = (draw.var("U" + g, HIDDEN, INPUTS) for g in "fgo")
        V, d = draw.var("V", CLASSES, HIDDEN), draw.var("d", CLASSES)
        h, c = draw.var("h0", HIDDEN), draw.var("c0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                f = tg.sigmoid(Wf @ h + Uf @ x)
                g = np.tanh(Wg @ h + Ug @ x)
                o = tg.sigmoid(Wo @ h + Uo @ x)
                c = f * c + (1 - f) * g
                h = o * np.tanh(c)
                losses.append(tg.loss(cross_entropy(V @ h + d, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def normalised_layer(steps: int, seed: int) -> Recording:
    """Layer normalisation inside the step, written out."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        gain, shift = draw.var("gain", HIDDEN), draw.var("shift", HIDDEN)
        h = draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                a = W @ h + U @ draw.data("x", INPUTS)
                centred = a - np.mean(a)
                spread = np.sqrt(np.mean(centred * centred) + 1e-5)
                h = np.tanh(gain * (centred / spread) + shift)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def slow_and_fast(steps: int, seed: int) -> Recording:
    """A fast state in every step, a slow one that only changes in every second step."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        F, S = draw.var("F", HIDDEN, HIDDEN), draw.var("S", HIDDEN, HIDDEN)
        U, D, V = draw.var("U", HIDDEN, INPUTS), draw.var("D", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        fast, slow = draw.var("f0", HIDDEN), draw.var("s0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                fast = np.tanh(F @ fast + U @ draw.data("x", INPUTS) + D @ slow)
                if t % 2 == 0:
                    slow = np.tanh(S @ slow + fast)
                losses.append(tg.loss(cross_entropy(V @ fast, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def two_populations(steps: int, seed: int) -> Recording:
    """Excitation and inhibition with time constants, Euler steps, squared error."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        J, K, M = draw.var("J", HIDDEN, HIDDEN), draw.var("K", HIDDEN, HIDDEN), draw.var("M", HIDDEN, HIDDEN)
        B, C, tau = draw.var("B", HIDDEN, INPUTS), draw.var("C", 2, HIDDEN), draw.var("tau", HIDDEN)
        e, q = draw.var("e0", HIDDEN), draw.var("q0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                drive = J @ e - K @ q + B @ draw.data("x", INPUTS)
                e_next = e + tau * (np.tanh(drive) - e)
                q = q + 0.5 * (np.tanh(M @ e) - q)
                e = e_next
                error = C @ e - draw.data("y", 2)
                losses.append(tg.loss(np.sum(error * error), t))
        return tape, sum(losses)


@held_out
def fast_weights(steps: int, seed: int) -> Recording:
    """A matrix that is a state: it remembers outer products of h with itself."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        decay = draw.var("decay")
        h, A = draw.var("h0", HIDDEN), draw.var("A0", HIDDEN, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                A = decay * A + np.outer(h, h)
                h = np.tanh(W @ h + U @ draw.data("x", INPUTS) + A @ h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def highway_of_depth_two(steps: int, seed: int) -> Recording:
    """Two micro-steps inside each time step, each with its own transform gate (recurrent highway)."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        H, T = draw.var("H", HIDDEN, INPUTS), draw.var("T", HIDDEN, INPUTS)
        R1, R2, Q1, Q2 = (draw.var(n, HIDDEN, HIDDEN) for n in ("R1", "R2", "Q1", "Q2"))
        V, s = draw.var("V", CLASSES, HIDDEN), draw.var("s0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                gate = tg.sigmoid(T @ x + Q1 @ s)
                s = gate * np.tanh(H @ x + R1 @ s) + (1 - gate) * s
                gate = tg.sigmoid(Q2 @ s)
                s = gate * np.tanh(R2 @ s) + (1 - gate) * s
                losses.append(tg.loss(cross_entropy(V @ s, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def multiplicative_integration(steps: int, seed: int) -> Recording:
    """(α ⊙ Ux ⊙ Wh) + β ⊙ Wh + γ ⊙ Ux: each product is used twice."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        alpha, beta, gamma = draw.var("alpha", HIDDEN), draw.var("beta", HIDDEN), draw.var("gamma", HIDDEN)
        h = draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                u, w = U @ draw.data("x", INPUTS), W @ h
                h = np.tanh(alpha * u * w + beta * w + gamma * u)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def own_output_fed_back(steps: int, seed: int) -> Recording:
    """The softmax of one step is the input of the next; no loss in the first step."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, E, V = draw.var("W", HIDDEN, HIDDEN), draw.var("E", HIDDEN, CLASSES), draw.var("V", CLASSES, HIDDEN)
        h, p = draw.var("h0", HIDDEN), draw.data("start", CLASSES)
        for t in range(1, steps + 1):
            with tg.step(t):
                h = np.tanh(W @ h + E @ p)
                z = V @ h
                p = tg.softmax(z)
                if t > 1:
                    losses.append(tg.loss(cross_entropy(z, draw.target()), t))
        return tape, sum(losses) / len(losses)


@held_out
def delay_line(steps: int, seed: int) -> Recording:
    """H reads itself from one, two and three steps back, each through its own weight."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W1, W2, W3 = (draw.var(f"W{k}", HIDDEN, HIDDEN) for k in (1, 2, 3))
        U, V = draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        past = [draw.var(f"h-{k}", HIDDEN) for k in (2, 1)] + [draw.var("h0", HIDDEN)]
        for t in range(1, steps + 1):
            with tg.step(t):
                h = np.tanh(W1 @ past[-1] + W2 @ past[-2] + W3 @ past[-3] + U @ draw.data("x", INPUTS))
                past.append(h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@held_out
def two_gru_layers_with_a_shortcut(steps: int, seed: int) -> Recording:
    """Two gated layers and the input added to the readout."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W = {f"{k}{g}": draw.var(f"W{k}{g}", HIDDEN, HIDDEN) for k in (1, 2) for g in "zn"}
        U = {f"{k}{g}": draw.var(f"U{k}{g}", HIDDEN, INPUTS if k == 1 else HIDDEN) for k in (1, 2) for g in "zn"}
        V, R = draw.var("V", CLASSES, HIDDEN), draw.var("R", CLASSES, INPUTS)
        a, b = draw.var("a0", HIDDEN), draw.var("b0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                z = tg.sigmoid(W["1z"] @ a + U["1z"] @ x)
                a = z * a + (1 - z) * np.tanh(W["1n"] @ a + U["1n"] @ x)
                r = tg.sigmoid(W["2z"] @ b + U["2z"] @ a)
                b = r * b + (1 - r) * np.tanh(W["2n"] @ b + U["2n"] @ a)
                losses.append(tg.loss(cross_entropy(V @ b + R @ x, draw.target()), t))
        return tape, sum(losses) / steps
