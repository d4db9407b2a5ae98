"""Losses read out together after the loop: each is followed as if it stood in its own step, whatever is asked of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.agreement import arguments
from tests.joint import INSTANCE, NAMES, B, T, both, joint, recorded, states
from tests.witness import complex_step
from tinygrad_rnn import bptt
from tinygrad_rnn.losses import loss_value

STEPS = range(1, T + 1)
MODES = [
    ("detach_every_k", {"k": 2}), ("detach_every_k", {"k": 1}), ("max_lag", {"tau": 0}), ("max_lag", {"tau": 2}),
    ("max_lag", {"tau": T}), ("williams_peng", {"k1": 2, "k2": 2}), ("williams_peng", {"k1": 2, "k2": 4}),
]  # fmt: skip


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_the_table_is_that_of_the_closed_form_and_of_the_loop_with_the_same_entries() -> None:
    L, M, params, others = both()
    flow, looped = tg.flow(L), tg.flow(M)
    closed = bptt.contribution_table(*arguments(INSTANCE)).arrays
    for name in ("U", "W", "b"):
        table, expected = flow.table(params[name].index), looped.table(others[name].index)
        assert {t: list(row) for t, row in table.items()} == {t: list(row) for t, row in expected.items()}
        for t, row in table.items():
            for k, array in row.items():
                close(array, closed[name][t, k])
                close(array, expected[t][k])


def test_a_readout_s_weights_have_their_rows_too_outside_the_steps() -> None:
    L, M, params, others = both()
    for name in ("V", "c"):
        for t, row in tg.flow(L).table(params[name].index).items():
            assert list(row) == [-1]
            close(row[-1], tg.flow(M).table(others[name].index)[t][t])


def test_every_row_is_what_the_complex_step_says_of_its_loss() -> None:
    L, params = recorded(joint)
    for name in NAMES:

        def losses(z: Any, name: str = name) -> Any:
            values = {**INSTANCE.params, name: z}
            logits = np.stack(states(values, INSTANCE.h0)) @ values["V"] + values["c"]
            return tg.softmax_cross_entropy(logits, INSTANCE.y).sum(axis=1)

        expected = complex_step(losses, INSTANCE.params[name])
        for t, row in tg.flow(L).table(params[name].index).items():
            close(sum(row.values()), expected[t])


@pytest.mark.parametrize("scale", [1.0, -2.5])
def test_a_mean_over_time_and_batch_weighs_every_loss_alike_and_the_rows_sum_to_the_gradient(scale: float) -> None:
    L, params = recorded(joint, scale=scale)
    flow = tg.flow(L)
    for one in (flow, tg.flow(L, at=2)):
        close(list(one.loss_weights.values()), np.full(T, scale / (T * B)))
    close(sum(w * loss_value(flow.steps, t) for t, w in flow.loss_weights.items()), L.value)
    for name in NAMES:
        table = flow.table(params[name].index)
        total = sum(flow.loss_weights[t] * array for t, row in table.items() for array in row.values())
        close(total, L.tape.grad(L, params[name]))


@pytest.mark.parametrize("at", ["last", 1, 3])
def test_one_loss_alone_gives_the_adjoints_of_the_loop(at: Any) -> None:
    L, M, params, others = both()
    flow, looped = tg.flow(L, at=at), tg.flow(M, at=at)
    assert flow.followed == looped.followed
    for name in NAMES:
        close(flow.adjoint[params[name].index], looped.adjoint[others[name].index])
    by_state = {s: i for s, i in enumerate(i for i, name in enumerate(flow.steps.name) if name == "h")}
    for s, i in by_state.items():
        there = [i for i, name in enumerate(looped.steps.name) if name == "h"][s]
        assert (i in flow.adjoint) == (there in looped.adjoint), "no gradient reaches states behind the loss"
        if i in flow.adjoint:
            close(flow.adjoint[i], looped.adjoint[there])


@pytest.mark.parametrize(("mode", "numbers"), MODES)
def test_truncated_gradients_are_those_of_the_loop(mode: str, numbers: dict[str, int]) -> None:
    L, M, params, others = both()
    found = tg.truncated_gradients(L, [params[name] for name in NAMES], mode, **numbers)
    expected = tg.truncated_gradients(M, [others[name] for name in NAMES], mode, **numbers)
    for a, b in zip(found, expected, strict=True):
        close(a, b)


@pytest.mark.parametrize("at", ["all", "last", 2])
@pytest.mark.parametrize(("mode", "numbers"), MODES)
def test_a_truncated_flow_is_that_of_the_loop_or_as_impossible(mode: str, numbers: dict[str, int], at: Any) -> None:
    L, M, params, others = both()
    truncation = (mode, *numbers.values())
    try:
        looped = tg.flow(M, at=at, truncation=truncation)
    except tg.TapeError as error:
        with pytest.raises(tg.TapeError, match=str(error)[:40]):
            tg.flow(L, at=at, truncation=truncation)
        return
    flow = tg.flow(L, at=at, truncation=truncation)
    for name in NAMES:
        close(flow.adjoint[params[name].index], looped.adjoint[others[name].index])
    table, expected = flow.table(params["W"].index), looped.table(others["W"].index)
    for t, row in expected.items():
        for k, array in row.items():
            close(table[t].get(k, 0.0), array)


def attending(inside: bool) -> tuple[tg.Var, list[tg.Var]]:
    """Every loss reads its own state and the one two steps before, h0 too: together after the loop, or in the step."""
    with tg.Tape() as tape:
        W, V = tape.var(INSTANCE.params["W"], "W"), tape.var(INSTANCE.params["V"], "V")
        h = h0 = tape.var(INSTANCE.h0, "h0")
        seen, losses = [h, h], []
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(INSTANCE.x[t - 1, :, :1] + h @ W)
                seen.append(h)
                if inside:
                    losses.append(tg.loss(np.sum(((h * seen[t - 1]) @ V) ** 2), t))
        if inside:
            return sum(losses) / T, [W, h0]
        rows = ((np.stack(seen[2:]) * np.stack(seen[:-2])) @ V) ** 2
        return tg.loss(rows.sum(axis=(1, 2)), range(1, T + 1)).mean(), [W, h0]


@pytest.mark.parametrize(("mode", "numbers"), MODES)
def test_a_row_that_reads_earlier_states_is_cut_from_them_as_in_the_loop(mode: str, numbers: dict[str, int]) -> None:
    (L, wrt), (M, others) = attending(False), attending(True)
    for found, expected in zip(
        tg.truncated_gradients(L, wrt, mode, **numbers), tg.truncated_gradients(M, others, mode, **numbers), strict=True
    ):
        close(found, expected)
    for at in (1, 4, "last"):
        truncation = (mode, *numbers.values())
        flow, looped = (tg.flow(loss, at=at, truncation=truncation) for loss in (L, M))
        for here, there in zip(wrt, others, strict=True):
            close(flow.adjoint.get(here.index, 0.0), looped.adjoint.get(there.index, 0.0))
    whole, expected = tg.flow(L).table(wrt[0].index), tg.flow(M).table(others[0].index)
    for t, row in expected.items():
        assert list(whole[t]) == list(row)
        for k, array in row.items():
            close(whole[t][k], array)


@pytest.mark.parametrize(
    "reads",
    [{6: [4]}, {4: [6]}, {3: [6]}, {5: [3], 6: [-3]}],
    ids=["an earlier block", "a later block", "the last block", "two that cancel"],
)
def test_a_row_that_reads_another_block_of_steps_makes_no_set_of_edges(reads: dict[int, list[int]]) -> None:
    """Blocks are steps 1 2, 3 4, 5 6. Row t is h_t + the states that it reads, with their signs."""
    with tg.Tape() as tape:
        w, h, seen = tape.var(0.5, "w"), tape.data(0.3, "h0"), []
        for t in range(1, 7):
            with tg.step(t):
                h = np.tanh(w * h + 0.1 * t)
                seen.append(h)
        mix = np.eye(6)
        for t, others in reads.items():
            for k in others:
                mix[t - 1, abs(k) - 1] = np.sign(k)
        L = tg.loss(mix @ np.stack(seen), range(1, 7)).sum()
    with pytest.raises(tg.TapeError, match="a row of the losses reads states of steps behind a cut itself"):
        tg.flow(L, truncation=("detach_every_k", 2))
    assert tg.flow(L, truncation=("detach_every_k", 6)).seeds


@pytest.mark.parametrize("k", [1, 2, 3])
def test_rows_are_cut_from_an_earlier_loop_s_summary_as_losses_in_the_loop_are(k: int) -> None:
    """It is read by the decoder's steps and by its losses."""

    def record(inside: bool) -> tuple[tg.Var, tg.Var]:
        with tg.Tape() as tape:
            W, h, seen, losses = tape.var(INSTANCE.params["W"], "W"), tape.data(INSTANCE.h0, "h0"), [], []
            for t in range(1, 4):
                with tg.step(t, loop="encoder"):
                    h = np.tanh(h @ W)
            summary = np.tanh(2.0 * h)
            h = tape.data(INSTANCE.h0 / 2, "d0")
            for t in range(1, 4):
                with tg.step(t, loop="decoder"):
                    h = np.tanh(h @ W + summary)
                    seen.append(h)
                    if inside:
                        losses.append(tg.loss(np.sum((h * summary) ** 2), t))
            if inside:
                return sum(losses), W
            rows = ((np.stack(seen) * summary) ** 2).sum(axis=(1, 2))
            return tg.loss(rows, range(1, 4), loop="decoder").sum(), W

    (L, W), (M, other) = record(False), record(True)
    (found,) = tg.truncated_gradients(L, [W], "detach_every_k", k=k)
    close(found, tg.truncated_gradients(M, [other], "detach_every_k", k=k)[0])


def test_rows_that_read_behind_a_cut_make_no_set_of_edges_and_one_alone_does() -> None:
    L, _ = attending(False)
    with pytest.raises(tg.TapeError, match="a row of the losses reads states of steps behind a cut itself"):
        tg.flow(L, truncation=("detach_every_k", 2))
    tg.flow(L, at=3, truncation=("detach_every_k", 2))


def test_a_printed_tape_says_whose_losses_the_rows_are() -> None:
    L, _ = recorded(joint)
    (row,) = [line for line in str(L.tape).splitlines() if "# rows are the losses J[1], …, J[5]" in line]
    assert row.split("=")[0].strip() == "rows"
    assert "rows are the losses J[1], …, J[5]" in tg.text.source(L)


def test_marking_rows_changes_neither_the_value_nor_the_tape() -> None:
    (L, params), (M, others) = recorded(joint), recorded(joint, mark=False)
    assert len(L.tape) == len(M.tape) and L.value == M.value
    for name in NAMES:
        assert np.array_equal(L.tape.grad(L, params[name]), M.tape.grad(M, others[name]))
    rows = np.ones((T, B))
    assert tg.loss(rows, range(1, T + 1)) is rows


def test_steps_may_come_in_any_order_and_some_may_have_no_loss() -> None:
    with tg.Tape() as tape:
        params = {name: tape.var(array, name) for name, array in INSTANCE.params.items()}
        found = states(params, tape.data(INSTANCE.h0, "h0"))
        rows = (np.stack([found[4], found[1]]) ** 2).sum(axis=(1, 2))
        L = tg.loss(rows, np.array([5, 2])) @ np.array([2.0, -1.0])
    flow = tg.flow(L)
    assert {s: float(w) for s, w in flow.loss_weights.items()} == {4: 2.0, 1: -1.0}
    assert loss_value(flow.steps, 1) == pytest.approx(float(np.sum(found[1].value ** 2)), rel=1e-12)
    assert sorted(flow.table(params["W"].index)[1]) == [0, 1]


def test_a_number_that_is_no_number_at_another_step_s_state_does_not_reach_this_loss() -> None:
    """Zero times infinity would."""
    with tg.Tape() as tape:
        w, h, found = tape.var(1.0, "w"), tape.data(0.0, "h0"), []
        for t in range(1, 5):
            with tg.step(t):
                h = h * w + t
                found.append(h)
        with np.errstate(divide="ignore"):
            rows = np.sqrt(np.stack(found) - 1.0)  # infinitely steep at t = 1
        L = tg.loss(rows, range(1, 5)).sum()
    with np.errstate(all="ignore"):
        flow = tg.flow(L, at=3)
    expected = complex_step(lambda w: np.sqrt((w + 2) * w + 3 - 1.0), 1.0)
    close(flow.adjoint[w.index], expected)


def test_what_l_weighs_unevenly_is_told_where_one_weight_is_asked_and_truncated_as_it_is() -> None:
    weights = np.array([[1.0, 0.0, 0.5]] * T)

    def record(ahead: bool) -> tuple[tg.Var, tg.Var]:
        with tg.Tape() as tape:
            params = {name: tape.var(array, name) for name, array in INSTANCE.params.items()}
            hs = np.stack(states(params, tape.data(INSTANCE.h0, "h0")))
            rows = tg.softmax_cross_entropy(hs, np.ones((T, B), int))
            steps = range(1, T + 1)
            L = tg.loss(rows * weights, steps).sum() if ahead else (tg.loss(rows, steps) * weights).sum()
        return L, params["W"]

    (L, W), (M, other) = record(ahead=False), record(ahead=True)
    with pytest.raises(tg.TapeError, match="step t = 1: L weighs the numbers in its row by 0 to 1; mark values that"):
        _ = tg.flow(L).loss_weights
    assert set(map(float, tg.flow(M).loss_weights.values())) == {1.0}
    (found,), (expected,) = (tg.truncated_gradients(loss, [w], "max_lag", tau=1) for loss, w in ((L, W), (M, other)))
    close(found, expected)


def two_loops(loop: str | None) -> tg.Var:
    with tg.Tape() as tape:
        w, h, found = tape.var(np.array([[0.5, 0.2], [-0.4, 0.7]]), "w"), tape.data(np.ones(2), "h0"), []
        for name in ("encoder", "decoder"):
            for t in range(1, 5):
                with tg.step(t, loop=name):
                    h = np.tanh(w @ h + 0.1 * t)
                    found.append(h)
        return tg.loss((np.stack(found[4:]) ** 2).sum(axis=1), range(1, 5), loop=loop).sum()


def test_the_loop_is_named_where_two_have_such_steps() -> None:
    with pytest.raises(tg.TapeError, match="the loops 'encoder' and 'decoder' have such a step; say loop='decoder'"):
        two_loops(None)
    flow = tg.flow(two_loops("decoder"))
    assert [flow.steps.order[s] for s in flow.steps.losses] == [("decoder", t) for t in range(1, 5)]
    assert sorted(flow.table(flow.steps.weights[0])[4]) == [0, 1, 2, 3, 4], "the encoder is heard"
    flow = tg.flow(two_loops("encoder"))
    assert [flow.steps.order[s] for s in flow.steps.losses] == [("encoder", t) for t in range(1, 5)]


@pytest.mark.parametrize("loop", ["decoder", None])
def test_a_scalar_marked_after_two_loops_is_the_named_one_s(loop: str | None) -> None:
    with tg.Tape() as tape:
        w, found = tape.var(2.0, "w"), {}
        for name in ("encoder", "decoder"):
            with tg.step(1, loop=name):
                found[name] = w * w
        L = tg.loss(found["decoder"] * 3.0, 1, loop=loop)
    if loop:
        assert list(tg.flow(L, at="last").steps.losses) == [1]
    else:
        with pytest.raises(tg.TapeError, match="'encoder' and 'decoder' have such a step; say loop='decoder'"):
            tg.flow(L)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (lambda rows, _: tg.loss(rows, range(T)), "no such step was recorded; the steps are t = 1, 2, 3, 4, 5"),
        (lambda rows, _: tg.loss(rows, range(1, T)), r"of 4 steps: the value has shape \(5, 3\); mark"),
        (lambda rows, _: tg.loss(rows.sum(), STEPS), r"of 5 steps: the value has shape \(\)"),
        (lambda rows, _: tg.loss(rows, []), r"of 0 steps: the value has shape \(5, 3\)"),
        (lambda rows, _: tg.loss(rows, [1, 2, 3, 4, 4]), "a step stands there twice"),
        (lambda rows, _: tg.loss(rows, [1, 2, 3, 4, 4.5]), "4.5 is no step's number"),
        (lambda rows, _: tg.loss(rows, STEPS, loop="decoder"), "step of loop 'decoder' was recorded"),
        (lambda rows, _: tg.loss(rows, 1), r"or mark a row a step: tg.loss\(value, range\(1, 6"),
        (lambda rows, _: [tg.loss(rows, STEPS) for _ in "ab"], "the value is marked already"),
        (lambda rows, _: [tg.loss(r, STEPS) for r in (rows, rows * 2)], "t = 1 already has a marked loss"),
        (lambda rows, _: [tg.loss(rows[0].sum(), 1, "time"), tg.loss(rows, STEPS)], "t = 1 already has"),
        (lambda rows, tape: tape.loss(np.ones((T, B)), STEPS), "the value is no Var of this tape"),
        (lambda rows, _: tg.loss([rows[0].sum(), rows[1].sum()], [1, 2]), "a list of Vars is no Var; mark np.stack"),
    ],
)
def test_a_wrong_mark_is_one_line_and_marks_nothing(mark: Any, said: str) -> None:
    with tg.Tape() as tape:
        params = {name: tape.var(array, name) for name, array in INSTANCE.params.items()}
        rows = tg.softmax_cross_entropy(np.stack(states(params, INSTANCE.h0)), np.ones((T, B), int))
        with pytest.raises(tg.TapeError, match=said) as error:
            mark(rows, tape)
    assert "\n" not in str(error.value)
    assert len(tape.losses) in (0, 1, T), "all rows or none"
    assert len(tape.losses) == len(tape.marked)


def test_rows_are_marked_outside_the_steps() -> None:
    with tg.Tape() as tape:
        rows = tape.var(np.ones(2), "w") * 2.0
        with tg.step(3), pytest.raises(tg.TapeError, match="the losses of 2 steps were marked in step t = 3"):
            tg.loss(rows, (1, 2))
