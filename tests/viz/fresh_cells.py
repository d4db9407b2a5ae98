"""Ten more recurrent cells, written before any was drawn, after the layout had been mended for those of other files.

Written as a user would write them: plain NumPy, names as they come. `FRESH[name](steps, seed)` gives (tape, L).
"""

from __future__ import annotations

import numpy as np

import tinygrad_rnn as tg
from tests.viz.unseen_cells import CLASSES, HIDDEN, INPUTS, Cell, Draw, Recording, cross_entropy

FRESH: dict[str, Cell] = {}


def fresh(function: Cell) -> Cell:
    FRESH[function.__name__] = function
    return function


@fresh
def two_independent_layers(steps: int, seed: int) -> Recording:
    """IndRNN: every unit reads itself alone, so that a vector takes the place of the matrix; two layers."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W1, u1, b1 = draw.var("W1", HIDDEN, INPUTS), draw.var("u1", HIDDEN), draw.var("b1", HIDDEN)
        W2, u2, b2 = draw.var("W2", HIDDEN, HIDDEN), draw.var("u2", HIDDEN), draw.var("b2", HIDDEN)
        V, h1, h2 = draw.var("V", CLASSES, HIDDEN), draw.var("h1_0", HIDDEN), draw.var("h2_0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                h1 = np.tanh(W1 @ draw.data("x", INPUTS) + u1 * h1 + b1)
                h2 = np.tanh(W2 @ h1 + u2 * h2 + b2)
                losses.append(tg.loss(cross_entropy(V @ h2, draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def simple_recurrent_unit(steps: int, seed: int) -> Recording:
    """SRU: gates read c by a vector, and the input goes around the cell through a gate of its own."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, Wf, Wr = (draw.var(name, HIDDEN, INPUTS) for name in ("W", "Wf", "Wr"))
        vf, vr, bf, br = (draw.var(name, HIDDEN) for name in ("vf", "vr", "bf", "br"))
        S, V, c = draw.var("S", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN), draw.var("c0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                f = tg.sigmoid(Wf @ x + vf * c + bf)
                r = tg.sigmoid(Wr @ x + vr * c + br)
                c = f * c + (1 - f) * (W @ x)
                h = r * np.tanh(c) + (1 - r) * (S @ x)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def quasi_recurrent_pooling(steps: int, seed: int) -> Recording:
    """QRNN: gates are a convolution over this input and the one before; the state is only pooled."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        A = {g: draw.var(f"A{g}", HIDDEN, INPUTS) for g in "zfo"}
        B = {g: draw.var(f"B{g}", HIDDEN, INPUTS) for g in "zfo"}
        V, c = draw.var("V", CLASSES, HIDDEN), draw.var("c0", HIDDEN)
        X = [draw.data(f"x{t}", INPUTS) for t in range(steps + 1)]
        for t in range(1, steps + 1):
            with tg.step(t):
                now, before = X[t], X[t - 1]
                z = np.tanh(A["z"] @ before + B["z"] @ now)
                f = tg.sigmoid(A["f"] @ before + B["f"] @ now)
                o = tg.sigmoid(A["o"] @ before + B["o"] @ now)
                c = f * c + (1 - f) * z
                losses.append(tg.loss(cross_entropy(V @ (o * c), draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def hopfield_over_past_states(steps: int, seed: int) -> Recording:
    """The state looks itself up among all states before it, twice, as a modern Hopfield network does."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        beta, past = draw.var("beta"), [draw.var("h0", HIDDEN)]
        for t in range(1, steps + 1):
            with tg.step(t):
                patterns = np.stack(past)
                query = np.tanh(W @ past[-1] + U @ draw.data("x", INPUTS))
                for _ in range(2):
                    query = tg.softmax(beta * (patterns @ query)) @ patterns
                past.append(np.tanh(query + U @ draw.data("y", INPUTS)))
                losses.append(tg.loss(cross_entropy(V @ past[-1], draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def coupled_pendulums(steps: int, seed: int) -> Recording:
    """Two pendulums with a spring between them and a push from outside; velocities first, then angles."""
    with tg.Tape(checked=True) as tape:
        draw, losses, dt = Draw(tape, seed), [], 0.1
        g, spring, friction = draw.var("g"), draw.var("spring"), draw.var("friction")
        p, q, v, w = (draw.var(name) for name in ("p0", "q0", "v0", "w0"))
        for t in range(1, steps + 1):
            with tg.step(t):
                stretch = spring * (np.sin(q) - np.sin(p))
                v = v + dt * (stretch - g * np.sin(p) - friction * v + draw.data("push"))
                w = w + dt * (-stretch - g * np.sin(q) - friction * w)
                p = p + dt * v
                q = q + dt * w
                losses.append(tg.loss((p - draw.data("seen")) ** 2 + 0.5 * q**2, t))
        return tape, sum(losses)


@fresh
def leaky_integrate_and_fire(steps: int, seed: int) -> Recording:
    """A membrane that leaks, fires softly, is reset by its own spike, and tires from a trace of its spikes."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        leak, rate, cost = draw.var("leak", HIDDEN), draw.var("rate", HIDDEN), draw.var("cost", HIDDEN)
        v, s, a = draw.var("v0", HIDDEN), draw.var("s0", HIDDEN), draw.var("a0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                v = leak * v * (1 - s) + W @ s + U @ draw.data("x", INPUTS)
                a = rate * a + s
                s = tg.sigmoid(4.0 * (v - 1.0 - cost * a))
                losses.append(tg.loss(cross_entropy(V @ s, draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def antisymmetric(steps: int, seed: int) -> Recording:
    """One Euler step of dh/dt = tanh((W − Wᵀ − γ) h + U x), with a gate of the same matrix."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        Z, gamma, h = draw.var("Z", HIDDEN, INPUTS), draw.var("gamma"), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                turn = W @ h - W.T @ h - gamma * h
                h = h + 0.3 * tg.sigmoid(turn + Z @ x) * np.tanh(turn + U @ x)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def legendre_memory_unit(steps: int, seed: int) -> Recording:
    """A linear memory m of one signal u, and a state h that writes u and reads m."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        ex, eh, em = draw.var("ex", INPUTS), draw.var("eh", HIDDEN), draw.var("em", HIDDEN)
        A, B = draw.var("A", HIDDEN, HIDDEN), draw.var("B", HIDDEN)
        Wx, Wh, Wm = draw.var("Wx", HIDDEN, INPUTS), draw.var("Wh", HIDDEN, HIDDEN), draw.var("Wm", HIDDEN, HIDDEN)
        V, h, m = draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN), draw.var("m0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                u = ex @ x + eh @ h + em @ m
                m = A @ m + B * u
                h = np.tanh(Wx @ x + Wh @ h + Wm @ m)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def liquid_time_constant(steps: int, seed: int) -> Recording:
    """Two fused solver steps of a liquid neuron: h ← (h + Δ f A) / (1 + Δ (1/τ + f)), the same weights in both."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, V = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        b, A, tau, h = (draw.var(name, HIDDEN) for name in ("b", "A", "tau", "h0"))
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                for _ in range(2):
                    f = tg.sigmoid(W @ h + U @ x + b)
                    h = (h + 0.5 * f * A) / (1.0 + 0.5 * (np.exp(tau) + f))
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@fresh
def memory_written_by_content(steps: int, seed: int) -> Recording:
    """A matrix of slots: the state reads it by softmax over similarities, erases there and writes anew."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, U, R = draw.var("W", HIDDEN, HIDDEN), draw.var("U", HIDDEN, INPUTS), draw.var("R", HIDDEN, HIDDEN)
        K, E, N = (draw.var(name, HIDDEN, HIDDEN) for name in ("K", "E", "N"))
        V, h, M = draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN), draw.var("M0", 3, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                address = tg.softmax(M @ (K @ h))
                read = address @ M
                h = np.tanh(W @ h + U @ draw.data("x", INPUTS) + R @ read)
                M = M * (1 - np.outer(address, tg.sigmoid(E @ h))) + np.outer(address, np.tanh(N @ h))
                losses.append(tg.loss(cross_entropy(V @ h + read[:CLASSES], draw.target()), t))
        return tape, sum(losses) / steps
