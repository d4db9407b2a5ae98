"""Programs at the edge of what can be drawn: no gradient, no numbers, no state, names and numbers of any size."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from viz.check import overlaps

Program = Callable[[tg.Tape], Any]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


def unroll(tape: tg.Tape, W0: Any, loss: Callable[[Any], Any], steps: int = 4, name: str = "W") -> Any:
    """A state without input or bias; `loss` is what each step makes of it."""
    W, h, losses = tape.var(W0, name), tape.var(np.array([0.3, -0.2, 0.9]), "h0"), []
    for t in range(1, steps + 1):
        with tg.step(t):
            h = np.tanh(W @ h)
            losses.append(tg.loss(loss(h), t))
    return sum(losses)


W0 = np.random.default_rng(0).normal(size=(3, 3))


@program
def all_gradients_are_zero(tape: tg.Tape) -> Any:
    return unroll(tape, W0, lambda h: np.sum(h) * 0.0)


@program
def all_values_are_nan(tape: tg.Tape) -> Any:
    return unroll(tape, np.full((3, 3), np.nan), np.sum)


@program
def a_very_long_name(tape: tg.Tape) -> Any:
    return unroll(tape, W0, np.sum, name="the_recurrent_weight_matrix_of_the_only_layer")


@program
def one_step(tape: tg.Tape) -> Any:
    return unroll(tape, W0, np.sum, steps=1)


@program
def numbers_of_any_size(tape: tg.Tape) -> Any:
    W, h, losses = tape.var(np.eye(3) * 1e60, "W"), tape.var(np.ones(3), "h0"), []
    for t in range(1, 6):
        with tg.step(t):
            h = W @ h
            losses.append(tg.loss(np.sum(h), t))
    return sum(losses)


@program
def steps_without_a_marked_loss(tape: tg.Tape) -> Any:
    W, h = tape.var(W0, "W"), tape.var(np.ones(3), "h0")
    for t in (5, 7, 9, 12):
        with tg.step(t):
            h = np.tanh(W @ h)
    return np.sum(h * h)


@program
def a_step_that_the_loss_never_reads(tape: tg.Tape) -> Any:
    W = tape.var(W0, "W")
    with tg.step(1):
        np.tanh(W)
    return np.sum(W * W)


@program
def a_scalar_recurrence(tape: tg.Tape) -> Any:
    w, h = tape.var(0.5, "w"), tape.var(0.1, "h0")
    for t in range(1, 5):
        with tg.step(t):
            h = w * h
            J = tg.loss(h * h, t)
    return J


@program
def a_state_that_is_one_affine_map(tape: tg.Tape) -> Any:
    random = np.random.default_rng(2)
    U, b = tape.var(random.normal(size=(3, 2)), "U"), tape.var(random.normal(size=3), "b")
    W, h, losses = tape.var(W0 / 2, "W"), tape.var(np.ones(3), "h0"), []
    for t in range(1, 5):
        with tg.step(t):
            x = tape.data(random.normal(size=2), "x")
            h = W @ h + U @ x + b
            losses.append(tg.loss(np.sum(h * h), t))
    return sum(losses)


@program
def steps_that_share_a_weight_and_nothing_else(tape: tg.Tape) -> Any:
    w, losses = tape.var(np.array([0.2, -0.4]), "w"), []
    for t in range(1, 5):
        with tg.step(t):
            losses.append(tg.loss(np.sum(np.tanh(w) * w), t))
    return sum(losses)


@program
def layers_as_a_loop_inside_the_step(tape: tg.Tape) -> Any:
    W, h, losses = tape.var(W0, "W"), tape.var(np.ones(3), "h0"), []
    for t in range(1, 5):
        with tg.step(t):
            for k in range(2):
                with tg.step(k, loop="layer"):
                    h = np.tanh(W @ h)
            losses.append(tg.loss(np.sum(h), t))
    return sum(losses)


@program
def a_chain_of_fourteen_layers(tape: tg.Tape) -> Any:
    random = np.random.default_rng(1)
    weights = [tape.var(random.normal(size=(3, 3)) / 2, f"W{k}") for k in range(14)]
    h, losses = tape.var(np.ones(3), "h0"), []
    for t in range(1, 5):
        with tg.step(t):
            for W in weights:
                h = np.tanh(W @ h)
            losses.append(tg.loss(np.sum(h * h), t))
    return sum(losses)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("at", ["all", None])
@pytest.mark.parametrize("name", PROGRAMS)
def test_odd_programs_are_drawn_without_overlaps(name: str, at: Any, fuse: bool) -> None:
    with tg.Tape(checked=True) as tape:
        L = PROGRAMS[name](tape)
    picture = viz.draw(tg.flow(L, at=at), title=name, fuse=fuse)
    assert picture.canvas is not None
    assert overlaps(picture.canvas) == {}
    assert ElementTree.fromstring(picture.svg()).get("role") == "img"


def test_a_fused_state_says_its_name() -> None:
    with tg.Tape(checked=True) as tape:
        L = PROGRAMS["a_state_that_is_one_affine_map"](tape)
    svg = viz.draw(tg.flow(L), fuse=True).svg()
    texts = {"".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"h₁ =", "h₄ =", "W·h₀", "U·x₁", "b"} <= {text.strip().replace("\xa0", " ") for text in texts}


def descending(T: int = 4) -> tg.Var:
    """A state that descends its energy: every step goes on with a gradient that it records itself."""
    random = np.random.default_rng(2)
    with tg.Tape(checked=True) as tape:
        W, h, total = tape.var(random.normal(size=(3, 3)), "W"), tape.var(random.normal(size=3), "h0"), 0.0
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.sin(h[::-1]) - 0.1 * tg.grad(lambda s: np.sum(np.tanh(W @ s) ** 3))(h)
                total = total + tg.loss(np.sum(h * h * h), t)
    return total


@pytest.mark.parametrize("truncation", [None, ("detach_every_k", 2)])
def test_a_gradient_inside_a_step_is_drawn_and_what_reads_a_state_by_lines_that_vanish_is_cut(truncation: Any) -> None:
    """A state that is turned round, or named anew, is read through a line that is not drawn: the cut may be there."""
    need_graphviz()
    flow = tg.flow(descending(), truncation=truncation)
    G = viz.graph(flow)
    assert G.graph["conservation"] < 1e-12
    assert any(edge["cut"] for *_, edge in G.edges(data=True)) == (truncation is not None)
    assert all(not edge["gradient"] for *_, edge in G.edges(data=True) if edge["cut"])
    assert "</svg>" in viz.draw(flow).svg()
