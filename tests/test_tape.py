"""The tape: what it records, what it refuses, and that sweeps are exact, repeatable, deep, thread-safe and free."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step

RNG = np.random.default_rng(3)
W, U, B = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=4)
X, H0 = RNG.normal(size=(5, 3)), RNG.normal(size=4)


def rnn_loss(w: Any, u: Any, b: Any, h: Any, xs: Any = X) -> Any:
    total = 0.0
    for t in range(5):
        h = np.tanh(w @ h + u @ xs[t] + b)
        total = total + np.sum(h * h * h)
    return total


def test_gradients_of_an_unrolled_rnn_agree_with_the_complex_step() -> None:
    arrays = [W, U, B, H0, X]
    with tg.Tape(checked=True) as tape:
        leaves = [tape.var(a) for a in arrays]
        found = tape.grad(rnn_loss(*leaves), leaves)
    for k, g in enumerate(found):
        known = complex_step(lambda z, k=k: rnn_loss(*arrays[:k], z, *arrays[k + 1 :]), arrays[k])
        np.testing.assert_allclose(g, known, rtol=1e-12, atol=1e-14)


def test_a_line_is_plain_data() -> None:
    tape = tg.Tape()
    w = tape.var(np.ones(2), "w")
    y = w * 3.0
    assert tape.lines[y.index][:4] == (np.multiply, (w.index, -1), (w.value, 3.0), {})
    line = tape[-1]
    assert (line.number, line.fn, line.parents, line.name, line.scope) == (1, np.multiply, (0, -1), None, ())
    assert len(tape) == 2


def test_an_array_that_is_no_var_becomes_a_data_leaf() -> None:
    tape = tg.Tape()
    w, x = tape.var(np.ones(2), "w"), np.array([2.0, 3.0])
    y = x * w
    assert [line[0] for line in tape.lines] == ["var", "data", np.multiply]
    assert tape.lines[1][4] is x and tape.lines[y.index][1] == (1, 0)


def test_steps_nest_and_their_scope_is_restored_by_an_exception() -> None:
    tape = tg.Tape()
    with tape.step(1), tape.step(2, loop="layer"):
        tape.var(1.0)
    with pytest.raises(ZeroDivisionError), tape.step(5):
        raise ZeroDivisionError
    tape.var(1.0)
    assert [line[5] for line in tape.lines] == [(("time", 1), ("layer", 2)), ()]


def test_step_and_loss_do_nothing_without_a_tape() -> None:
    with tg.step(1):
        assert tg.loss(3.0, 1) == 3.0


def test_sweeping_twice_gives_the_same_numbers() -> None:
    with tg.Tape() as tape:
        leaves = [tape.var(a) for a in (W, U, B, H0)]
        loss = rnn_loss(*leaves)
    first, second = tape.grad(loss, leaves), tape.grad(loss, leaves)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_gradients_are_fresh_writable_and_never_aliased() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.ones(3)), tape.var(np.ones(3))
    loss = (a + b).sum()
    first = tape.grad(loss, [a, b, a])
    for g in first:
        g += 100.0
    assert not any(np.shares_memory(first[i], first[j]) for i in range(3) for j in range(i))
    assert all(np.array_equal(g, np.ones(3)) for g in tape.grad(loss, [a, b, a]))


def test_a_seed_of_the_caller_is_not_changed() -> None:
    tape = tg.Tape()
    a = tape.var(np.ones(3))
    seed = np.array([1.0, 2.0, 3.0])
    tape.grad(a + a, [a], seed)
    np.testing.assert_array_equal(seed, [1.0, 2.0, 3.0])


def test_slices_of_one_leaf_add_up_repeated_ones_too() -> None:
    tape = tg.Tape()
    x = tape.var(np.arange(6.0).reshape(3, 2))
    loss = (x[0] * 2.0 + x[0] * x[1]).sum() + x[1:].sum() + x[[0, 0]].sum()
    (g,) = tape.grad(loss, [x])
    known = np.array([[2 + 2 + 2.0, 2 + 3 + 2], [0 + 1, 1 + 1], [1, 1]])
    np.testing.assert_array_equal(g, known)


def test_a_sum_and_slices_meet_in_one_leaf() -> None:
    """Slices add into a buffer; a contribution that came first must not be overwritten or changed in place."""
    tape = tg.Tape()
    x = tape.var(np.arange(3.0))
    y = x * 1.0
    loss = y[0] + (y + y).sum() + y[0]
    gx, gy = tape.grad(loss, [x, y])
    np.testing.assert_array_equal(gx, [4.0, 2.0, 2.0])
    np.testing.assert_array_equal(gy, gx)


def test_several_seeds_add_up() -> None:
    with tg.Tape() as tape:
        w = tape.var(W)
        h1 = np.tanh(w @ H0)
        h2 = np.tanh(w @ h1)
    s1, s2 = RNG.normal(size=4), RNG.normal(size=4)
    (both,) = tape.sweep({h1.index: s1, h2.index: s2}, [w.index])
    (one,) = tape.grad(h1, [w], s1)
    (two,) = tape.grad(h2, [w], s2)
    np.testing.assert_allclose(both, one + two, rtol=1e-13)


def test_cut_edges_pass_nothing_and_the_rest_stays() -> None:
    with tg.Tape() as tape:
        w = tape.var(W)
        h1 = np.tanh(w @ H0)
        h2 = np.tanh(w @ h1)
    edges = []
    (cut,) = tape.sweep(
        {h2.index: np.ones(4)}, [w.index], follow=lambda child, k, parent: parent != h1.index,
        report=lambda child, k, parent, d: edges.append((child, parent)),
    )  # fmt: skip
    known = np.outer(1 - h2.value**2, h1.value)  # only the last use of W
    np.testing.assert_allclose(cut, known, rtol=1e-13)
    assert all(parent != h1.index for _, parent in edges)


def test_contributions_and_the_seed_sum_to_the_adjoint_at_every_line() -> None:
    with tg.Tape() as tape:
        leaves = [tape.var(a) for a in (W, U, B, H0, X)]
        loss = rnn_loss(*leaves)
    arrived: dict[int, Any] = {loss.index: 1.0}

    def report(child: int, argument: int, parent: int, d: Any) -> None:
        arrived[parent] = arrived.get(parent, 0.0) + d

    lines = range(len(tape))
    adjoints = tape.sweep({loss.index: 1.0}, [i for i in lines if tape.lines[i][0] != "data"], report=report)
    for i, g in zip([i for i in lines if tape.lines[i][0] != "data"], adjoints, strict=True):
        np.testing.assert_allclose(arrived[i], g, rtol=1e-12, atol=1e-15)


def test_what_the_loss_does_not_depend_on_gets_zeros() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.ones(2)), tape.var(np.ones((2, 3), np.float32))
    zeros = tape.grad((a * a).sum(), [b])[0]
    assert zeros.shape == (2, 3) and zeros.dtype == np.float32 and not zeros.any()


# ---- tracked sweeps ------------------------------------------------------------------------------------------------


def test_a_tracked_sweep_records_itself_and_says_what_every_line_is() -> None:
    with tg.Tape(checked=True) as tape:
        w = tape.var(W)
        h = H0
        for t in range(1, 5):
            with tape.step(t):
                h = np.tanh(w @ h)
        loss = (h * h).sum()
        before = len(tape)
        (g,) = tape.grad(loss, [w], track=True)
    (known,) = tape.grad(loss, [w])
    assert isinstance(g, tg.Var)
    np.testing.assert_array_equal(g.value, known)
    assert sorted(tape.backward) == list(range(before, len(tape)))
    for i in range(before, len(tape)):
        kind, line, argument = tape.backward[i]
        assert kind in ("seed", "adjoint", "sum")
        assert line < before
        if kind == "adjoint":
            assert tape.lines[i][5] == tape.lines[line][5], "recorded in the step of the forward line"
            assert tape.lines[line][1][argument or 0] >= 0
    kinds = [meaning.kind for meaning in tape.backward.values()]
    assert kinds.count("seed") == 1 and kinds.count("sum") == 4  # w is used in four steps, the last h twice


def test_a_tracked_sweep_gives_vars_even_for_zeros_and_restores_the_scope() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.ones(2)), tape.var(np.ones(3))
    with tape.step(7):
        ga, gb = tape.grad((a * a).sum(), [a, b], track=True)
        assert tape.scope == (("time", 7),)
    assert isinstance(gb, tg.Var) and not gb.value.any() and tape.backward[gb.index].kind == "zeros"
    assert isinstance(ga, tg.Var)


def test_scope_and_meaning_are_restored_when_a_rule_raises() -> None:
    def double(x: Any) -> Any:
        return tape.record(double, (x,), {}) if isinstance(x, tg.Var) else 2 * x

    def broken(g: Any, y: Any, x: Any) -> Any:
        raise ZeroDivisionError

    tg.rule(double, broken)
    tape = tg.Tape()
    a = tape.var(1.0)
    with tape.step(2):
        loss = double(a)
    with pytest.raises(ZeroDivisionError):
        tape.grad(loss, [a], track=True)
    del tg.RULES[double]
    assert tape.scope == () and (a + 1.0).index not in tape.backward


# ---- deep, free, in threads ----------------------------------------------------------------------------------------


def test_two_hundred_thousand_lines_deep_without_recursion() -> None:
    tape = tg.Tape()
    x = tape.var(1.0)
    y = x
    for _ in range(200_000):
        y = y * 1.00001
    np.testing.assert_allclose(tape.grad(y, [x])[0], 1.00001**200_000, rtol=1e-9)


def test_a_dropped_tape_is_freed_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        with tg.Tape(checked=True) as tape:
            leaves = [tape.var(a) for a in (W, U, B, H0)]
            loss = rnn_loss(*leaves)
            tape.grad(loss, leaves, track=True)
        alive = weakref.ref(loss.value if isinstance(loss.value, np.ndarray) else leaves[0].value)
        ghost = weakref.ref(tape)
        tape.grad(loss, leaves)
        flow = tg.flow(loss)
        del tape, leaves, loss, flow
        assert ghost() is None and alive() is None
    finally:
        gc.enable()


def test_eight_threads_with_a_tape_each_get_right_answers() -> None:
    known = {k: complex_step(lambda w, k=k: rnn_loss(w * (1 + k / 10), U, B, H0), W) for k in range(8)}
    wrong: list[int] = []
    start = threading.Barrier(8)

    def work(k: int) -> None:
        start.wait()
        for _ in range(20):
            g = tg.grad(lambda w: rnn_loss(w * (1 + k / 10), U, B, H0))(W)
            if not np.allclose(g, known[k], rtol=1e-12, atol=1e-14):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_recording_from_another_thread_is_refused() -> None:
    tape = tg.Tape()
    a = tape.var(1.0)
    said: list[str] = []

    def work() -> None:
        try:
            a + 1.0
        except tg.TapeError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == ["this tape belongs to another thread; make one tape per thread"]


# ---- refusals, one line each ---------------------------------------------------------------------------------------


def tape_and_vars() -> tuple[tg.Tape, Any, Any]:
    tape = tg.Tape()
    return tape, tape.var(np.ones((2, 3)), "W"), tape.var(np.ones(3), "h")


def assign(array: Any, key: Any, value: Any) -> None:
    array[key] = value


REFUSED: dict[str, tuple[Callable[[tg.Tape, Any, Any], Any], str]] = {
    "bool": (lambda t, w, h: bool(h[0] > 0) and bool(h[0]), ".value"),
    "if": (lambda t, w, h: 1 if h[0] else 2, "branch"),
    "float": (lambda t, w, h: float(h[0]), ".value"),
    "int": (lambda t, w, h: int(h[0]), ".value"),
    "as an index": (lambda t, w, h: [1, 2][h[0]], ".value"),
    "array of Vars": (lambda t, w, h: np.array([h, h]), "np.stack"),
    "asarray": (lambda t, w, h: np.asarray(h), ".value"),
    "item assignment": (lambda t, w, h: assign(h, 0, 1.0), "np.where"),
    "out=": (lambda t, w, h: np.add(h, h, out=np.zeros(3)), "leave it out"),
    "where=": (lambda t, w, h: np.add(h, h, where=np.ones(3, bool)), "leave it out"),
    "dtype=": (lambda t, w, h: np.exp(h, dtype=np.float32), "leave it out"),
    "ufunc method": (lambda t, w, h: np.add.reduce(h), "np.sum"),
    "ufunc at": (lambda t, w, h: np.add.at(np.zeros(3), [0], h), "can't be recorded"),
    "Var in a keyword": (lambda t, w, h: np.sum(w, axis=0, where=h), "by position"),
    "two tapes": (lambda t, w, h: h + tg.Tape().var(np.ones(3)), "two tapes"),
    "no rule": (lambda t, w, h: np.linalg.svd(w), "tg.rule"),
    "no rule for a ufunc": (lambda t, w, h: np.arctan(h), "tg.rule"),
    "integer leaf": (lambda t, w, h: t.var(np.arange(3), "n"), "tape.var(n): dtype int64"),
    "integer scalar leaf": (lambda t, w, h: t.var(3), "floats"),
    "complex leaf": (lambda t, w, h: t.var(1j), "floats"),
    "boolean leaf": (lambda t, w, h: t.var(True), "floats"),
    "object data": (lambda t, w, h: t.data([object()]), "no numbers"),
    "text data": (lambda t, w, h: t.data("abc"), "no numbers"),
    "shape mismatch": (lambda t, w, h: w @ w, "matmul(W [2, 3], W [2, 3])"),
    "broadcast mismatch": (lambda t, w, h: w + np.ones(4), "add(W [2, 3], v2 [4])"),
    "index out of range": (lambda t, w, h: h[7], "getitem(h [3], 7)"),
    "vector loss": (lambda t, w, h: t.grad(h, [h]), "shape (3,), not ()"),
    "wrong seed": (lambda t, w, h: t.grad(h, [h], np.ones(2)), "the seed has shape (2,)"),
    "loss of another tape": (lambda t, w, h: t.grad(tg.Tape().var(1.0), [h]), "Vars of this tape"),
    "loss is a number": (lambda t, w, h: t.grad(3.0, [h]), "Vars of this tape"),  # type: ignore[arg-type]
    "vector step loss": (lambda t, w, h: t.loss(h, 2), "sum or average"),
    "two losses in a step": (lambda t, w, h: (t.loss(h[0], 2), t.loss(h[1], 2)), "already has a marked loss"),
    "3-D dot": (lambda t, w, h: np.dot(np.ones((2, 2, 2)), np.ones((2, 2, 2)) * h[0]), "np.matmul"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("checked", [False, True])
def test_refused_in_one_line_that_names_the_remedy(name: str, checked: bool) -> None:
    attempt, remedy = REFUSED[name]
    tape = tg.Tape(checked=checked)
    with pytest.raises(tg.TapeError) as said:
        attempt(tape, tape.var(np.ones((2, 3)), "W"), tape.var(np.ones(3), "h"))
    assert remedy in str(said.value)
    assert "\n" not in str(said.value)


def test_putting_a_var_into_an_array_is_refused_and_the_remedy_is_in_the_cause() -> None:
    """NumPy's own "setting an array element with a sequence" stands in front; nothing can be said before it."""
    _, _, h = tape_and_vars()
    array = np.zeros(3)
    with pytest.raises(ValueError, match="sequence") as said:
        array[0] = h[0]
    assert ".value" in str(said.value.__cause__)


def test_a_shape_mismatch_says_the_step() -> None:
    tape, w, h = tape_and_vars()
    with tape.step(3), pytest.raises(tg.TapeError, match=r"^step t = 3: matmul\(W \[2, 3\], W \[2, 3\]\): "):
        w @ w
    with tape.step(2, loop="layer"), pytest.raises(tg.TapeError, match=r"^layer 2: "):
        w @ w


def test_comparisons_and_shapes_are_plain() -> None:
    tape, w, h = tape_and_vars()
    lines = len(tape)
    assert (h > 0).dtype == bool and isinstance(h == h, np.ndarray) and not np.any(h != h)
    assert np.shape(w) == (2, 3) and np.ndim(h) == 1 and np.size(w) == 6 and len(w) == 2
    assert np.argmax(h) == 0 and np.isfinite(h).all() and np.zeros_like(w).shape == (2, 3)
    assert len(tape) == lines


def test_a_var_is_immutable_and_in_place_forms_make_new_lines() -> None:
    tape, w, h = tape_and_vars()
    first = h
    h += 1.0
    h *= 2.0
    assert first.index == 1 and h.index > first.index
    np.testing.assert_array_equal(first.value, np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        first.value[:] = 0.0


def test_the_leaf_is_a_private_copy() -> None:
    mine = np.ones(2)
    tape = tg.Tape()
    v = tape.var(mine)
    mine[:] = 5.0
    np.testing.assert_array_equal(v.value, np.ones(2))


# ---- checked mode --------------------------------------------------------------------------------------------------


def test_checked_mode_gives_the_same_numbers() -> None:
    results = []
    for checked in (False, True):
        with tg.Tape(checked=checked) as tape:
            leaves = [tape.var(a) for a in (W, U, B, H0, X)]
            results.append(tape.grad(rnn_loss(*leaves), leaves))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_checked_mode_freezes_results_and_keeps_the_users_line() -> None:
    tape = tg.Tape(checked=True)
    h = np.tanh(tape.var(np.ones(2)))
    assert tape.source[h.index][0] == __file__
    assert tape[h.index].source == tape.source[h.index]
    with pytest.raises(ValueError, match="read-only"):
        h.value[0] = 3.0


@pytest.mark.parametrize("where", ["explicit", "met in an operation", "an index"])
def test_checked_mode_detects_data_that_changed_after_it_was_recorded(where: str) -> None:
    tape = tg.Tape(checked=True)
    w = tape.var(np.ones(3))
    x = np.array([0, 1, 2]) if where == "an index" else np.ones(3)
    with tape.step(4):
        y = w * tape.data(x, "x") if where == "explicit" else w[x] if where == "an index" else w * x
    loss = y.sum()
    tape.grad(loss, [w])
    x[1] = 0
    with pytest.raises(tg.TapeError, match=r"^step t = 4: .* \[3\], recorded at .*test_tape.py:\d+, was changed"):
        tape.grad(loss, [w])


@pytest.mark.parametrize(("fn", "made"), [(np.log, "infinity"), (np.sqrt, "NaN"), (lambda v: 1.0 / (v + 1.0), "infi")])
def test_checked_mode_stops_at_the_first_bad_number(fn: Callable[[Any], Any], made: str) -> None:
    tape = tg.Tape(checked=True)
    v = tape.var(np.array([-1.0 if made != "infinity" else 0.0, 1.0]))
    with tape.step(2), pytest.raises(tg.TapeError, match=rf"^step t = 2: .* made {made}.*test_tape.py:\d+"):
        fn(v)


def test_checked_mode_lets_infinities_of_the_user_pass() -> None:
    tape = tg.Tape(checked=True)
    mask = np.array([0.0, -np.inf])
    np.testing.assert_array_equal(tg.softmax(tape.var(np.ones(2)) + mask).value, [1.0, 0.0])
