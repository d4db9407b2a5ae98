"""The two lanes of an edge: where each runs beside the other, and how a gradient's shaft and head are drawn."""

from __future__ import annotations

from collections.abc import Iterable

from ..layout.curves import Line, Point, Shape, clipped, cubics, offset, trimmed
from .canvas import Canvas
from .colours import CUT_RED, PAGE, PALE, line_colour

LANE = 3.6  # half the distance between the two lanes of an edge
ZERO = {"color": PALE, "style": "dotted", "penwidth": "1.2", "arrowsize": ".5"}
CUT = {"color": CUT_RED, "style": "dashed", "penwidth": "1.2", "arrowsize": ".5"}


def make_lane(
    line: Iterable[Point],
    start: Shape,
    end: Shape,
    lane: str,
    u: float = 0.0,
    head: bool = True,
    branches: bool = False,
) -> tuple[Line, Point, Point]:
    """One lane of an edge from its centre line: shifted sideways, clipped at its ends, with room for the arrow head.

    Lanes: "forward" lies left of travel; "gradient" and "zero" right of it and run backward; "alone" in the middle, as
    "adjoint", which is as wide as a gradient. These and the first have no head where `head` is false.
    The value of a wire that `branches` off another to the left begins at the lane of that one's value.
    Returns the cubics of the shaft, the base of the arrow head and its tip.
    """
    backward = lane in ("gradient", "zero")
    side = 0.0 if lane in ("alone", "adjoint") else -LANE if backward else LANE
    points = offset(list(line), side)
    if backward:
        points, start, end = points[::-1], end, start
    points = clipped(points, start, end)
    if branches and lane == "forward":
        points = trimmed(points[::-1], LANE + 0.1)[::-1]  # it meets that lane, and does not cross it
    if len(points) < 2:
        points = [points[0], (points[0][0] + 0.1, points[0][1])]
    # Graphviz 2 lets stroked heads poke out by their pen, later versions do not: a fair middle for the thin ones.
    wide = lane in ("gradient", "adjoint")
    points = trimmed(points, 0.5 if wide else 0.8)
    tip = points[-1]
    if not (head or backward):
        return cubics(points), tip, tip
    shaft = trimmed(points, head_length(u) if wide else 5.5)
    return cubics(shaft), shaft[-1], tip


def head_length(u: float) -> float:
    """Length of the head of a gradient arrow; short enough for the gap between a chip and its node."""
    return 5.5 + 4.5 * u


def paint_scissors(canvas: Canvas, name: str, ends: tuple[str, str], at: Point, tooltip: str = "") -> None:
    """Open scissors at a point of a cut wire; they say without any colour that nothing passes."""
    x, y = at
    for side in (1, -1):
        handle, edge = (x + 6.5, y + 3.2 * side), (x - 6.5, y - 2.4 * side)
        style = {"fillcolor": PAGE, "color": CUT_RED, "style": "filled", "penwidth": "1.1", "tooltip": tooltip}
        canvas.head(f"blade{side}-{name}", ends, handle, edge, 2.4, kind="bwd cut tip", color=CUT_RED)
        canvas.box(f"handle{side}-{name}", "", handle, (4.4, 4.4), "mark", shape="circle", **style)


def paint_gradient(
    canvas: Canvas,
    name: str,
    ends: tuple[str, str],
    body: Line,
    base: Point,
    tip: Point,
    u: float,
    kind: str,
    tooltip: str = "",
    lane: str = "bwd",
    dx: float = 0.0,
) -> None:
    """A gradient lane `dx` further right: shaft and head, width and colour by the position u on the scale."""
    hue = line_colour(u)
    style = {"color": hue, "penwidth": f"{1.2 + 3.2 * u:.2f}"}
    # The shaft reaches a little into its head, so that no seam shows between the two.
    canvas.wire(f"{lane}-{name}", ends, body, None, kind, dx, tooltip=tooltip, **style)
    base, tip = (base[0] + dx, base[1]), (tip[0] + dx, tip[1])
    canvas.head(f"tip-{name}", ends, base, tip, 5 + 6.5 * u, kind=f"{lane} tip", color=hue)
