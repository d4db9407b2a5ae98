"""Who hears which loss: C[t, k] as a table; of folded steps some losses and some steps at a time, as exact sums.

A cell of several losses and several steps is the norm of what these steps add to the gradient of the sum of these
losses: contributions are added as arrays, and measured once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow
from tinygrad_rnn.flow import shares
from tinygrad_rnn.losses import seed

from ..reading.fold import Fold
from ..reading.missing import put
from ..reading.naming import short_steps, step_words
from ..reading.tooltips import norm
from .arrays import short
from .choices import Choice

MOST_SPANS = 12  # rows and columns for the steps of a fold

Array = Any
Span = tuple[int, int]  # first and last step
Shares = dict[int, dict[int, Array]]  # weight -> step -> what the step adds to the weight's gradient


def contributions(flow: Flow, graph: nx.MultiDiGraph, offered: list[Choice]) -> dict[str, Any] | None:
    """The norm of what steps add to losses' gradients by all parameters together.

    Each row stands twice: as "c", for a unit seed on each loss, and as "w", each loss times ∂L/∂ℓ_t, by which L weighs
    it. Where no loss is marked there is one row, for L, which the picture shows as the loss of one step. None without
    a backward pass, or without steps.
    """
    losses, drawn, order = flow.steps.losses, dict(graph.graph["losses"]), flow.steps.order
    if not offered or not flow.steps.weights or not (losses or drawn):
        return None
    alone = {choice.s: choice.flow for choice in offered if choice.s is not None}
    columns = spans(len(order), graph.graph.get("fold"), alone)
    rows: list[dict[str, Any]] = []
    if losses:
        weighed = offered[0].flow.loss_weights
        for span in columns:
            here = {s: weighed[s] for s in range(span[0], span[1] + 1) if s in losses}
            if here:
                rows.append({"s": span} | _row(flow, here, alone, columns))
    else:
        added = _norms(_shares_of(offered[0].flow), columns)
        rows = [{"s": (s, s), "c": added, "w": added} for s in drawn]
    short_names, names = short_steps(order), [step_words(order, s) for s in range(len(order))]
    return {
        "columns": columns,
        "t": [_from_to(short_names, span, "–") for span in columns],
        "at": [_from_to(names, span, " to ") for span in columns],
        "rows": rows[::-1],
    }


def spans(count: int, fold: Fold | None, alone: Iterable[int]) -> list[Span]:
    """Every step on its own, but for those of a fold, of which MOST_SPANS or fewer take some together."""
    if fold is None:
        return [(s, s) for s in range(count)]
    size = ceil(len(fold) / MOST_SPANS)
    starts = {*range(fold.start), *range(fold.start, fold.stop, size), *range(fold.stop, count)}
    for s in alone:
        starts |= {s, s + 1}
    begins = sorted(start for start in starts if start < count)
    return list(zip(begins, [*(begin - 1 for begin in begins[1:]), count - 1], strict=True))


def _row(
    flow: Flow, weighed: Mapping[int, Array], alone: Mapping[int, Flow], columns: list[Span]
) -> dict[str, list[float | str]]:
    """The cells of some losses, with a unit seed on each ("c") and as L weighs them ("w")."""
    if len(weighed) > 1:
        return {
            "c": _norms(_together(flow, dict.fromkeys(weighed, np.ones(()))), columns),
            "w": _norms(_together(flow, weighed), columns),
        }
    ((s, weight),) = weighed.items()
    found = _shares_of(alone.get(s) or flow.along(s))
    return {"c": _norms(found, columns), "w": _norms(found, columns, norm(weight))}


def _shares_of(flow: Flow) -> Shares:
    return {w: {k: flow.share(w, k) for k in range(len(flow.steps.order))} for w in flow.steps.weights}


def _together(flow: Flow, weighed: Mapping[int, Array]) -> Shares:
    """What each step adds to the gradient of some losses' sum: one sweep, or one each where losses are cut apart."""
    found: Shares = {w: {} for w in flow.steps.weights}
    groups = [weighed] if flow.rule is None else [{s: weight} for s, weight in weighed.items()]
    for group in groups:
        edges: dict[tuple[int, int], Array] = {}
        seeds: dict[int, Array] = {}
        for s, weight in group.items():
            for line, array in seed(flow.steps, s).items():
                put(seeds, line, weight * array)
        follow = flow.follows(next(iter(group)))

        def report(child: int, k: int, _: int, contribution: Array, into: dict[Any, Array] = edges) -> None:
            into[child, k] = contribution

        flow.tape.sweep(seeds, flow.steps.weights, follow=follow, report=report)
        for w, sums in found.items():
            for s, share in shares(flow.tape, flow.steps, edges, w).items():
                sums[s] = sums[s] + share if s in sums else share
    return found


def _norms(found: Shares, columns: list[Span], factor: float = 1.0) -> list[float | str]:
    """The norm of what the steps of each column add, over all weights."""
    cells = []
    for first, last in columns:
        sums = [[by_step[k] for k in range(first, last + 1) if k in by_step] for by_step in found.values()]
        cells.append(float(np.linalg.norm([norm(sum(several[1:], several[0])) for several in sums if several])))
    return [short(factor * cell) for cell in cells]


def _from_to(names: list[str], span: Span, between: str) -> str:
    """"3", "3–12"; what begins alike does so once: "steps 3 to 12", "decoder 3 to 12"."""
    first, last = names[span[0]], names[span[1]]
    if first == last:
        return first
    before, space, number = last.rpartition(" ")
    if first.startswith("step "):
        return f"steps {first[5:]}{between}{number}"
    return first + between + (number if space and first.startswith(before + space) else last)
