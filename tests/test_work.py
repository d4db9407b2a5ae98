"""How much work a long sequence takes, counted in calls: what is alike in all steps is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tinygrad_rnn import guard
from tinygrad_rnn.stepping import assigned, roles
from viz.reading import missing, tooltips

Counted = Callable[[Any, str], list[int]]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """`counted(module, "name")` counts the calls of a function from then on, in the one entry of a list."""

    def begin(room: Any, name: str) -> list[int]:
        calls, work = [0], getattr(room, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            return work(*args, **kwargs)

        monkeypatch.setattr(room, name, counting)
        return calls

    yield begin


@pytest.mark.parametrize("T", [4, 12, 60])
@pytest.mark.parametrize("cell", ["vanilla", "lstm", "skip"])
def test_steps_that_are_recorded_alike_are_aligned_and_named_once(counted: Counted, cell: str, T: int) -> None:
    tape, _ = tg.cells.record(cell, T)
    merged, named = counted(roles, "_merged"), counted(assigned, "_given")
    steps = tg.find_steps(tape)
    assert merged == [2]  # once without the weights in the keys and once with them
    assert named == [2]  # what is outside of all steps, and any step
    assert {len(instances) for instances in steps.lines.values()} == {T}


def test_a_step_that_differs_is_aligned_and_named_anew(counted: Counted) -> None:
    rng, T = np.random.default_rng(0), 9
    with tg.Tape(checked=True) as tape:
        W, b, h = tape.var(rng.normal(size=(3, 3)), "W"), tape.var(rng.normal(size=3), "b"), tape.data(np.ones(3), "h0")
        for t in range(1, T + 1):
            with tg.step(t):
                a = W @ h
                if t in (4, 6):
                    a = a + b
                h = np.tanh(a)
    merged, named = counted(roles, "_merged"), counted(assigned, "_given")
    steps = tg.find_steps(tape)
    assert named == [3]
    assert merged == [2 * 3]  # step 1; step 4, which makes the union longer; what is like step 1, in the longer union
    assert sorted(len(instances) for instances in steps.lines.values()) == [2, T, T]


@pytest.mark.parametrize("T", [4, 60])
def test_the_users_line_is_looked_up_once_for_all_steps(counted: Counted, T: int) -> None:
    guard._PLACES.clear()
    looked_up = counted(guard, "_place")
    tape, _ = tg.cells.record("lstm", T)
    lines = {place.line for place in tape.source}
    assert len(set(tape.source)) == looked_up[0] < 60  # several operations stand on one line
    assert len(set(map(id, tape.source))) == looked_up[0]  # and each place is kept once
    assert len(lines) > 10


def test_what_is_remembered_of_places_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_PLACES", 5)
    guard._PLACES.clear()
    tape, _ = tg.cells.record("lstm", 3)
    assert len(guard._PLACES) <= 5
    again, _ = tg.cells.record("lstm", 3)
    assert tape.source == again.source


@pytest.mark.parametrize("cell", ["vanilla", "lstm", "skip"])
def test_a_fold_reads_no_more_lines_one_by_one_when_it_is_longer(counted: Counted, cell: str) -> None:
    labelled, seen = counted(tooltips, "of_node"), []
    for T in (30, 300):
        _, loss = tg.cells.record(cell, T)
        labelled[0] = 0
        graph = viz.graph(tg.flow(loss), fold=(2, 2))
        assert len(graph.graph["fold"]) == T - 4
        seen.append(labelled[0])
    assert seen[0] == seen[1] < 200  # all nodes of five or six steps


def test_norms_of_many_steps_are_measured_together_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    arrays = [rng.normal(size=(3, 4)) * 10.0**k for k in range(-150, 150)]
    arrays[7], arrays[8] = np.zeros((3, 4)), np.full((3, 4), np.inf)
    one_by_one = [tooltips.norm(array) for array in arrays]
    for at_once in (1, 50, 10**6):
        monkeypatch.setattr(missing, "AT_ONCE", at_once)
        np.testing.assert_allclose(missing.norms(arrays), one_by_one, rtol=1e-15)
