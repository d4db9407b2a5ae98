"""Paint the folded steps as one narrow panel: every carry crosses it, with a ribbon that shows its gradient by step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ..layout.curves import Point, straight
from ..layout.metrics import fitting, loss_number, text_width
from ..layout.routing import Route
from ..reading.fold import KEY, Fold, Ribbon
from ..reading.naming import followed_words
from ..reading.words import symbol
from .border import Border, PaintedRibbon, count_of
from .cells import paint_table
from .colours import FORWARD, GREY, LOSS, LOSS_EDGE, PAGE, PALE, TEXT_GREY, line_colour
from .flows import together
from .lanes import LANE, paint_scissors
from .steps import Painter

_LEAST_WIDTH = 168.0
_MARGIN = 10.0  # from the panel's border to the ends of a ribbon
_LEAST_SEGMENT = 1.4  # a segment narrower than this could not be seen
_RIBBON_PITCH = 34.0
_THIN, _HIGH = 2.0, 8.0  # height of a segment: faintest, and what the strongest has more
_SCISSORS = 17.0  # room for a pair of scissors: in a gap so wide, otherwise below it


def paint_fold(painter: Painter) -> None:
    """The fold of a picture, if it has one."""
    if painter.fold and painter.border:
        FoldPanel(painter, painter.fold, painter.border).paint()


Bin = tuple[int, int, float | None]  # first step, last step, largest norm
Gap = tuple[int, int]  # first bin, last bin


class FoldPanel:
    """The panel of one fold, and the wires that end at its borders."""

    def __init__(self, painter: Painter, fold: Fold, border: Border):
        self.painter, self.canvas, self.graph, self.fold = painter, painter.canvas, painter.graph, fold
        self.border, self.left, self.right, self.middle = border, border.left, border.right, border.middle
        self.node = painter.graph.nodes[KEY]

    def paint(self) -> None:
        """The panel, its words, a ribbon for each carry, the folded losses, and the wires across its borders."""
        painter, canvas = self.painter, self.canvas
        style = {"color": PALE, "fillcolor": PAGE, "style": "rounded,dashed,filled"}
        panel = str(self.node["label"])
        canvas.panel(KEY, self.left, painter.bottom, self.right, painter.top, panel, **style)
        at = (self.right - 10, painter.top - 13)
        canvas.text(count_of(self.fold), at, 11, TEXT_GREY, side="r", panel=KEY)
        canvas.stands_for[KEY] = (("node", KEY),)
        tooltip = str(self.node["tooltip"])
        anchor = (self.middle, painter.bottom + 3)
        canvas.box(KEY, "", anchor, (1.0, 1.0), "anchor", panel=KEY, tooltip=tooltip, style="invis")
        self._losses()
        for ribbon, y in self.heights.items():
            self._ribbon(ribbon, y)
        lanes = [memory.y for memory in painter.layout.routing.memories]
        lowest = min([*self.heights.values(), *lanes], default=painter.top)
        if self.heights and painter.backward:
            self._explain(min(self.heights.values()))
        self._wires()
        if painter.strips:
            self._strip(lowest)

    # ---- ribbons ----

    def tap(self, role: int, n: int, stores: bool) -> tuple[float, float]:
        """Where the lane of what is remembered meets the ribbon of a state: near the right end, or the left."""
        y = next((y for ribbon, y in self.heights.items() if ribbon.role == role), self.painter.strip_y + 60)
        return (self.right - 22 - 18 * n if stores else self.left + 22 + 18 * n), y - LANE - 12

    @cached_property
    def heights(self) -> dict[Ribbon, float]:
        """Every ribbon with its height."""
        return dict(self._heights())

    def _heights(self) -> Iterator[tuple[Ribbon, float]]:
        """Each ribbon at the height of its carry, or as near below it as others leave room."""
        painter, taken = self.painter, list[float]()
        if self.fold.losses:
            taken.append(self.border.loss.y)
        for ribbon in sorted(self.fold.ribbons, key=lambda r: (r.lag != 1, r.role)):
            y = self._natural(ribbon)
            free = (y - 2 * n for n in range(400))
            low = painter.strip_y + 40
            pitch = _RIBBON_PITCH + (10 if any(other.cut for other in self.fold.ribbons) else 0)
            y = next((h for h in free if h < low or all(abs(h - other) >= pitch for other in taken)), y)
            taken.append(y)
            yield ribbon, y

    def _natural(self, ribbon: Ribbon) -> float:
        painter = self.painter
        if ribbon.lag == 1:
            return painter.placement.at[ribbon.role][1]
        memories = painter.layout.routing.memories
        for n, memory in enumerate(memories):
            if memory.source == ribbon.role and ribbon.lag is None:
                return max(other.y for other in memories) + 34 + (_RIBBON_PITCH + 4) * n
        for wire in painter.layout.routing.routes:
            if any((edge.source, edge.lag) == (ribbon.role, ribbon.lag) for edge in wire.edges) and wire.back:
                return wire.line[len(wire.line) // 2][1]
        return painter.placement.at[ribbon.role][1]

    def _ribbon(self, ribbon: Ribbon, y: float) -> None:
        """A dashed arrow for the values, a name above it, and below it a segment for every step."""
        canvas, name = self.canvas, f"fold-{ribbon.role}-{'all' if ribbon.lag is None else ribbon.lag}"
        left, right = self.left + _MARGIN, self.right - _MARGIN
        backward = ribbon.lag is not None and ribbon.lag < 0
        if self.fold.losses and y > self.border.loss.y:  # the losses go up to the total in the middle
            canvas.text(self._told(ribbon), (left, y + 14), 11, GREY, side="l", panel=KEY)
        else:
            canvas.text(self._told(ribbon), (self.middle, y + 14), 11, GREY, panel=KEY)
        ends = (right, left + 6) if backward else (left, right - 6)
        tip = (left if backward else right, y + LANE)
        shaft = straight((ends[0], y + LANE), (ends[1], y + LANE))
        painted = PaintedRibbon(ribbon, f"fwd-{name}")
        self.painter.ribbons.append(painted)
        canvas.wire(painted.arrow, (KEY, KEY), shaft, tip, "fwd fold", style="dashed", color=FORWARD,
                    tooltip=f"{ribbon.label}, {count_of(self.fold)}")  # fmt: skip
        if not self.painter.backward or all(norm is None for norm in ribbon.norms):
            return
        bins = _bins(ribbon, int((right - left) / _LEAST_SEGMENT))
        wide, gaps = (right - left) / len(bins), _gaps(ribbon, bins)
        for n, (first, last, norm) in enumerate(bins):
            middle = left + wide * (n + 0.5)
            if not any(begin <= n <= end for begin, end in gaps):
                self._segment(painted, f"{name}-{first}", (first, last), norm, (middle, y - LANE + 2), wide)
        self._cuts(ribbon, name, bins, gaps, (left, y - LANE + 2), wide)

    def _cuts(self, ribbon: Ribbon, name: str, bins: list[Bin], gaps: list[Gap], top: Point, wide: float) -> None:
        """Scissors at each gap, or as many as do not meet: in the gap where it is wide, below it where it is not."""
        free = top[0] - _SCISSORS
        for begin, end in gaps or ([(0, len(bins) - 1)] if ribbon.cut else []):
            x = top[0] + wide * (begin + end + 1) / 2
            below = not gaps or wide * (end + 1 - begin) < _SCISSORS
            if x - free < _SCISSORS:
                continue
            free = x
            first, last = bins[begin][0], bins[end][1]
            here = [n for n in sorted(ribbon.cut) if first <= n <= last]
            told = f"{self._told(ribbon)}, {self._when(here[0], here[-1])}: cut, no gradient is followed here"
            if len(here) <= here[-1] - here[0]:
                told = f"{self._told(ribbon)}: cut in {len(here):,} of the steps {self._when(first, last)}"
            at = (x, top[1] - (_THIN + _HIGH + 6.5 if below else (_THIN + _HIGH) / 2))
            paint_scissors(self.canvas, f"{name}-cut{first}", (KEY, KEY), at, told)

    def _told(self, ribbon: Ribbon) -> str:
        """The label of a ribbon, its name cut to what the panel has room for."""
        name, comma, how = (ribbon.label, "", "") if ribbon.lag == 1 else ribbon.label.rpartition(", ")
        room = self.right - self.left - 2 * _MARGIN - text_width(comma + how, 11)
        return fitting(name, room, 11) + comma + how

    def _when(self, first: int, last: int) -> str:
        steps = self.graph.graph["steps"]
        begin, end = steps[self.fold.start + first][1], steps[self.fold.start + last][1]
        return f"t = {begin}" if first == last else f"t = {begin} to {end}"

    def _segment(
        self, painted: PaintedRibbon, name: str, span: tuple[int, int], norm: float | None, top: Point, wide: float
    ) -> None:
        """One step, or the largest of some: height and colour by the norm; exactly zero is an empty outline."""
        if norm is None:
            return
        (first, last), ribbon = span, painted.ribbon
        painted.segments[name] = (self.fold.start + first, self.fold.start + last)
        u = self.painter.scale.position(norm)
        high = _THIN + _HIGH * u if norm else _THIN
        when = self._when(first, last) if first == last else f"largest of {self._when(first, last)}"
        tooltip = f"{self._told(ribbon)}, {when}: ‖gradient‖ {norm:.4g}"
        style = {"style": "filled", "penwidth": "0", "fillcolor": line_colour(u)}
        if norm == 0:
            style = {"style": "filled", "penwidth": "0.4", "color": PALE, "fillcolor": PAGE}
            tooltip = tooltip.replace(f"{norm:.4g}", "exactly 0")
        at = (top[0], top[1] - high / 2)
        size = (max(wide - (0.4 if wide > 2 else 0.0), 0.6), high)
        self.canvas.box(name, "", at, size, "bar segment", panel=KEY, tooltip=tooltip, **style)

    def _explain(self, lowest: float) -> None:
        binned = len(self.fold) > int((self.right - self.left - 2 * _MARGIN) / _LEAST_SEGMENT)
        words = ("largest of several steps:", "gradient on that carry") if binned else (
            "one segment per step:", "gradient on that carry")  # fmt: skip
        y = lowest - 40
        if y - 24 < self.painter.strip_y + 30:
            return
        for n, line in enumerate(words):
            self.canvas.text(line, (self.middle, y - 14 * n), 10, TEXT_GREY, panel=KEY)

    # ---- losses ----

    def _losses(self) -> None:
        """One box for all of them, with their mean."""
        if not self.fold.losses:
            return
        followed = KEY in self.painter.seeds
        text = f"mean ℓ = {loss_number(self.fold.loss or 0.0)}"
        if followed:
            at = self.graph.graph["at"]
            name = f"ℓ at {followed_words(at)}" if isinstance(at, tuple) else symbol("ℓ", at)
            text = f"{name} followed"
        size = (max(96.0, text_width(text, 11.5) + 16), 28.0)
        style = {"fillcolor": LOSS, "color": LOSS_EDGE, "style": "rounded,dashed,filled", "fontsize": "11.5"}
        told = f"{self.fold.losses} losses, mean {self.fold.loss:.6g}"
        at = (self.border.loss.x, self.border.loss.y)
        self.canvas.stands_for[f"{KEY}-loss"] = (("node", KEY),)
        self.canvas.faded = "path" in self.graph.graph and not followed
        self.canvas.box(f"{KEY}-loss", text, at, size, "loss fold", panel=KEY, tooltip=told, **style)
        self.canvas.faded = False

    # ---- wires across the borders ----

    def _wires(self) -> None:
        """What runs into the fold, wire by wire; what comes out of it belongs to the steps that read it."""
        for wire in self.painter.layout.routing.routes:
            wanted = {(edge.source, edge.lag, edge.target) for edge in wire.edges}
            by_step: dict[tuple[str, int], list[dict[str, Any]]] = {}
            for u, _, data in self.graph.in_edges(KEY, data=True):
                here = wire.back and (data.get("source"), data["lag"], data.get("target")) in wanted
                if here and (not wire.turn or data["step"] % wire.turn[1] == wire.turn[0]):
                    by_step.setdefault((u, data["step"]), []).append(data)
            for (u, s), several in by_step.items():
                self._into(wire, u, s, several)

    def _into(self, wire: Route, u: str, s: int, several: list[dict[str, Any]]) -> None:
        """One wire from a drawn state to the border, as it would run to the folded step that reads it."""
        painter = self.painter
        made = s - wire.back
        if u[0] == "i":
            dx = painter.layout.pitch * s
            wire = painter.from_initial(wire, painter.initial_at[self.graph.nodes[u]["role"], made], s, dx)
        else:
            dx = painter.shift[made] + painter.layout.pitch * wire.back
        wire = self.border.ending(wire, dx, f"{s}")
        painter.wires.draw(wire, (u, KEY), f"{wire.key}@{s}", dx, together(several), [(u, KEY)])

    # ---- strip ----

    def _strip(self, lowest: float) -> None:
        painter, graph = self.painter, self.graph
        weights = graph.graph["weights"]

        def share(k: int) -> float | None:
            data = graph.get_edge_data(weights[k], KEY)
            return None if data is None or data[0]["gradient"] is None else float(data[0]["gradient"])

        def words(k: int) -> str:
            data = graph.get_edge_data(weights[k], KEY)[0]
            return f"sum of {len(self.fold)} folded parts, each {data['each'][0]:.3g} to {data['each'][-1]:.3g}"

        left = self.middle - painter.layout.strips.width / 2
        paint_table(painter, left, share, f"@{KEY}", words, KEY)
        if any(share(k) is not None for k in range(len(weights))) and lowest - 14 > painter.strip_y + 26:
            self.canvas.text("norm of the parts' sum", (self.middle, painter.strip_y + 19), 10, TEXT_GREY, panel=KEY)


def _bins(ribbon: Ribbon, most: int) -> list[Bin]:
    """(first, last, largest norm) of each segment: one for every step where there is room, else some together."""
    count = len(ribbon.norms)
    pieces = min(count, max(1, most))
    found = []
    for n in range(pieces):
        first, last = n * count // pieces, (n + 1) * count // pieces - 1
        here = [norm for norm in ribbon.norms[first : last + 1] if norm is not None]
        found.append((first, last, max(here, default=None)))
    return found


def _gaps(ribbon: Ribbon, bins: list[Bin]) -> list[Gap]:
    """Runs of bins without a segment, since a cut is in each; none where cuts are too dense for bins of many steps."""
    cut = [any(n in ribbon.cut for n in range(first, last + 1)) for first, last, _ in bins]
    if len(bins) < len(ribbon.norms) and 2 * sum(cut) > len(bins):
        cut = [all(n in ribbon.cut for n in range(first, last + 1)) for first, last, _ in bins]
    found: list[Gap] = []
    for n in (n for n, is_cut in enumerate(cut) if is_cut):
        found[-1:] = [(found[-1][0], n)] if found and found[-1][1] == n - 1 else [*found[-1:], (n, n)]
    return found
