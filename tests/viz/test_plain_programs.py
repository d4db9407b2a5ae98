"""Programs that mark no steps: a box per line with value and gradient, clean, bounded, and nothing of it lost."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.check import overlaps
from viz.painting.unstepped import MOST_NODES

HOSTILE = "</script><b>\"'\\N\n&lt; 😀 \u202eשלום"


def scalar(tape: tg.Tape) -> Any:
    x, y = tape.var(0.5, "x"), tape.var(-2.0, "y")
    s = x * y + y**3 / 4.0
    r = np.tanh(s / 2.0) + np.exp(-x) * s
    return r**2 + tg.sigmoid(x - y) / r


def power_by_products(tape: tg.Tape) -> Any:
    x = tape.var(1.5, "x")
    y = x * x
    return y * y * y


def perceptron(tape: tg.Tape) -> Any:
    random = np.random.default_rng(0)
    W1, b1 = tape.var(random.normal(size=(4, 3)), "W1"), tape.var(random.normal(size=4), "b1")
    W2, b2 = tape.var(random.normal(size=(2, 4)), "W2"), tape.var(np.zeros(2), "b2")
    h = np.tanh(W1 @ tape.data(random.normal(size=3), "x") + b1)
    z = W2 @ h + b2
    return tg.softmax_cross_entropy(z, 1)


def hostile_names(tape: tg.Tape) -> Any:
    a, b = tape.var(np.array([1.0, np.inf]), HOSTILE), tape.var(np.array([0.0, 2.0]), "n" * 10_000)
    return np.sum(a * b * tape.data(np.ones(2), "\x00\x1b"))


def one_leaf(tape: tg.Tape) -> Any:
    return tape.var(2.0, "x")


def gradient_exactly_zero(tape: tg.Tape) -> Any:
    return np.sum(tape.var(np.ones(3), "w") * 0.0)


PROGRAMS: list[Callable[[tg.Tape], Any]] = [
    scalar, power_by_products, perceptron, hostile_names, one_leaf, gradient_exactly_zero,
]  # fmt: skip


def drawn(program: Callable[[tg.Tape], Any], at: Any = "all") -> viz.Picture:
    with np.errstate(all="ignore"), tg.Tape() as tape:
        return viz.draw(tg.flow(program(tape), at=at), title=program.__name__)


def texts(picture: viz.Picture) -> set[str]:
    root = ElementTree.fromstring(picture.svg())
    written = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    return {text.strip().replace("\xa0", " ") for text in written}


@pytest.mark.parametrize("at", ["all", None])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_without_steps_is_drawn_without_overlaps(program: Callable[[tg.Tape], Any], at: Any) -> None:
    picture = drawn(program, at)
    assert picture.canvas is not None and overlaps(picture.canvas) == {}
    root = ElementTree.fromstring(picture.svg())
    assert root.get("role") == "img" and not list(root.iter("{http://www.w3.org/2000/svg}script"))
    written = texts(picture)
    assert ("no backward pass recorded" in written) == (at is None)
    assert any(text.startswith("conservation: ") for text in written) == (at == "all")


def test_a_dense_program_has_more_room_between_its_rows_and_no_wires_that_touch() -> None:
    random = np.random.default_rng(0)

    def layer(tape: tg.Tape, inputs: list[Any], outputs: int) -> list[Any]:
        sums = [sum((tape.var(random.normal(), "w") * x for x in inputs), tape.var(0.1, "b")) for _ in range(outputs)]
        return [np.tanh(a) for a in sums]

    def three_layers_of_scalars(tape: tg.Tape) -> Any:
        inputs = [tape.data(value, "x") for value in random.normal(size=3)]
        return (layer(tape, layer(tape, layer(tape, inputs, 4), 3), 1)[0] - 1.0) ** 2

    picture = drawn(three_layers_of_scalars)
    assert len(picture.graph) > 100
    assert picture.canvas is not None and overlaps(picture.canvas) == {}


@pytest.mark.parametrize("program", [scalar, power_by_products, perceptron], ids=lambda program: program.__name__)
def test_what_the_wires_bring_to_a_box_is_its_gradient(program: Callable[[tg.Tape], Any]) -> None:
    with tg.Tape() as tape:
        loss = program(tape)
    G, checked = viz.graph(tg.flow(loss)), 0
    for key, node in G.nodes(data=True):
        if key == "L" or node["adjoint_norm"] is None:
            continue
        (adjoint,) = tape.sweep({loss.index: np.ones(())}, [node["role"]])
        brought = sum(edge["contribution"] for _, _, edge in G.out_edges(key, data=True))
        np.testing.assert_allclose(brought, adjoint, rtol=1e-12, atol=1e-14)
        checked += 1
    assert checked > 2 and G.graph["conservation"] <= 1e-12


def test_a_scalar_shows_its_signed_gradient_and_an_array_its_shape_and_norms() -> None:
    def slope(x: complex, y: complex) -> float:
        s = x * y + y**3 / 4.0
        r = np.tanh(s / 2.0) + np.exp(-x) * s
        return float((r**2 + 1 / (1 + np.exp(y - x)) / r).imag / 1e-30)

    dx, dy = slope(0.5 + 1e-30j, -2.0), slope(0.5, -2.0 + 1e-30j)
    assert {f"{d:.4g}".replace("-", "−") for d in (dx, dy)} <= texts(drawn(scalar))
    W1 = np.random.default_rng(0).normal(size=(4, 3))
    assert f"4×3: ‖{np.linalg.norm(W1):.4g}‖" in texts(drawn(perceptron))


def test_a_leaf_used_twice_has_two_wires() -> None:
    G = viz.graph(tg.flow(power_by_products(tg.Tape())))
    assert G.number_of_edges("w0", "v1") == 2


def test_too_many_lines_are_refused_with_their_number_and_a_remedy() -> None:
    with tg.Tape() as tape:
        x = tape.var(1.0, "x")
        for _ in range(MOST_NODES):
            x = np.tanh(x)
    with pytest.raises(viz.PictureError, match=rf"^{MOST_NODES + 1} lines .*at most {MOST_NODES}.*tg\.step") as refused:
        viz.draw(tg.flow(x))
    assert "\n" not in str(refused.value)


def test_the_same_program_gives_the_same_bytes() -> None:
    assert drawn(perceptron).svg() == drawn(perceptron).svg()


def test_every_wire_and_box_says_what_it_is() -> None:
    picture = drawn(perceptron)
    root = ElementTree.fromstring(picture.svg())
    groups = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("class", "").startswith(("edge", "node"))]
    spoken = [g for g in groups if g.find("{http://www.w3.org/2000/svg}title") is not None]
    assert all(g.get("id") for g in groups)
    assert len(spoken) >= 2 * len(picture.graph.edges) + len(picture.graph) - 1
