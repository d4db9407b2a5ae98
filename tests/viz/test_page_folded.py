"""A page of a long sequence: every folded step is one event, and no number is lost by it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.test_page import data_of
from tests.viz.unseen_cells import CELLS
from viz.page.choices import Choice, choices
from viz.page.contributions import MOST_SPANS, spans
from viz.page.events import brought, upstream
from viz.page.parts import OUTSIDE, Parts, parts
from viz.reading.fold import Fold


def scanned(total: str) -> tuple[tg.Var, tg.Flow]:
    """A tanh network of nine steps with h0 ≠ 0; its losses are added in the loop, beside or after it, or are rows."""
    random = np.random.default_rng(4)
    pushes = random.normal(size=(9, 3))
    with tg.Tape(checked=True) as tape:
        W, h = tape.var(random.normal(size=(3, 3)), "W"), tape.var(random.normal(size=3), "h0")
        b, losses, states, summed = tape.var(random.normal(size=3), "b"), [], [], tape.data(np.zeros(()), "start")
        for t in range(1, 10):
            with tg.step(t):
                h = np.tanh(W @ h + pushes[t - 1] + b)
                states.append(h)
                if total not in ("stacked", "rows"):
                    losses.append(tg.loss(np.sum(h * h * h), t))
                if total == "in the loop":
                    summed = summed + losses[-1]
            if total == "beside the loop":
                summed = summed + losses[-1]
        if total == "after the loop":
            summed = sum(losses[1:], losses[0]) / 9
        if total == "stacked":
            summed = np.mean(np.stack(states) ** 3)
        if total == "rows":
            summed = np.mean(tg.loss(np.sum(np.stack(states) ** 3, axis=1), range(1, 10)))
        return W, tg.flow(summed)


TOTALS = ("in the loop", "beside the loop", "after the loop", "stacked", "rows")


def found(flow: tg.Flow, fold: tuple[int, int]) -> tuple[Parts, list[Choice], Fold]:
    """The parts of a folded page, its choices, and its fold, without a picture."""
    graph = viz.graph(flow, fold=fold)
    offered = choices(flow)
    wanted = upstream(flow.tape, {flow.loss, *(i for choice in offered for i in choice.flow.seeds)})
    return parts(flow, graph.graph["fold"], wanted), offered, graph.graph["fold"]


def folded_flows() -> list[Any]:
    made = [pytest.param(lambda total=total: scanned(total)[1], id=total) for total in TOTALS]
    made += [
        pytest.param(lambda name=name: tg.flow(tg.cells.record(name, 9, seed=1)[1]), id=name)
        for name in ("lstm", "gru", "stacked", "skip")
    ]
    return made


@pytest.mark.parametrize("make", folded_flows())
def test_what_all_events_bring_to_a_line_that_is_shown_is_its_adjoint(make: Any) -> None:
    flow = make()
    together, offered, _ = found(flow, (2, 2))
    assert together.all and len(offered) >= 1
    for choice in offered:
        order = sorted(choice.flow.edges, key=lambda edge: (-edge[0], edge[1]))
        sums: dict[int, Any] = dict(choice.flow.seeds)
        for event in together.backward(flow, order):
            for target, array in zip(event.targets, brought(choice, event), strict=True):
                sums[target] = sums.get(target, 0.0) + array
        shown = set(together.shown(range(len(flow.tape.lines)))) & set(choice.flow.adjoint)
        assert shown <= set(sums) and set(flow.steps.weights) & shown
        for i in shown:
            np.testing.assert_allclose(sums[i], choice.flow.adjoint[i], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("make", folded_flows())
def test_every_line_and_every_edge_is_in_one_event(make: Any) -> None:
    flow = make()
    together, offered, fold = found(flow, (2, 2))
    wanted = upstream(flow.tape, {flow.loss, *flow.steps.losses.values()})
    covered: list[int] = []
    for event in together.forward(wanted):
        covered += [event] if event >= 0 else together.all[-1 - event].lines
    assert sorted(covered) == sorted(wanted)
    edges = sorted(offered[0].flow.edges, key=lambda edge: (-edge[0], edge[1]))
    events = list(together.backward(flow, edges))
    assert [edge for event in events for edge in event.edges] == edges
    steps = [part.s for part in together.all if part.s != OUTSIDE]
    assert steps == [s for s in range(len(flow.steps.order)) if s in fold], "each folded step is one part"


def test_losses_that_are_added_after_the_loop_are_one_event_and_a_loss_beside_its_step_goes_with_it() -> None:
    _, after = scanned("after the loop")
    together, _, _ = found(after, (2, 2))
    assert [part.s for part in together.all] == [2, 3, 4, 5, 6, OUTSIDE] and len(together.all[-1].lines) == 5
    assert {after.steps.of[i] for i in together.all[-1].reads} == {-1, 2, 3, 4, 5, 6}
    _, beside = scanned("beside the loop")
    assert {part.s for part in found(beside, (2, 2))[0].all} == {2, 3, 4, 5, 6}


# ---- the page ----


@pytest.fixture(scope="module")
def flow() -> tg.Flow:
    return tg.flow(tg.cells.record("lstm", 200)[1])


@pytest.fixture(scope="module")
def page(flow: tg.Flow) -> viz.Page:
    need_graphviz()
    return viz.step_through(flow)


@pytest.fixture(scope="module")
def data(page: viz.Page) -> dict[str, Any]:
    return data_of(page)


def test_an_lstm_of_two_hundred_steps_is_one_file_of_little_more_than_a_megabyte(page: viz.Page) -> None:
    assert len(page.html().encode()) < 1_300_000
    assert 400 < sum(page.events) < 1_000 and "200 steps" in page.title


def test_a_page_grows_by_as_much_for_every_step() -> None:
    need_graphviz()
    sizes = [len(viz.step_through(tg.flow(tg.cells.record("vanilla", T)[1])).html()) for T in (100, 200, 300)]
    assert sizes[2] - sizes[1] == pytest.approx(sizes[1] - sizes[0], rel=0.2)


def test_the_data_of_a_folded_page_sums_to_every_adjoint_of_every_choice(flow: tg.Flow, data: dict[str, Any]) -> None:
    floats = np.frombuffer(base64.b64decode(data["floats"]), "<f4").astype(float)
    rows = {row["i"] for row in data["lines"]}
    assert [choice["s"] for choice in data["choices"]] == [-1, 199]
    for choice, own in zip(data["choices"], (flow, flow.along(199)), strict=True):
        sums: dict[int, Any] = {i: np.array([seed]) for i, seed in choice["seeds"]}
        for e, at, norms in zip(choice["e"], choice["a"], choice["n"], strict=True):
            child, k = data["edges"][e][:2]
            targets = k if child < 0 else [flow.tape.lines[child][1][k]]
            for i, place, told in zip(targets, *([at, norms] if child < 0 else [[at], [norms]]), strict=True):
                if told is None:
                    continue
                size = int(np.size(flow.tape.lines[i][4]))
                array = floats[place : place + size]
                assert i in rows and np.linalg.norm(array) == pytest.approx(told, rel=6e-4, abs=1e-37)
                sums[i] = sums.get(i, 0.0) + array
        for i in rows & set(own.adjoint):
            np.testing.assert_allclose(sums[i], np.ravel(own.adjoint[i]), rtol=1e-4, atol=1e-7)


def test_every_event_of_a_folded_page_has_something_to_light(data: dict[str, Any]) -> None:
    lit = {row["i"]: row["o"] or row["w"] for row in data["lines"]}
    lit |= {-1 - n: part["o"] or part["w"] for n, part in enumerate(data["parts"])}
    assert all(lit[event] for event in data["forward"])
    assert all(wires or lit[child] for child, _, _, wires in data["edges"])
    first, last = data["fold"]["steps"]
    covered = {s for _, a, b in data["fold"]["segments"] for s in range(a, b + 1)}
    assert covered == set(range(first, last + 1))


@pytest.mark.parametrize("name", CELLS)
def test_cells_that_nobody_foresaw_can_be_folded(name: str) -> None:
    need_graphviz()
    flow = tg.flow(CELLS[name](6, 0)[1])
    data = data_of(viz.step_through(flow, fold=(1, 1)))
    lit = {row["i"]: row["o"] or row["w"] for row in data["lines"]}
    lit |= {-1 - n: part["o"] or part["w"] for n, part in enumerate(data["parts"])}
    assert all(lit[event] for event in data["forward"])
    assert all(wires or lit[child] for child, _, _, wires in data["edges"])


@pytest.mark.parametrize("cut", [None, ("max_lag", 2)])
@pytest.mark.parametrize("name", ["vanilla", "lstm"])
def test_cells_of_the_table_are_norms_of_sums_of_contributions(name: str, cut: Any) -> None:
    need_graphviz()
    flow = tg.flow(tg.cells.record(name, 40, seed=2)[1], at="last", truncation=cut)
    data = data_of(viz.step_through(flow, fold=(2, 1)))
    tables, weights, table = {w: flow.table(w) for w in flow.steps.weights}, flow.loss_weights, data["table"]
    assert table["columns"] == [list(span) for span in spans(40, viz.graph(flow, fold=(2, 1)).graph["fold"], [39])]
    assert len(table["columns"]) == len(table["rows"]) <= MOST_SPANS + 3
    for row in table["rows"]:
        for (first, last), c, w in zip(table["columns"], row["c"], row["w"], strict=True):
            for shown, factors in ((c, dict.fromkeys(weights, 1.0)), (w, weights)):
                square = 0.0
                for by_loss in tables.values():
                    parts_of = [
                        factors[s] * by_loss[s][k]
                        for s in range(row["s"][0], row["s"][1] + 1)
                        for k in range(first, last + 1)
                        if k in by_loss[s]
                    ]
                    square += float(np.sum(np.square(sum(parts_of)))) if parts_of else 0.0
                assert shown == pytest.approx(np.sqrt(square), rel=6e-4, abs=1e-300)


def test_the_steps_of_a_table_are_all_there_once_and_a_loss_that_can_be_chosen_has_its_own_row() -> None:
    flow = tg.flow(tg.cells.record("vanilla", 90)[1])
    fold = viz.graph(flow, fold=(3, 2)).graph["fold"]
    made = spans(90, fold, [50])
    assert [s for first, last in made for s in range(first, last + 1)] == list(range(90))
    assert (50, 50) in made and (0, 0) in made and (88, 88) in made and len(made) <= MOST_SPANS + 5 + 2


def test_segments_have_the_norms_of_the_loss_that_is_chosen(flow: tg.Flow, data: dict[str, Any]) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmopqrs"
    ends = (data["fold"]["steps"][0], 199 - data["fold"]["steps"][1])
    for choice, own in zip(data["choices"], (flow, flow.along(199)), strict=True):
        ribbons = viz.graph(own, fold=ends).graph["fold"].ribbons
        assert len(ribbons) == 2
        half = len(choice["segments"]) // 2
        norms = [
            max(ribbons[n // half].norms[s - ends[0]] or 0.0 for s in range(a, b + 1))
            for n, (_, a, b) in enumerate(data["fold"]["segments"])
        ]
        low, high = np.log10(choice["scale"]["low"]), np.log10(choice["scale"]["high"])
        expected = [letters[round(40 * float(np.clip((np.log10(size) - low) / (high - low), 0, 1)))] for size in norms]
        assert list(choice["segments"]) == expected


def test_how_many_steps_are_folded_can_be_said_and_what_cannot_be_is_refused_in_one_line() -> None:
    need_graphviz()
    flow = tg.flow(tg.cells.record("vanilla", 8)[1])
    assert data_of(viz.step_through(flow, fold=(1, 3)))["fold"]["steps"] == [1, 4]
    assert data_of(viz.step_through(flow))["fold"] is None
    assert data_of(viz.step_through(flow, fold=(4, 3)))["fold"] is None, "one step is not worth a fold"
    for fold in (3, (0, 0), (1, -1), "2"):
        with pytest.raises(viz.PictureError, match="fold="):
            viz.step_through(flow, fold=fold)  # type: ignore[arg-type]
    long = tg.flow(tg.cells.record("vanilla", 61)[1])
    with pytest.raises(viz.PictureError, match="fold=False: 61 steps are too many") as no:
        viz.step_through(long, fold=False)
    assert "\n" not in str(no.value)
    assert data_of(viz.step_through(long))["fold"]


def test_losses_that_are_rows_of_one_line_have_the_table_that_they_would_have_in_the_loop() -> None:
    need_graphviz()
    rows, loop = (data_of(viz.step_through(scanned(total)[1], fold=(2, 2))) for total in ("rows", "after the loop"))
    assert [choice["when"] for choice in rows["choices"]] == [choice["when"] for choice in loop["choices"]]
    for one, other in zip(rows["table"]["rows"], loop["table"]["rows"], strict=True):
        assert one["s"] == other["s"]
        for kind in "cw":
            assert one[kind] == pytest.approx(other[kind], rel=2e-4)
    (line, size, place), = rows["choices"][3]["seeds"]
    floats = np.frombuffer(base64.b64decode(rows["floats"]), "<f4")
    assert size == 1 and list(floats[place : place + 9]) == [0, 0, 1, 0, 0, 0, 0, 0, 0]
