"""The key below the panels instead of beside them, for narrow places: as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Callable

from .colours import PAGE, PANEL_EDGE
from .key import LEAST_WIDTH, Key
from .routes import Routes
from .steps import Painter
from .tables import Tables

_EDGE = 10.0
_MARGIN = 12.0
_SUMS = 66.0  # from the words above the sums to the sums


class KeyBelow(Key):
    """The same key as beside the panels, its parts side by side, in rows no wider than a width."""

    def __init__(self, painter: Painter, left: float, top: float, width: float):
        super().__init__(painter, left)
        self.start, self.top, self.limit, self.bottom = left, top, left + width, top
        self.end = left

    @property
    def right(self) -> float:
        """The right end of the panel."""
        return self.end

    def paint(self) -> None:
        """Draw the parts from left to right, and further rows where a row is full."""
        x, top = self.start, self.top
        for part, width in self._parts():
            if x > self.start and x + width > self.limit:
                x, top = self.start, self.bottom
            self.left, self.width, self.y = x, width, top - 22
            self.bottom = min(self.bottom, part() - _EDGE)
            x += width
            self.end = max(self.end, self.limit, x)
        style = {"color": PANEL_EDGE, "fillcolor": PAGE}
        self.canvas.panel("key", self.start, self.bottom, self.end, self.top, "", **style)

    def _parts(self) -> list[tuple[Callable[[], float], float]]:
        """What is painted, by functions that give their lowest height, and how wide each is."""
        painter, graph = self.painter, self.painter.graph.graph
        parts: list[tuple[Callable[[], float], float]] = [(self._meanings, LEAST_WIDTH)]
        if not painter.backward:
            return parts
        if "path" in graph:
            parts.append((self._route_table, Routes(painter.graph, self.canvas).width + 2 * _MARGIN))
        elif (tables := Tables(painter)).losses:
            parts.append((self._loss_tables, tables.width(tables.own_column(1000.0)[0]) + 2 * _MARGIN))
        if graph["weights"]:
            parts.append((self._totals, max(painter.layout.strips.width + 20, LEAST_WIDTH)))
        return parts

    def _meanings(self) -> float:
        if self.painter.backward or self.shows == "value":
            self._bar()
        else:
            self._write("no backward pass recorded", bold=True)
            self.y -= 30
        self._lines()
        self._symbols()
        return self.y + 18

    def _loss_tables(self) -> float:
        tables, top = Tables(self.painter), self.y + 14
        wide, high = tables.own_column(1000.0)
        tables.fill(self.left + _MARGIN, top, wide, high)
        return top - tables.height(high) + 8

    def _route_table(self) -> float:
        routes, top = Routes(self.painter.graph, self.canvas), self.y + 14
        return routes.fill(self.left + _MARGIN, top, self.width - 2 * _MARGIN, 1000.0)

    def _totals(self) -> float:
        self.sums_y = self.y - _SUMS + 14
        self._sums()
        return self.sums_y - self.painter.layout.strips.height
