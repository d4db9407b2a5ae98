"""Read what a path view shall show, `path=(t, k)` or `path=(t, "W")`: where it starts and where it ends.

Where several loops count the same numbers a step is a pair: `path=(("decoder", 2), ("encoder", 1))`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_rnn import Flow
from tinygrad_rnn.stepping.places import is_number, positions

from ..plain import one_line
from ..render import PictureError
from .naming import Frame, step_words


@dataclass(frozen=True)
class Request:
    """From the loss of a step to the weights of another, or to one weight in every step."""

    loss: int  # position of the loss's step in steps.order
    t: Any
    goal: int | str  # position of a step, or the key of a weight
    k: Any  # the step as the user calls it, or the weight's name

    @property
    def to_weight(self) -> bool:
        """Whether one weight is the goal, in whatever step it is used."""
        return isinstance(self.goal, str)


def read_request(path: Any, flow: Flow, weights: dict[str, str]) -> Request:
    """Find the steps and the weight that a path names, by what the user calls them.

    Args:
        path: (t, k) or (t, "W"): numbers of steps as they were recorded, or pairs (loop, number); the name of a weight.
        flow: its steps.
        weights: keys of the drawn weights by name.

    Raises:
        PictureError: no such pair, step, loss or weight, or a number that is a step of several loops.
    """
    if not isinstance(path, tuple | list) or len(path) != 2:
        raise PictureError(f'path={path!r}: must be (t, k), from loss t to step k, or (t, "W"), to a weight')
    t, k = path
    steps = flow.steps
    if not flow.seeds:
        raise PictureError(f"path={path!r}: no backward pass was recorded; draw tinygrad_rnn.flow(L), not at=None")
    if not steps.losses:
        raise PictureError(f"path={path!r}: no step loss is marked; mark J_t with tg.loss(value, t)")
    start = _place(path, 0, steps.order, list(steps.losses), f"there is no loss at t = {t!r}; losses stand at ")
    if isinstance(k, str):
        if k not in weights:
            raise PictureError(f"path={path!r}: no drawn weight is called {k!r}; there are {_few(list(weights))}")
        return Request(start, steps.order[start][1], weights[k], k)
    end = _place(path, 1, steps.order, range(len(steps.order)), f"there is no step {k!r}; steps are ")
    return Request(start, steps.order[start][1], end, steps.order[end][1])


def _place(path: Any, which: int, order: Sequence[Frame], among: Iterable[int], missing: str) -> int:
    """The position of the step that one half of a path names: its number, or (loop, number)."""
    word, places = path[which], sorted(among)
    found = positions(word, order, places)
    if len(found) > 1:
        told = ", ".join(repr(_named(half, order)) for half in path)
        raise PictureError(f"path={path!r}: {len(found)} loops have such a step {word}; name the loop: path=({told})")
    if not found:
        raise PictureError(f"path={path!r}: {missing}{_few([step_words(order, s, '') for s in places])}")
    return found[0]


def _named(word: Any, order: Sequence[Frame]) -> Any:
    """A number as a pair, for the last loop that has such a step."""
    loops = [loop for loop, t in order if t == word] if is_number(word) else []
    return (one_line(loops[-1], 40), word) if loops else word


def _few(words: list[Any]) -> str:
    told = [str(word) for word in words]
    return ", ".join(told if len(told) <= 8 else [*told[:4], "…", told[-1]])
