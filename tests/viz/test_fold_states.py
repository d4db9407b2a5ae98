"""A fold shows the gradient on every carry, whatever the state starts from: a variable, data, or a plain array."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.law import law
from viz.reading.conservation import conservation

T, D = 7, 3
STATES = {"vanilla": ("h",), "lstm": ("h", "c"), "gru": ("h",)}
GATES = {"vanilla": "h", "lstm": "ifog", "gru": "rzn"}
STARTS = ("var", "data", "array")
CASES = [(cell, starts) for cell, names in STATES.items() for starts in product(STARTS, repeat=len(names))]


def numbers(cell: str, steps: int = T) -> dict[str, Any]:
    draw = np.random.default_rng(5).normal
    found = {f"{kind}{gate}": 0.6 * draw(size=(D, D)) for gate in GATES[cell] for kind in "WU"}
    return found | {f"{state}0": draw(size=D) for state in STATES[cell]} | {"x": draw(size=(steps, D))}


def step(cell: str, w: dict[str, Any], s: dict[str, Any], x: Any) -> dict[str, Any]:
    def gate(name: str, h: Any) -> Any:
        return w[f"W{name}"] @ h + w[f"U{name}"] @ x

    h = s["h"]
    if cell == "vanilla":
        h = np.tanh(gate("h", h))
        return {"h": h}
    if cell == "lstm":
        c = tg.sigmoid(gate("f", h)) * s["c"] + tg.sigmoid(gate("i", h)) * np.tanh(gate("g", h))
        h = tg.sigmoid(gate("o", h)) * np.tanh(c)
        return {"h": h, "c": c}
    r, z = tg.sigmoid(gate("r", h)), tg.sigmoid(gate("z", h))
    h = z * h + (1 - z) * np.tanh(gate("n", r * h))
    return {"h": h}


def recorded(cell: str, starts: tuple[str, ...], steps: int = T) -> Any:
    with tg.Tape(checked=True) as tape:
        w = numbers(cell, steps)
        s = {}
        for name, kind in zip(STATES[cell], starts, strict=True):
            array = w.pop(f"{name}0")
            s[name] = array if kind == "array" else getattr(tape, kind)(array, f"{name}0")
        x = w.pop("x")
        w, losses = {name: tape.var(array, name) for name, array in w.items()}, []
        for t in range(1, steps + 1):
            with tg.step(t):
                s = step(cell, w, s, x[t - 1])
                losses.append(tg.loss(np.mean(s["h"] * s["h"]), t))
        return sum(losses) / steps


@cache
def by_complex_step(cell: str, steps: int) -> dict[str, list[Any]]:
    """dL/d(state), only through the step that reads it, for every step: no tape, no rule, no graph."""
    found: dict[str, list[Any]] = {name: [] for name in STATES[cell]}
    for name, at in product(STATES[cell], range(steps)):
        row = np.zeros(D)
        for n in range(D):
            w = numbers(cell, steps)
            s, total = {state: w[f"{state}0"].astype(complex) for state in STATES[cell]}, 0.0
            for t in range(steps):
                if t == at:
                    s[name] = s[name] + 1e-30j * np.eye(D)[n]
                s = step(cell, w, s, w["x"][t])
                total = total + np.mean(s["h"] * s["h"])
            row[n] = np.imag(total) / steps / 1e-30
        found[name].append(row)
    return found


def check(graph: nx.MultiDiGraph, cell: str, starts: tuple[str, ...]) -> None:
    """Every ribbon, and every edge across a border, against the complex step."""
    exact, fold = by_complex_step(cell, len(graph.graph["steps"])), graph.graph["fold"]
    assert graph.graph["conservation"] < 1e-12
    lost = [
        edge for *edge, data in graph.edges(data=True) if data["gradient"] is None and data["contribution"] is not None
    ]
    assert not lost
    kinds, seen = dict(zip(STATES[cell], starts, strict=True)), []
    assert len(fold.ribbons) == len(kinds)
    for ribbon in fold.ribbons:
        name = ribbon.label
        seen.append(name)
        for n, norm in enumerate(ribbon.norms):
            if fold.start + n == 0 and kinds[name] != "var":
                assert norm is None, "data has no gradient"
            else:
                assert norm == pytest.approx(np.linalg.norm(exact[name][fold.start + n]), rel=1e-12, abs=1e-300)
    assert sorted(seen) == sorted(kinds)
    for into, read in ((True, fold.start), (False, fold.stop)):
        edges = graph.in_edges("fold", data=True) if into else graph.out_edges("fold", data=True)
        crossing = [data for u, v, data in edges if v != "L" and u[0] != "w"]
        if into and read == 0:
            crossing = [data for data in crossing if data["gradient"] is not None]
        sums: dict[int, Any] = {}
        for data in crossing:
            assert data["gradient"] is not None
            sums[data["source"]] = sums.get(data["source"], 0.0) + data["contribution"]
        wanted = [name for name in kinds if read or kinds[name] == "var"]
        found = sorted(np.linalg.norm(array) for array in sums.values())
        np.testing.assert_allclose(found, sorted(np.linalg.norm(exact[name][read]) for name in wanted), rtol=1e-12)


@pytest.mark.parametrize(("cell", "starts"), CASES)
def test_ribbons_and_borders_are_the_complex_step_whatever_the_state_starts_from(
    cell: str, starts: tuple[str, ...]
) -> None:
    flow = tg.flow(recorded(cell, starts))
    for fold in ((1, 1), (2, 3), (0, 2), (3, 0)):
        if fold != (3, 0):
            check(viz.graph(flow, fold=fold), cell, starts)
        else:
            ribbons = viz.graph(flow, fold=fold).graph["fold"].ribbons
            assert all(norm is not None for ribbon in ribbons for norm in ribbon.norms)


@pytest.mark.parametrize("starts", list(product(STARTS, repeat=2)))
def test_a_collapsed_and_folded_program_shows_the_same_gradient(starts: tuple[str, str]) -> None:
    flow = tg.flow(recorded("lstm", starts))
    for fold in ((1, 1), (0, 2), (2, 2)):
        check(viz.graph(flow, fold=fold, collapse="steps"), "lstm", starts)


@pytest.mark.parametrize(
    ("cell", "size"), [("vanilla", "paper"), ("vanilla", "slide"), ("lstm", "slide"), ("gru", "slide")]
)
def test_a_picture_that_folds_to_fit_a_size_draws_the_gradient_too(cell: str, size: str) -> None:
    starts = ("data",) * len(STATES[cell])
    picture = viz.draw(tg.flow(recorded(cell, starts, 13)), size=size)
    check(picture.graph, cell, starts)
    assert picture.dot.count("bar segment") == len(picture.graph.graph["fold"]) * len(starts)


@pytest.mark.parametrize("start", STARTS)
def test_a_loss_that_only_one_step_does_not_owe_to_weights_leaves_the_others_their_gradient(start: str) -> None:
    with tg.Tape() as tape:
        W, array, losses = tape.var(numbers("vanilla")["Wh"], "W"), np.array([0.3, -0.5, 0.8]), []
        h = array if start == "array" else getattr(tape, start)(array, "h0")
        for t in range(1, T + 1):
            with tg.step(t):
                losses.append(tg.loss(np.mean(h * h), t))
                h = np.tanh(W @ h)
        L = sum(losses)
    graph = viz.graph(tg.flow(L), fold=(2, 2))
    (edge,) = [data for _, v, data in graph.out_edges("fold", data=True) if v == "L"]
    assert edge["gradient"] == T - 4


# ---- the law reads what is drawn ----


def test_the_law_fails_where_an_edge_with_a_contribution_shows_no_gradient() -> None:
    flow = tg.flow(recorded("lstm", ("data", "var")))
    for fold in (None, (2, 2)):
        edges = [e for *e, d in viz.graph(flow, fold=fold).edges(keys=True, data=True) if np.any(d["contribution"])]
        assert fold is None or any(u == "fold" for u, _, _ in edges)
        for edge in edges:
            graph = viz.graph(flow, fold=fold)
            if edge[1] == "L" and edge[0][0] == "w":
                continue
            graph.edges[edge]["gradient"] = None
            worst, _ = conservation(graph, flow)
            graph.graph["conservation"] = worst
            assert worst > 1e-9 and not law(graph)[1], edge
