"""What a fold is: the steps that it stands for, and what passes through it step by step."""

from __future__ import annotations

from dataclasses import dataclass, field

import networkx as nx

KEY = "fold"  # the node of a graph that stands for the folded steps


@dataclass(frozen=True)
class Ribbon:
    """One state on its way through the fold: the norm of the gradient on its carry, in every folded step.

    `lag` is by how many steps it is read later, None for many lags: then a norm is what all later steps together send
    back to the state of a step. A norm of None: nothing is carried there.
    """

    role: int
    lag: int | None
    label: str
    norms: tuple[float | None, ...]
    cut: frozenset[int]  # places in `norms` where the gradient was not followed


@dataclass(frozen=True)
class Fold:
    """Steps `start` to `stop` − 1, folded.

    `pattern` is the graph of some steps, folded ones among them: it has every kind of step, and so it tells how a step
    is laid out, the same as without a fold. Its steps are counted on their own.
    """

    start: int
    stop: int
    losses: int
    loss: float | None  # their mean
    ribbons: tuple[Ribbon, ...]
    pattern: nx.MultiDiGraph = field(repr=False)

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, s: object) -> bool:
        return isinstance(s, int) and self.start <= s < self.stop
