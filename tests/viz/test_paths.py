"""The ways from a loss back to the weights of a step: exactly the drawn edges that lie on one, each path's share."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.unseen_cells import CELLS
from viz.reading import splitting
from viz.reading.paths import edges_between
from viz.reading.views import only_path
from viz.reading.ways import follow_path


@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru", "stacked", "skip"])
def test_the_edges_of_a_path_view_are_those_of_all_simple_paths(name: str) -> None:
    graph = viz.graph(tg.flow(tg.cells.record(name, 3, seed=1)[1]))
    plain = nx.DiGraph((u, v) for u, v, data in graph.edges(data=True) if data["gradient"])
    for t in range(3):
        for k in range(3):
            ways: set[tuple[str, str]] = set()
            for weight in graph.graph["weights"]:
                for way in nx.all_simple_paths(plain, weight, graph.graph["losses"][t]):
                    if graph.nodes[way[1]]["step"] == k:
                        ways.update(zip(way, way[1:], strict=False))
            assert edges_between(graph, t, k) == ways, (t, k)


def test_nothing_leads_from_a_loss_to_a_later_step_nor_through_a_cut() -> None:
    tape, L = tg.cells.record("lstm", 4)
    steps = tg.find_steps(tape)
    assert edges_between(viz.graph(tg.flow(L)), 1, 3) == frozenset()
    cut = viz.graph(tg.flow(L, follow=lambda c, k, _: not (steps.is_carry(c, k) and steps.of[c] == 2)))
    assert edges_between(cut, 3, 2) and not edges_between(cut, 3, 1)


# ---- shares ----

KNOWN = ["vanilla", "lstm", "gru", "stacked", "skip"]


def recorded(name: str, steps: int = 4) -> tg.Flow:
    return tg.flow(tg.cells.record(name, steps, seed=1, scale=1.3)[1])


def part_of_table(flow: tg.Flow, t: int, k: int) -> np.ndarray:
    """C[t, k] of all drawn weights, one behind the other, by `Flow.table`."""
    tables = {w: flow.table(w) for w in flow.steps.weights}
    return np.concatenate([np.ravel(tables[w][t].get(k, np.zeros(flow.tape.lines[w][4].shape))) for w in tables])


@pytest.mark.parametrize("every_line", [False, True])
@pytest.mark.parametrize("name", KNOWN)
def test_shares_of_all_routes_and_of_all_ways_sum_to_one(name: str, every_line: bool) -> None:
    flow = recorded(name)
    for t, k in ((4, 4), (4, 3), (4, 2), (3, 2)):
        _, view = follow_path(flow, (t, k), every_line=every_line)
        whole = part_of_table(flow, t - 1, k - 1)
        np.testing.assert_allclose(view.whole, whole, rtol=1e-12, atol=1e-15 * np.abs(whole).max())
        assert view.route_count == len(view.routes) and view.others == 0
        np.testing.assert_allclose(sum(route.part for route in view.routes), whole, rtol=1e-12, atol=1e-15)
        assert sum(route.share for route in view.routes) == pytest.approx(1, rel=1e-12)
        for route in view.routes:
            assert route.share == pytest.approx(route.part @ whole / (whole @ whole), rel=1e-10)
        if view.way_count <= 64:
            assert len(view.ways) == len({way.nodes for way in view.ways}) == view.way_count
            np.testing.assert_allclose(sum(way.part for way in view.ways), whole, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", KNOWN)
def test_the_share_of_an_edge_is_what_all_ways_over_it_bring(name: str) -> None:
    _, view = follow_path(recorded(name), (4, 3))
    assert view.ways and set(view.edge_shares) == view.edges
    for u, v in view.edges:
        if not u.startswith("w"):
            over = sum(way.share for way in view.ways if (v, u) in zip(way.nodes, way.nodes[1:], strict=False))
            assert view.edge_shares[u, v] == pytest.approx(over, rel=1e-10, abs=1e-13)
    arriving = sum(share for (u, _), share in view.edge_shares.items() if u.startswith("w"))
    assert arriving == pytest.approx(1, rel=1e-12)


def test_to_a_weight_the_routes_of_all_steps_sum_to_its_whole_gradient() -> None:
    for name, weight in (("vanilla", "W"), ("lstm", "Wf"), ("skip", "W")):
        flow = recorded(name)
        graph, view = follow_path(flow, (4, weight))
        line = next(w for w in flow.steps.weights if flow.steps.name[w] == weight)
        whole = sum(flow.table(line)[3].values())
        np.testing.assert_allclose(view.whole.reshape(whole.shape), whole, rtol=1e-12, atol=1e-15)
        assert sum(route.share for route in view.routes) == pytest.approx(1, rel=1e-12)
        assert {u for u, _ in view.edges if u.startswith("w")} == {f"w{line}"}
        assert view.request.to_weight and graph.graph["at"] == 4


def lstm_logits(tape: tg.Tape, direction: dict[str, np.ndarray], states: str) -> np.ndarray:
    """The logits of step 4 of a recorded LSTM whose weights at step 1 are moved by i·1e-30 times a direction.

    What was moved crosses the boundaries behind steps 1, 2, 3 on the states named, one letter each. In plain NumPy,
    without tape or rules.
    """
    leaves = {name: value for fn, _, _, _, value, _, name in tape.lines if fn == "var" and name}
    inputs = [value for fn, _, _, _, value, _, name in tape.lines if fn == "data" and name == "x"]
    h, c = leaves["h0"].astype(complex), leaves["c0"].astype(complex)
    logits = h
    for t, x in enumerate(inputs[:4], 1):
        w = {n: v + 1e-30j * direction.get(n, 0) if t == 1 else v for n, v in leaves.items()}
        i, f, o = (1 / (1 + np.exp(-(w[f"W{g}"] @ h + w[f"U{g}"] @ x + w[f"b{g}"]))) for g in "ifo")
        c = f * c + i * np.tanh(w["Wg"] @ h + w["Ug"] @ x + w["bg"])
        h = o * np.tanh(c)
        logits = w["V"] @ h + w["k"]
        if t < 4:
            h, c = (h, c.real) if states[t - 1] == "h" else (h.real, c)
    return logits


def test_each_route_of_an_lstm_is_what_a_complex_step_along_its_states_gives() -> None:
    flow = recorded("lstm")
    graph, view = follow_path(flow, (4, 1))
    assert view.route_count == 8
    random = np.random.default_rng(5)
    weights = graph.graph["weights"]
    direction = {graph.nodes[w]["name"]: random.normal(size=graph.nodes[w]["shape"]) for w in weights}
    flat = np.concatenate([direction[graph.nodes[w]["name"]].ravel() for w in weights])
    loss = flow.steps.losses[3]
    slope = flow.tape.sweep({loss: np.ones(())}, [flow.tape.lines[loss][1][0]])[0]
    seen = set()
    for route in view.routes:
        states = "".join(str(graph.nodes[key]["name"]) for key in reversed(route.carries))
        seen.add(states)
        moved = lstm_logits(flow.tape, direction, states)
        assert route.part @ flat == pytest.approx(slope @ (moved.imag / 1e-30), rel=1e-11, abs=1e-14)
    assert len(seen) == 8


def test_of_too_many_routes_the_strongest_are_shown_and_the_rest_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = recorded("lstm", 9)
    _, view = follow_path(flow, (9, 1))
    monkeypatch.setattr(splitting, "MOST_ROUTES", 10_000)
    _, exhaustive = follow_path(flow, (9, 1))
    assert len(exhaustive.routes) == 2**8 and exhaustive.others == 0
    assert sum(route.share for route in exhaustive.routes) == pytest.approx(1, rel=1e-12)
    assert [r.carries for r in view.routes[:3]] == [r.carries for r in exhaustive.routes[:3]]
    assert view.route_count == 2**8 and len(view.routes) == 64 and view.way_count > 10**5 and not view.ways
    assert sum(route.share for route in view.routes) + view.others == pytest.approx(1, rel=1e-12)
    assert [abs(route.share) for route in view.routes] == sorted((abs(r.share) for r in view.routes), reverse=True)


@pytest.mark.parametrize(
    "path", [(5, 1), (4, 9), (4, "Q"), (4,), 4, "41", (True, 1), (4, 1.0), (4, None), ([], 1), (4, [])]
)
def test_a_path_that_does_not_exist_is_refused_in_one_line(path: object) -> None:
    with pytest.raises(viz.PictureError, match="path=") as caught:
        follow_path(recorded("vanilla"), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CELLS)
def test_in_cells_never_seen_before_routes_sum_to_what_the_drawn_edges_bring(name: str) -> None:
    _, L = CELLS[name](4, 0)
    flow = tg.flow(L)
    losses = [flow.steps.order[s] for s in sorted(flow.steps.losses)]
    for k in flow.steps.order:
        try:
            graph, view = follow_path(flow, (losses[-1] if losses else 4, k))
        except viz.PictureError as refused:
            assert not losses or "is a part of L" in str(refused)
            continue
        only_path(graph, view)
        assert graph.graph["path"]["error"] <= 1e-12
        shares = [route.share for route in view.routes]
        assert not shares or sum(shares) + view.others == pytest.approx(1, rel=1e-11)


def test_a_truncated_flow_has_routes_only_where_nothing_is_cut() -> None:
    _, L = tg.cells.record("lstm", 4, seed=1)
    whole, cut = (tg.flow(L, truncation=rule) for rule in (None, ("detach_every_k", 2)))
    for k, reached in ((4, True), (3, True), (2, False), (1, False)):
        (_, free), (_, held) = (follow_path(flow, (4, k)) for flow in (whole, cut))
        assert bool(held.routes) == reached and bool(held.edges) == reached
        if reached:
            np.testing.assert_allclose(held.whole, free.whole, rtol=1e-12)
            assert [route.share for route in held.routes] == pytest.approx([route.share for route in free.routes])
