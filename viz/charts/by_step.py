"""Each step's share of every weight's gradient, beside the norm of their sum, which is not the sum of their norms."""

from __future__ import annotations

import numpy as np

from tinygrad_rnn import Flow

from ..reading.naming import short_steps
from ..reading.tooltips import norm
from .chart import Chart, new_figure, settings
from .heat import draw_cells, few_ticks
from .numbers import Array, Weight, quiet, share_norms, swept, weights
from .palette import palette


@quiet
def shares(flow: Flow, *, theme: str = "light") -> Chart:
    """‖share of step s of ∂L/∂θ‖ for every weight and step, then the norm of their sum and the sum of their norms.

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives.
        theme: "light", "dark" or "print".

    Where two shares point against each other the norm of the sum is smaller than the sum of the norms. A step that
    does not use a weight has no cell. Uses outside every step have a column of their own, "–".

    Raises:
        PictureError: no flow, no weights, no such theme, matplotlib missing.
    """
    colours = palette(theme)
    chosen = weights(swept(flow, "shares"))
    steps = range(len(flow.steps.order))
    norms = {w.line: share_norms(flow, w) for w in chosen}
    outside = any(-1 in row for row in norms.values())
    columns = [*steps, *([-1] if outside else [])]
    table = np.full((len(chosen), len(columns) + 3), np.nan)
    absent = np.ones(table.shape, dtype=bool)
    for i, w in enumerate(chosen[::-1]):
        for k, s in enumerate(columns):
            if s in norms[w.line]:
                table[i, k], absent[i, k] = norms[w.line][s], False
        table[i, -2] = norm(flow.adjoint[w.line]) if w.line in flow.adjoint else 0.0
        table[i, -1] = sum(norms[w.line].values())
    absent[:, -2:] = False
    title = "Each step's share of ∂L/∂θ"
    with settings():
        wide = min(9.0, max(2.4, 0.52 * table.shape[1])) + 2.6
        figure = new_figure(wide, 1.5 + min(9.0, max(1.0, 0.4 * len(chosen))), colours)
        axes = figure.add_subplot()
        draw_cells(figure, axes, np.ma.array(table, mask=absent), colours, "norm")
        names = [*(short_steps(flow.steps.order)[s] for s in steps), *(["–"] if outside else [])]
        few_ticks(axes, names, [w.name for w in chosen[::-1]])
        at, labels = list(axes.get_xticks()), [text.get_text() for text in axes.get_xticklabels()]
        axes.set_xticks([*at, len(columns) + 1.5, len(columns) + 2.5], [*labels, "‖Σ‖", "Σ‖·‖"])
        axes.set_xlabel("share of step t, norm of the sum ‖Σ‖, and sum of the norms Σ‖·‖")
        axes.set_title(title, loc="left", fontweight="bold", color=colours.ink)
    return Chart(figure, title, _told(chosen, table))


def _told(chosen: list[Weight], table: Array) -> str:
    rows = [f"{w.name} {table[-1 - i, -2]:.3g} of {table[-1 - i, -1]:.3g}" for i, w in enumerate(chosen[:12])]
    said = "Heat map of the norm of each step's share of every weight's gradient"
    return f"{said}; norm of the sum, of the sum of the norms: {', '.join(rows)}."
