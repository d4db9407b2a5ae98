"""The colours of a picture, and the scale that turns a gradient's norm into colour and width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

# From faint to strong. Luminance falls all the way, so the order survives greyscale and colour blindness.
STOPS = ("#f2c14e", "#e8853d", "#c94f5b", "#8a2f77", "#3f1163")
# The same for thin lines, whose faint end would vanish: contrast with a panel is at least 3 to 1 everywhere.
LINE_STOPS = ("#b98216", "#cb6a26", "#c94f5b", "#8a2f77", "#3f1163")

INK = "#24303b"
GREY = "#8b97a3"
TEXT_GREY = "#6b7782"
PALE = "#9ba7b2"
FORWARD = "#8f9ba6"
OUTLINE = "#5b6773"
PANEL, PANEL_EDGE = "#f3f6f8", "#e6ebef"
WEIGHT, WEIGHT_EDGE, WEIGHT_TEXT = "#dcebf7", "#2b6ca3", "#123f63"
LOSS, LOSS_EDGE = "#fff4d6", "#b07d12"
SEED = STOPS[-1]
CUT_RED = "#b3261e"
CELL_EDGE = "#dfe5ea"


def colour(position: float) -> str:
    """The colour of a cell at a position between 0 (faint) and 1 (strong); positions outside are clamped."""
    return _between(STOPS, position)


def line_colour(position: float) -> str:
    """The colour of a line at a position between 0 and 1: like `colour`, but darker at the faint end."""
    return _between(LINE_STOPS, position)


def _between(stops: tuple[str, ...], position: float) -> str:
    along = min(max(position, 0.0), 1.0) * (len(stops) - 1)
    first = min(int(along), len(stops) - 2)
    share = along - first
    low, high = _channels(stops[first]), _channels(stops[first + 1])
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


def _channels(stop: str) -> tuple[int, int, int]:
    return int(stop[1:3], 16), int(stop[3:5], 16), int(stop[5:7], 16)


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale of norms: `low` and `high` are the norms at its two ends.

    `clamped` says that some norms lie below `low`; they are drawn like `low`, and the colour bar says "≤".
    """

    low: float
    high: float
    clamped: bool = False

    def position(self, norm: float) -> float:
        """Where a norm stands between 0 and 1; what is smaller or larger than the ends is clamped to them."""
        if not math.isfinite(norm):
            return 1.0
        if norm <= 0:
            return 0.0
        low, high = math.log10(self.low), math.log10(self.high)
        return min(max((math.log10(norm) - low) / (high - low), 0.0), 1.0)

    def between(self, position: float) -> float:
        """The norm that stands at a position: the inverse of `position` inside the scale."""
        low, high = math.log10(self.low), math.log10(self.high)
        return float(10 ** (low + position * (high - low)))


def scale_of(norms: Iterable[float], span: tuple[float, float] | None = None) -> Scale:
    """The scale for these norms, or for a given span, so that two pictures can be compared.

    The low end is the 4th percentile, since one tiny share would otherwise leave a single colour for all the rest, and
    the scale covers at least one decade.
    """
    values = sorted(norm for norm in norms if norm > 0 and math.isfinite(norm))
    if span is not None:
        low, high = span
    elif values:
        low, high = values[int(0.04 * (len(values) - 1))], values[-1]
        low = min(low, high / 10)
    else:
        low, high = 0.1, 1.0
    low = max(low, 1e-300)
    high = max(high, 10 * low) if span is None else high
    return Scale(low, high, bool(values) and values[0] < 0.99 * low)
