"""Paint wires: the lane of a value and the lane of its gradient, as often as the wire runs, each time shifted."""

from __future__ import annotations

from collections.abc import Sequence

from ..layout.curves import Line, Point
from ..layout.routing import Route
from ..layout.search import Layout
from .canvas import Canvas
from .colours import Scale, line_colour
from .flows import Flows
from .lanes import CUT, LANE, ZERO, make_lane, paint_gradient, paint_scissors

_LEVELS = 12  # widths of gradient lanes; lanes are computed once per level and only shifted from step to step


class Wires:
    """Paints the wires of one layout on a canvas, with colours of a scale."""

    def __init__(self, canvas: Canvas, layout: Layout, scale: Scale):
        self.canvas, self.layout, self.scale = canvas, layout, scale
        self._lanes: dict[tuple[str, str, float], tuple[Line, Point, Point]] = {}

    def draw(
        self,
        wire: Route,
        ends: tuple[str, str],
        name: str,
        dx: float,
        flows: Flows,
        pairs: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Both lanes of a wire: the value forward in thin grey, the gradient backward in wide colour.

        `pairs` are the edges of the graph that the wire stands for.
        """
        self.canvas.stands_for |= dict.fromkeys((f"fwd-{name}", f"bwd-{name}", f"tip-{name}"), tuple(pairs))
        chip = "kept" if wire.weight and wire.weight[0] == "k" else "weight"
        words = chip if wire.weight else "skip" if wire.turn else "carry" if wire.back else "link"
        if flows.adjoint is not None:
            self._adjoint(wire, ends, name, dx, flows, words)
            return
        self.canvas.faded = flows.faded
        body, _, tip = self._lane(wire, "alone" if flows.gradient is None else "forward", 0.0)
        head = None if wire.head.startswith("j") else tip  # values do not stop where a wire splits
        self.canvas.wire(f"fwd-{name}", ends, body, head, f"fwd {words}", dx, tooltip=flows.tooltip)
        self.canvas.faded = False
        if flows.gradient is not None:
            self._gradient(wire, ends, name, dx, flows, words)

    def _adjoint(self, wire: Route, ends: tuple[str, str], name: str, dx: float, flows: Flows, words: str) -> None:
        """One lane that runs forward in colour: values shown alone, or the gradients of a recorded backward pass."""
        assert flows.adjoint is not None
        u = self.scale.position(flows.adjoint)
        body, base, tip = self._lane(wire, "adjoint", round(u * _LEVELS) / _LEVELS)
        if flows.adjoint == 0:
            style = ZERO | {"arrowhead": "none"} if wire.head.startswith("j") else ZERO
            self.canvas.wire(f"fwd-{name}", ends, body, tip, f"fwd zero {words}", dx, tooltip=flows.tooltip, **style)
        elif wire.head.startswith("j"):
            style = {"color": line_colour(u), "penwidth": f"{1.2 + 3.2 * u:.2f}", "tooltip": flows.tooltip}
            self.canvas.wire(f"fwd-{name}", ends, body, None, f"fwd adjoint {words}", dx, **style)
        else:
            kind = f"fwd adjoint {words}"
            paint_gradient(self.canvas, name, ends, body, base, tip, u, kind, flows.tooltip, "fwd", dx)

    def _gradient(self, wire: Route, ends: tuple[str, str], name: str, dx: float, flows: Flows, words: str) -> None:
        back = (ends[1], ends[0])
        assert flows.gradient is not None
        if flows.gradient == 0:
            body, _, tip = self._lane(wire, "zero", 0.0)
            style = dict(CUT if flows.cut else ZERO)
            kind = f"bwd {'cut' if flows.cut else 'zero'} {words}"
            self.canvas.wire(f"bwd-{name}", back, body, tip, kind, dx, tooltip=flows.tooltip, **style)
            if flows.cut and wire.back and not wire.tail.startswith("j"):
                self._scissors(wire, back, name, dx, flows.tooltip)
            return
        u = round(self.scale.position(flows.gradient) * _LEVELS) / _LEVELS
        body, base, tip = self._lane(wire, "gradient", u)
        kind, exact = f"bwd {words}", self.scale.position(flows.gradient)
        paint_gradient(self.canvas, name, back, body, base, tip, exact, kind, flows.tooltip, dx=dx)

    def _scissors(self, wire: Route, ends: tuple[str, str], name: str, dx: float, tooltip: str) -> None:
        """On the backward lane of a cut wire, where it crosses from one step into the next."""
        left, right = self.layout.placement.left, self.layout.placement.right
        border = left - (self.layout.pitch - (right - left)) / 2
        if ends[1].startswith("i"):  # an initial state stands near the panel: its arrow head needs the gap
            border = left + 3
        x, y = min(wire.line, key=lambda point: abs(point[0] - border))
        paint_scissors(self.canvas, name, ends, (x + dx, y - LANE), tooltip)

    def _lane(self, wire: Route, lane: str, u: float) -> tuple[Line, Point, Point]:
        """(cubics, base of the arrow head, its tip) of one lane; kept, since steps differ by a shift only."""
        key = (wire.key, lane, u)
        if key not in self._lanes:
            head = not wire.head.startswith("j")
            self._lanes[key] = make_lane(wire.line, wire.start, wire.end, lane, u, head, wire.branches)
        return self._lanes[key]
