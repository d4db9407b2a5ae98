"""Look up what every edge brings back, by a line and the number of its argument: `edges[child, argument]`.

It reads as a dictionary does, in the order of the sweep. All arrays stand in one list, each line's arguments side by
side: a dictionary of pairs took three times the room, and a long recording has hundreds of thousands of edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from .tape import Array, Tape

Edge = tuple[int, int]  # a line and the number of its argument


class Edges(Mapping[Edge, Array]):
    """Contributions of one sweep; `arrays[first[child] + argument]`, None where no gradient passed."""

    def __init__(self, tape: Tape) -> None:
        """Without a contribution so far."""
        self.first = [0, *accumulate(len(line[1]) for line in tape.lines)]
        self.arrays: list[Array | None] = [None] * self.first[-1]

    def __getitem__(self, edge: Edge) -> Array:
        array = self.get(edge)
        if array is None:
            raise KeyError(edge)
        return array

    def get(self, edge: Edge, default: Any = None) -> Any:
        """What the edge brings, `default` where no gradient passed."""
        child, argument = edge
        if not (0 <= child < len(self.first) - 1 and 0 <= argument < self.first[child + 1] - self.first[child]):
            return default
        array = self.arrays[self.first[child] + argument]
        return default if array is None else array

    def __contains__(self, edge: object) -> bool:
        return isinstance(edge, tuple) and len(edge) == 2 and self.get(edge) is not None

    def __iter__(self) -> Iterator[Edge]:
        for child in range(len(self.first) - 2, -1, -1):
            for place in range(self.first[child], self.first[child + 1]):
                if self.arrays[place] is not None:
                    yield child, place - self.first[child]

    def __len__(self) -> int:
        return sum(array is not None for array in self.arrays)

    def column(self, lines: Iterable[int], argument: int) -> list[Array | None]:
        """What one argument of several lines brings; every one of them has it."""
        return [self.arrays[self.first[child] + argument] for child in lines]
