"""Random programs, a third of them recurrent, against PyTorch in float64; skipped where PyTorch is not installed.

A program is drawn once as a list of instructions and run by both engines: by the tape in NumPy's words, by PyTorch in
its own. The recurrent ones are PyTorch's RNN, LSTM and GRU modules against the same cells written in NumPy with marked
steps, and cells made of random instructions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_rnn as tg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

Array = Any
TOLERANCE = 1e-10
WORST: dict[str, list[float]] = {}


class Instruction(NamedTuple):
    """`name(*operands, **more)`, operands by number: the leaves first, then one value for each instruction."""

    name: str
    operands: tuple[int, ...]
    more: dict[str, Any]


class Same(NamedTuple):
    """A function in both engines' words, and the arrays that it fits."""

    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    fits: Callable[..., bool] = lambda *arrays, **more: True


def positive(*arrays: Array) -> bool:
    return all(np.all(a > 0.05) for a in arrays)


def small(*arrays: Array) -> bool:
    return all(np.all(np.abs(a) < 3) for a in arrays)


def inside(*arrays: Array) -> bool:
    return all(np.all(np.abs(a) < 0.9) for a in arrays)


def far(*arrays: Array) -> bool:
    return all(np.all(np.abs(a) > 0.05) for a in arrays)


def distinct(x: Array, **more: Any) -> bool:
    return np.unique(np.round(x, 6)).size == x.size


UNARY = {
    "exp": Same(np.exp, torch.exp, small), "exp2": Same(np.exp2, torch.exp2, small),
    "expm1": Same(np.expm1, torch.expm1, small), "log": Same(np.log, torch.log, positive),
    "log2": Same(np.log2, torch.log2, positive), "log10": Same(np.log10, torch.log10, positive),
    "log1p": Same(np.log1p, torch.log1p, positive), "sin": Same(np.sin, torch.sin), "cos": Same(np.cos, torch.cos),
    "tan": Same(np.tan, torch.tan, inside), "sinh": Same(np.sinh, torch.sinh, small),
    "cosh": Same(np.cosh, torch.cosh, small), "tanh": Same(np.tanh, torch.tanh),
    "arcsin": Same(np.arcsin, torch.arcsin, inside), "arccos": Same(np.arccos, torch.arccos, inside),
    "arctan": Same(np.arctan, torch.arctan), "arcsinh": Same(np.arcsinh, torch.arcsinh),
    "arccosh": Same(lambda x: np.arccosh(x + 1), lambda x: torch.arccosh(x + 1), positive),
    "arctanh": Same(np.arctanh, torch.arctanh, inside), "sqrt": Same(np.sqrt, torch.sqrt, positive),
    "square": Same(np.square, torch.square), "reciprocal": Same(np.reciprocal, torch.reciprocal, far),
    "absolute": Same(np.absolute, torch.abs), "sigmoid": Same(tg.sigmoid, torch.sigmoid),
    "relu": Same(tg.relu, torch.relu, far), "softplus": Same(tg.softplus, torch.nn.functional.softplus),
    "negative": Same(lambda x: -x, lambda x: -x), "cube": Same(lambda x: x**3, lambda x: x**3),
    "sign": Same(lambda x: np.sign(x) * x, lambda x: torch.sign(x) * x, far),
    "floor": Same(lambda x: x - np.floor(x), lambda x: x - torch.floor(x)),
    "clip": Same(lambda x: np.clip(x, -0.7, 0.6), lambda x: torch.clip(x, -0.7, 0.6)),
}  # fmt: skip
BINARY = {
    "add": Same(lambda a, b: a + b, lambda a, b: a + b), "subtract": Same(lambda a, b: a - b, lambda a, b: a - b),
    "multiply": Same(lambda a, b: a * b, lambda a, b: a * b),
    "divide": Same(lambda a, b: a / b, lambda a, b: a / b, lambda a, b: far(b)),
    "power": Same(lambda a, b: a**b, lambda a, b: a**b, lambda a, b: positive(a) and small(a, b)),
    "maximum": Same(np.maximum, torch.maximum, lambda a, b: far(a - b)),
    "minimum": Same(np.minimum, torch.minimum, lambda a, b: far(a - b)),
    "hypot": Same(np.hypot, torch.hypot, lambda a, b: far(a)),
    "arctan2": Same(np.arctan2, torch.arctan2, lambda a, b: far(a)),
    "logaddexp": Same(np.logaddexp, torch.logaddexp),
    "remainder": Same(np.remainder, torch.remainder, lambda a, b: positive(b)),
    "where": Same(lambda a, b: np.where(np.asarray(value(a)) > 0, a, b), lambda a, b: torch.where(a > 0, a, b)),
}  # fmt: skip
AXIS = {
    "sum": Same(lambda x, axis: np.sum(x, axis=axis), lambda x, axis: torch.sum(x, dim=axis)),
    "mean": Same(lambda x, axis: np.mean(x, axis=axis, keepdims=True), lambda x, axis: x.mean(dim=axis, keepdim=True)),
    "prod": Same(lambda x, axis: np.prod(x, axis=axis), lambda x, axis: torch.prod(x, dim=axis)),
    "max": Same(lambda x, axis: np.max(x, axis=axis), lambda x, axis: torch.amax(x, dim=axis), distinct),
    "min": Same(lambda x, axis: np.min(x, axis=axis), lambda x, axis: torch.amin(x, dim=axis), distinct),
    "var": Same(lambda x, axis: np.var(x, axis=axis), lambda x, axis: torch.var(x, dim=axis, correction=0)),
    "std": Same(lambda x, axis: np.std(x, axis=axis, ddof=1), lambda x, axis: torch.std(x, dim=axis, correction=1),
                lambda x, axis: x.shape[axis] > 1 and bool(np.all(np.std(x, axis=axis) > 0.05))),
    "norm": Same(lambda x, axis: np.linalg.norm(x, axis=axis), lambda x, axis: torch.linalg.norm(x, dim=axis),
                 lambda x, axis: far(x)),
    "cumsum": Same(lambda x, axis: np.cumsum(x, axis=axis), lambda x, axis: torch.cumsum(x, dim=axis)),
    "cumprod": Same(lambda x, axis: np.cumprod(x, axis=axis), lambda x, axis: torch.cumprod(x, dim=axis)),
    "sort": Same(lambda x, axis: np.sort(x, axis=axis), lambda x, axis: torch.sort(x, dim=axis)[0], distinct),
    "flip": Same(lambda x, axis: np.flip(x, axis), lambda x, axis: torch.flip(x, (axis,))),
    "roll": Same(lambda x, axis: np.roll(x, 2, axis), lambda x, axis: torch.roll(x, 2, axis)),
    "repeat": Same(lambda x, axis: np.repeat(x, 2, axis), lambda x, axis: torch.repeat_interleave(x, 2, dim=axis)),
    "softmax": Same(lambda x, axis: tg.softmax(x, axis=axis), lambda x, axis: torch.softmax(x, dim=axis)),
    "log_softmax": Same(lambda x, axis: tg.log_softmax(x, axis=axis), lambda x, axis: torch.log_softmax(x, dim=axis)),
    "logsumexp": Same(lambda x, axis: tg.logsumexp(x, axis=axis), lambda x, axis: torch.logsumexp(x, dim=axis)),
    "moved": Same(lambda x, axis: np.moveaxis(x, axis, 0), lambda x, axis: torch.movedim(x, axis, 0)),
    "widened": Same(lambda x, axis: np.expand_dims(x, axis), lambda x, axis: torch.unsqueeze(x, axis)),
    "twice": Same(lambda x, axis: np.concatenate([x, x * 2], axis), lambda x, axis: torch.cat([x, x * 2], axis)),
    "stacked": Same(lambda x, axis: np.stack([x, x * x], axis), lambda x, axis: torch.stack([x, x * x], axis)),
    "halves": Same(lambda x, axis: np.array_split(x, 2, axis)[0], lambda x, axis: torch.tensor_split(x, 2, axis)[0]),
    "taken": Same(lambda x, axis: np.take(x, [0, -1, 0], axis),
                  lambda x, axis: torch.index_select(x, axis, torch.tensor([0, x.shape[axis] - 1, 0]))),
}  # fmt: skip
MATRIX = {  # a square matrix, well conditioned after a multiple of the unit matrix was added
    "inv": Same(lambda a: np.linalg.inv(a + shift(a)), lambda a: torch.linalg.inv(a + torch.tensor(shift(a)))),
    "solve": Same(lambda a: np.linalg.solve(a + shift(a), a),
                  lambda a: torch.linalg.solve(a + torch.tensor(shift(a)), a)),
    "trace": Same(lambda a: np.trace(a), lambda a: torch.trace(a)), "diag": Same(np.diag, torch.diag),
    "tril": Same(lambda a: np.tril(a, -1), lambda a: torch.tril(a, -1)), "triu": Same(np.triu, torch.triu),
    "turned": Same(lambda a: a.T @ a, lambda a: a.T @ a), "squared": Same(lambda a: a @ a, lambda a: a @ a),
}  # fmt: skip
PRODUCT = {
    "matmul": Same(lambda a, b: a @ b, lambda a, b: a @ b), "outer": Same(np.outer, lambda a, b: torch.outer(
        a.reshape(-1), b.reshape(-1))), "einsum": Same(lambda a, b: np.einsum("...i,...i->...", a, b),
                                                       lambda a, b: torch.einsum("...i,...i->...", a, b)),
}  # fmt: skip
WHOLE = {
    "T": Same(lambda x: np.transpose(x), lambda x: x.permute(*reversed(range(x.ndim)))),
    "ravel": Same(np.ravel, torch.ravel), "last": Same(lambda x: x[..., -1], lambda x: x[..., -1]),
    "rows": Same(lambda x: x[[0, 0, -1]], lambda x: x[[0, 0, -1]]), "from 1": Same(lambda x: x[1:], lambda x: x[1:]),
    "masked": Same(lambda x: x[np.asarray(value(x)) > 0], lambda x: x[x > 0]),
    "wide": Same(lambda x: np.broadcast_to(x, (2, *x.shape)), lambda x: torch.broadcast_to(x, (2, *x.shape))),
    "tiled": Same(lambda x: np.tile(x, 2), lambda x: torch.tile(x, (2,))),
    "padded": Same(lambda x: np.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 2)]),
                   lambda x: torch.nn.functional.pad(x, (1, 2))),
}  # fmt: skip
TABLES = [UNARY, UNARY, BINARY, BINARY, AXIS, AXIS, PRODUCT, MATRIX, WHOLE]
EVERY = {name: same for table in TABLES for name, same in table.items()}


def value(x: Any) -> Array:
    """The plain array behind a Var."""
    return x.value if isinstance(x, tg.Var) else x


def shift(a: Any) -> Array:
    """A multiple of the unit matrix that makes a + it invertible, whatever a's numbers, in either engine."""
    plain = a.detach().numpy() if isinstance(a, torch.Tensor) else value(a)
    return (1.0 + np.abs(plain).sum()) * np.eye(a.shape[-1])


# ---- drawing and running programs --------------------------------------------------------------------------------


def instructions(random: Any, values: list[Array], length: int) -> Iterator[Instruction]:
    """Random instructions that fit the values so far; a large value is followed by its tanh."""
    drawn = 0
    while drawn < length:
        table = TABLES[random.integers(len(TABLES))]
        name = sorted(table)[random.integers(len(table))]
        arity = 2 if table in (BINARY, PRODUCT) else 1
        operands = tuple(int(k) for k in random.integers(len(values), size=arity))
        arrays, more = [values[k] for k in operands], {}
        if table is AXIS:
            if not arrays[0].ndim:
                continue
            more = {"axis": int(random.integers(-arrays[0].ndim, arrays[0].ndim))}
        if table is WHOLE and (not arrays[0].ndim or not arrays[0].shape[0]):
            continue
        if table is MATRIX and (arrays[0].ndim != 2 or len(set(arrays[0].shape)) != 1):
            continue
        try:
            if any(not a.size for a in arrays) or not table[name].fits(*arrays, **more):
                continue
            result = np.asarray(table[name].ours(*arrays, **more))
        except ValueError:  # shapes that do not meet
            continue
        if not 0 < result.size <= 60 or not np.all(np.isfinite(result)):
            continue
        drawn += 1
        yield Instruction(name, operands, more)
        values.append(result)
        if np.max(np.abs(result)) > 5:
            yield Instruction("tanh", (len(values) - 1,), {})
            values.append(np.tanh(result))


def run(program: list[Instruction], leaves: Any, words: str) -> list[Any]:
    values = list(leaves)
    for name, operands, more in program:
        values.append(getattr(EVERY[name], words)(*(values[k] for k in operands), **more))
    return values


def straight(seed: int) -> tuple[list[Array], Callable[[Any, str], Any]]:
    """A program without steps: its leaves, and its loss in either engine's words."""
    random = np.random.default_rng(seed)
    shapes = [(3, 3), (2, 3), (3,), (), (2, 1, 3), (3, 2)]
    leaves = [random.normal(size=shapes[k]) for k in random.choice(len(shapes), size=3, replace=False)]
    values = list(leaves)
    program = list(instructions(random, values, int(random.integers(5, 16))))
    weights = [random.normal(size=v.shape) for v in values]

    def loss(given: Any, words: str) -> Any:
        made = run(program, given, words)
        if words == "ours":
            return sum(np.sum(np.tanh(v) * w) for v, w in zip(made, weights, strict=True))
        return sum(torch.sum(torch.tanh(v) * torch.tensor(w)) for v, w in zip(made, weights, strict=True))

    return leaves, loss


def compare(kind: str, leaves: list[Array], loss: Callable[[Any, str], Any], *, twice: bool) -> None:
    """Value, gradient by every leaf and, where asked, the Hessian along a direction."""
    tensors = [torch.tensor(a, requires_grad=True) for a in leaves]
    theirs = loss(tensors, "theirs")
    known = torch.autograd.grad(theirs, tensors, create_graph=twice, allow_unused=True, materialize_grads=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.UnusedWarning)
        ours, found = tg.value_and_grad(lambda given: loss(given, "ours"))(tuple(leaves))
        worst = max(distance(ours, theirs), *(distance(f, k) for f, k in zip(found, known, strict=True)))
        if twice:
            directions = [np.random.default_rng(5).normal(size=a.shape) for a in leaves]
            along = sum((k * torch.tensor(d)).sum() for k, d in zip(known, directions, strict=True))
            second = torch.autograd.grad(along, tensors, allow_unused=True, materialize_grads=True)
            curved = tg.hvp(lambda given: loss(given, "ours"))(tuple(leaves), tuple(directions))
            worst = max(worst, *(distance(f, k) for f, k in zip(curved, second, strict=True)))
    WORST.setdefault(kind, []).append(worst)
    assert worst < TOLERANCE


def distance(found: Any, known: Any) -> float:
    """The largest difference, relative to the largest number (or to 1)."""
    known = known.detach().numpy()
    assert np.shape(found) == known.shape
    return float(np.max(np.abs(found - known), initial=0.0) / max(1.0, np.max(np.abs(known), initial=0.0)))


@pytest.mark.parametrize("seed", range(220))
def test_a_random_program_has_pytorchs_derivatives(seed: int) -> None:
    leaves, loss = straight(seed)
    compare("straight", leaves, loss, twice=seed % 3 == 0)


# ---- recurrent programs ------------------------------------------------------------------------------------------


class Sizes(NamedTuple):
    steps: int
    batch: int
    inputs: int
    hidden: int


def weights_of(module: Any) -> list[Array]:
    return [p.detach().numpy().copy() for p in module.parameters()]


def gates(w: Any, u: Any, b: Any, c: Any, x: Any, h: Any) -> tuple[Any, Any]:
    return x @ w.T + b, h @ u.T + c


def step_of(kind: str, leaves: Any, x: Any, h: Any, cell: Any) -> tuple[Any, Any]:
    """One step of PyTorch's cells, in NumPy: gates are i, f, g, o in an LSTM and r, z, n in a GRU."""
    from_input, from_state = gates(*leaves, x, h)
    if kind == "tanh":
        return np.tanh(from_input + from_state), cell
    if kind == "relu":
        return tg.relu(from_input + from_state), cell
    if kind == "lstm":
        i, f, g, o = np.split(from_input + from_state, 4, axis=-1)
        cell = tg.sigmoid(f) * cell + tg.sigmoid(i) * np.tanh(g)
        return tg.sigmoid(o) * np.tanh(cell), cell
    (xr, xz, xn), (hr, hz, hn) = np.split(from_input, 3, axis=-1), np.split(from_state, 3, axis=-1)
    z = tg.sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + tg.sigmoid(xr + hr) * hn) + z * h, cell


def module_of(kind: str, sizes: Sizes) -> Any:
    made = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(kind)
    if made is not None:
        return made(sizes.inputs, sizes.hidden, dtype=torch.float64)
    return torch.nn.RNN(sizes.inputs, sizes.hidden, nonlinearity=kind, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("kind", ["tanh", "relu", "lstm", "gru"])
def test_a_recurrent_network_has_pytorchs_derivatives(kind: str, seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    torch.manual_seed(seed)
    sizes = Sizes(*(int(n) for n in random.integers([4, 1, 1, 2], [9, 4, 4, 6])))
    module = module_of(kind, sizes)
    xs = random.normal(size=(sizes.steps, sizes.batch, sizes.inputs))
    states = [random.normal(size=(sizes.batch, sizes.hidden)) for _ in range(2 if kind == "lstm" else 1)]
    V, classes = random.normal(size=(sizes.hidden, 3)), random.integers(0, 3, size=(sizes.steps, sizes.batch))
    leaves, many = [*weights_of(module), xs, V, *states], seed % 2 == 0

    def loss(given: Any, words: str) -> Any:
        *parameters, xs, V = given[:6]
        h, *rest = given[6:]
        if words == "theirs":
            state = (h[None], rest[0][None]) if rest else h[None]
            names = [name for name, _ in module.named_parameters()]
            out, _ = torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (xs, state))
            logits, told = (out, classes) if many else (out[-1:], classes[-1:])
            return torch.nn.functional.cross_entropy((logits @ V).reshape(-1, 3), torch.tensor(told.reshape(-1)))
        cell, total = rest[0] if rest else None, 0.0
        w, u, b, c = parameters
        for t in range(sizes.steps):
            with tg.step(t + 1):
                h, cell = step_of(kind, (w, u, b, c), xs[t], h, cell)
                if many or t == sizes.steps - 1:
                    total = total + np.mean(tg.softmax_cross_entropy(h @ V, classes[t]))
        return total / (sizes.steps if many else 1)

    compare(kind, leaves, loss, twice=seed % 5 == 0)


@pytest.mark.parametrize("seed", range(30))
def test_a_recurrent_cell_of_random_instructions_has_pytorchs_derivatives(seed: int) -> None:
    random = np.random.default_rng(2000 + seed)
    steps, size = int(random.integers(4, 8)), int(random.integers(2, 5))
    w, u, b, h0 = (random.normal(size=s) for s in ((size, size), (size, 2), (size,), (size,)))
    xs, targets = random.normal(size=(steps, 2)), random.normal(size=(steps, size))
    smooth = {"sin", "cos", "tanh", "sigmoid", "softplus", "arctan", "square", "arcsinh", "negative", "cube"}
    names = random.choice(sorted(smooth), size=3)

    def loss(given: Any, words: str) -> Any:
        w, u, b, h = given
        first, second, third = (getattr(EVERY[name], words) for name in names)
        squash = getattr(EVERY["tanh"], words)
        gate = getattr(EVERY["sigmoid"], words)
        plain = (lambda a: a) if words == "ours" else torch.tensor
        total = 0.0
        for t in range(steps):
            with tg.step(t + 1):
                a = w @ h + u @ plain(xs[t]) + b
                z = gate(w @ first(a))
                h = z * h + (1 - z) * squash(second(a) * third(h) + a)
                total = total + ((h - plain(targets[t])) ** 2).mean()
        return total

    compare("own cells", [w, u, b, h0], loss, twice=seed % 5 == 0)


def test_three_hundred_programs_were_compared_and_a_third_of_them_recurrent(request: pytest.FixtureRequest) -> None:
    """Prints how far the engines were apart (with -s)."""
    if request.config.option.keyword or not WORST:
        pytest.skip("only some programs were run")
    recurrent = sum(len(found) for kind, found in WORST.items() if kind != "straight")
    whole = recurrent + len(WORST["straight"])
    print(f"\nPyTorch {torch.__version__}: {whole} programs, {recurrent} of them recurrent")
    for kind, found in WORST.items():
        print(f"  {kind:10} {len(found):4} programs, largest relative difference {max(found):.1e}")
    assert whole >= 300 and 3 * recurrent >= whole
