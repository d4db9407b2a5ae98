"""Pull one loss's gradient back along drawn edges: all of it, way by way, or route by route, and each edge's share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import networkx as nx
import numpy as np

from .backing import Arrays, Backing, vector
from .fold import Fold
from .paths import Edge
from .request import Request

MOST_ROUTES = 64  # no more routes than this are followed at a time; of more, the strongest
MOST_PROBES = 20_000  # numbers in all states on the ways; with more, edges have no shares


class Splitter:
    """The drawn edges of one view as a graph of their own, and gradients pulled back along them."""

    def __init__(
        self, graph: nx.MultiDiGraph, backing: Backing, edges: frozenset[Edge], request: Request, fold: Fold | None
    ) -> None:
        self.graph, self.backing, self.edges = graph, backing, edges
        self.start: str = graph.graph["losses"][request.loss]
        steps = {key: request.loss if key == "L" else graph.nodes[key]["step"] for key in graph if key[0] in "nL"}
        self.step = {key: fold.start if fold and s in fold else s for key, s in steps.items()}  # folded ones are one
        self.weights = [w for w in graph.graph["weights"] if not isinstance(request.goal, str) or w == request.goal]
        self.shapes = {w: tuple(graph.nodes[w]["shape"]) for w in self.weights}
        self.uses: dict[str, list[str]] = defaultdict(list)  # node -> the weights that it uses at the goal
        self.back: dict[str, list[str]] = defaultdict(list)  # node -> the nodes before it
        for u, v in sorted(edges):
            (self.uses if u.startswith("w") else self.back)[v].append(u)
        plain = nx.DiGraph([(v, u) for u, v in sorted(edges) if not u.startswith("w")])
        plain.add_node(self.start)
        self.left_out = False  # whether some routes were not followed
        self.order = list(nx.lexicographical_topological_sort(plain))  # from the loss back

    # ---- parts ----

    def _pull(self, node: str, bars: Arrays) -> dict[str, Arrays]:
        wanted = {*self.back[node], *self.uses[node]}
        return {key: arrays for key, arrays in self.backing.back(node, bars).items() if key in wanted}

    def _part(self, node: str, bars: Arrays) -> np.ndarray:
        """What the weights that this node uses get from an adjoint of it."""
        pulled = self._pull(node, bars)
        return vector({w: pulled.get(w, {}) for w in self.uses[node]}, self.shapes)

    def _seed(self) -> Arrays:
        return dict(self.backing.program.flow.seeds)

    def _within(self, node: str, bars: Arrays) -> tuple[np.ndarray, dict[str, Arrays]]:
        """From a node to the weights of its own step, and to the states on which its step is left."""
        waiting, leaving = {node: dict(bars)}, dict[str, Arrays]()
        part = np.zeros(sum(int(np.prod(shape)) for shape in self.shapes.values()))
        step = self.step[node]
        for key in self.order:
            if key not in waiting:
                continue
            pulled = self._pull(key, waiting.pop(key))
            part = part + vector({w: pulled.get(w, {}) for w in self.uses[key]}, self.shapes)
            for before in self.back[key]:
                target = waiting if self.step[before] == step else leaving
                if before in pulled:  # a collapsed box may read what does not reach the result that is asked for
                    _add(target.setdefault(before, {}), pulled[before])
        return part, leaving

    def whole(self) -> np.ndarray:
        """C itself: everything that comes from the loss to the goal."""
        waiting = {self.start: self._seed()}
        part = np.zeros(sum(int(np.prod(shape)) for shape in self.shapes.values()))
        for key in self.order:
            pulled = self._pull(key, waiting.pop(key, {}))
            part = part + vector({w: pulled.get(w, {}) for w in self.uses[key]}, self.shapes)
            for before in self.back[key]:
                _add(waiting.setdefault(before, {}), pulled.get(before, {}))
        return part

    # ---- ways and routes ----

    def count_ways(self) -> int:
        """How many ways there are, without following any."""
        count: dict[str, int] = {}
        for key in reversed(self.order):
            count[key] = bool(self.uses[key]) + sum(count[u] for u in self.back[key])
        return count[self.start]

    def ways(self) -> Iterable[tuple[tuple[str, ...], np.ndarray]]:
        """Every way with its part."""
        waiting: list[tuple[tuple[str, ...], Arrays]] = [((self.start,), self._seed())]
        while waiting:
            way, bars = waiting.pop()
            if self.uses[way[-1]]:
                yield way, self._part(way[-1], bars)
            pulled = self._pull(way[-1], bars)
            waiting += [((*way, u), pulled[u]) for u in self.back[way[-1]] if u in pulled]

    def count_routes(self) -> int:
        """How many routes there are, without following any."""
        count: dict[str, int] = {}
        for key in reversed(self.order):
            inside, leaving = self._reach(key)
            count[key] = any(self.uses[u] for u in inside) + sum(count[u] for u in leaving)
        return count[self.start]

    def _reach(self, node: str) -> tuple[set[str], set[str]]:
        """The nodes of its own step that a node's gradient passes, and the states on which it leaves."""
        step, inside, leaving, waiting = self.step[node], {node}, set(), [node]
        while waiting:
            for before in self.back[waiting.pop()]:
                if self.step[before] != step:
                    leaving.add(before)
                elif before not in inside:
                    inside.add(before)
                    waiting.append(before)
        return inside, leaving

    def routes(self) -> Iterable[tuple[tuple[str, ...], np.ndarray]]:
        """Every route with its part; where there are too many at a time, those with the largest gradient so far."""
        level: list[tuple[tuple[str, ...], Arrays]] = [((), self._seed())]
        while level:
            following: list[tuple[tuple[str, ...], Arrays]] = []
            for carries, bars in level:
                node = carries[-1] if carries else self.start
                part, leaving = self._within(node, bars)
                if any(self.uses[u] for u in self._reach(node)[0]):
                    yield carries, part
                following += [((*carries, u), arrays) for u, arrays in leaving.items()]
            following.sort(key=lambda pair: (-_size(pair[1]), pair[0]))
            level = following[:MOST_ROUTES]
            self.left_out |= len(following) > MOST_ROUTES

    # ---- edges ----

    def edge_shares(self, direction: np.ndarray) -> dict[Edge, float]:
        """The share of C that passes each edge: ⟨what all ways over it bring, C⟩ / ‖C‖².

        A node's pullback is linear, so what a unit of each number in a state brings is found from the weights forward;
        a gradient on an edge then brings its inner product with that.
        """
        exits = {key: self.graph.nodes[key]["exits"] for key in self.order if key != "L"}
        lines = self.backing.lines
        if sum(np.size(lines[i][4]) for key in exits for i in exits[key]) > MOST_PROBES:
            return {}
        brings: dict[str, Arrays] = {}
        offset = 0
        for weight, shape in self.shapes.items():
            count = int(np.prod(shape))
            brings[weight] = {int(weight[1:]): direction[offset : offset + count].reshape(shape)}
            offset += count
        for key in reversed(exits):
            brings[key] = {i: self._probe(key, i, brings) for i in exits[key]}
        shares, waiting = {}, {self.start: self._seed()}
        for key in self.order:
            pulled = self._pull(key, waiting.pop(key, {}))
            for before in [*self.back[key], *self.uses[key]]:
                arrays = pulled.get(before, {})
                shares[before, key] = _inner(arrays, brings[before])
                if before in exits:
                    _add(waiting.setdefault(before, {}), arrays)
        return shares

    def _probe(self, key: str, line: int, brings: Mapping[str, Arrays]) -> np.ndarray:
        value = np.asarray(self.backing.lines[line][4], float)
        found = np.zeros(value.size)
        for n in range(value.size):
            unit = np.zeros(value.size)
            unit[n] = 1.0
            pulled = self._pull(key, {line: unit.reshape(value.shape)})
            found[n] = sum(_inner(arrays, brings[u]) for u, arrays in pulled.items())
        return found.reshape(value.shape)


def _add(into: Arrays, arrays: Arrays) -> None:
    for line, array in arrays.items():
        into[line] = into[line] + array if line in into else array


def _inner(arrays: Arrays, others: Arrays) -> float:
    return float(sum(np.sum(array * others[line]) for line, array in arrays.items() if line in others))


def _size(arrays: Arrays) -> float:
    return float(sum(np.sum(np.square(array)) for array in arrays.values()))
