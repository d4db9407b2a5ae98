"""The table of contributions as a heat map: how much step k adds to the gradient of step t's loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_rnn import Flow

from ..reading.naming import short_steps, step_words
from .chart import Chart, new_figure, settings
from .heat import draw_cells, few_ticks
from .numbers import contribution_arrays, quiet, swept, together, weights
from .palette import palette


@quiet
def contributions(flow: Flow, weight: Any = None, *, theme: str = "light") -> Chart:
    """‖C[t, k]‖, the norm of the part of ∂J_t/∂θ that step k adds, for every marked loss J_t and every step k.

        ∂J_t/∂θ = Σ_k C[t, k],    C[t, k] = e_t · J_t J_{t−1} … J_{k+1} · ∂⁺h_k/∂θ

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives; where it cuts edges, C is cut, too.
        weight: a weight's Var or name; None takes all weights together, as one long vector.
        theme: "light", "dark" or "print".

    Each loss has seed 1. Colours are logarithmic; an exact zero is a white cell with a grey 0; where a step cannot
    reach a loss there is no cell. `chart.figure.axes[0]` holds a mesh with their logarithms.

    Raises:
        PictureError: no flow, no marked loss, no such weight or theme, matplotlib missing.
    """
    colours = palette(theme)
    chosen = weights(swept(flow, "contributions"), weight)
    table = contribution_arrays(flow, chosen)
    order, rows = flow.steps.order, list(flow.steps.losses)
    norms = np.full((len(rows), len(order)), np.nan)
    absent = np.ones(norms.shape, dtype=bool)
    for i, s in enumerate(rows):
        for k in range(len(order)):
            arrays = [table[w.line][s][k] for w in chosen if k in table[w.line][s]]
            if arrays or k <= s:
                norms[i, k], absent[i, k] = together(arrays), False
    name = chosen[0].name if len(chosen) == 1 else "θ"
    title = f"How much step k adds to ∂J/∂{name} of step t"
    with settings():
        size = 1.6 + min(7.0, max(3.0, 0.52 * len(order)))
        high = 1.5 + min(7.0, max(1.2, 0.52 * len(rows)))
        figure = new_figure(size + 1.2, high, colours)
        axes = figure.add_subplot()
        draw_cells(figure, axes, np.ma.array(norms, mask=absent), colours, f"‖C[t, k]‖ of {name}")
        few_ticks(axes, short_steps(order), [short_steps(order)[s] for s in rows])
        axes.set_xlabel("step k: where the weight is used")
        axes.set_ylabel("step t: whose loss is followed")
        axes.set_title(title, loc="left", color=colours.ink, fontweight="bold")
    return Chart(figure, title, _told(norms, rows, order, name))


def _told(norms: Any, rows: list[int], order: Any, name: str) -> str:
    said = [f"Heat map of the norm of C[t, k], the part of the gradient of step t's loss by {name} that step k adds; "]
    said.append(f"{len(rows)} losses, {len(order)} steps. ")
    i = len(rows) - 1
    row = {k: norms[i, k] for k in range(len(order)) if not np.isnan(norms[i, k])}
    if row:
        strongest = max(row, key=lambda k: row[k])
        t = step_words(order, rows[i], "t = ")
        said.append(f"To the last loss, {t}, {step_words(order, strongest)} adds most, {row[strongest]:.3g}; ")
        said.append(f"{step_words(order, min(row))} adds {row[min(row)]:.3g}.")
    return "".join(said)
