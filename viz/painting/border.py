"""Where a fold begins and ends in a picture, how wide it is, where wires meet it, and what its ribbons are called."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..layout.curves import Line, Point, Shape, dense
from ..layout.metrics import text_width
from ..layout.routing import Route
from ..layout.search import Layout
from ..reading.fold import KEY, Fold, Ribbon

_LEAST_WIDTH = 168.0
_BETWEEN = 58.0  # the panel's label and its count leave so much room for a wire between them


def count_of(fold: Fold) -> str:
    """How many steps a fold stands for, in words."""
    return f"{len(fold):,} steps folded"


def fold_width(fold: Fold, layout: Layout, label: str) -> float:
    """How wide the panel of a fold is: its label, its strip and its loss must fit."""
    heading = text_width(label, 14) + text_width(count_of(fold), 11) + _BETWEEN
    return max(_LEAST_WIDTH, layout.strips.width + 28, heading)


@dataclass(frozen=True)
class Border:
    """The two sides of a fold's panel, and the box (x, y) of its losses, from where a wire goes up to L."""

    left: float
    right: float
    loss: Shape

    @property
    def middle(self) -> float:
        """Half way between the sides."""
        return (self.left + self.right) / 2

    @classmethod
    def of(cls, fold: Fold, layout: Layout, label: str, left: float, top: float) -> Border:
        """The border of a fold whose panel begins at `left`, below `top`."""
        width, role = fold_width(fold, layout, label), layout.structure.template.loss
        low, high = left + 28 + text_width(label, 14), left + width - 28 - text_width(count_of(fold), 11)
        y = layout.placement.at[role][1] if fold.losses and role is not None else top
        return cls(left, left + width, Shape(min(max(left + width / 2, low), max(low, high)), y, 96.0, 28.0))

    def ending(self, wire: Route, dx: float, name: str) -> Route:
        """A wire from a drawn node, cut off where it meets the fold; `dx` is where the reader's step would begin."""
        from_left = wire.start.x + dx < self.middle
        border = (self.left if from_left else self.right) - dx
        line = _until(wire.line, border, 1 if from_left else -1)
        end = Shape(border, line[-1][1], 1.0, 40.0)
        return replace(wire, key=f"{wire.key}-into-fold{name}", line=tuple(line), end=end, head=KEY)

    def leaving(self, wire: Route, dx: float, name: str) -> Route:
        """A wire to a drawn node, from where it leaves the fold."""
        to_right = wire.end.x + dx > self.middle
        border = (self.right if to_right else self.left) - dx
        line = _until(wire.line[::-1], border, -1 if to_right else 1)[::-1]
        start = Shape(border, line[0][1], 1.0, 40.0)
        return replace(wire, key=f"{wire.key}-from-fold{name}", line=tuple(line), start=start)


@dataclass(frozen=True)
class PaintedRibbon:
    """A ribbon of the fold on the canvas: the names of its arrow and of its segments, each from step to step."""

    ribbon: Ribbon
    arrow: str
    segments: dict[str, tuple[int, int]] = field(default_factory=dict)


def _until(line: tuple[Point, ...], border: float, way: int) -> Line:
    """The line from its beginning to where it crosses a vertical border, from the left (`way` 1) or the right (-1)."""
    found: Line = [line[0]]
    for a, b in zip(line, line[1:], strict=False):
        if way * (b[0] - border) >= 0:
            share = (border - a[0]) / (b[0] - a[0]) if b[0] != a[0] else 0.0
            found.append((border, a[1] + (b[1] - a[1]) * share))
            break
        found.append(b)
    return dense(found)
