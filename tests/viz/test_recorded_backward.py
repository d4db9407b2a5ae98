"""The backward pass as it was recorded: each line in the step that it belongs to, named, and differentiated again."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.gated_cells import CELLS
from viz.check import overlaps
from viz.reading.graph import build
from viz.reading.template import fold, kept_edge

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")


def record(name: str, steps: int = 4) -> tuple[tg.Tape, Any]:
    return tg.cells.record(name, steps, 0) if name in KNOWN else CELLS[name](steps, 0)


def second_order(name: str, steps: int = 4, weight: int = 1) -> tuple[tg.Tape, Any]:
    """The squared norm of a weight's gradient, recorded."""
    tape, loss = record(name, steps)
    index = tg.find_steps(tape).weights[weight]
    (gradient,) = tape.grad(loss, [tg.tape.Var(tape, index, tape.lines[index][4])], track=True)
    return tape, np.sum(gradient * gradient)


def labels(G: nx.MultiDiGraph, s: int) -> list[tuple[str, str | None]]:
    """(operation, label) of the recorded nodes of one step, in program order."""
    return [(n["op"], n["label"]) for _, n in G.nodes(data=True) if n.get("recorded") and n.get("step") == s]


# ---- second order ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*KNOWN, "packed_lstm", "no_initial_state", "bidirectional"])
def test_what_the_edges_out_of_every_node_bring_is_its_second_adjoint(name: str) -> None:
    tape, loss = second_order(name)
    flow = tg.flow(loss)
    G, checked = build(flow), 0
    assert G.graph["recorded"] == "second order" and G.graph["conservation"] <= 1e-12
    for key, node in G.nodes(data=True):
        if key == "L" or node["adjoint_norm"] is None or len(node["exits"]) > 1 or node.get("shares", {}).get(-1):
            continue
        (adjoint,) = tape.sweep({loss.index: np.ones(())}, [node["exits"][0]])
        arrays = [e["contribution"] for _, _, e in G.out_edges(key, data=True) if e["contribution"] is not None]
        np.testing.assert_allclose(np.broadcast_to(sum(arrays), adjoint.shape), adjoint, rtol=1e-12, atol=1e-14)
        checked += 1
    assert checked > 20


def test_the_gradient_of_a_gradient_agrees_with_differences_of_gradients() -> None:
    """An independent witness for what the strips of a second-order picture show."""
    tape, loss = second_order("vanilla")
    G = build(tg.flow(loss))
    W = next(key for key in G.graph["weights"] if G.nodes[key]["label"] == "W")
    assert W == f"w{tg.find_steps(tape).weights[1]}"
    (exact,) = tape.sweep({loss.index: np.ones(())}, [int(W[1:])])
    assert G.nodes[W]["adjoint_norm"] == pytest.approx(np.linalg.norm(exact), rel=1e-12)

    def value(step: float) -> float:
        fresh, L = record("vanilla")
        i = int(W[1:])
        with tg.Tape() as replay:
            new = {}
            for j, (fn, parents, args, kw, v, _, _) in enumerate(fresh.lines):
                if fn in ("var", "data"):
                    new[j] = replay.var(v + step * exact / np.linalg.norm(exact)) if j == i else v
                else:
                    taken = [new[p] if p >= 0 else a for p, a in zip(parents, args, strict=True)]
                    new[j] = fn(*taken, **kw)
            return float(np.sum(replay.grad(new[L.index], new[i]) ** 2))

    slope = (value(1e-6) - value(-1e-6)) / 2e-6
    assert slope == pytest.approx(np.linalg.norm(exact), rel=1e-6)


def test_adjoints_stand_in_the_steps_that_they_belong_to_with_names() -> None:
    G = build(tg.flow(second_order("vanilla")[1]))
    told = labels(G, 1)
    assert told == [
        ("", "ℓ̄₂"),
        ("ℓ′", "z̄₂"),
        ("Vᵀ·z̄₂", None),
        ("+", "h̄₂"),
        ("tanh′", "δh₂"),
        ("δh₂·h₁ᵀ", None),
        ("+", "W̄₂"),
        ("Wᵀ·δh₂", None),
    ]
    beside = labels(build(tg.flow(record("vanilla")[1]), backward=True), 1)
    assert [label for _, label in beside if label] == ["ℓ̄₂", "z̄₂", "V̄₂", "h̄₂", "δh₂", "W̄₂", "Ū₂"]
    back = [(u, v) for u, v, e in G.edges(data=True) if e["lag"] == -1]
    assert back and all(G.nodes[u]["recorded"] and G.nodes[v]["recorded"] for u, v in back)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru"])
def test_the_same_role_stands_in_every_step_where_the_backward_steps_align(name: str) -> None:
    G = build(tg.flow(second_order(name, 5)[1]))
    by_step = [{n["role"] for _, n in G.nodes(data=True) if n.get("recorded") and n["step"] == s} for s in range(5)]
    assert by_step[1] == by_step[2] == by_step[3] and len(by_step[2] & by_step[0]) >= len(by_step[2]) // 2


@pytest.mark.parametrize("name", ["vanilla", "lstm", "bidirectional"])
def test_a_second_order_flow_is_drawn_and_says_so(name: str) -> None:
    picture = viz.draw(tg.flow(second_order(name, 3)[1]))
    assert picture.title.startswith("Gradient of a recorded gradient")
    assert ElementTree.fromstring(picture.svg()).get("role") == "img"
    assert picture.graph.graph["contributions"] is None  # a table of the losses would be of the first order


# ---- the recorded pass beside the gradient ---------------------------------------------------------------------------
@pytest.mark.parametrize("at", ["all", "last"])
@pytest.mark.parametrize("name", [*KNOWN, "packed_lstm"])
def test_recording_the_backward_pass_changes_no_gradient_and_no_tape(name: str, at: str) -> None:
    tape, loss = record(name)
    flow, lines = tg.flow(loss, at=at), len(tape)
    plain, both = build(flow), build(flow, backward=True)
    assert len(tape) == lines and not tape.backward
    assert both.graph["conservation"] <= 1e-12 and both.graph["recorded"] == "beside"
    for weight in plain.graph["weights"]:
        assert both.nodes[weight]["shares"] == plain.nodes[weight]["shares"]
    assert both.graph["contributions"] == plain.graph["contributions"]
    first_order = [(u, v) for u, v, e in both.edges(data=True) if e["gradient"] is not None]
    assert not any(both.nodes[key].get("recorded") for pair in first_order for key in pair)


def test_recorded_wires_carry_the_adjoints_of_the_flow() -> None:
    tape, loss = record("vanilla")
    flow = tg.flow(loss)
    G = build(flow, backward=True)
    for s in (0, 1, 2):
        state = next(n for _, n in G.nodes(data=True) if n["label"] == f"h{'₁₂₃'[s]}")
        node = next(key for key, n in G.nodes(data=True) if n["label"] == f"h̄{'₁₂₃'[s]}")
        assert G.nodes[node]["value_norm"] == pytest.approx(state["adjoint_norm"], rel=1e-12)
        assert all(e["adjoint"] == G.nodes[node]["value_norm"] for _, _, e in G.out_edges(node, data=True))
        share = next(n for _, n in G.nodes(data=True) if n["label"] == f"W̄{'₁₂₃'[s]}")
        W = next(key for key in G.graph["weights"] if G.nodes[key]["label"] == "W")
        assert share["value_norm"] == pytest.approx(G.nodes[W]["shares"][s], rel=1e-12)


def test_a_flow_without_a_backward_pass_and_one_without_steps_have_none_to_record() -> None:
    tape, loss = record("vanilla")
    with pytest.raises(viz.PictureError, match="no backward pass"):
        viz.draw(tg.flow(loss, at=None), backward=True)
    with tg.Tape() as plain, pytest.raises(viz.PictureError, match="no time steps"):
        viz.draw(tg.flow(np.tanh(plain.var(0.3, "x"))), backward=True)


def test_a_tracked_gradient_that_the_loss_does_not_use_leaves_the_picture_as_it_is() -> None:
    tape, loss = record("vanilla")
    before = viz.draw(tg.flow(loss)).svg()
    tape.grad(loss, [tg.tape.Var(tape, 1, tape.lines[1][4])], track=True)
    assert viz.draw(tg.flow(loss)).svg() == before


@pytest.mark.parametrize("steps", [2, 3, 4])
@pytest.mark.parametrize("name", KNOWN)
def test_the_recorded_pass_of_a_known_cell_is_drawn_clean(name: str, steps: int) -> None:
    canvas = viz.draw(tg.flow(record(name, steps)[1]), backward=True).canvas
    assert canvas is not None and overlaps(canvas) == {}
    assert not any("too many lines" in text.text for text in canvas.texts)


def test_a_second_order_picture_is_clean_or_says_that_it_is_not() -> None:
    canvas = viz.draw(tg.flow(second_order("vanilla")[1])).canvas
    assert canvas is not None and overlaps(canvas) == {}
    canvas = viz.draw(tg.flow(second_order("peephole_lstm", 3)[1])).canvas
    assert canvas is not None
    assert (overlaps(canvas) == {}) != any("too many lines" in text.text for text in canvas.texts)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru"])
def test_what_the_backward_pass_reads_of_the_forward_pass_stands_beside_it_and_has_no_wire_across(name: str) -> None:
    G = build(tg.flow(record(name)[1]), backward=True)
    template = fold(G)
    recorded = {part.role for part in template.parts if part.recorded}
    assert not any(e.target in recorded and e.source not in recorded for e in template.edges)
    chips = {kept_edge(key, part.role) for part in template.parts for key in part.chips} - {None}
    read = {
        (G.nodes[u]["role"], e["lag"], G.nodes[v]["role"])
        for u, v, e in G.edges(data=True)
        if u[0] in "ni" and v[0] == "n" and G.nodes[v].get("recorded") and not G.nodes[u].get("recorded")
    }
    assert read == {(e.source, e.lag, e.target) for e in chips if e} and len(read) > 4


def test_a_kept_value_is_called_as_it_stood_in_its_own_step() -> None:
    G = build(tg.flow(record("gru")[1]), backward=True)
    kept = {(v.split("@")[1], e["kept"]) for _, v, e in G.edges(data=True) if e["kept"]}
    assert {("1", "h₁"), ("1", "r₂⊙h₁"), ("1", "1−z₂"), ("1", "n₂"), ("2", "h₂"), ("2", "1−z₃")} <= kept


def test_the_chip_of_a_kept_value_carries_what_a_second_order_loss_sends_back_through_it() -> None:
    picture = viz.draw(tg.flow(second_order("vanilla")[1]))
    G, drawn = picture.graph, 0
    for stroke in picture.canvas.strokes:
        if stroke.name.startswith("bwd-k") and stroke.name[5].isdigit():
            ((u, v),) = picture.canvas.stands_for[stroke.name]
            gradient = G[u][v][0]["gradient"]
            assert gradient is not None and not G.nodes[u].get("recorded") and G.nodes[v]["recorded"]
            assert f"‖gradient‖ {gradient:.4g}" in picture.dot or gradient == 0
            drawn += 1
    assert drawn > 10


def test_a_skip_from_before_the_first_step_is_no_state_of_the_backward_pass() -> None:
    G = build(tg.flow(record("skip", 2)[1]), backward=True)
    starts = {key: node["label"] for key, node in G.nodes(data=True) if key[0] == "i"}
    assert sorted(starts.values()) == ["h₀", "h₋₁"]
    assert all(f"n{key[1:].split('@')[0]}@0" in G for key in starts)


def test_steps_whose_lines_feed_each_other_in_both_orders_are_refused_in_one_line() -> None:
    with pytest.raises(viz.PictureError, match=r"^the steps have no common layout: [^\n]*draw fewer steps"):
        viz.draw(tg.flow(record("attention_in_a_python_loop")[1]), backward=True)


@pytest.mark.parametrize("name", ["losses_of_one_readout", "all_states_read_after_the_loop"])
def test_a_loss_of_all_states_together_is_said_to_be_part_of_the_total(name: str) -> None:
    notes = build(tg.flow(record(name)[1])).graph["notes"]
    assert any("made of the states of all steps together" in note for note in notes)
    assert not any("together" in note for note in build(tg.flow(record("vanilla")[1])).graph["notes"])


def running(after: bool) -> tuple[tg.Tape, tg.Var, tg.Var]:
    """Three steps with a running total; the losses are marked in their steps, or after the loop."""
    with tg.Tape() as tape:
        W, h, L, states = tape.var(np.array([[0.5, 0.3], [-0.2, 0.4]]), "W"), tape.data(np.ones(2), "h0"), 0.0, []
        for t in (1, 2, 3):
            with tg.step(t):
                h = np.tanh(W @ h)
                states.append(h)
                L = L if after else L + tg.loss(np.sum(h * h), t)
        for t in (1, 2, 3) if after else ():
            L = L + tg.loss(np.sum(states[t - 1] ** 2), t)
    return tape, W, L


@pytest.mark.parametrize("after", [False, True], ids=["in the loop", "after the loop"])
@pytest.mark.parametrize("at", ["all", "last", 2])
def test_one_loss_of_a_running_total_has_its_backward_pass_drawn_clear_of_its_seed(after: bool, at: Any) -> None:
    flow = tg.flow(running(after)[2], at=at)
    G = viz.draw(flow, backward=True).graph
    assert G.graph["conservation"] <= 1e-12
    seeds = [key for key in G.graph["seeds"] if key.startswith("n")]
    assert bool(seeds) == (at != "all" and not after)
    if seeds:  # the circle stands beside the loss, at its height, since the backward pass stands above
        dot = viz.draw(flow, backward=True).dot
        places = [rf'"{re.escape(name)}" \[[^]]*pos="[-\d.]+,([-\d.]+)"' for name in (seeds[0], f"seed-{seeds[0]}")]
        heights = [match[1] for place in places if (match := re.search(place, dot))]
        assert len(heights) == 2 and heights[0] == heights[1]


def test_what_is_recorded_after_a_flow_was_taken_changes_no_picture_of_it() -> None:
    tape, W, L = running(False)
    flow = tg.flow(L)
    before = viz.draw(flow).dot
    np.sin(tape.grad(L, W, track=True))
    assert viz.draw(flow).dot == before
    viz.step_through(flow)
    assert viz.charts.lag_profile(flow).title == viz.charts.lag_profile(tg.flow(running(False)[2])).title
