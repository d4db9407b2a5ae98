"""Read what a path view shall show, `path=(t, k)` or `path=(t, "W")`: where it starts and where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygrad_rnn import Flow

from ..render import PictureError


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
        path: (t, k) or (t, "W"): numbers of steps as they were recorded, the name of a weight.
        flow: its steps.
        weights: keys of the drawn weights by name.

    Raises:
        PictureError: no such pair, step, loss or weight.
    """
    if not isinstance(path, tuple | list) or len(path) != 2:
        raise PictureError(f'path={path!r}: must be (t, k), from loss t to step k, or (t, "W"), to a weight')
    t, k = path
    steps = flow.steps
    losses = {steps.order[s][1]: s for s in sorted(steps.losses, reverse=True)}
    if not flow.seeds:
        raise PictureError(f"path={path!r}: no backward pass was recorded; draw tinygrad_rnn.flow(L), not at=None")
    if not losses:
        raise PictureError(f"path={path!r}: no step loss is marked; mark J_t with tg.loss(value, t)")
    if not _is_step(t) or t not in losses:
        raise PictureError(f"path={path!r}: there is no loss at t = {t!r}; losses stand at {_few(sorted(losses))}")
    if isinstance(k, str):
        if k not in weights:
            raise PictureError(f"path={path!r}: no drawn weight is called {k!r}; there are {_few(list(weights))}")
        return Request(losses[t], t, weights[k], k)
    places = {step: s for s, (_, step) in reversed(list(enumerate(steps.order)))}
    if not _is_step(k) or k not in places:
        raise PictureError(f"path={path!r}: there is no step {k!r}; steps are {_few(list(places)[::-1])}")
    return Request(losses[t], t, places[k], k)


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _few(words: list[Any]) -> str:
    told = [str(word) for word in words]
    return ", ".join(told if len(told) <= 8 else [*told[:4], "…", told[-1]])
