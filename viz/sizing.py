"""Fit a picture to a slide or a page: its size, and whether the smallest text can still be read there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Any

from .painting.canvas import Canvas
from .render import PictureError

_SHORTEST, _LONGEST = 50, 15_000  # of a picture's sides, in points
PAD = 6.0  # empty room around a picture that has a size
Frame = tuple[float, float, float, float]


class TooMuch(PictureError):
    """A picture of which the text could not be read in the size that was asked for.

    Attributes:
        needs: the smallest size in which it could be read; None where no picture may be so large.
    """

    def __init__(self, said: str, needs: tuple[int, int] | None):
        super().__init__(said)
        self.needs = needs

    def with_advice(self, *advice: str) -> PictureError:
        """The same, and what would help: this advice, or the size that it needs."""
        larger = f"give it size=({self.needs[0]}, {self.needs[1]})" if self.needs else ""
        what = ", or ".join(filter(None, [*advice, larger]))
        return PictureError(f"{self}; {what or 'no size that a picture can have is large enough'}")


@dataclass(frozen=True)
class Size:
    """A place for a picture, in points. `exact`: the picture fills it; else it is as wide, and at most as high."""

    name: str
    width: float
    height: float
    exact: bool
    least: float  # the smallest text that can be read there, in points
    dpi: int


COLUMN = Size("column of 3.4 in", 3.4 * 72, 9 * 72, False, 5.0, 300)
PAGE = Size("page of 7 in", 7.0 * 72, 9 * 72, False, 5.0, 300)
SLIDE = Size("slide", 960.0, 540.0, True, 5.0, 144)
NAMES = {"slide": (SLIDE,), "paper": (COLUMN, PAGE)}  # of several, the first where the text can be read


def read_size(size: Any) -> tuple[Size, ...]:
    """The places that a user's `size=` names: "slide", "paper", or (width, height) in points; None is no place.

    Raises:
        PictureError: neither of the names, nor two numbers from 50 to 15,000.
    """
    if size is None:
        return ()
    if isinstance(size, str) and size in NAMES:
        return NAMES[size]
    if isinstance(size, tuple | list) and len(size) == 2 and all(_is_length(side) for side in size):
        wide, high = (float(side) for side in size)
        return (Size(f"picture of {wide:g} × {high:g} pt", wide, high, True, 5.0, 144),)
    raise PictureError(f"size={size!r}: must be 'slide', 'paper', or (width, height) in points, each 50 to 15,000")


@dataclass(frozen=True)
class Draft:
    """A painted picture that has no size yet: its canvas and the frame around all that is drawn."""

    canvas: Canvas
    frame: Frame

    def scale(self, size: Size) -> float:
        """How much larger it is drawn there."""
        left, bottom, right, top = self.frame
        return min(size.width / (right - left + 2 * PAD), size.height / (top - bottom + 2 * PAD))

    def smallest(self, size: Size) -> float:
        """The smallest text there, in points."""
        return self.scale(size) * least_text(self.canvas)


    def room(self, size: Size) -> tuple[int, int] | None:
        """The same place made so large that the smallest text can be read; None where that is too large to be one."""
        left, bottom, right, top = self.frame
        grow = size.least / least_text(self.canvas)
        wide = ceil(max(size.width, grow * (right - left + 2 * PAD) + 1e-6))
        high = ceil(max(size.height, grow * (top - bottom + 2 * PAD) + 1e-6))
        return (wide, high) if max(wide, high) <= _LONGEST else None


def least_text(canvas: Canvas) -> float:
    """The smallest text on a canvas, in points."""
    return min((text.top - text.bottom for text in canvas.texts), default=14.4) / 1.2


def choose(drafts: Sequence[Draft], sizes: Sequence[Size]) -> tuple[Draft, Size]:
    """The draft with the largest text in the first place where it can be read.

    Raises:
        TooMuch: it cannot be read in any; it says where it could.
    """
    for size in sizes:
        best = max(drafts, key=lambda draft: draft.scale(size))
        if best.smallest(size) >= size.least:
            return best, size
    size = sizes[-1]
    best = max(drafts, key=lambda draft: draft.scale(size))
    text = best.smallest(size)
    raise TooMuch(
        f"too much for a {size.name}: the smallest text would have {floor(10 * text) / 10:.1f} pt, "
        f"and needs {size.least:g}",
        best.room(size),
    )


@dataclass(frozen=True)
class Print:
    """How large and how sharp a picture is in the end: points, and pixels per inch."""

    width: float
    height: float
    dpi: int

    @property
    def attributes(self) -> dict[str, str]:
        """What gives it this size in DOT."""
        return {"size": f"{self.width / 72:.4f},{self.height / 72:.4f}!", "pad": f"{PAD / 72:.4f}", "margin": "0"}


def fit(draft: Draft, size: Size) -> Print:
    """Widen the frame of a draft to the shape of its place."""
    left, bottom, right, top = draft.frame
    scale = draft.scale(size)
    wide, high = size.width / scale - 2 * PAD, size.height / scale - 2 * PAD
    if not size.exact:
        high = top - bottom
        wide = max(wide, right - left)
    beside, above = (wide - (right - left)) / 2, (high - (top - bottom)) / 2
    draft.canvas.corners((left - beside, bottom - above, right + beside, top + above))
    return Print((wide + 2 * PAD) * scale, (high + 2 * PAD) * scale, size.dpi)


def _is_length(side: Any) -> bool:
    if isinstance(side, bool) or not isinstance(side, int | float):
        return False
    return isfinite(side) and _SHORTEST <= side <= _LONGEST
