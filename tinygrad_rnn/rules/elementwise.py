"""Derivatives of element-wise functions: arithmetic with broadcasting, activations, powers.

Each line is `rule(function, vjp of argument 0, vjp of argument 1, …)`; g is the gradient of the result y. What holds
where there is no derivative (kinks, ties, steps, the ends of a domain, logits of −∞) stands in `conventions.py`.
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
    return np.asarray((b != b) & (a == a)).astype(np.result_type(a, b), copy=False)


@primitive
def gap(a: Array, b: Array) -> Array:
    """The difference a − b; of two +∞ it is 0, of two −∞ it is −∞."""
    with np.errstate(invalid="ignore"):
        apart = a - b
    same = np.isinf(a) & (np.asarray(a) == b)
    return np.where(same, np.minimum(a, 0), apart).astype(np.result_type(a, b), copy=False) if np.any(same) else apart


@primitive
def rest(a: Array) -> Array:
    """What a² lacks to 1, with all its digits near ±1, where 1 − a² has few."""
    return (1 - a) * (1 + a)


def over(a: Array, b: Array) -> Array:
    """The quotient a / b, and 0 where b is 0."""
    zero = 1 - np.sign(b) ** 2
    return a * (1 - zero) / (b + zero)


def slope(a: Array, n: Array) -> Array:
    """The derivative n a^(n−1) of a^n, and 0 where n is 0, of a = 0, too."""
    if isinstance(n, int | float):
        return n * a ** (n - 1 if n else 0)
    n = n * a.dtype.type(1)  # of an unsigned exponent, n − 1 would wrap around at 0
    both = (1 - np.sign(a) ** 2) * (1 - np.sign(n) ** 2)
    return (1 - both) * n * (a + both) ** (n - 1)


def turn(a: Array, b: Array) -> Array:
    """The quotient a / (a² + b²), and 0 where both are 0; by the radius, since squares overflow and vanish."""
    radius = np.hypot(a, b)
    return over(over(a, radius), radius)


def logarithm(a: Array, y: Array) -> Array:
    """The logarithm of a, with the digits of y; 0 where a is not positive; of a number a number, which widens none."""
    if isinstance(a, int | float):
        return math.log(a) if a > 0 else 0.0
    a = a * y.dtype.type(1)
    return np.log(a * step_up(a) + (1 - step_up(a)))


def half_reciprocal(y: Array) -> Array:
    """1 / 2y, and 0 where y is 0."""
    return 0.5 * step_up(y) / (y + (1 - step_up(y)))


rule(np.add,        lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(g, b))
rule(np.subtract,   lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(-g, b))
rule(np.multiply,   lambda g, y, a, b: like(g * b, a),                 lambda g, y, a, b: like(g * a, b))
rule(np.divide,     lambda g, y, a, b: like(g / b, a),                 lambda g, y, a, b: like(-g * y / b, b))
rule(np.power,      lambda g, y, a, n: like(g * slope(a, n), a),
                    lambda g, y, a, n: like(g * y * logarithm(a, y), n))
rule(np.maximum,    lambda g, y, a, b: like(g * share(a, b), a),       lambda g, y, a, b: like(g * share(b, a), b))
rule(np.minimum,    lambda g, y, a, b: like(g * share(b, a), a),       lambda g, y, a, b: like(g * share(a, b), b))
rule(np.fmax,       lambda g, y, a, b: like(g * (share(a, b) + present(a, b)), a),
                    lambda g, y, a, b: like(g * (share(b, a) + present(b, a)), b))
rule(np.fmin,       lambda g, y, a, b: like(g * (share(b, a) + present(a, b)), a),
                    lambda g, y, a, b: like(g * (share(a, b) + present(b, a)), b))
rule(np.logaddexp,  lambda g, y, a, b: like(g * sigmoid(gap(a, b)), a),
                    lambda g, y, a, b: like(g * sigmoid(gap(b, a)), b))
rule(np.hypot,      lambda g, y, a, b: like(g * over(a, y), a),        lambda g, y, a, b: like(g * over(b, y), b))
rule(np.arctan2,    lambda g, y, a, b: like(g * turn(b, a), a),        lambda g, y, a, b: like(-g * turn(a, b), b))
rule(gap,           lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(-g, b))
rule(np.remainder,  lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(-g * (a // b), b))
rule(np.fmod,       lambda g, y, a, b: like(g, a),                     lambda g, y, a, b: like(-g * np.trunc(a / b), b))
rule(np.where,      None,                                              lambda g, y, c, a, b: like(np.where(c, g, 0), a),
                    lambda g, y, c, a, b: like(np.where(c, 0, g), b))
rule(np.negative,   lambda g, y, a: -g)
rule(np.positive,   lambda g, y, a: g)
rule(identity,      lambda g, y, a: g)
rule(np.exp,        lambda g, y, a: g * y)
rule(np.expm1,      lambda g, y, a: g * np.exp(a))
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
rule(np.arcsin,     lambda g, y, a: g * rest(a) ** -0.5)
rule(np.arccos,     lambda g, y, a: -g * rest(a) ** -0.5)
rule(np.arctan,     lambda g, y, a: g / (1 + a * a))
rule(np.arcsinh,    lambda g, y, a: g / np.hypot(a, 1))
rule(np.arccosh,    lambda g, y, a: g * ((a - 1) ** -0.5 * (a + 1) ** -0.5))
rule(np.arctanh,    lambda g, y, a: g / rest(a))
rule(rest,          lambda g, y, a: -2 * a * g)
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
for step in (np.sign, np.floor, np.ceil, np.rint, np.trunc, stop_gradient):
    rule(step, None)
for step in (np.heaviside, np.floor_divide, np.round, share, present):
    rule(step, None, None)
