"""Read all states out together after the loop, which is fastest, and still ask what each step's loss hears.

    python examples/readout_after.py

A network learns to say at every step what it read two steps before. What this prints stands beside it, in
readout_after.txt.
"""

import numpy as np

import tinygrad_rnn as tg

T, batch, hidden, delay = 8, 32, 8, 2
rng = np.random.default_rng(0)
xs = rng.choice([-1.0, 1.0], size=(T, batch, 1))
asked = range(delay + 1, T + 1)  # steps that were shown what they are asked for
answers = (xs[: T - delay, :, 0] > 0).astype(float)
shapes = {"U": (1, hidden), "W": (hidden, hidden), "V": (hidden, 1), "c": (1,)}
start = {name: rng.normal(size=shape) * 0.4 for name, shape in shapes.items()}


def record(weights):
    """The recorded loss, a mean over steps and batch, and its leaves; rows[n] is the loss of step asked[n]."""
    with tg.Tape() as tape:
        U, W, V, c = leaves = [tape.var(weights[name], name) for name in "UWVc"]
        h, states = np.zeros((batch, hidden)), []
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(xs[t - 1] @ U + h @ W)
                states.append(h)
        logits = np.stack(states[delay:]) @ V + c
        rows = tg.loss(tg.binary_cross_entropy(logits[:, :, 0], answers), asked)
        return rows.mean(), leaves


def trained(reach):
    """The weights after 200 steps of gradient descent that look back no further than this."""
    weights = dict(start)
    for _ in range(200):
        L, leaves = record(weights)
        gradients = tg.truncated_gradients(L, leaves, "max_lag", tau=reach)
        weights = {name: weights[name] - gradient for name, gradient in zip("UWVc", gradients, strict=True)}
    return weights


L, (U, *_) = record(start)
print("||C[t,k]|| for U before training, as a share of its row: each loss hears the step that it is asked for most")
for s, row in tg.flow(L).table(U.index).items():
    norms = [np.linalg.norm(row[k]) for k in range(s + 1)]
    print(f"t = {s + 1}  " + "  ".join(f"{norm / sum(norms):.2f}" for norm in norms))

for reach in (delay - 1, delay, T):
    loss = record(trained(reach))[0].value
    print(f"trained with gradients that reach {reach} step{'s' * (reach > 1)} back: L = {loss:.3f}")
print(f"not to know is L = {np.log(2):.3f}")
