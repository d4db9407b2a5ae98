"""Ten cells written after the layout was frozen: nine were clean at once, the tenth once taps kept off trunks."""

from __future__ import annotations

import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.heldout_cells import HELD_OUT
from viz.check import overlaps


@pytest.mark.parametrize("name", HELD_OUT)
def test_a_cell_that_no_layout_was_tuned_for_is_clean_and_conserves_its_gradient(name: str) -> None:
    need_graphviz()
    picture = viz.draw(tg.flow(HELD_OUT[name](4, 0)[1]))
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    assert picture.graph.graph["conservation"] < 1e-12
