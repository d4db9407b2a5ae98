"""Truncations as cut edges: the same gradient as by passes, exactly the carries that are cut, clear words otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn import bptt, models
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.spec import Sizes, Spec
from tinygrad_rnn.truncate import mask


def recorded(name: str = "lstm", steps: int = 6) -> tuple[tg.Tape, tg.Var]:
    return tg.cells.record(name, steps, seed=2, scale=1.2)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru", "stacked", "skip"])
@pytest.mark.parametrize(
    ("mode", "numbers"),
    [("detach_every_k", {"k": 2}), ("detach_every_k", {"k": 4}), ("detach_every_k", {"k": 1}),
     ("max_lag", {"tau": 0}), ("max_lag", {"tau": 6}), ("williams_peng", {"k1": 2, "k2": 2}),
     ("williams_peng", {"k1": 6, "k2": 6})],
)  # fmt: skip
def test_cut_edges_give_the_truncated_gradient_of_the_whole_loss(name: str, mode: str, numbers: dict[str, int]) -> None:
    tape, L = recorded(name)
    flow = tg.flow(L, truncation=(mode, *numbers.values()))
    weights = flow.steps.weights
    expected = tg.truncated_gradients(L, [tg.Var(tape, w, tape.lines[w][4]) for w in weights], mode, **numbers)
    for w, gradient in zip(weights, expected, strict=True):
        np.testing.assert_allclose(flow.adjoint[w], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip"])
@pytest.mark.parametrize(
    ("mode", "numbers"),
    [("max_lag", {"tau": 2}), ("max_lag", {"tau": 1}), ("williams_peng", {"k1": 2, "k2": 4}),
     ("detach_every_k", {"k": 4})],
)  # fmt: skip
def test_one_loss_alone_reaches_the_steps_of_its_row_of_the_mask(name: str, mode: str, numbers: dict[str, int]) -> None:
    _, L = recorded(name)
    kept = mask(6, mode, **numbers)
    whole = {t: tg.flow(L, at=t) for t in (1, 4, 6)}
    for t, untruncated in whole.items():
        flow = tg.flow(L, at=t, truncation=(mode, *numbers.values()))
        for w in flow.steps.weights:
            for k in range(6):
                expected = kept[t - 1, k] * untruncated.share(w, k)
                np.testing.assert_allclose(flow.share(w, k), expected, rtol=1e-12, atol=1e-15)


def test_what_is_no_set_of_edges_is_said_to_be_none() -> None:
    _, L = recorded()
    for truncation in (("max_lag", 2), ("williams_peng", 2, 4), ("max_lag", 4)):
        with pytest.raises(tg.TapeError, match=r"is no set of cut edges; follow one loss: flow\(L, at='last', "):
            tg.flow(L, truncation=truncation)


def test_the_edges_cut_are_the_carries_over_the_borders() -> None:
    tape, L = recorded("vanilla")
    flow = tg.flow(L, truncation=("detach_every_k", 3))
    steps, cut = flow.steps, set()
    assert flow.follow is not None
    for i, line in enumerate(tape.lines):
        cut |= {(steps.of[i], k) for k, p in enumerate(line[1]) if p >= 0 and not flow.follow(i, k, p)}
    assert {s for s, _ in cut} == {0, 3} and len(cut) == 2


@pytest.mark.parametrize(
    ("truncation", "words"),
    [
        ("detach_every_k", "must be a mode"),
        (("every", 2), "must be a mode"),
        ((), "must be a mode"),
        (("detach_every_k",), "takes k"),
        (("detach_every_k", 2, 3), "takes k"),
        (("williams_peng", 3), "takes k1 and k2"),
        (("detach_every_k", 0), "must be 1 or more"),
        (("max_lag", 1.5), "whole number"),
        (("williams_peng", 4, 2), "k2 >= k1"),
    ],
)
def test_a_truncation_that_cannot_be_is_refused_in_one_line(truncation: object, words: str) -> None:
    _, L = recorded("vanilla")
    with pytest.raises(tg.TapeError, match=words) as caught:
        tg.flow(L, truncation=truncation)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    with pytest.raises(tg.TapeError, match="give one of them"):
        tg.flow(L, truncation=("max_lag", 0), follow=lambda *_: True)


# ---- every loss has its own cuts, whichever the flow follows ----

RULES = [
    ("detach_every_k", {"k": 2}), ("detach_every_k", {"k": 3}), ("max_lag", {"tau": 1}), ("max_lag", {"tau": 2}),
    ("williams_peng", {"k1": 2, "k2": 3}), ("williams_peng", {"k1": 2, "k2": 2}),
]  # fmt: skip


def followed(L: tg.Var, mode: str, numbers: dict[str, int]) -> list[tg.Flow]:
    """The truncated flow of the last loss, of two others, and of L where that is a set of edges."""
    flows = [tg.flow(L, at=at, truncation=(mode, *numbers.values())) for at in ("last", 2, 4)]
    if mode == "detach_every_k" or numbers in ({"k1": 2, "k2": 2},):
        flows.append(tg.flow(L, truncation=(mode, *numbers.values())))
    return flows


@pytest.mark.parametrize(("mode", "numbers"), RULES)
@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip"])
def test_the_table_is_the_mask_on_contributions_for_every_followed_loss(
    name: str, mode: str, numbers: dict[str, int]
) -> None:
    tape, L = recorded(name)
    whole, kept = tg.flow(L), mask(6, mode, **numbers)
    for w in whole.steps.weights:
        full, var = whole.table(w), tg.Var(tape, w, tape.lines[w][4])
        (expected,) = tg.truncated_gradients(L, [var], mode, **numbers)
        for flow in followed(L, mode, numbers):
            table = flow.table(w)
            for t in range(6):
                for k in range(6):
                    found, part = table[t].get(k, np.zeros(())), full[t].get(k, np.zeros(()))
                    np.testing.assert_allclose(found, kept[t, k] * part, rtol=1e-12, atol=1e-15)
            total = sum(flow.loss_weights[t] * array for t, row in table.items() for array in row.values())
            np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("mode", "numbers"), RULES)
def test_the_table_of_a_tape_is_that_of_the_closed_form_under_the_same_mask(mode: str, numbers: dict[str, int]) -> None:
    instance = random_instance(Spec(), Sizes(T=6, B=2, d=2, m=3, q=2), 4)
    arguments = (instance.spec, instance.params, instance.x, instance.y, instance.h0)
    closed, recording = bptt.contribution_table(*arguments), models.record(*arguments)
    kept = getattr(bptt, mode)(6, **numbers)
    for flow in followed(recording.loss, mode, numbers):
        for name in instance.spec.recurrent_names:
            table, full = flow.table(recording.params[name].index), closed.arrays[name]
            for t in range(6):
                for k in range(6):
                    found = table[t].get(k, np.zeros(()))
                    np.testing.assert_allclose(found, kept[t, k] * full[t, k], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("numbers", [{"k": 2}, {"k": 1}])
def test_a_running_total_of_the_losses_is_no_state_that_is_cut(numbers: dict[str, int]) -> None:
    random = np.random.default_rng(1)
    with tg.Tape() as tape:
        W, h, total = tape.var(random.normal(size=(3, 3)), "W"), tape.var(random.normal(size=3), "h0"), 0.0
        for t in range(1, 6):
            with tg.step(t):
                h = np.tanh(W @ h)
                total = total + t * tg.loss((h * h * h).sum(), t)
    flow = tg.flow(total, truncation=("detach_every_k", *numbers.values()))
    (expected,) = tg.truncated_gradients(total, [W], "detach_every_k", **numbers)
    np.testing.assert_allclose(flow.adjoint[W.index], expected, rtol=1e-12)
    assert [float(w) for w in flow.loss_weights.values()] == [1, 2, 3, 4, 5]


def test_a_loss_that_uses_a_state_unmarked_is_refused_as_by_passes() -> None:
    with tg.Tape() as tape:
        w, h, total = tape.var(0.7, "w"), tape.var(0.3, "h0"), 0.0
        for t in range(1, 5):
            with tg.step(t):
                h = np.tanh(w * h)
                total = total + tg.loss(h * h, t)
    with pytest.raises(tg.TapeError, match=r"^truncation: the loss uses h\[3\] other than by a marked loss; mark it$"):
        tg.flow(total + h, truncation=("detach_every_k", 2))
    assert tg.flow(total + h, at="last", truncation=("detach_every_k", 2)).seeds


def test_a_follow_of_ones_own_holds_for_every_loss() -> None:
    tape, L = recorded("vanilla")
    steps = tg.find_steps(tape)
    flow = tg.flow(L, at="last", follow=tg.carry_cut(steps, 3))
    w = steps.weights[0]
    reached = {(t, k) for t, row in flow.table(w).items() for k, array in row.items() if k >= 0 and array.any()}
    assert reached == {(t, k) for t in range(6) for k in range(t + 1) if not k < 3 <= t and not k < t < 3}
