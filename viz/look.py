"""How a picture shall look: the choices that `draw` takes, checked, with one clear line for what cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass

from .painting.canvas import Canvas
from .painting.themes import LIGHT, THEMES, Theme
from .reading.views import SHOWS
from .render import PictureError


@dataclass(frozen=True)
class Look:
    """The choices of one picture."""

    theme: Theme = LIGHT
    show: str = "both"

    @classmethod
    def of(cls, theme: object, show: object) -> Look:
        """Check what the user chose.

        Raises:
            PictureError: a choice that does not exist.
        """
        if not isinstance(theme, str) or theme not in THEMES:
            raise PictureError(f"theme={theme!r}: must be one of {', '.join(map(repr, THEMES))}")
        if not isinstance(show, str) or show not in SHOWS:
            raise PictureError(f"show={show!r}: must be one of {', '.join(map(repr, SHOWS))}")
        return cls(THEMES[theme], show)

    def dress(self, canvas: Canvas) -> None:
        """Give a painted canvas its colours, and leave out what shall not be shown."""
        canvas.theme = self.theme
        canvas.hides = frozenset({"fwd"}) if self.show == "gradient" else frozenset()
