"""Describe a network in words, confirm its gradients by routes that share no code, and draw how they flow.

    python examples/draw_and_compare.py

Writes all-losses.svg and last-loss.svg into the current folder. What it prints stands beside it, in
draw_and_compare.txt.
"""

import numpy as np

import tinygrad_rnn as tg
import viz
from tinygrad_rnn import bptt, models
from tinygrad_rnn.check import complex_step
from tinygrad_rnn.spec import Spec

T, inputs, hidden, classes = 5, 3, 4, 3
spec = Spec(convention="col", activation="tanh", output_activation="softmax", loss="softmax_ce", time_weight="1/T")
rng = np.random.default_rng(0)
shapes = {"U": (hidden, inputs), "W": (hidden, hidden), "b": (hidden,), "V": (classes, hidden), "c": (classes,)}
params = {name: rng.normal(size=shape) / np.sqrt(shape[-1]) for name, shape in shapes.items()}
x, y = rng.normal(size=(T, inputs)), np.eye(classes)[rng.integers(classes, size=T)]
h0 = rng.normal(size=hidden)

recorded = models.record(spec, params, x, y, h0, differentiate_x=False)
tape = dict(zip(params, recorded.tape.grad(recorded.loss, list(recorded.params.values())), strict=True))
closed_form = bptt.delta_recursion(spec, params, x, y, h0).params
stepped = complex_step(lambda params: bptt.forward(spec, params, x, y, h0).loss, params)

print(f"L = {recorded.loss.value:.6f}")
print("parameter  ||dL/dp||  closed form agrees  complex step agrees")
for name, gradient in tape.items():
    agree = [np.allclose(gradient, other[name], rtol=1e-12, atol=1e-15) for other in (closed_form, stepped)]
    print(f"{name:9}  {np.linalg.norm(gradient):9.6f}  {agree[0]!s:18}  {agree[1]}")

every = viz.draw(tg.flow(recorded.loss), title="vanilla RNN")
last = viz.draw(tg.flow(recorded.loss, at="last"), title="vanilla RNN", span=every.span)  # the same colour scale
for picture, name in ((every, "all-losses.svg"), (last, "last-loss.svg")):
    print(f"{picture.save(name)}: {picture.title}")
