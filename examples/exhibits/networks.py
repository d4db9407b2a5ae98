"""Networks of the gallery that the package has no cell for, written as a user would: plain NumPy in `tg.step(t)`."""

import numpy as np

import tinygrad_rnn as tg


class Random:
    """Leaves with normal numbers on a tape: matrices divided by √columns, vectors by 2."""

    def __init__(self, tape, seed=0):
        self.tape, self.rng = tape, np.random.default_rng(seed)

    def weight(self, name, *shape):
        scale = np.sqrt(shape[-1]) if len(shape) > 1 else 2.0
        return self.tape.var(self.rng.normal(size=shape) / scale, name)

    def input(self, *shape):
        return self.tape.data(self.rng.normal(size=shape), "x")

    def guess(self, z, t):
        """Cross entropy of logits with a random class, marked as the loss of step t."""
        return tg.loss(tg.softmax_cross_entropy(z, self.rng.integers(z.shape[0])), t)


def bidirectional(steps):
    with tg.Tape(checked=True) as tape:
        random, forward, backward, losses = Random(tape), {}, {}, []
        U, W, R, S = (random.weight(name, 4, size) for name, size in (("U", 3), ("W", 4), ("R", 3), ("S", 4)))
        V, X = random.weight("V", 2, 8), random.input(steps, 3)
        f, g = random.weight("f0", 4), random.weight(f"g{steps + 1}", 4)
        for t in range(1, steps + 1):
            with tg.step(t):
                f = np.tanh(U @ X[t - 1] + W @ f)
                forward[t] = f
        for t in range(steps, 0, -1):
            with tg.step(t):
                g = np.tanh(R @ X[t - 1] + S @ g)
                backward[t] = g
        for t in range(1, steps + 1):
            with tg.step(t):
                losses.append(random.guess(V @ np.concatenate([forward[t], backward[t]]), t))
        return sum(losses) / steps


def encoder_decoder(steps):
    with tg.Tape(checked=True) as tape:
        random, losses = Random(tape), []
        U, W, R, V = (random.weight(n, *s) for n, s in (("U", (4, 3)), ("W", (4, 4)), ("R", (4, 4)), ("V", (3, 4))))
        h = random.weight("h0", 4)
        for t in range(1, steps + 1):
            with tg.step(t, loop="encoder"):
                h = np.tanh(U @ random.input(3) + W @ h)
        d = h
        for t in range(1, steps + 1):
            with tg.step(t, loop="decoder"):
                d = np.tanh(R @ d)
                losses.append(random.guess(V @ d, t))
        return sum(losses) / steps


def attention(steps):
    """Every step looks at all states before it."""
    with tg.Tape(checked=True) as tape:
        random, losses = Random(tape), []
        U, W, Q, V = (random.weight(n, *s) for n, s in (("U", (4, 3)), ("W", (4, 4)), ("Q", (4, 4)), ("V", (3, 4))))
        h = random.weight("h0", 4)
        states = [h]
        for t in range(1, steps + 1):
            with tg.step(t):
                past = np.stack(states)
                a = tg.softmax(past @ (Q @ h))
                h = np.tanh(U @ random.input(3) + W @ (a @ past))
                states.append(h)
                losses.append(random.guess(V @ h, t))
        return sum(losses) / steps


def minimal_gated_unit(x, h, Wf, Uf, Wn, Un):
    """One gate decides what is forgotten and what is written (Zhou et al. 2016)."""
    f = tg.sigmoid(Wf @ h + Uf @ x)
    n = np.tanh(Wn @ (f * h) + Un @ x)
    return (1.0 - f) * h + f * n


def own_cell(steps):
    with tg.Tape(checked=True) as tape:
        random, losses = Random(tape), []
        weights = [random.weight(name, 4, size) for name, size in (("Wf", 4), ("Uf", 3), ("Wn", 4), ("Un", 3))]
        V, h = random.weight("V", 3, 4), random.weight("h0", 4)
        for t in range(1, steps + 1):
            with tg.step(t):
                h = minimal_gated_unit(random.input(3), h, *weights)
                losses.append(random.guess(V @ h, t))
        return sum(losses) / steps


def no_steps():
    with tg.Tape(checked=True) as tape:
        random = Random(tape)
        W1, b1, W2 = random.weight("W1", 4, 3), random.weight("b1", 4), random.weight("W2", 3, 4)
        return tg.softmax_cross_entropy(W2 @ np.tanh(W1 @ random.input(3) + b1), 1)
