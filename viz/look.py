"""How a picture shall look: the choices that `draw` takes, checked, with one clear line for what cannot be meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from numbers import Real
from sys import float_info

import networkx as nx

from .painting.colours import Scale
from .painting.themes import LIGHT, THEMES, Theme
from .picture import Picture
from .reading.views import SHOWS
from .render import PictureError
from .sizing import Draft, Size, choose, fit, read_size

_LEAST, _MOST = 1e-300, float_info.max  # norms at the ends of a colour scale


def read_span(span: object) -> tuple[float, float] | None:
    """The two ends of the colour scale that a user's `span=` gives; None is none.

    Raises:
        PictureError: not two finite norms, 0 < smallest < largest.
    """
    if span is None:
        return None
    ends = list(span) if isinstance(span, tuple | list) else []
    if len(ends) == 2 and all(isinstance(end, Real) for end in ends) and _LEAST <= ends[0] < ends[1] <= _MOST:
        low, high = map(float, ends)
        if log10(low) < log10(high):
            return low, high
    raise PictureError(
        f"span={span!r}"[:80] + f": must be two finite norms, {_LEAST:g} ≤ smallest < largest, as in span=(0.01, 1)"
    )


@dataclass(frozen=True)
class Look:
    """The choices of one picture."""

    theme: Theme = LIGHT
    show: str = "both"
    sizes: tuple[Size, ...] = ()

    @classmethod
    def of(cls, theme: object, show: object, size: object) -> Look:
        """Check what the user chose.

        Raises:
            PictureError: a choice that does not exist.
        """
        if not isinstance(theme, str) or theme not in THEMES:
            raise PictureError(f"theme={theme!r}: must be one of {', '.join(map(repr, THEMES))}")
        if not isinstance(show, str) or show not in SHOWS:
            raise PictureError(f"show={show!r}: must be one of {', '.join(map(repr, SHOWS))}")
        return cls(THEMES[theme], show, read_size(size))

    def picture(
        self, drafts: Sequence[Draft], graph: nx.MultiDiGraph, title: str, description: str, scale: Scale
    ) -> Picture:
        """Make a picture of the draft that fits best, in its colours and size, without what shall not be shown.

        Raises:
            PictureError: no draft can be read in the size that was asked for.
        """
        draft, size = choose(drafts, self.sizes) if self.sizes else (drafts[0], None)
        printed = fit(draft, size) if size else None
        draft.canvas.theme = self.theme
        draft.canvas.hides = frozenset({"fwd"}) if self.show == "gradient" else frozenset()
        finished = draft.canvas.finished(draft.frame)
        if printed:
            finished.extra.update(printed.attributes)
        span = (scale.low, scale.high)
        return Picture(finished, graph, title, description, span, canvas=draft.canvas, printed=printed)
