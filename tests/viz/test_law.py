"""Every picture states the law of conservation, with the error that was measured, and says loudly where it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.unseen_cells import CELLS
from viz.check import overlaps
from viz.law import law

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")


def recorded(name: str, steps: int = 3) -> tg.Var:
    return (tg.cells.record(name, steps, seed=1) if name in KNOWN else CELLS[name](steps, 0))[1]


def written(picture: viz.Picture) -> str:
    return " ".join(text.text for text in picture.canvas.texts if text.kind == "law")


@pytest.mark.parametrize("every_line", [False, True])
@pytest.mark.parametrize("at", ["all", "last"])
@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_contributions_sum_to_the_adjoint_in_every_cell(name: str, at: str, every_line: bool) -> None:
    L = recorded(name)
    flow = tg.flow(L, at=at if tg.find_steps(L.tape).losses else "all")
    graph = viz.graph(flow, every_line=every_line)
    for key, node in graph.nodes(data=True):  # anew, and not as `conservation` does it
        if key[0] != "n" or node["adjoint_norm"] is None or len(node["exits"]) > 1:
            continue
        seed = flow.seeds.get(node["exits"][0], 0.0) if flow.at != "all" else 0.0
        brought = [data["contribution"] for _, _, data in graph.out_edges(key, data=True)]
        arrived = sum((array for array in brought if array is not None), start=np.asarray(seed))
        adjoint = flow.adjoint.get(node["exits"][0], 0.0)
        assert np.max(np.abs(arrived - adjoint), initial=0.0) <= 1e-12, (key, node["label"])
    assert graph.graph["conservation"] <= 1e-12


@pytest.mark.parametrize("name", KNOWN)
def test_the_law_stands_on_the_picture_and_in_its_description(name: str) -> None:
    picture = viz.draw(tg.flow(recorded(name)))
    stated = "contributions along the edges into every node sum to its adjoint; worst error "
    worst = picture.graph.graph["conservation"]
    assert f"conservation: {stated}{worst:.0e}".replace("0e+00", "0") in written(picture)
    assert f"Conservation: {stated}" in picture.description and "<desc id=" in picture.svg()
    assert stated in picture.svg().split("</desc>")[0]
    assert overlaps(picture.canvas) == {}


def test_a_narrow_picture_folds_the_line() -> None:
    picture = viz.draw(tg.flow(recorded("vanilla", 1)))
    lines = [text for text in picture.canvas.texts if text.kind == "law"]
    right = max(box.right for box in picture.canvas.texts if box.kind != "law")
    assert len(lines) > 1 and max(line.right for line in lines) <= right + 14


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_a_flow_that_does_not_conserve_is_not_hidden(theme: str) -> None:
    flow = tg.flow(recorded("lstm"))
    edge = next(edge for edge, d in flow.edges.items() if np.size(d) > 1 and flow.steps.of[edge[0]] == 2)
    broken = replace(flow, edges={**flow.edges, edge: flow.edges[edge] * (1 + 1e-6)})
    picture = viz.draw(broken, theme=theme)
    assert picture.description.startswith("CONSERVATION VIOLATED: ") and "do not trust" in written(picture)
    (size,) = {float(part.split()[0].strip('"')) for line in picture.dot.splitlines() if "CONSERVATION" in line
               for part in [line.split("fontsize=")[1]]}  # fmt: skip
    assert size >= 15
    assert "VIOLATED" not in viz.draw(flow, theme=theme).dot


def test_single_precision_may_round_more_and_no_more() -> None:
    with tg.Tape() as tape:
        W, h = tape.var(np.full((3, 3), 0.3, np.float32), "W"), tape.var(np.ones(3, np.float32), "h0")
        for t in range(1, 4):
            with tg.step(t):
                h = np.tanh(W @ h)
                L = tg.loss(np.sum(h * h), t)
    flow = tg.flow(L, at="last")
    graph = viz.graph(flow)
    assert 1e-9 < graph.graph["tolerance"] < 1e-3 and law(graph)[1]


@pytest.mark.parametrize("options", [{"at": None}, {"show": "value"}])
def test_a_picture_without_gradient_claims_nothing(options: dict[str, Any]) -> None:
    picture = viz.draw(tg.flow(recorded("vanilla"), at=options.get("at", "all")), show=options.get("show", "both"))
    assert written(picture) == "" and "onservation" not in picture.description


def test_a_path_view_states_that_all_routes_add_up() -> None:
    picture = viz.draw(tg.flow(recorded("lstm")), path=(3, 1))
    assert written(picture).startswith("conservation: the parts of all routes add up to C[3,1]; relative error ")
    assert picture.graph.graph["path"]["error"] <= 1e-12
