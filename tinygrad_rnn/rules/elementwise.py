"""Derivatives of element-wise functions: arithmetic with broadcasting, activations, powers.

Each line is `rule(function, vjp of argument 0, vjp of argument 1, …)`; g is the gradient of the result y. Conventions
where there is no derivative: relu'(0) = 0, |x|'(0) = 0, sqrt'(0) = 0 (so a norm at zero has gradient zero), equal
arguments of maximum and minimum share the gradient in halves, and 0 ** n has the exponent's gradient 0.
"""

from __future__ import annotations

import numpy as np

from ..ops import identity, primitive, relu, sigmoid
from ..tape import Array, rule


def like(g: Array, x: Array) -> Array:
    """Sum g down to the shape of x: the transpose of broadcasting."""
    shape = x.shape
    if g.shape == shape:
        return g
    if g.shape[1:] == shape and type(g) is np.ndarray:
        return np.add.reduce(g, axis=0)  # a bias of a batch, without the detour through g.sum
    lead = g.ndim - len(shape)
    if lead:
        g = g.sum(axis=tuple(range(lead)))
    axes = tuple(k for k, n in enumerate(shape) if n == 1 != g.shape[k])
    return g.sum(axis=axes, keepdims=True) if axes else g


def step_up(x: Array, at_zero: float = 0.0) -> Array:
    """1 where x > 0, 0 where x < 0, and a convention where x = 0."""
    return np.heaviside(x, at_zero)


@primitive
def share(a: Array, b: Array) -> Array:
    """1 where a > b, ½ where they are equal, 0 elsewhere."""
    dtype = np.result_type(a, b)
    a, b = np.asarray(a), np.asarray(b)
    return ((a > b) + 0.5 * (a == b)).astype(dtype, copy=False)


def slope(a: Array, n: Array) -> Array:
    """The derivative n a^(n−1) of a^n, and 0 where n is 0."""
    return n * a ** ((n - 1 if n else 1) if isinstance(n, int | float) else n + 1 - 2 * np.sign(n) ** 2)


def logarithm(a: Array) -> Array:
    """The logarithm of a, and 0 where a is not positive."""
    return np.log(a * step_up(a) + (1 - step_up(a)))


def half_reciprocal(y: Array) -> Array:
    """1 / 2y, and 0 where y is 0."""
    return 0.5 * step_up(y) / (y + (1 - step_up(y)))


rule(np.add,        lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(g, b))
rule(np.subtract,   lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(-g, b))
rule(np.multiply,   lambda g, y, a, b: like(g * b, a),                 lambda g, y, a, b: like(g * a, b))
rule(np.divide,     lambda g, y, a, b: like(g / b, a),                 lambda g, y, a, b: like(-g * y / b, b))
rule(np.power,      lambda g, y, a, n: like(g * slope(a, n), a),       lambda g, y, a, n: like(g * y * logarithm(a), n))
rule(np.maximum,    lambda g, y, a, b: like(g * share(a, b), a),       lambda g, y, a, b: like(g * share(b, a), b))
rule(np.minimum,    lambda g, y, a, b: like(g * share(b, a), a),       lambda g, y, a, b: like(g * share(a, b), b))
rule(np.where,      None,                                              lambda g, y, c, a, b: like(np.where(c, g, 0), a),
                    lambda g, y, c, a, b: like(np.where(c, 0, g), b))
rule(np.negative,   lambda g, y, a: -g)
rule(np.positive,   lambda g, y, a: g)
rule(identity,      lambda g, y, a: g)
rule(np.exp,        lambda g, y, a: g * y)
rule(np.expm1,      lambda g, y, a: g * (y + 1))
rule(np.log,        lambda g, y, a: g / a)
rule(np.log1p,      lambda g, y, a: g / (1 + a))
rule(np.sin,        lambda g, y, a: g * np.cos(a))
rule(np.cos,        lambda g, y, a: -g * np.sin(a))
rule(np.tanh,       lambda g, y, a: g * (1 - y * y))
rule(sigmoid,       lambda g, y, a: g * (y * (1 - y)))
rule(relu,          lambda g, y, a: g * step_up(a))
rule(np.square,     lambda g, y, a: g * (2 * a))
rule(np.sqrt,       lambda g, y, a: g * half_reciprocal(y))
rule(np.reciprocal, lambda g, y, a: -g * (y * y))
rule(np.absolute,   lambda g, y, a: g * np.sign(a))
rule(np.sign,       None)  # constant but for jumps: recorded, so that it is computed anew for other inputs
rule(np.heaviside,  None, None)
rule(share,         None, None)
rule(np.floor,      None)
rule(np.ceil,       None)
