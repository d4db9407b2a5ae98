"""Named parts of a step: a frame around each, the same in every step, holding its own nodes and no others."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.check import overlaps
from viz.layout.scopes import frames, intruders
from viz.layout.search import Layout, lay_out
from viz.painting.scopes import framed
from viz.picture import Picture
from viz.reading.graph import build

HOSTILE = "</script>\"'\\N\n😀 \u202eשלום" + "n" * 200


def two_layers(tape: tg.Tape, part: Callable[[int], Any], inner: Callable[[], Any] | None = None) -> Any:
    """Two stacked layers, each inside `part(k)`; with `inner` a gate inside each."""
    random = np.random.default_rng(0)
    W = [tape.var(random.normal(size=(3, 3)) / 2, f"W{k}") for k in (1, 2)]
    U = [tape.var(random.normal(size=(3, 3)) / 2, f"U{k}") for k in (1, 2)]
    V, losses = tape.var(random.normal(size=(2, 3)), "V"), []
    p, q = tape.var(random.normal(size=3), "p0"), tape.var(random.normal(size=3), "q0")
    states = [p, q]
    for t in range(1, 5):
        with tg.step(t):
            below = tape.data(random.normal(size=3), "x")
            for k in (0, 1):
                with part(k + 1):
                    new = np.tanh(W[k] @ states[k] + U[k] @ below)
                    if inner:
                        with inner():
                            g = tg.sigmoid(U[k] @ below)
                        new = g * new
                    states[k] = below = new
            losses.append(tg.loss(tg.softmax_cross_entropy(V @ below, t % 2), t))
    return sum(losses) / 4


def layers(tape: tg.Tape) -> Any:
    return two_layers(tape, lambda k: tg.step(k, loop="layer"))


def nested(tape: tg.Tape) -> Any:
    return two_layers(tape, lambda k: tg.step(k, loop="layer"), lambda: tg.step(None, "gate"))


def hostile(tape: tg.Tape) -> Any:
    return two_layers(tape, lambda k: tg.step(None, f"{k}{HOSTILE}"))


def around_the_time(tape: tg.Tape) -> Any:
    """Layer by layer: the whole sequence through one, then through the next."""
    random = np.random.default_rng(1)
    below = [tape.data(random.normal(size=3), "x") for _ in range(4)]
    for k in (1, 2):
        W, h = tape.var(random.normal(size=(3, 3)) / 2, f"W{k}"), tape.var(random.normal(size=3), f"{'pq'[k - 1]}0")
        with tg.step(k, loop="layer"):
            for t in range(1, 5):
                with tg.step(t):
                    h = below[t - 1] = np.tanh(W @ h + below[t - 1])
    losses = []
    for t in range(1, 5):
        with tg.step(t):
            losses.append(tg.loss(np.sum(below[t - 1] * below[t - 1]), t))
    return sum(losses)


def attention(tape: tg.Tape) -> Any:
    random = np.random.default_rng(2)
    W, A = tape.var(random.normal(size=(3, 3)) / 2, "W"), tape.var(random.normal(size=(3, 3)), "A")
    h, losses = tape.var(random.normal(size=3), "h0"), []
    for t in range(1, 5):
        with tg.step(t):
            h = np.tanh(W @ h)
            with tg.step(None, "attention"):
                a = tg.softmax(A @ h)
                r = a * h
            losses.append(tg.loss(np.sum(r * r), t))
    return sum(losses)


PROGRAMS = {f.__name__: f for f in (layers, nested, hostile, around_the_time, attention)}
LABELS = {
    "layers": ["layer 1", "layer 2"],
    "nested": ["gate", "gate", "layer 1", "layer 2"],
    "around_the_time": ["layer 1", "layer 2"],
    "attention": ["attention"],
}


def drawn(name: str, **options: Any) -> tuple[Picture, Layout]:
    """The picture, and the layout that it was made with."""
    kept: list[Layout] = []

    def keep(*arguments: Any) -> Layout:
        kept.append(lay_out(*arguments))
        return kept[-1]

    with tg.Tape(checked=True) as tape, pytest.MonkeyPatch.context() as patch:
        patch.setattr("viz.length.lay_out", keep)
        return viz.draw(tg.flow(PROGRAMS[name](tape)), title=name, **options), kept[-1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_part_has_a_frame_that_holds_its_own_nodes_and_no_others(name: str) -> None:
    picture, layout = drawn(name)
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    shown = framed(layout)
    assert shown.scattered == ()
    found = [frame for frame, *_ in shown.frames]
    if name in LABELS:
        assert sorted(frame.label for frame in found) == LABELS[name]
    for frame in found:
        for role, (x, y) in layout.placement.at.items():
            left, bottom, right, top = layout.boxes[role].foot
            inside = frame.left < x + left and x + right < frame.right and frame.bottom < y + bottom < frame.top
            outside = (
                x + right < frame.left or x + left > frame.right or y + top < frame.bottom or y + bottom > frame.top
            )
            assert (inside and y + top < frame.top) if role in frame.roles else outside
        assert layout.placement.left < frame.left and frame.right < layout.placement.right
    for a in found:
        for b in found:
            if a is not b and a.meets(b.sides):
                small, large = sorted((a, b), key=lambda frame: -len(frame.path))
                assert small.path[: len(large.path)] == large.path
                assert large.left < small.left and small.right < large.right
                assert large.bottom < small.bottom and small.top < large.top


@pytest.mark.parametrize("name", PROGRAMS)
def test_frames_stand_at_the_same_place_in_every_step_and_their_labels_on_nothing(name: str) -> None:
    picture, layout = drawn(name)
    assert picture.canvas is not None
    labels = [text for text in picture.canvas.texts if text.kind == "text scope"]
    count = len(framed(layout).frames)
    assert len(labels) == 4 * count
    for s in range(1, 4):
        for one, other in zip(labels[:count], labels[s * count :], strict=False):
            assert other.left == pytest.approx(one.left + s * layout.pitch) and other.bottom == one.bottom
    for label in labels:
        for stroke in picture.canvas.strokes:
            for x, y in stroke.line[::3]:
                assert not (label.left < x < label.right and label.bottom + 2 < y < label.top - 2), (label, stroke.name)


def test_names_of_parts_are_only_text() -> None:
    picture, _ = drawn("hostile")
    root = ElementTree.fromstring(picture.svg())
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert sum(g.get("class") == "node scope" for g in root.iter("{http://www.w3.org/2000/svg}g")) == 8


@pytest.mark.parametrize("name", PROGRAMS)
def test_parts_change_no_number_and_the_same_bytes_come_again(name: str) -> None:
    picture, _ = drawn(name)
    assert picture.graph.graph["conservation"] <= 1e-12
    assert picture.svg() == drawn(name)[0].svg()


def test_a_name_around_the_whole_model_is_no_part() -> None:
    with tg.Tape() as tape, tape.step(None, "model"):
        G = build(tg.flow(layers(tape)))
    assert {n["scopes"] for _, n in G.nodes(data=True)} == {(), ("layer 1",), ("layer 2",)}


def test_steps_are_counted_by_time_and_not_by_names() -> None:
    with tg.Tape() as tape:
        steps = tg.flow(nested(tape)).steps
    assert steps.order == (("time", 1), ("time", 2), ("time", 3), ("time", 4))


def test_a_stranger_in_a_frame_is_counted() -> None:
    _, layout = drawn("layers")
    parts, at = layout.structure.template.parts, dict(layout.placement.at)
    first = frames(parts, layout.boxes, at)[0]
    assert intruders(frames(parts, layout.boxes, at), layout.boxes, at) == {}
    stranger = next(role for role in at if role not in first.roles and layout.structure.kind[role] == "loss")
    at[stranger] = ((first.left + first.right) / 2, (first.bottom + first.top) / 2)
    assert intruders(frames(parts, layout.boxes, at), layout.boxes, at) == {first.path: 1}
