"""The colours of charts: those of the pictures, for paper that is light, dark, or printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..painting.themes import THEMES, Theme, contrast
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

    def on(self, colour: Any) -> str:
        """Black or white ink, whichever is read better on a colour."""
        from matplotlib.colors import to_hex

        return max("#ffffff", "#000000", key=lambda ink: contrast(ink, to_hex(colour)))


def _of(theme: Theme) -> Palette:
    lines = theme.lines
    series = (lines[4], lines[2], theme.weight_edge, lines[0], theme.outline, theme.ink)
    return Palette(theme.page, theme.ink, theme.panel_edge, theme.node, theme.cells, lines, series, theme.grey)


PALETTES = {name: _of(theme) for name, theme in THEMES.items()}
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

