"""The step-through page driven in a real browser: what lights up, what it says, who can use it, what it never does."""

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
from viz.reading.paths import edges_between

HOSTILE = [
    "</script><img src=x onerror=alert(1)>", "\"'><svg onload=alert(2)>", "<!-- ", "a\\b\nc", "\u202eabc\u2028", "😀",
    "W" * 10_000, "${1}`", "&lt;b&gt;",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def loss() -> tg.Var:
    return recorded()


def recorded() -> tg.Var:
    """A tanh network with a non-symmetric W, h0 ≠ 0, four steps, a loss at every step."""
    random = np.random.default_rng(3)
    with tg.Tape(checked=True) as tape:
        W, U = tape.var(random.normal(size=(3, 3)), "W"), tape.var(random.normal(size=(3, 2)), "U")
        b, h = tape.var(random.normal(size=3), "b"), tape.var(random.normal(size=3), "h0")
        losses = []
        for t in range(1, 5):
            with tg.step(t):
                x = tape.data(random.normal(size=2), "x")
                h = np.tanh(W @ h + U @ x + b)
                losses.append(tg.loss(np.sum(h * h) / 2, t))
        return sum(losses) / 4


@pytest.fixture(scope="module")
def page(loss: tg.Var) -> viz.Page:
    need_graphviz()
    return viz.step_through(tg.flow(loss), title="a tanh network")


@pytest.fixture(scope="module")
def file(page: viz.Page, folder: Path) -> Path:
    return page.save(folder / "page.html")


def number(text: str) -> float:
    """A number as the page writes it: −0.031, 4.1·10⁻⁵."""
    plain = text.replace("−", "-").replace("·10", "e").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(re.findall(r"-?[\d.]+(?:e-?\d+)?", plain)[-1])


def about(array: Any, rel: float = 6e-4) -> Any:
    """The norm of an array, as exactly as four digits say it (`rel=6e-3`: three)."""
    return pytest.approx(float(np.linalg.norm(np.ravel(array))), rel=rel)


def lanes(page: viz.Page, flow: tg.Flow) -> dict[tuple[int, int], set[str]]:
    """Edge of the tape -> ids of the gradient lanes that show it, read off the graph and not off the page's data."""
    found: dict[tuple[int, int], set[str]] = {}
    for u, v, data in viz.graph(flow).edges(data=True):
        names = page._picture.elements[u, v]
        for edge in data["passed"]:
            found.setdefault(edge, set()).update(f"p-{name}" for name in names if not name.startswith("fwd-"))
    return found


def test_playing_reaches_the_end_through_every_event(browser: Any, file: Path, page: viz.Page, loss: tg.Var) -> None:
    flow = tg.flow(loss)
    computed = sum(1 for line in loss.tape.lines if line[1])
    assert page.events == (computed, len(flow.edges))
    with opened(browser, file) as tab:
        assert tab.place() == (0, computed + 1 + len(flow.edges))
        tab.page.select_option("#speed", "40")
        tab.page.click("#play")
        assert tab.page.get_attribute("#play", "aria-label") == "Pause"
        tab.wait("document.getElementById('next').disabled")
        assert tab.place()[0] == tab.place()[1]
        assert tab.page.get_attribute("#play", "aria-label") == "Play"
        assert tab.ids("svg .later") == set(), "something was never reached"


def test_every_event_lights_its_edge_and_prints_its_own_number(
    browser: Any, file: Path, page: viz.Page, loss: tg.Var
) -> None:
    flow = tg.flow(loss)
    shown = lanes(page, flow)
    with opened(browser, file) as tab:
        for place in range(1, page.events[0] + 1):
            tab.page.keyboard.press("ArrowRight")
            assert tab.place()[0] == place
            assert tab.ids("svg .now"), f"forward event {place} lights nothing"
            assert tab.page.locator("#equation math").count() == 1
        tab.page.keyboard.press("ArrowRight")
        assert tab.ids("svg .now:not(.text)") == {"p-L"}
        so_far: dict[int, Any] = {}
        for (child, k), brought in flow.edges.items():
            tab.page.keyboard.press("ArrowRight")
            now, parent = tab.ids("svg .now"), loss.tape.lines[child][1][k]
            assert now and now == shown.get((child, k), now)
            assert number(tab.page.inner_text("#numbers .chip:first-child")) == about(brought)
            if parent in so_far:
                so_far[parent] = so_far[parent] + brought
                assert number(tab.page.inner_text("#numbers .chip:nth-child(2)")) == about(so_far[parent])
            else:
                so_far[parent] = brought
        assert tab.place()[0] == tab.place()[1]


@pytest.mark.parametrize("t", [1, 3, 4])
def test_choosing_a_loss_gives_the_numbers_of_its_own_flow(browser: Any, file: Path, loss: tg.Var, t: int) -> None:
    flow = tg.flow(loss, at=t)
    with opened(browser, file) as tab:
        tab.page.select_option("#loss", label=f"ℓ at t = {t}")
        tab.page.keyboard.press("Escape")
        tab.page.click("#last")
        computed = sum(1 for line in loss.tape.lines if line[1])
        assert tab.place() == (computed + 1 + len(flow.edges),) * 2
        for weight, figure in zip(flow.steps.weights, tab.page.locator("#maps figure").all(), strict=True):
            gradient = flow.adjoint[weight]
            assert number(figure.locator(".norm").inner_text()) == about(gradient, 6e-3)
            cells = figure.locator("td")
            assert cells.count() == gradient.size
            for n in (0, gradient.size - 1):
                cells.nth(n).hover()
                told = tab.page.inner_text("#gradient-readout").split(", this event")[0]
                assert number(told) == pytest.approx(float(np.ravel(gradient)[n]), rel=6e-3)
        for n, brought in enumerate(list(flow.edges.values())[:12]):
            tab.go(computed + 2 + n)
            assert number(tab.page.inner_text("#numbers .chip:first-child")) == about(brought)


def test_a_cell_of_the_table_lights_the_path_of_its_contribution(
    browser: Any, file: Path, page: viz.Page, loss: tg.Var
) -> None:
    flow = tg.flow(loss)
    weighed = flow.loss_weights
    with opened(browser, file) as tab:
        tab.page.click("#last")
        rows = tab.page.locator("#table tr:not(.times)")
        assert rows.count() == 4
        for s in range(4):
            graph = viz.graph(tg.flow(loss, at=s + 1))
            cells = rows.nth(3 - s).locator("[role=gridcell]")
            assert cells.count() == s + 1
            for k in range(s + 1):
                wires = edges_between(graph, s, k)
                expected = {f"p-{name}" for wire in wires for name in page._picture.elements[wire]}
                cells.nth(k).hover()
                assert tab.ids("svg g.edge.path") == expected and expected
                shares = [flow.table(w)[s].get(k, np.zeros(1)) for w in flow.steps.weights]
                size = float(np.sqrt(sum(np.sum(share * share) for share in shares)) * weighed[s])
                assert float(cells.nth(k).get_attribute("data-value")) == pytest.approx(size, rel=6e-4)
        tab.page.hover("h1")
        assert tab.ids("svg .path") == set()
        cells.nth(0).focus()
        tab.page.keyboard.press("ArrowRight")
        assert tab.ids("svg g.edge.path") and tab.page.evaluate("document.activeElement.getAttribute('aria-label')")
        tab.page.keyboard.press("Enter")
        tab.page.hover("h1")
        assert tab.ids("svg g.edge.path"), "a path that was pinned is gone"


def test_the_tape_and_the_events_lead_to_each_other(browser: Any, file: Path, page: viz.Page, loss: tg.Var) -> None:
    lines = [i for i, line in enumerate(loss.tape.lines) if line[1]]
    with opened(browser, file) as tab:
        for place, line in enumerate(lines, 1):
            tab.go(place)
            assert tab.page.get_attribute("#tape [aria-current=step]", "data-line") == str(line)
        tab.page.click(f"#tape [data-line='{lines[3]}']")
        assert tab.place()[0] == 4
        tab.go(page.events[0] + 2)
        for line in (lines[-1], lines[5]):
            tab.page.click(f"#tape [data-line='{line}']")
            assert tab.page.get_attribute("#tape [aria-current=step]", "data-line") == str(line)
            assert tab.place()[0] > page.events[0]


def test_a_node_tells_value_adjoint_rule_and_source_and_shows_its_lines(browser: Any, file: Path, loss: tg.Var) -> None:
    flow = tg.flow(loss)
    key, node = next((k, n) for k, n in viz.graph(flow).nodes(data=True) if n["label"] == "h₂")
    line = max(node["exits"])
    with opened(browser, file) as tab:
        tab.page.click("#last")
        tab.page.focus("#p-" + key.replace("@", "-"))
        tab.page.keyboard.press("Enter")
        told = tab.page.inner_text("#node")
        assert "h₂" in told and "state" in told and "np.tanh(W @ h + U @ x + b)" in told
        names, texts = (tab.page.locator(f"#node {tag}").all_inner_texts() for tag in ("dt", "dd"))
        facts = dict(zip(names, texts, strict=True))
        assert number(facts["value"].split("\n")[0]) == about(loss.tape.lines[line][4])
        assert number(facts["adjoint"].split("\n")[0]) == about(flow.adjoint[line])
        assert tab.page.locator("#node dd math").count() >= 1
        assert str(line) in tab.page.eval_on_selector_all("#tape .chosen", "all => all.map((one) => one.dataset.line)")
        tab.page.keyboard.press("Escape")
        assert not tab.page.is_visible("#node")
        assert tab.page.evaluate("document.activeElement.id") == "p-" + key.replace("@", "-")


def test_keys_move_and_tab_visits_everything_without_a_trap(browser: Any, file: Path) -> None:
    with opened(browser, file) as tab:
        last = tab.place()[1]
        for key, place in (("End", last), ("ArrowLeft", last - 1), ("Home", 0), ("ArrowRight", 1)):
            tab.page.keyboard.press(key)
            assert tab.place()[0] == place
        tab.page.select_option("#speed", "40")
        tab.page.evaluate("document.activeElement.blur()")
        tab.page.keyboard.press(" ")
        tab.wait("parseInt(document.getElementById('count').textContent) > 2")
        tab.page.keyboard.press(" ")
        stopped = tab.place()
        tab.page.wait_for_timeout(200)
        assert tab.place() == stopped and tab.page.get_attribute("#play", "aria-label") == "Play"
        visited = []
        seen = "(({ id, tagName, className }) => [id, tagName, String(className)])(document.activeElement)"
        for _ in range(40):
            tab.page.keyboard.press("Tab")
            visited.append(tuple(map(str, tab.page.evaluate(seen))))
            if visited[-1][1] == "BODY":
                break
        assert visited[-1][1] == "BODY", "the tab key never leaves the page"
        ids = [one[0] for one in visited]
        assert {"first", "previous", "play", "next", "last", "slider", "speed", "loss"} <= set(ids)
        assert any(one[2].startswith("row") for one in visited) and any(one.startswith("p-") for one in ids)
        assert [one[1] for one in visited].count("TD") == 2, "one stop for the heat maps, one for the table"


def test_everything_that_can_be_used_has_a_name(browser: Any, file: Path) -> None:
    with opened(browser, file) as tab:
        tab.page.click("#last")
        tree = tab.page.context.new_cdp_session(tab.page).send("Accessibility.getFullAXTree")["nodes"]
        roles: dict[str, list[str]] = {}
        for node in tree:
            if not node.get("ignored"):
                roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        for role in ("button", "slider", "combobox", "region", "complementary", "grid", "option"):
            assert all(roles.get(role, [])), f"a {role} without a name"
        assert {"banner", "main", "region"} <= set(roles)
        assert tab.page.get_attribute("#words", "aria-live") == "polite"
        said = tab.page.inner_text("#words")
        assert re.match(r"Gradient of .+ (plus )?equals .+: norm ", said)
        for cell in tab.page.locator("#table [role=gridcell]").all():
            assert re.match(r"step \d adds .+ to the gradient of ", cell.get_attribute("aria-label"))


def test_the_address_keeps_the_event_and_the_loss(browser: Any, file: Path) -> None:
    with opened(browser, file, fragment="#e=37") as tab:
        assert tab.place()[0] == 37
        tab.page.keyboard.press("ArrowRight")
        assert tab.page.evaluate("location.hash") == "#e=38"
        tab.page.select_option("#loss", "2")
        assert tab.page.evaluate("location.hash").endswith("&loss=2")
    with opened(browser, file, fragment="#e=99999&loss=1") as tab:
        assert tab.place()[0] == tab.place()[1] and tab.page.input_value("#loss") == "1"


def test_names_of_users_are_only_text(browser: Any, folder: Path) -> None:
    random = np.random.default_rng(0)
    with tg.Tape(checked=True) as tape:
        weights = [tape.var(random.normal(size=(2, 2)), name) for name in HOSTILE]
        h, losses = tape.var(random.normal(size=2), HOSTILE[0]), []
        for t in (1, 2):
            with tape.step(t, loop=HOSTILE[1]):
                for W in weights:
                    h = np.tanh(W @ h)
                losses.append(tg.loss(np.sum(h * h), t))
        total = losses[0] + losses[1]
    made = viz.step_through(tg.flow(total), title=HOSTILE[0]).save(folder / "hostile.html")
    source = made.read_text(encoding="utf-8")
    assert source.count("<script") == 2 and "<img" not in source and "default-src 'none'" in source
    with opened(browser, made) as tab:
        assert tab.page.inner_text("h1").startswith("Backpropagation, event by event · </script><img")
        for place in range(0, tab.place()[1] + 1, 7):
            tab.go(place)
        tab.page.click("#last")
        tab.page.locator("svg [role=button]").first.focus()
        tab.page.keyboard.press("Enter")
        assert tab.page.locator("img, svg svg, script:not(#data)").count() == 1
        assert "</script><img" in tab.page.inner_text("#tape")


def test_an_inline_script_that_is_not_ours_does_not_run(browser: Any, file: Path, folder: Path) -> None:
    changed = folder / "changed.html"
    text = file.read_text(encoding="utf-8").replace("</body>", "<script>window.ran = 1</script></body>")
    changed.write_text(text, encoding="utf-8")
    with opened(browser, changed) as tab:
        assert tab.page.evaluate("window.ran === undefined")
        assert any("Content Security Policy" in text for text in tab.complaints)
        tab.complaints.clear()


def test_a_narrow_page_scrolls_the_picture_and_not_itself(browser: Any, file: Path) -> None:
    with opened(browser, file, 390, 844, has_touch=True) as tab:
        for place in (0, 20, tab.place()[1]):
            tab.go(place)
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert tab.page.locator("#paper").evaluate("(paper) => paper.scrollWidth > paper.clientWidth")
        tab.go(5)
        swipe = """(dx) => { const box = document.getElementById("now");
          const at = (x) => ({ identifier: 1, target: box, clientX: x, clientY: 20 });
          box.dispatchEvent(new TouchEvent("touchstart", { touches: [new Touch(at(200))] }));
          box.dispatchEvent(new TouchEvent("touchend", { changedTouches: [new Touch(at(200 + dx))] })); }"""
        tab.page.evaluate(swipe, -90)
        assert tab.place()[0] == 6
        tab.page.evaluate(swipe, 90)
        assert tab.place()[0] == 5


def test_the_event_is_in_sight_in_the_picture(browser: Any, file: Path) -> None:
    with opened(browser, file, 390, 844, reduced_motion="reduce") as tab:
        for place in range(1, tab.place()[1] + 1, 5):
            tab.go(place)
            inside = """() => { const frame = document.getElementById("paper").getBoundingClientRect();
              return [...document.querySelectorAll("svg .now")].some((one) => {
                const { left, right, top, bottom } = one.getBoundingClientRect();
                return left < frame.right && right > frame.left && top < frame.bottom && bottom > frame.top; }); }"""
            assert tab.page.evaluate(inside), place


@pytest.mark.parametrize(("motion", "seconds"), [("reduce", "0s"), ("no-preference", "0.25s")])
def test_reduced_motion_is_honoured(browser: Any, file: Path, motion: str, seconds: str) -> None:
    with opened(browser, file, reduced_motion=motion) as tab:
        style = "getComputedStyle(document.querySelector('svg g.node')).transitionDuration"
        assert tab.page.evaluate(style) == seconds


@pytest.mark.parametrize("model", ["lstm", "gru", "stacked", "skip"])
def test_every_event_of_other_cells_lights_something(browser: Any, folder: Path, model: str) -> None:
    flow = tg.flow(tg.cells.record(model, 2)[1], at="last")
    made = viz.step_through(flow).save(folder / f"{model}.html")
    with opened(browser, made, color_scheme="dark") as tab:
        assert tab.page.locator("#loss option:checked").inner_text() == "ℓ at t = 2"
        for place in range(1, tab.place()[1] + 1):
            tab.go(place)
            assert tab.ids("svg .now"), place


def test_a_program_without_steps_and_one_without_a_backward_pass(browser: Any, folder: Path) -> None:
    with tg.Tape() as tape:
        a, b = tape.var(np.array([2.0, 1.0]), "a"), tape.var(np.array([3.0, -1.0]), "b")
        total = np.sum(np.tanh(a * b) + a)
    with opened(browser, viz.step_through(tg.flow(total)).save(folder / "plain.html")) as tab:
        for place in range(1, tab.place()[1] + 1):
            tab.go(place)
            assert tab.ids("svg .now"), place
        assert not tab.page.is_visible("#contributions") and not tab.page.is_visible("#choose-loss")
    flow = tg.flow(recorded(), at=None)
    with opened(browser, viz.step_through(flow).save(folder / "forward.html")) as tab:
        tab.page.click("#last")
        assert tab.place()[0] == tab.place()[1] == sum(1 for line in flow.tape.lines if line[1])
        assert not tab.page.is_visible("#gradients") and tab.page.is_disabled("#to-backward")


def test_gradients_that_are_no_numbers_are_said(browser: Any, folder: Path) -> None:
    with np.errstate(all="ignore"):
        with tg.Tape() as tape:
            w, losses = tape.var(np.array([0.0, 1.0]), "w"), []
            for t in (1, 2):
                with tg.step(t):
                    losses.append(tg.loss(np.sum(w * np.log(w) * t), t))
            total = losses[0] + losses[1]
        made = viz.step_through(tg.flow(total)).save(folder / "nan.html")
    with opened(browser, made) as tab:
        tab.page.click("#last")
        assert "nan" in tab.page.inner_text("#maps")


def test_in_a_notebook_it_stands_in_a_frame_of_its_own(browser: Any, page: viz.Page, folder: Path) -> None:
    bundle = page._repr_mimebundle_()
    around = folder / "notebook.html"
    around.write_text(f"<!doctype html><p id='count'>.</p>{bundle['text/html']}", encoding="utf-8")
    with opened(browser, around) as tab:
        frame = tab.page.frame_locator("iframe")
        frame.locator("#last").click()
        assert re.fullmatch(r"(\d+) / \1", frame.locator("#count").inner_text())
        tab.requests = [url for url in tab.requests if url != "about:srcdoc"]


@pytest.mark.parametrize(
    ("name", "size"), [("lstm", (1280, 800)), ("vanilla", (1700, 1000)), ("vanilla", (390, 844))]
)
def test_the_picture_keeps_its_size_and_place_while_playing(
    browser: Any, folder: Path, name: str, size: tuple[int, int]
) -> None:
    made = viz.step_through(tg.flow(tg.cells.record(name, 4)[1])).save(folder / f"{name}-4.html")
    with opened(browser, made, width=size[0], height=size[1]) as tab:
        seen = set()
        for place in range(tab.place()[1] + 1):
            tab.go(place)
            frame, drawn = (tab.page.locator(at).bounding_box() for at in ("#paper", "#paper svg"))
            seen.add((*frame.values(), drawn["width"], drawn["height"]))
        assert len(seen) == 1
        cut = "all => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"
        assert tab.page.eval_on_selector_all("#maps .norm", cut) == [], "a norm is cut off"


def test_the_bar_of_an_adjoint_stands_clear_above_its_letter(browser: Any, file: Path, page: viz.Page) -> None:
    """Else h̄ reads as ħ."""
    with opened(browser, file) as tab:
        tab.go(sum(page.events) + 1)
        bar = tab.page.locator("#equation mover").first
        letter = bar.locator("mi, mtext").first
        assert letter.text_content() == "h"
        above = letter.bounding_box()["y"] - bar.bounding_box()["y"]
        assert above > 0.28 * letter.bounding_box()["height"]
