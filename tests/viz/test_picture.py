"""A picture as a user meets it: drawn, shown, saved, read by a screen reader, the same every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz import render
from viz.shown import for_notebook

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ['<b>W</b>', 'a"b\\N\\G\\l', "x\ny", "&lt;i&gt; &amp;", "</svg><script>", "W:n:e", "%3", "strict", "漢字"]


@pytest.fixture(scope="module")
def picture() -> viz.Picture:
    return viz.draw(tg.flow(tg.cells.record("vanilla", 4)[1]), title="vanilla RNN")


def hostile() -> Any:
    random = np.random.default_rng(0)
    with tg.Tape(checked=True) as tape:
        weights = [tape.var(random.normal(size=(3, 3)) / 2, name) for name in HOSTILE]
        h, losses = tape.var(random.normal(size=3), '<h0 "x">'), []
        for t in range(1, 5):
            with tg.step(t):
                x = tape.data(random.normal(size=3), '<x>&"\\')
                for W in weights:
                    h = np.tanh(W @ h + x)
                losses.append(tg.loss(np.sum(h * h), t))
        return sum(losses) / 4


def test_the_svg_has_a_viewbox_a_role_a_title_and_a_description(picture: viz.Picture) -> None:
    root = ElementTree.fromstring(picture.svg())
    assert root.tag == f"{SVG}svg" and root.get("viewBox") and root.get("role") == "img"
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and title.text == "Backpropagation through time · vanilla RNN, 4 steps"
    assert desc is not None and "4 time steps" in (desc.text or "") and "L = " in (desc.text or "")
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"


def test_every_node_and_edge_has_an_id_and_a_class_and_ids_are_unique(picture: viz.Picture) -> None:
    root = ElementTree.fromstring(picture.svg())
    prefix = next(line for line in picture.dot.splitlines() if line.startswith("digraph ")).split()[1]
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) and all(str(name).startswith(prefix) for name in ids)
    groups = [g for g in root.iter(f"{SVG}g") if (g.get("class") or "").split()[0] in ("node", "edge")]
    assert len(groups) > 200
    for group in groups:
        assert group.get("id") and len((group.get("class") or "").split()) > 1
        made_up = str(group.get("id")).removeprefix(f"{prefix}-").removeprefix("node").removeprefix("edge")
        assert not made_up.isdigit(), "an id that Graphviz made up"


def test_every_operation_weight_and_wire_tells_more_on_hover(picture: viz.Picture) -> None:
    root = ElementTree.fromstring(picture.svg())
    told = 0
    for group in root.iter(f"{SVG}g"):
        words = (group.get("class") or "").split()
        is_text_or_key = {"text", "title", "law", "key", "junction", "bar", "tip", "anchor"} & set(words)
        if words[:1] in (["node"], ["edge"]) and not is_text_or_key:
            title = group.find(f"{SVG}title")
            assert title is not None and title.text and "->" not in title.text, group.attrib
            told += 1
    assert told > 100


def test_names_are_only_data_in_dot_and_in_svg(dot_program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    L = hostile()
    for backend in ("dot", "pygraphviz"):
        monkeypatch.setenv(render.CHOICE, backend)
        picture = viz.draw(tg.flow(L), title='<my "model">\\n & co')
        svg = picture.svg()
        assert "<script" not in svg
        texts = ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
        seen = {text.replace("\u2060", "").replace("\xa0", " ") for text in texts}
        for name in ("<b>W</b>", 'a"b\\N\\G\\l', "x y", "&lt;i&gt; &amp;", "</svg><script>", "W:n:e", "%3", "漢字"):
            assert name in seen, name
        assert '<my "model">\\n & co, 4 steps' in seen


def test_the_same_flow_gives_the_same_bytes_in_every_process(picture: viz.Picture, tmp_path: Path) -> None:
    code = (
        "import sys, tinygrad_rnn as tg, viz\n"
        "p = viz.draw(tg.flow(tg.cells.record('vanilla', 4)[1]), title='vanilla RNN')\n"
        "p.save(sys.argv[1] + '.dot'); p.save(sys.argv[1] + '.svg')"
    )
    for seed in ("0", "4711"):
        stem = str(tmp_path / seed)
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, stem], env=environment, check=True, timeout=120)
    assert (tmp_path / "0.dot").read_text() == (tmp_path / "4711.dot").read_text() == picture.dot
    assert (tmp_path / "0.svg").read_text() == (tmp_path / "4711.svg").read_text() == picture.svg()


def test_two_pictures_on_one_page_share_no_id(picture: viz.Picture) -> None:
    other = viz.draw(tg.flow(tg.cells.record("vanilla", 4, seed=1)[1]), title="vanilla RNN")
    first, second = (
        {element.get("id") for element in ElementTree.fromstring(p.svg()).iter() if element.get("id")}
        for p in (picture, other)
    )
    assert not first & second


def test_every_format_is_saved_by_its_ending(picture: viz.Picture, tmp_path: Path) -> None:
    heads = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}
    for ending, head in heads.items():
        path = picture.save(tmp_path / f"picture.{ending}")
        assert path.read_bytes().startswith(head)
    assert (tmp_path / "picture.dot").read_text() == picture.dot
    assert picture.save(str(tmp_path / "again.SVG")).exists()


@pytest.mark.parametrize("steps", [4, 90])
def test_a_wide_png_stays_below_the_size_that_graphviz_can_paint(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(render, "paint", lambda text, *_: asked.append(text) or b"")
    picture = viz.draw(tg.flow(tg.cells.record("vanilla", steps)[1]), every_step=True)
    picture.save(tmp_path / "wide.png")
    dpi = float(re.findall(r"dpi=(\d+)", asked[0])[0])
    left, _, right, _ = (float(side) for side in re.findall(r'bb="([^"]+)"', asked[0])[0].split(","))
    assert 100 < dpi <= 144 if steps == 4 else dpi < 144
    assert (right - left) * dpi / 72 < 32_767


@pytest.mark.parametrize("name", ["picture.gif", "picture", "nowhere/picture.svg", "folder.svg"])
def test_what_cannot_be_saved_is_refused_in_one_line(picture: viz.Picture, name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(viz.PictureError, match="cannot save") as caught:
        picture.save(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / name).is_file()


def test_a_notebook_gets_svg_and_a_terminal_one_line(picture: viz.Picture) -> None:
    bundle = picture._repr_mimebundle_()
    shown, saved = (ElementTree.fromstring(svg) for svg in (bundle["image/svg+xml"], picture.svg()))
    assert ["".join(text.itertext()) for text in shown] == ["".join(text.itertext()) for text in saved]
    assert shown.get("viewBox") == saved.get("viewBox") and bundle["text/plain"] == repr(picture)
    assert "\n" not in repr(picture) and str(picture) == picture.dot
    assert len(picture) == len(picture.graph) and isinstance(picture.graph, nx.MultiDiGraph)


def test_a_notebook_s_picture_takes_the_page_s_width_unless_that_is_too_small_to_read() -> None:
    for width, fits in ((300, False), (900, True), (1400, True), (2200, False)):
        size = f'width="{width}pt" height="99pt" viewBox="0 0 9 9"'
        svg = for_notebook(f'<svg xmlns="http://www.w3.org/2000/svg" {size}/>')
        assert ("width" not in ElementTree.fromstring(svg).attrib) is fits


def test_viz_graph_is_the_graph_that_is_drawn(picture: viz.Picture) -> None:
    graph = viz.graph(tg.flow(tg.cells.record("vanilla", 4)[1]))
    assert set(graph) == set(picture.graph)


def test_dot_text_alone_gives_the_picture(picture: viz.Picture, dot_program: str) -> None:
    done = subprocess.run([dot_program, "-Tsvg"], input=picture.dot.encode(), capture_output=True, check=True)
    assert b"no position" not in done.stderr
    groups = done.stdout.count(b'class="node') + done.stdout.count(b'class="edge')
    assert groups == picture.svg().count('class="node') + picture.svg().count('class="edge')


def test_too_many_steps_are_refused_unless_asked_for() -> None:
    flow = tg.flow(tg.cells.record("vanilla", 61)[1])
    with pytest.raises(viz.PictureError, match=r"61 steps .* points wide .* MB .* every_step=True"):
        viz.draw(flow, fold=False)
    assert len(viz.draw(flow, every_step=True).graph.graph["steps"]) == 61


def test_two_pictures_share_one_scale_by_span(picture: viz.Picture) -> None:
    _, L = tg.cells.record("vanilla", 4)
    last = viz.draw(tg.flow(L, at="last"), span=picture.span)
    assert last.span == picture.span
    assert viz.draw(tg.flow(L, at="last"), span=[*map(np.float64, picture.span)]).span == picture.span  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "span", [(1.0, 0.5), (0.0, 1.0), (-1, 1), (1,), (1, 2, 3), 5, "ab", ("a", "b"), (1, np.inf), (np.nan, 1), (1, None),
             (), (1, 10**400), (1e-320, 1e-310), (1.0, 1.0), {1: 2}, [[1], [2]], (1e10, np.nextafter(1e10, 2e10))],
)  # fmt: skip
def test_a_span_that_cannot_be_is_refused_in_one_line(span: Any) -> None:
    with pytest.raises(viz.PictureError, match="span=.*must be two finite norms") as caught:
        viz.draw(tg.flow(tg.cells.record("vanilla", 2)[1]), span=span)
    assert "\n" not in str(caught.value)


def test_only_a_flow_can_be_drawn() -> None:
    _, L = tg.cells.record("vanilla", 4)
    with pytest.raises(viz.PictureError, match=r"cannot draw a Var: draw\(tinygrad_rnn.flow\(L\)\)"):
        viz.draw(L)  # type: ignore[arg-type]


def test_a_program_without_steps_is_drawn_line_by_line(tmp_path: Path) -> None:
    with tg.Tape(checked=True) as tape:
        W, x = tape.var(np.array([[1.0, 2.0], [0.5, -1.0]]), "W"), tape.data(np.array([0.3, -0.2]), "x")
        L = np.sum(np.tanh(W @ x) * x)
    picture = viz.draw(tg.flow(L), title="one layer")
    texts = {"".join(text.itertext()) for text in ElementTree.fromstring(picture.svg()).iter(f"{SVG}text")}
    assert {"W", "x", "tanh"} <= texts
    assert picture.save(tmp_path / "plain.png").stat().st_size > 1000
    assert "no backward pass" in viz.draw(tg.flow(L, at=None)).description


def test_a_long_program_without_steps_is_refused_with_the_remedy() -> None:
    with tg.Tape() as tape:
        h = tape.var(np.ones(2), "h")
        for _ in range(450):
            h = np.tanh(h)
        L = np.sum(h)
    with pytest.raises(viz.PictureError, match=r"without time steps .* tg.step"):
        viz.draw(tg.flow(L))
