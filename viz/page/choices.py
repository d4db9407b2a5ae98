"""The losses that a page lets people follow: the whole loss, each marked step loss, and what each one's sweep found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinygrad_rnn import Flow, TapeError

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


def choices(flow: Flow, at: Iterable[str | int] | None = None) -> list[Choice]:
    """The losses to offer: L first, where one sweep gives its truncated gradient, and marked step losses.

    `at` names them as `tinygrad_rnn.flow` does: "all", "last", or a step's t.

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
    followed = [s for s in losses if flow.steps.losses[s] in flow.seeds]
    return sorted({*followed, losses[-1]})


def _asked(flow: Flow, at: Iterable[str | int]) -> Sequence[int]:
    losses, found = flow.steps.losses, set[int]()
    for word in [at] if isinstance(at, str | int) else at:
        if word == "all":
            continue
        here = [max(losses)] if word == "last" and losses else [s for s in losses if flow.steps.order[s][1] == word]
        if len(here) != 1:
            stand = ", ".join(str(flow.steps.order[s][1]) for s in sorted(losses)) or "no step"
            raise PictureError(f"at={word!r}: no marked loss there; losses stand at t = {stand}; or use 'all', 'last'")
        found.update(here)
    return sorted(found)


def first_shown(flow: Flow, offered: Sequence[Choice]) -> int:
    """Which of the choices the page opens with: the one that the flow follows."""
    for n, choice in enumerate(offered):
        if choice.s is not None and flow.at != "all" and flow.steps.losses[choice.s] in flow.seeds:
            return n
    return 0
