"""Recurrent cells that the package has no line of code for: each records itself and returns (tape, L).

Written as a user would write them: plain NumPy, names as they come. `CELLS[name](steps, seed)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_rnn as tg

HIDDEN, INPUTS, CLASSES, BATCH = 5, 4, 3, 2
Recording = tuple[tg.Tape, Any]
Cell = Callable[[int, int], Recording]
CELLS: dict[str, Cell] = {}


def cell(function: Cell) -> Cell:
    CELLS[function.__name__] = function
    return function


class Draw:
    """Random leaves on a tape: matrices of a scale that neither dies nor explodes, vectors that are not zero."""

    def __init__(self, tape: tg.Tape, seed: int) -> None:
        self.tape, self.random = tape, np.random.default_rng(seed)

    def array(self, *shape: int) -> Any:
        return self.random.normal(size=shape) * (0.9 / np.sqrt(shape[-1]) if len(shape) > 1 else 0.5)

    def var(self, name: str, *shape: int) -> Any:
        return self.tape.var(self.array(*shape), name)

    def data(self, name: str, *shape: int) -> Any:
        return self.tape.data(self.random.normal(size=shape), name)

    def target(self) -> int:
        return int(self.random.integers(CLASSES))


def cross_entropy(z: Any, target: int) -> Any:
    return tg.softmax_cross_entropy(z, np.array(target))


@cell
def two_states_and_a_skip(steps: int, seed: int) -> Recording:
    """Two carried states, W used twice in a step, no bias, and h from two steps back."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        W, S, R = draw.var("W", HIDDEN, HIDDEN), draw.var("S", HIDDEN, HIDDEN), draw.var("R", CLASSES, HIDDEN)
        U, V = draw.var("U", HIDDEN, INPUTS), draw.var("V", HIDDEN, INPUTS)
        h, m, older = draw.var("h0", HIDDEN), draw.var("m0", HIDDEN), draw.var("h-1", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                k = np.tanh(W @ h + U @ x)
                m = m * tg.sigmoid(V @ x) + k
                previous = h
                h = np.tanh(W @ m + S @ older)
                older = previous
                losses.append(tg.loss(cross_entropy(R @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def packed_lstm(steps: int, seed: int) -> Recording:
    """One weight for all gates, sliced; a batch of rows; one array X indexed by time; a loss in the last step only."""
    with tg.Tape(checked=True) as tape:
        draw, n = Draw(tape, seed), HIDDEN
        W, b = draw.var("W", n + INPUTS, 4 * n), draw.var("b", 4 * n)
        V, k = draw.var("V", n, CLASSES), draw.var("k", CLASSES)
        X = draw.data("X", steps, BATCH, INPUTS)
        h, c = draw.var("h0", BATCH, n), draw.var("c0", BATCH, n)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = X[t - 1]
                a = np.concatenate([x, h], axis=1) @ W + b
                i = tg.sigmoid(a[:, :n])
                f = tg.sigmoid(a[:, n : 2 * n])
                g = np.tanh(a[:, 2 * n : 3 * n])
                o = tg.sigmoid(a[:, 3 * n :])
                c = f * c + i * g
                h = o * np.tanh(c)
                if t == steps:
                    z = h @ V + k
                    loss = tg.loss(np.mean(tg.softmax_cross_entropy(z, np.array([0, 2]))), t)
        return tape, loss


@cell
def peephole_lstm(steps: int, seed: int) -> Recording:
    """Gates that see c through a vector of weights."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        Wi, Wf, Wg, Wo = (draw.var("W" + g, HIDDEN, HIDDEN) for g in "ifgo")
        Ui, Uf, Ug, Uo = (draw.var("U" + g, HIDDEN, INPUTS) for g in "ifgo")
        bi, bf, bg, bo = (draw.var("b" + g, HIDDEN) for g in "ifgo")
        pi, pf, po = (draw.var("p" + g, HIDDEN) for g in "ifo")
        V, k = draw.var("V", CLASSES, HIDDEN), draw.var("k", CLASSES)
        h, c = draw.var("h0", HIDDEN), draw.var("c0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                i = tg.sigmoid(Wi @ h + Ui @ x + pi * c + bi)
                f = tg.sigmoid(Wf @ h + Uf @ x + pf * c + bf)
                g = np.tanh(Wg @ h + Ug @ x + bg)
                c = f * c + i * g
                o = tg.sigmoid(Wo @ h + Uo @ x + po * c + bo)
                h = o * np.tanh(c)
                losses.append(tg.loss(cross_entropy(V @ h + k, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def leaky_integrator(steps: int, seed: int) -> Recording:
    """A learned leak, no bias."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, V = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        a, h = draw.var("a", HIDDEN), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                s = tg.sigmoid(a)
                h = (1.0 - s) * h + s * np.tanh(U @ x + W @ h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses)


@cell
def jordan_network(steps: int, seed: int) -> Recording:
    """The output is fed back, not the hidden state."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, CLASSES), draw.var("b", HIDDEN)
        V, c, y = draw.var("V", CLASSES, HIDDEN), draw.var("c", CLASSES), draw.var("y0", CLASSES)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ y + b)
                y = tg.sigmoid(V @ h + c)
                d = y - draw.data("target", CLASSES)
                losses.append(tg.loss(np.sum(d * d), t))
        return tape, sum(losses) / steps


@cell
def minimal_gated_unit(steps: int, seed: int) -> Recording:
    """One gate."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        Wf, Uf, bf = draw.var("Wf", HIDDEN, HIDDEN), draw.var("Uf", HIDDEN, INPUTS), draw.var("bf", HIDDEN)
        Wn, Un, bn = draw.var("Wn", HIDDEN, HIDDEN), draw.var("Un", HIDDEN, INPUTS), draw.var("bn", HIDDEN)
        V, k, h = draw.var("V", CLASSES, HIDDEN), draw.var("k", CLASSES), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                f = tg.sigmoid(Wf @ h + Uf @ x + bf)
                n = np.tanh(Wn @ (f * h) + Un @ x + bn)
                h = (1.0 - f) * h + f * n
                losses.append(tg.loss(cross_entropy(V @ h + k, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def three_residual_layers(steps: int, seed: int) -> Recording:
    """Operands that are sums: the labels must say U2·p, not U2·."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        E, V = draw.var("E", HIDDEN, INPUTS), draw.var("V", CLASSES, HIDDEN)
        U1, U2, U3 = (draw.var(f"U{n}", HIDDEN, HIDDEN) for n in (1, 2, 3))
        W1, W2, W3 = (draw.var(f"W{n}", HIDDEN, HIDDEN) for n in (1, 2, 3))
        b1, b2, b3 = (draw.var(f"b{n}", HIDDEN) for n in (1, 2, 3))
        h1, h2, h3 = (draw.var(f"h{n}_0", HIDDEN) for n in (1, 2, 3))
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                e = E @ x
                h1 = np.tanh(U1 @ e + W1 @ h1 + b1)
                p = e + h1
                h2 = np.tanh(U2 @ p + W2 @ h2 + b2)
                q = p + h2
                h3 = np.tanh(U3 @ q + W3 @ h3 + b3)
                losses.append(tg.loss(cross_entropy(V @ (q + h3), draw.target()), t))
        return tape, sum(losses) / steps


@cell
def no_initial_state(steps: int, seed: int) -> Recording:
    """Nothing before the first step, and a loss at every second step only."""
    with tg.Tape(checked=True) as tape:
        draw, losses, h = Draw(tape, seed), [], None
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V, c = draw.var("V", CLASSES, HIDDEN), draw.var("c", CLASSES)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                z = U @ x + b
                if h is not None:
                    z = z + W @ h
                h = np.tanh(z)
                if t % 2 == steps % 2:
                    losses.append(tg.loss(cross_entropy(V @ h + c, draw.target()), t))
        return tape, sum(losses) / len(losses)


@cell
def rows_and_transposes(steps: int, seed: int) -> Recording:
    """Row vectors in a batch, weights transposed in every step, x from one differentiable array."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V = draw.var("V", CLASSES, HIDDEN)
        X, Y = draw.var("X", steps, BATCH, INPUTS), draw.data("Y", steps, BATCH, CLASSES)
        h = draw.var("h0", BATCH, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                h = np.tanh(X[t - 1] @ U.T + h @ W.T + b)
                z = h @ V.T
                losses.append(tg.loss(np.mean((z - Y[t - 1]) ** 2), t))
        return tape, sum(losses) / steps


@cell
def readout_after_the_loop(steps: int, seed: int) -> Recording:
    """No step marks a loss: the last state is read out after the loop."""
    with tg.Tape(checked=True) as tape:
        draw = Draw(tape, seed)
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V, c, h = draw.var("V", CLASSES, HIDDEN), draw.var("c", CLASSES), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h + b)
        z = V @ h + c
        return tape, cross_entropy(z, draw.target())


@cell
def all_states_read_after_the_loop(steps: int, seed: int) -> Recording:
    """No step marks a loss: all states are stacked and read out together."""
    with tg.Tape(checked=True) as tape:
        draw, states = Draw(tape, seed), []
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V, h = draw.var("V", HIDDEN, CLASSES), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h + b)
                states.append(h)
        z = np.stack(states) @ V
        return tape, np.mean(tg.softmax_cross_entropy(z, np.arange(steps) % CLASSES))


@cell
def masked_and_regularised(steps: int, seed: int) -> Recording:
    """A weight made before the loop out of a leaf and a mask, one transposed before the loop, a penalty after it."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V = draw.var("V", HIDDEN, CLASSES)
        mask = tape.data((np.arange(HIDDEN * HIDDEN).reshape(HIDDEN, HIDDEN) % 3 > 0).astype(float), "mask")
        W2 = W * mask
        Vt = V.T
        h = draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W2 @ h + b)
                losses.append(tg.loss(cross_entropy(Vt @ h, draw.target()), t))
        return tape, sum(losses) / steps + 0.01 * (np.sum(W * W) + np.sum(U * U))


@cell
def inputs_as_leaves(steps: int, seed: int) -> Recording:
    """Every x_t a differentiable leaf made before the loop, h_0 without a gradient, one mask shared by all steps."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, V = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        xs = [draw.var("x", INPUTS) for _ in range(steps)]
        mask = tape.data(np.array([1.0, 0.0, 1.0, 1.0, 0.0]), "mask")
        h = draw.data("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                h = np.tanh(U @ xs[t - 1] + W @ h) * mask
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def two_losses_in_a_step(steps: int, seed: int) -> Recording:
    """A classification and a reconstruction: two losses in every step, their sum marked."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V, R, h = draw.var("V", CLASSES, HIDDEN), draw.var("R", INPUTS, HIDDEN), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h + b)
                error = R @ h - x
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()) + 0.5 * np.sum(error * error), t))
        return tape, sum(losses) / steps


@cell
def joined_gru(steps: int, seed: int) -> Recording:
    """[h, x] @ W in a GRU of rows."""
    with tg.Tape(checked=True) as tape:
        draw, losses, n = Draw(tape, seed), [], HIDDEN
        Wz, Wr, Wn = (draw.var("W" + g, n + INPUTS, n) for g in "zrn")
        V, h = draw.var("V", n, CLASSES), draw.var("h0", BATCH, n)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", BATCH, INPUTS)
                joined = np.concatenate([h, x], axis=-1)
                z = tg.sigmoid(joined @ Wz)
                r = tg.sigmoid(joined @ Wr)
                new = np.tanh(np.concatenate([r * h, x], axis=-1) @ Wn)
                h = (1 - z) * h + z * new
                losses.append(tg.loss(np.mean(tg.softmax_cross_entropy(h @ V, np.array([1, 0]))), t))
        return tape, sum(losses) / steps


@cell
def plain_scalars(steps: int, seed: int) -> Recording:
    """Python numbers on both sides of operators, plain arrays for x, and zeros for h_0 met in the first step."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, V = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        x = draw.random.normal(size=(steps, INPUTS))
        h = np.full(HIDDEN, 0.2)
        for t in range(1, steps + 1):
            with tg.step(t):
                h = 0.9 * h + 0.1 * np.tanh(U @ x[t - 1] + W @ h)
                losses.append(tg.loss(cross_entropy(V @ (h / 2), draw.target()) ** 2, t))
        return tape, sum(losses) / steps


@cell
def running_total(steps: int, seed: int) -> Recording:
    """The total loss grows inside the steps."""
    with tg.Tape(checked=True) as tape:
        draw, total = Draw(tape, seed), 0.0
        U, W, b = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("b", HIDDEN)
        V, h = draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h + b)
                total = total + tg.loss(cross_entropy(V @ h, draw.target()), t)
        return tape, total


@cell
def linear_state_space(steps: int, seed: int) -> Recording:
    """A linear state: a sum is the state itself."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        A, B, C = draw.var("A", HIDDEN, HIDDEN), draw.var("B", HIDDEN, INPUTS), draw.var("C", CLASSES, HIDDEN)
        s = draw.var("s0", HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t):
                u = draw.data("u", INPUTS)
                s = A @ s + B @ u
                losses.append(tg.loss(np.sum((C @ s - draw.data("y", CLASSES)) ** 2) / 2, t))
        return tape, sum(losses) / steps


@cell
def encoder_and_decoder(steps: int, seed: int) -> Recording:
    """Two loops, the second starts where the first ends."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, h = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("h0", HIDDEN)
        R, V = draw.var("R", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t, loop="encoder"):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h)
        d = h
        for t in range(1, steps + 1):
            with tg.step(t, loop="decoder"):
                d = np.tanh(R @ d)
                losses.append(tg.loss(cross_entropy(V @ d, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def one_state_array(steps: int, seed: int) -> Recording:
    """Both h and c live in one carried array that is sliced and joined in every step; one vector holds all weights."""
    with tg.Tape(checked=True) as tape:
        draw, losses, n = Draw(tape, seed), [], HIDDEN
        theta = draw.var("theta", 2 * n * n + INPUTS * n)
        W = np.reshape(theta[: n * n], (n, n))
        R = np.reshape(theta[n * n : 2 * n * n], (n, n))
        U = np.reshape(theta[2 * n * n :], (n, INPUTS))
        V, state = draw.var("V", CLASSES, n), draw.var("state0", 2 * n)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h, c = state[:n], state[n:]
                c = c * tg.sigmoid(R @ h) + U @ x
                h = np.tanh(W @ h + c)
                state = np.concatenate([h, c])
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def attention_over_the_past(steps: int, seed: int) -> Recording:
    """Every step looks at all earlier states: no constant lag."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, Q = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("Q", HIDDEN, HIDDEN)
        V = draw.var("V", CLASSES, HIDDEN)
        h = draw.var("h0", HIDDEN)
        past = [h]
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                keys = np.stack(past)
                weights = tg.softmax(keys @ (Q @ h))
                context = weights @ keys
                h = np.tanh(U @ x + W @ context)
                past.append(h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def bidirectional(steps: int, seed: int) -> Recording:
    """A second state runs from the last step to the first; both are read together in each step."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, V = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("V", CLASSES, 2 * HIDDEN)
        R, S = draw.var("R", HIDDEN, INPUTS), draw.var("S", HIDDEN, HIDDEN)
        X, f, g = draw.data("x", steps, INPUTS), draw.var("f0", HIDDEN), draw.var("g_end", HIDDEN)
        forward, backward = [], []
        for t in range(1, steps + 1):
            with tg.step(t):
                f = np.tanh(U @ X[t - 1] + W @ f)
                forward.append(f)
        for t in range(steps, 0, -1):
            with tg.step(t):
                g = np.tanh(R @ X[t - 1] + S @ g)
                backward.insert(0, g)
        for t in range(1, steps + 1):
            with tg.step(t):
                both = np.concatenate([forward[t - 1], backward[t - 1]])
                losses.append(tg.loss(cross_entropy(V @ both, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def decoder_with_its_own_start(steps: int, seed: int) -> Recording:
    """The second loop has an initial state of its own, and reads the first loop's last state in every step."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, h = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("h0", HIDDEN)
        R, Q, d = draw.var("R", HIDDEN, HIDDEN), draw.var("Q", HIDDEN, HIDDEN), draw.var("d0", HIDDEN)
        V = draw.var("V", CLASSES, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t, loop="encoder"):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h)
        for t in range(1, steps + 1):
            with tg.step(t, loop="decoder"):
                d = np.tanh(R @ d + Q @ h)
                losses.append(tg.loss(cross_entropy(V @ d, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def gates_by_a_function(steps: int, seed: int) -> Recording:
    """Every gate is a call of one helper, so that one line of source stands for all of them; x is a plain array."""

    def gate(w: Any, u: Any, bias: Any, x: Any, h: Any) -> Any:
        return w @ h + u @ x + bias

    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        Wz, Wn = draw.var("Wz", HIDDEN, HIDDEN), draw.var("Wn", HIDDEN, HIDDEN)
        Uz, Un = draw.var("Uz", HIDDEN, INPUTS), draw.var("Un", HIDDEN, INPUTS)
        bz, bn = draw.var("bz", HIDDEN), draw.var("bn", HIDDEN)
        V, h = draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN)
        xs = draw.random.normal(size=(steps, INPUTS))
        for t in range(1, steps + 1):
            with tg.step(t):
                z = tg.sigmoid(gate(Wz, Uz, bz, xs[t - 1], h))
                n = np.tanh(gate(Wn, Un, bn, xs[t - 1], h))
                h = (1 - z) * n + z * h
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def embedded_words(steps: int, seed: int) -> Recording:
    """Each step looks up a row of an embedding: an index into a weight, not into a sequence of inputs."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        E, U, W = draw.var("E", 6, INPUTS), draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN)
        V, h = draw.var("V", CLASSES, HIDDEN), draw.var("h0", HIDDEN)
        words = [3, 1, 1, 5, 0, 2, 4, 1]
        for t in range(1, steps + 1):
            with tg.step(t):
                h = np.tanh(U @ E[words[t - 1]] + W @ h)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def losses_marked_after_the_loop(steps: int, seed: int) -> Recording:
    """The states first, then in a loop of its own, outside every step, each one's readout and marked loss."""
    with tg.Tape(checked=True) as tape:
        draw, losses, states = Draw(tape, seed), [], []
        U, W, h = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("h0", HIDDEN)
        V, c = draw.var("V", CLASSES, HIDDEN), draw.var("c", CLASSES)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h)
                states.append(h)
        for t in range(1, steps + 1):
            z = V @ states[t - 1] + c
            losses.append(tg.loss(cross_entropy(z, draw.target()), t))
        return tape, sum(losses) / steps


@cell
def losses_of_one_readout(steps: int, seed: int) -> Recording:
    """All states read out together after the loop, and then one marked loss for each row."""
    with tg.Tape(checked=True) as tape:
        draw, losses, states = Draw(tape, seed), [], []
        U, W, h = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("h0", HIDDEN)
        V = draw.var("V", HIDDEN, CLASSES)
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h)
                states.append(h)
        z = np.stack(states) @ V
        for t in range(1, steps + 1):
            losses.append(tg.loss(cross_entropy(z[t - 1], draw.target()), t))
        return tape, sum(losses) / steps


@cell
def one_leaf_for_two_states(steps: int, seed: int) -> Recording:
    """One learned vector starts both states, and is kept small by a penalty."""
    with tg.Tape(checked=True) as tape:
        draw, losses = Draw(tape, seed), []
        U, W, R = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("R", HIDDEN, HIDDEN)
        V, start = draw.var("V", CLASSES, HIDDEN), draw.var("start", HIDDEN)
        h = m = start
        for t in range(1, steps + 1):
            with tg.step(t):
                x = draw.data("x", INPUTS)
                m = tg.sigmoid(R @ h) * m
                h = np.tanh(U @ x + W @ h + m)
                losses.append(tg.loss(cross_entropy(V @ h, draw.target()), t))
        return tape, sum(losses) / steps + 0.1 * np.sum(start * start)


@cell
def attention_decoder(steps: int, seed: int) -> Recording:
    """A decoder that attends to all states of the encoder, stacked between the two loops."""
    with tg.Tape(checked=True) as tape:
        draw, losses, states = Draw(tape, seed), [], []
        U, W, h = draw.var("U", HIDDEN, INPUTS), draw.var("W", HIDDEN, HIDDEN), draw.var("h0", HIDDEN)
        R, Q, V = draw.var("R", HIDDEN, HIDDEN), draw.var("Q", HIDDEN, HIDDEN), draw.var("V", CLASSES, HIDDEN)
        for t in range(1, steps + 1):
            with tg.step(t, loop="encoder"):
                x = draw.data("x", INPUTS)
                h = np.tanh(U @ x + W @ h)
                states.append(h)
        memory = np.stack(states)
        d = h
        for t in range(1, steps + 1):
            with tg.step(t, loop="decoder"):
                weights = tg.softmax(memory @ (Q @ d))
                d = np.tanh(R @ d + weights @ memory)
                losses.append(tg.loss(cross_entropy(V @ d, draw.target()), t))
        return tape, sum(losses) / steps
