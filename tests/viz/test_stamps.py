"""Painting one element of each look and stamping the others gives the drawing that Graphviz makes of them all."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.test_hostile import NAMES, SVG, flow_named
from tests.viz.test_slim import ends_of
from viz import picture

CHOICES: list[tuple[str, dict[str, Any]]] = [
    ("vanilla", {}),
    ("lstm", {"theme": "dark"}),
    ("gru", {"theme": "print", "show": "gradient"}),
    ("gru", {"show": "value"}),
    ("lstm", {"path": (4, 1)}),
    ("vanilla", {"backward": True}),
    ("lstm", {"collapse": "steps", "size": (1200, 600)}),
    ("vanilla", {"fold": (2, 2)}),
]


def twice(monkeypatch: pytest.MonkeyPatch, flow: tg.Flow, **choice: Any) -> tuple[str, str]:
    """The same picture painted whole, and stamped."""
    need_graphviz()
    found = []
    for most in (10**9, 0):
        monkeypatch.setattr(picture, "_MOST_PAINTED", most)
        found.append(viz.draw(flow, **choice).svg())
    return found[0], found[1]


def same_drawing(painted: str, stamped: str) -> bool:
    """Whether two drawings have the same elements in the same order, to a tenth of a point."""
    first, second = elements(painted), elements(stamped)
    return len(first) == len(second) and all(same_element(a, b) for a, b in zip(first, second, strict=True))


def elements(svg: str) -> list[ElementTree.Element]:
    """All elements, with what wires inherit from their group written on them."""
    root = ElementTree.fromstring(svg)
    for group in root.findall(f".//{SVG}g[@class='wires']"):
        inherited = {name: group.attrib.pop(name) for name in {*group.attrib} & {"fill", "stroke", "stroke-width"}}
        for shape in group.findall(f"{SVG}g/*"):
            shape.attrib = {"stroke-width": "1"} | inherited | shape.attrib if shape.tag != f"{SVG}title" else {}
    return list(root.iter())


def same_element(a: ElementTree.Element, b: ElementTree.Element) -> bool:
    """Whether two elements say the same; a path may bend in other words, but ends where the other does."""
    if (a.tag, a.text, a.attrib.keys()) != (b.tag, b.text, b.attrib.keys()):
        return False
    places = [name for name in a.attrib if name in ("x", "y", "cx", "points", "d")]
    numbers = [value for name in places for value in zip(where(a, name), where(b, name), strict=True)]
    near = all(abs(one - other) < 0.25 for one, other in numbers)
    return near and all(a.attrib[name] == b.attrib[name] for name in a.attrib if name not in places)


def where(element: ElementTree.Element, name: str) -> list[float]:
    """The numbers of an attribute; of a path, where it ends."""
    said = element.attrib[name]
    return list(ends_of(said)[-1]) if name == "d" else [float(n) for n in re.findall(r"-?[\d.]+", said)]


@pytest.mark.parametrize("cell, choice", CHOICES)
def test_what_is_stamped_is_what_graphviz_paints(
    monkeypatch: pytest.MonkeyPatch, cell: str, choice: dict[str, Any]
) -> None:
    _, loss = tg.cells.record(cell, 7)
    painted, stamped = twice(monkeypatch, tg.flow(loss), **choice)
    assert same_drawing(painted, stamped)


def test_cut_edges_and_exact_zeros_are_stamped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _, loss = tg.cells.record("vanilla", 7)
    flow = tg.flow(loss, at="last", follow=tg.carry_cut(tg.find_steps(loss.tape), 3))
    painted, stamped = twice(monkeypatch, flow)
    assert same_drawing(painted, stamped) and "cut: nothing passes" in painted


@pytest.mark.parametrize("group", range(3))
def test_hostile_names_are_stamped_as_graphviz_writes_them(monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    names = list(NAMES.values())[group::3]
    painted, stamped = twice(monkeypatch, flow_named(*names, steps=3))
    assert same_drawing(painted, stamped)


def test_graphviz_paints_few_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    _, loss = tg.cells.record("vanilla", 7)
    whole = viz.draw(tg.flow(loss))
    paint = picture.render.paint
    monkeypatch.setattr(picture, "_MOST_PAINTED", 0)
    monkeypatch.setattr(picture.render, "paint", lambda text, *rest: sent.append(text) or paint(text, *rest))
    viz.draw(tg.flow(loss)).svg()
    assert len(sent) == 1 and len(sent[0]) < 0.5 * len(whole.dot)
