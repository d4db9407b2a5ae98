"""Charts show the flow's own numbers: what is drawn is read back and set beside flow.table, bptt and the adjoints."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.unseen_cells import CELLS
from tinygrad_rnn import bptt, models
from tinygrad_rnn.check.instances import random_instance
from tinygrad_rnn.spec import Sizes, Spec
from viz.charts.palette import PALETTES
from viz.charts.spectrum import singular_values
from viz.painting.themes import contrast, luminance
from viz.reading.jacobians import carried, state_gradients, step_jacobians

TIGHT = {"rtol": 1e-12, "atol": 1e-15}
SPEC = Spec("col", "tanh", "softmax", "softmax_ce", "1/T")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def vanilla() -> tuple[models.Recording, Any, tg.Flow]:
    instance = random_instance(SPEC, Sizes(6, None, 3, 4, 2), 5)
    arrays = (instance.params, instance.x, instance.y, instance.h0)
    recording = models.record(SPEC, *arrays)
    return recording, (SPEC, *arrays), tg.flow(recording.loss)


@pytest.fixture(scope="module")
def lstm() -> tg.Flow:
    return tg.flow(tg.cells.record("lstm", 6)[1])


def cells_of(chart: Any) -> Any:
    """The norms of a heat map, zeros filled in, NaN where there is no cell."""
    axes = chart.figure.axes[0]
    norms = np.ma.filled(10 ** axes.collections[0].get_array().astype(float), np.nan)
    for patch in axes.patches:
        norms[int(patch.get_y()), int(patch.get_x())] = 0.0
    return norms


def curves_of(chart: Any) -> dict[str, Any]:
    return {line.get_label(): np.asarray(line.get_ydata()) for line in chart.figure.axes[0].lines}


def test_contributions_of_one_weight_are_the_table_of_the_flow_and_of_the_closed_form(vanilla: Any) -> None:
    recording, instance, flow = vanilla
    for name, leaf in recording.params.items():
        if name not in SPEC.recurrent_names:
            continue
        drawn = cells_of(viz.charts.contributions(flow, leaf))
        closed = bptt.contribution_table(*instance).norms[name]
        table = flow.table(leaf.index)
        for t in range(6):
            for k in range(6):
                if k > t:
                    assert np.isnan(drawn[t, k])
                else:
                    np.testing.assert_allclose(drawn[t, k], np.linalg.norm(table[t][k]), **TIGHT)
                    np.testing.assert_allclose(drawn[t, k], closed[t, k], **TIGHT)
        np.testing.assert_array_equal(drawn, cells_of(viz.charts.contributions(flow, name)))


def test_the_uses_of_a_weight_in_one_step_are_added_before_the_norm() -> None:
    flow = tg.flow(tg.cells.record("skip", 4)[1])  # W is used twice in each step
    W = next(w for w in flow.steps.weights if flow.steps.name[w] == "W")
    drawn, table = cells_of(viz.charts.contributions(flow, "W")), flow.table(W)
    for t in range(4):
        for k in range(t + 1):
            np.testing.assert_allclose(drawn[t, k], np.linalg.norm(table[t][k]), **TIGHT)


def test_contributions_of_all_weights_are_their_norm_as_one_vector(lstm: tg.Flow) -> None:
    drawn = cells_of(viz.charts.contributions(lstm))
    tables = [lstm.table(w) for w in lstm.steps.weights]
    for t in range(6):
        for k in range(t + 1):
            parts = [np.ravel(table[t][k]) for table in tables if k in table[t]]
            np.testing.assert_allclose(drawn[t, k], np.linalg.norm(np.concatenate(parts)), **TIGHT)


def test_a_chart_of_a_cut_flow_is_cut() -> None:
    _, L = tg.cells.record("vanilla", 5)
    flow = tg.flow(L, follow=tg.carry_cut(tg.find_steps(L.tape), 3))
    drawn = cells_of(viz.charts.contributions(flow, "U"))
    assert drawn[4, 0] == drawn[4, 2] == 0 and drawn[4, 3] > 0 and drawn[2, 2] > 0


def test_an_exact_zero_is_a_cell_of_its_own_colour_with_a_grey_0() -> None:
    chart = viz.charts.contributions(tg.flow(tg.cells.record("vanilla", 4)[1]), "W")  # h0 = 0: W does nothing at t = 1
    axes = chart.figure.axes[0]
    assert np.all(cells_of(chart)[:, 0] == 0) and len(axes.patches) == 4
    assert [text.get_text() for text in axes.texts].count("0") == 4


def test_shares_are_the_shares_of_the_flow_and_the_norm_of_their_sum_is_that_of_the_gradient(lstm: tg.Flow) -> None:
    drawn = cells_of(viz.charts.shares(lstm))[::-1]
    assert len(drawn) == len(lstm.steps.weights)
    for row, weight in zip(drawn, lstm.steps.weights, strict=True):
        single = [np.linalg.norm(lstm.share(weight, s)) for s in range(6)]
        np.testing.assert_allclose(row[:6], single, **TIGHT)
        np.testing.assert_allclose(row[-2], np.linalg.norm(lstm.adjoint[weight]), **TIGHT)
        np.testing.assert_allclose(row[-1], sum(single), **TIGHT)
        assert row[-2] < row[-1] and np.isnan(row[6])


def test_a_step_that_does_not_use_a_weight_has_no_cell() -> None:
    flow = tg.flow(CELLS["packed_lstm"](4, 0)[1])
    drawn = cells_of(viz.charts.shares(flow))[::-1]
    V = [flow.steps.name[w] for w in flow.steps.weights].index("V")
    assert np.all(np.isnan(drawn[V, :3])) and drawn[V, 3] > 0


def test_the_lag_profile_of_weights_is_that_of_the_closed_form(vanilla: Any) -> None:
    recording, instance, flow = vanilla
    profile = bptt.lag_profile(bptt.contribution_table(*instance))
    for name in SPEC.recurrent_names:
        curves = curves_of(viz.charts.lag_profile(flow, "weights", recording.params[name]))
        np.testing.assert_allclose(curves[name], profile.share_norms[name], **TIGHT)
        np.testing.assert_allclose(curves["mean of the single ‖C[t, t−lag]‖"], profile.mean_norms[name], **TIGHT)


def test_the_lag_profile_of_states_is_e_times_the_jacobians_between_the_bounds(vanilla: Any) -> None:
    recording, instance, flow = vanilla
    parts, bounds = bptt.factors(*instance), bptt.jacobian_bounds(*instance)
    rows = [parts.e(6)[0]]
    for j in range(6, 1, -1):
        rows.append(rows[-1] @ parts.J(j)[0])
    curves = curves_of(viz.charts.lag_profile(flow, model=recording))
    norms = [np.linalg.norm(row) for row in rows]
    np.testing.assert_allclose(curves["h"], norms, **TIGHT)
    np.testing.assert_allclose(curves["‖e‖ Π max φ′ σ_max(W)"], norms[0] * bounds.upper[6, 6:0:-1], **TIGHT)
    np.testing.assert_allclose(curves["‖e‖ (γ σ_max(W))^lag"], norms[0] * bounds.uniform[6, 6:0:-1], **TIGHT)
    assert np.all(curves["‖e‖ Π σ_min(J)"] <= curves["h"] * (1 + 1e-12))
    assert np.all(curves["h"] <= curves["‖e‖ Π σ_max(J)"] * (1 + 1e-12))
    assert np.all(curves["‖e‖ Π σ_max(J)"] <= curves["‖e‖ Π max φ′ σ_max(W)"] * (1 + 1e-12))


def test_following_one_loss_gives_the_profile_of_that_loss(vanilla: Any) -> None:
    recording, instance, _ = vanilla
    e = bptt.factors(*instance).e(4)[0]
    curves = curves_of(viz.charts.lag_profile(tg.flow(recording.loss, at=4)))
    assert len(curves["h"]) == 4
    np.testing.assert_allclose(curves["h"][0], np.linalg.norm(e), **TIGHT)


@pytest.mark.parametrize("name", ["lstm", "gru", "stacked", "skip"])
def test_gradients_of_what_is_carried_are_products_of_the_jacobians_of_the_steps(name: str) -> None:
    flow = tg.flow(tg.cells.record(name, 6)[1])
    state = carried(flow)
    rows, jacobians = state_gradients(state, 5), step_jacobians(state)
    for s in range(5):
        np.testing.assert_allclose(rows[s + 1] @ jacobians[s], rows[s], rtol=1e-12, atol=1e-15)
        assert np.linalg.norm(rows[s]) > 1e-6


@pytest.mark.parametrize("name", sorted(CELLS))
def test_any_recorded_cell_has_gradients_that_are_products_of_its_jacobians(name: str) -> None:
    flow = tg.flow(CELLS[name](5, 0)[1])
    backwards = any(lag < 0 for _, lag in flow.steps.carries)
    if backwards or not flow.steps.losses:
        with pytest.raises(viz.PictureError, match="runs backwards in time" if backwards else "no step loss is marked"):
            viz.charts.lag_profile(flow)
        return
    state = carried(flow)
    rows, jacobians = state_gradients(state, max(flow.steps.losses)), step_jacobians(state)
    for s in range(len(rows) - 2):  # the loss itself may read the state of the step before: not at the last
        np.testing.assert_allclose(rows[s + 1] @ jacobians[s], rows[s], rtol=1e-11, atol=1e-14)


def test_the_spectrum_is_that_of_the_closed_form_with_its_small_values(vanilla: Any) -> None:
    _, instance, flow = vanilla
    lags, logs = singular_values(flow)
    assert list(lags) == [1, 2, 3, 4, 5]
    for lag, row in zip(lags, logs, strict=True):
        closed = bptt.jacobian_spectrum(*instance, k=6 - lag, t=6).log_singular_values
        np.testing.assert_allclose(row, closed, rtol=0, atol=1e-11)
    curves = curves_of(viz.charts.jacobian_spectrum(flow))
    np.testing.assert_allclose(curves["σ₁"], np.exp(logs[:, 0]), **TIGHT)
    np.testing.assert_allclose(curves["σ₄"], np.exp(logs[:, 3]), **TIGHT)


def test_one_state_by_name_has_the_singular_values_of_its_total_derivative(vanilla: Any) -> None:
    _, _, flow = vanilla
    lags, logs = singular_values(flow, "h")
    np.testing.assert_allclose(logs, singular_values(flow)[1], rtol=0, atol=1e-9)
    assert list(lags) == [1, 2, 3, 4, 5]


ODD = ["bidirectional", "encoder_and_decoder", "attention_over_the_past", "attention_decoder", "packed_lstm"]
ODD += ["no_initial_state", "plain_scalars", "running_total", "one_state_array", "readout_after_the_loop"]


@pytest.mark.parametrize("name", ODD)
def test_every_chart_is_made_of_any_cell_or_refused_in_one_line(name: str) -> None:
    flow = tg.flow(CELLS[name](4, 1)[1])
    charts = [viz.charts.contributions, viz.charts.shares, viz.charts.lag_profile, viz.charts.jacobian_spectrum]
    for make in charts:
        try:
            chart = make(flow)
        except viz.PictureError as error:
            assert "\n" not in str(error)
            assert make is not viz.charts.shares
        else:
            assert len(chart.description) > 40


def test_a_chart_is_saved_the_same_every_time_in_every_process(vanilla: Any, tmp_path: Path) -> None:
    code = (
        "import sys, tinygrad_rnn as tg, viz\n"
        "c = viz.charts.contributions(tg.flow(tg.cells.record('vanilla', 4)[1]))\n"
        "for ending in ('svg', 'png', 'pdf'): c.save(f'{sys.argv[1]}.{ending}')"
    )
    for n in "12":
        subprocess.run([sys.executable, "-c", code, str(tmp_path / n)], check=True, timeout=120)
    chart = viz.charts.contributions(tg.flow(tg.cells.record("vanilla", 4)[1]))
    assert chart.svg() == chart.svg()
    for ending, head in (("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        here = chart.save(tmp_path / f"3.{ending}").read_bytes()
        assert here.startswith(head)
        assert here == (tmp_path / f"1.{ending}").read_bytes() == (tmp_path / f"2.{ending}").read_bytes()
        assert b"20" + b"26-" not in here


def test_a_chart_has_a_title_a_description_and_ids_of_its_own(lstm: tg.Flow) -> None:
    charts = [viz.charts.contributions(lstm), viz.charts.shares(lstm), viz.charts.lag_profile(lstm)]
    seen: set[str] = set()
    for chart in charts:
        root = ElementTree.fromstring(chart.svg())
        ids = [str(element.get("id")) for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids)) and not seen & set(ids)
        seen |= set(ids)
        for element in root.iter():
            for key, value in element.attrib.items():
                if key.endswith("href") and value.startswith("#"):
                    assert value[1:] in ids
        titles = [element.text for element in root if element.tag in (f"{SVG}title", f"{SVG}desc")]
        assert titles == [chart.title, chart.description] and len(chart.description) > 40


def test_what_is_shown_twice_in_a_notebook_has_other_ids_the_second_time(lstm: tg.Flow) -> None:
    chart = viz.charts.shares(lstm)
    first, second = (chart._repr_mimebundle_()["image/svg+xml"] for _ in range(2))
    ids = [{e.get("id") for e in ElementTree.fromstring(svg).iter() if e.get("id")} for svg in (first, second)]
    assert len(ids[0]) == len(ids[1]) > 10 and not ids[0] & ids[1]
    label = ElementTree.fromstring(second).get("aria-labelledby") or ""
    assert set(label.split()) <= ids[1]
    assert chart.svg() == chart.svg()


@pytest.mark.parametrize("theme", sorted(PALETTES))
def test_every_theme_has_ordered_colours_and_lines_that_can_be_seen(theme: str, lstm: tg.Flow, tmp_path: Path) -> None:
    from matplotlib.colors import to_rgb

    colours = PALETTES[theme]
    for stops in (colours.stops, colours.line_stops):
        levels = [luminance(stop) for stop in stops]
        assert levels == sorted(levels, reverse=theme != "dark") and len(set(levels)) == len(levels)
    for line in (*colours.series, *colours.line_stops, colours.bound, colours.ink):
        assert contrast(line, colours.paper) >= (4.5 if line in (colours.ink, colours.bound) else 3.0), line
    chart = viz.charts.lag_profile(lstm, theme=theme)
    assert chart.save(tmp_path / "chart.png").stat().st_size > 5000
    assert to_rgb(chart.figure.get_facecolor()) == to_rgb(colours.paper)
    for made in (chart, viz.charts.shares(lstm, theme=theme)):
        axes = made.figure.axes[0]
        written = [axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]
        assert made.title in made.svg() and axes.get_title(loc="left") == made.title
        words = [*written, *(text for text in axes.get_children() if getattr(text, "get_text", str)() == made.title)]
        assert {to_rgb(text.get_color()) for text in words} == {to_rgb(colours.ink)}


def test_a_bound_that_runs_off_does_not_flatten_the_curves() -> None:
    chart = viz.charts.lag_profile(tg.flow(tg.cells.record("lstm", 30, scale=0.6)[1]))
    curves, (low, high) = curves_of(chart), chart.figure.axes[0].get_ylim()
    norms = curves["all that is carried"]
    assert np.nanmin(curves["‖e‖ Π σ_min(J)"]) < 1e-60 and low > np.min(norms) * 1e-7 and high < np.max(norms) * 1e5


def test_bad_input_is_refused_in_one_line(lstm: tg.Flow, vanilla: Any) -> None:
    recording, _, flow = vanilla
    charts, plain = viz.charts, tg.flow(CELLS["readout_after_the_loop"](4, 0)[1])
    swept_nowhere = tg.flow(recording.loss, at=None)
    refused = {
        "cannot chart a Var": lambda: charts.shares(recording.loss),  # type: ignore[arg-type]
        "no backward pass": lambda: charts.contributions(swept_nowhere),
        "no step loss is marked": lambda: charts.contributions(plain),
        "theme='blue'": lambda: charts.shares(lstm, theme="blue"),
        "weight='Q'": lambda: charts.contributions(lstm, "Q"),
        "another tape": lambda: charts.contributions(lstm, recording.params["W"]),
        "weight=": lambda: charts.contributions(lstm, True),
        "state='q'": lambda: charts.jacobian_spectrum(lstm, "q"),
        "of='x'": lambda: charts.lag_profile(lstm, "x"),
        "model: must": lambda: charts.lag_profile(lstm, model=recording),
        "cannot save": lambda: charts.shares(lstm).save("chart.gif"),
        "no folder": lambda: charts.shares(flow).save("nowhere/chart.svg"),
    }
    for message, act in refused.items():
        with pytest.raises(viz.PictureError, match=message) as caught:
            act()
        assert "\n" not in str(caught.value)


def test_without_matplotlib_one_line_names_the_extra_and_pictures_still_work() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import tinygrad_rnn as tg, viz\n"
        "flow = tg.flow(tg.cells.record('vanilla', 4)[1])\n"
        "viz.graph(flow)\n"
        "try: viz.charts.shares(flow)\n"
        "except viz.PictureError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == 'charts need matplotlib; install it with `pip install "tinygrad-rnn[plot]"`\n'


def test_importing_viz_does_not_import_matplotlib() -> None:
    code = "import sys, viz; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "False\n"
