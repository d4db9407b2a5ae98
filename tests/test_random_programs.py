"""Random programs, differentiated by the tape and by a naive recursive engine that shares nothing with it.

The naive engine keeps for every value the dense Jacobian by each of its parents, taken by the complex step, and asks a
value's children for their adjoints, recursively. It is slow, and there is little in it that could be wrong.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import tinygrad_rnn as tg

Array = Any
Edge = tuple["Node", int]


# ---- the naive engine --------------------------------------------------------------------------------------------


class Node:
    """A value, the dense Jacobian by each parent (value.shape + parent.shape), and who was computed from it."""

    def __init__(self, value: Array, parents: tuple[Node, ...] = (), witness: Callable[..., Any] | None = None) -> None:
        self.value, self.parents = np.asarray(value), parents
        self.jacobians = [self.jacobian(witness, k) for k in range(len(parents))]
        self.children: list[Edge] = []
        for k, parent in enumerate(parents):
            parent.children.append((self, k))

    def jacobian(self, witness: Any, k: int) -> Array:
        values = [p.value.astype(complex) for p in self.parents]
        whole = np.zeros(self.value.shape + values[k].shape)
        for place in np.ndindex(values[k].shape):
            nudged = values[k].copy()
            nudged[place] += 1e-30j
            whole[(..., *place)] = np.imag(witness(*values[:k], nudged, *values[k + 1 :])) / 1e-30
        return whole


Found = dict[Node, Array]


def adjoint(node: Node, seeds: Found, cut: set[Edge], found: Found) -> Array:
    """What the seeds' sum says about a node: its own seed, and what every child says along an edge that is not cut."""
    if node not in found:
        total = np.zeros(node.value.shape) + seeds.get(node, 0.0)
        for child, k in node.children:
            if (child, k) not in cut:
                total = total + pulled(child, k, adjoint(child, seeds, cut, found))
        found[node] = total
    return found[node]


def pulled(child: Node, k: int, bar: Array) -> Array:
    return np.tensordot(bar, child.jacobians[k], axes=child.value.ndim)


# ---- what programs are made of -----------------------------------------------------------------------------------


class Unary(NamedTuple):
    call: Callable[[Any], Any]
    fits: Callable[[Array], bool] = lambda x: True
    witness: Callable[[Any], Any] | None = None


class Binary(NamedTuple):
    call: Callable[[Any, Any], Any]
    fits: Callable[[Array, Array], bool] = lambda a, b: True
    witness: Callable[[Any, Any], Any] | None = None


def small(x: Array) -> bool:
    return bool(np.all(np.abs(x) < 3))


def broadcast_together(a: Array, b: Array) -> bool:
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return True


def away_from_zero(x: Array) -> bool:
    return bool(np.all(np.abs(x) > 0.05))


def positive(x: Array) -> bool:
    return bool(np.all(x > 0.05))


def inside(x: Array) -> bool:
    return bool(np.all(np.abs(x) < 0.9))


def apart(a: Array, b: Array) -> bool:
    return bool(np.all(np.abs(a - b) > 1e-6))


def distinct(x: Array) -> bool:
    return x.size > 0 and np.unique(np.round(x, 6)).size == x.size


def chess(shape: tuple[int, ...]) -> Array:
    """True and False in turn."""
    return np.sum(np.indices(shape), axis=0) % 2 == 0


def in_place(form: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`a += b` of Vars, which makes a new line; arrays are copied to the result's shape first."""

    def call(a: Any, b: Any) -> Any:
        return form(a if isinstance(a, tg.Var) else np.array(np.broadcast_arrays(a, b)[0]), b)

    return call


def best(z: Array, argument: Any, axis: Any, keepdims: bool) -> Array:
    """The extreme by the real part, along an axis, several, or all."""
    axes = tuple(range(z.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(k % z.ndim for k in axes)
    rest = [k for k in range(z.ndim) if k not in axes]
    rows = np.transpose(z, (*rest, *axes)).reshape(*(z.shape[k] for k in rest), -1)
    found = np.take_along_axis(rows, argument(rows.real, axis=-1)[..., None], axis=-1)[..., 0]
    return np.expand_dims(found, axes) if keepdims else found


def variance(z: Array, axis: Any, keepdims: bool) -> Array:
    """np.var without the absolute values that it takes of complex numbers."""
    return np.mean((z - np.mean(z, axis=axis, keepdims=True)) ** 2, axis=axis, keepdims=keepdims)


UNARY: dict[str, Unary] = {
    "tanh": Unary(np.tanh), "sin": Unary(np.sin), "cos": Unary(np.cos), "arctan": Unary(np.arctan),
    "negative": Unary(lambda x: -x), "square": Unary(np.square), "positive": Unary(np.positive),
    "cube": Unary(lambda x: x**3), "sigmoid": Unary(tg.sigmoid), "softplus": Unary(tg.softplus),
    "exp": Unary(np.exp, small), "expm1": Unary(np.expm1, small), "sinh": Unary(np.sinh, small),
    "cosh": Unary(np.cosh, small), "log": Unary(np.log, positive), "log1p": Unary(np.log1p, positive),
    "sqrt": Unary(np.sqrt, positive), "reciprocal": Unary(np.reciprocal, away_from_zero),
    "arcsin": Unary(np.arcsin, inside), "arctanh": Unary(np.arctanh, inside), "arcsinh": Unary(np.arcsinh, inside),
    "power": Unary(lambda x: x**0.5, positive), "number to a power": Unary(lambda x: 1.5**x, small),
    "number divided": Unary(lambda x: 2 / x, away_from_zero), "number less": Unary(lambda x: 1.5 - x),
    "half": Unary(lambda x: x / 2), "number more": Unary(lambda x: 1 + x),
    "absolute": Unary(np.absolute, away_from_zero, lambda z: np.where(z.real > 0, z, -z)),
    "relu": Unary(tg.relu, away_from_zero),
    "clip": Unary(lambda x: np.clip(x, -0.5, 0.5), lambda x: apart(x, -0.5) and apart(x, 0.5),
                  lambda z: np.where(z.real < -0.5, -0.5, np.where(z.real > 0.5, 0.5, z))),
}  # fmt: skip
BINARY: dict[str, Binary] = {
    "add": Binary(lambda a, b: a + b), "subtract": Binary(lambda a, b: a - b), "multiply": Binary(lambda a, b: a * b),
    "divide": Binary(lambda a, b: a / b, lambda a, b: away_from_zero(b)),
    "power": Binary(lambda a, b: a**b, lambda a, b: positive(a) and small(a) and small(b)),
    "maximum": Binary(np.maximum, apart, lambda a, b: np.where(np.real(a) > np.real(b), a, b)),
    "minimum": Binary(np.minimum, apart, lambda a, b: np.where(np.real(a) < np.real(b), a, b)),
    "where": Binary(lambda a, b: np.where(chess(np.broadcast_shapes(a.shape, b.shape)), a, b)),
    "logaddexp": Binary(np.logaddexp, witness=lambda a, b: np.log(np.exp(a) + np.exp(b))),
    "hypot": Binary(np.hypot, lambda a, b: away_from_zero(a), lambda a, b: np.sqrt(a * a + b * b)),
    "iadd": Binary(in_place(operator.iadd), witness=operator.add),
    "isub": Binary(in_place(operator.isub), witness=operator.sub),
    "imul": Binary(in_place(operator.imul), witness=operator.mul),
}  # fmt: skip
AXIS: dict[str, Callable[..., Any]] = {
    "sum": lambda x, **kw: np.sum(x, **kw), "mean": lambda x, **kw: np.mean(x, **kw),
    "var": lambda x, **kw: np.var(x, **kw), "prod": lambda x, **kw: np.prod(x, **kw),
    "max": lambda x, **kw: np.max(x, **kw), "min": lambda x, **kw: np.min(x, **kw),
}  # fmt: skip
ALONG: dict[str, Callable[[Any, int], Any]] = {
    "softmax": lambda x, axis: tg.softmax(x, axis=axis), "log_softmax": lambda x, axis: tg.log_softmax(x, axis=axis),
    "logsumexp": lambda x, axis: tg.logsumexp(x, axis=axis), "cumsum": lambda x, axis: np.cumsum(x, axis=axis),
    "cumprod": lambda x, axis: np.cumprod(x, axis=axis), "flip": lambda x, axis: np.flip(x, axis=axis),
    "roll": lambda x, axis: np.roll(x, 1, axis=axis), "swapaxes": lambda x, axis: np.swapaxes(x, axis, 0),
    "expand_dims": lambda x, axis: np.expand_dims(x, axis), "twice": lambda x, axis: np.repeat(x, 2, axis=axis),
    "stacked": lambda x, axis: np.stack([x, x], axis=axis), "middle": lambda x, axis: np.moveaxis(x, axis, -1),
    "one, and one more": lambda x, axis: np.concatenate([x, x], axis=axis),
}  # fmt: skip
WHOLE: dict[str, Callable[[Any], Any]] = {
    "T": lambda x: x.T, "ravel": lambda x: np.ravel(x), "reshape": lambda x: x.reshape(-1, 1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, *x.shape)), "more axes": lambda x: x[None, ..., None],
    "squeeze": lambda x: np.squeeze(x), "turned": lambda x: x[(..., *[slice(None, None, -1)] * x.ndim)],
}  # fmt: skip
INDEX: dict[str, Any] = {
    "first": 0, "last": -1, "from the second": slice(1, None), "every other": slice(None, None, 2), "all": ...,
    "a list": [0, -1, 0], "an array": np.array([[0, 0], [-1, 0]]), "nothing": slice(0, 0), "a column": (..., 0),
    "a list and a slice": ([0, 0, -1], slice(None)), "a new axis between": (slice(None), None, 0),
    "two arrays": (np.array([0, -1]), np.array([-1, 0])), "an array apart": ([0, -1], slice(None), [-1, -1]),
}  # fmt: skip
SHAPES = [(), (1,), (2,), (3,), (2, 3), (3, 2), (3, 3), (2, 1), (1, 3), (2, 3, 2), (0,), (0, 3)]
LARGE, MANY = 30.0, 60  # a value beyond LARGE is squashed; no array of more numbers than MANY is made
PLACES = st.integers(0, 10**6)
PLAIN = st.sampled_from(["no", "no", "number", "array", "list"])  # is the other operand a Var?


class Programs(RuleBasedStateMachine):
    """A program, written line by line on a tape and in the naive engine."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[tuple[Any, Node]] = []  # everything recorded: Var, Node
        self.edges: dict[tuple[int, int], Edge] = {}  # the tape's (line, argument) as an edge of the naive engine
        self.open = ExitStack()
        self.scopes: list[ExitStack] = []

    @initialize(checked=st.booleans(), seed=PLACES)
    def begin(self, checked: bool, seed: int) -> None:
        self.tape, self.random = tg.Tape(checked=checked), np.random.default_rng(seed)
        self.open.enter_context(self.tape)
        self.leaf((2, 3), data=False)

    def pick(self, place: int) -> tuple[Any, Node]:
        return self.nodes[place % len(self.nodes)]

    def add(self, call: Callable[..., Any], *operands: tuple[Any, Node], witness: Any = None) -> None:
        """Record a call on the tape, and in the naive engine."""
        parents = tuple(node for _, node in operands)
        value = np.asarray(call(*(node.value for node in parents)))
        if value.size > MANY:
            return
        before = [(v.index, v.value) for v, _ in operands]
        var = call(*(v for v, _ in operands))
        assert isinstance(var, tg.Var)
        assert [(v.index, v.value) for v, _ in operands] == before, "a Var is immutable"
        agree(var.value, value, 1e-14)  # the same but for the order in which memory is summed
        node = Node(value, parents, witness or call)
        self.nodes.append((var, node))
        self.note_edges(var.index, node, [v.index for v, _ in operands])
        if np.max(np.abs(value), initial=0.0) > LARGE:
            self.add(np.tanh, self.nodes[-1])

    def note_edges(self, line: int, node: Node, operands: list[int]) -> None:
        """Which of the line's arguments are which of the node's; not where one call made several lines."""
        kinds = [self.tape.lines[p][0] for p in self.tape.lines[line][1] if p >= 0]
        places = [(k, p) for k, p in enumerate(self.tape.lines[line][1]) if p in operands]
        if [p for _, p in places] == operands and len(kinds) == len(places) + kinds.count("data"):
            for n, (k, _) in enumerate(places):
                self.edges[line, k] = (node, n)

    # ---- rules that write a line ---------------------------------------------------------------------------------
    @rule(shape=st.sampled_from(SHAPES), data=st.booleans())
    def leaf(self, shape: tuple[int, ...], data: bool) -> None:
        value = self.random.normal(size=shape)
        self.nodes.append((self.tape.data(value) if data else self.tape.var(value), Node(value)))

    @rule(name=st.sampled_from(sorted(UNARY)), a=PLACES)
    def unary(self, name: str, a: int) -> None:
        call, fits, witness = UNARY[name]
        operand = self.pick(a)
        if fits(operand[1].value):
            self.add(call, operand, witness=witness)
        else:
            self.add(np.tanh, operand)

    @rule(name=st.sampled_from(sorted(BINARY)), a=PLACES, b=PLACES, plain=PLAIN, turned=st.booleans())
    def binary(self, name: str, a: int, b: int, plain: str, turned: bool) -> None:
        call, fits, witness = BINARY[name]
        first, second = self.pick(a), self.pick(b)
        x, y = first[1].value, second[1].value
        if plain == "no" or name in ("where", "iadd", "isub", "imul"):
            if broadcast_together(x, y) and fits(x, y):
                self.add(call, first, second, witness=witness)
            return
        same = np.asarray(1.3 if plain == "number" else self.random.uniform(0.5, 2.0, size=x.shape[-1:]))
        given: Any = same if plain == "array" and x.ndim else same.tolist()

        def on(fn: Any) -> Any:
            """The call with what is no Var in its place; the naive engine gets it as an array."""
            other = lambda z: given if isinstance(z, tg.Var) else same  # noqa: E731
            return (lambda z: fn(other(z), z)) if turned else (lambda z: fn(z, other(z)))

        if fits(same, x) if turned else fits(x, same):
            self.add(on(call), first, witness=on(witness or call))

    @rule(a=PLACES, b=PLACES, columns=st.integers(0, 3))
    def product(self, a: int, b: int, columns: int) -> None:
        first, second = self.pick(a), self.pick(b)
        x, y = first[1].value, second[1].value
        try:
            np.matmul(x, y)
        except ValueError:
            if x.ndim and columns:
                right = self.random.normal(size=(x.shape[-1], columns) if columns > 1 else x.shape[-1:])
                self.add(lambda v: v @ right, first)
            elif x.ndim:
                left = self.random.normal(size=(2, x.shape[-2] if x.ndim > 1 else x.shape[0]))
                self.add(lambda v: left @ v, first)
        else:
            self.add(lambda v, w: v @ w, first, second)

    @rule(name=st.sampled_from(sorted(AXIS)), a=PLACES, axis=PLACES, keepdims=st.booleans())
    def reduction(self, name: str, a: int, axis: int, keepdims: bool) -> None:
        operand = self.pick(a)
        x = operand[1].value
        choices: list[Any] = [None, *range(-x.ndim, x.ndim), *([(0, -1)] if x.ndim > 1 else [])]
        chosen = choices[axis % len(choices)]
        if name == "sum" or (x.size and (name not in ("max", "min") or distinct(x))):
            call = AXIS[name]
            extreme = {"max": np.argmax, "min": np.argmin}.get(name)
            witness: Any = None
            if name == "var":
                witness = lambda z: variance(z, chosen, keepdims)  # noqa: E731
            elif extreme:
                witness = lambda z: best(z, extreme, chosen, keepdims)  # noqa: E731
            self.add(lambda v: call(v, axis=chosen, keepdims=keepdims), operand, witness=witness)

    @rule(name=st.sampled_from(sorted(ALONG)), a=PLACES, axis=PLACES)
    def along(self, name: str, a: int, axis: int) -> None:
        operand = self.pick(a)
        x = operand[1].value
        if x.ndim and x.size:
            chosen = axis % (2 * x.ndim) - x.ndim
            self.add(lambda v: ALONG[name](v, chosen), operand)

    @rule(name=st.sampled_from(sorted(WHOLE)), a=PLACES)
    def whole(self, name: str, a: int) -> None:
        operand = self.pick(a)
        if operand[1].value.size or name != "reshape":
            self.add(WHOLE[name], operand)

    @rule(name=st.sampled_from(sorted(INDEX)), a=PLACES)
    def index(self, name: str, a: int) -> None:
        operand, key = self.pick(a), INDEX[name]
        try:
            operand[1].value[key]
        except IndexError:
            return
        self.add(lambda v: v[key], operand)

    @rule(a=PLACES, seed=PLACES)
    def masked(self, a: int, seed: int) -> None:
        operand = self.pick(a)
        mask = np.random.default_rng(seed).random(operand[1].value.shape) < 0.6
        self.add(lambda v: v[mask], operand)

    @rule(places=st.lists(PLACES, min_size=2, max_size=3), axis=st.sampled_from([0, -1, None]))
    def joined(self, places: list[int], axis: int | None) -> None:
        operands = [self.pick(place) for place in places]
        shapes = {node.value.shape for _, node in operands}
        if len(shapes) == 1 and axis is not None:
            self.add(lambda *vs: np.stack(vs, axis=axis), *operands)
        elif axis is None or all(node.value.ndim == 1 for _, node in operands):
            self.add(lambda *vs: np.concatenate(vs, axis=axis), *operands)

    # ---- steps and losses ----------------------------------------------------------------------------------------
    @rule(t=st.integers(0, 3), loop=st.sampled_from(["time", "layer"]))
    def enter_step(self, t: int, loop: str) -> None:
        self.scopes.append(ExitStack())
        self.scopes[-1].enter_context(self.tape.step(t, loop))

    @precondition(lambda self: self.scopes)
    @rule()
    def leave_step(self) -> None:
        self.scopes.pop().close()

    @rule(a=PLACES)
    def mark(self, a: int) -> None:
        t = self.tape.scope[-1][1] if self.tape.scope else 0
        if any((scope, t) == (self.tape.scope, number) for _, scope, number in self.tape.losses):
            return
        self.add(lambda v: np.sum(v * v), self.pick(a))
        var, node = self.nodes[-1]
        if node.value.shape == ():
            assert self.tape.loss(var, t) is var
            assert self.tape.losses[-1] == (var.index, self.tape.scope, t)

    # ---- what must hold ------------------------------------------------------------------------------------------
    @rule(places=st.lists(PLACES, min_size=1, max_size=3), wanted=st.lists(PLACES, max_size=5), cut=st.booleans())
    def sweep(self, places: list[int], wanted: list[int], cut: bool) -> None:
        """A sweep from several seeds, with cut edges or none, is what the naive engine says."""
        seeds = {self.pick(p) for p in places}
        uncut = {edge for edge in self.edges if not cut or self.random.random() < 0.7}
        asked = [self.pick(p) for p in wanted] or self.nodes
        found = self.check(self.tape, {(v, n): self.random.normal(size=v.shape) for v, n in seeds}, asked, uncut)
        assert len({id(g) for g in found}) == len(found), "never aliased"

    @rule(a=PLACES)
    def tracked(self, a: int) -> None:
        """A sweep that records itself gives the same numbers, and leaves what stood on the tape as it was."""
        var, _ = self.pick(a)
        before, scope = list(self.tape.lines), self.tape.scope
        seed, indices = {var.index: self.random.normal(size=var.shape)}, [v.index for v, _ in self.nodes]
        found = self.tape.sweep(seed, indices, track=True)
        assert self.tape.scope == scope and all(a is b for a, b in zip(before, self.tape.lines, strict=False))
        assert set(range(len(before), len(self.tape))) <= set(self.tape.backward)
        for one, two in zip(self.tape.sweep(seed, indices), found, strict=True):
            agree(one, two.value, 1e-15)

    @rule(a=PLACES)
    def curvature(self, a: int) -> None:
        """Second derivatives are symmetric: u·(∂²J)v = v·(∂²J)u by the first leaf."""
        var, leaf = self.pick(a)[0], self.nodes[0][0]
        scale = self.random.normal(size=var.shape)
        (g,) = self.tape.sweep({var.index: scale}, [leaf.index], track=True)
        u, v = self.random.normal(size=(2, *leaf.shape))
        (hu,), (hv,) = (self.tape.sweep({np.sum(g * d).index: np.ones(())}, [leaf.index]) for d in (u, v))
        agree(np.sum(hu * v), np.sum(hv * u), 1e-9, float(np.max(np.abs(hu)) + np.max(np.abs(hv))))

    @rule(a=PLACES)
    def copied(self, a: int) -> None:
        """A copy of the tape goes on by itself."""
        before, copy = len(self.tape), self.tape.copy()
        var, node = self.pick(a)
        new = np.sum(np.tanh(tg.Var(copy, var.index, var.value)))
        bar = 1 - np.tanh(node.value) ** 2
        indices = [v.index for v, _ in self.nodes]
        ours = copy.sweep({new.index: np.ones(())}, indices)
        for one, two in zip(ours, self.tape.sweep({var.index: bar}, indices), strict=True):
            agree(one, two, 1e-15)
        assert len(self.tape) == before < len(copy)

    def check(self, tape: tg.Tape, seeds: dict[Any, Array], asked: list[Any], uncut: set[Any]) -> list[Array]:
        cut = {edge for key, edge in self.edges.items() if key not in uncut}
        dropped = set(self.edges) - uncut
        arrived: dict[int, Array] = {v.index: np.array(seed) for (v, _), seed in seeds.items()}
        start = {v.index: seed for (v, _), seed in seeds.items()}
        known: Found = {}
        naive_seeds = {n: seed for (_, n), seed in seeds.items()}

        def follow(child: int, argument: int, parent: int) -> bool:
            return (child, argument) not in dropped

        def report(child: int, argument: int, parent: int, contribution: Array) -> None:
            assert follow(child, argument, parent) and tape.lines[child][1][argument] == parent
            arrived[parent] = arrived.get(parent, 0.0) + contribution
            if (child, argument) in self.edges:
                node, k = self.edges[child, argument]
                agree(contribution, pulled(node, k, adjoint(node, naive_seeds, cut, known)), 1e-12)

        indices = [v.index for v, _ in asked]
        found = tape.sweep(start, indices, follow=follow)
        again = tape.sweep(start, indices, follow=follow)
        reported = tape.sweep(start, indices, follow=follow, report=report)
        tracked = tape.copy().sweep(start, indices, follow=follow, track=True)
        for n, (var, node) in enumerate(asked):
            assert found[n].shape == node.value.shape and found[n].dtype == float
            np.testing.assert_array_equal(found[n], again[n])
            agree(found[n], adjoint(node, naive_seeds, cut, known), 1e-12)
            agree(reported[n], found[n], 1e-15)
            agree(tracked[n].value, found[n], 1e-15)
            agree(arrived.get(var.index, np.zeros(var.shape)), found[n], 1e-15)
        return found

    def teardown(self) -> None:
        try:
            if self.nodes:
                seeds = {pair: np.ones(pair[0].shape) for pair in self.nodes[-3:]}
                self.check(self.tape, seeds, self.nodes, set(self.edges))
        finally:
            for scope in reversed(self.scopes):
                scope.close()
            self.open.close()
        if self.nodes:
            assert self.tape.scope == ()


def agree(found: Any, known: Any, tolerance: float, size: float = 0.0) -> None:
    """Equal to a relative tolerance, that of the largest number among them: small ones may be differences of those."""
    scale = max(float(np.max(np.abs(known), initial=0.0)), size, 1.0)
    np.testing.assert_allclose(found, known, rtol=tolerance, atol=tolerance * scale)


# No shrinking: it takes minutes here. Add Phase.shrink to find the shortest program that fails.
SETTINGS = settings(
    max_examples=150, stateful_step_count=25, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
TestRandomPrograms = Programs.TestCase
TestRandomPrograms.settings = SETTINGS


BROKEN: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "tanh' = 1 − y": (np.tanh, (lambda g, y, a: g * (1 - y),)),
    "the second factor's gradient goes to the first": (np.multiply, (lambda g, y, a, b: tg.RULES[np.add][0](g, y, a, b),
                                                                     tg.RULES[np.multiply][1])),
    "a sum's gradient is a mean's": (np.sum, tg.RULES[np.mean]),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_rule_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, vjps = BROKEN[name]
    monkeypatch.setitem(tg.RULES, function, vjps)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Programs, settings=SETTINGS)
