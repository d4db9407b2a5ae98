"""every_line=True: each recorded line is drawn, nothing overlaps, and what is not clean yet is named here."""

from __future__ import annotations

import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.unseen_cells import CELLS
from viz.check import overlaps

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")
# Lines that a picture usually leaves out stand in the way of a straight wire there.
WIRE_OVER_BOX = ("jordan_network", "three_residual_layers", "rows_and_transposes")


@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_every_line_is_drawn_and_clean(name: str) -> None:
    tape, L = tg.cells.record(name, 3) if name in KNOWN else CELLS[name](3, 0)
    picture = viz.draw(tg.flow(L), every_line=True, fold=False)
    drawn = {line for _, node in picture.graph.nodes(data=True) for line in node["lines"]}
    steps = tg.find_steps(tape)
    inside = {i for i, line in enumerate(tape.lines) if steps.of[i] >= 0 and line[1]}
    marked = {i for i in inside if i in steps.losses.values() or i <= max(steps.losses.values(), default=L.index)}
    missing = [tape.lines[i][0].__name__ for i in marked - drawn]
    assert set(missing) <= {"getitem", "add"}, "an index that picks a step's input, or the sum of the losses"
    found = overlaps(picture.canvas)
    if name in WIRE_OVER_BOX:
        found.pop("wire over box", None)
    assert found == {}
