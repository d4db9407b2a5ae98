"""Truncated gradients of programs of every shape are those of the same program with its states held fixed at the cuts.

Each program below is written with `hold(state, t)` where step t reads a state. Recorded once, `hold` does nothing, and
truncation has to find the cuts; recorded once for every pass, it is `stop_gradient` at the pass's earliest step, and
the plain gradient of the pass's losses is what the truncated one must be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.truncate import passes

T = 6
RANDOM = np.random.default_rng(11)
ARRAYS = {
    "W": 0.9 * RANDOM.normal(size=(3, 3)), "U": 0.7 * RANDOM.normal(size=(3, 3)), "h0": RANDOM.normal(size=3),
    "g0": RANDOM.normal(size=3),
}  # fmt: skip
XS = RANDOM.normal(size=(T, 3))
MODES = [
    ("detach_every_k", {"k": 1}), ("detach_every_k", {"k": 2}), ("detach_every_k", {"k": 4}), ("max_lag", {"tau": 0}),
    ("max_lag", {"tau": 2}), ("max_lag", {"tau": 9}), ("williams_peng", {"k1": 2, "k2": 3}),
]  # fmt: skip
Params = Mapping[str, Any]
Hold = Callable[[Any, int], Any]
Losses = dict[int, Any]  # by time, counted from 1
Program = Callable[[Params, Hold], Losses]


def J(h: Any) -> Any:
    return np.sum(h * h * h)


def marked(value: Any, t: int) -> Any:
    return tg.loss(value, t)


# ---- one loop ----


def scaled_between_steps(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
        h = h * 0.9
    return found


def normalised_between_steps(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
        size = np.sqrt(np.sum(h * h))
        h = h / size
    return found


def bent_before_every_step(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        g = np.sin(h)
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(g, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
    return found


def a_weight_between_steps(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t))
            found[t] = tg.loss(J(h), t)
        h = np.sin(p["U"] @ h) + XS[t - 1]
    return found


def weights_masked_between_steps(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    M = p["W"] * 1.1
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(M @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
        M = p["W"] * np.cos(np.arange(9.0).reshape(3, 3) + t)
    return found


def weights_masked_by_what_a_step_drew(p: Params, hold: Hold) -> Losses:
    """The mask is data of a step; the weight is of none."""
    h, found, M = p["h0"], {}, p["W"]
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(M @ hold(h, t) + XS[t - 1])
            mask = p["W"].tape.data(np.cos(np.arange(9.0).reshape(3, 3) + t)) * 2.0
            found[t] = tg.loss(J(h), t)
        M = p["W"] * mask
    return found


def two_states_in_a_dict(p: Params, hold: Hold) -> Losses:
    state, found = {"h": p["h0"], "c": p["g0"]}, {}
    for t in range(1, T + 1):
        with tg.step(t):
            c = hold(state["c"], t) * tg.sigmoid(p["U"] @ hold(state["h"], t)) + XS[t - 1]
            state = {"h": np.tanh(p["W"] @ c), "c": c}
            found[t] = tg.loss(J(state["h"]), t)
    return found


def states_in_a_list(p: Params, hold: Hold) -> Losses:
    states, found = [p["h0"]], {}
    for t in range(1, T + 1):
        with tg.step(t):
            states.append(np.tanh(p["W"] @ hold(states[-1], t) + XS[t - 1]))
            found[t] = tg.loss(J(states[-1]), t)
    return found


def a_skip_past_a_step(p: Params, hold: Hold) -> Losses:
    """Each state a step reads is held where it crosses into a step: also one that is two steps old."""
    states, found = [p["g0"], p["h0"]], {}
    for t in range(1, T + 1):
        with tg.step(t):
            old = hold(hold(states[-2], t - 1) if t > 1 else states[-2], t)
            states.append(np.tanh(p["W"] @ hold(states[-1], t) + p["U"] @ old))
            found[t] = tg.loss(J(states[-1]), t)
    return found


def steps_that_are_entered_twice(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            a = p["W"] @ hold(h, t) + XS[t - 1]
        a = a * 1.1
        with tg.step(t):
            h = np.tanh(a)
            found[t] = tg.loss(J(h), t)
    return found


def numbers_that_run_down(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(T - t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), T - t)
    return found


def layers_inside_a_step(p: Params, hold: Hold) -> Losses:
    h, g, found = p["h0"], p["g0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            with tg.step(1, loop="layer"):
                h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            with tg.step(2, loop="layer"):
                g = np.tanh(p["U"] @ hold(g, t) + h)
            found[t] = tg.loss(J(g), t)
    return found


def losses_after_the_loop(p: Params, hold: Hold) -> Losses:
    h, states, found = p["h0"], {}, {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = states[t] = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
    for t in range(1, T + 1):
        found[t] = tg.loss(J(p["U"] @ states[t]), t)
    return found


def losses_after_the_loop_that_look_back(p: Params, hold: Hold) -> Losses:
    h, states, found = p["h0"], {}, {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = states[t] = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
    for t in range(1, T + 1):
        before = hold(states[t - 1], t) if t > 1 else 1.0
        found[t] = tg.loss(J(p["U"] @ (states[t] * before)), t)
    return found


def an_initial_state_from_weights(p: Params, hold: Hold) -> Losses:
    h, found = np.tanh(p["U"] @ p["g0"]), {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
    return found


def a_state_that_starts_anew(p: Params, hold: Hold) -> Losses:
    """At t = 4 the state is a learned one, which is of no step."""
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ (p["g0"] if t == 4 else hold(h, t)) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
    return found


def some_steps_without_a_loss(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            if t % 2:
                found[t] = tg.loss(J(h), t)
    return found


def a_state_that_is_a_stack(p: Params, hold: Hold) -> Losses:
    state, found = np.stack([p["h0"], p["g0"]]), {}
    for t in range(1, T + 1):
        with tg.step(t):
            before = hold(state, t)
            state = np.stack([np.tanh(p["W"] @ before[0] + before[1]), np.sin(p["U"] @ before[1])])
            found[t] = tg.loss(J(state), t)
    return found


def a_total_that_is_the_loss(p: Params, hold: Hold) -> Losses:
    """What is marked is a state itself: the sum of all losses so far."""
    h, total, found = p["h0"], 0.0, {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            total = J(h) + (hold(total, t) if t > 1 else 0.0)
            found[t] = tg.loss(total, t)
    return found


def an_output_fed_back(p: Params, hold: Hold) -> Losses:
    h, y, found = p["h0"], p["g0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + hold(y, t))
            y = tg.softmax(p["U"] @ h)
            found[t] = tg.loss(J(y), t)
    return found


# ---- gradients inside a step ----


def a_gradient_by_the_weight_in_every_step(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            before = hold(h, t)
            g = tg.grad(lambda M, before=before: J(np.tanh(M @ before)))(p["W"])
            h = np.tanh(p["W"] @ before + 0.1 * np.sum(g, axis=0) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
    return found


def a_state_that_descends_its_energy(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            before = hold(h, t)
            h = before - 0.1 * tg.grad(lambda s: J(np.tanh(p["W"] @ s)))(before) + XS[t - 1]
            found[t] = tg.loss(J(h), t)
    return found


def a_weight_that_learns_on_the_way(p: Params, hold: Hold) -> Losses:
    """The weights are states, too."""
    h, M, found = p["h0"], p["W"] * 1.0, {}
    for t in range(1, T + 1):
        with tg.step(t):
            M, before = hold(M, t), hold(h, t)
            h = np.tanh(M @ before + p["U"] @ XS[t - 1])
            M = M - 0.05 * tg.grad(lambda N, before=before: J(np.tanh(N @ before)))(M)
            found[t] = tg.loss(J(h), t)
    return found


def a_gradient_between_steps(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t)
        h = h - 0.1 * tg.grad(lambda s: J(np.tanh(p["U"] @ s)))(h)
    return found


# ---- several loops ----


def a_loop_that_reads_out(p: Params, hold: Hold) -> Losses:
    h, states, found = p["h0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    for t in range(1, T + 1):
        with tg.step(t, "out"):
            found[t] = tg.loss(J(p["U"] @ states[t - 1]), t)
    return found


def a_loop_that_reads_out_of_a_stack(p: Params, hold: Hold) -> Losses:
    h, states, found = p["h0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    stacked = np.stack(states)
    for t in range(1, T + 1):
        with tg.step(t, "out"):
            found[t] = tg.loss(J(p["U"] @ stacked[t - 1]), t)
    return found


def layer_by_layer(p: Params, hold: Hold) -> Losses:
    h, g, states, found = p["h0"], p["g0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    for t in range(1, T + 1):
        with tg.step(t, "second"):
            g = np.tanh(p["U"] @ hold(g, t) + states[t - 1])
            found[t] = tg.loss(J(g), t)
    return found


def layer_by_layer_by_a_stack(p: Params, hold: Hold) -> Losses:
    h, g, states, found = p["h0"], p["g0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    stacked = np.stack(states)
    for t in range(1, T + 1):
        with tg.step(t, "second"):
            g = np.tanh(p["U"] @ hold(g, t) + stacked[t - 1])
            found[t] = tg.loss(J(g), t)
    return found


def a_stack_that_is_read_whole_too(p: Params, hold: Hold) -> Losses:
    """Row by row in the second layer; whole, with its last row first, in the losses."""
    h, g, states, found = p["h0"], p["g0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    stacked = np.stack(states)
    tops = []
    for t in range(1, T + 1):
        with tg.step(t, "second"):
            g = np.tanh(p["U"] @ hold(g, t) + stacked[t - 1])
            tops.append(g)
    both = np.stack(tops) * stacked
    for t in range(1, T + 1):
        found[t] = tg.loss(J(both[t - 1]), t, loop="second")
    return found


def three_layers_and_what_lies_between_them(p: Params, hold: Hold) -> Losses:
    h, g, k, found = p["h0"], p["g0"], p["h0"] * 0.5, {}
    first, second = {}, {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
        first[t] = h * 0.8
    for t in range(1, T + 1):
        with tg.step(t, "second"):
            g = np.tanh(p["U"] @ hold(g, t) + first[t])
        second[t] = g * first[t]
    for t in range(1, T + 1):
        with tg.step(t, "third"):
            k = np.tanh(p["W"] @ hold(k, t) + second[t])
            found[t] = tg.loss(J(k), t)
    return found


def loops_in_turns(p: Params, hold: Hold) -> Losses:
    h, g, found = p["h0"], p["g0"], {}
    for t in range(1, T + 1):
        with tg.step(t, "slow"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
        with tg.step(t, "fast"):
            g = np.tanh(p["U"] @ hold(g, t) + h)
            found[t] = tg.loss(J(g), t)
    return found


def loops_that_feed_each_other(p: Params, hold: Hold) -> Losses:
    h, g, found = p["h0"], p["g0"], {}
    for t in range(1, T + 1):
        with tg.step(t, "slow"):
            h = np.tanh(p["W"] @ hold(h, t) + 0.5 * hold(g, t))
        between = np.sin(h)
        with tg.step(t, "fast"):
            g = np.tanh(p["U"] @ hold(g, t) + between)
            found[t] = tg.loss(J(g), t)
    return found


def a_layer_with_a_delay(p: Params, hold: Hold) -> Losses:
    h, g, states, found = p["h0"], p["g0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    for t in range(1, T + 1):
        with tg.step(t, "second"):
            g = np.tanh(p["U"] @ hold(g, t) + (hold(states[t - 2], t) if t > 1 else 0.0))
            found[t] = tg.loss(J(g), t)
    return found


def a_decoder_after_an_encoder(p: Params, hold: Hold) -> Losses:
    """Times 1 to 3 are the encoder's; the decoder counts from 1 again."""
    h, found = p["h0"], {}
    for t in (1, 2, 3):
        with tg.step(t, "encoder"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
    for t in (4, 5, 6):
        with tg.step(t - 3, "decoder"):
            h = np.tanh(p["U"] @ hold(h, t) + XS[t - 1])
            found[t] = tg.loss(J(h), t - 3)
    return found


def a_decoder_that_starts_from_a_summary(p: Params, hold: Hold) -> Losses:
    h, found = p["h0"], {}
    for t in (1, 2, 3):
        with tg.step(t, "encoder"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
    g = np.sin(h)
    for t in (4, 5, 6):
        with tg.step(t - 3, "decoder"):
            g = np.tanh(p["U"] @ hold(g, t) + XS[t - 1])
            found[t] = tg.loss(J(g), t - 3)
    return found


def a_decoder_with_layers(p: Params, hold: Hold) -> Losses:
    """Its second layer is a loop of its own, beside the first."""
    h, g, states, found = p["h0"], p["g0"], {}, {}
    for t in (1, 2, 3):
        with tg.step(t, "encoder"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
    for t in (4, 5, 6):
        with tg.step(t - 3, "decoder"):
            h = states[t] = np.tanh(p["U"] @ hold(h, t) + XS[t - 1])
    for t in (4, 5, 6):
        with tg.step(t - 3, "above"):
            g = np.tanh(p["W"] @ hold(g, t) + states[t])
            found[t] = tg.loss(J(g), t - 3)
    return found


def attention(p: Params, hold: Hold) -> Losses:
    """Every decoder step reads all encoder states, of which each is held where it crosses into a step."""
    h, states, found = p["h0"], [], {}
    for t in (1, 2, 3):
        with tg.step(t, "encoder"):
            h = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
            states.append(h)
    for t in (4, 5, 6):
        with tg.step(t - 3, "decoder"):
            held = list(states)
            for border in range(1, t + 1):
                held = [hold(state, border) if n + 1 < border else state for n, state in enumerate(held)]
            keys = np.stack(held)
            h = np.tanh(p["U"] @ hold(h, t) + tg.softmax(keys @ XS[t - 1]) @ keys)
            found[t] = tg.loss(J(h), t - 3)
    return found


PROGRAMS: list[Program] = [
    scaled_between_steps, normalised_between_steps, bent_before_every_step, a_weight_between_steps,
    weights_masked_between_steps, weights_masked_by_what_a_step_drew, two_states_in_a_dict, states_in_a_list,
    a_skip_past_a_step, steps_that_are_entered_twice, numbers_that_run_down, layers_inside_a_step,
    losses_after_the_loop, losses_after_the_loop_that_look_back, an_initial_state_from_weights,
    a_state_that_is_a_stack, a_total_that_is_the_loss, an_output_fed_back, loops_that_feed_each_other,
    a_state_that_starts_anew, some_steps_without_a_loss, a_gradient_by_the_weight_in_every_step,
    a_state_that_descends_its_energy, a_weight_that_learns_on_the_way, a_gradient_between_steps, a_loop_that_reads_out,
    a_loop_that_reads_out_of_a_stack, layer_by_layer, layer_by_layer_by_a_stack, a_stack_that_is_read_whole_too,
    three_layers_and_what_lies_between_them, loops_in_turns, a_layer_with_a_delay, a_decoder_after_an_encoder,
    a_decoder_that_starts_from_a_summary, a_decoder_with_layers, attention,
]  # fmt: skip


def weight(t: int) -> float:
    return 1.0 + 0.1 * t


def recorded(program: Program, checked: bool = False) -> tuple[tg.Var, dict[str, tg.Var]]:
    with tg.Tape(checked=checked) as tape:
        params = {name: tape.var(array, name) for name, array in ARRAYS.items()}
        losses = program(params, lambda state, t: state)
        return sum(weight(t) * value for t, value in losses.items()), params


def held(program: Program, first: int, last: int, earliest: int) -> dict[str, Any]:
    """The gradient of the losses first…last, where what step `earliest` reads of those before it is a constant."""
    with tg.Tape() as tape:
        params = {name: tape.var(array, name) for name, array in ARRAYS.items()}
        losses = program(params, lambda state, t: tg.stop_gradient(state) if t == earliest else state)
        total = sum([weight(t) * losses[t] for t in losses if first <= t <= last], start=0.0 * np.sum(params["W"]))
    seeds = {total.index: np.ones(())}
    return dict(zip(params, tape.sweep(seeds, [v.index for v in params.values()]), strict=True))


def expected(program: Program, mode: str, numbers: dict[str, int]) -> dict[str, Any]:
    parts = [held(program, one.first, one.last, one.earliest) for one in passes(T, mode, **numbers)]
    return {name: sum(part[name] for part in parts) for name in ARRAYS}


def close(found: Any, known: Any) -> None:
    np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-13)


each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
each_mode = pytest.mark.parametrize(("mode", "numbers"), MODES, ids=str)


@each_mode
@each_program
def test_a_truncated_gradient_is_the_gradient_with_states_held_fixed(
    program: Program, mode: str, numbers: dict[str, int]
) -> None:
    L, params = recorded(program)
    found = tg.truncated_gradients(L, list(params.values()), mode, **numbers)
    known = expected(program, mode, numbers)
    for name, array in zip(params, found, strict=True):
        close(array, known[name])
    whole = expected(program, "max_lag", {"tau": T})
    if mode == "detach_every_k" and numbers["k"] == 1:
        assert max(np.max(np.abs(known[name] - whole[name])) for name in params) > 1e-3, "the cuts must bite"


@each_mode
@each_program
def test_a_truncated_flow_is_the_same_or_says_that_it_is_no_set_of_edges(
    program: Program, mode: str, numbers: dict[str, int]
) -> None:
    L, params = recorded(program, checked=True)
    truncation = (mode, *numbers.values())
    known = expected(program, mode, numbers)
    try:
        flow = tg.flow(L, truncation=truncation)
    except tg.TapeError as error:
        assert "is no set of cut edges" in str(error)
        assert mode != "detach_every_k" or program is a_stack_that_is_read_whole_too
    else:
        for name, var in params.items():
            close(flow.adjoint.get(var.index, 0.0), known[name])
    last = max(flow_step for flow_step in tg.find_steps(L.tape).losses)
    flow = tg.flow(L, at="last", truncation=truncation)
    (one,) = [one for one in passes(T, mode, **numbers) if one.first <= T <= one.last]
    if last in flow.steps.losses and program is not some_steps_without_a_loss:
        known = held(program, T, T, one.earliest)
        for name, var in params.items():
            close(flow.adjoint.get(var.index, 0.0) * weight(T), known[name])


# ---- what has no time in common, or a way back that no pass may take ----


def both_directions(p: Params, hold: Hold) -> Any:
    ahead, back = {0: p["h0"]}, {T + 1: p["g0"]}
    for t in range(1, T + 1):
        with tg.step(t, "ahead"):
            ahead[t] = np.tanh(p["W"] @ ahead[t - 1] + XS[t - 1])
    for t in range(T, 0, -1):
        with tg.step(t, "back"):
            back[t] = np.tanh(p["U"] @ back[t + 1] + XS[t - 1])
    found = {}
    for t in range(1, T + 1):
        with tg.step(t, "out"):
            found[t] = tg.loss(J(ahead[t] * back[t]), t)
    return sum(found.values())


def both_directions_counted_upwards(p: Params, hold: Hold) -> Any:
    """Step n of the second loop reads x[T + 1 − n]: its number is no time."""
    ahead, back = {0: p["h0"]}, {0: p["g0"]}
    for t in range(1, T + 1):
        with tg.step(t, "ahead"):
            ahead[t] = np.tanh(p["W"] @ ahead[t - 1] + XS[t - 1])
    for n in range(1, T + 1):
        with tg.step(n, "back"):
            back[n] = np.tanh(p["U"] @ back[n - 1] + XS[T - n])
    found = {}
    for t in range(1, T + 1):
        with tg.step(t, "out"):
            found[t] = tg.loss(J(ahead[t] * back[T + 1 - t]), t)
    return sum(found.values())


def half_the_rate(p: Params, hold: Hold) -> Any:
    """Step n of the second loop reads step 2n of the first."""
    h, g, states, found = p["h0"], p["g0"], {}, {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = states[t] = np.tanh(p["W"] @ h + XS[t - 1])
    for n in range(1, T // 2 + 1):
        with tg.step(n, "second"):
            g = np.tanh(p["U"] @ g + states[2 * n])
            found[n] = tg.loss(J(g), n)
    return sum(found.values())


def rows_of_all_states_together(p: Params, hold: Hold) -> Any:
    h, g, states, found = p["h0"], p["g0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t, "first"):
            h = np.tanh(p["W"] @ h + XS[t - 1])
            states.append(h)
    below = np.stack(states) @ p["U"]
    for t in range(1, T + 1):
        with tg.step(t, "second"):
            g = np.tanh(p["W"] @ g + below[t - 1])
            found[t] = tg.loss(J(g), t)
    return sum(found.values())


def a_sum_of_states(p: Params, hold: Hold) -> Any:
    h, states, found = p["h0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ h + XS[t - 1])
            states.append(h)
            found[t] = tg.loss(J(h), t)
    return sum(found.values()) + np.sum(np.stack(states))


def a_second_pass_over_the_same_steps(p: Params, hold: Hold) -> Any:
    h, states, found = p["h0"], [], {}
    for t in range(1, T + 1):
        with tg.step(t):
            h = np.tanh(p["W"] @ h + XS[t - 1])
            states.append(h)
    context = np.mean(np.stack(states), axis=0)
    for t in range(1, T + 1):
        with tg.step(t):
            found[t] = tg.loss(J(states[t - 1] * context), t)
    return sum(found.values())


REFUSED = [
    (both_directions, "the loops 'ahead' and 'back' have no common time; number their steps so that step t"),
    (both_directions_counted_upwards, "the loops 'ahead' and 'back' and 'out' have no common time"),
    (half_the_rate, "the loops 'first' and 'second' have no common time"),
    (rows_of_all_states_together, "the loops 'first' and 'second' have no common time"),
    (a_sum_of_states, r"the loss uses (h\[\d\]|line \d+) other than by a marked loss; mark it"),
    (a_second_pass_over_the_same_steps, "a state goes backwards in time, context.* is read in step 1; only states of"),
]


@pytest.mark.parametrize(("program", "said"), REFUSED, ids=lambda x: getattr(x, "__name__", ""))
def test_what_has_no_truncated_gradient_is_said_in_one_line(program: Any, said: str) -> None:
    with tg.Tape(checked=True) as tape:
        params = {name: tape.var(array, name) for name, array in ARRAYS.items()}
        L = program(params, lambda state, t: state)
    for ask in (lambda: tg.truncated_gradients(L, params["W"], "detach_every_k", k=2),
                lambda: tg.flow(L, truncation=("detach_every_k", 2))):  # fmt: skip
        with pytest.raises(tg.TapeError, match=said) as error:
            ask()
        assert "\n" not in str(error.value)


def test_numbers_that_say_the_time_put_a_slower_loop_beside_a_faster_one() -> None:
    """Step 2n of the second loop reads step 2n of the first."""

    def program(p: Params, hold: Hold) -> Losses:
        h, g, states, found = p["h0"], p["g0"], {}, {}
        for t in range(1, T + 1):
            with tg.step(t, "first"):
                h = states[t] = np.tanh(p["W"] @ hold(h, t) + XS[t - 1])
        for t in range(2, T + 1, 2):
            with tg.step(t, "second"):
                g = np.tanh(p["U"] @ hold(hold(g, t - 1), t) + states[t])
                found[t] = tg.loss(J(g), t)
        return found

    L, params = recorded(program)
    for mode, numbers in MODES:
        known = expected(program, mode, numbers)
        for name, array in zip(params, tg.truncated_gradients(L, list(params.values()), mode, **numbers), strict=True):
            close(array, known[name])
