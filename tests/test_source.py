"""Printed source runs on its own, with NumPy alone, and gives the tape's gradients, for recorded and for new data."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.check.instances import random_instance
from tinygrad_rnn.models import record
from tinygrad_rnn.printing.notation import DISPLAY, Written, expression, literal
from tinygrad_rnn.source import source, source_inputs
from tinygrad_rnn.spec import Sizes, Spec

T, B, D, H, K = 4, 3, 2, 4, 3
Recorded = tuple[tg.Tape, tg.Var, list[tg.Var]]


def leaves_of(tape: tg.Tape) -> list[tg.Var]:
    return [tg.Var(tape, i, line[4]) for i, line in enumerate(tape.lines) if line[0] == "var"]


def run(text: str, inputs: dict[str, Any], name: str = "gradients") -> tuple[Any, dict[str, Any]]:
    space: dict[str, Any] = {}
    exec(compile(text, "printed", "exec"), space)
    result: tuple[Any, dict[str, Any]] = space[name](**inputs)
    return result


def agrees(text: str, inputs: dict[str, Any], loss: tg.Var, wrt: list[tg.Var]) -> None:
    value, gradients = run(text, inputs)
    np.testing.assert_allclose(value, loss.value, rtol=1e-12)
    for got, expected in zip(gradients.values(), loss.tape.grad(loss, wrt), strict=True):
        assert np.shape(got) == expected.shape
        assert np.asarray(got).dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


# ---- programs; targets and inputs are leaves, so that the same text serves other numbers -----------------------------
def classes(rng: np.random.Generator) -> Recorded:
    """Vanilla RNN on vectors, class numbers as targets, a slice X[t] of one leaf."""
    with tg.Tape(checked=True) as tape:
        U, W, V = (tape.var(rng.normal(size=s), n) for n, s in (("U", (H, D)), ("W", (H, H)), ("V", (K, H))))
        X, h = tape.var(rng.normal(size=(T, D)), "X"), tape.var(rng.normal(size=H), "h0")
        y = tape.data(rng.integers(K, size=T), "y")
        total = 0.0
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(U @ X[t - 1] + W @ h)
                total = total + tg.loss(tg.softmax_cross_entropy(V @ h, y[t - 1]), t)
        return tape, total / float(T), leaves_of(tape)


def rows(rng: np.random.Generator) -> Recorded:
    """A batch in rows, relu, a row of weights as targets, biases that are broadcast."""
    with tg.Tape(checked=True) as tape:
        U, W, V = (tape.var(rng.normal(size=s), n) for n, s in (("U", (D, H)), ("W", (H, H)), ("V", (H, K))))
        b, c = tape.var(rng.normal(size=H), "b"), tape.var(rng.normal(size=(1, K)), "c")
        h = rng.normal(size=(B, H))
        losses = []
        for t in range(1, T + 1):
            with tg.step(t):
                h = tg.relu(rng.normal(size=(B, D)) @ U + h @ W + b)
                targets = tg.softmax(rng.normal(size=(B, K)))
                losses.append(tg.loss(tg.softmax_cross_entropy(h @ V + c, targets).mean(), t))
        return tape, sum(losses) / float(T), leaves_of(tape)


def joined(rng: np.random.Generator) -> Recorded:
    """concatenate, stack, a bidirectional order of inputs, binary cross entropy, an embedding with repeated rows."""
    with tg.Tape(checked=True) as tape:
        E, W = tape.var(rng.normal(size=(5, D)), "E"), tape.var(rng.normal(size=(H, H + D)), "W")
        words = tape.data(rng.integers(5, size=(T, 2)), "words")
        y = tape.data(rng.integers(0, 2, size=(T, H)).astype(float), "y")
        h = tape.var(rng.normal(size=H), "h0")
        states = []
        for t in range(1, T + 1):
            with tg.step(t, loop="encoder"):
                x = E[words.value[t - 1]].sum(axis=0)
                h = tg.sigmoid(W @ np.concatenate([h, x]))
                states.append(h)
        z = np.stack(states) * 2.0 - np.stack(states[::-1])
        return tape, tg.binary_cross_entropy(z, y).mean(), leaves_of(tape)


def kinked(rng: np.random.Generator) -> Recorded:
    """Masks of every kind: maximum, minimum, max along an axis, absolute, sqrt, powers, relu of a scalar."""
    with tg.Tape(checked=True) as tape:
        W, s = tape.var(rng.normal(size=(H, H)), "W"), tape.var(rng.normal(), "s")
        h = tape.var(rng.normal(size=H), "h0")
        total = tg.relu(s) + abs(s) + np.maximum(s, 0.1)
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.maximum(np.tanh(W @ h), 0.3 * h * s)
                h = np.minimum(h, s * np.cos(h))
                q = np.outer(h, h).max(axis=1) + np.abs(h) ** 1.5
                total = total + tg.loss(np.sqrt(np.square(q).sum()) + np.min(h) + tg.logsumexp(h) + q[1:3].mean(), t)
        return tape, total, leaves_of(tape)


def mixed(rng: np.random.Generator) -> Recorded:
    """An adjoint that is a sum of slices and wholes, matrix products of every kind, reshapes."""
    with tg.Tape(checked=True) as tape:
        A, v = tape.var(rng.normal(size=(H, H)), "A"), tape.var(rng.normal(size=H), "v")
        h = v
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(h @ A + A.T @ h[::-1]) + h[0] * (h @ h)
        grid = np.reshape(np.tanh(h), (2, H // 2)) @ A[:2] * A[1:3] + A[[0, 0]]
        last = (
            np.swapaxes(np.exp(-np.square(grid)), 0, 1).sum()
            + np.log1p(np.square(A)).mean()
            - (v / (1.0 + h * h)).sum()
        )
        return tape, last, leaves_of(tape)


PROGRAMS = [classes, rows, joined, kinked, mixed]


@pytest.mark.parametrize("cell", list(tg.cells.CELLS))
def test_source_of_a_cell_gives_the_tapes_gradients(cell: str) -> None:
    tape, loss = tg.cells.record(cell, steps=5, seed=3)
    agrees(source(loss), source_inputs(loss), loss, leaves_of(tape))


@pytest.mark.parametrize("program", PROGRAMS)
def test_source_gives_the_tapes_gradients(program: Callable[[np.random.Generator], Recorded]) -> None:
    _, loss, wrt = program(np.random.default_rng(1))
    agrees(source(loss), source_inputs(loss), loss, wrt)


@pytest.mark.parametrize("convention", ["col", "row"])
@pytest.mark.parametrize("batch", [None, B])
@pytest.mark.parametrize(
    ("activation", "output", "loss"),
    [("tanh", "softmax", "softmax_ce"), ("sigmoid", "sigmoid", "bce"), ("relu", "tanh", "sq_err")],
)
def test_source_of_every_layout_gives_the_tapes_gradients(
    convention: str, batch: int | None, activation: str, output: str, loss: str
) -> None:
    spec = Spec(convention=convention, activation=activation, output_activation=output, loss=loss)
    made = random_instance(spec, Sizes(T=T, B=batch, d=D, m=H, q=K), seed=4)
    recorded = record(spec, made.params, made.x, made.y, made.h0)
    wrt = [*recorded.params.values(), recorded.x, recorded.h0]
    agrees(source(recorded.loss, wrt), source_inputs(recorded.loss, wrt), recorded.loss, wrt)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p is not joined])
def test_source_is_right_for_other_numbers_than_the_recorded(program: Callable[[Any], Recorded]) -> None:
    """Masks, winners and one-hot rows are computed anew: the text of one recording differentiates another."""
    _, one, _ = program(np.random.default_rng(1))
    _, other, wrt = program(np.random.default_rng(2))
    assert source(one) == source(other)
    assert not [name for name in source_inputs(one) if name.startswith("constant")]
    agrees(source(one), source_inputs(other), other, wrt)


def test_source_runs_in_a_process_that_cannot_import_this_project() -> None:
    _, loss, _ = kinked(np.random.default_rng(5))
    given = {name: np.asarray(a).tolist() for name, a in source_inputs(loss).items()}
    code = source(loss) + f"given = {{k: np.asarray(v) for k, v in {given!r}.items()}}\n"
    code += "loss, gradients = gradients(**given)\nprint(repr(float(loss)))\n"
    code += "import sys; assert not any('tinygrad' in name for name in sys.modules)\n"
    done = subprocess.run([sys.executable, "-I", "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(float(done.stdout), loss.value, rtol=1e-12)


def test_source_imports_numpy_and_nothing_else() -> None:
    for program in PROGRAMS:
        tree = ast.parse(source(program(np.random.default_rng(0))[1]))
        imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert imports == ["import numpy as np"]


def test_only_functions_that_are_used_are_defined() -> None:
    tape, loss = tg.cells.record("vanilla", steps=4)
    defined = {node.name for node in ast.parse(source(loss)).body if isinstance(node, ast.FunctionDef)}
    assert {"softmax_cross_entropy", "one_hot", "gradients"} <= defined
    assert not {"sigmoid", "relu", "binary_cross_entropy", "scatter"} & defined


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_name_in_the_source_is_made_before_it_is_used(program: Callable[[Any], Recorded]) -> None:
    *before, function = ast.parse(source(program(np.random.default_rng(0))[1])).body
    assert isinstance(function, ast.FunctionDef)
    made = {a.arg for a in function.args.args} | {f.name for f in before if isinstance(f, ast.FunctionDef)} | {"np"}
    for statement in function.body:
        nodes = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        assert {n.id for n in nodes if isinstance(n.ctx, ast.Load)} <= made
        made |= {n.id for n in nodes if isinstance(n.ctx, ast.Store)}


def test_slices_of_one_leaf_add_into_one_buffer() -> None:
    text = source(classes(np.random.default_rng(0))[1])
    assert text.count("d_X = np.zeros_like(X)") == 1
    assert "d_X[3] += " in text and "d_X[0] += " in text and "scatter" not in text


def test_gradients_are_arrays_of_their_own() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.arange(3.0), "a"), tape.var(np.arange(3.0) + 1.0, "b")
    _, gradients = run(source(np.tanh(a + b).sum()), {"a": np.arange(3.0), "b": np.arange(3.0)})
    gradients["a"] += 1.0
    assert not np.shares_memory(gradients["a"], gradients["b"])
    _, of_sum = run(source(a.sum(), [a]), {"a": np.arange(3.0)})
    of_sum["a"] += 1.0  # not a read-only view either


def test_a_gradient_that_nothing_reaches_is_zeros() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.ones(3), "a"), tape.var(np.ones((2, 2)), "b")
    loss, gradients = run(source(a.sum(), [a, b]), {"a": np.ones(3), "b": np.ones((2, 2))})
    assert gradients["b"].shape == (2, 2) and not gradients["b"].any()


def test_gradients_of_what_is_no_leaf() -> None:
    tape, loss = tg.cells.record("gru", steps=4, seed=1)
    state = next(
        tg.Var(tape, i, tape.lines[i][4]) for i, n in enumerate(tg.find_steps(tape).name) if n == "h" and i > 30
    )
    agrees(source(loss, [state]), source_inputs(loss, [state]), loss, [state])


def test_float32_stays_float32() -> None:
    rng, tape = np.random.default_rng(0), tg.Tape()
    W, h = tape.var(rng.normal(size=(3, 3)).astype("f4"), "W"), tape.var(rng.normal(size=3).astype("f4"), "h0")
    for t in range(T):
        with tape.step(t):
            h = tg.sigmoid(0.3 * (W @ h)) ** 2 * np.float32(0.1)
    loss = h.sum()
    value, gradients = run(source(loss), source_inputs(loss))
    assert value.dtype == gradients["W"].dtype == gradients["h0"].dtype == np.float32
    np.testing.assert_allclose(gradients["W"], tape.grad(loss, [W])[0], rtol=1e-6)


def test_a_gradient_has_its_leafs_dtype() -> None:
    tape = tg.Tape()
    w = tape.var(np.ones(3, "f4"), "w")
    loss = (w * tape.data(np.arange(3.0), "x")).sum()
    agrees(source(loss), source_inputs(loss), loss, [w])
    assert tape.grad(loss, [w])[0].dtype == np.float32


def test_a_gradients_gradient_has_a_source_too() -> None:
    with tg.Tape() as tape:
        w = tape.var(np.array([0.3, -0.8, 0.4]), "w")
        (g,) = tape.grad(np.sum(np.tanh(w) * w[::-1]), [w], track=True)
        loss = (g * g).sum()
    agrees(source(loss, [w]), source_inputs(loss, [w]), loss, [w])


@pytest.mark.parametrize("seed", range(20))
@np.errstate(all="ignore")
def test_brackets_stand_where_python_needs_them(seed: int) -> None:
    """Random nested expressions, written and evaluated again, are the numbers that they were written from."""
    rng = np.random.default_rng(seed)
    known = {name: rng.uniform(0.5, 1.5, size=(2, 2)) for name in "abc"}
    made = [(Written(name, 9), value) for name, value in known.items()]
    made += [(literal(number), number) for number in (-1.5, 2, -1)]
    operations = [np.add, np.subtract, np.multiply, np.divide, np.matmul, np.negative, np.transpose]
    operations += [np.power, np.greater]
    for _ in range(40):
        fn = operations[rng.integers(len(operations))]
        (first, x), (second, y) = (made[i] for i in rng.integers(len(made), size=2))
        unary, plain = fn in (np.negative, np.transpose), np.ndim(x) == 0 or np.ndim(y) == 0
        if np.ndim(x) == 0 or (fn is np.matmul and plain) or (fn is np.power and np.any(x < 0)) or len(first.text) > 99:
            continue
        if not unary and rng.integers(2) and fn not in (np.matmul, np.power):
            first, second, x, y = second, first, y, x
        args, texts = ([x], [first]) if unary else ([x, y], [first, second])
        value = fn(*args) * 1.0 if fn is np.greater else fn(*args)
        if not np.isfinite(value).all():
            continue
        written = expression((fn, (0,) * len(args), args, {}), texts, DISPLAY)
        if fn is np.greater:
            written = Written(f"{written.inside(5)} * 1.0", 5)
        assert np.array_equal(eval(written.text, {}, known), value)
        made.append((written, value))
    assert len(made) > 12


# ---- names are the user's data ---------------------------------------------------------------------------------------
HOSTILE = [
    'x"""\nimport os; os.system("false")\n"""', "a = 1; raise SystemExit", "import", "np", "print", "h[-1]", "h[1]",
    "d_w", "W'", "𝐱", "ﬁ", "1", "", " ", "\u202e", "lambda: 0", "W" * 10_000, "gradients", "tanh", "softmax", "v3",
    "\x00",
]  # fmt: skip


def test_a_name_never_becomes_code() -> None:
    tape = tg.Tape()
    leaves = [tape.var(np.array([0.1 * n, 0.2]), name) for n, name in enumerate(HOSTILE)]
    with tape.step(1, loop='loop"""\nraise SystemExit\n#'):  # type: ignore[arg-type]
        loss = sum(np.tanh(leaf).sum() for leaf in leaves) + tg.softmax(leaves[0]).max()
    text = source(loss)
    code = ast.parse(text)
    assert [type(node).__name__ for node in code.body][0] == "Import"
    assert not any(isinstance(node, ast.Raise) for node in ast.walk(code.body[-1]))
    assert max(map(len, text.splitlines())) < 300
    agrees(text, source_inputs(loss), loss, leaves)


def test_names_stay_recognisable() -> None:
    tape = tg.Tape()
    wanted = {"h[-1]": "h_minus_1", "W_xh": "W_xh", "layer 2/W": "layer_2_W", "θ": "θ", "lambda": "lambda_2"}
    loss = sum(tape.var(1.0, name) for name in wanted)
    assert list(source_inputs(loss)) == list(wanted.values())


@pytest.mark.parametrize("name", ["1f", "f(x): pass #", "import", "np", "", "print"])
def test_the_functions_name_must_be_a_free_identifier(name: str) -> None:
    tape = tg.Tape()
    with pytest.raises(tg.TapeError, match="identifier"):
        source(tape.var(1.0, "x") * 2.0, name=name)


def test_the_functions_name_may_be_that_of_a_leaf_but_not_of_a_function_it_calls() -> None:
    tape = tg.Tape()
    x = tape.var(np.ones(3), "x")
    _, gradients = run(source((x * x).sum(), name="x"), {"x": np.ones(3)}, "x")
    np.testing.assert_array_equal(gradients["x"], 2.0 * np.ones(3))
    with pytest.raises(tg.TapeError, match="another name"):
        source(tg.sigmoid(x).sum(), name="sigmoid")


def test_a_loss_that_is_no_scalar_is_refused() -> None:
    tape = tg.Tape()
    with pytest.raises(tg.TapeError, match="sum or average"):
        source(tape.var(np.ones(3), "x") * 2.0)


# ---- functions of the user's own -------------------------------------------------------------------------------------
SHARPNESS = 3.0


@tg.primitive
def soft_step(x: Any) -> Any:
    """A user's primitive: x / (1 + |sharpness x|)."""
    return x / bent(x)


def bent(x: Any) -> Any:
    return 1.0 + np.abs(SHARPNESS * x)


@tg.primitive
def shadowed(x: Any) -> Any:
    """3 (x + 2 x): the comprehension's SHARPNESS is its own."""
    return SHARPNESS * sum([SHARPNESS * x for SHARPNESS in (1.0, 2.0)])


@pytest.fixture
def taught() -> Any:
    """soft_step and a closure as primitives, forgotten afterwards."""
    SHARPNESS = 0.7  # not the global of this name

    @tg.primitive
    def scaled(x: Any) -> Any:
        return SHARPNESS * x

    tg.rule(soft_step, lambda g, y, x: g / np.square(1.0 + np.absolute(3.0 * x)))
    tg.rule(scaled, lambda g, y, x: g * SHARPNESS)
    yield soft_step, scaled
    del tg.RULES[soft_step], tg.RULES[scaled]


def test_a_users_own_function_is_defined_with_what_it_calls(taught: Any) -> None:
    tape = tg.Tape()
    x = tape.var(np.array([0.5, -0.2]), "x")
    loss = soft_step(x).sum()
    text = source(loss)
    assert "SHARPNESS = 3.0" in text and "def bent(x)" in text and "def soft_step(x)" in text
    assert list(source_inputs(loss)) == ["x"]
    agrees(text, source_inputs(loss), loss, [x])


def test_a_global_is_told_from_a_local_of_the_same_name() -> None:
    tg.rule(shadowed, lambda g, y, x: g * 9.0)
    try:
        tape = tg.Tape()
        x = tape.var(np.array([0.5, -0.2]), "x")
        loss = shadowed(x).sum()
        text = source(loss)
        assert "SHARPNESS = 3.0" in text and list(source_inputs(loss)) == ["x"]
        agrees(text, source_inputs(loss), loss, [x])
    finally:
        del tg.RULES[shadowed]


def test_a_function_without_source_of_its_own_becomes_an_argument(taught: Any) -> None:
    tape = tg.Tape()
    x = tape.var(np.array([0.5, -0.2]), "x")
    loss = taught[1](x).sum()
    assert source_inputs(loss)["scaled"] is taught[1]
    agrees(source(loss), source_inputs(loss), loss, [x])


def test_the_tape_is_as_it_was() -> None:
    tape, loss = tg.cells.record("lstm", steps=4)
    before = (
        list(tape.lines),
        dict(tape.backward),
        list(tape.source),
        dict(tape.checksums),
        list(tape.losses),
        tape.scope,
    )
    source(loss), source_inputs(loss)
    after = tape.lines, tape.backward, tape.source, tape.checksums, tape.losses, tape.scope
    assert all(a is b for a, b in zip(before[0], after[0], strict=True)) and before[1:] == after[1:]


@pytest.mark.parametrize(
    "use",
    [
        lambda tape, loss: source(loss),
        lambda tape, loss: source_inputs(loss),
        lambda tape, loss: tg.listing(tape),
        lambda tape, loss: tg.backward(loss),
        lambda tape, loss: tg.local_rule(tape, len(tape) - 1, 0),
    ],
    ids=["source", "source_inputs", "listing", "backward", "local_rule"],
)
def test_a_printed_tape_is_freed_without_the_collector(use: Callable[[tg.Tape, tg.Var], Any]) -> None:
    gc.collect()
    gc.disable()
    try:
        tape, loss = tg.cells.record("lstm", steps=T)
        freed = weakref.ref(tape)
        result = use(tape, loss)
        del tape, loss
        assert freed() is None
        assert result
    finally:
        gc.enable()
