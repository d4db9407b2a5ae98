"""Train the many-to-one sentiment network of the lecture notes twice: by the closed form's gradients and by the tape's.

    python examples/sentiment.py

o_t = tanh(x_t w_i + o_(t-1) w_h) reads a sentence word by word, ŷ = σ(o_n w_o) says whether it is kind, and training is
w ← w − η ∂L/∂w. What it prints stands beside it, in sentiment.txt.
"""

import numpy as np

from tinygrad_rnn import bptt, models
from tinygrad_rnn.derivations import DERIVATIONS

KIND = ["good", "a good film", "great", "a great film", "not bad", "not a bad film", "not dull"]
UNKIND = ["bad", "a bad film", "dull", "a dull film", "not good", "not a good film", "not great"]
words = sorted(set(" ".join(KIND + UNKIND).split()))
texts = {text: np.eye(len(words))[[words.index(word) for word in text.split()]] for text in KIND + UNKIND}
spec, m, eta, o_0 = DERIVATIONS["many_to_one"].specs[0], 8, 0.05, np.zeros(8)


def closed_form(w, x, y):
    found = bptt.delta_recursion(spec, w, x, y, o_0)
    return found.forward.loss, list(found.params.values())


def tape(w, x, y):
    recorded = models.record(spec, w, x, y, o_0, checked=False)
    return recorded.loss.value, recorded.tape.grad(recorded.loss, list(recorded.params.values()))


def train(gradients):
    rng, curve = np.random.default_rng(0), []
    shapes = {"w_i": (len(words), m), "w_h": (m, m), "w_o": (m, 1)}
    w = {name: 0.3 * rng.normal(size=shape) for name, shape in shapes.items()}
    for _ in range(200):
        found = [gradients(w, x, np.array([float(text in KIND)])) for text, x in texts.items()]
        curve.append(sum(loss for loss, _ in found))
        for k, name in enumerate(w):
            w[name] = w[name] - eta * sum(dL_dw[k] for _, dL_dw in found)
    return np.array(curve), w


(curve, w), (by_tape, _) = train(closed_form), train(tape)
print("round  L by the closed form  L by the tape")
for k in (0, 25, 50, 100, 150, 199):
    print(f"{k:5}  {curve[k]:20.6f}  {by_tape[k]:13.6f}")
print(f"the same loss curve to 1e-12: {np.allclose(curve, by_tape, rtol=1e-12, atol=0.0)}")
for text in ("a good film", "not a good film", "a bad film", "not a bad film"):
    print(f"ŷ = {models.forward(spec, w, texts[text], np.ones(1), o_0).out[-1][0]:.2f}  {text}")
