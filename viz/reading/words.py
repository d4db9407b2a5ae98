"""Write what a picture says: names with their time, functions as signs, numbers, indices; nothing reads a tape here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SIGNS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "true_divide": "÷", "negative": "−", "sigmoid": "σ",
    "relu": "ReLU", "square": "( )²", "sqrt": "√", "sum": "Σ", "maximum": "max", "minimum": "min", "absolute": "| |",
    "softmax_cross_entropy": "softmax, cross entropy", "binary_cross_entropy": "σ, cross entropy",
    "log_softmax": "log softmax", "matmul": "·", "getitem": "[ ]", "concatenate": "concat",
}  # fmt: skip
PRODUCTS = {"matmul", "outer"}
SHAPES = {
    "transpose", "matrix_transpose", "permute_dims", "swapaxes", "moveaxis", "reshape", "ravel", "expand_dims",
    "squeeze", "broadcast_to", "getitem", "identity", "positive", "copy",
}  # fmt: skip  # functions that move numbers and change none
MOST_STEPS = 100_000  # a total divided by more is not taken for a mean
TRANSPOSES = {"transpose", "matrix_transpose", "permute_dims", "swapaxes"}


def function_name(fn: Any) -> str:
    """The name a person knows a function by: "tanh", "matmul"."""
    return str(getattr(fn, "__name__", fn))


def symbol(name: str, t: Any = None) -> str:
    """A name with its time as a subscript; its own number is a superscript, so that both fit: "h1", 3 -> "h¹₃".

    A name without a time stays as it is written, since W² is W squared.
    """
    if t is None:
        return name
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d+)", name)
    base = match[1] + match[2].translate(SUPERSCRIPTS) if match else name
    time = str(t)
    return base + (time.translate(SUBSCRIPTS) if re.fullmatch(r"-?\d+", time) else f"[{time}]")


def number(value: Any) -> str:
    """A number in a formula, at most four digits: "0.25", "2", "1e-05"."""
    return f"{float(np.real(value)):.4g}".replace("-", "−")


def scalar(value: Any) -> float | None:
    """The one number of an array of one element; None for more than one."""
    return float(np.real(np.ravel(value)[0])) if np.size(value) == 1 else None


def index(keys: Sequence[Any]) -> str:
    """An index as it was written: `[:, 0:5]`."""
    words = []
    for key in keys:
        if isinstance(key, slice):
            ends = ["" if end is None else str(end) for end in (key.start, key.stop)]
            words.append(":".join(ends) + ("" if key.step is None else f":{key.step}"))
        elif isinstance(key, tuple):
            words.append(index(key)[1:-1])
        else:
            words.append("…" if key is Ellipsis else str(key) if np.ndim(key) == 0 else "array")
    return f"[{', '.join(words)}]"


def shape(dimensions: Sequence[int]) -> str:
    """"3 × 5", "5", "scalar"."""
    return " × ".join(map(str, dimensions)) or "scalar"


def with_scalar(name: str, scalar: Any, first: bool) -> str:
    """A binary operation with one plain number in it, which stands first or second: "1 −", "0.5 ×", "÷ 4", "( )²"."""
    sign, n = SIGNS.get(name, name), number(scalar)
    if name == "power":
        exponent = n.translate(SUPERSCRIPTS) if n.isdigit() else f"^{n}"
        return f"{n}^( )" if first else f"( ){exponent}"
    if name in ("add", "multiply", "maximum", "minimum"):
        return f"{n} ×" if name == "multiply" else f"+ {n}" if name == "add" else f"{sign}({n}, ·)"
    return f"{n} {sign}" if first else f"{sign} {n}"


def total(value: float, losses: Sequence[tuple[Any, float]]) -> str:
    """What the total is of the step losses (t, value), told by comparing numbers: "mean ℓ", "Σ ℓ", "ℓ₄ / 4", "L(ℓ)"."""
    if not losses:
        return ""
    values = [v for _, v in losses]
    one, whole = symbol("ℓ", losses[0][0]) if len(losses) == 1 else "Σ ℓ", sum(values)
    if near(value, whole):
        return one
    if near(value, whole / len(values)):
        return "mean ℓ"
    single = [t for t, v in losses if near(value, v)]
    if len(single) == 1:
        return symbol("ℓ", single[0])
    divisor = round(whole / value) if value and abs(whole) < MOST_STEPS * abs(value) else 0
    return f"{one} / {divisor}" if divisor > 1 and near(value * divisor, whole) else "L(ℓ)"


def near(a: float, b: float) -> bool:
    """Equal but for rounding, in single precision too."""
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))
