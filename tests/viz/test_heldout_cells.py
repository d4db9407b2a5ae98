"""Cells written before anyone had seen them drawn: of the first ten nine were clean at once, of the second all ten."""

from __future__ import annotations

import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.fresh_cells import FRESH
from tests.viz.heldout_cells import HELD_OUT
from viz.check import overlaps

CELLS = {**{f"held out {name}": cell for name, cell in HELD_OUT.items()}, **FRESH}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_no_layout_was_tuned_for_is_clean_and_conserves_its_gradient(name: str) -> None:
    need_graphviz()
    picture = viz.draw(tg.flow(CELLS[name](4, 0)[1]))
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    assert picture.graph.graph["conservation"] < 1e-12
