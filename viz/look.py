"""How a picture shall look: the choices that `draw` takes, checked, with one clear line for what cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass

from .painting.themes import LIGHT, THEMES, Theme
from .render import PictureError


@dataclass(frozen=True)
class Look:
    """The choices of one picture."""

    theme: Theme = LIGHT

    @classmethod
    def of(cls, theme: object) -> Look:
        """Check what the user chose.

        Raises:
            PictureError: a choice that does not exist.
        """
        if not isinstance(theme, str) or theme not in THEMES:
            raise PictureError(f"theme={theme!r}: must be one of {', '.join(map(repr, THEMES))}")
        return cls(THEMES[theme])
