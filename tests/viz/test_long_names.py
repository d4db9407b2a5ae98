"""Names of any length: cut to the room there is before they are measured, in folds, laws and notes, too."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.check import overlaps
from viz.layout import metrics
from viz.layout.strips import CELL_WIDTH, arrange
from viz.length import layout_of
from viz.painting.border import fold_width


def flow_of(name: str, loop: str = "time") -> tg.Flow:
    with tg.Tape() as tape:
        W, b = tape.var(np.array([[0.4, -0.3], [0.2, 0.6]]), name), tape.var(np.ones(2), f"b{name}")  # L never reads b
        h, x, losses = tape.var(np.array([0.3, -0.7]), f"{name}0"), tape.data(np.array([0.1, 0.5]), f"{name}x"), []
        before = h
        for t in range(1, 9):
            with tg.step(t, loop=loop):
                h, before = np.tanh(W @ h + x + 0.3 * before), h
                losses.append(tg.loss(np.sum(h * h), t))
        assert b.shape == (2,)
        return tg.flow(sum(losses))


@pytest.mark.parametrize("name", ["x" * 80, "x" * 10_000, "W" * 10_000 + ", 2 steps on", "́" * 10_000])
@pytest.mark.parametrize("fold", [None, (1, 1)])
def test_a_long_name_stays_where_it_belongs(name: str, fold: tuple[int, int] | None) -> None:
    picture = viz.draw(flow_of(name), fold=fold)
    assert picture.canvas is not None and overlaps(picture.canvas) == {}


@pytest.mark.parametrize("length", [80, 10_000])
def test_the_name_of_a_state_is_cut_to_the_panel_of_a_fold_and_how_it_is_read_stays(length: int) -> None:
    picture = viz.draw(flow_of("x" * length), fold=(1, 1))
    assert picture.canvas is not None
    labels = [text for text in picture.canvas.texts if "x…, 2 steps on" in text.text]
    graph = picture.graph
    panel = fold_width(graph.graph["fold"], layout_of(graph), str(graph.nodes["fold"]["label"]))
    assert len(labels) == 1 and labels[0].right - labels[0].left <= panel - 20


def test_a_fold_is_no_wider_for_the_name_of_a_loop() -> None:
    wide = [viz.draw(flow_of("h", "x" * n), fold=(1, 1)).canvas for n in (20, 10_000)]
    assert wide[0] is not None and wide[1] is not None and wide[0].frame[2] == pytest.approx(wide[1].frame[2], abs=20)


def test_a_long_name_is_cut_before_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    width = metrics.text_width
    monkeypatch.setattr(metrics, "text_width", lambda text, *rest: measured.append(len(text)) or width(text, *rest))
    strips = arrange([("x" * 10_000, "x" * 10_000)], 0)
    ((text, *_),) = strips.heads
    assert text == "xxx…" and width(text, 10) <= CELL_WIDTH + 1
    assert measured and max(measured) <= 200 and len(measured) <= 200
