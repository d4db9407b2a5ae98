"""Truncated gradients on the tape are masks on C[t,k], and what runs that start anew from a constant state give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.agreement import arguments
from tinygrad_rnn import bptt, models
from tinygrad_rnn.check import Instance, complex_step, random_instance, relative_error
from tinygrad_rnn.spec import Sizes, Spec
from tinygrad_rnn.truncate import mask, passes, truncated_gradients

T = 7
SETTINGS = [
    ("max_lag", {"tau": 0}),
    ("max_lag", {"tau": 3}),
    ("max_lag", {"tau": 40}),
    ("williams_peng", {"k1": 1, "k2": 3}),
    ("williams_peng", {"k1": 2, "k2": 3}),
    ("williams_peng", {"k1": 3, "k2": 3}),
    ("williams_peng", {"k1": 3, "k2": 5}),
    ("williams_peng", {"k1": 9, "k2": 9}),
    ("detach_every_k", {"k": 1}),
    ("detach_every_k", {"k": 3}),
    ("detach_every_k", {"k": 7}),
]
BITES = [setting for setting in SETTINGS if setting[1] not in ({"tau": 40}, {"k1": 9, "k2": 9}, {"k": 7})]
every_setting = pytest.mark.parametrize(("mode", "numbers"), SETTINGS, ids=str)


def close(a: Any, b: Any) -> None:
    assert relative_error(a, b) < 1e-12


def runs(mode: str, numbers: dict[str, int], steps: int) -> Iterator[tuple[int, int, int]]:
    """(start, first, last): runs from the constant state h_start, of which the losses first…last are differentiated."""
    if mode == "max_lag":
        for t in range(1, steps + 1):
            yield max(0, t - numbers["tau"] - 1), t, t
    elif mode == "detach_every_k":
        for start in range(0, steps, numbers["k"]):
            yield start, start + 1, min(start + numbers["k"], steps)
    else:
        ends = [*range(numbers["k1"], steps, numbers["k1"]), steps]
        for before, end in zip([0, *ends], ends, strict=False):
            yield max(0, end - numbers["k2"]), before + 1, end


def started_anew(instance: Instance, mode: str, numbers: dict[str, int]) -> dict[str, Any]:
    """The truncated gradient by its definition, with the complex step: every run begins at a state that is a number."""
    spec, params, x, y, h0 = arguments(instance)
    states = bptt.forward(spec, params, x, y, h0).h

    def loss(moved: Any) -> Any:
        total = 0.0
        for start, first, last in runs(mode, numbers, len(x)):
            run = bptt.forward(spec, moved, x[start:last], y[start:last], states[start])
            total = total + run.step_losses[first - start - 1 :].sum()
        return spec.step_weight(len(x)) * total

    return complex_step(loss, params)


@every_setting
@pytest.mark.parametrize(
    "spec",
    [Spec(), Spec(convention="row", activation="sigmoid", loss="sq_err", time_weight="1", batch_reduction="mean")],
    ids=["col", "row"],
)
def test_a_truncated_gradient_is_that_of_runs_started_anew(spec: Spec, mode: str, numbers: dict[str, int]) -> None:
    instance = random_instance(spec, Sizes(T, 3, 2, 3, 2), seed=5)
    recording = models.record(*arguments(instance))
    found = truncated_gradients(recording.loss, list(recording.params.values()), mode, **numbers)
    known = started_anew(instance, mode, numbers)
    for name, gradient in zip(recording.params, found, strict=True):
        close(gradient, known[name])


@every_setting
def test_a_truncated_gradient_is_a_mask_on_the_contributions_of_the_closed_form(
    mode: str, numbers: dict[str, int]
) -> None:
    instance = random_instance(Spec(), Sizes(T, 2, 2, 3, 2), seed=6)
    recording = models.record(*arguments(instance))
    table = bptt.contribution_table(*arguments(instance))
    names = instance.spec.recurrent_names
    found = truncated_gradients(recording.loss, [recording.params[name] for name in names], mode, **numbers)
    kept = mask(T, mode, **numbers)
    full = bptt.delta_recursion(*arguments(instance)).params
    for name, gradient in zip(names, found, strict=True):
        close(gradient, table.step_weight * np.tensordot(kept, table.arrays[name], axes=2))
        cut = (mode, numbers) in BITES
        assert (relative_error(gradient, full[name]) > 1e-3) == cut, "the cut must bite, and only where it cuts"


def test_masks_are_those_of_their_definitions() -> None:
    def by_definition(mode: str, numbers: dict[str, int]) -> Any:
        kept = np.zeros((T, T))
        for t in range(1, T + 1):
            for k in range(1, t + 1):
                if mode == "max_lag":
                    kept[t - 1, k - 1] = t - k <= numbers["tau"]
                elif mode == "williams_peng":
                    s = min(T, numbers["k1"] * -(-t // numbers["k1"]))
                    kept[t - 1, k - 1] = k >= s - numbers["k2"] + 1
                else:
                    kept[t - 1, k - 1] = (k - 1) // numbers["k"] == (t - 1) // numbers["k"]
        return kept

    for mode, numbers in SETTINGS:
        assert np.array_equal(mask(T, mode, **numbers), by_definition(mode, numbers))


@every_setting
@pytest.mark.parametrize("written", ["tape", "checked"])
def test_no_edge_to_a_weight_that_is_transformed_before_the_loop_is_cut(
    written: str, mode: str, numbers: dict[str, int]
) -> None:
    rng = np.random.default_rng(9)
    holes = np.triu(np.ones((3, 3)))
    arrays = {"W": rng.normal(size=(3, 3)), "U": rng.normal(size=(3, 2)), "h0": rng.normal(size=3)}
    xs = rng.normal(size=(T, 2))
    with tg.Tape(checked=written == "checked") as tape:
        W, U, h0 = (tape.var(array, name) for name, array in arrays.items())
        M, N, h, total = W * holes, np.tanh(U), h0 * 2.0, 0.0
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(M @ h + N @ xs[t - 1])
                total = total + tg.loss((h * h * h).sum(), t) / float(t)
    states = [h0.value * 2.0]
    for x in xs:
        states.append(np.tanh(M.value @ states[-1] + N.value @ x))

    def loss(moved: Any) -> Any:
        W2, U2, total = moved["W"] * holes, np.tanh(moved["U"]), 0.0
        for start, first, last in runs(mode, numbers, T):
            h = states[start]
            for t in range(start + 1, last + 1):
                h = np.tanh(W2 @ h + U2 @ xs[t - 1])
                if t >= first:
                    total = total + (h * h * h).sum() / t
        return total

    known = complex_step(loss, arrays)
    found = truncated_gradients(total, [W, U], mode, **numbers)
    close(found[0], known["W"])
    close(found[1], known["U"])
    table = tg.flow(total).table(M.index)
    kept = mask(T, mode, **numbers)
    masked = sum(kept[t, k] * table[t][k] / (t + 1) for t in table for k in table[t] if k >= 0)
    close(found[0], masked * holes)


@pytest.mark.parametrize("cell", tuple(tg.cells.CELLS))
@pytest.mark.parametrize(("mode", "numbers"), BITES[1::2], ids=str)
def test_every_state_of_every_cell_is_cut(cell: str, mode: str, numbers: dict[str, int]) -> None:
    """A mask on the table that full sweeps over the tape give; cells with skips carry past the step before."""
    tape, loss = tg.cells.record(cell, T, seed=4)
    flow = tg.flow(loss)
    weights = [w for w in flow.steps.weights if any(tape.lines[i][1].count(w) for i in range(len(tape)))]
    found = truncated_gradients(loss, [tg.tape.Var(tape, w, tape.lines[w][4]) for w in weights], mode, **numbers)
    kept = mask(T, mode, **numbers)
    for w, gradient in zip(weights, found, strict=True):
        table, share = flow.table(w), flow.loss_weights
        close(gradient, sum(kept[t, k] * share[t] * table[t][k] for t in table for k in table[t]))


def test_the_initial_state_is_reached_by_max_lag_past_step_1_only() -> None:
    instance = random_instance(Spec(), Sizes(5, 2, 2, 3, 2), seed=7)
    recording = models.record(*arguments(instance))
    spec, params, x, y, h0 = arguments(instance)

    def of_h0(mode: str, **numbers: int) -> Any:
        return truncated_gradients(recording.loss, [recording.h0], mode, **numbers)[0]

    def first_losses(count: int) -> Any:
        return complex_step(lambda moved: bptt.forward(spec, params, x, y, moved["h"]).step_losses[:count].sum() / 5.0,
                            {"h": h0})["h"]  # fmt: skip

    assert not of_h0("max_lag", tau=0).any()
    for tau in range(1, 6):
        close(of_h0("max_lag", tau=tau), first_losses(tau))
    for mode, numbers in (("williams_peng", {"k1": 5, "k2": 9}), ("detach_every_k", {"k": 5})):
        assert not of_h0(mode, **numbers).any(), "these two have h0 constant"


@pytest.mark.parametrize("name", ["h0", "h_0", "h[0]", "start"])
def test_in_one_step_alone_a_name_tells_the_initial_state_and_without_one_it_is_differentiated_like_a_weight(
    name: str,
) -> None:
    rng = np.random.default_rng(10)
    with tg.Tape(checked=True) as tape:
        W, start = tape.var(rng.normal(size=(3, 3)), "W"), tape.var(rng.normal(size=3), name)
        with tg.step(1):
            h = np.tanh(W @ start)
            L = tg.loss((h * h * h).sum(), 1)
    whole = tape.grad(L, [W, start])
    for mode, numbers, reaches in (
        ("max_lag", {"tau": 0}, False),
        ("max_lag", {"tau": 1}, True),
        ("williams_peng", {"k1": 1, "k2": 1}, False),
        ("detach_every_k", {"k": 1}, False),
    ):
        of_W, of_start = truncated_gradients(L, [W, start], mode, **numbers)
        close(of_W, whole[0])
        close(of_start, whole[1] if reaches or name == "start" else 0.0 * whole[1])


def test_one_loss_at_the_end_reaches_as_many_steps_as_its_pass() -> None:
    spec = Spec(convention="row", output_activation="sigmoid", loss="bce", many_to_one=True, time_weight="1")
    instance = random_instance(spec, Sizes(6, 2, 2, 3, 1), seed=8)
    recording = models.record(*arguments(instance))
    (found,) = truncated_gradients(recording.loss, [recording.params["W"]], "williams_peng", k1=4, k2=5)
    close(found, bptt.contribution_table(*arguments(instance)).arrays["W"][0, 1:].sum(axis=0))


def test_a_penalty_outside_the_steps_is_differentiated_whole() -> None:
    instance = random_instance(Spec(), Sizes(5, 2, 2, 3, 2), seed=3)
    recording = models.record(*arguments(instance))
    W = recording.params["W"]
    (without,) = truncated_gradients(recording.loss, [W], "max_lag", tau=1)
    (found,) = truncated_gradients(recording.loss + 0.5 * (W * W).sum(), [W], "max_lag", tau=1)
    close(found, without + W.value)


def program(last: str = "", mark: bool = True, backwards: bool = False) -> tuple[tg.Var, tg.Var]:
    """L of three steps, and W; `last` is what the loss takes besides the marked losses."""
    with tg.Tape() as tape:
        W, h, total = tape.var(np.full((2, 2), 0.3), "W"), tape.data(np.ones(2), "h0"), 0.0
        for t in (3, 2, 1) if backwards else (1, 2, 3):
            with tg.step(t):
                h = np.tanh(W @ h)
                J = h.sum()
                total = total + (tg.loss(J, t) if mark else J)
        return total + (h * h).sum() if last == "state" else total, W


def both_ways() -> tuple[tg.Var, list[tg.Var]]:
    """A second state runs from the last step to the first."""
    with tg.Tape() as tape:
        W, states, total = tape.var(np.full((2, 2), 0.3), "W"), [tape.data(np.ones(2), "h0")], 0.0
        for t in (1, 2, 3):
            with tg.step(t):
                states.append(np.tanh(W @ states[-1]))
        back = tape.data(np.ones(2), "g4")
        for t in (3, 2, 1):
            with tg.step(t):
                back = np.tanh(W @ back)
                total = total + tg.loss((states[t] * back).sum(), t)
    return total, [W]


WRONG = [
    (lambda L, W: truncated_gradients(L, [W], "bptt", k=3), "no truncation is called 'bptt': there are max_lag, "),
    (lambda L, W: truncated_gradients(L, [W], "max_lag", k=3), "max_lag takes tau, and k was given"),
    (lambda L, W: truncated_gradients(L, [W], "williams_peng", k1=3), "takes k1 and k2, and k1 was given"),
    (lambda L, W: truncated_gradients(L, [W], "detach_every_k"), "takes k, and nothing was given"),
    (lambda L, W: truncated_gradients(L, [W], "max_lag", tau=-1), "tau is -1: it must be 0 or more"),
    (lambda L, W: truncated_gradients(L, [W], "williams_peng", k1=0, k2=2), "k1 is 0: it must be 1 or more"),
    (lambda L, W: truncated_gradients(L, [W], "williams_peng", k1=3, k2=2), "k2 is 2 and k1 is 3: .* k2 >= k1"),
    (lambda L, W: truncated_gradients(L, [W], "detach_every_k", k=0), "k is 0: it must be 1 or more"),
    (lambda L, W: truncated_gradients(L, [W], "detach_every_k", k=2.0), "k is 2.0: it must be a whole number"),
    (lambda L, W: truncated_gradients(L, [W], "max_lag", tau=True), "tau is True: it must be a whole number"),
    (lambda L, W: truncated_gradients(W, [W], "max_lag", tau=1), r"the loss has shape \(2, 2\)"),
    (lambda L, W: truncated_gradients(1.0, [W], "max_lag", tau=1), "must be Vars of one tape"),
    (lambda L, W: truncated_gradients(L, [program()[1]], "max_lag", tau=1), "must be Vars of one tape"),
    (lambda *_: truncated_gradients(*_with(mark=False), "max_lag", tau=1), "no step loss is marked"),
    (lambda *_: truncated_gradients(*both_ways(), "max_lag", tau=1), "a state goes backwards in time"),
    (lambda *_: truncated_gradients(*_with(last="state"), "max_lag", tau=1), "other than by a marked loss; mark it"),
]


def _with(**changes: Any) -> tuple[Any, list[Any]]:
    L, W = program(**changes)
    return L, [W]


@pytest.mark.parametrize(("call", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_what_cannot_be_truncated_is_said_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(tg.TapeError, match=said) as error:
        call(*program())
    assert "\n" not in str(error.value)


def test_steps_count_in_the_order_of_recording_whatever_their_numbers() -> None:
    for backwards in (False, True):
        L, W = program(backwards=backwards)
        (found,) = truncated_gradients(L, [W], "detach_every_k", k=2)
        with tg.Tape() as tape:
            M, total = tape.var(W.value, "W"), 0.0
            for start, count in ((1.0, 2), (None, 1)):
                h = np.ones(2) if start else np.tanh(W.value @ np.tanh(W.value @ np.ones(2)))
                for _ in range(count):
                    h = np.tanh(M @ h)
                    total = total + h.sum()
        close(found, tape.grad(total, [M])[0])


def test_passes_inject_every_loss_once() -> None:
    for mode, numbers in SETTINGS:
        steps = [t for part in passes(T, mode, **numbers) for t in range(part.first, part.last + 1)]
        assert steps == list(range(1, T + 1))


def test_one_var_is_differentiated_by_as_it_is_and_not_row_by_row() -> None:
    L, W = program()
    lines = len(L.tape)
    (expected,) = truncated_gradients(L, [W], "max_lag", tau=1)
    found = truncated_gradients(L, W, "max_lag", tau=1)
    assert np.array_equal(found, expected) and found.any()
    assert tg.text.backward(L, W) == tg.text.backward(L, [W]) and "d[W]" in tg.text.backward(L, W)
    assert tg.text.source(L, W) == tg.text.source(L, [W])
    assert len(L.tape) == lines, "W[0], W[1] are no lines"


@pytest.mark.parametrize(
    ("mode", "numbers", "sweeps"),
    [("max_lag", {"tau": 3}, 4), ("detach_every_k", {"k": 3}, 1), ("williams_peng", {"k1": 2, "k2": 5}, 3)],
)
def test_passes_that_share_no_step_share_a_sweep(
    mode: str, numbers: dict[str, int], sweeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep looks at the whole tape: as many as there are losses would cost their number squared."""
    tape, L = tg.cells.record("vanilla", 40)
    made, sweep = [], tg.Tape.sweep
    monkeypatch.setattr(tg.Tape, "sweep", lambda *given, **named: (made.append(1), sweep(*given, **named))[1])
    truncated_gradients(L, tg.Var(tape, 0, tape.lines[0][4]), mode, **numbers)
    assert len(made) == 1 + sweeps, "the first is from L to the losses"
