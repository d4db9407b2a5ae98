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
    loss = (a * a + a + b).sum()  # a's adjoint is summed in place, b's is handed through
    first = tape.grad(loss, [a, b, a, a])
    for g in first:
        g += 100.0
    assert not any(np.shares_memory(first[i], first[j]) for i in range(4) for j in range(i))
    for g, known in zip(tape.grad(loss, [a, b, a, a]), (3.0, 1.0, 3.0, 3.0), strict=True):
        np.testing.assert_array_equal(g, np.full(3, known))


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


def test_a_number_and_its_view_meet_in_one_leaf() -> None:
    """Sums of numbers are NumPy scalars, which nothing can be added into in place."""
    tape = tg.Tape()
    x = tape.var(3.0)
    y = x * 1.0
    np.testing.assert_array_equal(tape.grad(y[...] + y[()] + y + y, [x, y]), [4.0, 4.0])


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


def test_a_seed_of_whole_numbers_is_a_seed_of_floats() -> None:
    tape = tg.Tape()
    w = tape.var(np.ones(3))
    a = 0.5 * w
    np.testing.assert_array_equal(tape.grad(((a + w) + w) + w, w, seed=np.array([1, 2, 3])), [3.5, 7.0, 10.5])


def test_a_summed_gradient_has_the_leafs_dtype() -> None:
    tape = tg.Tape()
    w = tape.var(np.ones(3, np.float32))
    wide = w * np.ones(3)
    assert tape.grad((wide + wide * wide + w * np.ones(3)).sum(), w).dtype == np.float32


def test_a_copy_goes_on_without_the_original() -> None:
    tape, _, h = tape_and_vars()
    loss = (h * h).sum()
    copy = tape.copy()
    before = len(tape)
    (g,) = copy.grad(tg.Var(copy, loss.index, loss.value), [tg.Var(copy, h.index, h.value)], track=True)
    assert len(tape) == before < len(copy) and tape.backward == {} and len(copy.backward) > 0
    np.testing.assert_array_equal(g.value, 2 * np.ones(3))


def test_what_the_loss_does_not_depend_on_gets_zeros() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.ones(2)), tape.var(np.ones((2, 3), np.float32), "b")
    with pytest.warns(tg.UnusedWarning, match="the loss does not depend on b; its gradient is zeros") as noted:
        zeros = tape.grad((a * a).sum(), b)
    assert noted[0].filename == __file__
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
    with tape.step(7), pytest.warns(tg.UnusedWarning):
        ga, gb = tape.grad((a * a).sum(), [a, b], track=True)
        assert tape.scope == (("time", 7),)
    assert isinstance(gb, tg.Var) and not gb.value.any() and tape.backward[gb.index].kind == "zeros"
    assert isinstance(ga, tg.Var)


def test_scope_and_meaning_are_restored_when_a_rule_raises() -> None:
    @tg.primitive
    def double(x: Any) -> Any:
        return 2 * x

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
    "no rule for a ufunc": (lambda t, w, h: np.spacing(h), "tg.rule(np.spacing, lambda g, y, a: …)"),
    "no rule for a function": (lambda t, w, h: np.linalg.svd(w), "tg.rule(np.linalg.svd, lambda g, y, a: …)"),
    "integer leaf": (lambda t, w, h: t.var(np.arange(3), "n"), "tape.var(n): dtype int64"),
    "integer scalar leaf": (lambda t, w, h: t.var(3), "float64"),
    "complex leaf": (lambda t, w, h: t.var(1j), "float64"),
    "boolean leaf": (lambda t, w, h: t.var(True), "float64"),
    "object data": (lambda t, w, h: t.data([object()]), "no real numbers"),
    "text data": (lambda t, w, h: t.data("abc"), "no real numbers"),
    "shape mismatch": (lambda t, w, h: w @ w, "matmul(W [2, 3], W [2, 3])"),
    "broadcast mismatch": (lambda t, w, h: w + np.ones(4), "add(W [2, 3], v2 [4])"),
    "index out of range": (lambda t, w, h: h[7], "getitem(h [3], 7)"),
    "vector loss": (lambda t, w, h: t.grad(h, [h]), "shape (3,), not ()"),
    "wrong seed": (lambda t, w, h: t.grad(h, [h], np.ones(2)), "the seed has shape (2,)"),
    "loss of another tape": (lambda t, w, h: t.grad(tg.Tape().var(1.0), [h]), "Vars of this tape"),
    "loss is a number": (lambda t, w, h: t.grad(3.0, [h]), "Vars of this tape"),  # type: ignore[arg-type]
    "vector step loss": (lambda t, w, h: t.loss(h, 2), "sum or average"),
    "two losses in a step": (lambda t, w, h: (t.loss(h[0], 2), t.loss(h[1], 2)), "already has a marked loss"),
    "half precision": (lambda t, w, h: t.var(np.ones(2, np.float16)), "float32"),
    "dates": (lambda t, w, h: t.data(np.zeros(2, "datetime64[s]")), "no real numbers"),
    "complex data": (lambda t, w, h: t.data(1j), "no real numbers"),
    "a complex number": (lambda t, w, h: h * 1j, "real numbers"),
    "a complex array": (lambda t, w, h: h * np.ones(3, complex), "no real numbers"),
    "a matrix": (lambda t, w, h: w * np.ones((1, 3)).view(np.matrix), "np.asarray"),
    "a masked array": (lambda t, w, h: h * np.ma.array([1.0, 2, 3], mask=[1, 0, 0]), "np.asarray"),
    "a ragged list": (lambda t, w, h: t.data([[1], [1, 2]]), "one shape"),
    "a ragged operand": (lambda t, w, h: h * [[1], [1, 2]], "one shape"),
    "a number as a name": (lambda t, w, h: t.var(3.0, 5), "a name is text"),  # type: ignore[arg-type]
    "dtype by position": (lambda t, w, h: np.sum(w, 1, float), "sum(x, axis=None, *, keepdims=False)"),
    "dtype by name": (lambda t, w, h: np.sum(w, dtype=float), "dtype="),
    "where of a sum": (lambda t, w, h: np.sum(w, where=True), "where="),
    "initial of a maximum": (lambda t, w, h: np.max(h, initial=0.0), "initial="),
    "where with one argument": (lambda t, w, h: np.where(h), "where(c, a, b)"),
    "order of a reshape": (lambda t, w, h: np.reshape(w, (3, 2), order="F"), "reshape(x, shape)"),
    "order of a ravel": (lambda t, w, h: np.ravel(w, order="K"), "order"),
    "dtype of a stack": (lambda t, w, h: np.stack([h, h], dtype=float), "dtype"),
    "no seed": (lambda t, w, h: t.sweep({}, [0]), "at least one seed"),
    "no such line": (lambda t, w, h: t.sweep({50: 1.0}, [0]), "there is no line 50"),
    "no such wish": (lambda t, w, h: t.sweep({0: np.ones((2, 3))}, [50]), "there is no line 50"),
    "seed of a wrong shape": (lambda t, w, h: t.sweep({1: 2.0}, [1]), "the seed has shape ()"),
    "by an array": (lambda t, w, h: t.grad(h.sum(), [np.ones(3)]), "Vars of this tape"),
    "by whole numbers": (
        lambda t, w, h: t.grad((h * t.data([1, 2, 3], "n")).sum(), [tg.Var(t, 2, t.lines[2][4])]),
        "n holds int64",
    ),
    "a number as a step loss": (lambda t, w, h: t.loss(3.0, 1), "no Var of this tape"),  # type: ignore[arg-type]
    "a list as a step": (lambda t, w, h: t.step([1]).__enter__(), "a whole number"),  # type: ignore[arg-type]
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


def test_a_loss_is_marked_once_and_in_its_own_step() -> None:
    tape, _, h = tape_and_vars()
    with tape.step(2), pytest.raises(tg.TapeError, match="marked for t = 3; mark it for its own step"):
        tape.loss(h.sum(), 3)
    for sequence in range(2):  # two sequences that share their steps
        for t in (1, 2):
            with tape.step(t):
                if sequence:
                    with pytest.raises(tg.TapeError, match=f"t = {t} already has a marked loss"):
                        tape.loss(h.sum(), t)
                else:
                    tape.loss(h.sum(), t)
    with tape.step(1, loop="second sequence"):
        tape.loss(h.sum(), 1)
    assert len(tape.losses) == 3


def test_one_var_gives_one_gradient() -> None:
    tape, w, h = tape_and_vars()
    loss = (w @ h).sum()
    np.testing.assert_array_equal(tape.grad(loss, w), tape.grad(loss, [w])[0])
    assert isinstance(tape.grad(loss, w, track=True), tg.Var)


def test_lists_are_arrays_where_arrays_are_meant() -> None:
    with tg.Tape(checked=True) as tape:
        w, factors = tape.var(np.array([[1.0, 2.0], [3.0, 4.0]]), "w"), [10.0, 20.0]
        loss = (w * factors + w @ [1, 2] + w ** [1, 2] + w[[0, 0]] + np.reshape(w, [4])[[]].sum()).sum()
        loss = loss + tg.softmax_cross_entropy(w, [0, 1]).sum() + tg.softmax_cross_entropy(w[0], 1)
        loss = loss + np.outer([1, 2], w).sum() + w[((0, 1),)].sum() + np.transpose(w, [1, 0])[0].sum()

    def plain(z: Any) -> Any:
        total = (z * [10, 20] + z @ np.array([1, 2]) + z ** np.array([1, 2]) + z[[0, 0]]).sum()
        total += tg.softmax_cross_entropy(z, [0, 1]).sum() + tg.softmax_cross_entropy(z[0], 1)
        return total + np.outer([1, 2], z).sum() + z[((0, 1),)].sum() + z.T[0].sum()

    factors[0] = 500.0  # a list was taken as it stood
    np.testing.assert_allclose(tape.grad(loss, w), complex_step(plain, w.value), rtol=1e-12)


def test_plain_numbers_and_lists_go_through_our_functions_too() -> None:
    np.testing.assert_allclose(tg.sigmoid([0.0]), [0.5])
    assert tg.sigmoid(0.0) == tg.sigmoid(0) == 0.5
    np.testing.assert_allclose(tg.softmax(np.array([1, 1])), [0.5, 0.5])


def test_the_gradient_of_data_is_given_where_it_is_asked_for() -> None:
    tape = tg.Tape()
    x, w, n = tape.data([1.0, 2.0]), tape.var([3.0, 5.0]), tape.data([1, 2])
    loss = np.sum(x * w * w * n)
    np.testing.assert_array_equal(tape.grad(loss, x), [9.0, 50.0])
    with pytest.raises(tg.TapeError, match="holds int64; differentiate by floats"):
        tape.grad(loss, n)


def test_a_wrong_rule_is_noticed_in_checked_mode() -> None:
    @tg.primitive
    def double(x: Any, y: Any) -> Any:
        return 2 * x

    tape = tg.Tape(checked=True)
    a = tape.var(np.ones(3), "a")
    tg.rule(double, lambda g, y, x, other: g.sum(), None)
    with pytest.raises(tg.TapeError, match=r"the rule of double gives argument 0 a gradient of shape \(\)"):
        tape.grad(double(a, 0.0).sum(), a)
    tg.rule(double, lambda g, y, x, other: 2 * g)
    with pytest.raises(tg.TapeError, match="fewer vjps than its function has arguments"):
        tape.grad(double(a, a).sum(), a)
    del tg.RULES[double]


@pytest.mark.parametrize("seed", range(20))
def test_the_fast_sweep_and_the_recorded_one_agree_on_any_memory_layout(seed: int) -> None:
    """Rules may take a short way on plain arrays; a tracked sweep takes the long one."""
    rng = np.random.default_rng(seed)
    with tg.Tape() as tape:
        V, H = tape.var(rng.normal(size=(4, 3)), "V"), tape.var(rng.normal(size=(3, 5, 2)).T, "H")
        z = (V @ np.moveaxis(H.value, 0, 0)[0].T).T if seed % 2 else (V @ H[1].T).T  # rows in columns' order
        z = z[::-1] if seed % 3 else np.transpose(np.stack([z, z + 1.0]), (1, 0, 2))
        y = rng.integers(0, 4, size=z.shape[:-1])
        loss = (tg.softmax_cross_entropy(z, y) * rng.normal(size=y.shape)).sum()
        loss = loss + np.max(z.T, axis=0).sum() + np.concatenate([z.T, z.T], axis=1).mean() + (H * 0.1).sum()
        fast, tracked = tape.grad(loss, [V, H]), tape.grad(loss, [V, H], track=True)
    for a, b in zip(fast, tracked, strict=True):
        np.testing.assert_allclose(a, b.value, rtol=1e-12, atol=1e-15)


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


def test_checked_mode_lets_an_infinite_number_of_the_user_pass() -> None:
    assert (tg.Tape(checked=True).var(1.0) + float("inf")).value == np.inf


def test_a_list_that_indexes_is_taken_as_it_stood() -> None:
    tape, rows = tg.Tape(), [0, 1]
    w = tape.var(np.ones(3))
    loss = w[rows].sum()
    rows[0] = 2
    np.testing.assert_array_equal(tape.grad(loss, w), [1.0, 1.0, 0.0])
