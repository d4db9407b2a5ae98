"""What colours stand for, and the scale that turns a gradient's norm into a place on a theme's ramp of colours.

Painters name roles: `"color": INK`. A `themes.Theme` says which colour a role has, and the canvas puts it in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Roles: fields of Theme, marked by "@".
PAGE, NODE = "@page", "@node"
INK, GREY, TEXT_GREY = "@ink", "@grey", "@text_grey"
OUTLINE, FORWARD, PALE = "@outline", "@forward", "@pale"
PANEL, PANEL_EDGE = "@panel", "@panel_edge"
WEIGHT, WEIGHT_EDGE, WEIGHT_TEXT = "@weight", "@weight_edge", "@weight_text"
LOSS, LOSS_EDGE = "@loss", "@loss_edge"
ADJOINT, SCOPE, SCOPE_EDGE = "@adjoint", "@scope", "@scope_edge"
SEED, SEED_TEXT = "@seed", "@seed_text"
CUT_RED, CELL_EDGE = "@cut", "@cell_edge"


def colour(position: float) -> str:
    """The colour of a cell at a position between 0 (faint) and 1 (strong); positions outside are clamped."""
    return f"@cells:{position:.4f}"


def line_colour(position: float) -> str:
    """The colour of a line at a position between 0 and 1: like `colour`, but clearer at the faint end."""
    return f"@lines:{position:.4f}"


def text_colour(position: float) -> str:
    """The colour of a text on a cell of `colour(position)`."""
    return f"@text_on:{position:.4f}"


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
