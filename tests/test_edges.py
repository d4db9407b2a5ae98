"""A flow's edges read as the dictionary that a sweep's reports would fill, in its order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.edges import Edges


def reported(tape: tg.Tape, loss: tg.Var, **options: Any) -> dict[tuple[int, int], Any]:
    found: dict[tuple[int, int], Any] = {}
    leaves = [i for i, line in enumerate(tape.lines) if line[0] == "var"]

    def note(child: int, argument: int, parent: int, contribution: Any) -> None:
        found[child, argument] = contribution

    tape.sweep({loss.index: np.ones(())}, leaves, report=note, **options)
    return found


@pytest.mark.parametrize("cell", sorted(tg.cells.CELLS))
def test_they_are_what_the_sweep_reports_in_its_order(cell: str) -> None:
    tape, loss = tg.cells.record(cell, 5)
    edges, expected = tg.flow(loss).edges, reported(tape, loss)
    assert list(edges) == list(expected) and len(edges) == len(expected)
    for edge, array in edges.items():
        np.testing.assert_array_equal(array, expected[edge])
        assert edge in edges and edges.get(edge) is array


def test_an_edge_that_no_gradient_passes_is_not_there() -> None:
    tape, loss = tg.cells.record("lstm", 5)
    child = tg.find_steps(tape).losses[2]
    cut = tg.flow(loss, follow=lambda reader, argument, parent: reader != child).edges
    assert (child, 0) not in cut and cut.get((child, 0)) is None and cut.get((child, 0), 7) == 7
    assert set(cut) == set(reported(tape, loss, follow=lambda reader, argument, parent: reader != child))
    with pytest.raises(KeyError):
        cut[child, 0]


@pytest.mark.parametrize("edge", [(-1, 0), (0, 0), (10**6, 0), (12, -1), (12, 99), "no edge", (1, 2, 3)])
def test_what_is_no_edge_is_not_there(edge: Any) -> None:
    tape, loss = tg.cells.record("vanilla", 4)
    edges = tg.flow(loss).edges
    assert len(tape.lines[12][1]) == 2
    assert edge not in edges


def test_a_column_is_one_argument_of_several_lines() -> None:
    tape, loss = tg.cells.record("gru", 6)
    flow = tg.flow(loss, at=3)
    assert isinstance(flow.edges, Edges)
    for instances in flow.steps.lines.values():
        lines = list(instances.values())
        for k in range(len(tape.lines[lines[0]][1])):
            column = flow.edges.column(lines, k)
            assert [id(array) for array in column] == [id(flow.edges.get((i, k))) for i in lines]
            assert all(array is None for array in column[3:]), "the loss of step 3 reaches no later step"


def test_without_a_backward_pass_there_are_none() -> None:
    _, loss = tg.cells.record("vanilla", 4)
    assert dict(tg.flow(loss, at=None).edges) == {}
