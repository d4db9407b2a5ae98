"""The losses that a page lets people follow: the whole loss, each marked step loss, and what each one's sweep found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinygrad_rnn import Flow, TapeError
from tinygrad_rnn.flow import marked
from tinygrad_rnn.stepping.places import At

from ..render import PictureError

MOST_CHOICES = 17  # L and sixteen steps; a longer sequence offers L and its last step unless others are asked for


@dataclass(frozen=True)
class Choice:
    """One loss to follow: what to call it, at which step its loss stands (None: L), and its sweep."""

    label: str
    s: int | None
    flow: Flow


def follow_all(flow: Flow) -> Flow | None:
    """The same program swept back from L; None where its truncation is no set of edges, but for one loss alone."""
    if flow.at == "all":
        return flow
    try:
        return flow.along(None)
    except TapeError:
        return None


def stage(flow: Flow, offered: Sequence[Choice]) -> Flow:
    """The flow whose picture has every wire that some choice needs: that of L, where none is offered without cuts."""
    if not offered or offered[0].s is None:
        return offered[0].flow if offered else flow
    return replace(flow, follow=None, rule=None).along(None)


def choices(flow: Flow, at: At | Iterable[At] = None) -> list[Choice]:
    """The losses to offer: L first, where one sweep gives its truncated gradient, and marked step losses.

    `at` names one or several as `tinygrad_rnn.flow` does: "all", "last", a step's t, or a pair (loop, t).

    Raises:
        PictureError: a step that has no marked loss.
    """
    if not flow.seeds:
        return []
    everything = follow_all(flow)
    whole = [] if everything is None else [Choice("L", None, everything)]
    losses = flow.steps.losses
    wanted = _asked(flow, at) if at is not None else _usual(flow)
    if len(losses) == 1 and flow.loss in losses.values():
        wanted = []  # L is that step's loss
    return [*whole, *(Choice("ℓ", s, flow.along(s)) for s in (wanted if whole or wanted else _usual(flow)))]


def _usual(flow: Flow) -> Sequence[int]:
    losses = sorted(flow.steps.losses)
    if len(losses) < MOST_CHOICES:
        return losses
    return sorted({*_followed(flow), losses[-1]})


def _asked(flow: Flow, at: At | Iterable[At]) -> Sequence[int]:
    several = isinstance(at, Iterable) and not isinstance(at, str) and not _is_pair(at)
    words: Iterable[Any] = at if several else [at]  # type: ignore[assignment]
    try:
        return sorted({marked(flow.steps, word) for word in words if word != "all"})
    except TapeError as error:
        raise PictureError(str(error)) from None


def _is_pair(at: Any) -> bool:
    return isinstance(at, tuple) and len(at) == 2 and isinstance(at[0], str) and at[0] not in ("all", "last")


def first_shown(flow: Flow, offered: Sequence[Choice]) -> int:
    """Which of the choices the page opens with: the one that the flow follows."""
    followed = _followed(flow)
    return next((n for n, choice in enumerate(offered) if choice.s in followed), 0)


def _followed(flow: Flow) -> list[int]:
    """The step whose loss alone a flow follows, if it does."""
    return [] if flow.at in ("all", None) or not flow.steps.losses else [marked(flow.steps, flow.at)]
