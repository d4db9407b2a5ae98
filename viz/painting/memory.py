"""Paint the lanes of what steps remember: one lane along all panels, a tap for each state and for each reader.

A lane carries a stack of states. Its gradient is that of the stack: contributions to one state are added, and the norm
is taken over all states together. Each pair of state and reader stands in the tooltip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layout.curves import Line, Point, Shape, dense, joined, rounded
from ..layout.routing import JUNCTION, Memory, Route
from ..reading.fold import KEY
from ..reading.tooltips import norm
from .colours import OUTLINE
from .flows import Flows
from .folded import FoldPanel
from .steps import Painter

Pair = tuple[str, str]
_MOST_TOLD = 16  # pairs in a tooltip


def paint_memories(painter: Painter) -> None:
    """Every lane of a picture, after its steps."""
    for memory in painter.layout.routing.memories:
        _Lane(painter, memory).paint()


@dataclass(frozen=True)
class _Tap:
    """Where a state or a reader meets the lane: the node, its way from the lane, and the pairs that pass there."""

    node: str
    x: float
    way: tuple[Point, ...]  # from the lane
    stores: bool
    pairs: tuple[Pair, ...]


class _Lane:
    """One lane, with its taps from left to right."""

    def __init__(self, painter: Painter, memory: Memory):
        self.painter, self.memory = painter, memory
        graph = painter.graph
        self.pairs = [
            (u, v) for u, v, data in graph.edges(data=True) if self._passes(u, v, data)
        ]  # fmt: skip
        self.taps = sorted(self._taps(), key=lambda tap: (tap.x, tap.stores))
        self.place = {(tap.node, tap.stores): tap.x for tap in self.taps}

    def _passes(self, u: str, v: str, data: dict[str, Any]) -> bool:
        """Whether an edge runs along this lane."""
        if u == KEY or v == KEY:
            return data.get("source") == self.memory.source and data["target"] in self.memory.reads
        nodes = self.painter.graph.nodes
        inside = u[0] in "ni" and v[0] == "n" and data["lag"]
        return bool(inside and nodes[u].get("role") == self.memory.source and nodes[v]["role"] in self.memory.reads)

    def paint(self) -> None:
        """Pieces of the lane between the taps; at both ends it turns into the tap, elsewhere a dot splits it."""
        taps, y = self.taps, self.memory.y
        pieces = [self._between(a.x, b.x) for a, b in zip(taps, taps[1:], strict=False)]
        bent: dict[int, Line] = {}
        for n, tap in enumerate(taps):
            left, right = n > 0 and bool(pieces[n - 1]), n < len(pieces) and bool(pieces[n])
            if left and right:
                self._dot(n, tap.x)
                self._tap(n, tap, self._shape(tap.x), f"{self._name}-dot{n}")
            else:
                bent[n] = list(tap.way)
        for n, pairs in enumerate(pieces):
            if pairs:
                self._piece(n, taps[n], taps[n + 1], pairs, bent, y)

    @property
    def _name(self) -> str:
        return f"memory-n{self.memory.source}"

    def _taps(self) -> Iterator[_Tap]:
        painter, graph = self.painter, self.painter.graph
        shift = painter.shift
        yield from self._folded()
        for node in dict.fromkeys(u for u, _ in self.pairs):
            pairs, s = tuple(pair for pair in self.pairs if pair[0] == node), graph.nodes[node]["step"]
            if node[0] == "i":
                x, y = painter.initial_at[graph.nodes[node]["role"], s]
                side = painter.beside_initial((x, y), self.memory.y)
                way = [(side, self.memory.y), (side, y), (x, y)] if side != x else [(x, self.memory.y), (x, y)]
                yield _Tap(node, side, tuple(rounded(way, 12)), True, pairs)
            elif s in shift:
                store = tuple((x + shift[s], y) for x, y in self.memory.store)
                yield _Tap(node, store[0][0], store, True, pairs)
        for node in dict.fromkeys(v for _, v in self.pairs):
            pairs, s = tuple(pair for pair in self.pairs if pair[1] == node), graph.nodes[node]["step"]
            if s in shift:
                read = tuple((x + shift[s], y) for x, y in self.memory.reads[graph.nodes[node]["role"]])
                yield _Tap(node, read[0][0], read, False, pairs)

    def _folded(self) -> Iterator[_Tap]:
        """Taps between the lane and the ribbon of the folded steps, which store and read, too."""
        painter, y = self.painter, self.memory.y
        if not (painter.fold and painter.border):
            return
        panel = FoldPanel(painter, painter.fold, painter.border)
        for stores in (True, False):
            pairs = tuple(pair for pair in self.pairs if pair[0 if stores else 1] == KEY)
            if pairs:
                number = self.painter.layout.routing.memories.index(self.memory)
                x, top = panel.tap(self.memory.source, number, stores)
                yield _Tap(KEY, x, tuple(dense([(x, y), (x, top)])), stores, pairs)

    def _between(self, left: float, right: float) -> list[Pair]:
        """Pairs whose state and reader lie on different sides of a piece of the lane."""
        found = []
        for u, v in self.pairs:
            store, read = self.place.get((u, True)), self.place.get((v, False))
            if store is not None and read is not None and min(store, read) <= left and max(store, read) >= right:
                found.append((u, v))
        return found

    def _piece(self, n: int, a: _Tap, b: _Tap, pairs: list[Pair], bent: dict[int, Line], y: float) -> None:
        """From one tap to the next; where the lane ends there, on into the node itself."""
        line: Line = dense([(a.x, y), (b.x, y)])
        if n in bent:
            line = joined(bent[n][::-1], line, 12)
        if n + 1 in bent:
            line = joined(line, bent[n + 1], 12)
        start, tail = (self._outline(a), a.node) if n in bent else (self._shape(a.x), self._dot_name(n))
        end, head = (self._outline(b), b.node) if n + 1 in bent else (self._shape(b.x), self._dot_name(n + 1))
        self._wire(f"piece{n}", line, (start, tail), (end, head), tuple(pairs), n + 1 not in bent)

    def _tap(self, n: int, tap: _Tap, dot: Shape, name: str) -> None:
        here, there = (dot, name), (self._outline(tap), tap.node)
        if tap.stores:
            self._wire(f"store{n}", list(tap.way)[::-1], there, here, tap.pairs, True)
        else:
            self._wire(f"read{n}", list(tap.way), here, there, tap.pairs, False)

    def _wire(
        self,
        name: str,
        line: Line,
        start: tuple[Shape, str],
        end: tuple[Shape, str],
        pairs: tuple[Pair, ...],
        to_dot: bool,
    ) -> None:
        key = f"{self._name}-{name}"
        ends = (start[1], end[1])
        head = f"j{end[1]}" if to_dot else end[1]
        wire = Route(key, tuple(line), start[0], end[0], start[1], head, back=1)
        self.painter.wires.draw(wire, ends, key, 0.0, self._flows(pairs), pairs)

    def _dot(self, n: int, x: float) -> None:
        style = {"style": "filled", "fillcolor": OUTLINE, "penwidth": "0"}
        size = (JUNCTION, JUNCTION)
        self.painter.canvas.box(self._dot_name(n), "", (x, self.memory.y), size, "junction", shape="circle", **style)

    def _dot_name(self, n: int) -> str:
        return f"{self._name}-dot{n}"

    def _shape(self, x: float) -> Shape:
        return Shape(x, self.memory.y, JUNCTION, JUNCTION, True)

    def _outline(self, tap: _Tap) -> Shape:
        painter = self.painter
        if tap.node == KEY:
            x, y = tap.way[-1]
            return Shape(x, y + 3, 12.0, 6.0)
        node = painter.graph.nodes[tap.node]
        if tap.node[0] == "i":
            return painter.initial_shape(painter.initial_at[node["role"], node["step"]])
        x, y = painter.placement.at[node["role"]]
        return painter.boxes[node["role"]].shape((x + dict(painter.panels)[node["step"]], y))

    def _flows(self, pairs: tuple[Pair, ...]) -> Flows:
        """The norm over all states of what their readers send back together."""
        graph = self.painter.graph
        edges = [
            (u, data)
            for u, v in dict.fromkeys(pairs)
            for data in graph.get_edge_data(u, v).values()
            if self._passes(u, v, data)
        ]
        told = [str(data["tooltip"]) for _, data in edges]
        more = [f"… and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
        tooltip = "\n".join([*told[:_MOST_TOLD], *more])
        if all(data["gradient"] is None for _, data in edges):
            values = {u: data["adjoint"] for u, data in edges if data.get("adjoint") is not None}
            value = norm(np.array(list(values.values()))) if values else None
            return Flows(None, tooltip, adjoint=value, faded=all(data.get("faded", False) for _, data in edges))
        if all(data["cut"] for _, data in edges):
            return Flows(0.0, f"cut: no gradient is followed here\n{tooltip}", cut=True)
        sums: dict[str, list[np.ndarray]] = {}
        for u, data in edges:
            if data["contribution"] is not None:
                sums.setdefault(u, []).append(np.asarray(data["contribution"]))
        stack = [np.ravel(sum(arrays[1:], start=arrays[0])) for arrays in sums.values()]
        whole = norm(np.concatenate(stack)) if stack else 0.0
        return Flows(whole, f"together: ‖gradient‖ {whole:.4g}\n{tooltip}")
