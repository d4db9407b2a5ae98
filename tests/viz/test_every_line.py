"""every_line=True: each recorded line is drawn and nothing overlaps; the one cell that is not yet clean is named."""

from __future__ import annotations

import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.fresh_cells import FRESH
from tests.viz.gated_cells import CELLS
from tests.viz.heldout_cells import HELD_OUT
from viz.check import overlaps

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")
ALL = {**CELLS, **{f"held out {name}": cell for name, cell in HELD_OUT.items()}, **FRESH}
WIRE_OVER_BOX = ("leaky_integrate_and_fire",)  # Graphviz turns two products on the line of v around in every try


@pytest.mark.parametrize("name", [*KNOWN, *ALL])
def test_every_line_is_drawn_and_clean(name: str) -> None:
    tape, L = tg.cells.record(name, 3) if name in KNOWN else ALL[name](3, 0)
    picture = viz.draw(tg.flow(L), every_line=True, fold=False)
    drawn = {line for _, node in picture.graph.nodes(data=True) for line in node["lines"]}
    steps = tg.find_steps(tape)
    inside = {i for i, line in enumerate(tape.lines) if steps.of[i] >= 0 and line[1]}
    marked = {i for i in inside if i in steps.losses.values() or i <= max(steps.losses.values(), default=L.index)}
    missing = [tape.lines[i][0].__name__ for i in marked - drawn]
    assert set(missing) <= {"getitem", "add"}, "an index that picks a step's input, or the sum of the losses"
    found = overlaps(picture.canvas)
    assert set(found) == ({"wire over box"} if name in WIRE_OVER_BOX else set())
