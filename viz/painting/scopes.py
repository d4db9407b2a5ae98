"""Paint the frames of a step's named parts, each with its label where no wire and no other text runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..layout.curves import Point
from ..layout.metrics import shorten, text_width
from ..layout.scopes import LABEL, Frame, frames, intruders
from ..layout.search import Layout
from .canvas import Canvas
from .colours import SCOPE, SCOPE_EDGE, TEXT_GREY

_SIZE = 10.5
_LENGTHS = (28, 18, 12, 8, 5)  # characters of a label: shorter where a longer one would lie under a wire


@dataclass(frozen=True)
class Framed:
    """The frames that are drawn, each with its label and that one's middle, and parts without a frame."""

    frames: tuple[tuple[Frame, str, Point], ...]
    scattered: tuple[str, ...]


def framed(layout: Layout) -> Framed:
    """The frames of a layout, kind of step by kind of step: they share coordinates and never meet."""
    template, at = layout.structure.template, layout.placement.at
    drawn: list[tuple[Frame, str, Point]] = []
    scattered: dict[str, None] = {}
    for kind in range(len(template.kinds)):
        parts = template.of_kind(kind).parts
        boxes = {part.role: layout.boxes[part.role] for part in parts}
        places = {role: at[role] for role in boxes}
        found = frames(parts, boxes, places)
        lost = intruders(found, boxes, places)
        scattered |= dict.fromkeys(path[-1] for path in lost)
        kept = [frame for frame in found if frame.path not in lost]
        drawn += [(frame, *_label(frame, kept, layout, kind)) for frame in kept]
    return Framed(tuple(drawn), tuple(scattered))


def paint_frames(canvas: Canvas, frames: Framed, present: frozenset[int], s: int, dx: float) -> None:
    """The frames of one step around what is there; before its nodes, so that they lie behind."""
    for n, (frame, label, (x, y)) in enumerate(frames.frames):
        if not frame.roles & present:
            continue
        middle = ((frame.left + frame.right) / 2 + dx, (frame.bottom + frame.top) / 2)
        size = (frame.right - frame.left, frame.top - frame.bottom)
        style = {"fillcolor": SCOPE, "color": SCOPE_EDGE, "penwidth": "1", "tooltip": " › ".join(frame.path)}
        canvas.box(f"scope{n}@{s}", "", middle, size, "scope", panel=f"t{s}", **style)
        canvas.text(label, (x + dx, y), _SIZE, TEXT_GREY, panel=f"t{s}", kind="text scope")


def _label(frame: Frame, others: Sequence[Frame], layout: Layout, kind: int) -> tuple[str, Point]:
    """The longest label for which there is a free place; the shortest at the top left where there is none."""
    for most in _LENGTHS:
        text = shorten(frame.label, most)
        wide = text_width(text, _SIZE) / 2 + 5
        if place := _free_place(frame, wide, others, layout, kind):
            return text, place
    return text, (frame.left + wide, frame.top - LABEL / 2 - 1)


def _free_place(frame: Frame, wide: float, others: Sequence[Frame], layout: Layout, kind: int) -> Point | None:
    """The first place along the frame's top, then its bottom, that is free of wires and nodes."""
    rows = [frame.top - LABEL / 2 - 1, frame.bottom + LABEL / 2 + 1]
    obstacles = [o for o in layout.routing.obstacles if o.kind == kind]
    points = [point for wire in layout.routing.routes for point in wire.line]
    for x, y in _candidates(frame, rows, wide):
        sides = x - wide, y - LABEL / 2, x + wide, y + LABEL / 2
        inner = any(other.meets(sides) for other in others if len(other.path) > len(frame.path))
        near = any(sides[0] - 5 < px < sides[2] + 5 and sides[1] - 3 < py < sides[3] + 3 for px, py in points)
        hit = any(
            o.left < sides[2] and o.right > sides[0] and o.bottom < sides[3] and o.top > sides[1] for o in obstacles
        )
        if not (inner or near or hit):
            return x, y
    return None


def _candidates(frame: Frame, rows: Sequence[float], wide: float) -> Iterator[Point]:
    for y in rows:
        x = frame.left + wide
        while x + wide <= frame.right + 0.1:
            yield x, y
            x += 4.0
