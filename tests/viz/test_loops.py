"""Programs of several loops: a step is named with its loop, in what is asked for and in what is shown."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.test_truncated_programs import PROGRAMS, a_stack_that_is_read_whole_too
from tests.test_truncated_programs import recorded as recorded_program
from tests.viz.test_page import data_of
from viz.reading.naming import short_steps
from viz.reading.ways import follow_path


def recorded(first: str = "encoder", second: str = "decoder") -> tuple[tg.Var, tg.Flow]:
    """Two loops that count the same steps, with a loss in each step of both."""
    random = np.random.default_rng(3)
    with tg.Tape(checked=True) as tape:
        W, h = tape.var(random.normal(size=(3, 3)), "W"), tape.var(random.normal(size=3), "h0")
        total: Any = 0.0
        for loop in (first, second):
            for t in (1, 2):
                with tg.step(t, loop=loop):
                    h = np.tanh(W @ h)
                    total = total + tg.loss((h * h * h).sum(), t)
    return W, tg.flow(total)


@pytest.mark.parametrize("from_s", [0, 1, 2, 3])
def test_a_pair_names_one_step_of_one_loop(from_s: int) -> None:
    W, flow = recorded()
    for k, end in enumerate(flow.steps.order[: from_s + 1]):
        _, view = follow_path(flow, (flow.steps.order[from_s], end))
        np.testing.assert_allclose(view.whole, flow.table(W.index)[from_s][k].ravel(), rtol=1e-12)


@pytest.mark.parametrize("path", [(2, 1), (("decoder", 2), 1), (2, ("encoder", 1)), (2, "W")])
def test_a_number_of_two_loops_is_refused_in_one_line_that_shows_a_spelling_that_works(path: Any) -> None:
    _, flow = recorded()
    with pytest.raises(viz.PictureError, match=r"such a step \d; name the loop: path=\(\('decoder', 2") as no:
        follow_path(flow, path)
    assert "\n" not in str(no.value)
    advice = ast.literal_eval(str(no.value).rpartition("path=")[2])
    assert follow_path(flow, advice)[1].request.loss == 3


@pytest.mark.parametrize(
    "path", [(("decoder", 3), 1), (("coder", 1), "W"), (("decoder", 2), ("encoder",)), (("decoder", 2), ([], 1))]
)
def test_a_pair_that_names_no_step_is_refused_by_naming_those_there_are(path: Any) -> None:
    with pytest.raises(viz.PictureError, match="encoder 1, encoder 2, decoder 1, decoder 2"):
        follow_path(recorded()[1], path)


def test_a_number_is_enough_where_one_loop_has_it_and_a_pair_is_right_there_too() -> None:
    flow = tg.flow(tg.cells.record("vanilla", 4, seed=1)[1])
    loop = flow.steps.order[0][0]
    pair, number = (follow_path(flow, path)[1] for path in (((loop, 4), (loop, 1)), (4, 1)))
    assert pair.request == number.request and (pair.whole == number.whole).all()


def test_a_picture_of_a_path_names_the_loops() -> None:
    need_graphviz()
    _, flow = recorded()
    picture = viz.draw(flow, path=(("decoder", 2), ("encoder", 1)), fold=False)
    assert picture.title.startswith("How the loss at decoder 2 reaches the weights of encoder 1")
    path = picture.graph.graph["path"]
    assert [words for words, _ in path["rows"]] == ["h₁ (d) → h₂ (e) → h₁ (e)"] and path["name"] == "C[d2,e1]"
    for words in ("from decoder 2 back to encoder 1", "seed ∂ℓ/∂ℓ at decoder 2:"):
        assert words in picture.dot


def test_tables_and_pages_name_the_loops() -> None:
    need_graphviz()
    _, flow = recorded()
    dot = viz.draw(flow, fold=False).dot
    for words in ("ℓ d2", "e1", "d1", "added at encoder 2"):
        assert words in dot
    data = data_of(viz.step_through(flow))
    assert data["when"] == data["table"]["at"] == ["encoder 1", "encoder 2", "decoder 1", "decoder 2"]
    assert data["table"]["t"] == ["e1", "e2", "d1", "d2"]
    assert [choice["when"] for choice in data["choices"]] == ["", *data["when"]]


def test_with_one_loop_steps_are_plain_numbers() -> None:
    need_graphviz()
    data = data_of(viz.step_through(tg.flow(tg.cells.record("vanilla", 3)[1])))
    assert data["when"] == ["t = 1", "t = 2", "t = 3"] and data["table"]["t"] == ["1", "2", "3"]
    assert data["table"]["at"] == ["step 1", "step 2", "step 3"]


def test_a_cells_tooltip_calls_its_step_as_the_program_does() -> None:
    need_graphviz()
    with tg.Tape(checked=True) as tape:
        w, h, total = tape.var(0.7, "w"), tape.var(0.3, "h0"), 0.0
        for t in (7, 9):
            with tg.step(t):
                h = np.tanh(w * h)
                total = total + tg.loss(h * h, t)
    dot = viz.draw(tg.flow(total)).dot
    assert "added at step 9" in dot and "added at step 2" not in dot


@pytest.mark.parametrize(
    ("loops", "short"),
    [
        (("encoder", "decoder"), ["e1", "d1"]),
        (("encode", "encoder"), ["A1", "B1"]),
        (("pass", "peek"), ["pa1", "pe1"]),
        (("</b>", "\n"), ["A1", "B1"]),
        (("one", "one"), ["1", "1"]),
    ],
)
def test_loops_are_told_apart_by_few_letters(loops: tuple[str, str], short: list[str]) -> None:
    assert short_steps([(loop, 1) for loop in loops]) == short


BIDIRECTIONAL = [("a", "b", "c", False), ("fwd", "bwd", "out", True), ("time", "time", "time", True)]


def bidirectional(forward: str, backward: str, out: str, reverse: bool) -> tg.Var:
    """Two recurrences, each in a loop of its own, and a loop that reads both."""
    random = np.random.default_rng(5)
    W, M, xs = random.normal(size=(3, 3)), random.normal(size=(3, 3)), random.normal(size=(4, 3))
    with tg.Tape(checked=True) as tape:
        V, Q, a, b = tape.var(W, "V"), tape.var(M, "Q"), tape.data(np.ones(3), "a0"), tape.data(np.ones(3), "b0")
        ahead, back, total = {}, {}, tape.data(0.0, "sum")
        for t in range(1, 5):
            with tg.step(t, forward):
                a = ahead[t] = np.tanh(V @ a + xs[t - 1])
        for t in range(4, 0, -1) if reverse else range(1, 5):
            with tg.step(t, backward):
                b = back[t] = np.tanh(Q @ b + xs[t - 1])
        for t in range(1, 5):
            with tg.step(t, out):
                total = total + tg.loss(np.sum(ahead[t] * back[t]), t)
    return total


@pytest.mark.parametrize("loops", BIDIRECTIONAL, ids=str)
def test_two_recurrences_in_loops_of_their_own_are_drawn_and_exported(loops: Any, tmp_path: Any) -> None:
    need_graphviz()
    flow = tg.flow(bidirectional(*loops))
    G = viz.graph(flow)
    assert G.graph["conservation"] < 1e-12
    assert all("kind" in node for _, node in G.nodes(data=True))
    assert sum(node["kind"] == "state" for _, node in G.nodes(data=True)) == 8
    viz.draw(flow).save(tmp_path / "loops.svg")
    viz.step_through(flow).save(tmp_path / "loops.html")
    viz.export(flow, tmp_path / "loops.graphml")


def test_a_loop_after_others_has_its_own_initial_state() -> None:
    flow = tg.flow(bidirectional("fwd", "bwd", "out", True))
    steps = flow.steps
    assert {(s, steps.name[line]) for (_, s), line in steps.initial.items()} == {(-1, "a0"), (3, "b0"), (7, "sum")}
    assert {steps.name[w] for w in steps.weights} == {"V", "Q"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_what_arrives_at_every_node_is_its_adjoint_in_programs_of_every_shape_truncated_or_not(program: Any) -> None:
    L, _ = recorded_program(program)
    truncations = [None] if program is a_stack_that_is_read_whole_too else [None, ("detach_every_k", 2)]
    for truncation in truncations:
        for fold in (None, (1, 1)):
            G = viz.graph(tg.flow(L, truncation=truncation), fold=fold)
            assert G.graph["conservation"] < 1e-12, (truncation, fold, G.graph["conservation_at"])
