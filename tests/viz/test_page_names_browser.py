"""The page without eyes, without a mouse, and with tired eyes: names of everything, keys for everything, contrast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.browser import opened
from tests.painting import need_graphviz
from tests.viz.test_page import data_of
from tests.viz.test_page_browser import number, recorded


@pytest.fixture(scope="module")
def loss() -> tg.Var:
    return recorded()


@pytest.fixture(scope="module")
def page(loss: tg.Var) -> viz.Page:
    need_graphviz()
    return viz.step_through(tg.flow(loss), title="a tanh network")


@pytest.fixture(scope="module")
def file(page: viz.Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page.save(tmp_path_factory.mktemp("names") / "page.html")


def names(tab: Any, selector: str, role: str) -> list[str]:
    """The accessible names of all elements of a role in a part of the page, as the browser computes them."""
    told = tab.page.locator(selector).aria_snapshot()
    return re.findall(rf"""- '?{role} "((?:[^"\\]|\\.)*)\"""", told)


def test_every_node_of_the_picture_is_a_button_that_says_what_it_is_and_in_which_step(browser: Any, file: Path) -> None:
    with opened(browser, file) as tab:
        told = names(tab, "#paper", "button")
        assert len(told) == len(set(told)) == tab.page.locator("svg [role=button]").count()
        for t in range(1, 5):
            expected = {f"state h{'₀₁₂₃₄'[t]}, t = {t}", f"loss ℓ{'₀₁₂₃₄'[t]}, t = {t}"}
            expected |= {f"weight W beside product W·h{'₀₁₂₃₄'[t - 1]}, t = {t}"}
            assert expected <= set(told)
        assert {"initial h₀", "total L"} <= set(told)
        assert all(re.match(r"(state|loss|weight|input|product|sum|times|op|initial|total) \S", name) for name in told)


def test_wires_are_not_read_out_and_what_they_bring_is_told_where_it_arrives(
    browser: Any, file: Path, loss: tg.Var
) -> None:
    flow = tg.flow(loss)
    key, node = next((k, n) for k, n in viz.graph(flow).nodes(data=True) if n["label"] == "h₂")
    line = max(node["exits"])
    arriving = [array for (child, k), array in flow.edges.items() if loss.tape.lines[child][1][k] == line]
    assert len(arriving) == 3, "by step 3, and twice by h * h"
    with opened(browser, file) as tab:
        assert tab.page.locator("svg g.edge").count() == tab.page.locator("svg g.edge[aria-hidden=true]").count() > 0
        tab.page.click("#last")
        tab.page.focus("#p-" + key.replace("@", "-"))
        tab.page.keyboard.press("Enter")
        each = tab.page.locator("#node dd li").all_inner_texts()
        norms = sorted(number(text) for text in each)
        assert norms == pytest.approx(sorted(float(np.linalg.norm(array)) for array in arriving), rel=6e-4)
        assert all(re.match(r"[\w\[\]′]+: ‖·‖ ", text) for text in each)


def test_cells_of_the_table_say_which_gradient_they_are_part_of_for_the_loss_that_is_chosen(
    browser: Any, file: Path, page: viz.Page
) -> None:
    rows = data_of(page)["table"]["rows"]
    with opened(browser, file) as tab:
        of_L = ("0", "w", "L through the loss")
        for choice, kind, whose in (of_L, ("2", "c", "the loss"), of_L):
            tab.page.select_option("#loss", choice)
            told = names(tab, "#table", "gridcell")
            cells = [(row["s"][0], k, row[kind][k]) for row in rows for k in range(row["s"][0] + 1)]
            assert len(told) == len(cells)
            for name, (s, k, norm) in zip(told, cells, strict=True):
                found = re.fullmatch(rf"step {k + 1} adds (\S+) to the gradient of {whose} of step {s + 1}", name)
                assert found and number(found[1]) == pytest.approx(norm, rel=6e-4), name
        assert names(tab, "#table", "rowheader") == ["ℓ₄", "ℓ₃", "ℓ₂", "ℓ₁"]
        maps = names(tab, "#maps", "gridcell")
        assert maps and all(re.match(r"entry \d+(, \d+)? of the gradient of \w+", name) for name in maps)


def test_everything_can_be_done_by_keys_alone(browser: Any, file: Path) -> None:
    with opened(browser, file, reduced_motion="reduce") as tab:
        press, focused = tab.page.keyboard.press, "(() => document.activeElement.%s)()"

        def tab_to(condition: str) -> None:
            for _ in range(40):
                press("Tab")
                if tab.page.evaluate(f"(one => {condition})(document.activeElement)"):
                    return
            raise AssertionError(f"the tab key never comes to {condition}")

        tab_to("one.id === 'next'")
        press("Enter")
        press("Enter")
        assert tab.place()[0] == 2
        tab_to("one.id === 'slider'")
        press("End")
        assert tab.place()[0] == tab.place()[1]
        told = tab.page.evaluate(focused % "getAttribute('aria-valuetext')")
        assert re.fullmatch(r"event (\d+) of \1, backward", told)
        tab_to("one.id === 'loss'")
        press("ArrowDown")
        assert tab.page.input_value("#loss") == "1"
        press("ArrowUp")
        tab_to("one.getAttribute('role') === 'button'")
        before = tab.page.evaluate(focused % "getAttribute('aria-label')")
        press("ArrowRight")
        assert tab.page.evaluate(focused % "getAttribute('aria-label')") != before
        press("Enter")
        assert tab.page.is_visible("#node") and tab.page.evaluate(focused % "getAttribute('aria-label')") == "Close"
        press("Enter")
        assert not tab.page.is_visible("#node")
        tab_to("one.classList.contains('row')")
        press("End")
        press("Enter")
        assert tab.page.locator("#tape [aria-current=step]").count() == 1
        tab_to("one.closest('#table')")
        press("ArrowDown")
        press("Enter")
        assert tab.page.evaluate(focused % "getAttribute('aria-selected')") == "true" and tab.ids("svg g.edge.path")
        press("Escape")
        assert tab.page.evaluate(focused % "getAttribute('aria-selected')") == "false" and not tab.ids("svg .path")
        tab_to("one.closest('#maps')")
        press("ArrowRight")
        assert tab.page.evaluate(focused % "getAttribute('aria-label')").startswith("entry 1, 2 of the gradient of W")


def test_what_has_the_focus_can_be_seen(browser: Any, file: Path) -> None:
    seen = """() => { const one = document.activeElement, shape = one.querySelector("polygon, path, ellipse");
      const style = getComputedStyle(one);
      if (one.closest("svg")) return parseFloat(getComputedStyle(shape).strokeWidth) >= 3;
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2; }"""
    with opened(browser, file) as tab:
        tab.go(5)
        for _ in range(16):
            tab.page.keyboard.press("Tab")
            if tab.page.evaluate("document.activeElement === document.body"):
                break
            assert tab.page.evaluate(seen), tab.page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


CONTRAST = """() => {
  const plain = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const turned = ([r, g, b]) => { // the filter of what is drawn for paper, on dark ground
    const [x, y, z] = [r, g, b].map((c) => 0.92 * 255 - 0.84 * c);
    const rows = [[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]];
    return rows.map(([p, q, s]) => Math.min(255, Math.max(0, p * x + q * y + s * z)));
  };
  const linear = (c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const bright = (rgb) => rgb.slice(0, 3).map(linear)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || one.closest("svg, script, [hidden], :disabled, option") || !one.getClientRects().length) continue;
    let [ground, filtered, under] = [one, getComputedStyle(one).filter !== "none", null];
    for (; ground; ground = ground.parentElement) {
      const colour = plain(getComputedStyle(ground).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) { under = colour; break; }
    }
    let ink = plain(getComputedStyle(one).color);
    if (filtered) ink = turned(ink);
    if (filtered && ground === one) under = turned(under);
    const [a, b] = [bright(ink), bright(under)].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), `${one.tagName} ${one.className} ${one.textContent.slice(0, 30)}`]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_on_a_bright_day_and_at_night(browser: Any, file: Path, scheme: str) -> None:
    with opened(browser, file, color_scheme=scheme) as tab:
        for place in (0, 9, tab.place()[1]):
            tab.go(place)
            found = tab.page.evaluate(CONTRAST)
            assert len(found) > 80
            assert [text for ratio, text in found if ratio < 4.5] == [], scheme


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strongest_cell_of_the_table_stands_out_most_from_the_paper(browser: Any, file: Path, scheme: str) -> None:
    """A scale that ends in the colour of the paper hides what it should show."""
    with opened(browser, file, color_scheme=scheme) as tab:
        cells = tab.page.locator("#table [role=gridcell]")
        values = [float(cell.get_attribute("data-value")) for cell in cells.all()]
        weakest, strongest = (cells.nth(int(pick(values))) for pick in (np.argmin, np.argmax))
        ground = "one => getComputedStyle(one.closest('section')).backgroundColor"
        paper = np.array([float(n) for n in re.findall(r"\d+", cells.first.evaluate(ground))])
        apart = [np.abs(shade(tab, cell) - paper).sum() for cell in (weakest, strongest)]
        assert apart[1] > apart[0] > 0


def shade(tab: Any, cell: Any) -> np.ndarray:
    """The colour of a cell as it is seen, off a screenshot: its top left corner, where no number stands."""
    import io

    from matplotlib.image import imread

    cell.scroll_into_view_if_needed()
    pixels = imread(io.BytesIO(cell.screenshot()), format="png")
    return np.asarray(255 * pixels[4, 4, :3], dtype=float)
