"""Derivatives of einsum, the inverse, the solution of a linear system and determinants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from ..ops import fill, primitive
from ..tape import ADAPTERS, Array, TapeError, rule
from .elementwise import like


@primitive
def einsum(subscripts: str, *operands: Array) -> Array:
    """np.einsum with every letter written out: "ij,jk->ik"."""
    return np.einsum(subscripts, *operands)


def explicit(subscripts: str, dimensions: Sequence[int]) -> str:
    """Subscripts with letters for the ellipsis and with an output, as np.einsum understands them.

    Args:
        subscripts: "ij,jk", "...i,i->...".
        dimensions: of each operand.
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(dimensions):
        raise TapeError(f"einsum({subscripts!r}): {len(terms)} terms for {len(dimensions)} operands")
    free = [letter for letter in ascii_letters if letter not in subscripts]
    wide = [n - len(term.replace("...", "")) for term, n in zip(terms, dimensions, strict=True)]
    most = max((n for term, n in zip(terms, wide, strict=True) if "..." in term), default=0)
    if len(free) < most or any(n < 0 or (n and "..." not in term) for term, n in zip(terms, wide, strict=True)):
        raise TapeError(f"einsum({subscripts!r}): the letters don't fit operands of {list(dimensions)} dimensions")
    dots = "".join(free[:most])
    terms = [term.replace("...", dots[most - max(n, 0) :]) for term, n in zip(terms, wide, strict=True)]
    if not arrow:
        joined = inputs.replace("...", "").replace(",", "")
        output = ("..." if most else "") + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    if most and "..." not in output:
        raise TapeError(f"einsum({subscripts!r}): the output must have the ellipsis's axes; write ... there")
    return ",".join(terms) + "->" + output.replace("...", dots)


def pulled(g: Array, y: Array, subscripts: str, *operands: Array) -> Callable[[int], Array]:
    """The gradient of an operand is an einsum of g with the others, brought to the operand's own letters."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")

    def gradient(k: int) -> Array:
        term, shape = terms[k - 1], operands[k - 1].shape
        size = {letter: shape[term.index(letter)] for letter in term}
        others = [(t, o) for n, (t, o) in enumerate(zip(terms, operands, strict=True)) if n != k - 1]
        known = set(output).union(*(t for t, _ in others))
        met = "".join(letter for letter in size if letter in known)
        left = ",".join([output, *(t for t, _ in others)])
        found = einsum(f"{left}->{met}", g, *(o for _, o in others))
        found = np.reshape(found, tuple(found.shape[met.index(c)] if c in met else 1 for c in size))
        whole = tuple(size.values())
        found = like(found, np.broadcast_to(0.0, tuple(min(m, n) for m, n in zip(found.shape, whole, strict=True))))
        found = found if found.shape == whole else fill(found, whole)
        return found if len(size) == len(term) else on_diagonal(found, "".join(size), term, size)

    return gradient


def on_diagonal(found: Array, letters: str, term: str, size: dict[str, int]) -> Array:
    """What belongs to a term in which letters repeat: zero off the diagonal."""
    free = iter(letter for letter in ascii_letters if letter not in letters)
    output, eyes = "", []
    for letter in term:
        fresh = next(free) if letter in output else letter
        if fresh != letter:
            eyes.append((letter + fresh, np.eye(size[letter], dtype=found.dtype)))
        output += fresh
    subscripts = ",".join([letters, *(pair for pair, _ in eyes)])
    return einsum(f"{subscripts}->{output}", found, *(eye for _, eye in eyes))


def solved(a: Array, g: Array, vector: bool) -> Array:
    """a⁻ᵀ g; NumPy takes only a 1-D right-hand side for a vector, also where a is a stack of matrices."""
    return np.linalg.solve(a.mT, g[..., None])[..., 0] if vector else np.linalg.solve(a.mT, g)


def of_system(g: Array, y: Array, a: Array, b: Array) -> Array:
    """Gradient of y = a⁻¹ b with respect to a: −a⁻ᵀ g yᵀ."""
    z = solved(a, g, b.ndim == 1)
    return like(-(z[..., None] * y[..., None, :] if b.ndim == 1 else z @ y.mT), a)


@primitive
def log_determinant(a: Array) -> Array:
    """The logarithm of |det a|."""
    return np.linalg.slogdet(a).logabsdet


@primitive
def determinant_sign(a: Array) -> Array:
    """The sign of det a."""
    return np.linalg.slogdet(a).sign


def slogdet(a: Any) -> Any:
    """np.linalg.slogdet: a sign, which has no gradient, and log |det a|."""
    return type(np.linalg.slogdet(np.eye(1)))(determinant_sign(a), log_determinant(a))


def of_determinant(g: Array, y: Array, a: Array) -> Array:
    """Gradient of y = log |det a|: g a⁻ᵀ."""
    try:
        return g[..., None, None] * np.linalg.inv(a).mT
    except np.linalg.LinAlgError:
        raise TapeError("the matrix is singular: its determinant's gradient is found through the inverse") from None


rule(log_determinant, of_determinant)
rule(determinant_sign, None)
rule(np.linalg.det, lambda g, y, a: of_determinant(g * y, y, a))
ADAPTERS[np.linalg.slogdet] = slogdet
rule(einsum, each=pulled)
rule(np.linalg.inv, lambda g, y, a: -(y.mT @ g @ y.mT))
rule(np.linalg.solve, of_system, lambda g, y, a, b: like(solved(a, g, b.ndim == 1), b))
