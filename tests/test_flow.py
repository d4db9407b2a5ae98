"""How gradient flows: conservation, shares of steps, the table C[t, k], one loss alone, truncation by cut edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step

CELLS = tuple(tg.cells.CELLS)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("at", ["all", "last", 2])
def test_what_arrives_at_a_line_sums_to_its_adjoint(cell: str, at: Any) -> None:
    tape, loss = tg.cells.record(cell, 5, seed=1)
    flow = tg.flow(loss, at)
    arrived = dict(flow.seeds)
    for (child, k), d in flow.edges.items():
        p = tape.lines[child][1][k]
        arrived[p] = arrived[p] + d if p in arrived else d
    assert set(arrived) == set(flow.adjoint)
    for line, total in arrived.items():
        close(total, flow.adjoint[line])


@pytest.mark.parametrize("cell", CELLS)
def test_shares_of_steps_sum_to_the_gradient(cell: str) -> None:
    tape, loss = tg.cells.record(cell, 5, seed=2)
    flow = tg.flow(loss)
    for w in flow.steps.weights:
        (gradient,) = tape.sweep(flow.seeds, [w])
        close(sum(flow.share(w, s) for s in range(-1, 5)), gradient)


@pytest.mark.parametrize("cell", CELLS)
def test_contributions_weighted_by_the_losses_sum_to_the_gradient(cell: str) -> None:
    tape, loss = tg.cells.record(cell, 5, seed=3)
    flow = tg.flow(loss)
    for w in flow.steps.weights:
        table, weights = flow.table(w), flow.loss_weights
        close(sum(weights[t] * table[t][k] for t in table for k in table[t]), flow.adjoint[w])
        assert all(k <= t for t in table for k in table[t])
        for k in range(5):  # a column is that step's share
            column = [weights[t] * table[t][k] for t in table if k in table[t]]
            close(sum(column), flow.share(w, k))


def test_a_contribution_is_the_gradient_of_one_step_by_its_own_copy_of_the_weight() -> None:
    """C[t,k] = dJ_t/dW_k where every step has a copy W_k: by the complex step, with T = 4 and h0 ≠ 0."""
    rng = np.random.default_rng(8)
    w, u, h0, xs = rng.normal(size=(3, 3)), rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(4, 2))

    def losses(copies: Any) -> Any:
        h, out = h0, []
        for t in range(4):
            h = np.tanh(copies[t] @ h + u @ xs[t])
            out.append(np.sum(h * h * h))
        return np.stack(out)

    known = complex_step(losses, np.stack([w] * 4))  # [t, k, i, j]
    with tg.Tape() as tape:
        W, h, total = tape.var(w, "W"), tape.data(h0, "h0"), 0.0
        for t in range(1, 5):
            with tg.step(t):
                h = np.tanh(W @ h + u @ xs[t - 1])
                total = total + tg.loss((h * h * h).sum(), t)
    table = tg.flow(total).table(W.index)
    for t in range(4):
        for k in range(4):
            if k <= t:
                close(table[t][k], known[t, k])
            else:
                assert k not in table[t] and not known[t, k].any()


def test_one_loss_alone_is_one_row_of_the_table() -> None:
    _, loss = tg.cells.record("gru", 4)
    whole, last, second = tg.flow(loss), tg.flow(loss, "last"), tg.flow(loss, 2)
    for w in whole.steps.weights:
        table = whole.table(w)
        for k in range(4):
            close(last.share(w, k), table[3].get(k, np.zeros(())))
            close(second.share(w, k), table[1].get(k, np.zeros(())))
    assert {float(v) for v in last.loss_weights.values()} == {0.25}


def test_consumers_outside_every_step_stand_apart() -> None:
    with tg.Tape() as tape:
        w, h, total = tape.var(np.full((2, 2), 0.3), "W"), tape.data(np.ones(2), "h0"), 0.0
        for t in range(1, 4):
            with tg.step(t):
                h = np.tanh(w @ h)
                total = total + tg.loss(h.sum(), t)
        loss = total + 0.5 * (w * w).sum()
    flow = tg.flow(loss)
    close(flow.share(w.index, -1), w.value)
    close(sum(flow.share(w.index, s) for s in range(-1, 3)), flow.adjoint[w.index])


def test_without_a_sweep_nothing_flows() -> None:
    _, loss = tg.cells.record("vanilla", 3)
    flow = tg.flow(loss, None)
    assert flow.edges == {} and flow.adjoint == {} and flow.notes == ()


def test_a_weight_that_the_loss_does_not_use_is_noted() -> None:
    with tg.Tape() as tape:
        a, b = tape.var(1.0, "a"), tape.var(2.0, "b")
        with tg.step(1):
            unused = a * b
            loss = a * 2.0
    flow = tg.flow(loss)
    assert unused.index not in flow.adjoint
    assert flow.notes == ("the loss does not depend on b: its gradient is zeros",)
    assert not flow.share(b.index, 0).any()


def test_a_leaf_that_nothing_uses_is_noted_too() -> None:
    with tg.Tape() as tape:
        a, _ = tape.var(1.0, "a"), tape.var(2.0, "unused")
        with tg.step(1):
            loss = a * 2.0
    assert tg.flow(loss).notes == ("the loss does not depend on unused: its gradient is zeros",)


def test_the_table_follows_what_the_flow_follows() -> None:
    _, loss = tg.cells.record("vanilla", 4)
    steps = tg.find_steps(loss.tape)
    flow = tg.flow(loss, follow=lambda child, k, parent: not steps.is_carry(child, k))
    w = flow.steps.weights[0]
    assert {(t, k) for t, row in flow.table(w).items() for k, c in row.items() if c.any()} == {(t, t) for t in range(4)}


def test_two_loops_with_the_same_step_are_told_apart() -> None:
    with tg.Tape() as tape:
        w, total = tape.var(2.0, "w"), 0.0
        for loop in ("encoder", "decoder"):
            with tg.step(1, loop=loop):
                total = total + tg.loss(w * w, 1)
    with pytest.raises(tg.TapeError, match=r"2 loops have such a step; name the loop: at=\('encoder', 1\) or at="):
        tg.flow(total, at=1)
    assert float(tg.flow(total, at="last").adjoint[w.index]) == 4.0


@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("lag", [0, 1, 2])
def test_truncated_bptt_is_a_mask_on_contributions(lag: int, transformed: bool) -> None:
    """Each loss J_t follows no carry into a step before t − lag; also when W is transformed before the loop."""
    rng = np.random.default_rng(9)
    w, h0 = rng.normal(size=(3, 3)), rng.normal(size=3)
    with tg.Tape() as tape:
        W = tape.var(w, "W")
        M = W * np.triu(np.ones((3, 3))) if transformed else W
        h, total = tape.data(h0, "h0"), 0.0
        for t in range(1, 6):
            with tg.step(t):
                h = np.tanh(M @ h)
                total = total + tg.loss((h * h * h).sum(), t)
    flow = tg.flow(total)
    table = flow.table(M.index)
    found = sum(
        tape.sweep({line: 1.0}, [W.index], follow=tg.carry_cut(flow.steps, s - lag))[0]
        for s, line in flow.steps.losses.items()
    )
    kept = sum(table[t][k] for t in table for k in table[t] if t - k <= lag)
    close(found, kept * np.triu(np.ones((3, 3))) if transformed else kept)
    (full,) = tape.grad(total, [W])
    assert np.linalg.norm(found - full) > 1e-3, "the cut must bite"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda loss: tg.flow(loss, 9), "at=9: no loss is marked there; marked losses stand at t = 1, 2, 3"),
        (lambda loss: tg.flow(loss, "first"), "'last' or 'all'"),
        (lambda loss: tg.flow(3.0), "a plain number"),  # type: ignore[arg-type]
        (lambda loss: tg.flow(tg.Tape().var(np.ones(2))), r"shape \(2,\)"),
        (lambda loss: tg.flow(tg.Tape().var(1.0), "last"), "no step loss is marked"),
        (lambda loss: tg.cells.record("vanilla", 0), "empty sequence"),
        (lambda loss: tg.cells.record("transformer", 3), "vanilla, lstm"),
    ],
)
def test_wrong_use_is_one_line(call: Any, said: str) -> None:
    _, loss = tg.cells.record("vanilla", 3)
    with pytest.raises(tg.TapeError, match=said) as error:
        call(loss)
    assert "\n" not in str(error.value)


def test_a_weight_is_named_by_itself_or_by_its_line() -> None:
    tape, L = tg.cells.record("lstm", 5, seed=1)
    flow = tg.flow(L)
    line = flow.steps.weights[0]
    W = tg.Var(tape, line, tape.lines[line][4])
    assert np.array_equal(flow.share(W, 2), flow.share(line, 2)) and flow.share(W, 2).any()
    assert np.array_equal(flow.share(np.int64(line), np.int64(2)), flow.share(line, 2))
    by_line, by_var = flow.table(line), flow.table(W)
    assert {t: list(row) for t, row in by_line.items()} == {t: list(range(t + 1)) for t in range(5)}
    assert all(np.array_equal(by_line[t][k], by_var[t][k]) for t in by_line for k in by_line[t])
    for t, row in by_line.items():
        np.testing.assert_allclose(sum(row.values()), tg.flow(L, at=t + 1).adjoint[line], rtol=1e-12)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda flow: flow.table(99_999), "there is no line 99999; give the weight itself, as flow.table"),
        (lambda flow: flow.table(-1), "there is no line -1"),
        (lambda flow: flow.table("W"), "there is no line 'W'"),
        (lambda flow: flow.share(99_999, 0), "there is no line 99999"),
        (lambda flow: flow.share(0, 99), "share: there is no step 99; steps count from 0 to 4"),
        (lambda flow: flow.share(0, -2), "share: there is no step -2"),
        (lambda flow: flow.share(0, 1.0), "share: there is no step 1.0"),
        (lambda flow: flow.table(tg.Tape().var(1.0)), "a Var of another tape; give one of the tape that was followed"),
    ],
)
def test_a_share_of_what_is_not_there_is_refused_in_one_line(ask: Any, said: str) -> None:
    flow = tg.flow(tg.cells.record("vanilla", 5)[1])
    with pytest.raises(tg.TapeError, match=said) as error:
        ask(flow)
    assert "\n" not in str(error.value)


def test_a_table_sweeps_only_the_ways_to_its_weight() -> None:
    """Of a readout's weight that stands in every step, only the step of the loss is swept."""
    tape, L = tg.cells.record("vanilla", 30)
    flow, swept = tg.flow(L), []
    V = next(w for w in flow.steps.weights if flow.steps.name[w] == "V")
    product = tg.RULES[np.matmul]
    counted = tuple(lambda g, y, *args, vjp=vjp: (swept.append(1), vjp(g, y, *args))[1] for vjp in product)
    tg.RULES[np.matmul] = counted
    try:
        flow.table(V)
    finally:
        tg.RULES[np.matmul] = product
    assert len(swept) == 30
