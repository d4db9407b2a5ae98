"""Find the step that a person names: by its number, or by (loop, number) where several loops count the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from ..marks import Frame

At = str | int | Frame | None  # which loss to follow: "all", "last", a step, or None


def is_number(word: Any) -> bool:
    """Whether this can be the number of a step."""
    return isinstance(word, Integral) and not isinstance(word, bool)


def positions(word: Any, order: Sequence[Frame], among: Iterable[int] | None = None) -> list[int]:
    """Every position in `order` (or of those `among` it) that a number, or a pair (loop, number), can mean."""
    places = range(len(order)) if among is None else sorted(among)
    if is_number(word):
        return [s for s in places if order[s][1] == word]
    pair = tuple(word) if isinstance(word, tuple | list) else ()
    return [s for s in places if len(pair) == 2 and is_number(pair[1]) and order[s] == pair]


def name_of(s: int, order: Sequence[Frame]) -> int | Frame:
    """What to call a step so that nothing else is meant: its number, or the pair where another loop has that, too."""
    return order[s][1] if len(positions(order[s][1], order)) == 1 else order[s]


def told(order: Sequence[Frame], among: Iterable[int]) -> str:
    """Steps as they are named, "1, 2, 3"; of many the first ones and the last."""
    names = [repr(name_of(s, order)) for s in sorted(among)]
    return ", ".join(names if len(names) <= 8 else [*names[:4], "…", names[-1]])
