"""Derivatives of element-wise functions: arithmetic with broadcasting, activations, powers.

Each line is `rule(function, vjp of argument 0, vjp of argument 1, …)`; g is the gradient of the result y. Conventions
where there is no derivative: relu'(0) = 0, |x|'(0) = 0, sqrt'(0) = 0 (so a norm at zero has gradient zero), as have
hypot, arctan2 and cbrt at zero; equal arguments of maximum and minimum share the gradient in halves, and a NaN among
them gets none; fmax and fmin give it all to the one that is no NaN; the exponent of 0 ** n and of a negative number has
gradient 0; steps (sign, floor, rint, …) have gradient 0; at its jumps a remainder has the gradient of beside them. At
the other edges of a domain (log 0, arcsin 1, 0 ** 0.5, 1 / 0) it is infinite, as NumPy says. What np.where does not
choose is computed all the same: an infinite derivative there makes NaN, so choose the argument before the logarithm.
"""

from __future__ import annotations

import math

import numpy as np

from ..ops import identity, primitive, relu, sigmoid, softplus, stop_gradient
from ..tape import Array, rule

LOG_2, LOG_10 = 0.6931471805599453, 2.302585092994046


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


@primitive
def present(a: Array, b: Array) -> Array:
    """1 where b is NaN and a is not, 0 elsewhere."""
    return (np.isnan(b) & ~np.isnan(a)).astype(np.result_type(a, b), copy=False)


def over(a: Array, b: Array) -> Array:
    """The quotient a / b, and 0 where b is 0."""
    zero = 1 - np.sign(b) ** 2
    return a * (1 - zero) / (b + zero)


def slope(a: Array, n: Array) -> Array:
    """The derivative n a^(n−1) of a^n, and 0 where n is 0."""
    return n * a ** ((n - 1 if n else 1) if isinstance(n, int | float) else n + 1 - 2 * np.sign(n) ** 2)


def logarithm(a: Array) -> Array:
    """The logarithm of a, and 0 where a is not positive; of a number a number, which widens no float32."""
    if isinstance(a, int | float):
        return math.log(a) if a > 0 else 0.0
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
rule(np.fmax,       lambda g, y, a, b: like(g * (share(a, b) + present(a, b)), a),
                    lambda g, y, a, b: like(g * (share(b, a) + present(b, a)), b))
rule(np.fmin,       lambda g, y, a, b: like(g * (share(b, a) + present(a, b)), a),
                    lambda g, y, a, b: like(g * (share(a, b) + present(b, a)), b))
rule(np.logaddexp,  lambda g, y, a, b: like(g * sigmoid(a - b), a),    lambda g, y, a, b: like(g * sigmoid(b - a), b))
rule(np.hypot,      lambda g, y, a, b: like(g * over(a, y), a),        lambda g, y, a, b: like(g * over(b, y), b))
rule(np.arctan2,    lambda g, y, a, b: like(g * over(b, a * a + b * b), a),
                    lambda g, y, a, b: like(g * over(-a, a * a + b * b), b))
rule(np.remainder,  lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(-g * (a // b), b))
rule(np.where,      None,                                              lambda g, y, c, a, b: like(np.where(c, g, 0), a),
                    lambda g, y, c, a, b: like(np.where(c, 0, g), b))
rule(np.negative,   lambda g, y, a: -g)
rule(np.positive,   lambda g, y, a: g)
rule(identity,      lambda g, y, a: g)
rule(np.exp,        lambda g, y, a: g * y)
rule(np.expm1,      lambda g, y, a: g * (y + 1))
rule(np.log,        lambda g, y, a: g / a)
rule(np.log1p,      lambda g, y, a: g / (1 + a))
rule(np.exp2,       lambda g, y, a: g * (y * LOG_2))
rule(np.log2,       lambda g, y, a: g / (a * LOG_2))
rule(np.log10,      lambda g, y, a: g / (a * LOG_10))
rule(np.sin,        lambda g, y, a: g * np.cos(a))
rule(np.cos,        lambda g, y, a: -g * np.sin(a))
rule(np.tan,        lambda g, y, a: g * (1 + y * y))
rule(np.sinh,       lambda g, y, a: g * np.cosh(a))
rule(np.cosh,       lambda g, y, a: g * np.sinh(a))
rule(np.tanh,       lambda g, y, a: g * (1 - y * y))
rule(np.arcsin,     lambda g, y, a: g / np.sqrt(1 - a * a))
rule(np.arccos,     lambda g, y, a: -g / np.sqrt(1 - a * a))
rule(np.arctan,     lambda g, y, a: g / (1 + a * a))
rule(np.arcsinh,    lambda g, y, a: g / np.sqrt(a * a + 1))
rule(np.arccosh,    lambda g, y, a: g / (np.sqrt(a - 1) * np.sqrt(a + 1)))
rule(np.arctanh,    lambda g, y, a: g / (1 - a * a))
rule(sigmoid,       lambda g, y, a: g * (y * (1 - y)))
rule(relu,          lambda g, y, a: g * step_up(a))
rule(softplus,      lambda g, y, a: g * sigmoid(a))
rule(np.square,     lambda g, y, a: g * (2 * a))
rule(np.sqrt,       lambda g, y, a: g * half_reciprocal(y))
rule(np.cbrt,       lambda g, y, a: g * over(1.0, 3 * y * y))
rule(np.reciprocal, lambda g, y, a: -g * (y * y))
rule(np.absolute,   lambda g, y, a: g * np.sign(a))
rule(np.fabs,       lambda g, y, a: g * np.sign(a))
# Constant but for jumps, or constant because they are meant to be: recorded, so that they are computed anew for other
# inputs, and no gradient passes.
for step in (np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, stop_gradient):
    rule(step, None)
for step in (np.heaviside, np.floor_divide, share, present):
    rule(step, None, None)
