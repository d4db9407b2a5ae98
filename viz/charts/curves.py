"""Draw norms against the lag on a log axis: each curve with its own colour, dash and marker, zeros at the bottom."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layout.metrics import scale_number
from .heat import dress
from .palette import DASHES, MARKERS, Palette

FLOOR = 1e-290
BEYOND = 1e4  # how far above and below the curves the axis may go for the sake of a bound


class Curves:
    """Curves of one axes; `add` and `bounds` first, then `finish`."""

    def __init__(self, axes: Any, palette: Palette) -> None:
        self.axes, self.palette, self.count = axes, palette, 0
        self.zeros: list[tuple[Any, Any]] = []
        self.seen: list[float] = []

    def add(self, lags: Any, values: Any, label: str, thin: bool = False, colour: Any = None) -> Any:
        """One curve; a value of exactly zero is no point of it, and becomes a mark at the bottom of the axes."""
        lags, values = np.asarray(lags), np.asarray(values, dtype=float)
        i = self.count
        self.count += 1
        style = {
            "color": colour or self.palette.series[i % len(self.palette.series)],
            "linestyle": DASHES[i % len(DASHES)],
            "marker": MARKERS[i % len(MARKERS)] if len(lags) <= 60 else "",
        }
        if i >= len(MARKERS):  # a second round is told from the first by hollow marks
            style["markerfacecolor"] = self.palette.paper
        shown = np.where(np.isfinite(values) & (values > FLOOR), values, np.nan)
        (line,) = self.axes.plot(lags, shown, label=label, markersize=4.5, linewidth=1.0 if thin else 1.8, **style)
        self.seen += [float(value) for value in shown[~np.isnan(shown)]]
        if np.any(values == 0):
            self.zeros.append((lags[values == 0], style["color"]))
        return line

    def bound(self, lags: Any, values: Any, label: str, dash: Any = (0, (4, 2))) -> Any:
        """A bound: a thin dashed grey curve."""
        values = np.asarray(values, dtype=float)
        shown = np.where(np.isfinite(values) & (values > FLOOR), values, np.nan)
        (line,) = self.axes.plot(lags, shown, label=label, linestyle=dash, linewidth=1.1, color=self.palette.bound)
        return line

    def between(self, lags: Any, low: Any, high: Any) -> None:
        """A pale area between two bounds."""
        low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
        good = np.isfinite(high) & (high > FLOOR)
        low = np.where(low > FLOOR, low, np.min(high[good], initial=1.0) * 1e-3)
        self.axes.fill_between(lags, low, high, where=good, color=self.palette.bound, alpha=0.12, linewidth=0)

    def finish(self, across: str, up: str, title: str) -> None:
        """Log axis, grid, words, legend."""
        axes, palette = self.axes, self.palette
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        if self.seen:  # a bound may run off; the curves are what is looked at
            low, high = max(low, min(self.seen) / BEYOND), min(high, max(self.seen) * BEYOND)
            axes.set_ylim(low, high)
        for n, (at, colour) in enumerate(self.zeros):
            bottom = {"transform": axes.get_xaxis_transform(), "linestyle": "", "marker": "x", "clip_on": False}
            label = "exactly 0" if n == 0 else "_"
            axes.plot(at, np.full(len(at), 0.02), color=colour, label=label, **bottom)
        axes.yaxis.set_major_formatter(lambda value, _: scale_number(value))
        axes.yaxis.set_minor_formatter(lambda value, _: "")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(True, which="major", color=palette.faint, linewidth=0.6, alpha=0.7)
        axes.set_axisbelow(True)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.set_title(title, loc="left", fontweight="bold", color=palette.ink)
        dress(axes, palette)
        if self.count:
            axes.legend(frameon=False, labelcolor=palette.ink, loc="upper left", bbox_to_anchor=(1.0, 1.02))
