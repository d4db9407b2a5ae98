"""How many steps of a program are drawn: all where they are few, otherwise the first and the last with a fold between.

A picture that is wider than some 2,200 points cannot be read on a screen or a slide; a folded one says how many steps
it leaves out and shows what passes through them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import networkx as nx

from tinygrad_rnn import Flow

from .layout.boxes import measure
from .layout.search import Layout, lay_out
from .layout.structure import Structure
from .reading import folding
from .reading.graph import build
from .reading.recorded import is_recorded
from .reading.template import fold as template_of
from .render import PictureError

MOST_STEPS = 60  # more are drawn one by one only on request
WIDEST = 2200.0  # points of the drawn steps together, where nobody has said what to fold
MOST_AT_AN_END = 3
_READ_WHOLE = 12  # up to so many steps are read at once to see how wide they are
_BYTES = 320.0  # of SVG for a node or a wire, about

Ends = tuple[int, int]
Build = Callable[[Ends | None], nx.MultiDiGraph]


def layout_of(graph: nx.MultiDiGraph) -> Layout:
    """The layout of a step; a folded graph has the one that it would have without a fold."""
    fold = graph.graph.get("fold")
    pattern = fold.pattern if fold else graph
    template = template_of(pattern)
    weights = tuple((str(graph.nodes[key]["name"]), str(graph.nodes[key]["label"])) for key in graph.graph["weights"])
    return lay_out(template, measure(pattern, Structure(template)), weights)


@dataclass(frozen=True)
class Length:
    """What was asked for: a fold (first, last), None for what fits, False for none; all steps, however many.

    Raises:
        PictureError: a fold that cannot be meant.
    """

    fold: Any = None
    every_step: bool = False

    def __post_init__(self) -> None:
        _checked(self.fold, self.every_step)

    def graph(self, flow: Flow, *, backward: bool = False, **rules: Any) -> nx.MultiDiGraph:
        """The graph to draw, folded as asked for, or so that it is not too wide.

        Raises:
            PictureError: too many steps to draw all without insisting, or a fold of what does not fold.
        """

        def built(ends: Ends | None) -> nx.MultiDiGraph:
            return build(flow, backward=backward, fold=ends, **rules)

        what = "a recorded backward pass" if backward or is_recorded(flow) else ""
        if what or not flow.steps.order:
            self.check_whole(flow, what or "a program without steps")
            return built(None)
        count, ends = len(flow.steps.order), _checked(self.fold, self.every_step)
        if ends:
            return built(ends if count - sum(ends) > 1 else None)
        if self.every_step or (self.fold is False and count <= MOST_STEPS):
            return built(None)
        if self.fold is False:
            raise _too_many(built((1, 1)), count)
        if count <= _READ_WHOLE:
            return _fitting(built, built(None), count)
        return _fitting(built, build(folding.part(flow, 2, count - 2).flow, **rules), count)

    def ends(self, flow: Flow, **rules: Any) -> Ends | None:
        """The fold of a picture that needs all steps for what it shows: the one asked for, or one for a long sequence.

        Raises:
            PictureError: too many steps to draw all without insisting.
        """
        count, asked = len(flow.steps.order), _checked(self.fold, self.every_step)
        if asked:
            return asked if count - sum(asked) > 1 else None
        if self.every_step or count <= MOST_STEPS:
            return None
        fold = self.graph(flow, **rules).graph["fold"]
        return (fold.start, count - fold.stop) if fold else None

    def check_whole(self, flow: Flow, what: str) -> None:
        """Raise PictureError where a picture that cannot fold is folded, or has too many steps."""
        count = len(flow.steps.order)
        if self.fold:
            raise PictureError(f"fold={self.fold!r}: {what} is drawn with all its steps; leave the fold out")
        if count > MOST_STEPS and not self.every_step:
            raise PictureError(
                f"{what} is drawn with all its steps, and {count} are too wide to read (at most {MOST_STEPS}): "
                "record fewer steps, or insist with every_step=True"
            )

    def shorter(self, graph: nx.MultiDiGraph, *, folds: bool) -> str:
        """How a picture could show fewer steps than this graph; nothing where it cannot."""
        count, fold = len(graph.graph["steps"]), graph.graph.get("fold")
        drawn = count - (fold.stop - fold.start) if fold else count
        instead = " instead of every_step=True" if self.every_step else ""
        for ends in ((1, 1), (0, 1)):
            if folds and sum(ends) < drawn and count - sum(ends) > 1:
                return f"draw fewer steps, as with fold={ends}{instead}"
        return "record fewer steps" if drawn > 1 else ""


def lengths_to_try(count: int) -> list[Length]:
    """For a picture whose size is given: all steps where they are few, otherwise folded, the longest first."""
    folds = [ends for ends in ((3, 2), (2, 1), (1, 1)) if count - sum(ends) > 1]
    return [*([Length(False)] if count <= _READ_WHOLE or not folds else []), *map(Length, folds)]


def _checked(fold: object, every_step: bool) -> Ends | None:
    """The two numbers of a fold, None where it is None or False."""
    if fold is None or fold is False:
        return None
    told = f"fold={fold!r}"[:80]
    ends = list(fold) if isinstance(fold, tuple | list) else []
    if len(ends) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in ends):
        raise PictureError(
            f"{told}: must be (first, last), how many steps to draw at the two ends; fold=False folds none"
        )
    first, last = int(ends[0]), int(ends[1])
    if first + last == 0:
        raise PictureError(f"{told}: that draws no step at all; keep one at least, as in fold=(0, 1)")
    if every_step:
        raise PictureError(f"{told} and every_step=True contradict each other; leave one of them out")
    return first, last


def _fitting(build: Build, some: nx.MultiDiGraph, count: int) -> nx.MultiDiGraph:
    """All steps if they fit into the width, otherwise as many at both ends as do, one at least.

    `some` is the graph of some steps, or of all: it tells how wide a step is.
    """
    layout, whole = layout_of(some), len(some.graph["steps"]) == count
    if count <= MOST_STEPS and (count * layout.pitch <= WIDEST or count < 4):
        return some if whole else build(None)
    fit = int(WIDEST // layout.pitch)
    drawn = max(2, min(fit, 2 * MOST_AT_AN_END, count - 2))
    return build((drawn // 2, drawn - drawn // 2))


def _too_many(graph: nx.MultiDiGraph, count: int) -> PictureError:
    """How large a picture of all steps would be."""
    one = sum(key.endswith("@0") and key[0] == "n" for key in graph)
    wires = sum(data["target"] != 0 for *_, data in graph.edges(data=True) if "target" in data)
    wires += sum(v.endswith("@0") for _, v in graph.edges())
    megabytes = _BYTES * count * (one + 3 * wires) / 1e6
    return PictureError(
        f"{count} steps one by one are {layout_of(graph).pitch * count:,.0f} points wide and some {megabytes:,.1f} MB "
        f"of SVG: let them be folded, or insist with every_step=True"
    )
