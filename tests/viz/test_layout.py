"""One step's layout: what belongs together stands together, in every version of Graphviz, found by a bounded search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.viz.unseen_cells import CELLS
from viz import render
from viz.layout.asking import parse_plain, shuffled
from viz.layout.boxes import measure
from viz.layout.search import Layout, lay_out
from viz.layout.structure import Structure
from viz.reading.graph import build
from viz.reading.template import fold

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")


def laid_out(name: str, steps: int = 3) -> Layout:
    L = (tg.cells.record(name, steps) if name in KNOWN else CELLS[name](steps, 0))[1]
    return layout_of(L)


def layout_of(L: Any) -> Layout:
    graph = build(tg.flow(L))
    template = fold(graph)
    weights = tuple((graph.nodes[key]["name"], graph.nodes[key]["label"]) for key in graph.graph["weights"])
    return lay_out(template, measure(graph, Structure(template)), weights)


def named(found: Layout, name: str) -> int:
    return next(part.role for part in found.structure.template.parts if part.name == name)


def test_a_vanilla_states_way_through_a_step_is_one_straight_line() -> None:
    found = laid_out("vanilla")
    (spine,) = found.structure.spines.values()
    assert [found.structure.kind[role] for role in spine] == ["product", "sum", "state"]
    assert len({found.placement.at[role][1] for role in spine}) == 1
    xs = [found.placement.at[role][0] for role in spine]
    assert xs == sorted(xs)


def test_an_lstms_c_has_a_spine_and_its_h_a_trunk_to_all_four_gates() -> None:
    found = laid_out("lstm")
    c, h = named(found, "c"), named(found, "h")
    assert set(found.structure.spines) == {c}
    assert len(found.structure.entering[h]) == 4


def test_the_gates_of_an_lstm_stand_side_by_side_and_no_chip_touches_another_gate() -> None:
    found = laid_out("lstm")
    (row,) = (row for row in found.structure.rows if len(row) == 4)
    assert len({found.placement.at[role][1] + found.boxes[role].height / 2 for role in row}) == 1
    feet = sorted((found.placement.at[role][0] + found.boxes[role].foot[0], role) for role in row)
    for (_, left), (start, _) in zip(feet, feet[1:], strict=False):
        assert found.placement.at[left][0] + found.boxes[left].foot[2] < start


def test_four_functions_of_one_packed_sum_stand_in_a_row_fed_by_a_bus() -> None:
    found = laid_out("packed_lstm")
    row = next(row for row in found.structure.rows if len(row) == 4)
    (source,) = (role for (where, role), readers in found.structure.fans.items() if where == "node" and readers == row)
    assert ("node", source) in found.placement.bus
    assert len({found.placement.at[role][1] for role in row}) == 1


def test_two_layers_have_two_spines_at_different_heights() -> None:
    found = laid_out("stacked")
    heights = {found.placement.at[state][1] for state in found.structure.spines}
    assert len(heights) == 2


def test_no_node_stands_in_the_way_of_a_state_that_runs_past_another() -> None:
    found = laid_out("bidirectional")
    state = next(role for role, lag in found.structure.template.carries if lag == 1)
    y, right = found.placement.at[state][1], found.placement.right
    for role in found.structure.roles:
        x, middle = found.placement.at[role]
        beyond = x > found.placement.at[state][0] and x < right
        assert not (beyond and abs(middle - y) < found.boxes[role].height / 2)


def test_a_row_of_six_gates_is_laid_out_in_program_order_where_that_costs_nothing() -> None:
    random, names = np.random.default_rng(0), "abcdef"
    with tg.Tape(checked=True) as tape:
        W = {name: tape.var(random.normal(size=(3, 3)) / 3, f"W{name}") for name in names}
        U = {name: tape.var(random.normal(size=(3, 2)) / 3, f"U{name}") for name in names}
        h, losses = tape.var(random.normal(size=3), "h0"), []
        for t in range(1, 5):
            with tg.step(t):
                x = tape.data(random.normal(size=2), "x")
                gates = [tg.sigmoid(W[name] @ h + U[name] @ x) for name in names]
                h = np.tanh(gates[0] * gates[1] + gates[2] * gates[3] + gates[4] * gates[5])
                losses.append(tg.loss(np.sum(h * h), t))
        L = sum(losses) / 4
    found = layout_of(L)
    row = found.structure.main_row
    assert len(row) == 6
    assert sorted(row, key=lambda role: found.placement.at[role][0]) == list(row)


@pytest.mark.parametrize("name", ["lstm", "gru", "peephole_lstm", "bidirectional"])
def test_the_search_is_bounded_by_a_count_of_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    ask = render.layouts

    def counted(texts: list[str]) -> list[str]:
        asked.append(len(texts))
        return ask(texts)

    monkeypatch.setattr(render, "layouts", counted)
    lay_out.cache_clear()
    laid_out(name)
    assert 0 < sum(asked) <= 300
    assert len(asked) <= 4, "each round of the search is one process"


def test_a_structure_is_searched_once_and_the_number_of_steps_does_not_matter() -> None:
    lay_out.cache_clear()
    first = laid_out("gru", 3)
    assert laid_out("gru", 5) is first
    assert lay_out.cache_info().misses == 1


@pytest.mark.parametrize("name", [*KNOWN, "peephole_lstm", "packed_lstm", "leaky_integrator", "three_residual_layers"])
def test_both_versions_of_graphviz_give_the_same_places(
    name: str, monkeypatch: pytest.MonkeyPatch, dot_program: str
) -> None:
    places = []
    for backend in ("dot", "pygraphviz"):
        monkeypatch.setenv(render.CHOICE, backend)
        lay_out.cache_clear()
        places.append(laid_out(name).placement)
    first, second = places
    assert first.at.keys() == second.at.keys()
    for role in first.at:
        assert first.at[role] == pytest.approx(second.at[role], abs=4), "versions may round differently, no more"


def test_plain_output_is_read_in_points_from_the_lowest_leftmost_node() -> None:
    answer = (
        "graph 1 3 2\nnode n1 1 0.5 0.5 0.5 \"\" solid box black lightgrey\n"
        "node n2 2 1.5 0.5 0.5 \"\" solid box black lightgrey\n"
        "edge n1 n2 4 1 0.5 1 1 2 1 2 1.5 solid black\nstop\n"
    )  # fmt: skip
    run = parse_plain(answer)
    assert run.at == {"n1": (0.0, 0.0), "n2": (72.0, 72.0)}
    assert run.splines["n1", "n2"] == [(0.0, 0.0), (0.0, 36.0), (72.0, 36.0), (72.0, 72.0)]


@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_what_arrives_at_a_dot_is_what_leaves_it_and_every_edge_reaches_its_reader_once(name: str) -> None:
    found = laid_out(name, 4)
    first_turn = [route for route in found.routing.routes if not route.turn or route.turn[0] == 0]
    routes = [route for route in first_turn if route.weight is None]
    for dot in found.routing.junctions:
        arriving = [edge for route in routes if route.head == f"j{dot}" for edge in route.edges]
        leaving = [edge for route in routes if route.tail == f"j{dot}" for edge in route.edges]
        assert arriving and sorted(arriving, key=repr) == sorted(leaving, key=repr), dot
    template = found.structure.template
    remembered = [e for e in template.edges if e.lag and (e.source, e.target) in template.remembered]
    by_lanes = [(memory.source, reader) for memory in found.routing.memories for reader in memory.reads]
    assert sorted(by_lanes) == sorted({(e.source, e.target) for e in remembered})
    own = sorted(set(template.edges) - set(remembered), key=repr)
    reached = [edge for route in routes if route.head.startswith("n") for edge in route.edges]
    assert sorted(reached, key=repr) == own
    left = [edge for route in routes if route.tail.startswith("n") for edge in route.edges]
    assert sorted(left, key=repr) == own


def test_shuffles_are_the_same_permutations_in_every_process_and_version() -> None:
    assert shuffled(range(8), 0) == list(range(8))
    assert [shuffled(range(8), k) for k in (1, 2)] == [[1, 6, 3, 5, 0, 7, 4, 2], [2, 6, 0, 5, 7, 3, 4, 1]]
