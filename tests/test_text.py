"""A printed tape names every line once and shows its operation; a printed backward pass is the sweep, edge by edge."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.printing.naming import names

T = 4


def vanilla() -> tuple[tg.Tape, tg.Var]:
    return tg.cells.record("vanilla", steps=T, seed=3)


def lines_under(text: str, title: str) -> list[str]:
    """The rows below a heading, up to the next one."""
    rows = text.splitlines()
    start = rows.index(title) + 1
    stop = next((i for i in range(start, len(rows)) if not rows[i].startswith(" ")), len(rows))
    return rows[start:stop]


def columns(row: str) -> list[str]:
    return re.split(r"\s{2,}", row.strip())


# ---- the tape --------------------------------------------------------------------------------------------------------
def test_print_gives_the_listing() -> None:
    tape, _ = vanilla()
    assert str(tape) == tg.listing(tape)


def test_a_step_reads_as_its_formulas() -> None:
    tape, _ = vanilla()
    rows = [columns(row) for row in lines_under(str(tape), "t = 2")]
    assert [re.sub(r"\s+", " ", " ".join(row)) for row in rows[:6]] == [
        "x[2] (4,) # leaf (data)",
        "v16 = U @ x[2] (5,)",
        "v17 = W @ h[1] (5,)",
        "v18 = v16 + v17 (5,)",
        "v19 = v18 + b (5,)",
        "h[2] = tanh(v19) (5,)",
    ]
    value = tape.lines[tape.losses[1][0]][4]
    assert rows[-1][-2:] == [f"{value:.4g}", "# loss J[2]"]


def test_every_line_has_one_row_and_every_row_another_name() -> None:
    tape, _ = tg.cells.record("lstm", steps=T)
    rows = [row for row in str(tape).splitlines() if row.startswith(" ")]
    assert len(rows) == len(tape) == len(set(names(tape)))
    assert [row.split()[0] for row in rows] == list(names(tape))


def test_no_arrays_are_dumped() -> None:
    tape = tg.Tape()
    W = tape.var(np.full((50, 50), 0.123456), "W")
    np.tanh(W @ W).sum()
    assert "0.123456" not in str(tape) and len(str(tape)) < 400


def test_operators_stand_between_their_operands_with_the_brackets_they_need() -> None:
    with tg.Tape() as tape:
        a = tape.var(np.array([[0.5, 0.2], [0.1, 0.3]]), "a")
        (-a).T @ a**2.0 / (a - (a - 1.0))
        a[0], a[:, 1:], a[..., None], a[[1, 0]], a[-1, 0]
        np.sum(a, axis=0), np.sum(a, axis=1, keepdims=True), np.stack([a, a]), np.concatenate([a, a], axis=1)
    shown = [re.split(r"\s{2,}", row.split(" = ")[1])[0] for row in str(tape).splitlines()[1:]]
    for text in ["-a", "v1.T", "a ** 2.0", "v2 @ v3", "a - 1.0", "a[0]", "a[:, 1:]", "a[..., None]", "a[[1, 0]]"]:
        assert text in shown
    for text in ["a[-1, 0]", "sum(a, axis=0)", "sum(a, axis=1, keepdims=True)", "stack([a, a])"]:
        assert text in shown
    assert "concatenate([a, a], axis=1)" in shown


def test_a_name_that_occurs_twice_in_a_step_gets_a_prime() -> None:
    with tg.Tape(checked=True) as tape:
        h = tape.var(np.array([0.3, -0.2]), "h0")
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(h)
                h = h * 0.5
                h = h + 1.0
                h = h - 0.1
    rows = [re.sub(r" +", " ", row.split("  (")[0].strip()) for row in lines_under(str(tape), "t = 3")]
    assert rows == ["h[3] = tanh(h'4[2])", "h'[3] = h[3] * 0.5", "h''[3] = h'[3] + 1.0", "h'4[3] = h''[3] - 0.1"]


def test_an_array_that_starts_a_state_is_called_after_it() -> None:
    with tg.Tape(checked=True) as tape:
        W, h = tape.var(np.eye(2) * 0.5 + 0.1, "W"), np.array([0.3, 0.1])
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(W @ h)
    assert "v2 = W @ h[0]" in re.sub(r" +", " ", str(tape))


def test_two_loops_do_not_share_their_names() -> None:
    with tg.Tape(checked=True) as tape:
        h = tape.var(np.array([0.3, -0.2]), "h0")
        for loop in ("encoder", "decoder"):
            for t in range(1, T + 1):
                with tg.step(t, loop=loop):
                    h = np.tanh(h)
    assert "h[decoder 2]" in names(tape) and "h[encoder 2]" in names(tape)
    assert columns(lines_under(str(tape), "decoder 2")[0])[0].startswith("h[decoder 2]")


def test_a_value_called_like_the_sequence_it_is_read_from_is_told_apart() -> None:
    with tg.Tape(checked=True) as tape:
        xs = tape.data(np.arange(6.0), "x")
        for t in range(T):
            with tg.step(t + 1):
                x = xs[t]
                np.tanh(x)
    assert "x'[1]" in names(tape) and "x[1]" not in names(tape)


HOSTILE = [
    "a\nb",
    "c" * 10_000,
    "\u202eabc",
    "W + b",
    "`x`",
    "",
    "\x1b[31mred",
    "d[h]",
    "v28",
    "a'",
    "a",
    "a\rb",
    "日本",
    "\ud800",
]


def test_no_name_breaks_a_line_or_stands_for_two_values() -> None:
    tape = tg.Tape()
    for name in [*HOSTILE, *HOSTILE]:
        tape.var(np.ones(2), name)
    with tape.step(1, loop="loop\nt = 7"):
        np.tanh(tg.Var(tape, 0, np.ones(2)))
    rows = str(tape).splitlines()
    assert len(rows) == len(tape) + 1 and all(row.isprintable() and len(row) < 120 for row in rows)
    assert len(set(names(tape))) == len(tape)
    assert names(tape)[28] == "v28''"  # an unnamed line gives way to the leaves that the user called v28
    assert "d[h]" not in names(tape)  # it would read as the adjoint of h


def test_an_argument_that_is_any_object_is_told_on_one_short_line() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    @tg.primitive
    def takes(x: Any, thing: Any = None) -> Any:
        return x * 2.0

    tg.rule(takes, lambda g, y, x, thing=None: g * 2.0)
    try:
        tape = tg.Tape()
        x = tape.var(np.ones(2), "x")
        tape.record(takes, (x, Odd()), {})
        tape.record(takes, (x, "long\n" * 5000), {})
        assert len(str(tape).splitlines()) == 3 and max(map(len, str(tape).splitlines())) < 200
    finally:
        del tg.RULES[takes]


def test_an_empty_tape_prints() -> None:
    assert str(tg.Tape()) == "(an empty tape)"


def test_the_same_program_prints_the_same_text() -> None:
    (one, first), (two, second) = vanilla(), vanilla()
    assert str(one) == str(two) and tg.backward(first) == tg.backward(second)


def test_lines_of_a_tracked_sweep_say_what_they_are_the_adjoint_of() -> None:
    tape = tg.Tape()
    w = tape.var(np.array([0.4, 0.2]), "w")
    tape.grad(np.tanh(w).sum(), [w], track=True)
    assert "# adjoint: d[w] through v1" in str(tape) and "seed: d[v2]" in str(tape)


# ---- the backward pass -----------------------------------------------------------------------------------------------
def test_the_backward_pass_is_the_textbooks() -> None:
    _, loss = vanilla()
    rows = [columns(row) for row in lines_under(tg.backward(loss), "t = 3")]
    found = [re.sub(r"\s+", " ", " ".join(row)) for row in rows]
    for expected in [
        "d[h[3]] += V.T @ d[v30] (5,) # through v30 = V @ h[3]",
        "d[v28] = d[h[3]] * (1 - h[3] * h[3]) (5,) # through h[3] = tanh(v28)",
        "d[W] += outer(d[v26], h[2]) (5, 5) # through v26 = W @ h[2]",
        "d[h[2]] = W.T @ d[v26] (5,) # through v26 = W @ h[2]",
        "d[b] += d[v28] (5,) # through v28 = v27 + b",
    ]:
        assert expected in found


def test_the_backward_pass_goes_from_the_last_step_to_the_first() -> None:
    _, loss = vanilla()
    titles = [row for row in tg.backward(loss).splitlines() if not row.startswith(" ")]
    assert titles == ["t = 4", "t = 3", "t = 2", "t = 1"]


def test_there_is_one_row_for_every_edge_that_the_sweep_passes() -> None:
    tape, loss = tg.cells.record("gru", steps=T)
    edges: list[int] = []
    wanted = [i for i, line in enumerate(tape.lines) if line[0] == "var"]
    tape.sweep({loss.index: np.ones(())}, wanted, report=lambda child, k, p, d: edges.append(p))
    rows = [row for row in tg.backward(loss).splitlines() if "# through" in row]
    called = names(tape)
    assert [row.split(" = ")[0].split(" += ")[0].strip() for row in rows] == [f"d[{called[p]}]" for p in edges]


@pytest.mark.parametrize("cell", list(tg.cells.CELLS))
def test_the_first_contribution_is_set_and_the_others_are_added(cell: str) -> None:
    seen: set[str] = set()
    for row in tg.backward(tg.cells.record(cell, steps=T)[1]).splitlines():
        if "# through" in row:
            sign = re.match(r"  (\S+)\s+(\+?=)", row)
            assert sign is not None
            assert (sign[2] == "+=") == (sign[1] in seen)
            seen.add(sign[1])


def test_a_slice_adds_at_its_place() -> None:
    tape = tg.Tape()
    X = tape.var(np.arange(12.0).reshape(4, 3), "X")
    text = re.sub(r" +", " ", tg.backward((X[1] * X[2] + X[1:3].sum(axis=0)).sum()))
    assert "d[X][1] += d[v1] (4, 3)" in text and "d[X][1:3] += d[v4] (4, 3)" in text


def test_masks_are_shown_as_conditions() -> None:
    tape = tg.Tape()
    a = tape.var(np.array([0.4, -0.2]), "a")
    text = tg.backward((tg.relu(a) + np.maximum(a, 0.1) + np.sqrt(np.abs(a))).sum())
    assert "* (a > 0)" in text and "share(a, 0.1)" in text and "sign(a)" in text and "constant" not in text


def test_what_the_loss_does_not_depend_on_is_said() -> None:
    tape = tg.Tape()
    a, b = tape.var(np.ones(2), "a"), tape.var(np.ones(3), "b")
    text = tg.backward((a * a).sum(), [a, b])
    assert columns(text.splitlines()[-1])[-1] == "# v3 does not depend on b"


def test_the_backward_pass_leaves_the_tape_as_it_was() -> None:
    tape, loss = vanilla()
    before = len(tape), dict(tape.backward), len(tape.source), dict(tape.checksums), str(tape)
    tg.backward(loss)
    assert before == (len(tape), tape.backward, len(tape.source), tape.checksums, str(tape))


def test_changed_data_is_found_as_in_any_sweep() -> None:
    x = np.ones(2)
    tape = tg.Tape(checked=True)
    loss = (tape.var(np.ones(2), "w") * tape.data(x, "x")).sum()
    x[0] = 5.0
    with pytest.raises(tg.TapeError, match="changed afterwards"):
        tg.backward(loss)


@pytest.mark.parametrize(("loss", "remedy"), [(3.0, "record it"), ("vector", "sum or average")])
def test_a_loss_that_is_no_scalar_var_is_refused(loss: Any, remedy: str) -> None:
    tape = tg.Tape()
    with pytest.raises(tg.TapeError, match=remedy):
        tg.backward(tape.var(np.ones(2), "x") if loss == "vector" else loss)


def test_a_tape_of_many_thousand_lines_prints_without_recursion() -> None:
    tape = tg.Tape()
    x = tape.var(1.0, "x")
    y = x
    for _ in range(20_000):
        y = y * 0.9999
    assert len(str(tape).splitlines()) == 20_001 and len(tg.backward(y).splitlines()) == 20_001


# ---- one rule --------------------------------------------------------------------------------------------------------
def test_local_rules_are_those_of_the_textbooks() -> None:
    with tg.Tape() as tape:
        a, b = tape.var(np.ones(3), "a"), tape.var(np.ones(3), "b")
        W = tape.var(np.eye(3), "W")
        results = [np.tanh(a), tg.sigmoid(a), a * b, a / b, W @ a, a @ W, a - b, tg.relu(a), a[0], np.exp(a)]
    rules = [[tg.local_rule(tape, r.index, k) for k in range(len(tape.lines[r.index][1]))] for r in results]
    assert rules == [
        ["d[a] = d[v3] * (1 - v3 * v3)"],
        ["d[a] = d[v4] * (v4 * (1 - v4))"],
        ["d[a] = d[v5] * b", "d[b] = d[v5] * a"],
        ["d[a] = d[v6] / b", "d[b] = -d[v6] * v6 / b"],
        ["d[W] = outer(d[v7], a)", "d[a] = W.T @ d[v7]"],
        ["d[a] = W @ d[v8]", "d[W] = outer(a, d[v8])"],
        ["d[a] = d[v9]", "d[b] = -d[v9]"],
        ["d[a] = d[v10] * (a > 0)"],
        ["d[a][0] += d[v11]", ""],
        ["d[a] = d[v12] * v12"],
    ]


def test_the_local_rule_is_the_row_of_the_backward_pass() -> None:
    tape, loss = tg.cells.record("lstm", steps=T)
    rows = {re.sub(r"\s+", " ", re.split(r"\s{2,}\(", row)[0].strip()) for row in tg.backward(loss).splitlines()}
    rules = {
        tg.local_rule(tape, i, k)
        for i, line in enumerate(tape.lines)
        for k, p in enumerate(line[1])
        if p >= 0 and tape.lines[p][0] != "data"
    }
    assert {rule.replace(" = ", " += ") for rule in rules} == {
        row.replace(" = ", " += ") for row in rows if "d[" in row and "= 1" not in row
    }


@tg.primitive
def double(x: Any) -> Any:
    return 2.0 * x


@pytest.mark.parametrize(
    ("vjp", "shown"),
    [
        (lambda g, y, x: (g[..., None] * x) @ x, "outer(d[y], x) @ x"),
        (lambda g, y, x: (g[:, None] * x[None]) @ x, "outer(d[y], x) @ x"),
        (lambda g, y, x: (x[:, None] * g[None, :])[..., 0], "outer(x, d[y])[..., 0]"),
        (lambda g, y, x: (g[:, None] * x[:, None])[..., 0], "(d[y][:, None] * x[:, None])[..., 0]"),
        (lambda g, y, x: (g[::-1, None] * x) @ x, "d[y][::-1, None] * x @ x"),
        (lambda g, y, x: (np.outer(g, x) @ x[:, None])[..., 0], "outer(d[y], x) @ x"),
        (lambda g, y, x: (np.outer(g, x) @ x[:, None])[:, [0]][:, 0], "(outer(d[y], x) @ x[:, None])[:, [0]][:, 0]"),
        (lambda g, y, x: g * x.sum()[..., None], "d[y] * sum(x)"),
        (lambda g, y, x: x.sum()[None] * g, "sum(x) * d[y]"),
        (lambda g, y, x: (g[0] * x[1][None, None])[0] + 0.0 * g, "(d[y][0] * x[1][None, None])[0] + 0.0 * d[y]"),
    ],
)
def test_vectors_opened_to_matrices_read_as_in_textbooks_however_a_rule_spells_it(vjp: Any, shown: str) -> None:
    tg.rule(double, vjp)
    try:
        tape = tg.Tape()
        x = tape.var(np.array([0.5, -0.2, 0.7]), "x")
        y = tape.record(double, (x,), {})
        rule = tg.local_rule(tape, y.index, 0).replace("v1", "y")
        assert rule == f"d[x] = {shown}"
        seed = np.array([1.0, 0.3, -2.0])
        written = eval(shown.replace("d[y]", "g"), {"outer": np.outer, "sum": np.sum}, {"g": seed, "x": x.value})
        np.testing.assert_allclose(written, tape.grad(y, [x], seed)[0], rtol=1e-12)
    finally:
        del tg.RULES[double]


def test_broadcasting_shows_in_the_rule() -> None:
    with tg.Tape() as tape:
        a, b = tape.var(np.ones((4, 3)), "a"), tape.var(np.ones(3), "b")
        wide, narrow = a + b, b + b
    assert tg.local_rule(tape, wide.index, 1) == "d[b] = sum(d[v2], axis=(0,))"
    assert tg.local_rule(tape, narrow.index, 1) == "d[b] = d[v3]"


def test_a_rule_of_the_users_own_prints_and_a_new_one_replaces_it() -> None:
    @tg.primitive
    def cube(x: Any) -> Any:
        return x**3

    try:
        tape = tg.Tape()
        x = tape.var(np.array([0.5, 2.0]), "x")
        tg.rule(cube, lambda g, y, x: g * (3.0 * x * x))
        tape.record(cube, (x,), {})
        assert tg.local_rule(tape, 1, 0) == "d[x] = d[v1] * (3.0 * x * x)"
        tg.rule(cube, lambda g, y, x: 3.0 * g * x**2)
        assert tg.local_rule(tape, 1, 0) == "d[x] = 3.0 * d[v1] * x ** 2"
    finally:
        del tg.RULES[cube]


def test_a_part_that_is_used_twice_is_named() -> None:
    @tg.primitive
    def fancy(x: Any) -> Any:
        return x

    def vjp(g: Any, y: Any, x: Any) -> Any:
        e = np.exp(x)
        return g * e * e

    tg.rule(fancy, vjp)
    try:
        tape = tg.Tape()
        tape.record(fancy, (tape.var(np.ones(2), "x"),), {})
        assert re.fullmatch(r"r(\d+) = exp\(x\); d\[x\] = d\[v1\] \* r\1 \* r\1", tg.local_rule(tape, 1, 0))
    finally:
        del tg.RULES[fancy]


def test_where_there_is_no_rule_the_text_is_empty() -> None:
    @tg.primitive
    def broken(x: Any) -> Any:
        return x

    def vjp(g: Any, y: Any, x: Any) -> Any:
        raise RuntimeError("no")

    tg.rule(broken, vjp)
    try:
        tape = tg.Tape()
        x = tape.var(np.ones(2), "x")
        tape.record(broken, (x,), {})
        x * 2.0
        assert [tg.local_rule(tape, i, k) for i, k in ((1, 0), (1, 5), (0, 0), (99, 0), (2, 1))] == [""] * 5
    finally:
        del tg.RULES[broken]
