"""How a picture shall look: the choices that `draw` takes, checked, with one clear line for what cannot be meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from .painting.colours import Scale
from .painting.themes import LIGHT, THEMES, Theme
from .picture import Picture
from .reading.views import SHOWS
from .render import PictureError
from .sizing import Draft, Size, choose, fit, read_size


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
