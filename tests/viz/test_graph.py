"""The graph that is drawn: nothing of the gradient is lost on the way, and every cell reads as on the blackboard."""

from __future__ import annotations

from collections import Counter
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.specs import every_model, name_of
from tests.viz.unseen_cells import CELLS
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.models import record as record_model
from viz.reading import arguments
from viz.reading.graph import build
from viz.reading.tooltips import norm

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")
EVERY = [*KNOWN, *CELLS]
UNMARKED = ("readout_after_the_loop", "all_states_read_after_the_loop")  # no step loss to follow alone
FOLLOWED = [(name, "all") for name in EVERY] + [(name, "last") for name in EVERY if name not in UNMARKED]
RTOL, ATOL = 1e-12, 1e-14


def record(name: str, steps: int = 4, seed: int = 0) -> tuple[tg.Tape, Any]:
    return tg.cells.record(name, steps, seed) if name in KNOWN else CELLS[name](steps, seed)


def graph(name: str, steps: int = 4, at: Any = "all", **options: Any) -> nx.MultiDiGraph:
    return build(tg.flow(record(name, steps)[1], at=at), **options)


def unrolled(loss: Any, steps: int = 4) -> tuple[tg.Tape, Any]:
    """A plain cell, for programs that differ in one thing only: `loss(tape, h, t)` is recorded in each step."""
    random = np.random.default_rng(3)
    with tg.Tape(checked=True) as tape:
        W, U = tape.var(random.normal(size=(3, 3)) / 2, "W"), tape.var(random.normal(size=(3, 2)), "U")
        h, losses = tape.var(random.normal(size=3), "h0"), []
        for t in range(1, steps + 1):
            with tg.step(t):
                x = tape.data(random.normal(size=2), "x")
                h = np.tanh(W @ h + U @ x)
                losses.append(loss(h, t))
        return tape, sum(losses)


def parts(G: nx.MultiDiGraph, s: int) -> list[tuple[str, str, str | None]]:
    """(kind, operation, label) of the nodes of one step, in program order."""
    return [(n["kind"], n["op"], n["label"]) for k, n in G.nodes(data=True) if k[0] == "n" and n["step"] == s]


def node(G: nx.MultiDiGraph, label: str) -> str:
    return next(key for key, n in G.nodes(data=True) if n["label"] == label)


def brought_back(G: nx.MultiDiGraph, key: str) -> Any:
    """The sum of what the edges out of a node bring, and of the seed on it."""
    arrays = [edge["contribution"] for _, _, edge in G.out_edges(key, data=True) if edge["contribution"] is not None]
    return sum(arrays, start=G.graph["seeds"].get(key, 0.0))


# ---- conservation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize(("name", "at"), FOLLOWED)
def test_what_the_edges_out_of_every_node_bring_is_its_adjoint(name: str, at: str, steps: int) -> None:
    tape, L = record(name, steps)
    flow = tg.flow(L, at=at)
    G = build(flow)
    checked, shared = 0, Counter(n["exits"] for _, n in G.nodes(data=True))
    for key, n in G.nodes(data=True):
        if key == "L" or n["adjoint_norm"] is None or shared[n["exits"]] > 1:
            continue
        adjoint = sum(tape.sweep(flow.seeds, [i])[0] for i in n["exits"])  # another sweep than the flow's
        if n["kind"] == "weight" and any(s < 0 for s in n["shares"]):
            continue  # weights that lines outside the steps use are the next test's
        np.testing.assert_allclose(np.broadcast_to(brought_back(G, key), adjoint.shape), adjoint, rtol=RTOL, atol=ATOL)
        checked += 1
    assert checked > 4 * steps
    assert G.graph["conservation"] <= 1e-12


@pytest.mark.parametrize("options", [{"fuse": True}, {"fuse": False}, {"every_line": True}])
@pytest.mark.parametrize("name", EVERY)
def test_no_display_rule_loses_gradient(name: str, options: dict[str, bool]) -> None:
    assert graph(name, 4, **options).graph["conservation"] <= 1e-12


@pytest.mark.parametrize("case", every_model()[::9], ids=name_of)
def test_every_published_form_of_the_vanilla_network_is_conserved_and_complete(case: Any) -> None:
    instance = random_instance(*case, 0)
    recording = record_model(instance.spec, instance.params, instance.x, instance.y, instance.h0)
    G = build(tg.flow(recording.loss))
    assert G.graph["conservation"] <= 1e-12
    assert {G.nodes[w]["label"] for w in G.graph["weights"]} == set(instance.spec.names)
    kinds = Counter(n["kind"] for _, n in G.nodes(data=True))
    assert kinds["state"] == kinds["input"] == case[1].T and kinds["initial"] == 1
    assert kinds["loss"] == len(instance.spec.loss_steps(case[1].T))


def test_vanished_slices_need_their_own_rule_for_sums_to_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert graph("packed_lstm").graph["conservation"] <= 1e-12

    def as_it_is(self: Any, edges: Any, child: int, k: int) -> Any:
        return edges.get((child, k))

    monkeypatch.setattr(arguments.Wires, "pushed", as_it_is)
    with pytest.raises(ValueError, match="broadcast"):  # gates of width 5 don't add to an array of width 20
        graph("packed_lstm")


@pytest.mark.parametrize("name", EVERY)
def test_shares_of_all_steps_add_up_to_the_gradient(name: str) -> None:
    from viz.reading.merging import arrange
    from viz.reading.program import place

    tape, L = record(name, 4)
    flow = tg.flow(L)
    display = arrange(place(flow))
    shares = arguments.collect(display).shares(flow.edges)
    assert display.weights
    for w in display.weights:
        total = sum(array for (weight, _), array in shares.items() if weight == w)
        np.testing.assert_allclose(total, tape.sweep(flow.seeds, [w])[0], rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("name", [*KNOWN, "two_states_and_a_skip", "packed_lstm", "no_initial_state"])
def test_contributions_of_step_k_to_loss_t_are_those_of_the_flow(name: str) -> None:
    tape, L = record(name, 4)
    flow = tg.flow(L)
    G, weights = build(flow), flow.steps.weights
    tables = {w: flow.table(w) for w in weights}
    for s, line in flow.steps.losses.items():
        for w in weights:  # the arrays add up to dJ_t/dw
            gradient = tape.sweep({line: np.ones(())}, [w])[0]
            np.testing.assert_allclose(sum(tables[w][s].values()), gradient, rtol=RTOL, atol=ATOL)
        for k in range(4):
            squares = sum(np.sum(np.square(tables[w][s].get(k, 0.0))) for w in weights)
            expected = float(flow.loss_weights[s]) * np.sqrt(squares)
            np.testing.assert_allclose(G.graph["contributions"][s][k], expected, rtol=RTOL)
        assert all(G.graph["contributions"][s][k] == 0 for k in range(s + 1, 4))


def test_contributions_are_for_a_unit_seed_when_one_loss_is_followed() -> None:
    whole, last = graph("lstm"), graph("lstm", at="last")
    for s in range(4):
        for k in range(s + 1):
            assert last.graph["contributions"][s][k] == pytest.approx(4 * whole.graph["contributions"][s][k], rel=1e-12)
    assert graph("vanilla", 13).graph["contributions"] is None


# ---- the blackboard --------------------------------------------------------------------------------------------------
def test_vanilla_is_drawn_as_its_formula() -> None:
    G = graph("vanilla")
    assert parts(G, 1) == [
        ("input", "", "x₂"),
        ("product", "U·x₂", None),
        ("product", "W·h₁", None),
        ("sum", "+", None),
        ("state", "tanh", "h₂"),
        ("product", "V·h₂", None),
        ("sum", "+", "z₂"),
        ("loss", "", "ℓ₂"),
    ]
    assert [G.nodes[w]["label"] for w in G.graph["weights"]] == ["U", "W", "b", "V", "c"]
    assert not G.graph["fused"]
    assert G.nodes["L"]["text"] == "mean ℓ"
    assert G.nodes[node(G, "h₀")]["kind"] == "initial"
    assert nx.is_directed_acyclic_graph(G)


def test_gates_are_fused_row_by_row_as_written() -> None:
    G = graph("lstm")
    rows = [n["rows"] for key, n in G.nodes(data=True) if n["kind"] == "affine" and n["step"] == 1]
    assert G.graph["fused"]
    assert [[text for text, _ in box] for box in rows] == [
        *([f"W{g}·h₁", f"U{g}·x₂", f"b{g}"] for g in "ifgo"),
        ["V·h₂", "k"],
    ]
    assert [[G.nodes[key]["label"] for _, key in box] for box in rows][0] == ["Wi", "Ui", "bi"]
    assert [(n["op"], n["label"]) for _, n in G.nodes(data=True) if n["kind"] == "state" and n["step"] == 1] == [
        ("+", "c₂"),
        ("×", "h₂"),
    ]


def test_fusing_can_be_asked_for_and_refused() -> None:
    assert "affine" in {kind for kind, _, _ in parts(graph("vanilla", fuse=True), 0)}
    assert "affine" not in {kind for kind, _, _ in parts(graph("lstm", fuse=False), 0)}


def test_one_minus_z_is_a_pill() -> None:
    assert ("op", "1 −", None) in parts(graph("gru"), 2)


@pytest.mark.parametrize("name", EVERY)
def test_every_operand_has_a_name(name: str) -> None:
    for fuse in (False, True):
        for _, n in graph(name, 3, fuse=fuse).nodes(data=True):
            for text in [n["op"] or "", *(row for row, _ in n.get("rows", ()))]:
                assert not text.startswith("·") and not text.endswith("·") and "data" not in text


def test_an_operand_that_is_a_named_sum_is_called_by_its_name() -> None:
    G = graph("three_residual_layers")
    rows = [text for _, n in G.nodes(data=True) for text, _ in n.get("rows", ())]
    assert {"U2·p₃", "U3·q₃", "U1·e₃"} <= set(rows)
    assert ("product", "V·(q₃+h³₃)", None) in parts(G, 2)
    assert G.nodes[node(G, "p₃")]["cited"] and G.nodes[node(G, "p₃")]["kind"] == "sum"


def test_numbers_stand_in_their_operation() -> None:
    operations = [op for _, op, _ in parts(graph("plain_scalars"), 1)]
    assert {"0.9 ×", "0.1 ×", "÷ 2", "V·(h₂÷2)"} <= set(operations)


def test_a_plain_array_is_called_what_the_source_calls_it() -> None:
    assert parts(graph("plain_scalars"), 1)[1:3] == [("input", "", "x₂"), ("product", "U·x₂", None)]


def test_an_array_that_many_gates_read_is_one_input() -> None:
    G = graph("gates_by_a_function")
    assert [label for kind, _, label in parts(G, 2) if kind == "input"] == ["x₃"]
    assert G.out_degree(node(G, "x₃")) == 2


def test_different_entries_of_one_array_are_different_inputs() -> None:
    with tg.Tape(checked=True) as tape:
        W, h = tape.var(np.array([0.3, 0.2]), "W"), tape.var(np.ones(2), "h0")
        X = tape.data(np.arange(12.0).reshape(6, 2), "X")
        for t in range(1, 4):
            with tg.step(t):
                h = np.tanh(W * h + X[np.array(t)] * X[np.array(t + 1)] + X[t + 2] * X[t + 2])
                L = tg.loss(np.sum(h), t)
    assert [label for kind, _, label in parts(build(tg.flow(L)), 0) if kind == "input"] == ["X₁"] * 3


def test_slices_and_transposes_vanish_into_the_wire() -> None:
    packed, rows = graph("packed_lstm"), graph("rows_and_transposes")
    words = [edge["vanished"] for _, _, edge in packed.out_edges(node(packed, "a₁"), data=True)]
    assert words == [("[:, :5]",), ("[:, 5:10]",), ("[:, 10:15]",), ("[:, 15:]",)]
    assert [op for kind, op, _ in parts(rows, 1) if kind == "product"] == ["X₂·Uᵀ", "h₁·Wᵀ", "h₂·Vᵀ"]
    assert {edge["vanished"] for _, _, edge in rows.out_edges(node(rows, "W"), data=True)} == {("T",)}


def test_the_entry_of_a_sequence_is_an_input_and_the_row_of_an_embedding_is_not() -> None:
    packed, embedded = graph("packed_lstm"), graph("embedded_words")
    assert ("input", "", "x₃") in parts(packed, 2)
    assert "input" not in {kind for kind, _, _ in parts(embedded, 2)}
    assert ("product", "U·E[1]", None) in parts(embedded, 2)
    assert "E" in {embedded.nodes[w]["label"] for w in embedded.graph["weights"]}


def test_an_embedding_may_be_looked_up_by_recorded_words() -> None:
    with tg.Tape(checked=True) as tape:
        E, W = tape.var(np.arange(1.0, 11.0).reshape(5, 2) / 9, "E"), tape.var(np.array([[0.2, 0.3], [0.1, 0.4]]), "W")
        h, words = tape.var(np.ones(2), "h0"), tape.data(np.array([3, 1, 4, 1]), "words")
        for t in range(1, 5):
            with tg.step(t):
                h = np.tanh(W @ h + W @ E[words[t - 1]])
                L = tg.loss(np.sum(h), t)
    G = build(tg.flow(L))
    assert [(kind, op) for kind, op, _ in parts(G, 2)][:2] == [("product", "W·h₂"), ("product", "W·E[4]")]
    assert "input" not in {kind for kind, _, _ in parts(G, 2)} and G.graph["conservation"] <= 1e-12


def test_joined_operands_are_written_out() -> None:
    assert [(op, label) for kind, op, label in parts(graph("joined_gru"), 1) if "[" in op] == [
        ("[h₁, x₂]", "joined₂"),
        ("[r₂⊙h₁, x₂]", None),
        ("[r₂⊙h₁, x₂]·Wn", None),
    ]


# ---- states ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_initial_states_stand_before_the_first_step(steps: int) -> None:
    for name, expected in {
        "vanilla": {("h₀", -1)},
        "lstm": {("h₀", -1), ("c₀", -1)},
        "skip": {("h₀", -1), ("h₋₁", -2)},
        "stacked": {("h¹₀", -1), ("h²₀", -1)},
        "no_initial_state": set(),
    }.items():
        G = graph(name, steps)
        assert {(n["label"], n["step"]) for _, n in G.nodes(data=True) if n["kind"] == "initial"} == expected


def test_a_plain_array_that_starts_a_state_is_its_initial_state() -> None:
    G = graph("plain_scalars")
    assert G.nodes[node(G, "h₀")]["kind"] == "initial"
    assert {edge["gradient"] for _, _, edge in G.out_edges(node(G, "h₀"), data=True)} == {None}


def test_a_skip_has_lag_two() -> None:
    G = graph("skip")
    lags = Counter(edge["lag"] for u, v, edge in G.edges(data=True) if u[0] in "ni" and v != "L")
    assert lags[2] == 4 and lags[1] == 4


def test_a_state_that_runs_backwards_has_lag_minus_one() -> None:
    G = graph("bidirectional")
    lags = {G.nodes[v]["op"]: edge["lag"] for _, v, edge in G.out_edges(node(G, "g₃"), data=True)}
    assert lags == {"[f₃, g₃]": 0, "S·g₃": -1}
    assert ("input", "", "g_end") in parts(G, 3)


def test_a_second_loop_may_have_its_own_start() -> None:
    G = graph("decoder_with_its_own_start")
    assert ("input", "", "d₀") in parts(G, 4)
    assert "d⁰" not in {G.nodes[w]["label"] for w in G.graph["weights"]}


# ---- losses ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("steps", [1, 4])
def test_a_loss_swallows_its_own_chain_and_no_state(steps: int) -> None:
    _, L = unrolled(lambda h, t: tg.loss(np.mean((h - 0.5) ** 2) / 2, t), steps)
    G = build(tg.flow(L))
    state, loss = (letter + "₁₄"[steps > 1] for letter in "hℓ")
    assert [label for kind, _, label in parts(G, steps - 1) if kind in ("state", "loss")] == [state, loss]
    loss = G.graph["losses"][steps - 1]
    assert [u for u, _ in G.in_edges(loss)] == [node(G, state)]
    assert len(G.nodes[loss]["lines"]) == 4


def test_a_readout_used_in_one_step_only_is_drawn() -> None:
    G = graph("packed_lstm")
    assert {"V", "k"} <= {G.nodes[w]["label"] for w in G.graph["weights"]}
    assert list(G.nodes[node(G, "V")]["shares"]) == [3]
    assert G.nodes["L"]["text"] == "ℓ₄"


def test_a_readout_after_the_loop_is_drawn_in_the_last_step() -> None:
    G = graph("readout_after_the_loop")
    assert parts(G, 3)[-3:] == [("product", "V·h₄", None), ("sum", "+", "z₄"), ("loss", "", "ℓ₄")]
    assert G.graph["losses"] == {3: node(G, "ℓ₄")}
    assert G.graph["notes"]


def test_a_readout_of_all_states_after_the_loop_is_the_total() -> None:
    G = graph("all_states_read_after_the_loop")
    assert {G.nodes[u]["label"] for u, _ in G.in_edges("L")} == {"h₁", "h₂", "h₃", "h₄", "V"}
    assert list(G.nodes[node(G, "V")]["shares"]) == [-1]


def test_losses_at_some_steps_only() -> None:
    G = graph("no_initial_state")
    assert sorted(G.graph["losses"]) == [1, 3]
    assert G.nodes["L"]["text"] == "mean ℓ"


def test_a_running_total_is_no_state() -> None:
    G = graph("running_total")
    assert [label for kind, _, label in parts(G, 2) if kind == "state"] == ["h₃"]
    assert G.nodes["L"]["text"] == "Σ ℓ"


def test_weights_made_before_the_loop_and_penalties_after_it() -> None:
    G = graph("masked_and_regularised")
    shares = {G.nodes[w]["label"]: list(G.nodes[w]["shares"]) for w in G.graph["weights"]}
    assert shares == {"U": [-1, 0, 1, 2, 3], "W": [-1], "b": [0, 1, 2, 3], "V": [0, 1, 2, 3], "W2": [0, 1, 2, 3]}
    assert {G.nodes[u]["label"] for u, _ in G.in_edges("L")} == {"ℓ₁", "ℓ₂", "ℓ₃", "ℓ₄", "U", "W"}
    assert G.nodes["L"]["text"] == "L(ℓ)"
    assert G.graph["notes"] == ["W2 is computed from W before the steps"]


def test_losses_marked_after_the_loop_stand_in_their_steps() -> None:
    G = graph("losses_marked_after_the_loop")
    assert [G.graph["losses"][s] for s in range(4)] == [node(G, f"ℓ{n}") for n in "₁₂₃₄"]
    assert [parts(G, s)[-3][1] for s in range(4)] == [f"V·h{n}" for n in "₁₂₃₄"]
    assert G.graph["notes"] == ["what follows the loop is drawn in the step that it reads"]


def test_losses_that_share_a_readout_after_the_loop_are_the_total() -> None:
    G = graph("losses_of_one_readout", at="last")
    assert G.graph["losses"] == {} and G.graph["seeds"] == {"L": 1.0}
    back = {G.nodes[u]["label"]: edge["gradient"] for u, _, edge in G.in_edges("L", data=True)}
    assert back["h₃"] == 0.0 and back["h₄"] > 0 and back["V"] > 0


def test_what_is_made_between_two_loops_stands_in_the_first() -> None:
    G = graph("attention_decoder", 3)
    memory = node(G, "memory₃")
    assert G.nodes[memory]["op"] == "[h₁, h₂, h₃]" and G.nodes[memory]["step"] == 2
    assert sorted(edge["lag"] for _, _, edge in G.out_edges(memory, data=True)) == [1, 1, 2, 2, 3, 3]
    assert sorted(edge["lag"] for _, _, edge in G.in_edges(memory, data=True)) == [0, 1, 2]


def test_one_leaf_may_start_two_states() -> None:
    G = graph("one_leaf_for_two_states")
    starts = {n["label"]: key for key, n in G.nodes(data=True) if n["kind"] == "initial"}
    assert set(starts) == {"h₀", "m₀"}
    total = sum(brought_back(G, key) for key in starts.values())
    assert np.linalg.norm(total) == pytest.approx(G.nodes[starts["h₀"]]["adjoint_norm"], rel=1e-12)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_state_that_is_a_sum_is_not_merged_into_the_next_sum(steps: int) -> None:
    with tg.Tape(checked=True) as tape:
        A, D, s = tape.var(np.full((2, 2), 0.4), "A"), tape.var(np.array([0.3, -0.2]), "D"), tape.var(np.ones(2), "s0")
        for t in range(1, steps + 1):
            with tg.step(t):
                s = A @ s + tape.data(np.array([0.5, t]), "u")
                y = s + D
                L = tg.loss(np.sum(np.tanh(y)), t)
    G = build(tg.flow(L))
    sums = [(kind, label) for kind, _, label in parts(G, 0) if kind in ("state", "sum")]
    assert sums == [("state", "s₁"), ("sum", "y₁")]


def test_additions_with_two_ways_out_stay_apart() -> None:
    with tg.Tape(checked=True) as tape:
        a, b, h = (tape.var(np.array([0.3, n]), name) for n, name in ((0.1, "a"), (0.2, "b"), (0.4, "h0")))
        for t in range(1, 5):
            with tg.step(t):
                p = h + a
                g = np.tanh(p) if t == 2 else 1.0
                q = (b if t == 2 else p) + tape.data(np.array([1.0, t]), "u")
                h = np.sin(q) * g
                L = tg.loss(np.sum(h * h), t)
    G = build(tg.flow(L))
    assert [label for kind, _, label in parts(G, 0) if kind == "sum"] == ["p₁", "q₁"]  # as in step 2
    assert [label for kind, _, label in parts(G, 1) if kind == "sum"] == ["p₂", "q₂"]
    assert G.graph["conservation"] <= 1e-12


def test_an_addition_that_leaves_by_two_ways_in_one_step_is_not_merged_in_any() -> None:
    with tg.Tape(checked=True) as tape:
        a, b, h = (tape.var(np.array([0.3, n]), name) for n, name in ((0.1, "a"), (0.2, "b"), (0.4, "h0")))
        for t in range(1, 5):
            with tg.step(t):
                one = h * a
                p = one + a
                q = (one if t == 2 else p) + b
                h = np.sin(q) * (np.tanh(p) if t == 2 else 1.0)
                L = tg.loss(np.sum(h * h), t)
    G = build(tg.flow(L))
    assert [label for kind, _, label in parts(G, 0) if kind == "sum"] == ["p₁", "q₁"]
    assert [label for kind, _, label in parts(G, 1) if kind == "sum"] == ["p₂", "q₂"]
    assert G.graph["conservation"] <= 1e-12


# ---- what is followed ------------------------------------------------------------------------------------------------
def test_without_a_backward_pass_no_gradient_is_told() -> None:
    G = graph("lstm", at=None)
    assert G.graph["backward"] is False and G.graph["contributions"] is None
    assert {edge["gradient"] for _, _, edge in G.edges(data=True)} == {None}
    assert {n["adjoint_norm"] for _, n in G.nodes(data=True)} == {None}


def test_the_last_loss_alone_leaves_exact_zeros_and_silence() -> None:
    G = graph("vanilla", at="last")
    assert G.graph["seeds"] == {node(G, "ℓ₄"): 1.0}
    readouts = {n["step"]: key for key, n in G.nodes(data=True) if n["op"] and n["op"].startswith("V·")}
    V = node(G, "V")
    assert [G.edges[V, readouts[s], 0]["gradient"] == 0.0 for s in range(4)] == [True, True, True, False]
    assert G.nodes[V]["shares"][0] == 0.0 and G.nodes[V]["shares"][3] > 0
    assert {edge["gradient"] for _, _, edge in G.in_edges("L", data=True)} == {None}
    assert G.nodes["L"]["adjoint_norm"] is None


def test_data_gets_no_gradient_and_differentiable_inputs_do() -> None:
    G = graph("vanilla")
    assert {edge["gradient"] for _, _, edge in G.out_edges(node(G, "x₂"), data=True)} == {None}
    G = graph("rows_and_transposes")
    assert all(edge["gradient"] > 0 for _, _, edge in G.out_edges(node(G, "X₂"), data=True))


def test_a_zero_initial_state_gives_its_weight_an_exact_zero() -> None:
    G = graph("vanilla")  # h0 = 0
    assert G.nodes[node(G, "W")]["shares"][0] == 0.0


def test_truncation_is_told_on_the_carries_that_it_cuts() -> None:
    _, L = record("vanilla", 5)
    steps = tg.flow(L, at=None).steps
    G = build(tg.flow(L, follow=tg.carry_cut(steps, 2)))
    cut = {(G.nodes[u]["label"], edge["gradient"]) for u, _, edge in G.edges(data=True) if edge["cut"]}
    assert cut == {("h₀", 0.0), ("h₁", 0.0), ("h₂", 0.0)}
    assert G.graph["conservation"] <= 1e-12


def test_only_zero_is_zero() -> None:
    assert norm(np.full(4, 1e-200)) == pytest.approx(2e-200, rel=1e-12)
    assert norm(np.full(4, 1e200)) == pytest.approx(2e200, rel=1e-12)
    assert norm(np.zeros(3)) == 0.0 and norm(np.array([3.0, np.inf])) == np.inf
    assert np.isnan(norm(np.array([np.nan, 1.0])))
    G = build(tg.flow(tg.cells.record("vanilla", 400, seed=1, scale=0.3)[1], at="last"))
    first = G.edges[node(G, "h₁"), next(v for v in G[node(G, "h₁")] if v.endswith("@1")), 0]["gradient"]
    assert 0 < first < 1e-160


# ---- tooltips --------------------------------------------------------------------------------------------------------
def test_a_tooltip_says_value_adjoint_rule_and_the_line_of_source() -> None:
    G = graph("lstm")
    state = G.nodes[node(G, "c₂")]
    told = state["tooltip"].splitlines()
    assert told[:2] == ["c₂ = +", "add; 5"]
    assert told[2] == f"‖value‖ {state['value_norm']:.4g}" and told[3] == f"‖adjoint‖ {state['adjoint_norm']:.4g}"
    assert told[4].startswith("d[") and state["rule"] == "\n".join(told[4:-1])
    assert told[-1] == state["source"] and told[-1].startswith("cells.py:") and "/" not in told[-1]


def test_a_fused_box_tells_its_formula_and_no_rule_for_data() -> None:
    G = graph("lstm")
    box = next(n for _, n in G.nodes(data=True) if n["kind"] == "affine" and n["step"] == 1)
    assert box["tooltip"].splitlines()[0] == "Wi·h₁ + Ui·x₂ + bi"
    assert "d[Wi]" in box["rule"] and "d[x" not in box["rule"]


def test_a_wire_tells_what_it_passes() -> None:
    G = graph("packed_lstm")
    told = [edge["tooltip"].splitlines() for _, _, edge in G.out_edges(node(G, "a₁"), data=True)]
    assert told[0][0] == "a₁ → i₁" and told[0][1].startswith("‖gradient‖ ") and told[0][2] == "through [:, :5]"
    silent = [edge["tooltip"].splitlines() for _, _, edge in G.out_edges(node(G, "x₁"), data=True)]
    assert silent == [["x₁ → [x₁, h₀]", "nothing flows back"]]


# ---- plain graphs, data, determinism ---------------------------------------------------------------------------------
def test_a_program_without_steps_is_a_plain_graph() -> None:
    with tg.Tape() as tape:
        w, x = tape.var(np.array([1.0, 2.0]), "w"), tape.data(np.array([3.0, 4.0]), "x")
        L = np.sum((w * x) * (w * x))
        unused = np.exp(w)
    G = build(tg.flow(L))
    assert unused.index not in {line for _, n in G.nodes(data=True) for line in n["lines"]}
    assert [(key, n["kind"]) for key, n in G.nodes(data=True)] == [
        ("w0", "weight"), ("v1", "input"), ("v2", "op"), ("v3", "op"), ("v4", "op"), ("L", "total"),
    ]  # fmt: skip
    assert G.graph["steps"] == [] and G.graph["conservation"] <= 1e-12
    assert G.number_of_edges() == 7


def test_every_line_draws_every_line() -> None:
    tape, L = record("packed_lstm")
    G = build(tg.flow(L), every_line=True)
    inside = [i for i, s in enumerate(tg.find_steps(tape).of) if s >= 0]
    drawn = [line for key, n in G.nodes(data=True) if key[0] == "n" for line in n["lines"]]
    assert sorted(drawn) == inside
    assert all(len(n["lines"]) == 1 for _, n in G.nodes(data=True))


def test_names_are_data() -> None:
    with tg.Tape() as tape:
        W, h = tape.var(np.full((2, 2), 0.3), '<b>"\\N</b>'), tape.var(np.ones(2), "h0")
        for t in (1, 2):
            with tg.step(t):
                h = np.tanh(W @ h)
                L = tg.loss(np.sum(h), t)
    G = build(tg.flow(L))
    assert {G.nodes[w]["label"] for w in G.graph["weights"]} == {'<b>"\\N</b>'}


def test_a_tape_that_is_not_checked_gives_the_same_structure_with_fewer_names() -> None:
    checked, quick = (
        build(tg.flow(tg.cells.record("lstm", 4, checked=checked)[1])) for checked in (True, False)
    )
    assert list(checked) == list(quick)
    assert list(checked.edges) == list(quick.edges)
    assert quick.nodes[node(quick, "h₀")]["kind"] == "initial"


@pytest.mark.parametrize("name", EVERY)
def test_the_same_program_gives_the_same_graph_and_only_plain_values(name: str) -> None:
    first, second = graph(name), graph(name)
    assert nx.is_directed_acyclic_graph(first)
    assert list(first) == list(second) and list(first.edges) == list(second.edges)
    allowed = (str, int, float, bool, tuple, list, dict, type(None))
    for key, n in first.nodes(data=True):
        kept = {k: v for k, v in n.items() if k != "outside"}
        assert all(type(v) in allowed for v in kept.values()), (key, kept)
        assert kept == {k: v for k, v in second.nodes[key].items() if k != "outside"}
    assert {k: v for k, v in first.graph.items()} == {k: v for k, v in second.graph.items()}
