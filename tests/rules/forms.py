"""Every function that can be recorded, called in every form its arguments take: what `test_forms.py` runs through.

A form is a call, the arrays it is called with, and, where NumPy's own function is not analytic, a witness that is: the
same function written out so that the complex step goes through it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

import tinygrad_rnn as tg

Function = Callable[..., Any]
RNG = np.random.default_rng(55)


class Form(NamedTuple):
    """One way to call a function."""

    function: str
    words: str
    call: Function
    arguments: tuple[Any, ...]
    witness: Function

    @property
    def constant(self) -> bool:
        """Is the gradient zero everywhere?"""
        return bool(CONSTANT & {self.function, self.words})


FORMS: list[Form] = []
CONSTANT = {"sign", "floor", "ceil", "rint", "trunc", "round", "stop_gradient", "floor_divide", "heaviside", "a // b"}


def form(function: str, words: str, call: Function, *arguments: Any, witness: Function | None = None) -> None:
    FORMS.append(Form(function, words, call, arguments, witness or call))


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def positive(*shape: int) -> Any:
    return RNG.uniform(0.5, 2.0, size=shape)


def inside(*shape: int) -> Any:
    return RNG.uniform(-0.8, 0.8, size=shape)


# ---- element by element ------------------------------------------------------------------------------------------

UNARY: dict[str, tuple[Function, Function, Function]] = {  # draw, function, analytic witness
    "exp": (normal, np.exp, np.exp), "exp2": (normal, np.exp2, lambda z: 2.0**z),
    "expm1": (normal, np.expm1, np.expm1), "log": (positive, np.log, np.log), "log2": (positive, np.log2, np.log2),
    "log10": (positive, np.log10, np.log10), "log1p": (positive, np.log1p, np.log1p),
    "sin": (normal, np.sin, np.sin), "cos": (normal, np.cos, np.cos), "tan": (inside, np.tan, np.tan),
    "sinh": (normal, np.sinh, np.sinh), "cosh": (normal, np.cosh, np.cosh), "tanh": (normal, np.tanh, np.tanh),
    "arcsin": (inside, np.arcsin, np.arcsin), "arccos": (inside, np.arccos, np.arccos),
    "arctan": (normal, np.arctan, np.arctan), "arcsinh": (normal, np.arcsinh, np.arcsinh),
    "arccosh": (lambda *s: 1.0 + positive(*s), np.arccosh, np.arccosh), "arctanh": (inside, np.arctanh, np.arctanh),
    "sqrt": (positive, np.sqrt, np.sqrt), "cbrt": (positive, np.cbrt, lambda z: z ** (1 / 3)),
    "square": (normal, np.square, np.square), "reciprocal": (positive, np.reciprocal, np.reciprocal),
    "negative": (normal, np.negative, np.negative), "positive": (normal, np.positive, np.positive),
    "absolute": (normal, np.absolute, lambda z: np.where(z.real > 0, z, -z)),
    "fabs": (normal, np.fabs, lambda z: np.where(z.real > 0, z, -z)),
    "sigmoid": (normal, tg.sigmoid, tg.sigmoid), "relu": (normal, tg.relu, tg.relu),
    "softplus": (normal, tg.softplus, tg.softplus), "sign": (normal, np.sign, lambda z: np.sign(z.real) + 0j),
    "floor": (normal, np.floor, lambda z: np.floor(z.real) + 0j),
    "ceil": (normal, np.ceil, lambda z: np.ceil(z.real) + 0j),
    "rint": (normal, np.rint, lambda z: np.rint(z.real) + 0j),
    "trunc": (normal, np.trunc, lambda z: np.trunc(z.real) + 0j),
    "round": (normal, lambda z: np.round(z, 1), lambda z: np.round(z.real, 1) + 0j),
    "stop_gradient": (normal, tg.stop_gradient, lambda z: z.real + 0j),
}  # fmt: skip
for name, (draw, function, witness) in UNARY.items():
    for shape in ((), (3,), (2, 3), (0, 3), (1,)):
        form(name, f"shape {shape}", function, draw(*shape), witness=witness)

BINARY: dict[str, tuple[Function, Function, Function]] = {
    "add": (normal, np.add, np.add), "subtract": (normal, np.subtract, np.subtract),
    "multiply": (normal, np.multiply, np.multiply), "divide": (positive, np.divide, np.divide),
    "power": (positive, np.power, np.power),
    "fmod": (positive, np.fmod, lambda a, b: a - b * np.trunc(np.real(a) / np.real(b))),
    "remainder": (positive, np.remainder, lambda a, b: a - b * np.floor(np.real(a) / np.real(b))),
    "floor_divide": (positive, np.floor_divide, lambda a, b: np.floor(np.real(a) / np.real(b)) + 0j),
    "maximum": (normal, np.maximum, lambda a, b: np.where(np.real(a) > np.real(b), a, b)),
    "minimum": (normal, np.minimum, lambda a, b: np.where(np.real(a) < np.real(b), a, b)),
    "fmax": (normal, np.fmax, lambda a, b: np.where(np.real(a) > np.real(b), a, b)),
    "fmin": (normal, np.fmin, lambda a, b: np.where(np.real(a) < np.real(b), a, b)),
    "logaddexp": (normal, np.logaddexp, lambda a, b: np.log(np.exp(a) + np.exp(b))),
    "hypot": (positive, np.hypot, lambda a, b: np.sqrt(a * a + b * b)),
    "arctan2": (positive, np.arctan2, lambda a, b: np.arctan(a / b)),
    "heaviside": (normal, np.heaviside, lambda a, b: np.heaviside(np.real(a), np.real(b)) + 0j),
}  # fmt: skip
PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), ()), ((), ()),
         ((0, 3), (3,)), ((4, 1, 3), (2, 1))]  # fmt: skip
for name, (draw, function, witness) in BINARY.items():
    for a, b in PAIRS:
        form(name, f"shapes {a} {b}", function, draw(*a), draw(*b), witness=witness)
    form(name, "a number second", lambda a, f=function: f(a, 1.3), draw(2, 3),
         witness=lambda a, f=witness: f(a, 1.3))  # fmt: skip
    form(name, "a number first", lambda b, f=function: f(1.3, b), draw(2, 3),
         witness=lambda b, f=witness: f(np.asarray(1.3), b))  # fmt: skip
    form(name, "a list second", lambda a, f=function: f(a, [1.1, 0.7, 1.9]), draw(2, 3),
         witness=lambda a, f=witness: f(a, np.array([1.1, 0.7, 1.9])))  # fmt: skip
OPERATORS: dict[str, Function] = {
    "a + b": lambda a, b: a + b, "a - b": lambda a, b: a - b, "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b, "a ** b": lambda a, b: a**b,
}  # fmt: skip
for words, call in OPERATORS.items():
    form("operators", words, call, positive(2, 3), positive(3))
form("operators", "a % b", lambda a, b: a % b, positive(2, 3), positive(3), witness=BINARY["remainder"][2])
form("operators", "a // b", lambda a, b: a // b, positive(2, 3), positive(3), witness=BINARY["floor_divide"][2])
form("operators", "2.5 % b", lambda b: 2.5 % b, positive(3), witness=lambda b: BINARY["remainder"][2](2.5, b))
for exponent in (-2, -1, 0, 1, 2, 3, 0.5, -1.5):
    form("power", f"** {exponent}", lambda a, n=exponent: a**n, positive(2, 3))
form("power", "negative base, whole exponent", lambda a: a**3, -positive(3))


def in_place(a: Any, b: Any) -> Any:
    a = a * 1.0
    a += b
    a *= b
    a -= 2.0 * b
    a /= b
    a **= 2
    return a


form(
    "operators",
    "in place",
    in_place,
    positive(2, 3),
    positive(3),
    witness=lambda a, b: (((a + b) * b - 2 * b) / b) ** 2,
)

# ---- reductions --------------------------------------------------------------------------------------------------


def variance(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    d = x - np.mean(x, axis=axis, keepdims=True)
    n = x.size / max(1, np.mean(x, axis=axis, keepdims=True).size)
    return np.sum(d * d, axis=axis, keepdims=keepdims) / (n - ddof)


def by_real_part(pick: Function) -> Function:
    """The largest or smallest entry of a complex array by its real part; no ties."""

    def witness(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        hit = np.real(x) == pick(np.real(x), axis=axis, keepdims=True)
        return np.sum(np.where(hit, x, 0), axis=axis, keepdims=keepdims)

    return witness


REDUCTIONS: dict[str, tuple[Function, Function]] = {
    "sum": (np.sum, np.sum), "mean": (np.mean, np.mean), "prod": (np.prod, np.prod), "var": (np.var, variance),
    "std": (np.std, lambda x, **kw: np.sqrt(variance(x, **kw))),
    "max": (np.max, by_real_part(np.max)), "min": (np.min, by_real_part(np.min)),
    "logsumexp": (tg.logsumexp, lambda x, axis=-1, keepdims=False: np.log(np.sum(np.exp(x), axis, keepdims=keepdims))),
}  # fmt: skip
AXES = [None, 0, 1, -1, (0,), (0, 2), (-1, 1), (0, 1, 2)]
for name, (function, witness) in REDUCTIONS.items():
    for axis, keepdims in product(AXES, (False, True)):
        kw = {"axis": axis, "keepdims": keepdims}
        form(name, f"{kw}", lambda x, f=function, k=kw: f(x, **k), normal(2, 3, 2),
             witness=lambda x, f=witness, k=kw: f(x, **k))  # fmt: skip
    form(name, "no keyword", function, normal(4), witness=witness)
    if name != "logsumexp":
        form(name, "axis by position", lambda x, f=function: f(x, 1), normal(2, 3),
             witness=lambda x, f=witness: f(x, axis=1))  # fmt: skip
        form(name, "a method", lambda x, n=name: getattr(x, n)(), normal(2, 3), witness=witness)
        form(name, "a method, axis", lambda x, n=name: getattr(x, n)(axis=1), normal(2, 3),
             witness=lambda x, f=witness: f(x, axis=1))  # fmt: skip
for name, axis, ddof in product(("var", "std"), (None, 0, (0, 1)), (1, 0.5)):
    kw = {"axis": axis, "ddof": ddof}
    form(name, f"{kw}", lambda x, f=REDUCTIONS[name][0], k=kw: f(x, **k), normal(3, 4),
         witness=lambda x, f=REDUCTIONS[name][1], k=kw: f(x, **k))  # fmt: skip
form("sum", "axis ()", lambda x: np.sum(x, axis=()), normal(2, 3))
form("sum", "an empty array", lambda x: np.sum(x, axis=0), normal(0, 3))
form("prod", "an empty array", lambda x: np.prod(x, axis=0), normal(0, 3))
form("prod", "one zero", np.prod, np.array([1.5, 0.0, -2.0, 0.5]))
form("prod", "two zeros", np.prod, np.array([1.5, 0.0, 0.0, 0.5]))
form("prod", "zeros along an axis", lambda x: np.prod(x, axis=1), np.array([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]))
for name, function in (("cumsum", np.cumsum), ("cumprod", np.cumprod)):
    for axis in (None, 0, 1, -1, -3):
        form(name, f"axis {axis}", lambda x, f=function, a=axis: f(x, axis=a), normal(2, 3, 2))
    form(name, "1-D", function, normal(4))
    form(name, "0-D", function, normal())
    form(name, "empty", function, normal(0))
    form(name, "a method", lambda x, n=name: getattr(x, n)(axis=1), normal(2, 3))
form("cumprod", "zeros", np.cumprod, np.array([1.5, 0.0, -2.0, 0.0, 0.5]))
for axis in (-1, 0):
    form("softmax", f"axis {axis}", lambda x, a=axis: tg.softmax(x, axis=a), normal(2, 3))
    form("log_softmax", f"axis {axis}", lambda x, a=axis: tg.log_softmax(x, axis=a), normal(2, 3))
form("softmax_cross_entropy", "classes", lambda z: tg.softmax_cross_entropy(z, np.array([2, 0])), normal(2, 3))
form("softmax_cross_entropy", "rows", tg.softmax_cross_entropy, normal(2, 3), positive(2, 3))
form("binary_cross_entropy", "arrays", tg.binary_cross_entropy, normal(2, 3), positive(2, 3))

# ---- products ----------------------------------------------------------------------------------------------------

for a, b in [((2, 3), (3, 4)), ((2, 3), (3,)), ((3,), (3, 4)), ((3,), (3,)), ((2, 3, 4), (2, 4, 2)),
             ((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 2)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)),
             ((2, 1, 3, 4), (5, 4, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3))]:  # fmt: skip
    form("matmul", f"{a} @ {b}", lambda a, b: a @ b, normal(*a), normal(*b))
for a, b in [((2, 3), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((), (2, 3)), ((2, 3), ()), ((2, 3, 4), (5, 4, 2)),
             ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((3, 4), (2, 4, 3))]:  # fmt: skip
    form("dot", f"{a} · {b}", lambda a, b: np.dot(a, b), normal(*a), normal(*b))
form("dot", "a method", lambda a, b: a.dot(b), normal(2, 3), normal(3))
form("dot", "a number", lambda a: np.dot(2.0, a), normal(2, 3))
for a, b in [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (4, 3)), ((), (3,))]:
    form("inner", f"{a} {b}", lambda a, b: np.inner(a, b), normal(*a), normal(*b))
for a, b in [((3,), (2,)), ((2, 3), (2, 2)), ((), (3,))]:
    form("outer", f"{a} {b}", lambda a, b: np.outer(a, b), normal(*a), normal(*b))
form("vdot", "1-D", lambda a, b: np.vdot(a, b), normal(3), normal(3), witness=lambda a, b: np.dot(a, b))
form("vdot", "2-D", lambda a, b: np.vdot(a, b), normal(2, 3), normal(2, 3),
     witness=lambda a, b: np.dot(a.ravel(), b.ravel()))  # fmt: skip
TENSORDOT: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = [
    (0, (2,), (3,)), (1, (2, 3), (3, 4)), (2, (2, 3, 4), (3, 4, 2)), ((1, 0), (2, 3), (3, 2)),
    (((0, 1), (1, 0)), (2, 3, 4), (3, 2)), (([0], [-1]), (3, 2), (4, 3)), (((-1,), (0,)), (2, 3), (3, 4)),
]  # fmt: skip
for axes, a, b in TENSORDOT:
    form("tensordot", f"axes={axes}", lambda a, b, axes=axes: np.tensordot(a, b, axes=axes), normal(*a), normal(*b))
EINSUM: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ij,j->i", [(2, 3), (3,)]), ("i,i->", [(3,), (3,)]),
    ("i,j->ij", [(2,), (3,)]), ("ij->ji", [(2, 3)]), ("ji", [(2, 3)]), ("ij->", [(2, 3)]), ("ij->i", [(2, 3)]),
    ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("iij->ij", [(2, 2, 3)]), ("iij,j->i", [(2, 2, 3), (3,)]),
    ("iii->i", [(2, 2, 2)]), ("ij,ij->ij", [(2, 3), (2, 3)]), ("...ij,...jk->...ik", [(2, 3, 2), (2, 2, 4)]),
    ("...ij,jk->...ik", [(2, 3, 2), (2, 4)]), ("...i->...", [(2, 3)]), ("i...,i...->i...", [(2, 3), (2, 3)]),
    ("...i,...i", [(2, 3), (3,)]), ("...,...", [(2, 3), (3,)]), ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ("i,i,i->i", [(3,), (3,), (3,)]), ("ij,k->", [(2, 3), (2,)]), ("bij,bjk->bik", [(2, 3, 2), (2, 2, 3)]),
    ("...ij,...jk", [(1, 3, 2), (4, 2, 3)]), ("i,->i", [(3,), ()]), ("ij,kj->ik", [(2, 3), (4, 3)]),
    (" ij , jk -> ik ", [(2, 3), (3, 4)]), ("ii,i->", [(3, 3), (3,)]),
]  # fmt: skip
for subscripts, shapes in EINSUM:
    form(
        "einsum", f"{subscripts!r} {shapes}", lambda *xs, s=subscripts: np.einsum(s, *xs), *(normal(*s) for s in shapes)
    )
form("einsum", "lists of axes", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), normal(2, 3), normal(3, 4))
form("einsum", "lists of axes, implicit", lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), normal(2, 3), normal(3, 4))
form("einsum", "lists with an ellipsis", lambda a: np.einsum(a, [..., 0], [...]), normal(2, 3))
form("einsum", "optimize", lambda a, b: np.einsum("ij,jk->ik", a, b, optimize=True), normal(2, 3), normal(3, 4))
form("einsum", "one array twice", lambda a: np.einsum("i,i->", a, a), normal(3))
form("einsum", "an outside array", lambda a: np.einsum("ij,j->i", np.arange(6.0).reshape(2, 3), a), normal(3))


def well(*shape: int) -> Any:
    return normal(*shape) + 3 * np.eye(shape[-1])


for a, b, axis in (((4,), (4,), -1), ((2, 3, 4), (3, 4), -1), ((3, 2), (3, 2), 0)):
    form("vecdot", f"{a} {b} axis={axis}", lambda a, b, axis=axis: np.vecdot(a, b, axis=axis), normal(*a), normal(*b),
         witness=lambda a, b, axis=axis: np.sum(a * b, axis=axis))  # fmt: skip
form("average", "of all", np.average, normal(2, 3))
form("average", "axis=1, keepdims", lambda a: np.average(a, axis=1, keepdims=True), normal(2, 3))
form("average", "weights of its shape", lambda a, w: np.average(a, weights=w), normal(2, 3), positive(2, 3))
form("average", "weights of an axis", lambda a, w: np.average(a, 1, w), normal(2, 3, 4), positive(3))
form("average", "weights of axis −1", lambda a, w: np.average(a, -1, w, keepdims=True), normal(2, 3), positive(3))
form("average", "returned", lambda a, w: np.sum(np.average(a, axis=0, weights=w, returned=True)[1]) * a,
     normal(3), positive(3))  # fmt: skip
form("linalg.inv", "2-D", np.linalg.inv, well(3, 3))
form("linalg.inv", "a stack", np.linalg.inv, well(2, 3, 3))
for a in ((1, 1), (3, 3), (2, 3, 3), (2, 0, 3, 3), (0, 0)):
    form("linalg.det", f"{a}", np.linalg.det, well(*a))
    form("linalg.slogdet", f"{a}", lambda a: np.linalg.slogdet(a).logabsdet, -well(*a),
         witness=lambda a: 0.5 * np.log(np.linalg.det(a) ** 2))  # fmt: skip
form("linalg.slogdet", "its sign", lambda a: np.linalg.slogdet(a)[0] * np.sum(a), -well(3, 3),
     witness=lambda a: -np.sum(a))  # fmt: skip
for a, b in [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2)), ((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 2)),
             ((2, 3, 3), (3,))]:  # fmt: skip
    form("linalg.solve", f"{a} {b}", lambda a, b: np.linalg.solve(a, b), well(*a), normal(*b))


def length(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm, analytic."""
    if ord is not None and axis is None:
        axis = tuple(range(x.ndim))
    size = np.where(np.real(x) > 0, x, -x)
    pair = isinstance(axis, tuple) and len(axis) == 2
    if ord in (None, "fro") or (ord == 2 and not pair):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    if pair:
        lines = np.sum(size, axis=axis[0] if abs(ord) == 1 else axis[1], keepdims=True)
        return by_real_part(np.max if ord > 0 else np.min)(lines, axis=axis, keepdims=keepdims)
    if abs(ord) == np.inf:
        return by_real_part(np.max if ord > 0 else np.min)(size, axis=axis, keepdims=keepdims)
    return np.sum(size**ord, axis=axis, keepdims=keepdims) ** (1 / ord)


NORMS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 1}), ((2, 3), {"axis": -1, "keepdims": True}), ((3,), {"ord": 1}),
    ((3,), {"ord": 2}), ((3,), {"ord": 3}), ((3,), {"ord": 1.5}), ((3,), {"ord": np.inf}), ((3,), {"ord": -np.inf}),
    ((2, 3), {"ord": "fro"}), ((2, 3), {"ord": 1}), ((2, 3), {"ord": np.inf}), ((2, 3), {"ord": -1}),
    ((2, 3), {"ord": 1, "axis": 0}), ((2, 3, 2), {"axis": (0, 2)}), ((2, 3, 2), {"ord": "fro", "axis": (1, 2)}),
    ((2, 3, 2), {"ord": 1, "axis": (1, 2), "keepdims": True}), ((2, 3), {"keepdims": True}),
]  # fmt: skip
for shape, kw in NORMS:
    form("linalg.norm", f"{shape} {kw}", lambda x, k=kw: np.linalg.norm(x, **k), normal(*shape),
         witness=lambda x, k=kw: length(x, **k))  # fmt: skip

# ---- shapes ------------------------------------------------------------------------------------------------------


def forms_of(function: str, shape: tuple[int, ...], calls: dict[str, Function]) -> None:
    for words, call in calls.items():
        form(function, words, call, normal(*shape))


forms_of(
    "reshape",
    (2, 3),
    {
        "a tuple": lambda x: np.reshape(x, (3, 2)),
        "a number": lambda x: np.reshape(x, 6),
        "-1": lambda x: np.reshape(x, (-1, 2)),
        "a list": lambda x: np.reshape(x, [3, 2]),
        "method": lambda x: x.reshape(3, 2),
        "method, tuple": lambda x: x.reshape((6,)),
    },
)
forms_of(
    "ravel",
    (2, 3),
    {"function": lambda x: np.ravel(x), "method": lambda x: x.ravel(), "flatten": lambda x: x.flatten()},
)
forms_of(
    "transpose",
    (2, 3, 4),
    {
        "no axes": lambda x: np.transpose(x),
        "axes": lambda x: np.transpose(x, (2, 0, 1)),
        "a list": lambda x: np.transpose(x, [2, 0, 1]),
        "negative": lambda x: np.transpose(x, (-1, 0, -2)),
        "T": lambda x: x.T,
        "mT": lambda x: x.mT,
        "method": lambda x: x.transpose(1, 2, 0),
        "keyword": lambda x: np.transpose(x, axes=(1, 0, 2)),
    },
)
forms_of(
    "swapaxes",
    (2, 3, 4),
    {
        "positive": lambda x: np.swapaxes(x, 0, 2),
        "negative": lambda x: np.swapaxes(x, -1, 0),
        "method": lambda x: x.swapaxes(0, 1),
    },
)
forms_of("moveaxis", (2, 3, 4), {
    "one": lambda x: np.moveaxis(x, 0, -1), "several": lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
    "lists": lambda x: np.moveaxis(x, [2, 0], [0, 1]), "itself": lambda x: np.moveaxis(x, 1, 1),
})  # fmt: skip
forms_of(
    "squeeze",
    (1, 3, 1),
    {
        "all": lambda x: np.squeeze(x),
        "axis": lambda x: np.squeeze(x, axis=0),
        "negative": lambda x: np.squeeze(x, axis=-1),
        "axes": lambda x: np.squeeze(x, axis=(0, 2)),
        "method": lambda x: x.squeeze(),
    },
)
forms_of(
    "expand_dims",
    (2, 3),
    {
        "first": lambda x: np.expand_dims(x, 0),
        "last": lambda x: np.expand_dims(x, -1),
        "several": lambda x: np.expand_dims(x, (0, 2)),
        "keyword": lambda x: np.expand_dims(x, axis=1),
    },
)
for n, shape in product((1, 2, 3), ((), (3,), (2, 3), (2, 3, 2))):
    form(f"atleast_{n}d", f"{shape}", lambda x, n=n: getattr(np, f"atleast_{n}d")(x), normal(*shape))
forms_of(
    "broadcast_to",
    (3,),
    {"a row": lambda x: np.broadcast_to(x, (2, 3)), "the same": lambda x: np.broadcast_to(x, (3,))},
)
forms_of("broadcast_to", (2, 1), {"a column": lambda x: np.broadcast_to(x, (4, 2, 3))})
forms_of(
    "flip",
    (2, 3, 2),
    {
        "all": lambda x: np.flip(x),
        "axis": lambda x: np.flip(x, axis=1),
        "negative": lambda x: np.flip(x, -1),
        "axes": lambda x: np.flip(x, (0, 2)),
    },
)
forms_of("roll", (2, 3), {"flat": lambda x: np.roll(x, 2), "axis": lambda x: np.roll(x, 1, axis=1),
                          "back": lambda x: np.roll(x, -4, axis=-1), "two": lambda x: np.roll(x, (1, 2), axis=(0, 1)),
                          "one shift, two axes": lambda x: np.roll(x, 1, axis=(0, 1))})  # fmt: skip
forms_of(
    "repeat",
    (2, 3),
    {
        "flat": lambda x: np.repeat(x, 2),
        "axis": lambda x: np.repeat(x, 3, axis=1),
        "counts": lambda x: np.repeat(x, [1, 2], axis=0),
        "negative": lambda x: np.repeat(x, 2, axis=-1),
        "method": lambda x: x.repeat(2, axis=0),
    },
)
forms_of(
    "tile",
    (2, 3),
    {
        "a number": lambda x: np.tile(x, 2),
        "two": lambda x: np.tile(x, (2, 3)),
        "more": lambda x: np.tile(x, (2, 1, 3)),
        "none": lambda x: np.tile(x, 1),
    },
)
forms_of(
    "pad",
    (2, 3),
    {
        "a number": lambda x: np.pad(x, 1),
        "pairs": lambda x: np.pad(x, ((1, 0), (0, 2))),
        "one pair": lambda x: np.pad(x, (1, 2)),
        "a constant": lambda x: np.pad(x, 1, constant_values=2.5),
        "none": lambda x: np.pad(x, 0),
        "edge": lambda x: np.pad(x, 2, mode="edge"),
        "reflect": lambda x: np.pad(x, 1, mode="reflect"),
        "symmetric": lambda x: np.pad(x, 2, mode="symmetric"),
        "reflect, odd": lambda x: np.pad(x, ((1, 0), (2, 5)), mode="reflect", reflect_type="odd"),
        "symmetric, odd": lambda x: np.pad(x, (3, 1), mode="symmetric", reflect_type="odd"),
        "by axis": lambda x: np.pad(x, {-1: (1, 2)}),
        "wrap": lambda x: np.pad(x, ((0, 1), (2, 0)), mode="wrap"),
    },
)

# ---- joining and splitting ---------------------------------------------------------------------------------------

for axis in (0, 1, -1):
    form(
        "concatenate",
        f"axis {axis}",
        lambda a, b, k=axis: np.concatenate([a, b, a], axis=k),
        normal(2, 2),
        normal(2, 2),
    )
    form("stack", f"axis {axis}", lambda a, b, k=axis: np.stack((a, b), axis=k), normal(2, 3), normal(2, 3))
form("concatenate", "axis None", lambda a, b: np.concatenate([a, b], axis=None), normal(2, 3), normal(2))
form("concatenate", "with an outside array", lambda a: np.concatenate([a, np.ones(2)]), normal(3))
for words, shapes in {"1-D": [(2,), (2,)], "2-D": [(2, 3), (2, 3)], "3-D": [(2, 3, 2), (2, 3, 2)]}.items():
    for name in ("vstack", "hstack", "column_stack"):
        form(name, words, lambda a, b, n=name: getattr(np, n)([a, b]), *(normal(*s) for s in shapes))
form("hstack", "0-D", lambda a, b: np.hstack([a, b]), normal(), normal())
form("column_stack", "1-D and 2-D", lambda a, b: np.column_stack((a, b)), normal(2), normal(2, 3))


def weighted(parts: Any) -> Any:
    return sum((k + 1) * np.sum(part * part) for k, part in enumerate(parts))


form("split", "sections", lambda a: weighted(np.split(a, 3, axis=1)), normal(2, 6))
form("split", "places", lambda a: weighted(np.split(a, [1, 4], axis=-1)), normal(2, 6))
form("split", "axis 0", lambda a: weighted(np.split(a, 2)), normal(4, 2))
form("array_split", "uneven", lambda a: weighted(np.array_split(a, 4)), normal(6))
form("array_split", "places", lambda a: weighted(np.array_split(a, (2, 3))), normal(6))
form("array_split", "places beyond the end", lambda a: weighted(np.array_split(a, [2, 9])), normal(4))

# ---- indexing, choosing, ordering --------------------------------------------------------------------------------

MASK = np.array([[True, False, True], [False, True, True]])
PLACES = np.array([[2, 0], [1, 1]])
forms_of(
    "index",
    (2, 3),
    {
        "an int": lambda x: x[1],
        "negative": lambda x: x[-1, -2],
        "a slice": lambda x: x[:, 1:],
        "a step": lambda x: x[::-1, ::2],
        "ellipsis": lambda x: x[..., 1],
        "newaxis": lambda x: x[None, :, None],
        "a list": lambda x: x[[1, 1, 0]],
        "an array": lambda x: x[np.array([0, 1, 0])],
        "2-D array": lambda x: x[:, PLACES],
        "a mask": lambda x: x[MASK],
        "a row mask": lambda x: x[np.array([True, False])],
        "two arrays": lambda x: x[np.array([0, 1, 0]), np.array([2, 2, 2])],
        "array and slice": lambda x: x[np.array([1, 0]), 1:],
        "slice and array": lambda x: x[1:, [0, 0]],
        "array and newaxis": lambda x: x[[0, 1], None, [1, 2]],
        "all": lambda x: x[:],
        "nothing": lambda x: x[()],
        "an empty slice": lambda x: x[:, 2:2],
        "int and array": lambda x: x[0, [2, 2, 1]],
        "a numpy int": lambda x: x[np.int64(1)],
        "mask and int": lambda x: x[np.array([True, True]), 1],
        "ellipsis and array": lambda x: x[..., [0, 2, 0]],
    },
)
forms_of(
    "take",
    (2, 3),
    {
        "flat": lambda x: np.take(x, [0, 5, 5]),
        "axis": lambda x: np.take(x, [2, 0], axis=1),
        "a number": lambda x: np.take(x, 1, axis=0),
        "negative axis": lambda x: np.take(x, PLACES, axis=-1),
        "method": lambda x: x.take([1, 1], axis=0),
    },
)
forms_of(
    "take_along_axis",
    (2, 3),
    {
        "last": lambda x: np.take_along_axis(x, PLACES, axis=1),
        "negative": lambda x: np.take_along_axis(x, PLACES, axis=-1),
        "first": lambda x: np.take_along_axis(x, np.array([[0, 1, 1], [1, 1, 0], [0, 0, 0]]), axis=0),
    },
)
forms_of(
    "sort",
    (3, 4),
    {
        "last": lambda x: np.sort(x),
        "axis": lambda x: np.sort(x, axis=0),
        "flat": lambda x: np.sort(x, axis=None),
        "negative": lambda x: np.sort(x, axis=-2),
    },
)
form("where", "arrays", lambda a, b: np.where(MASK, a, b), normal(2, 3), normal(2, 3))
form("where", "broadcast", lambda a, b: np.where(MASK, a, b), normal(3), normal(2, 1))
form("where", "a number", lambda a: np.where(MASK, a, 0.5), normal(2, 3))
form("where", "a condition of one row", lambda a, b: np.where(MASK[0], a, b), normal(2, 3), normal(2, 3))
form("select", "two", lambda a, b: np.select([MASK, ~MASK], [a, b]), normal(2, 3), normal(2, 3))
form("select", "default", lambda a: np.select([MASK], [a], default=2.0), normal(2, 3))
form("diff", "the last axis", np.diff, normal(2, 5))
form("diff", "n=2, axis=0", lambda a: np.diff(a, 2, 0), normal(4, 3))
form("diff", "n=0", lambda a: np.diff(a, n=0), normal(4))
form("diff", "more than there are", lambda a: np.diff(a, n=3), normal(2, 2))
form("diff", "a number before", lambda a: np.diff(a, prepend=0.5), normal(2, 3))
form("diff", "arrays around, axis=-2", lambda a, b, c: np.diff(a, axis=-2, prepend=b, append=c),
     normal(2, 3), normal(1, 3), normal(2, 3))  # fmt: skip
form("diff", "a scalar behind", lambda a, b: np.diff(a, append=b), normal(2, 3), normal())
form("copy", "2-D", np.copy, normal(2, 3))
form("full_like", "a plain number", lambda a: a * np.full_like(a, 0.5), normal(2, 3), witness=lambda a: a * 0.5)
form("full_like", "a scalar", lambda a, b: a * np.full_like(a, b), normal(2, 3), normal(), witness=lambda a, b: a * b)
form("full_like", "a row", lambda a, b: a * np.full_like(a, b), normal(2, 3), normal(3), witness=lambda a, b: a * b)
form("nan_to_num", "nothing to do", np.nan_to_num, normal(2, 3), witness=lambda a: a)
form("nan_to_num", "a mask that was NaN", lambda a: np.nan_to_num(np.where(MASK, a, np.nan), nan=2.0), normal(2, 3),
     witness=lambda a: np.where(MASK, a, 2.0))  # fmt: skip
form("select", "first one wins", lambda a, b: np.select([MASK, MASK], [a, b], -1.0), normal(2, 3), normal(2, 3))


def clipped(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else np.where(np.real(x) > low, x, low)
    return x if high is None else np.where(np.real(x) < high, x, high)


CLIPS: dict[str, tuple[Function, Function]] = {
    "both": (lambda x: np.clip(x, -0.5, 0.5), lambda x: clipped(x, -0.5, 0.5)),
    "low": (lambda x: np.clip(x, -0.5, None), lambda x: clipped(x, -0.5)),
    "high": (lambda x: np.clip(x, None, 0.5), lambda x: clipped(x, None, 0.5)),
    "keywords": (lambda x: np.clip(x, a_min=-0.5, a_max=0.5), lambda x: clipped(x, -0.5, 0.5)),
    "method": (lambda x: x.clip(-0.5, 0.5), lambda x: clipped(x, -0.5, 0.5)),
    "an array": (lambda x: np.clip(x, np.array([-0.1, -9.0, 0.0]), 0.7),
                 lambda x: clipped(x, np.array([-0.1, -9.0, 0.0]), 0.7)),
}  # fmt: skip
for words, (call, witness) in CLIPS.items():
    form("clip", words, call, normal(2, 3), witness=witness)
forms_of(
    "diag",
    (3,),
    {"a matrix": lambda x: np.diag(x), "above": lambda x: np.diag(x, 1), "below": lambda x: np.diag(x, k=-2)},
)
forms_of("diag", (3, 4), {"a diagonal": lambda x: np.diag(x), "its upper neighbour": lambda x: np.diag(x, 2)})
forms_of(
    "diagonal",
    (3, 4, 2),
    {
        "first two": lambda x: np.diagonal(x),
        "offset": lambda x: np.diagonal(x, 1),
        "below": lambda x: np.diagonal(x, -1),
        "axes": lambda x: np.diagonal(x, 0, 2, 1),
        "keywords": lambda x: np.diagonal(x, offset=-1, axis1=1, axis2=0),
        "beyond": lambda x: np.diagonal(x, 9),
        "method": lambda x: x.diagonal(),
    },
)
forms_of(
    "trace", (3, 4), {"plain": lambda x: np.trace(x), "offset": lambda x: np.trace(x, 1), "method": lambda x: x.trace()}
)
forms_of("trace", (2, 3, 3), {"axes": lambda x: np.trace(x, axis1=1, axis2=2)})
for name, function in (("tril", np.tril), ("triu", np.triu)):
    forms_of(
        name,
        (3, 4),
        {
            "plain": lambda x, f=function: f(x),
            "k": lambda x, f=function: f(x, 1),
            "below": lambda x, f=function: f(x, k=-1),
        },
    )
    forms_of(name, (2, 3, 3), {"a stack": lambda x, f=function: f(x)})


def names() -> Iterator[str]:
    """A name for each form, unique."""
    return (f"{f.function}: {f.words}" for f in FORMS)


if __name__ == "__main__":
    for function, count in sorted(Counter(form.function for form in FORMS).items()):
        print(f"{count:4} {function}")
    print(f"{len(FORMS):4} forms of {len({form.function for form in FORMS})} functions")
