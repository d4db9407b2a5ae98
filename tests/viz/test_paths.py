"""The ways from a loss back to the weights of a step: exactly the drawn edges that lie on one, each path's share."""

from __future__ import annotations

import networkx as nx
import pytest

import tinygrad_rnn as tg
import viz
from viz.reading.paths import edges_between


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
