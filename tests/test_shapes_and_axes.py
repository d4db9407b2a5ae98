"""Shapes, axes, indices and subscripts drawn at random: the gradient, or the refusal, that fits NumPy's own answer.

One number is compared for each draw: ⟨c, J v⟩ with J v by a single complex step along a random direction v, against
⟨Jᵀ c, v⟩ with Jᵀ c from the tape. Where NumPy refuses the arrays, the tape refuses the Vars.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, broadcastable_shapes, integer_array_indices

import tinygrad_rnn as tg
from tinygrad_rnn.tape import ADAPTERS, RULES

Array = Any
SHAPES = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
FILLED = array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
SEEDS = st.integers(0, 2**20)
MOST, MANY, FEW = (settings(max_examples=n) for n in (200, 80, 40))


def agrees(call: Callable[..., Any], arrays: list[Array], seed: int, witness: Callable[..., Any] | None = None) -> None:
    """A call of Vars has the value, shape, dtype and derivative of the call of arrays, or is refused as that is."""
    random = np.random.default_rng(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            plain = np.asarray(call(*arrays))
    except RuntimeWarning:  # a mean of nothing
        assume(False)
    except (ValueError, TypeError, IndexError, np.exceptions.AxisError):
        tape = tg.Tape()
        with pytest.raises((ValueError, TypeError, IndexError)):
            call(*(tape.var(a) for a in arrays))
        return
    with tg.Tape(checked=True) as tape:
        leaves = [tape.var(a) for a in arrays]
        out = call(*leaves)
        assert isinstance(out, tg.Var) and (out.shape, out.dtype) == (plain.shape, plain.dtype)
        np.testing.assert_allclose(out.value, plain, rtol=1e-13, atol=1e-13)
        weights = random.normal(size=plain.shape)
        indices = [v.index for v in leaves]
        found = tape.sweep({out.index: weights}, indices)
        tracked = tape.sweep({out.index: weights}, indices, track=True)
    directions = [random.normal(size=a.shape) for a in arrays]
    steps = (witness or call)(*(a + 1e-30j * d for a, d in zip(arrays, directions, strict=True)))
    known = weights * np.imag(steps) / 1e-30
    parts = [g * d for g, d in zip(found, directions, strict=True)]
    size = sum(float(np.sum(np.abs(p))) for p in [*parts, known])
    assert abs(sum(np.sum(p) for p in parts) - np.sum(known)) <= 1e-12 * max(size, 1.0)
    for one, two, a in zip(found, tracked, arrays, strict=True):
        assert one.shape == two.shape == a.shape
        np.testing.assert_allclose(two.value, one, rtol=1e-13, atol=1e-13)


def drawn(shape: tuple[int, ...], seed: int) -> Array:
    """Distinct numbers, none near zero and none near another, in no order."""
    random = np.random.default_rng(seed)
    numbers = 0.4 + np.arange(np.prod(shape, dtype=int)) / 7 + random.uniform(0, 0.05, size=np.prod(shape, dtype=int))
    return (random.permutation(numbers) * random.choice([-1.0, 1.0], size=numbers.size)).reshape(shape)


@st.composite
def axes(draw: Any, ndim: int, *, several: bool = True, none: bool = True, wrong: bool = True) -> Any:
    """An axis, from the front or the back, several, none; now and then one that there is not, near or far."""
    reach = ndim + draw(st.integers(1, 3)) if wrong and draw(st.integers(0, 9)) == 0 else ndim
    one = st.integers(-reach, reach - 1) if reach else st.nothing()
    ways = [one] if reach else []
    if none:
        ways.append(st.none())
    if several:
        ways.append(st.lists(one, max_size=reach, unique_by=lambda k: k % max(ndim, 1)).map(tuple))
    return draw(st.one_of(ways)) if ways else 0


def best(z: Array, argument: Any, axis: Any, keepdims: bool) -> Array:
    """The extreme by the real part."""
    chosen = tuple(range(z.ndim)) if axis is None or not z.ndim else axis if isinstance(axis, tuple) else (axis,)
    chosen = tuple(k % z.ndim for k in chosen)
    rest = [k for k in range(z.ndim) if k not in chosen]
    count = np.prod([z.shape[k] for k in chosen], dtype=int)
    rows = np.transpose(z, (*rest, *chosen)).reshape(*(z.shape[k] for k in rest), count)
    found = np.take_along_axis(rows, argument(rows.real, axis=-1)[..., None], axis=-1)[..., 0]
    return np.expand_dims(found, chosen) if keepdims else found


def spread(z: Array, axis: Any, ddof: float, keepdims: bool) -> Array:
    """np.var of complex numbers without absolute values."""
    mean = np.mean(z, axis=axis, keepdims=True)
    return np.sum((z - mean) ** 2, axis=axis, keepdims=keepdims) / (z.size / max(mean.size, 1) - ddof)


# ---- reductions --------------------------------------------------------------------------------------------------


@MANY
@given(st.data(), SHAPES, st.booleans(), SEEDS, st.sampled_from(["sum", "mean", "prod", "max", "min"]))
def test_reductions_over_any_axes(data: Any, shape: Any, keepdims: bool, seed: int, name: str) -> None:
    axis, function = data.draw(axes(len(shape))), getattr(np, name)
    extreme = {"max": np.argmax, "min": np.argmin}.get(name)
    witness = (lambda z: best(z, extreme, axis, keepdims)) if extreme else None
    agrees(lambda x: function(x, axis=axis, keepdims=keepdims), [drawn(shape, seed)], seed, witness)


@MANY
@given(st.data(), FILLED, st.booleans(), SEEDS, st.sampled_from([0, 1, 0.5, 2]), st.booleans())
def test_variances_over_any_axes(data: Any, shape: Any, keepdims: bool, seed: int, ddof: Any, root: bool) -> None:
    axis, x = data.draw(axes(len(shape), wrong=False)), drawn(shape, seed)
    n = x.size / np.mean(x, axis=axis).size
    assume(n > ddof and (n > 1 or not root))  # the deviation of one number is a kink
    function = np.std if root else np.var
    agrees(lambda x: function(x, axis=axis, ddof=ddof, keepdims=keepdims), [x], seed,
           lambda z: spread(z, axis, ddof, keepdims) ** (0.5 if root else 1))  # fmt: skip


@MANY
@given(st.data(), SHAPES, SEEDS, st.sampled_from(["cumsum", "cumprod", "sort"]))
def test_what_runs_along_an_axis(data: Any, shape: Any, seed: int, name: str) -> None:
    axis, function = data.draw(axes(len(shape), several=False)), getattr(np, name)

    def witness(z: Any) -> Any:
        if name != "sort":
            return function(z, axis=axis)
        flat = z.ravel() if axis is None else z
        return np.take_along_axis(flat, np.argsort(flat.real, axis=axis or 0 if axis is None else axis), axis or 0)

    agrees(lambda x: function(x, axis=axis), [drawn(shape, seed)], seed, witness)


@FEW
@given(st.data(), FILLED.filter(len), SEEDS, st.sampled_from(["softmax", "log_softmax", "logsumexp"]), st.booleans())
def test_softmax_and_its_kin_along_any_axis(data: Any, shape: Any, seed: int, name: str, keepdims: bool) -> None:
    several, function = name == "logsumexp", getattr(tg, name)
    axis = data.draw(axes(len(shape), none=several, several=several))
    more = {"keepdims": keepdims} if several else {}
    agrees(lambda x: function(x, axis=axis, **more), [drawn(shape, seed)], seed)


ORDERS = st.sampled_from([None, "fro", 1, -1, 2, 3, 2.5, np.inf, -np.inf])


@MANY
@given(st.data(), FILLED.filter(len), st.booleans(), SEEDS, ORDERS)
def test_norms_over_one_axis_or_two(data: Any, shape: Any, keepdims: bool, seed: int, ord: Any) -> None:
    axis = data.draw(axes(len(shape), wrong=False))
    pair = isinstance(axis, tuple) and len(axis) == 2 or (axis is None and len(shape) == 2 and ord is not None)
    assume(not isinstance(axis, tuple) or len(axis) in (1, 2))
    assume(not (pair and ord in (2, 3, 2.5)) and (pair or ord != "fro"))  # singular values are refused elsewhere
    assume(not (axis is None and ord is not None and len(shape) > 2))

    def witness(z: Any) -> Any:
        over = tuple(range(z.ndim)) if axis is None else axis
        size = np.where(z.real > 0, z, -z)
        if ord in (None, "fro", 2):
            return np.sqrt(np.sum(z * z, axis=over, keepdims=keepdims))
        argument = np.argmin if ord < 0 else np.argmax
        if pair:
            rows, columns = (0, 1) if axis is None else axis
            lines = np.sum(size, axis=rows if abs(ord) == 1 else columns, keepdims=True)
            return best(lines, argument, over, keepdims)
        if abs(ord) == np.inf:
            return best(size, argument, over, keepdims)
        return np.sum(size**ord, axis=over, keepdims=keepdims) ** (1 / ord)

    agrees(lambda x: np.linalg.norm(x, ord=ord, axis=axis, keepdims=keepdims), [drawn(shape, seed)], seed, witness)


# ---- moving numbers about ----------------------------------------------------------------------------------------


@MANY
@given(st.data(), SHAPES, SEEDS)
def test_axes_are_permuted_added_and_dropped(data: Any, shape: Any, seed: int) -> None:
    n, x = len(shape), drawn(shape, seed)
    order = data.draw(st.permutations(range(n)))
    signed = [k - n if data.draw(st.booleans()) else k for k in order]
    sources, targets = signed[: n // 2 + 1], data.draw(st.permutations(range(n)))[: n // 2 + 1]
    new = data.draw(axes(n + 1, none=False, wrong=False))
    lost = data.draw(st.one_of(st.none(), axes(n, none=False)))
    one, two = data.draw(axes(n, none=False, several=False)), data.draw(axes(n, none=False, several=False))
    agrees(lambda x: np.transpose(x, signed), [x], seed)
    agrees(lambda x: np.moveaxis(x, sources, targets), [x], seed)
    agrees(lambda x: np.expand_dims(x, new), [x], seed)
    agrees(lambda x: np.squeeze(x, axis=lost), [x], seed)
    agrees(lambda x: np.swapaxes(x, one, two), [x], seed)
    for wide in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
        agrees(wide, [x], seed)


@MANY
@given(st.data(), SHAPES, SEEDS)
def test_flips_rolls_repeats_and_tiles(data: Any, shape: Any, seed: int) -> None:
    x, axis = drawn(shape, seed), data.draw(axes(len(shape)))
    one = data.draw(axes(len(shape), several=False))
    shift = data.draw(st.integers(-4, 4)) if not isinstance(axis, tuple) else tuple(range(1, len(axis) + 1))
    size = x.size if one is None else shape[one] if shape and -len(shape) <= one < len(shape) else 1
    counts = data.draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 2), min_size=size, max_size=size)))
    reps = data.draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 2), max_size=4)))
    agrees(lambda x: np.flip(x, axis), [x], seed)
    if axis != ():
        agrees(lambda x: np.roll(x, shift, axis), [x], seed)
    agrees(lambda x: np.repeat(x, counts, axis=one), [x], seed)
    agrees(lambda x: np.tile(x, reps), [x], seed)


@FEW
@given(st.data(), FILLED.filter(len), SEEDS, st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
def test_padding(data: Any, shape: Any, seed: int, mode: str) -> None:
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=len(shape), max_size=len(shape)))
    by_axis = {len(shape) - 1: pairs[-1], -len(shape): pairs[0][0]} if len(shape) > 1 else {-1: pairs[0]}
    width = data.draw(st.sampled_from([pairs, pairs[0], pairs[0][0], by_axis]))
    odd, even = {"reflect_type": "odd"}, {"reflect_type": "even"}
    ways = {"constant": [{}, {"constant_values": 1.5}], "reflect": [{}, odd, even], "symmetric": [{}, odd, even]}
    more = data.draw(st.sampled_from(ways.get(mode, [{}])))
    agrees(lambda x: np.pad(x, width, mode, **more), [drawn(shape, seed)], seed)


@MANY
@given(st.data(), SHAPES, SEEDS)
def test_reshapes_and_broadcasts(data: Any, shape: Any, seed: int) -> None:
    x = drawn(shape, seed)
    new = data.draw(st.sampled_from([-1, (-1, 1), (x.size,), (1, x.size), (x.size, -1), [x.size, 1], (2, -1), (-1, 3)]))
    wide = data.draw(broadcastable_shapes(shape, max_dims=4, max_side=3))
    agrees(lambda x: np.reshape(x, new), [x], seed)
    agrees(lambda x: np.broadcast_to(x, wide), [x], seed)
    agrees(np.ravel, [x], seed)


PAIRS = st.sampled_from(["add", "subtract", "multiply", "divide", "maximum", "where", "hypot"])


@MANY
@given(st.data(), SHAPES, SEEDS, PAIRS)
def test_two_operands_of_any_shapes(data: Any, shape: Any, seed: int, name: str) -> None:
    """Shapes that broadcast together, and now and then some that do not."""
    other = data.draw(st.one_of(broadcastable_shapes(shape, max_dims=4, max_side=3), SHAPES))
    mask = np.random.default_rng(seed).random(shape) < 0.5
    call = (lambda a, b: np.where(mask, a, b)) if name == "where" else getattr(np, name)
    witness = {"maximum": lambda a, b: np.where(a.real > b.real, a, b), "hypot": lambda a, b: (a * a + b * b) ** 0.5}
    agrees(call, [drawn(shape, seed), drawn(other, seed + 1)], seed, witness.get(name))


@MANY
@given(st.data(), SHAPES, SEEDS, st.integers(1, 3))
def test_joining_along_any_axis(data: Any, shape: Any, seed: int, count: int) -> None:
    axis = data.draw(axes(len(shape), several=False))
    arrays = [drawn(shape, seed + k) for k in range(count)]
    if axis is not None and shape and -len(shape) <= axis < len(shape) and data.draw(st.booleans()):
        longer = list(shape)
        longer[axis] += 1
        arrays.append(drawn(tuple(longer), seed + 9))
    agrees(lambda *xs: np.concatenate(xs, axis=axis), arrays, seed)
    agrees(lambda *xs: np.stack(xs, axis=axis or 0), arrays, seed)
    for join in (np.hstack, np.vstack, np.column_stack):
        agrees(lambda *xs, join=join: join(xs), arrays, seed)


@MANY
@given(st.data(), SHAPES.filter(len), SEEDS)
def test_splitting_anywhere(data: Any, shape: Any, seed: int) -> None:
    axis = data.draw(axes(len(shape), none=False, several=False))
    cuts = data.draw(st.one_of(st.integers(1, 4), st.lists(st.integers(-2, 4), max_size=3)))
    part = data.draw(st.integers(0, 2))
    for split in (np.split, np.array_split):
        agrees(lambda x, split=split: split(x, cuts, axis)[part], [drawn(shape, seed)], seed)


# ---- indices -----------------------------------------------------------------------------------------------------


@MANY
@given(st.data(), SHAPES, SEEDS)
def test_integers_slices_ellipsis_and_new_axes(data: Any, shape: Any, seed: int) -> None:
    key = data.draw(basic_indices(shape, max_dims=5, allow_newaxis=True, allow_ellipsis=True))
    agrees(lambda x: x[key], [drawn(shape, seed)], seed)


@MANY
@given(st.data(), FILLED.filter(len), SEEDS)
def test_arrays_of_integers_as_indices(data: Any, shape: Any, seed: int) -> None:
    key = data.draw(integer_array_indices(shape))
    agrees(lambda x: x[key], [drawn(shape, seed)], seed)


@st.composite
def mixed(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index that mixes all kinds: numbers, slices, lists with repetitions, arrays, masks, new axes, an ellipsis."""
    length, key = draw(st.integers(1, 3)), []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        number = st.integers(-n, n - 1) if n else st.nothing()
        kinds = [st.slices(n)]
        if n:
            several = st.lists(number, min_size=length, max_size=length)
            kinds += [number, number.map(np.int64), several, several.map(np.array),
                      several.map(lambda k: np.array(k)[:, None]), st.just([True] * n), st.just(np.arange(n) % 2 == 0)]
        key.append(draw(st.one_of(kinds)))
    for extra in draw(st.lists(st.sampled_from([None, ...]), max_size=2)):
        if extra is None or all(k is not Ellipsis for k in key):
            key.insert(draw(st.integers(0, len(key))), extra)
    return tuple(key)  # fmt: skip


@MOST
@given(st.data(), SHAPES, SEEDS)
def test_mixed_and_repeated_indices(data: Any, shape: Any, seed: int) -> None:
    key = data.draw(mixed(shape))
    agrees(lambda x: x[key], [drawn(shape, seed)], seed)


@FEW
@given(SHAPES, SEEDS, st.booleans())
def test_masks_of_the_whole_and_of_the_first_axes(shape: Any, seed: int, part: bool) -> None:
    mask = np.random.default_rng(seed).random(shape[:1] if part else shape) < 0.5
    agrees(lambda x: x[mask], [drawn(shape, seed)], seed)


@MANY
@given(st.data(), FILLED.filter(len), SEEDS)
def test_taking_along_any_axis(data: Any, shape: Any, seed: int) -> None:
    axis = data.draw(axes(len(shape), several=False))
    x = drawn(shape, seed)
    right = axis is None or -len(shape) <= axis < len(shape)
    n = x.size if axis is None else shape[axis] if right else 1
    places = np.array(data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4)))
    agrees(lambda x: np.take(x, places, axis=axis), [x], seed)
    agrees(lambda x: np.take(x, places.reshape(1, -1).tolist(), axis=axis), [x], seed)
    if right:
        along = places if axis is None else places.reshape([-1 if k == axis % x.ndim else 1 for k in range(x.ndim)])
        agrees(lambda x: np.take_along_axis(x, along, axis), [x], seed)


# ---- products ----------------------------------------------------------------------------------------------------


@MANY
@given(st.data(), st.integers(0, 3), st.integers(1, 3), st.integers(0, 3), SEEDS)
def test_matmul_of_vectors_matrices_and_stacks(data: Any, rows: int, inner: int, columns: int, seed: int) -> None:
    stack = data.draw(array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=2))
    other = data.draw(broadcastable_shapes(stack, max_dims=2, max_side=2))
    left = (inner,) if data.draw(st.booleans()) else (*stack, rows, inner)
    right = (inner,) if data.draw(st.booleans()) else (*other, inner, columns)
    agrees(lambda a, b: a @ b, [drawn(left, seed), drawn(right, seed + 1)], seed)
    agrees(lambda a, b: np.dot(a, b), [drawn(left, seed), drawn(right, seed + 1)], seed)
    agrees(lambda a, b: np.inner(a, b), [drawn(left, seed), drawn((*right[:-2], 2, inner), seed + 1)], seed)
    agrees(lambda a, b: np.outer(a, b), [drawn(left, seed), drawn(right, seed + 1)], seed)


@MANY
@given(st.data(), SHAPES, SHAPES, SEEDS)
def test_tensordot_over_any_axes(data: Any, one: Any, two: Any, seed: int) -> None:
    count = data.draw(st.integers(0, min(len(one), len(two))))
    first = data.draw(st.permutations(range(len(one))))[:count]
    second = data.draw(st.permutations(range(len(two))))[:count]
    shape = list(two)
    for m, n in zip(first, second, strict=True):
        shape[n] = one[m]
    pairs = (first, [n - len(two) for n in second])
    chosen = data.draw(st.sampled_from([pairs, count, (first[0], second[0]) if count == 1 else pairs]))
    agrees(lambda a, b: np.tensordot(a, b, chosen), [drawn(one, seed), drawn(tuple(shape), seed + 1)], seed)


@FEW
@given(array_shapes(min_dims=2, max_dims=2), array_shapes(min_dims=0, max_dims=2), SHAPES, SEEDS)
def test_tensordot_of_two_axes_by_default(met: Any, one: Any, two: Any, seed: int) -> None:
    agrees(lambda a, b: np.tensordot(a, b), [drawn((*one, *met), seed), drawn((*met, *two), seed + 1)], seed)


@st.composite
def subscripts(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """Random terms over four letters: repeated, summed, in one term only, beside an ellipsis; with an output or not."""
    sizes = {letter: draw(st.integers(1, 3)) for letter in "abcd"}
    whole = draw(array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=2))
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = "".join(draw(st.lists(st.sampled_from("abcd"), max_size=3)))
        shape = tuple(sizes[letter] for letter in letters)
        if draw(st.integers(0, 2)) == 0:
            at, dots = draw(st.integers(0, len(letters))), whole[draw(st.integers(0, len(whole))) :]
            letters, shape = f"{letters[:at]}...{letters[at:]}", (*shape[:at], *dots, *shape[at:])
        terms.append(letters)
        shapes.append(shape)
    text = ",".join(terms)
    if draw(st.booleans()):
        met = sorted({c for c in text if c in "abcd"})
        output = "".join(draw(st.permutations(met))[: draw(st.integers(0, len(met)))])
        text += " -> " + output + ("..." if "..." in text else "")
    return text, shapes


@MOST
@given(subscripts(), SEEDS)
def test_einsum_of_random_subscripts(drawn_text: Any, seed: int) -> None:
    text, shapes = drawn_text
    agrees(lambda *xs: np.einsum(text, *xs), [drawn(shape, seed + k) for k, shape in enumerate(shapes)], seed)


@MANY
@given(st.data(), array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=3), st.integers(-4, 4), SEEDS)
def test_diagonals_and_triangles(data: Any, shape: Any, k: int, seed: int) -> None:
    x, n = drawn(shape, seed), len(shape)
    first, second = data.draw(st.permutations(range(n)))[:2]
    if data.draw(st.booleans()):
        second -= n
    agrees(lambda x: np.diagonal(x, k, first, second), [x], seed)
    agrees(lambda x: np.trace(x, k, first, second), [x], seed)
    agrees(lambda x: np.tril(x, k), [x], seed)
    agrees(lambda x: np.triu(x, k), [x], seed)
    agrees(lambda x: np.diag(x, k), [x[0, :2] if n == 2 else x[0]], seed)


# ---- refused, in one line ----------------------------------------------------------------------------------------

V, M, S = np.ones(4), np.ones((2, 3)), np.ones((2, 3, 4))
REFUSED: dict[str, tuple[Callable[[Any], Any], Array, str]] = {
    "norm of order 0": (lambda x: np.linalg.norm(x, 0), V, "no rule; write it out"),
    "nuclear norm": (lambda x: np.linalg.norm(x, "nuc"), M, "no rule; write it out"),
    "spectral norm": (lambda x: np.linalg.norm(x, 2), M, "of matrices has no rule"),
    "norm of order 3 of a matrix": (lambda x: np.linalg.norm(x, 3), M, "of matrices has no rule"),
    "norm of order 0 of a matrix": (lambda x: np.linalg.norm(x, 0, (0, 1)), M, "of matrices has no rule"),
    "mode of pad": (lambda x: np.pad(x, 1, "linear_ramp"), V, "use constant, edge, reflect, symmetric or wrap"),
    "a width of pad below 0": (lambda x: np.pad(x, -1), V, "pad: index can't contain negative values"),
    "a width of pad that is no whole number": (lambda x: np.pad(x, 0.5), V, "pad: 'float' object"),
    "a width of pad of an axis that there is not": (lambda x: np.pad(x, {1: (1, 1)}), V, "pad: index 1 is out of"),
    "order of ravel": (lambda x: np.ravel(x, order="F"), M, "transpose first"),
    "mode of take": (lambda x: np.take(x, [9], mode="clip"), V, "clip or wrap the indices first"),
    "moveaxis of two axes to one place": (lambda x: np.moveaxis(x, (0, 1), 0), M, "axes [0, 1] can't go to [0]"),
    "two axes of three": (lambda x: np.swapaxes(x, 0, 3), S, "out of bounds"),
    "an axis that there is not": (lambda x: np.flip(x, 2), M, "axis 2 is out of bounds"),
    "its negative": (lambda x: np.flip(x, -3), M, "axis -3 is out of bounds"),
    "an axis far beyond": (lambda x: np.flip(x, 5), M, "axis 5 is out of bounds"),
    "an axis far before": (lambda x: np.take(x, [0], -6), M, "axis -6 is out of bounds"),
    "select without choices": (lambda x: np.select([x > 0, x < 0], [x]), V, "2 conditions for 1 choices"),
    "split into unequal parts": (lambda x: np.split(x, 3), V, "can't be divided into 3 equal parts"),
    "tensordot of one axis and two": (lambda x: np.tensordot(x, M, ([0], [0, 1])), M, "don't pair"),
    "tensordot of unequal axes": (lambda x: np.tensordot(x, M, ([0], [1])), M, "different lengths"),
    "einsum of too few dimensions": (lambda x: np.einsum("ijk", x), M, "don't fit operands"),
    "einsum of too many dimensions": (lambda x: np.einsum("i", x), M, "don't fit operands"),
    "einsum of an ellipsis too many": (lambda x: np.einsum("...ijk->i", x), M, "don't fit operands"),
    "einsum with a term too many": (lambda x: np.einsum("ij,jk", x), M, "2 terms for 1 operands"),
    "einsum of unequal lengths": (lambda x: np.einsum("ij,ij", x, x.T), M, "einsum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_or_no_meaning_is_refused_in_one_line(name: str) -> None:
    call, array, told = REFUSED[name]
    tape = tg.Tape()
    with tape.step(3), pytest.raises(tg.TapeError) as said:
        call(tape.var(array, "x"))
    assert told in str(said.value) and "\n" not in str(said.value)
    assert str(said.value).startswith("step t = 3: ")


def defaults(function: Any, skip: int = 0) -> dict[str, Any]:
    """What a function takes for arguments that are left out, by their names."""
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def of_numpy(function: Any) -> bool:
    return getattr(function, "__module__", "").startswith("numpy") and not isinstance(function, np.ufunc)


SPELT = {fn: defaults(ours) for fn, ours in ADAPTERS.items() if of_numpy(fn) and not of_numpy(ours)}
SPELT |= {fn: defaults(vjps[0], skip=2) for fn, vjps in RULES.items() if of_numpy(fn) and vjps[0] is not None}


@pytest.mark.parametrize("function", SPELT, ids=lambda f: f.__name__)
def test_what_is_left_out_is_what_numpy_takes(function: Any) -> None:
    ours, theirs = SPELT[function], defaults(function)
    for name in set(ours) & set(theirs):
        plain = theirs[name] if type(theirs[name]).__name__ != "_NoValueType" else {"keepdims": False}.get(name)
        assert ours[name] == plain and type(ours[name]) is type(plain), name


def test_select_without_a_condition_that_holds_gives_its_default() -> None:
    conditions = [np.array([True, False, False]), np.array([True, False, True])]
    agrees(lambda x: np.select(conditions, [x, 2 * x]), [drawn((3,), 4)], 4)
    agrees(lambda x: np.select(conditions, [x, 2 * x], 7.0), [drawn((3,), 4)], 4)
    agrees(lambda x: np.select(conditions, [x, 2 * x], x * x), [drawn((3,), 4)], 4)


def test_default_axes_are_the_last() -> None:
    for shape in ((4,), (2, 3, 4)):
        x = drawn(shape, 5)
        places = np.argsort(-x, axis=-1)
        agrees(lambda x: np.sort(x), [x], 5, lambda z: np.take_along_axis(z, np.argsort(z.real, axis=-1), axis=-1))
        if "axis=-1" in str(inspect.signature(np.take_along_axis)):  # since NumPy 2.3
            agrees(lambda x, places=places: np.take_along_axis(x, places), [x], 5)
        agrees(lambda x: tg.softmax(x) + tg.log_softmax(x) + tg.logsumexp(x)[..., None], [x], 5)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "logsumexp", "softmax", "cumsum"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 0, 3), (0, 3)])
def test_every_axis_from_the_front_and_from_the_back(name: str, shape: tuple[int, ...]) -> None:
    function, extreme = getattr(np, name, None) or getattr(tg, name), {"max": np.argmax, "min": np.argmin}.get(name)
    for axis in range(-len(shape), len(shape)):
        if shape[axis]:
            witness = None if not extreme else lambda z, k=axis: best(z, extreme, k, False)
            if name == "var":
                witness = lambda z, k=axis: spread(z, k, 0, False)  # noqa: E731
            agrees(lambda x, k=axis: function(x, axis=k), [drawn(shape, 2)], 2, witness)


@pytest.mark.parametrize("shape", [(5, 2), (2, 5), (3, 3)])
def test_every_diagonal(shape: tuple[int, int]) -> None:
    for k in range(-6, 7):
        agrees(lambda x, k=k: np.diagonal(x, k), [drawn(shape, 8)], 8)
        agrees(lambda x, k=k: np.diag(x, k) * np.trace(x, k), [drawn(shape, 8)], 8)


def test_numbers_in_every_place() -> None:
    x, positive = drawn((2, 3), 6), np.abs(drawn((2, 3), 6))
    for number in (0.5, 1.0, 1.7, 2):
        agrees(lambda n, b=number: b**n, [x], 6)
        agrees(lambda a, n=number: a**n, [positive], 6)
    agrees(lambda x: np.inner(2.0, x) + np.inner(x, 3.0), [x], 6)
    agrees(lambda x: np.dot(2.0, x) + np.dot(x, 3.0), [x], 6)
    agrees(lambda x: np.tril(x) - np.triu(x), [drawn((3,), 6)], 6)  # NumPy makes a matrix of a vector


def test_cross_entropies_of_more_than_two_dimensions() -> None:
    rows = np.random.default_rng(3).dirichlet(np.ones(4), size=(2, 3))
    z = drawn((2, 3, 4), 7)
    agrees(tg.softmax_cross_entropy, [z, rows * 1.2], 7)
    agrees(lambda z: tg.softmax_cross_entropy(z, np.array([[0, 1, 3], [2, 2, 0]])), [z], 7)
    agrees(lambda z: tg.binary_cross_entropy(z, rows), [z], 7)


def test_columns_of_vectors_and_matrices() -> None:
    agrees(lambda a, b: np.column_stack([a, b, a]), [drawn((3,), 1), drawn((3, 2), 2)], 1)
    agrees(lambda a, b: np.hstack([a, b]), [drawn((3,), 1), drawn((2,), 2)], 1)
