"""Collapsed steps and parts: one box each, what crosses its border exact, states leaving by ports of their own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.test_scopes import PROGRAMS
from tests.viz.unseen_cells import CELLS
from viz.check import overlaps
from viz.reading.graph import build

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")
PARTS = [("layers", "layer 1"), ("layers", "layer"), ("nested", "gate"), ("nested", ["layer 2", "gate"])]
PARTS += [("attention", "attention"), ("around_the_time", "layer"), ("nested", "steps")]
CASES: list[tuple[str, Any]] = [*((name, "steps") for name in [*KNOWN, *CELLS]), *PARTS]


def loss_of(name: str, steps: int = 4) -> Any:
    if name in PROGRAMS:
        with tg.Tape(checked=True) as tape:
            return PROGRAMS[name](tape)
    return (tg.cells.record(name, steps, 0) if name in KNOWN else CELLS[name](steps, 0))[1]


def nodes(G: nx.MultiDiGraph, kind: str, s: int) -> dict[str, dict[str, Any]]:
    return {key: n for key, n in G.nodes(data=True) if n["kind"] == kind and n.get("step") == s}


@pytest.mark.parametrize("at", ["all", None])
@pytest.mark.parametrize(("name", "wanted"), CASES)
def test_what_crosses_the_borders_is_all_that_comes_back(name: str, wanted: Any, at: Any) -> None:
    flow = tg.flow(loss_of(name), at=at)
    G, plain = build(flow, collapse=wanted), build(flow)
    assert G.graph["conservation"] <= 1e-12
    boxes = [n for _, n in G.nodes(data=True) if n["kind"] == "cell"]
    assert boxes and G.number_of_edges() < plain.number_of_edges()
    for weight in plain.graph["weights"]:
        assert G.nodes[weight]["shares"] == plain.nodes[weight]["shares"]
        assert G.nodes[weight]["adjoint_norm"] == plain.nodes[weight]["adjoint_norm"]


def test_two_states_leave_a_collapsed_lstm_by_ports_with_what_the_outside_brings_back() -> None:
    """The witness: another sweep that is cut where the cell reads its own c."""
    tape, loss = tg.cells.record("lstm", 4, 0)
    flow = tg.flow(loss)
    G = build(flow, collapse="steps")
    for s in (0, 1, 2):
        ports = {n["label"]: (key, n) for key, n in nodes(G, "state", s).items()}
        assert set(ports) == {f"c{'₁₂₃'[s]}", f"h{'₁₂₃'[s]}"}
        for key, port in ports.values():
            (line,) = port["exits"]

            def crosses(child: int, argument: int, parent: int, line: int = line, s: int = s) -> bool:
                return parent != line or flow.steps.of[child] != s

            (outside,) = tape.sweep(flow.seeds, [line], follow=crosses)
            brought = sum(e["contribution"] for _, v, e in G.out_edges(key, data=True))
            if port["label"][0] == "c":
                np.testing.assert_allclose(brought, outside, rtol=1e-12)
                assert port["adjoint_norm"] == pytest.approx(np.linalg.norm(outside), rel=1e-12)
            (box,) = [u for u, _ in G.in_edges(key)]
            assert G.nodes[box]["kind"] == "cell"
            (inward,) = [e["contribution"] for _, _, e in G.in_edges(key, data=True)]
            assert np.linalg.norm(inward) == pytest.approx(np.linalg.norm(brought), rel=1e-12)


def test_one_state_is_the_box_itself() -> None:
    G = build(tg.flow(loss_of("vanilla")), collapse="steps")
    assert not nodes(G, "state", 1) and [n["op"] for n in nodes(G, "cell", 1).values()] == ["→ h₂, z₂"]
    (box,) = nodes(G, "cell", 1)
    assert (G.nodes[box]["label"], G.nodes[box]["name"]) == ("cell", "h")
    carried = [v for _, v, e in G.out_edges(box, data=True) if e["lag"] == 1]
    assert [G.nodes[v]["kind"] for v in carried] == ["cell"]


def test_a_box_of_one_line_says_line() -> None:
    with tg.Tape() as tape:
        h, losses = tape.var(np.array([0.3, -0.4]), "h0"), []
        for t in range(1, 5):
            with tg.step(t):
                with tg.step(None, "part"):
                    h = np.tanh(h)
                losses.append(tg.loss(np.sum(h * h), t))
    G = build(tg.flow(sum(losses)), collapse="part")
    assert {n["tooltip"].split("\n")[0] for n in nodes(G, "cell", 1).values()} == {"part, collapsed: 1 line"}


def test_inputs_and_losses_stay_outside() -> None:
    G = build(tg.flow(loss_of("lstm")), collapse="steps")
    for s in range(4):
        assert len(nodes(G, "input", s)) == len(nodes(G, "loss", s)) == len(nodes(G, "cell", s)) == 1


@pytest.mark.parametrize(("name", "wanted"), [*((name, "steps") for name in KNOWN), *PARTS])
def test_collapsed_pictures_are_clean_and_stable(name: str, wanted: Any) -> None:
    loss = loss_of(name)
    picture = viz.draw(tg.flow(loss), collapse=wanted, title=name)
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    root = ElementTree.fromstring(picture.svg())
    titles = [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(", collapsed: " in title and "‖gradient that comes in‖" in title for title in titles)
    assert viz.draw(tg.flow(loss), collapse=wanted, title=name).svg() == picture.svg()


def loss_of_plain_inputs(layers: int, steps: int = 5) -> Any:
    """Layers in parts of parts; their inputs are plain arrays, which stand nowhere else."""
    rng = np.random.default_rng(0)
    with tg.Tape() as tape:
        weights = [tape.var(rng.normal(size=(3, 3)), f"W{n}") for n in range(layers)]
        states, losses = [tape.var(rng.normal(size=3), f"h{n}0") for n in range(layers)], []
        for t in range(1, steps + 1):
            with tg.step(t):
                x = rng.normal(size=3)
                for n in range(layers):
                    with tg.step(n + 1, loop="layer"), tg.step(None, "inner"):
                        x = states[n] = np.tanh(weights[n] @ states[n] + x)
                losses.append(tg.loss(np.sum(x * x), t))
    return sum(losses)


@pytest.mark.parametrize("show", ["both", "gradient"])
@pytest.mark.parametrize(
    ("layers", "wanted", "left"),
    [
        (1, "layer", set()),
        (1, "inner", set()),
        (2, "layer", set()),
        (2, "steps", set()),
        (2, "inner", {("layer 1",), ("layer 2",)}),
        (2, "layer 1", {("layer 2",), ("layer 2", "inner")}),
    ],
)
def test_no_frame_is_left_of_a_part_that_is_collapsed(layers: int, wanted: str, left: set[Any], show: str) -> None:
    picture = viz.draw(tg.flow(loss_of_plain_inputs(layers)), collapse=wanted, show=show)
    scopes = {n["scopes"] for key, n in picture.graph.nodes(data=True) if key[0] == "n"}
    assert {path[:n] for path in scopes for n in range(1, len(path) + 1)} == left
    assert picture.canvas is not None and overlaps(picture.canvas) == {}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("layer 9", r"no part .* 'layer 9'; there are 'layer 1', 'layer 2'"),
        ({3, 4}, "'steps' or names of parts"),
        (3, "'steps' or names of parts"),
        ([], "'steps' or names of parts"),
    ],
)
def test_what_cannot_be_collapsed_is_refused_in_one_line(wanted: Any, said: str) -> None:
    with pytest.raises(viz.PictureError, match=said) as refused:
        viz.draw(tg.flow(loss_of("layers")), collapse=wanted)
    assert "\n" not in str(refused.value)


def test_a_part_whose_result_comes_back_to_it_is_refused() -> None:
    with tg.Tape() as tape:
        w, h, losses = tape.var(np.array([0.3, -0.4]), "w"), tape.var(np.ones(2), "h0"), []
        for t in range(1, 4):
            with tg.step(t):
                with tg.step(None, "part"):
                    a = w * h
                b = np.tanh(a)
                with tg.step(None, "part"):
                    h = b + a * a
                losses.append(tg.loss(np.sum(h), t))
    with pytest.raises(viz.PictureError, match="comes back to it in the same step"):
        viz.draw(tg.flow(sum(losses)), collapse="part")


def test_collapse_without_steps_is_refused() -> None:
    with tg.Tape() as tape, pytest.raises(viz.PictureError, match="no time steps"):
        viz.draw(tg.flow(np.tanh(tape.var(0.3, "x"))), collapse="steps")


@pytest.mark.parametrize("steps", [9, 20])
@pytest.mark.parametrize("name", KNOWN)
def test_collapsed_steps_fold_with_the_gradient_of_every_carry_step_by_step(name: str, steps: int) -> None:
    tape, loss = tg.cells.record(name, steps, 0)
    flow = tg.flow(loss)
    picture = viz.draw(flow, collapse="steps", fold=(2, 3))
    assert picture.graph.graph["conservation"] <= 1e-12
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    plain, boxed = (build(flow, fold=(2, 3), collapse=c).graph["fold"].ribbons for c in (None, "steps"))
    assert len(plain) == len(boxed) == len(flow.steps.carries)
    for one, other in zip(sorted(plain, key=repr_of), sorted(boxed, key=repr_of), strict=True):
        assert one.norms == pytest.approx(other.norms, rel=1e-12)


def repr_of(ribbon: Any) -> tuple[float, ...]:
    return tuple(round(norm or 0.0, 12) for norm in ribbon.norms)
