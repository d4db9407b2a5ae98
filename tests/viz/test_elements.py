"""A picture knows which elements of its SVG show which node and which edge of the graph."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from viz.reading.graph import build


def scalar_flow() -> tg.Flow:
    with tg.Tape() as tape:
        a, b = tape.var(np.array(2.0), "a"), tape.var(np.array(3.0), "b")
        return tg.flow(np.tanh(a * b) + a)


@pytest.mark.parametrize("model", ["vanilla", "lstm", "gru", "stacked", "skip"])
@pytest.mark.parametrize("at", ["all", "last", None])
def test_every_node_and_every_edge_has_elements_and_no_element_has_two_owners_of_one_kind(
    model: str, at: str | None
) -> None:
    need_graphviz()
    picture = viz.draw(tg.flow(tg.cells.record(model, 4)[1], at=at))
    graph, found = picture.graph, picture.elements
    assert {key for kind, key in found if kind == "node"} == set(graph)
    assert {key for key in found if key[0] != "node"} == set(graph.edges())
    ids = set(re.findall(r'id="([^"]+)"', picture.svg()))
    assert {name for names in found.values() for name in names} <= ids
    nodes = [name for key, names in found.items() if key[0] == "node" for name in names]
    assert len(nodes) == len(set(nodes)), "one element stands for two nodes"
    for u, v, data in graph.edges(data=True):
        lanes = {name.split("-")[1] for name in found[u, v]}
        assert "fwd" in lanes and ("bwd" in lanes) == (data["gradient"] is not None), (u, v)
        assert all(re.search(r"-(fwd|bwd|tip)-", name) for name in found[u, v])


def test_a_program_without_steps_has_elements_too() -> None:
    need_graphviz()
    picture = viz.draw(scalar_flow())
    ids = set(re.findall(r'id="([^"]+)"', picture.svg()))
    assert {name for names in picture.elements.values() for name in names} <= ids
    assert {key for key in picture.elements if key[0] != "node"} == set(picture.graph.edges())


def test_an_edge_of_the_graph_names_the_edges_of_the_tape_that_it_stands_for() -> None:
    flow = tg.flow(tg.cells.record("lstm", 4)[1])
    graph = build(flow)
    for u, v, data in graph.edges(data=True):
        assert data["passed"], (u, v)
        for child, argument in data["passed"]:
            assert flow.tape.lines[child][1][argument] >= 0
    inside = {key: set(node["lines"]) for key, node in graph.nodes(data=True)}
    passed = {edge for _, _, data in graph.edges(data=True) for edge in data["passed"]}
    hidden = set(flow.edges) - passed
    of = {line: key for key, lines in inside.items() for line in lines}
    for child, argument in hidden:  # inside one node, or among the lines that make L of the losses
        parent = flow.tape.lines[child][1][argument]
        assert of.get(child, "L") == of.get(parent, "L"), (child, argument)
