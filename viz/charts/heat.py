"""Draw a table of norms as cells: log colours, exact zeros white with a grey 0, numbers where cells are few."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layout.metrics import cell_number, scale_number
from ..painting.colours import scale_of
from .palette import Palette

MOST_NUMBERS = 16  # rows or columns with a number in each cell
MOST_EDGES = 2500  # cells with an edge


def draw_cells(figure: Any, axes: Any, norms: Any, palette: Palette, label: str) -> Any:
    """Cells of a masked array of norms, row 0 at the bottom, with a colour bar; returns the mesh of their log10.

    Norms that are infinite or not a number are written as such on a cell with the strongest colour.
    """
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    values = np.ma.filled(norms.astype(float), 0.0)
    scale = scale_of(values[np.isfinite(values)].ravel())
    finite = np.isfinite(values)
    hidden = np.ma.getmaskarray(norms) | (values == 0)
    shown = np.ma.array(np.log10(np.where(finite & ~hidden, values, scale.high)), mask=hidden)
    ramp, colours = Normalize(np.log10(scale.low), np.log10(scale.high), clip=True), palette.map()
    lines = {"edgecolors": palette.paper, "linewidth": 1.0} if values.size <= MOST_EDGES else {}
    if values.size <= MOST_EDGES:
        for i, k in np.argwhere((values == 0) & ~np.ma.getmaskarray(norms)):
            axes.add_patch(Rectangle((k + 0.05, i + 0.05), 0.9, 0.9, facecolor=palette.zero, edgecolor=palette.faint))
    mesh = axes.pcolormesh(shown, norm=ramp, cmap=colours, rasterized=values.size > MOST_EDGES, **lines)
    if max(values.shape) <= MOST_NUMBERS:
        for (i, k), value in np.ndenumerate(values):
            if not np.ma.getmaskarray(norms)[i, k]:
                ink = palette.bound if value == 0 else palette.on(colours(ramp(shown[i, k])))
                axes.text(k + 0.5, i + 0.5, cell_number(value), ha="center", va="center", fontsize=9, color=ink)
    bar = figure.colorbar(mesh, ax=axes, pad=0.02, aspect=30)
    bar.set_label(label, color=palette.ink)
    _log_ticks(bar.ax.yaxis, scale.low, scale.high, scale.clamped)
    bar.ax.tick_params(colors=palette.ink, which="both")
    bar.outline.set_edgecolor(palette.faint)
    dress(axes, palette)
    return mesh


def few_ticks(axes: Any, across: list[str], up: list[str]) -> None:
    """Names at the middle of the cells, at most some 16 along each side."""
    for axis, names in ((axes.xaxis, across), (axes.yaxis, up)):
        every = max(1, -(-len(names) // 16))
        axis.set_ticks([i + 0.5 for i in range(0, len(names), every)], names[::every])


def dress(axes: Any, palette: Palette) -> None:
    """Axes in the palette's colours."""
    axes.set_facecolor(palette.paper)
    axes.tick_params(colors=palette.ink)
    for words in (axes.xaxis.label, axes.yaxis.label, axes.title):
        words.set_color(palette.ink)
    for side, spine in axes.spines.items():
        spine.set_edgecolor(palette.faint)
        spine.set_visible(side in ("left", "bottom"))


def _log_ticks(axis: Any, low: float, high: float, clamped: bool) -> None:
    first, last = np.ceil(np.log10(low) - 1e-9), np.floor(np.log10(high) + 1e-9)
    every = max(1, int(-(-(last - first + 1) // 6)))
    powers = [float(10.0**e) for e in np.arange(first, last + 1, every)]
    ticks = powers if len(powers) > 1 else [low, high]
    names = [scale_number(tick) for tick in ticks]
    if clamped and np.isclose(ticks[0], low):
        names[0] = f"≤ {names[0]}"
    axis.set_ticks(list(np.log10(ticks)), names)
    axis.set_ticks([], minor=True)
