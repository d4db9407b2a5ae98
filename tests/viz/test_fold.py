"""Steps fold into one panel, and nothing is lost: every contribution across its borders and inside it is the tape's."""

from __future__ import annotations

import re
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.unseen_cells import CELLS
from viz.check import overlaps
from viz.length import WIDEST, layout_of
from viz.reading import tooltips

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")
SHORT = {"embedded_words"}  # its text ends
FOLDS = [(2, 2), (1, 1), (0, 2), (3, 0)]


def flow_of(name: str, steps: int, at: Any = "all", **options: Any) -> tg.Flow:
    L = (tg.cells.record(name, steps) if name in KNOWN else CELLS[name](steps, 0))[1]
    flow = tg.flow(L, at=None)
    return tg.flow(L, at=at if flow.steps.losses else "all", **options)


def drawn(graph: nx.MultiDiGraph) -> list[str]:
    return [key for key in graph if key != "fold"]


def arrivals(graph: nx.MultiDiGraph) -> dict[tuple[int, int, int], Any]:
    """(role of a state, lag, step that reads) -> the contributions on that carry, added up where no step is folded."""
    found: dict[tuple[int, int, int], Any] = {}
    for u, v, data in graph.edges(data=True):
        if u[0] in "ni" and v[0] == "n" and data["lag"] and data["contribution"] is not None:
            key = graph.nodes[u]["role"], data["lag"], graph.nodes[v]["step"]
            found[key] = found[key] + data["contribution"] if key in found else data["contribution"]
    return found


# ---- the graph ----


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_what_arrives_at_each_drawn_node_is_its_adjoint_with_a_fold_between(name: str, fold: tuple[int, int]) -> None:
    for steps in (6,) if name in SHORT else (6, 16):
        graph = viz.graph(flow_of(name, steps, at="last"), fold=fold)
        assert graph.graph["fold"] is not None and "fold" in graph
        assert graph.graph["conservation"] < 1e-12


@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru", "skip"])
@pytest.mark.parametrize("steps", [7, 40])
def test_the_fold_is_one_node_that_passes_back_what_it_gets(name: str, steps: int) -> None:
    # Witness: one sweep through the lines of the folded steps alone, from what enters the fold at the right and from L.
    flow = flow_of(name, steps)
    graph, tape, inside = viz.graph(flow, fold=(2, 2)), flow.tape, range(2, steps - 2)
    roles = {i: (flow.steps.role[i], flow.steps.of[i]) for i in range(len(tape.lines))}
    lines = {place: i for i, place in roles.items() if place[1] >= 0}
    seeds: dict[int, Any] = {}
    for _, v, data in graph.out_edges("fold", data=True):
        if v != "L":
            line = lines[data["source"], data["step"] - data["lag"]]
            seeds[line] = seeds.get(line, 0.0) + data["contribution"]
    for s in inside:
        seeds[flow.steps.losses[s]] = flow.adjoint[flow.steps.losses[s]]
    (to_losses,) = [data["contribution"] for _, v, data in graph.out_edges("fold", data=True) if v == "L"]
    assert to_losses == pytest.approx(sum(float(flow.adjoint[flow.steps.losses[s]]) for s in inside), rel=1e-12)
    starts = {lines[data["source"], data["step"] - data["lag"]]: u
              for u, _, data in graph.in_edges("fold", data=True) if u[0] == "n"}  # fmt: skip
    wanted = [*flow.steps.weights, *starts]
    swept = tape.sweep(seeds, wanted, follow=lambda child, argument, parent: flow.steps.of[child] in inside)
    for line, array in zip(wanted, swept, strict=True):
        ends = (f"w{line}", starts.get(line))
        into = [data["contribution"] for u, _, data in graph.in_edges("fold", data=True) if u in ends]
        np.testing.assert_allclose(sum(into), array, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [*KNOWN, "bidirectional", "two_states_and_a_skip", "packed_lstm", "running_total"])
@pytest.mark.parametrize("steps", [8, 30])
def test_each_segment_of_a_ribbon_is_the_gradient_on_that_carry_in_that_step(name: str, steps: int) -> None:
    flow = flow_of(name, steps)
    whole, folded = arrivals(viz.graph(flow)), viz.graph(flow, fold=(2, 3)).graph["fold"]
    assert folded.ribbons and (folded.start, folded.stop) == (2, steps - 3)
    for ribbon in folded.ribbons:
        assert len(ribbon.norms) == steps - 5
        for n, norm in enumerate(ribbon.norms):
            expected = whole.get((ribbon.role, ribbon.lag, 2 + n))
            assert (expected is None) == (norm is None)
            assert expected is None or norm == pytest.approx(np.linalg.norm(expected), rel=1e-12)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip", "masked_and_regularised", "encoder_and_decoder"])
def test_drawn_steps_say_the_same_with_a_fold_beside_them_as_without(name: str) -> None:
    flow = flow_of(name, 20)
    whole, folded = viz.graph(flow), viz.graph(flow, fold=(2, 2))
    for key in drawn(folded):
        facts = ("label", "op", "kind", "tooltip", "step", "t", "rows", "lines", "adjoint_norm", "value_norm")
        for fact in facts:
            assert folded.nodes[key].get(fact) == whole.nodes[key].get(fact), (key, fact)
    for u, v, data in folded.edges(data=True):
        if "fold" not in (u, v):
            assert data["lag"] == whole.edges[u, v, 0]["lag"] and data["gradient"] == whole.edges[u, v, 0]["gradient"]


def test_the_strip_of_a_fold_is_the_norm_of_the_sum_and_not_the_sum_of_norms() -> None:
    flow = flow_of("vanilla", 50)
    graph = viz.graph(flow, fold=(1, 2))
    for weight in flow.steps.weights:
        each = [flow.share(weight, s) for s in range(1, 48)]
        data = graph.edges[f"w{weight}", "fold", 0]
        assert data["gradient"] == pytest.approx(np.linalg.norm(sum(each)), rel=1e-12)
        norms = [np.linalg.norm(array) for array in each]
        assert data["gradient"] < 0.99 * sum(norms)
        assert data["each"] == pytest.approx((min(norms), max(norms)), rel=1e-12)


def test_no_node_and_no_tooltip_is_made_for_steps_that_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    of_node = tooltips.of_node
    monkeypatch.setattr(tooltips, "of_node", lambda *arguments: made.append(1) or of_node(*arguments))
    counts = []
    for steps in (50, 400):
        made.clear()
        counts.append((len(viz.graph(flow_of("lstm", steps), fold=(2, 2))), len(made)))
    assert counts[0] == counts[1]


def test_a_cut_shows_in_the_ribbon_where_it_is() -> None:
    _, L = tg.cells.record("vanilla", 20)
    flow = tg.flow(L, follow=tg.carry_cut(tg.flow(L).steps, 9))
    (ribbon,) = viz.graph(flow, fold=(2, 2)).graph["fold"].ribbons
    assert ribbon.cut == frozenset(range(8))  # steps 3 to 10 of 20 read a state of a step before the tenth
    assert all(norm == 0 for norm in ribbon.norms[:8]) and all(norm for norm in ribbon.norms[8:])
    assert "cut, no gradient is followed here" in viz.draw(flow, fold=(2, 2)).dot


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("steps", [12, 40])
def test_a_cut_is_a_gap_with_scissors_and_never_looks_like_a_gradient(steps: int, theme: str) -> None:
    flow = tg.flow(tg.cells.record("vanilla", steps)[1], truncation=("detach_every_k", 4))
    picture = viz.draw(flow, fold=(1, 1), theme=theme)
    (ribbon,) = picture.graph.graph["fold"].ribbons
    assert ribbon.cut and picture.canvas is not None and overlaps(picture.canvas) == {}
    bars = re.findall(r'class="bar segment".*?tooltip="h, t = (\d+): ‖gradient‖', picture.dot)
    assert picture.dot.count('class="bar segment"') == len(bars)
    assert [int(t) for t in bars] == [n + 2 for n in range(steps - 2) if n not in ribbon.cut]
    pairs = re.findall(r'handle1-fold.*?tooltip="h, t = (\d+): cut, no gradient is followed here', picture.dot)
    assert sorted(map(int, pairs)) == sorted(n + 2 for n in ribbon.cut)
    assert "cut: nothing passes" in picture.dot


def test_cuts_too_dense_for_the_bins_leave_the_ribbon_and_say_how_many_they_are() -> None:
    flow = tg.flow(tg.cells.record("vanilla", 700)[1], truncation=("detach_every_k", 2))
    picture = viz.draw(flow, fold=(1, 1))
    (ribbon,) = picture.graph.graph["fold"].ribbons
    assert f"h: cut in {len(ribbon.cut)} of the steps t = 2 to 699" in picture.dot
    assert picture.dot.count('class="bar segment"') > 50


# ---- the picture ----


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip", "bidirectional", "encoder_and_decoder", "no_initial_state",
                                  "attention_decoder", "two_states_and_a_skip"])  # fmt: skip
def test_nothing_overlaps_beside_a_fold(name: str, fold: tuple[int, int]) -> None:
    picture = viz.draw(flow_of(name, 9), fold=fold)
    assert picture.canvas is not None and overlaps(picture.canvas) == {}


@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip", "bidirectional", "encoder_and_decoder"])
def test_a_step_stands_as_it_would_without_the_fold(name: str) -> None:
    flow = flow_of(name, 8)
    whole, folded = layout_of(viz.graph(flow)), layout_of(viz.graph(flow, fold=(1, 2)))
    assert whole.placement == folded.placement


def test_a_panel_says_how_many_steps_it_stands_for_and_has_one_segment_for_each() -> None:
    picture = viz.draw(flow_of("lstm", 100), fold=(2, 2))
    assert "t = 3 … 98" in picture.dot and "96 steps folded" in picture.dot
    segments = re.findall(r'class="bar segment".*?tooltip="(\w+), (t = \d+): ‖gradient‖', picture.dot)
    assert sorted(segments) == sorted((state, f"t = {t}") for state in "hc" for t in range(3, 99))
    assert "100 steps" in picture.title


def test_where_steps_are_more_than_can_be_seen_a_segment_shows_the_largest_of_several() -> None:
    picture = viz.draw(flow_of("vanilla", 700), fold=(2, 2))
    said = re.findall(r"largest of t = (\d+) to (\d+): ‖gradient‖ ([0-9.e+-]+)", picture.dot)
    (ribbon,) = picture.graph.graph["fold"].ribbons
    assert len(said) > 50
    for first, last, norm in said:
        here = ribbon.norms[int(first) - 3 : int(last) - 2]
        assert float(norm) == pytest.approx(max(here), rel=2e-3)


def test_a_followed_loss_inside_the_fold_is_named_there() -> None:
    flow = flow_of("vanilla", 60, at=50)
    picture = viz.draw(flow, fold=(2, 2))
    assert picture.graph.graph["seeds"] == {"fold": 1.0} and "ℓ₅₀ followed" in picture.dot
    assert picture.graph.graph["conservation"] < 1e-12 and "t = 50" in picture.title
    late = [norm for norm in picture.graph.graph["fold"].ribbons[0].norms[48:]]
    assert late == [0.0] * len(late)


# ---- which steps are folded ----


def width(picture: viz.Picture) -> float:
    layout = layout_of(picture.graph)
    fold = picture.graph.graph["fold"]
    return layout.pitch * (len(picture.graph.graph["steps"]) - (len(fold) if fold else 0))


@pytest.mark.parametrize("steps", [4, 10, 13, 100])
@pytest.mark.parametrize("name", ["vanilla", "lstm"])
def test_a_picture_that_would_be_too_wide_folds_by_itself(name: str, steps: int) -> None:
    picture = viz.draw(flow_of(name, steps))
    assert width(picture) <= WIDEST
    assert (picture.graph.graph["fold"] is None) == (layout_of(picture.graph).pitch * steps <= WIDEST)


def test_all_steps_are_drawn_on_request_and_the_size_is_told_before() -> None:
    flow = flow_of("vanilla", 61)
    with pytest.raises(viz.PictureError, match=r"61 steps one by one are [\d,]+ points wide and some [\d.]+ MB of SVG"):
        viz.draw(flow, fold=False)
    assert viz.draw(flow, every_step=True).graph.graph["fold"] is None
    assert viz.draw(flow_of("vanilla", 20), fold=False).graph.graph["fold"] is None


@pytest.mark.parametrize("fold", [(3, 3), (5, 1), (2, 3), (100, 100)])
def test_a_fold_that_leaves_one_step_or_none_folds_nothing(fold: tuple[int, int]) -> None:
    assert viz.draw(flow_of("vanilla", 6), fold=fold).graph.graph["fold"] is None


@pytest.mark.parametrize("fold", [(0, 0), (-1, 2), (1,), (1, 2, 3), "2,2", 3, True, (1.0, 2), (True, 1), ("a", "b")])
def test_a_fold_that_cannot_be_meant_gives_one_clear_line(fold: Any) -> None:
    with pytest.raises(viz.PictureError, match="fold=") as caught:
        viz.draw(flow_of("vanilla", 8), fold=fold)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_a_fold_contradicts_every_step_and_what_does_not_fold() -> None:
    flow = flow_of("vanilla", 8)
    with pytest.raises(viz.PictureError, match="contradict"):
        viz.draw(flow, fold=(2, 2), every_step=True)
    with pytest.raises(viz.PictureError, match="recorded backward pass"):
        viz.draw(flow, fold=(2, 2), backward=True)


def test_a_folded_picture_is_painted_and_comes_out_the_same_twice() -> None:
    need_graphviz()
    first, second = (viz.draw(flow_of("skip", 200)).svg() for _ in range(2))
    assert first == second and "steps folded" in first


def test_a_fold_without_a_backward_pass_says_nothing_of_gradients() -> None:
    _, loss = tg.cells.record("lstm", 40)
    graph = viz.graph(tg.flow(loss, at=None), fold=(2, 2))
    assert all(data["gradient"] is None for *_, data in graph.edges(data=True))
    assert all(norm is None for ribbon in graph.graph["fold"].ribbons for norm in ribbon.norms)
