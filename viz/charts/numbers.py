"""The numbers behind the charts: C[t, k] of every weight in one sweep a loss, its sums by lag, the shares of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_rnn import Flow, Var
from tinygrad_rnn.losses import seed

from ..reading.tooltips import norm
from ..reading.words import symbol
from ..render import PictureError
from .chart import plain

Array = Any
MOST_LOSSES = 1000


@dataclass(frozen=True)
class Weight:
    """A weight of the recording: its line, and its name as a chart writes it."""

    line: int
    name: str


quiet = np.errstate(all="ignore")  # gradients that are no numbers are charted as such


def swept(flow: Any, what: str) -> Flow:
    """The flow itself, where it is one that was swept.

    Raises:
        PictureError: not a flow, or one without a backward pass.
    """
    if not isinstance(flow, Flow):
        kind = type(flow).__name__
        raise PictureError(f"cannot chart a {kind}: {what}(tinygrad_rnn.flow(L)) takes the flow of a loss L")
    if not flow.seeds:
        raise PictureError(f"{what}: no backward pass is recorded; use tinygrad_rnn.flow(L), not at=None")
    return flow


def weights(flow: Flow, chosen: Any = None) -> list[Weight]:
    """All weights of a recording in its order, or the chosen one: its Var or its name.

    Raises:
        PictureError: no such weight, a Var of another tape, or no weight at all.
    """
    names = [flow.steps.name[i] or f"v{i}" for i in flow.steps.weights]
    found = [Weight(i, plain(symbol(name))) for i, name in zip(flow.steps.weights, names, strict=True)]
    if not found:
        raise PictureError("nothing to chart: the recording has no weights; make them with tape.var(array, name)")
    if chosen is None:
        return found
    if isinstance(chosen, Var) and chosen.tape is not flow.tape:
        raise PictureError("weight: that Var is of another tape; choose one of the tape that the flow was made on")
    wanted = chosen.index if isinstance(chosen, Var) else chosen
    kind = int if isinstance(chosen, Var) else str
    hits = [w for w, name in zip(found, names, strict=True) if type(wanted) is kind and wanted in (w.line, name)]
    if len(hits) != 1:
        given = plain(repr(wanted) if not isinstance(wanted, str) else wanted, 40)
        how = "no weight is" if not hits else f"{len(hits)} weights are"
        raise PictureError(f"weight={given!r}: {how} called so; there are {', '.join(w.name for w in found[:12])}")
    return hits


def contribution_arrays(flow: Flow, chosen: list[Weight]) -> dict[int, dict[int, dict[int, Array]]]:
    """C[t, k] by weight's line, step of the loss and step of the use (−1: outside every step), a unit seed on each J_t.

    What `Flow.table` gives for one weight, for all of them in one sweep a loss.

    Raises:
        PictureError: no loss is marked, or more than a chart can show.
    """
    losses = flow.steps.losses
    if not losses:
        raise PictureError("no step loss is marked, so there is no C[t, k]; mark J_t with tinygrad_rnn.loss(value, t)")
    if len(losses) > MOST_LOSSES:
        raise PictureError(f"{len(losses)} step losses are too many to chart (at most {MOST_LOSSES}); record fewer")
    table: dict[int, dict[int, dict[int, Array]]] = {weight.line: {} for weight in chosen}
    for s in losses:
        for rows in table.values():
            rows[s] = {}
        for (child, argument), part in flow.edges_from(seed(flow.steps, s), s).items():
            k, parent = flow.steps.of[child], flow.tape.lines[child][1][argument]
            if parent in table:
                row = table[parent][s]
                row[k] = row[k] + part if k in row else part
    return table


def together(arrays: list[Array]) -> float:
    """The norm of several arrays as one: the root of the sum of squares of all entries."""
    return norm(np.array([norm(array) for array in arrays]))


def by_lag(flow: Flow, rows: dict[int, dict[int, Array]]) -> tuple[Array, Array]:
    """By lag l: ‖Σ_t w_t C[t, t−l]‖, and the mean of ‖C[t, t−l]‖ over the losses that reach so far back."""
    scale = flow.loss_weights
    lags = 1 + max(max(rows), 0)
    sums: list[Array] = [0.0] * lags
    parts: list[list[float]] = [[] for _ in range(lags)]
    for s, row in rows.items():
        for k, array in row.items():
            if 0 <= k <= s:
                sums[s - k] = sums[s - k] + scale[s] * array
                parts[s - k].append(norm(array))
    return np.array([norm(total) for total in sums]), np.array([np.mean(p) if p else 0.0 for p in parts])


def share_norms(flow: Flow, weight: Weight) -> dict[int, float]:
    """‖share of step s of ∂L/∂θ‖ by step, −1 for uses outside every step, only where the weight is used."""
    users = sorted({flow.steps.of[i] for i, line in enumerate(flow.tape.lines[: flow.loss + 1])
                    if weight.line in line[1] and i not in flow.tape.backward})  # fmt: skip
    return {s: norm(flow.share(weight.line, s)) for s in users}
