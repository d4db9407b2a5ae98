"""Pictures, charts, paths and pages of losses that are read out together show what they show of the loop's losses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.agreement import arguments
from tests.joint import INSTANCE, NAMES, B, T, both, joint, recorded, states
from tests.painting import need_graphviz
from tests.test_joint_losses import attending
from tests.viz.test_page import data_of
from tinygrad_rnn import bptt
from viz.charts.by_lag import followed
from viz.charts.numbers import by_lag, contribution_arrays, weights
from viz.check import overlaps
from viz.page import choices
from viz.reading.jacobians import carried, state_gradients
from viz.reading.views import facts, only_path
from viz.reading.ways import follow_path

INSIDE = ("U", "W", "b")  # the parameters that are used in the steps


def close(found: Any, expected: Any, atol: float = 1e-15) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=atol)


def state_nodes(graph: Any) -> list[str]:
    return [key for key, node in graph.nodes(data=True) if node["kind"] == "state"]


def weight_node(graph: Any, name: str) -> Any:
    return next(node for _, node in graph.nodes(data=True) if node["kind"] == "weight" and node["name"] == name)


@pytest.mark.parametrize("at", ["all", "last", 2])
def test_every_state_gets_from_l_what_it_gets_from_its_own_loss_in_the_loop(at: Any) -> None:
    L, M, *_ = both()
    graph, looped = (viz.graph(tg.flow(loss, at=at)) for loss in (L, M))
    assert graph.graph["conservation"] < 1e-12
    for here, there in zip(state_nodes(graph), state_nodes(looped), strict=True):
        (found,) = (data for _, v, data in graph.out_edges(here, data=True) if v == "L")
        (expected,) = (data for _, _, data in looped.out_edges(there, data=True) if data["lag"] == 0)  # to h_t·V
        if at != "all" and graph.nodes[here]["t"] != {"last": T}.get(at, at):
            assert found["gradient"] is None, "a loss that is not followed sends nothing"
            assert not expected["gradient"]
        else:
            close(found["contribution"], expected["contribution"])


def test_l_is_the_seed_of_the_loss_that_is_followed_and_says_its_number() -> None:
    need_graphviz()
    L, M, *_ = both()
    flow = tg.flow(L, at=2)
    picture = viz.draw(flow)
    graph = picture.graph
    assert graph.graph["seeds"] == {"L": 1.0} and graph.graph["followed"] == 1
    losses = [float(M.tape.lines[line][4]) for line in tg.find_steps(M.tape).losses.values()]
    close(list(graph.graph["joint"].values()), losses)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture.svg())
    assert "ℓ₂ =" in texts and f"{losses[1]:.3f}" in texts
    assert any("alone, of L = Σ ℓ / 15" in text for text in texts), texts
    assert "Gradient of the loss at t = 2 only" in texts and "seed ∂ℓ/∂ℓ at t = 2:" in texts
    assert f"ℓ₁ = {losses[0]:.2f}, ℓ₂ = {losses[1]:.2f}" in picture.description
    assert overlaps(picture.canvas) == {}
    assert 'id="seed-L"' in re.sub(r'id="p\w+?-', 'id="', picture.svg())
    assert "seed ∂ℓ/∂ℓ at t = 5:" in viz.draw(tg.flow(L, at="last")).svg()


def test_who_hears_which_loss_is_the_closed_form_s_table() -> None:
    L, *_ = both()
    table = bptt.contribution_table(*arguments(INSTANCE))
    norms = np.sqrt(sum(table.norms[name] ** 2 for name in INSIDE))
    for at, weight in (("all", 1 / (T * B)), ("last", 1.0), (2, 1.0)):
        found = viz.graph(tg.flow(L, at=at)).graph["contributions"]
        close([[found[t][k] for k in range(T)] for t in range(T)], weight * norms)


def test_rows_that_read_other_states_are_heard_by_those_too() -> None:
    L, _ = attending(False)
    flow = tg.flow(L)
    found = viz.graph(flow).graph["contributions"]
    for t, row in flow.table(flow.steps.weights[0]).items():
        close([found[t][k] for k in range(T)], [np.linalg.norm(row.get(k, 0.0)) / T for k in range(T)])


def test_a_recorded_pass_of_one_row_does_nothing_in_the_steps_behind_it() -> None:
    L, *_ = both()
    graph = viz.graph(tg.flow(L, at=2), backward=True)
    steps = {node["t"] for _, node in graph.nodes(data=True) if node.get("recorded") and node["shape"]}
    assert {1, 2} <= steps and not steps & {3, 4}, "step 5 has the readout, which follows it"


def test_of_what_l_weighs_unevenly_every_loss_is_heard_as_l_hears_it() -> None:
    mask = np.array([[1.0, 0.0, 0.5]] * T)
    tables = []
    for ahead in (False, True):
        with tg.Tape() as tape:
            params = {name: tape.var(array, name) for name, array in INSTANCE.params.items()}
            rows = (np.stack(states(params, tape.data(INSTANCE.h0, "h0"))) ** 2).sum(axis=2)
            steps = range(1, T + 1)
            L = tg.loss(rows * mask, steps).sum() if ahead else (tg.loss(rows, steps) * mask).sum()
        found = viz.graph(tg.flow(L)).graph["contributions"]
        tables.append([[found[t][k] for k in range(T)] for t in range(T)])
    close(*tables)


@pytest.mark.parametrize("path", [(4, 1), (5, 3), (2, "W"), (5, "U"), (3, "V")])
def test_a_path_begins_at_l_and_takes_the_routes_of_the_loop(path: Any) -> None:
    L, M, *_ = both()
    graph, view = follow_path(tg.flow(L), path)
    _, expected = follow_path(tg.flow(M), path)
    size = sum(INSTANCE.params[name].size for name in INSIDE) if isinstance(path[1], int) else None
    close(view.whole[:size], expected.whole[:size])
    close([route.share for route in view.routes], [route.share for route in expected.routes])
    assert [len(route.carries) for route in view.routes] == [len(route.carries) for route in expected.routes]
    only_path(graph, view)
    assert graph.graph["path"]["error"] < 1e-12
    assert facts(graph, view, view.whole)["routes"] == expected.route_count


def test_charts_have_the_numbers_of_the_loop() -> None:
    L, M, *_ = both()
    for at in ("all", "last", 2):
        flow, looped = tg.flow(L, at=at), tg.flow(M, at=at)
        assert followed(flow) == followed(looped) == {2: 1}.get(at, T - 1)
        found, expected = (state_gradients(carried(one), followed(one)) for one in (flow, looped))
        for a, b in zip(found, expected, strict=True):
            close(a, b)
    tables = []
    for flow in (tg.flow(L), tg.flow(M)):
        chosen = weights(flow)[:3]
        arrays = contribution_arrays(flow, chosen)
        tables.append([by_lag(flow, arrays[weight.line]) for weight in chosen])
    for (sums, means), (others, their) in zip(*tables, strict=True):
        close(sums, others)
        close(means, their)


@pytest.mark.parametrize("at", ["all", "last", 9])
def test_folded_steps_pass_on_what_they_pass_on_in_the_loop(at: Any) -> None:
    L, M, *_ = both(steps=24)
    graph, looped = (viz.graph(tg.flow(loss, at=at), fold=(2, 2)) for loss in (L, M))
    assert graph.graph["conservation"] < 1e-12 and graph.graph["followed"] == looped.graph["followed"]
    assert graph.nodes["L"]["text"] == "Σ ℓ / 72"
    assert len(graph.graph["joint"]) == 24 and graph.graph["fold"].losses == 0, "they have no boxes to fold"
    for name in INSIDE:
        here, there = (weight_node(G, name) for G in (graph, looped))
        for s in (0, 1, 22, 23):
            close(here["shares"].get(s, 0.0), there["shares"].get(s, 0.0))
        close(here["adjoint_norm"], there["adjoint_norm"])
    for ribbon, expected in zip(graph.graph["fold"].ribbons, looped.graph["fold"].ribbons, strict=True):
        close([n or 0.0 for n in ribbon.norms], [n or 0.0 for n in expected.norms])


def test_the_page_offers_every_row_from_its_own_seed() -> None:
    need_graphviz()
    L, M, params, others = both()
    flow = tg.flow(L, at=3)
    offered = choices.choices(flow)
    assert [choice.s for choice in offered] == [None, 0, 1, 2, 3, 4] and choices.first_shown(flow, offered) == 3
    for choice in offered[1:]:
        assert choice.s is not None
        close(choice.flow.seeds[flow.steps.losses[2]], np.eye(T)[choice.s][:, None] * np.ones(B))
        for name in NAMES:
            expected = tg.flow(M, at=choice.s + 1).adjoint[others[name].index]
            close(choice.flow.adjoint[params[name].index], expected)
    tables = [data_of(viz.step_through(tg.flow(loss)))["table"]["rows"] for loss in (L, M)]
    for which in ("c", "w"):
        cells, expected = (np.tril([row[which] for row in reversed(rows)], -1) for rows in tables)
        assert np.array_equal(cells, expected) and np.count_nonzero(cells) == T * (T - 1) / 2, "of one step and others"


def test_the_graph_is_handed_on_with_every_loss(tmp_path: Path) -> None:
    L, M, *_ = both()
    for ending in ("json", "graphml", "dot"):
        viz.export(tg.flow(L, at="last"), tmp_path / f"joint.{ending}")
    told = json.loads((tmp_path / "joint.json").read_text(encoding="utf-8"))["graph"]
    assert told["seeds"] == {"L": 1.0} and told["followed"] == T - 1 and set(told["losses"].values()) == {"L"}
    close(list(told["joint"].values()), [float(M.tape.lines[i][4]) for i in tg.find_steps(M.tape).losses.values()])


def test_a_readout_that_is_not_marked_is_told_the_line_to_write() -> None:
    (L, _), (M, _) = recorded(joint, mark=False), recorded(joint)
    (note,) = viz.graph(tg.flow(L)).graph["notes"]
    assert note.endswith("; tg.loss(values, range(1, T + 1)) marks row n as the loss of the n-th step")
    assert viz.graph(tg.flow(M)).graph["notes"] == [
        "the loss of each step is made of the states of all steps together, after the loop: drawn as part of L"
    ]


@pytest.mark.parametrize("look", [{"show": "value"}, {"show": "gradient"}, {"collapse": "steps"}, {"every_line": True}])
def test_every_look_of_one_row_is_drawn_without_fault(look: dict[str, Any]) -> None:
    need_graphviz()
    L, *_ = both()
    picture = viz.draw(tg.flow(L, at=4), **look)
    assert picture.graph.graph["conservation"] < 1e-12
    assert overlaps(picture.canvas) == {}
