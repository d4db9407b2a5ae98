"""Tables by step in the key: who hears which loss, and how much gradient reaches each carried state."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from ..layout.metrics import shorten, text_width
from ..layout.strips import CELL_WIDTH
from ..reading.naming import several, short_steps, step_words
from ..reading.words import symbol
from .cells import paint_cell
from .colours import TEXT_GREY
from .steps import Painter

STEP = "\N{WHITE SQUARE}step\N{WHITE SQUARE}"  # stands in a row's words for the step of a cell
_LABELS = 26.0  # room for the words before the cells
_LEAST_ROW = 13.0
_WORDS = 76.0  # height of a first table's title, step numbers and caption
_MORE_WORDS = 60.0  # and of a second one's


@dataclass(frozen=True)
class Row:
    """One row of cells: its label, (step, norm) of each cell, and the words of their tooltips."""

    name: str
    label: str
    cells: tuple[tuple[int, float], ...]
    words: str


def loss_rows(painter: Painter) -> list[Row]:
    """C[t, k], the last loss on top: the norm of what step k adds to the gradient of loss t."""
    graph, count = painter.graph, len(painter.graph.graph["steps"])
    names, rows = short_steps(graph.graph["steps"]), list[Row]()
    for s, heard in sorted((graph.graph["contributions"] or {}).items(), reverse=True):
        t = graph.graph["steps"][s][1]
        label = f"ℓ {names[s]}" if several(graph.graph["steps"]) else symbol("ℓ", t)
        cells = tuple((k, float(heard.get(k, 0.0))) for k in range(count) if k <= s or heard.get(k))
        rows.append(Row(f"heard{s}", label, cells, f"‖part of ∂{label}/∂θ added at {STEP}‖"))
    return rows


def state_rows(painter: Painter) -> list[Row]:
    """‖∂L/∂h_t‖ for every carried state h: where the gradient fades on its way back."""
    graph, structure, rows = painter.graph, painter.layout.structure, []
    graph = painter.fold.pattern if painter.fold else graph  # which has all steps where there is a table at all
    states = {role for role, _ in structure.template.carries}
    for role in sorted(states, key=lambda state: (structure.depth[state], state)):
        nodes = [(s, graph.nodes[f"n{role}@{s}"]) for s in range(len(graph.graph["steps"])) if f"n{role}@{s}" in graph]
        name = next((str(node["name"]) for _, node in nodes if node["name"]), "")
        cells = tuple((s, float(node["adjoint_norm"])) for s, node in nodes if node["adjoint_norm"] is not None)
        if name and cells:
            label = symbol(name)
            words = f"‖gradient that reaches {label.replace('{', '').replace('}', '')} of {STEP}‖"
            rows.append(Row(f"state{role}", shorten(label, 3), cells, words))
    return rows[::-1]


class Tables:
    """Both tables, in the room between two heights of a column, or else in a wider column of their own."""

    def __init__(self, painter: Painter):
        self.painter, self.canvas = painter, painter.canvas
        self.count = len(painter.graph.graph["steps"])
        self.losses = loss_rows(painter) if self.count > 1 else []
        self.states = state_rows(painter) if self.losses else []

    @property
    def largest(self) -> float:
        """The largest norm in any cell."""
        return max((value for row in [*self.losses, *self.states] for _, value in row.cells), default=0.0)

    def fit(self, width: float, room: float) -> tuple[float, float] | None:
        """Width and height of a cell in a column; states are left out where there is no room, None if nothing fits."""
        wide = min(CELL_WIDTH + 2, (width - _LABELS) / max(1, self.count))
        for states in ([self.states, []] if self.states else [[]]):
            words = _WORDS + (_MORE_WORDS if states else 0.0)
            high = min(24.0, wide, (room - words) / max(1, len(self.losses) + len(states)))
            if high >= _LEAST_ROW:
                self.states = states
                return wide, high
        return None

    def own_column(self, room: float) -> tuple[float, float]:
        """Width and height of a cell where the tables have a column to themselves."""
        wide = CELL_WIDTH + 2 if self.count <= 6 else 22.0
        count, words = len(self.losses) + len(self.states), _WORDS + _MORE_WORDS
        high = (room - words) / max(1, count)
        if high < _LEAST_ROW:
            self.states = []
            high = (room - _WORDS) / max(1, len(self.losses))
        return wide, min(22.0, max(4.0, high))

    def width(self, wide: float) -> float:
        """Width of the tables with cells of this width."""
        return max(_LABELS + wide * self.count, 160.0)

    def height(self, high: float) -> float:
        """Height of the tables with cells of this height."""
        words = _WORDS + (_MORE_WORDS if self.states else 0.0)
        return words + high * (len(self.losses) + len(self.states))

    def fill(self, left: float, y: float, wide: float, high: float) -> None:
        """Draw both, from the height y downward."""
        y = self._title("who hears which loss", left, y - 12)
        y = self._steps(left, self._rows(self.losses, left, y, wide, high), wide) - 16
        whole = "∂L/∂θ through ℓ" if self.painter.graph.graph["at"] == "all" else "∂ℓ/∂θ"
        self.canvas.text(f"‖part of {whole} at step k‖", (left, y), 9.5, TEXT_GREY, side="l", panel="key")
        if self.states:
            y = self._title("gradient at each state", left, y - 22)
            self._steps(left, self._rows(self.states, left, y, wide, high), wide)

    def _steps(self, left: float, y: float, wide: float) -> float:
        """The numbers of the steps below the cells of a table. Returns their height."""
        names, y = short_steps(self.painter.graph.graph["steps"]), y - 9
        widest = max((text_width(name, 10) for name in names), default=0.0) + 3 if names[0][:1].isalpha() else 14.0
        self.canvas.text("k =", (left + _LABELS - 5, y), 10, TEXT_GREY, side="r", panel="key")
        for k in range(0, self.count, max(1, ceil(widest / wide))):
            at = (left + _LABELS + wide * (k + 0.5), y)
            self.canvas.text(names[k], at, 10, TEXT_GREY, panel="key")
        return y

    def _title(self, text: str, left: float, y: float) -> float:
        self.canvas.text(text, (left, y), 11, side="l", bold=True, panel="key")
        return y - 16

    def _rows(self, rows: list[Row], left: float, y: float, wide: float, high: float) -> float:
        numbers = wide >= 26 and high >= _LEAST_ROW
        for i, row in enumerate(rows):
            middle = y - high * (i + 0.5)
            if high >= 10 or i % 2 == 0:
                at = (left + _LABELS - 5, middle)
                self.canvas.text(row.label, at, 10, TEXT_GREY, side="r", panel="key")
            for k, value in row.cells:
                at, size = (left + _LABELS + wide * (k + 0.5), middle), (wide - 1.4, high - 1.4)
                words = row.words.replace(STEP, step_words(self.painter.graph.graph["steps"], k))
                tooltip = f"{words} {value:.4g}"
                scale = self.painter.scale
                paint_cell(self.canvas, f"{row.name}-{k}", value, scale, at, tooltip, "key", size=size, number=numbers)
        return y - high * len(rows)
