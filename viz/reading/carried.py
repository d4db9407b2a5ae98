"""Follow each state through folded steps: the gradient on its carry step by step, as the ribbons of a fold show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .arguments import Wire
from .fold import Ribbon
from .missing import norms, put

Array = Any
Passing = dict[int, dict[int, Array]]  # by step that reads, by line that is read: what is sent back to it
MANY_LAGS = 3  # a state that is read at more distances than this has one wire and one ribbon for all of them


class Carried:
    """What passes inside a fold of steps `start` to `stop` − 1, by the state and how many steps later it is read."""

    def __init__(self, start: int, stop: int):
        self.start, self.stop = start, stop
        self.passing: dict[tuple[int, int], Passing] = defaultdict(dict)  # by (role, lag)
        self.cuts: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.heard: set[int] = set()  # roles of states that gradient can reach, in one step at least

    def add(self, role: int, lag: int, read: int, line: int, contribution: Array | None, *, cut: bool) -> None:
        """Note what a step sends back to a line of the state that it reads; None: exactly zero."""
        self.cuts[role, lag] |= {read} if cut else set()
        put(self.passing[role, lag].setdefault(read, {}), line, contribution)

    def note(self, role: int, lag: int) -> None:
        """The state is carried here, and no gradient can go back: data has none."""
        self.passing[role, lag]

    def add_missing(self, carries: dict[tuple[int, int], Passing], cuts: dict[tuple[int, int], set[int]]) -> None:
        """Add what passes in the steps that an excerpt left out; each has a like among those that are known."""
        for (role, lag), by_step in carries.items():
            self.note(role, lag)
            for s, by_line in by_step.items():
                if role in self.heard or any(array is not None for array in by_line.values()):
                    self.passing[role, lag][s] = by_line
            self.cuts[role, lag] |= cuts.get((role, lag), set())

    def ribbons(self, label: Callable[[int], str]) -> Iterator[Ribbon]:
        """One ribbon for each state and distance; for a state that is read at many distances, one for all of them."""
        lags: dict[int, list[int]] = defaultdict(list)
        for role, lag in sorted(self.passing):
            lags[role].append(lag)
        for role, several in lags.items():
            name = label(role)
            if len(several) > MANY_LAGS:
                along = self._along(self._by_source(role, several))
                yield Ribbon(role, None, f"{name}, all lags", along, frozenset())
                continue
            for lag in several:
                told = name if lag == 1 else f"{name}, {lag} steps on" if lag > 0 else f"{name}, backward in time"
                cut = frozenset(s - self.start for s in self.cuts[role, lag])
                yield Ribbon(role, lag, told, self._along(self.passing[role, lag]), cut)

    def _along(self, by_step: Passing) -> tuple[float | None, ...]:
        """The norm in every folded step; None where no gradient can be."""
        each = dict(zip(by_step, norms(map(joined, map(dict.values, by_step.values()))), strict=True))
        return tuple(each.get(s) for s in range(self.start, self.stop))

    def _by_source(self, role: int, lags: Iterable[int]) -> Passing:
        """What all readers together send back to the state of each step."""
        sums: Passing = {}
        for lag in lags:
            for read, by_line in self.passing[role, lag].items():
                for line, array in by_line.items():
                    put(sums.setdefault(read - lag, {}), line, array)
        return sums


def joined(arrays: Iterable[Array | None]) -> Array | None:
    """What comes back to several results of one box, as one vector."""
    found = [array for array in arrays if array is not None]
    return np.concatenate([np.ravel(array) for array in found]) if len(found) > 1 else found[0] if found else None


def few(by_lag: dict[int, list[Wire]]) -> Iterator[tuple[int, list[Wire]]]:
    """What is read at many distances as one, which goes by the nearest of them."""
    if len(by_lag) <= MANY_LAGS:
        yield from by_lag.items()
        return
    nearest = min(by_lag, key=lambda lag: (abs(lag), -lag))
    yield nearest, [wire for lag in sorted(by_lag) for wire in by_lag[lag]]
