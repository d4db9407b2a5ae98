"""Pictures, pages and charts of a truncated flow: what a loss does not reach is nowhere, whichever loss is followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.test_page import data_of
from tinygrad_rnn.truncate import mask
from viz.charts.numbers import contribution_arrays, weights
from viz.charts.spectrum import singular_values
from viz.reading.folding import part
from viz.reading.recorded import with_backward_pass
from viz.reading.ways import follow_path

RULES = [("detach_every_k", 2), ("max_lag", 1), ("williams_peng", 2, 3)]
T = 5


def kept(truncation: tuple[Any, ...]) -> np.ndarray:
    mode, *numbers = truncation
    names = {"detach_every_k": ("k",), "max_lag": ("tau",), "williams_peng": ("k1", "k2")}[mode]
    return mask(T, mode, **dict(zip(names, numbers, strict=True)))


def flows(name: str, truncation: tuple[Any, ...]) -> tuple[tg.Flow, list[tg.Flow]]:
    """The whole flow, and truncated ones of the last loss, of loss 2, and of L where there is one."""
    _, L = tg.cells.record(name, T, seed=1, scale=1.3)
    ways = ["last", 2, *(["all"] if truncation[0] == "detach_every_k" else [])]
    return tg.flow(L), [tg.flow(L, at=at, truncation=truncation) for at in ways]


def norms_of(flow: tg.Flow) -> np.ndarray:
    """‖C[t, k]‖ of all weights together."""
    tables = [flow.table(w) for w in flow.steps.weights]
    parts = [[[np.linalg.norm(table[t].get(k, 0.0)) for table in tables] for k in range(T)] for t in range(T)]
    return np.linalg.norm(np.array(parts), axis=2)


@pytest.mark.parametrize("truncation", RULES)
@pytest.mark.parametrize("name", ["vanilla", "lstm"])
def test_who_hears_which_loss_is_masked_in_pictures_and_charts(name: str, truncation: tuple[Any, ...]) -> None:
    whole, cut = flows(name, truncation)
    expected = kept(truncation) * norms_of(whole)
    for flow in cut:
        scale = 1 / T if flow.at == "all" else 1.0
        drawn = viz.graph(flow).graph["contributions"]
        shown = np.array([[drawn[t][k] for k in range(T)] for t in range(T)])
        np.testing.assert_allclose(shown, scale * expected, rtol=1e-12, atol=1e-15)
        arrays = contribution_arrays(flow, weights(flow))
        charted = [[[np.linalg.norm(arrays[w][t].get(k, 0.0)) for w in arrays] for k in range(T)] for t in range(T)]
        np.testing.assert_allclose(np.linalg.norm(np.array(charted), axis=2), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("truncation", RULES)
@pytest.mark.parametrize("name", ["vanilla", "lstm"])
def test_a_path_exists_where_the_mask_keeps_it_and_brings_what_the_whole_flow_brings(
    name: str, truncation: tuple[Any, ...]
) -> None:
    whole, cut = flows(name, truncation)
    for flow in cut:
        for t, k in ((4, 1), (4, 2), (4, 3), (3, 2), (5, 5), (2, 1)):
            _, held = follow_path(flow, (t, k))
            if kept(truncation)[t - 1, k - 1]:
                np.testing.assert_allclose(held.whole, follow_path(whole, (t, k))[1].whole, rtol=1e-12)
                assert sum(route.share for route in held.routes) == pytest.approx(1, rel=1e-12)
            else:
                assert not held.routes and not held.edges and not held.whole.any()


@pytest.mark.parametrize("truncation", RULES)
def test_a_pages_table_and_its_losses_are_masked_and_the_whole_loss_is_offered_only_where_it_is_one_sweep(
    truncation: tuple[Any, ...],
) -> None:
    need_graphviz()
    whole, cut = flows("vanilla", truncation)
    expected, reach = kept(truncation) * norms_of(whole), kept(truncation)
    for flow in cut:
        data = data_of(viz.step_through(flow))
        shown = {row["s"][0]: row["c"] for row in data["table"]["rows"]}
        np.testing.assert_allclose([shown[t] for t in range(T)], expected, rtol=6e-4, atol=1e-12)
        labels = [choice["s"] for choice in data["choices"]]
        assert labels == [*([-1] if truncation[0] == "detach_every_k" else []), *range(T)]
        for choice in data["choices"]:
            if choice["s"] >= 0:
                arrived = {flow.steps.of[data["edges"][e][0]] for e in choice["e"]} - {-1}
                assert arrived == {k for k in range(T) if reach[choice["s"], k]}
        opened = data["choices"][data["first"]]["s"]
        assert opened == {"last": T - 1, T: T - 1, 2: 1, "all": -1}[flow.at]


def test_a_fold_keeps_each_losss_own_cuts() -> None:
    _, L = tg.cells.record("vanilla", 14, seed=1, scale=1.3)
    flow = tg.flow(L, at="last", truncation=("max_lag", 1))
    excerpt = part(flow, 2, 12)
    short, lines = excerpt.flow, excerpt.lines
    assert len(short.steps.order) < 14 and len(short.steps.losses) > 2
    cut = 0
    for s in short.steps.losses:
        here, there = short.follows(s), flow.follows(excerpt.steps[s])
        assert here is not None and there is not None
        edges = [(i, k, p) for i, line in enumerate(short.tape.lines) for k, p in enumerate(line[1]) if p >= 0]
        known = [there(lines[i], k, flow.tape.lines[lines[i]][1][k]) for i, k, _ in edges]
        assert [here(*edge) for edge in edges] == known
        cut += known.count(False)
    assert cut > 2
    _, L = tg.cells.record("vanilla", T, seed=1, scale=1.3)
    flow = tg.flow(L, at="last", truncation=("max_lag", 1))
    assert viz.graph(flow, fold=(1, 1)).graph["contributions"] == viz.graph(flow).graph["contributions"]


@pytest.mark.parametrize("state", [None, "h"])
def test_a_spectrum_has_the_cuts_of_the_last_loss_whichever_is_followed(state: str | None) -> None:
    _, L = tg.cells.record("vanilla", T, seed=1, scale=1.3)
    found = [singular_values(tg.flow(L, at=at, truncation=("max_lag", 1)), state)[1] for at in ("last", 2)]
    np.testing.assert_array_equal(found[0], found[1])


def test_a_recorded_backward_pass_is_as_truncated_as_the_flow() -> None:
    _, L = tg.cells.record("vanilla", 4, seed=1)
    flow = tg.flow(L, truncation=("detach_every_k", 2))
    found, whole = with_backward_pass(flow), with_backward_pass(tg.flow(L))
    assert len(found.tape.backward) < len(whole.tape.backward)
    sums = {m.line: line for line, m in found.tape.backward.items() if m.kind == "sum"}
    for w in flow.steps.weights:
        np.testing.assert_allclose(found.tape.lines[sums[w]][4], flow.adjoint[w], rtol=1e-12)
    assert viz.graph(flow, backward=True).graph["conservation"] <= 1e-12
