"""Differentiate one scalar expression, then print what was recorded and how the gradient came back.

    python examples/scalar.py

What it prints stands beside it, in scalar.txt.
"""

import numpy as np

import tinygrad_rnn as tg
from tinygrad_rnn.text import backward

with tg.Tape(checked=True) as tape:
    x = tape.var(0.5, "x")
    y = tape.var(-2.0, "y")
    s = x * y + y**3 / 4.0
    r = np.tanh(s / 2.0) + np.exp(-x) * s
    g = r**2 + tg.sigmoid(x - y) / r

dg_dx, dg_dy = tape.grad(g, [x, y])
print(f"g     = {g.value:.4f}")
print(f"dg/dx = {dg_dx:.4f}")
print(f"dg/dy = {dg_dy:.4f}")


def expression(x, y):
    """The same in NumPy, where nothing is recorded."""
    s = x * y + y**3 / 4.0
    r = np.tanh(s / 2.0) + np.exp(-x) * s
    return r**2 + tg.sigmoid(x - y) / r


# A complex step is exact to rounding: no difference is taken, so no digit is lost.
print(f"complex step: {expression(0.5 + 1e-30j, -2.0).imag / 1e-30:.4f}, ", end="")
print(f"{expression(0.5, -2.0 + 1e-30j).imag / 1e-30:.4f}")

print("\nthe tape")
print(tape)
print("\nthe backward pass, where d[v] stands for dg/dv")
print(backward(g))
