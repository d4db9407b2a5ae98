"""A page of two hundred steps in a real browser: ribbons fill, gradients add up, the table leads through the fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.browser import opened
from tests.painting import need_graphviz
from tests.viz.test_page import data_of
from tests.viz.test_page_browser import about, number


@pytest.fixture(scope="module")
def flow() -> tg.Flow:
    return tg.flow(tg.cells.record("vanilla", 200, seed=3, scale=1.6)[1])


@pytest.fixture(scope="module")
def page(flow: tg.Flow) -> viz.Page:
    need_graphviz()
    return viz.step_through(flow, fold=(2, 2))


@pytest.fixture(scope="module")
def data(page: viz.Page) -> dict[str, Any]:
    return data_of(page)


@pytest.fixture(scope="module")
def file(page: viz.Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page.save(tmp_path_factory.mktemp("folded") / "page.html")


def event_of(data: dict[str, Any], s: int, choice: int = 0) -> int:
    """The position of the backward event of a folded step."""
    n = next(n for n, part in enumerate(data["parts"]) if part["s"] == s)
    rows = [data["edges"][e][0] for e in data["choices"][choice]["e"]]
    return len(data["forward"]) + 2 + rows.index(-1 - n)


def test_a_folded_step_is_computed_in_one_event_and_says_what_it_makes(
    browser: Any, file: Path, data: dict[str, Any], flow: tg.Flow
) -> None:
    n = next(n for n, part in enumerate(data["parts"]) if part["s"] == 99)
    h, loss = data["parts"][n]["makes"]
    with opened(browser, file) as tab:
        tab.go(data["forward"].index(-1 - n) + 1)
        assert tab.page.inner_text("#phase").startswith("forward · t = 100, folded · 8 lines in one event")
        assert "p-fold" in tab.ids("svg .now") | tab.ids("svg .end")
        chips = tab.page.locator("#numbers .chip").all_inner_texts()
        assert number(chips[0]) == about(flow.tape.lines[h][4]) and number(chips[1]) == about(flow.tape.lines[loss][4])
        assert tab.page.get_attribute("#tape [aria-current=step]", "data-line") == str(-1 - n)
        assert "t = 100, folded: h 100 has norm" in tab.page.inner_text("#words").replace("  ", " ")


def test_going_back_through_the_fold_the_ribbon_fills_and_the_gradients_add_up(
    browser: Any, file: Path, data: dict[str, Any], flow: tg.Flow
) -> None:
    W = next(w for w in flow.steps.weights if flow.steps.name[w] == "W")
    segments = {f"p-{name}": (first, last) for name, first, last in data["fold"]["segments"]}
    for choice, own in enumerate((flow, flow.along(199))):
        with opened(browser, file, reduced_motion="reduce") as tab:
            tab.page.select_option("#loss", str(choice))
            for s in (150, 60):
                tab.go(event_of(data, s, choice))
                lit = tab.ids("svg .segment.now")
                assert lit == {name for name, (first, last) in segments.items() if first <= s <= last} and len(lit) == 1
                done = tab.ids("svg .segment.done")
                assert done == {name for name, (_, last) in segments.items() if last >= s}
                hidden = tab.page.locator("svg .segment.later").first
                assert hidden.evaluate("one => getComputedStyle(one).opacity") == "0", "it tells what is to come"
                state = max(i for i in own.adjoint if flow.steps.of[i] == s - 1 and flow.steps.name[i] == "h")
                assert number(tab.page.locator("#numbers .chip").first.inner_text().split("(")[0]) == pytest.approx(
                    float(np.linalg.norm(own.adjoint[state])) if choice else brought_by(flow, own, state, s), rel=6e-3
                )
                so_far = sum(own.share(W, k) for k in range(s, 200))
                assert number(map_of(tab, "W")) == about(so_far, 6e-3)
            tab.page.click("#last")
            assert number(map_of(tab, "W")) == about(own.adjoint[W], 6e-3)


def brought_by(flow: tg.Flow, own: tg.Flow, state: int, s: int) -> float:
    """The norm of what step s brings back to the state before it."""
    found = [array for (child, k), array in own.edges.items()
             if flow.tape.lines[child][1][k] == state and flow.steps.of[child] == s]  # fmt: skip
    return float(np.linalg.norm(sum(found)))


def map_of(tab: Any, weight: str) -> str:
    figures = tab.page.locator("#maps figure").all()
    named = {one.locator("math").text_content().rpartition("∂")[2]: one for one in figures}
    return str(named[weight].locator(".norm").inner_text())


def test_a_cell_of_the_table_lights_the_segments_between_its_steps_and_its_loss(
    browser: Any, file: Path, data: dict[str, Any]
) -> None:
    table = data["table"]
    segments = {f"p-{name}": (first, last) for name, first, last in data["fold"]["segments"]}
    with opened(browser, file) as tab:
        tab.page.click("#last")
        rows = tab.page.locator("#table tr:not(.times)")
        assert rows.count() == len(table["rows"])
        for r, k in ((0, 0), (0, 5), (5, 3), (9, 0)):
            (_, t), (first, _) = table["rows"][r]["s"], table["columns"][k]
            rows.nth(r).locator("[role=gridcell]").nth(k).hover()
            assert tab.ids("svg .segment.path") == {n for n, (a, b) in segments.items() if b >= first + 1 and a <= t}
            assert tab.ids("svg g.edge.path")
            assert "together add" in tab.page.inner_text("#contribution-readout") or first < 2
        last = rows.nth(0).locator("[role=gridcell]").nth(len(table["columns"]) - 1)
        last.hover()
        assert not tab.ids("svg .segment.path"), "from the last loss to its own step nothing crosses the fold"


def test_a_row_of_the_tape_leads_to_the_event_of_its_step_on_the_way_there_and_back(
    browser: Any, file: Path, data: dict[str, Any]
) -> None:
    n = next(n for n, part in enumerate(data["parts"]) if part["s"] == 42)
    with opened(browser, file, reduced_motion="reduce") as tab:
        tab.page.evaluate("id => document.querySelector(`#tape [data-line='${id}']`).click()", -1 - n)
        assert tab.place()[0] == data["forward"].index(-1 - n) + 1
        tab.page.click("#to-backward")
        tab.page.evaluate("id => document.querySelector(`#tape [data-line='${id}']`).click()", -1 - n)
        assert tab.place()[0] == event_of(data, 42)
        tab.page.keyboard.press("ArrowRight")
        assert tab.page.inner_text("#phase").startswith("backward · t = 42, folded")


def test_every_event_lights_something_and_the_panel_of_the_fold_can_be_opened_by_keyboard(
    browser: Any, file: Path
) -> None:
    with opened(browser, file, reduced_motion="reduce") as tab:
        for place in range(1, tab.place()[1] + 1, 7):
            tab.go(place)
            assert tab.ids("svg .now") | tab.ids("svg .end"), place
        tab.page.focus("#p-fold")
        tab.page.keyboard.press("Enter")
        assert "196 steps, each of them one event forward and one backward" in tab.page.inner_text("#node")
        assert "gradient on its carry, norms from" in tab.page.inner_text("#node")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (390, 844)])
def test_the_table_of_a_long_sequence_fits_into_its_panel(browser: Any, file: Path, width: int, height: int) -> None:
    with opened(browser, file, width=width, height=height) as tab:
        fits = "one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight + 1"
        assert tab.page.locator("#table").evaluate(fits)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.page.locator("#list").evaluate("one => one.clientHeight") >= 90
