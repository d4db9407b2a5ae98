"""Write a recurrent cell of one's own in plain NumPy, and ask which step contributed what to which loss.

    python examples/own_cell.py

What it prints stands beside it, in own_cell.txt.
"""

import numpy as np

import tinygrad_rnn as tg

T, inputs, hidden = 5, 2, 4
rng = np.random.default_rng(7)
xs, ys = rng.normal(size=(T, inputs)), rng.normal(size=T)


def leaky(U, W, rate, x, h, slow):
    """A tanh unit and a slow trace of it that feeds back; `rate` says how fast the trace forgets."""
    keep = tg.sigmoid(rate)
    h = np.tanh(U @ x + W @ (h + slow))
    slow = keep * slow + (1.0 - keep) * h
    return h, slow


with tg.Tape(checked=True) as tape:
    U = tape.var(rng.normal(size=(hidden, inputs)), "U")
    W = tape.var(rng.normal(size=(hidden, hidden)) / 2.0, "W")
    rate = tape.var(np.full(hidden, 1.5), "rate")
    v = tape.var(rng.normal(size=hidden), "v")
    h, slow = tape.data(np.full(hidden, 0.1), "h0"), tape.data(np.zeros(hidden), "slow0")
    losses = []
    for t in range(1, T + 1):
        with tg.step(t):
            h, slow = leaky(U, W, rate, xs[t - 1], h, slow)
            losses.append(tg.loss((v @ h - ys[t - 1]) ** 2, t))
    L = sum(losses) / T

gradients = dict(zip(["U", "W", "rate", "v"], tape.grad(L, [U, W, rate, v]), strict=True))
print(f"L = {L.value:.4f}")
for name, gradient in gradients.items():
    print(f"||dL/d{name}|| = {np.linalg.norm(gradient):.4f}  {gradient.shape}")

table = tg.flow(L).table(W.index)  # table[t][k]: the part of dJ_t/dW that step k contributes, counted from 0
print("\n||C[t,k]|| for W: row t is the loss of step t, column k the step that contributed")
for t, row in table.items():
    print(f"t = {t + 1}  " + "  ".join(f"{np.linalg.norm(contribution):.4f}" for contribution in row.values()))

together = sum(contribution for row in table.values() for contribution in row.values()) / T
print(f"\ntheir sum over t and k, divided by T, is dL/dW: {np.allclose(together, gradients['W'], rtol=1e-12, atol=0)}")
