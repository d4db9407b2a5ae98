"""The colours of charts: those of the pictures, for paper that is light, dark, or printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..painting import colours
from ..render import PictureError


@dataclass(frozen=True)
class Palette:
    """Colours of one theme.

    Attributes:
        paper: behind everything.
        ink: words and axes.
        faint: grid lines, edges of cells, zeros.
        zero: a cell that is exactly zero.
        stops: from faint to strong gradient, for cells.
        line_stops: the same for lines, where the faint end must be seen, too.
        series: lines, in order; each also has its own marker and dash, so that none is told by colour alone.
        bound: bounds, and the area between them.
    """

    paper: str
    ink: str
    faint: str
    zero: str
    stops: tuple[str, ...]
    line_stops: tuple[str, ...]
    series: tuple[str, ...]
    bound: str

    def map(self) -> Any:
        """A matplotlib colour map along the stops."""
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("gradient", list(self.stops))

    def curve_map(self) -> Any:
        """The same for lines."""
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("lines", list(self.line_stops))

    def on(self, colour: tuple[float, ...]) -> str:
        """Black or white ink, whichever is read better on a colour."""
        return "white" if 1.05 / (luminance(colour) + 0.05) > (luminance(colour) + 0.05) / 0.055 else "#101418"


PALETTES = {
    "light": Palette(
        "white", colours.INK, "#c9d1d8", "white", colours.STOPS, colours.LINE_STOPS,
        ("#3f1163", "#c94f5b", "#2b6ca3", "#a06f0c", "#4a6b2f", "#24303b"), "#5b6773",
    ),
    "dark": Palette(
        "#14191f", "#e6ebef", "#44505c", "#14191f", ("#532a6e", "#8f3f80", "#d9606a", "#f09a4c", "#ffe08a"),
        ("#8a5cb0", "#c05aa5", "#e0707a", "#f09a4c", "#ffe08a"),
        ("#ffe08a", "#f28c93", "#7db8e8", "#f09a4c", "#a9d08a", "#e6ebef"), "#9ba7b2",
    ),
    "print": Palette(
        "white", "black", "#bbbbbb", "white", ("#dddddd", "#999999", "#555555", "#000000"),
        ("#8a8a8a", "#555555", "#000000"),
        ("#000000", "#555555", "#000000", "#777777", "#333333", "#555555"), "#777777",
    ),
}  # fmt: skip
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")


def palette(theme: str) -> Palette:
    """The palette of a theme.

    Raises:
        PictureError: there is no such theme.
    """
    if not isinstance(theme, str) or theme not in PALETTES:
        raise PictureError(f"theme={theme!r}: must be one of {', '.join(PALETTES)}")
    return PALETTES[theme]


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance of an sRGB colour with channels from 0 to 1, as WCAG 2 defines it."""
    channels = np.asarray(colour[:3], dtype=float)
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
