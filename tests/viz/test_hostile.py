"""Whatever the names and numbers are: a picture, chart, page or file is right and safe, or refused in one line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from viz import render
from viz.check import overlaps

NAMES = {
    "quotes": "a\"b'c`d",
    "angle brackets": "<b onclick=alert(1)>W</b>",
    "a comment": "<!-- -- --> <![CDATA[ ]]>",
    "a reference": "&lt;i&gt; &amp; &#x3c;script&#x3e; &nbsp;",
    "backslashes": "\\N\\G\\l\\\\ \\",
    "newlines": "x\ny\r\nz\tw\u2028v\u2029u\x85t",
    "emoji": "👩\u200d👩\u200d👧 🇨🇭",
    "right to left": "שלום \u202eabc\u202c مرحبا",
    "a script": "</script><script>alert(1)</script>",
    "an svg": "</text></svg><svg onload=alert(1)>",
    "an image": "<img src=x onerror=alert(1)>",
    "control characters": "a\x00b\x01c\x07d\x1be\x7ff\x9bg",
    "no characters": "\ufffe\uffff\ud800",
    "ten thousand": "W" * 10_000,
    "ten thousand words": "very long " * 1_000,
    "combining": "a" + "\u0301" * 200,
    "dollars": "$\\frac{x}$ $y_{$",
    "a port": "W:n:e",
    "a keyword": "digraph",
    "a percent": "%3 %s {0} {name}",
    "empty": "",
    "blank": "   ",
}
SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
DRAWN = {"svg", "g", "title", "desc", "text", "tspan", "path", "polygon", "polyline", "ellipse", "rect", "line", "use"}
DRAWN |= {"circle", "defs", "style", "clipPath", "image", "linearGradient", "stop", "marker", "a"}
GROUPS = [list(NAMES)[first::4] for first in range(4)]  # several names in one network: a picture takes its time


def flow_named(*names: str, steps: int = 2) -> tg.Flow:
    """A network with layers whose weights have the names; the first is an input's and the initial state's, too."""
    random = np.random.default_rng(0)
    with tg.Tape(checked=True) as tape:
        weights = [tape.var(random.normal(size=(3, 3)) / 2, name) for name in names]
        h, losses = tape.var(random.normal(size=3), names[0] + "0"), []
        for t in range(1, steps + 1):
            with tg.step(t):
                x = tape.data(random.normal(size=3), names[0])
                h = h + x
                for W in weights:
                    h = np.tanh(W @ h)
                losses.append(tg.loss(np.sum(h * h), t))
        return tg.flow(sum(losses))


def assert_safe(svg: str) -> ElementTree.Element:
    """SVG that parses, holds drawing elements only, no handler, and no link that leads out of it."""
    root = ElementTree.fromstring(svg)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in DRAWN, element.tag
        for key, value in element.attrib.items():
            assert not key.lower().startswith("on"), (key, value)
            if key in ("href", LINK):
                assert value.startswith(("#", "data:image/png")), value
    assert len(svg) < 3_000_000
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()).replace("\u2060", "").replace("\xa0", " ") for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("backend", ["dot", "pygraphviz"])
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_a_picture_with_any_name_is_safe_with_either_graphviz(
    group: list[str], backend: str, monkeypatch: pytest.MonkeyPatch, dot_program: str
) -> None:
    monkeypatch.setenv(render.CHOICE, backend)
    names = [NAMES[kind] for kind in group]
    picture = viz.draw(flow_named(*names), title=" ".join(names))
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    shown = texts(assert_safe(picture.svg()))
    for name in names:
        visible = re.sub(r"[^ -~].*", "", " ".join(name.split())).strip()
        assert any(visible[:6] in text for text in shown), (name, shown)
    assert "\n" not in picture.title and max(len(text) for text in shown) < 500


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_the_description_and_every_tooltip_are_text_of_some_length(group: list[str], dot_program: str) -> None:
    root = ElementTree.fromstring(viz.draw(flow_named(*(NAMES[kind] for kind in group))).svg())
    words = ["".join(element.itertext()) for tag in ("title", "desc") for element in root.iter(f"{SVG}{tag}")]
    assert len(words) > 100 and max(map(len, words)) <= 8_000


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_charts_with_any_name_are_safe(group: list[str]) -> None:
    flow = flow_named(*(NAMES[kind] for kind in group))
    for chart in (viz.charts.shares(flow), viz.charts.lag_profile(flow, "weights")):
        assert_safe(chart.svg())
        assert len(chart.description) < 2_000
    assert assert_safe(viz.charts.lag_profile(flow).svg()) is not None


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_exports_with_any_name_are_read_back(group: list[str], tmp_path: Path, dot_program: str) -> None:
    flow = flow_named(*(NAMES[kind] for kind in group))
    graph = viz.graph(flow)
    json_text = viz.export(flow, tmp_path / "a.json").read_text(encoding="utf-8")
    assert len(nx.node_link_graph(json.loads(json_text), edges="edges")) == len(graph)
    assert set(nx.read_graphml(viz.export(flow, tmp_path / "a.graphml"))) == set(graph)
    path = viz.export(flow, tmp_path / "a.dot")
    run = subprocess.run([dot_program, "-Tdot", str(path)], capture_output=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, b"")


class _Reader(HTMLParser):
    """Collects what a page would run or fetch."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts, self.bad, self.inside, self.images = 0, [], "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.images += tag == "img"
        for key, value in attrs:
            if key.startswith("on") or (key in ("src", "href") and not (value or "").startswith(("#", "data:"))):
                self.bad.append((tag, key, value))


@pytest.mark.skipif(not hasattr(viz, "step_through"), reason="no step-through page yet")
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_a_page_with_any_name_has_no_script_but_its_own(group: list[str]) -> None:
    need_graphviz()
    names = [NAMES[kind] for kind in group]
    plain = [f"W{i}" for i in range(len(names))]
    pages = [viz.step_through(flow_named(*some), title=" ".join(some)).html() for some in (plain, names)]
    own, hostile = _Reader(), _Reader()
    own.feed(pages[0])
    hostile.feed(pages[1])
    assert hostile.scripts == own.scripts and hostile.images == own.images and hostile.bad == own.bad
    assert "\x00" not in pages[1] and pages[1].encode("utf-8")


NUMBERS = {
    "nan": lambda h: h * np.nan,
    "infinite": lambda h: h * np.inf,
    "zero": lambda h: h * 0.0,
    "huge": lambda h: h * 1e300,
    "tiny": lambda h: h * 1e-300,
}


def flow_of_numbers(kind: str, n: int = 3) -> tg.Flow:
    random = np.random.default_rng(0)
    with np.errstate(all="ignore"), tg.Tape() as tape:
        W, h, losses = tape.var(random.normal(size=(n, n)), "W"), tape.var(np.ones(n), "h0"), []
        for t in range(1, 5):
            with tg.step(t):
                h = np.tanh(W @ h)
                losses.append(tg.loss(np.sum(NUMBERS[kind](h) if kind else h), t))
        return tg.flow(sum(losses))


def everything(flow: tg.Flow, folder: Path) -> None:
    """Every picture, chart and file of a flow: made, or refused in one line; a file that is there is whole."""
    charts = viz.charts
    makers = [viz.draw, charts.contributions, charts.shares, charts.lag_profile, charts.jacobian_spectrum]
    makers += [lambda f: charts.lag_profile(f, "weights")]
    for make in makers:
        try:
            made = make(flow)
            assert_safe(made.svg())
            ending = "png" if make is charts.shares else "pdf"
            assert made.save(folder / f"a.{ending}").stat().st_size > 1000
        except viz.PictureError as error:
            assert "\n" not in str(error) and len(str(error)) < 300
    for ending in ("json", "graphml", "dot"):
        assert viz.export(flow, folder / f"a.{ending}").stat().st_size > 500
    if hasattr(viz, "step_through"):
        reader = _Reader()
        reader.feed(viz.step_through(flow).html())


@pytest.mark.parametrize("kind", NUMBERS)
def test_gradients_of_any_size_or_none_are_drawn(kind: str, tmp_path: Path) -> None:
    need_graphviz()
    flow = flow_of_numbers(kind)
    picture = viz.draw(flow)
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    shown = texts(assert_safe(picture.svg()))
    expected = {"nan": "nan", "infinite": "nan", "zero": "0", "huge": "e3", "tiny": "e-30"}[kind]
    assert any(expected in text.replace("−", "-") for text in shown), shown
    everything(flow, tmp_path)


def test_a_gradient_of_zeros_is_drawn_as_zeros_and_says_so(tmp_path: Path) -> None:
    cells = viz.charts.shares(flow_of_numbers("zero")).figure.axes[0]
    assert [text.get_text() for text in cells.texts] == ["0"] * 6 and len(cells.patches) == 6


def test_empty_arrays_are_drawn_or_refused(tmp_path: Path) -> None:
    need_graphviz()
    everything(flow_of_numbers("", n=0), tmp_path)


def test_a_loss_with_no_path_to_a_weight_has_a_white_picture_and_a_note(tmp_path: Path) -> None:
    need_graphviz()
    with tg.Tape(checked=True) as tape:
        W, h = tape.var(np.eye(3), "W"), tape.var(np.ones(3), "h0")
        lone, losses = tape.var(np.ones(3), "lone"), []
        for t in range(1, 5):
            with tg.step(t):
                h = np.tanh(W @ h)
                losses.append(tg.loss(np.sum(lone * lone), t))
        flow = tg.flow(sum(losses))
    assert any("does not depend on W" in note for note in flow.notes)
    everything(flow, tmp_path)
    svg = viz.draw(flow).svg()
    assert "does not depend on W" in " ".join(texts(ElementTree.fromstring(svg)))


def test_a_loss_of_no_weight_at_all_is_drawn_or_refused(tmp_path: Path) -> None:
    need_graphviz()
    with tg.Tape(checked=True) as tape:
        a = tape.data(np.ones(3), "a")
        with tg.step(1):
            L = tg.loss(np.sum(a * a), 1)
    everything(tg.flow(L), tmp_path)


def test_a_var_of_another_tape_is_refused_in_one_line() -> None:
    flow, other = flow_named("W"), tg.Tape()
    foreign = other.var(np.ones((3, 3)), "W")
    with pytest.raises(viz.PictureError, match="another tape") as caught:
        viz.charts.contributions(flow, foreign)
    assert "\n" not in str(caught.value)
    for make in (viz.draw, viz.graph, viz.charts.shares, lambda v: viz.export(v, "a.json")):
        with pytest.raises(viz.PictureError) as caught:
            make(foreign)
        assert "\n" not in str(caught.value)


PLACES = ["nowhere/a.svg", "a\0b.svg", "x" * 5000 + ".svg", "file/a.svg", "\ud800.svg", "folder.svg", ".svg", ""]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ascii(place)[:20])
def test_a_place_that_cannot_be_written_is_one_line(place: str, tmp_path: Path) -> None:
    need_graphviz()
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.svg").mkdir()
    flow = flow_named("W")
    picture, chart = viz.draw(flow), viz.charts.shares(flow)
    graph = place.replace(".svg", ".json")
    savers = [(picture.save, place), (chart.save, place), (lambda path: viz.export(flow, path), graph)]
    for save, where in savers:
        try:
            path = save(str(tmp_path) + os.sep + where)
        except viz.PictureError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
            assert str(error).isprintable() and str(error).encode()
        else:
            assert where in ("folder.json",), where
            assert path.stat().st_size > 500
    assert not [file for file in tmp_path.iterdir() if file.name.startswith((".a.", ".x", "..svg."))]


def test_a_folder_without_the_right_to_write_is_one_line(tmp_path: Path) -> None:
    need_graphviz()
    place = Path("/proc/nowhere.svg")
    if not place.parent.is_dir():
        pytest.skip("no /proc here")
    flow = flow_named("W")
    for save in (viz.draw(flow).save, viz.charts.shares(flow).save):
        with pytest.raises(viz.PictureError, match="cannot write") as caught:
            save(place)
        assert "\n" not in str(caught.value)
