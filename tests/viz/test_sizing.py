"""Sizes for slides and papers: as large as asked for, with text that can be read, or one line that says what can."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.check import overlaps
from viz.painting.canvas import Canvas
from viz.sizing import SLIDE, Draft, TooMuch, choose

SVG = "{http://www.w3.org/2000/svg}"


def flow(name: str = "vanilla", steps: int = 4) -> tg.Flow:
    return tg.flow(tg.cells.record(name, steps)[1])


def measures(picture: viz.Picture) -> tuple[float, float, float]:
    """Width, height and smallest text of the SVG, in points, as a browser shows it."""
    root = ElementTree.fromstring(picture.svg())
    wide, high = (float(str(root.get(side)).removesuffix("pt")) for side in ("width", "height"))
    box = [float(number) for number in str(root.get("viewBox")).split()]
    drawn = next(group for group in root if group.tag == f"{SVG}g")
    scale = float(re.findall(r"scale\(([\d.]+)", str(drawn.get("transform")))[0]) * min(wide / box[2], high / box[3])
    sizes = [float(str(text.get("font-size"))) for text in root.iter(f"{SVG}text") if "".join(text.itertext()).strip()]
    return wide, high, min(sizes) * scale


def test_a_slide_is_16_to_9_with_text_of_5_points() -> None:
    for name, steps in (("vanilla", 4), ("vanilla", 1), ("lstm", 2), ("gru", 2)):
        picture = viz.draw(flow(name, steps), size="slide")
        wide, high, text = measures(picture)
        assert (wide, high) == (960, 540) and text >= 4.95, (name, text)
        assert overlaps(picture.canvas) == {}


def test_a_paper_has_a_column_or_a_page_with_text_of_5_points() -> None:
    wide, _, text = measures(viz.draw(flow(steps=1), size="paper"))
    assert wide == pytest.approx(3.4 * 72, abs=0.01) and text >= 4.95
    picture = viz.draw(flow(), size="paper")
    wide, high, text = measures(picture)
    assert wide == pytest.approx(7 * 72, abs=0.01) and high < 9 * 72 and text >= 4.95
    assert overlaps(picture.canvas) == {}
    panels = {name: [float(n) for n in box.split(",")] for box, name in
              re.findall(r'bb="([^"]+)"[^\n]*id="?[\w]+-(t\d|key)"?', picture.dot)}  # fmt: skip
    assert panels["key"][3] < panels["t0"][1], "the key stands below the steps"


@pytest.mark.parametrize("path", [None, (2, 1)])
@pytest.mark.parametrize("at", ["all", "last", None])
@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip"])
def test_the_key_below_the_steps_is_clean_and_says_all_that_it_says_beside_them(name: str, at: Any, path: Any) -> None:
    recorded = tg.flow(tg.cells.record(name, 2)[1], at=at)
    if at is None and path:
        return
    beside, below = (viz.draw(recorded, path=path, size=size) for size in (None, (700, 3000)))
    assert overlaps(below.canvas) == {}
    said = [{text.text for text in picture.canvas.texts if text.kind != "law"} for picture in (beside, below)]
    assert said[0] - {"values only; no gradient yet"} <= said[1]


def test_any_size_in_points_is_met_exactly_by_svg_and_png(tmp_path: Path) -> None:
    picture = viz.draw(flow(), size=(1000, 800))
    assert measures(picture)[:2] == (1000, 800)
    picture.save(tmp_path / "picture.png")
    head = (tmp_path / "picture.png").read_bytes()[16:24]
    assert struct.unpack(">II", head) == pytest.approx((2000, 1600), abs=3)
    picture.save(tmp_path / "picture.pdf")
    box = re.findall(rb"/MediaBox ?\[ ?([\d. ]+)\]", (tmp_path / "picture.pdf").read_bytes())[0].split()
    assert [float(n) for n in box[2:]] == pytest.approx([1000, 800], abs=2)


@pytest.mark.parametrize(
    ("name", "steps", "size"), [("lstm", 40, "slide"), ("vanilla", 9, "slide"), ("vanilla", 9, "paper")]
)
def test_what_does_not_fit_is_folded_until_it_does(name: str, steps: int, size: str) -> None:
    picture = viz.draw(flow(name, steps), size=size)
    wide, _, text = measures(picture)
    assert picture.graph.graph["fold"] and text >= 4.95 and wide in (960, 504)
    assert overlaps(picture.canvas) == {}


def test_what_cannot_be_read_says_what_could() -> None:
    with pytest.raises(viz.PictureError, match=r"too much for a slide: the smallest .* \d.\d pt") as caught:
        viz.draw(flow("lstm", 4), size="slide", fold=False)
    assert "\n" not in str(caught.value)
    size = tuple(int(n) for n in re.findall(r"size=\((\d+), (\d+)\)", str(caught.value))[0])
    picture = viz.draw(flow("lstm", 4), size=(size[0], size[1]), fold=False)
    assert measures(picture)[2] >= 4.95, "the size that it names will do"


ADVISED: list[tuple[dict[str, Any], str]] = [
    ({"size": (60, 60)}, "fold"),
    ({"size": (60, 15_000)}, "fold"),
    ({"size": (15_000, 60)}, "fold"),
    ({"size": (60, 60), "every_step": True}, "fold"),
    ({"size": (60, 60), "collapse": "steps"}, "fold"),
    ({"size": (60, 60), "fold": (1, 1)}, "fold"),
    ({"size": (60, 60), "fold": (0, 1)}, ""),
    ({"size": "slide", "backward": True}, "record"),
    ({"size": (60, 60), "path": (5, 1)}, "fold"),
]


@pytest.mark.parametrize(("asked", "fewer"), ADVISED)
def test_what_a_picture_too_small_advises_is_then_accepted(asked: dict[str, Any], fewer: str) -> None:
    recorded = flow("vanilla", 5)
    with pytest.raises(viz.PictureError, match="too much for a") as caught:
        viz.draw(recorded, **asked)
    said = str(caught.value)
    assert ("fold=" in said, "record fewer steps" in said) == (fewer == "fold", fewer == "record")
    size = tuple(int(n) for n in re.findall(r"size=\((\d+), (\d+)\)", said)[0])
    assert measures(viz.draw(recorded, **{**asked, "size": size}))[2] >= 4.95
    if ends := re.findall(r"fold=\((\d), (\d)\)", said):
        shorter = {name: value for name, value in asked.items() if name not in ("every_step", "size")}
        fold = tuple(map(int, ends[0]))
        assert viz.draw(recorded, **{**shorter, "fold": fold}).graph.graph["fold"]


def test_a_program_without_steps_is_advised_no_fold() -> None:
    with tg.Tape() as tape:
        x = tape.var(np.array([0.3, -0.2]), "x")
        short = np.sum(np.tanh(x) * x)
    with pytest.raises(viz.PictureError, match=r"needs 5; give it size=\(\d+, \d+\)$"):
        viz.draw(tg.flow(short), size=(60, 60))


def test_what_no_size_can_hold_is_said() -> None:
    draft = Draft(Canvas("c"), (0.0, 0.0, 1e6, 100.0))
    with pytest.raises(TooMuch, match="too much for a slide") as caught:
        choose([draft], [SLIDE])
    assert caught.value.needs is None
    assert str(caught.value.with_advice("")).endswith("; no size that a picture can have is large enough")


def test_a_program_without_steps_has_sizes_too() -> None:
    with tg.Tape() as tape:
        W, x = tape.var(np.array([[1.0, 2.0], [0.5, -1.0]]), "W"), tape.data(np.array([0.3, -0.2]), "x")
        L = np.sum(np.tanh(W @ x) * x)
    assert measures(viz.draw(tg.flow(L), size="slide"))[:2] == (960, 540)


@pytest.mark.parametrize(
    "size", ["poster", "", 5, (1, 2, 3), (100,), (0, 100), (100, -5), (10, 10), (1e9, 100), (float("nan"), 100),
             (True, 100), ("100", "100"), [None, 5]],
)  # fmt: skip
def test_a_size_that_cannot_be_is_refused_in_one_line(size: Any) -> None:
    with pytest.raises(viz.PictureError, match="size=.*must be 'slide', 'paper', or") as caught:
        viz.draw(flow(steps=2), size=size)
    assert "\n" not in str(caught.value)


def test_collapsed_steps_are_not_folded_to_fit() -> None:
    recorded = flow("lstm", 4)
    assert measures(viz.draw(recorded, collapse="steps", size="slide"))[2] >= 4.95
    with pytest.raises(viz.PictureError, match="too much for a picture of 60 × 60 pt"):
        viz.draw(recorded, collapse="steps", size=(60, 60))
