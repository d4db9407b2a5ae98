"""Routes of a picture that folds steps or collapses them to boxes: exact sums of the routes that it does not show."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.test_paths import KNOWN, part_of_table, recorded
from tests.viz.unseen_cells import CELLS
from viz.check import overlaps
from viz.reading.fold import KEY
from viz.reading.tooltips import norm
from viz.reading.views import only_path
from viz.reading.ways import follow_path


def step_of(key: str) -> int:
    return int(key.split("@")[1])


@pytest.mark.parametrize("fold", [(2, 2), (1, 1), (3, 1), (0, 2)])
@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru", "skip"])
def test_a_route_through_a_fold_is_the_sum_of_all_routes_that_meet_it_on_the_same_states(
    name: str, fold: tuple[int, int]
) -> None:
    flow = recorded(name, 6)
    _, single = follow_path(flow, (6, 1))
    graph, view = follow_path(flow, (6, 1), fold=fold)
    inside = graph.graph["fold"]
    sums: dict[tuple[str, ...], Any] = defaultdict(float)
    for route in single.routes:
        shown, before = [], 5  # the step of the loss
        for key in route.carries:  # within the fold nothing is told apart
            if not (before in inside and step_of(key) in inside):
                shown.append(key)
            before = step_of(key)
        sums[tuple(shown)] += route.part
    assert {route.carries for route in view.routes} == set(sums) and single.others == view.others == 0
    for route in view.routes:
        np.testing.assert_allclose(route.part, sums[route.carries], rtol=1e-12, atol=1e-16)
    assert sum(route.share for route in view.routes) == pytest.approx(1, rel=1e-12)
    assert view.way_count == single.way_count and view.edges == single.edges
    assert view.edge_shares == pytest.approx(single.edge_shares, rel=1e-12)


def test_from_the_hundredth_loss_to_the_first_step_the_routes_that_are_drawn_sum_to_everything() -> None:
    need_graphviz()
    flow = recorded("lstm", 100)
    picture = viz.draw(flow, path=(100, 1))
    path, fold = picture.graph.graph["path"], picture.graph.graph["fold"]
    assert len(fold) == path["folded"] >= 90 and picture.canvas is not None and overlaps(picture.canvas) == {}
    assert path["routes"] == len(path["rows"]) == 2 ** (99 - len(fold) + 1) and path["ways"] > 10**60
    assert sum(share for _, share in path["rows"]) == pytest.approx(1, rel=1e-11) and path["error"] <= 1e-12
    assert any("⋯" in words for words, _ in path["rows"])
    assert "⋯ by all ways through the folded steps" in picture.dot
    alone = viz.graph(flow.along(99), fold=(fold.start, 100 - fold.stop)).graph["fold"]
    assert [ribbon.norms for ribbon in fold.ribbons] == [ribbon.norms for ribbon in alone.ribbons]


@pytest.mark.parametrize(("t", "k"), [(20, 9), (12, 5), (12, 1), (3, 2), (20, 18)])
def test_ribbons_are_filled_between_the_goal_and_the_loss_and_nowhere_else(t: int, k: int) -> None:
    flow = recorded("lstm", 20)
    graph, view = follow_path(flow, (t, k), fold=(3, 2))
    whole = viz.graph(flow.along(t - 1), fold=(3, 2)).graph["fold"]
    only_path(graph, view)
    for ribbon, all_of_it in zip(graph.graph["fold"].ribbons, whole.ribbons, strict=True):
        steps = range(3, 18)
        expected = [n if k <= s <= t - 1 else None for s, n in zip(steps, all_of_it.norms, strict=True)]
        assert list(ribbon.norms) == expected, ribbon.label
    assert graph.graph["path"]["error"] <= 1e-12
    on_it = {(u, v) for u, v, data in graph.edges(data=True) if not data.get("faded")}
    drawn = {(u, v) for u, v in view.edges if all(key[0] == "w" or not 3 <= step_of(key) < 18 for key in (u, v))}
    assert {edge for edge in on_it if KEY not in edge} == drawn


def test_the_share_of_a_folded_step_is_its_own_and_not_that_of_the_others() -> None:
    flow = recorded("lstm", 20)
    tables = {w: flow.table(w) for w in flow.steps.weights}
    graph, view = follow_path(flow, (20, 9), fold=(2, 2))
    only_path(graph, view)
    np.testing.assert_allclose(view.whole, part_of_table(flow, 19, 8), rtol=1e-12, atol=1e-300)
    for w in flow.steps.weights:
        expected = norm(tables[w][19].get(8, np.zeros(())))
        shown = graph.get_edge_data(f"w{w}", KEY)[0]["gradient"]
        assert (shown or 0.0) == pytest.approx(expected, rel=1e-12)
        assert graph.nodes[f"w{w}"]["shares"] == {}
    graph, view = follow_path(flow, (20, "Wf"), fold=(2, 2))
    only_path(graph, view)
    w = next(w for w in flow.steps.weights if flow.steps.name[w] == "Wf")
    expected = norm(sum(tables[w][19][k] for k in range(2, 18)))
    assert graph.get_edge_data(f"w{w}", KEY)[0]["gradient"] == pytest.approx(expected, rel=1e-12)
    assert graph.graph["path"]["error"] <= 1e-12


@pytest.mark.parametrize("name", KNOWN)
def test_routes_among_collapsed_steps_are_those_through_all_their_lines(name: str) -> None:
    flow = recorded(name, 5)
    for goal in (1, 3):
        lines, plain = follow_path(flow, (5, goal))
        boxes, boxed = follow_path(flow, (5, goal), collapse="steps")
        np.testing.assert_allclose(boxed.whole, plain.whole, rtol=1e-12, atol=1e-16)
        assert boxed.way_count <= plain.way_count and boxed.route_count <= plain.route_count
        assert sum(route.share for route in boxed.routes) == pytest.approx(1, rel=1e-12)
        if name in ("vanilla", "lstm", "gru"):  # where a box hands on nothing but its states
            parts = {names_of(lines, route.carries): route.part for route in plain.routes}
            assert {names_of(boxes, route.carries) for route in boxed.routes} == set(parts)
            for route in boxed.routes:
                np.testing.assert_allclose(route.part, parts[names_of(boxes, route.carries)], rtol=1e-11, atol=1e-16)


def names_of(graph: nx.MultiDiGraph, carries: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((str(graph.nodes[key]["name"]), step_of(key)) for key in carries)


@pytest.mark.parametrize("how", [{"fold": (1, 2)}, {"collapse": "steps"}, {"fold": (1, 1), "collapse": "steps"}])
@pytest.mark.parametrize("name", CELLS)
def test_in_cells_never_seen_before_the_parts_of_all_routes_are_what_the_edges_bring(name: str, how: Any) -> None:
    flow = tg.flow(CELLS[name](6, 0)[1])
    losses = [flow.steps.order[s] for s in sorted(flow.steps.losses)]
    for k in flow.steps.order[:: max(1, len(flow.steps.order) // 3)]:
        try:
            graph, view = follow_path(flow, (losses[-1] if losses else 6, k), **how)
        except viz.PictureError as refused:
            assert not losses or any(told in str(refused) for told in ("is a part of L", "comes back to it"))
            continue
        only_path(graph, view)
        assert graph.graph["path"]["error"] <= 1e-12, k
        shares = [route.share for route in view.routes]
        assert not shares or sum(shares) + view.others == pytest.approx(1, rel=1e-11)


@pytest.mark.parametrize(
    "options",
    [{"fold": (2, 3)}, {"collapse": "steps"}, {"collapse": "steps", "fold": (1, 1)}, {"size": "slide"},
     {"theme": "dark", "fold": (1, 2)}, {"show": "gradient", "fold": (1, 1)}],
)  # fmt: skip
def test_a_path_can_be_drawn_with_whatever_makes_a_picture_smaller(options: Any) -> None:
    need_graphviz()
    picture = viz.draw(recorded("lstm", 14), path=(14, 2), **options)
    assert picture.title.startswith("How the loss at t = 14 reaches the weights of step 2")
    assert picture.graph.graph["path"]["error"] <= 1e-12
    assert picture.canvas is not None and overlaps(picture.canvas) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [({"backward": True}, "shows how gradient flows and backward=True"), ({"show": "value"}, "show='value'"),
     ({"fold": False}, "70 steps one by one are"), ({"fold": (2, 2), "every_step": True}, "contradict")],
)  # fmt: skip
def test_what_a_path_has_nothing_to_do_with_is_refused_in_one_line(options: Any, said: str) -> None:
    with pytest.raises(viz.PictureError, match=said) as no:
        viz.draw(recorded("vanilla", 70), path=(70, 1), **options)
    assert "\n" not in str(no.value)
