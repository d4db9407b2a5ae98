"""Where wires may still run: what a way would meet, and which wires it would run beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .curves import Line, Point
from .ends import Obstacle


class Ways:
    """The obstacles of a step, and the wires that have taken their room so far."""

    def __init__(self, obstacles: Sequence[Obstacle], lines: Iterable[Sequence[Point]] = ()):
        self.obstacles = obstacles
        self._lines: list[Line] = [list(line) for line in lines]
        self._near = np.zeros((0, 2))  # the same lines as one array of points
        self._counted: list[int] = []

    def note(self, line: Sequence[Point]) -> None:
        """Note a wire that others should keep away from."""
        self._lines.append(list(line))

    def blocked(self, way: Sequence[Point], reader: int) -> float:
        """How much of the way lies in obstacles: 1 for each, and 1 more for every 6 points of length."""
        count = 0.0
        for obstacle in self.obstacles:
            if obstacle.role == reader:
                continue
            for a, b in zip(way, way[1:], strict=False):
                if obstacle.meets(a, b, 7):
                    low, high = max(min(a[1], b[1]), obstacle.bottom - 7), min(max(a[1], b[1]), obstacle.top + 7)
                    near, far = max(min(a[0], b[0]), obstacle.left - 7), min(max(a[0], b[0]), obstacle.right + 7)
                    count += 1 + (max(0.0, high - low) + max(0.0, far - near)) / 6
        return count

    def crowded(self, way: Sequence[Point], above: float) -> int:
        """How many other wires run closely beside this way, above a height."""
        if len(self._lines) != len(self._counted):
            fresh = [np.array(line[::2]) for line in self._lines[len(self._counted) :]]
            self._near = np.concatenate([self._near, *fresh])
            self._counted += [len(points) for points in fresh]
        owner = np.repeat(np.arange(len(self._counted)), self._counted)
        together = np.zeros(len(self._counted))
        for (x0, y0), (x1, y1) in zip(way, way[1:], strict=False):
            low, high = max(min(y0, y1), above) - 7, max(y0, y1) + 7
            x, y = self._near[:, 0], self._near[:, 1]
            close = (x > min(x0, x1) - 11) & (x < max(x0, x1) + 11) & (y > low) & (y < high)
            together += np.bincount(owner[close], minlength=len(self._counted))
        return int(np.sum(together > 5))  # points are 6 apart: a wire that only crosses has at most 4 here
