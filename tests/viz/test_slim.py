"""An SVG in fewer bytes is the same drawing: no point moves by more than a tenth, nothing that was said is lost."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from viz.painting import svg as tidying
from viz.painting.slim import short_path

SVG = "{http://www.w3.org/2000/svg}"
_PARTS = re.compile(r"([MChvlc])([^MChvlc]*)")


def ends_of(path: str) -> list[tuple[float, float]]:
    """Where every piece of a path ends, in absolute coordinates; straight pieces may be said in fewer words."""
    x = y = 0.0
    found = []
    for command, said in _PARTS.findall(path):
        numbers = [float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", said)]
        size = {"M": 2, "C": 6, "c": 6, "l": 2, "h": 1, "v": 1}[command]
        for k in range(0, len(numbers), size):
            piece = numbers[k : k + size]
            if command in "MC":
                x, y = piece[-2:]
            else:
                x += piece[0] if command == "h" else 0.0 if command == "v" else piece[-2]
                y += 0.0 if command == "h" else piece[-1]
            found.append((x, y))
    return found


@pytest.mark.parametrize(
    "path, short",
    [
        ("M317.3,-162C317.3,-166.4 317.3,-170.8 317.3,-175.2", "M317.3-162v-13.2"),
        ("M0,0C1,0 2,0 3,0 4,0 5,1 6,2", "M0 0h3c1 0 2 1 3 2"),
        ("M1,1C2,2 3,3 4,4 5,5 6,6 6.5,6.54", "M1 1l3 3 2.5 2.5"),
        ("M0,0L3.14159,2", "M0,0L3.1,2"),
    ],
)
def test_a_straight_curve_becomes_a_line_and_coordinates_are_relative(path: str, short: str) -> None:
    assert short_path(path) == short


@pytest.fixture(scope="module")
def both() -> tuple[str, str]:
    """The drawing of an LSTM in full and in short."""
    need_graphviz()
    flow = tg.flow(tg.cells.record("lstm", 4)[1], at="last")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tidying, "slim", lambda *_: None)
        full = viz.draw(flow).svg()
    return full, viz.draw(flow).svg()


def test_every_path_ends_where_it_did_and_every_text_and_tooltip_is_there(both: tuple[str, str]) -> None:
    full, short = (ElementTree.fromstring(text) for text in both)
    paths = {name: [] for name in ("full", "short")}
    for name, root in (("full", full), ("short", short)):
        for group in root.iter(f"{SVG}g"):
            paths[name] += [(group.get("id"), path.get("d")) for path in group.findall(f"{SVG}path")]
    assert [name for name, _ in paths["full"]] == [name for name, _ in paths["short"]] and len(paths["full"]) > 200
    for (_, before), (_, after) in zip(paths["full"], paths["short"], strict=True):
        assert ends_of(str(after))[-1] == pytest.approx(ends_of(str(before))[-1], abs=0.11)
        assert len(ends_of(str(after))) <= len(ends_of(str(before)))
    for tag in ("title", "text", "desc"):
        assert [e.text for e in full.iter(SVG + tag)] == [e.text for e in short.iter(SVG + tag)]
    for attribute in ("id",):
        assert {e.get(attribute) for e in full.iter()} == {e.get(attribute) for e in short.iter()}


def test_colours_and_widths_are_those_of_the_full_drawing_with_what_is_inherited(both: tuple[str, str]) -> None:
    def looks(text: str) -> dict[tuple[str, int], tuple[str, ...]]:
        found = {}
        root = ElementTree.fromstring(text)

        def walk(element: ElementTree.Element, inherited: dict[str, str], group: str) -> None:
            mine = inherited | {k: v for k, v in element.attrib.items() if k in ("fill", "stroke", "stroke-width")}
            mine |= {k: v for k, v in element.attrib.items() if k == "text-anchor"}
            name = element.get("id") or group
            for n, child in enumerate(c for c in element if c.tag in (f"{SVG}path", f"{SVG}polygon", f"{SVG}text")):
                own = mine | {k: v for k, v in child.attrib.items() if k in mine}
                width = f"{float(own['stroke-width']):g}" if own["stroke"] != "none" else ""
                anchor = own["text-anchor"] if child.tag == f"{SVG}text" else ""
                found[name, n] = (own["fill"], own["stroke"], width, anchor)
            for child in element:
                if child.tag == f"{SVG}g":
                    walk(child, mine, name)

        walk(root, {"fill": "black", "stroke": "none", "stroke-width": "1", "text-anchor": "start"}, "")
        return found

    full, short = looks(both[0]), looks(both[1])
    assert len(full) > 400 and full == short


def test_a_short_drawing_is_a_quarter_shorter_at_least(both: tuple[str, str]) -> None:
    assert len(both[1].encode()) < 0.82 * len(both[0].encode())
