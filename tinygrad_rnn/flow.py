"""Follow a loss's gradient: every adjoint, every edge's own contribution, each step's share of a weight, C[t, k].

    flow = tg.flow(L)               # or tg.flow(L, at="last"), at=3: the gradient of one step's loss alone
    flow.share(W, 0)                # what the first step adds to dL/dW
    flow.table(W)[4][1]             # the part of the fifth step's dJ/dW that the second step adds

Steps are counted from 0, in the order in which they were recorded.

At every line the contributions that arrive, plus its seed, sum to its adjoint: the law of conservation that tests and
pictures state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .edges import Edge, Edges
from .losses import Follow, alone, seed, weight_of
from .stepping.places import At, is_number, name_of, positions, told
from .steps import Steps, differentiable, find_steps
from .tape import Array, Tape, TapeError, Var
from .uncollected import uncollected

Rule = Callable[[int | None], Follow]  # the edges that the marked loss of step s follows alone; None: those of L


@dataclass(frozen=True)
class Flow:
    """One reverse sweep, kept whole. Arrays are shared between entries: read them, do not change them."""

    tape: Tape
    steps: Steps
    loss: int  # line of the total loss
    at: At  # which loss was followed: "all", "last", a step's t or (loop, t), or None: nothing was swept
    seeds: dict[int, Array]
    adjoint: dict[int, Array]  # by line, where gradient arrived
    edges: Mapping[Edge, Array]  # (child, argument) -> what this edge brings to its parent
    follow: Follow | None = None
    notes: tuple[str, ...] = ()
    rule: Rule | None = None  # a truncation cuts other edges for other losses; without one, `follow` holds for all
    _shares: dict[int, dict[int, Array]] = field(default_factory=dict, repr=False)

    def share(self, weight: Var | int, s: int) -> Array:
        """The part of the weight's gradient that lines of step s add (s = −1: lines outside every step).

        Raises:
            TapeError: a weight that is no line of this tape, or a step that is not there.
        """
        line = self._line(weight)
        if not is_number(s) or not -1 <= s < len(self.steps.order):
            last = len(self.steps.order) - 1
            raise TapeError(f"share: there is no step {s!r}; steps count from 0 to {last}, and −1 is outside")
        if line not in self._shares:
            self._shares[line] = shares(self.tape, self.steps, self.edges, line)
        return self._shares[line].get(int(s), np.zeros_like(self.tape.lines[line][4]))

    def _line(self, weight: Var | int) -> int:
        """The line of a Var of this tape, or of a line's number."""
        if isinstance(weight, Var):
            if weight.tape is not self.tape:
                raise TapeError("the weight is a Var of another tape; give one of the tape that was followed")
            return weight.index
        if not is_number(weight) or not 0 <= weight < len(self.tape.lines):
            raise TapeError(f"there is no line {weight!r}; give the weight itself, as flow.table(W)")
        return int(weight)

    @property
    def followed(self) -> int | None:
        """The step whose marked loss alone is followed; None: L, or nothing."""
        return None if self.at in ("all", None) else marked(self.steps, self.at)

    def follows(self, s: int | None) -> Follow | None:
        """The edges that the marked loss of step s follows, None: L itself; all of them where this is None.

        A truncation has its own for every loss. A user's own `follow` is taken at its word for every loss.

        Raises:
            TapeError: the truncation of L is no set of edges.
        """
        if self.rule is None or not (s is None or s in self.steps.losses):
            return self.follow
        return self.rule(s)

    def along(self, s: int | None) -> Flow:
        """The same program swept back from the marked loss of step s alone, or from L (None), cut as it is for that.

        Raises:
            TapeError: the truncation of L is no set of edges.
        """
        at, follow = "all" if s is None else name_of(s, self.steps.order), self.follows(s)
        seeds = _seeds(self.steps, self.loss, s)
        adjoint, edges = _sweep(self.steps, seeds, follow, s)
        return replace(self, at=at, seeds=seeds, adjoint=adjoint, edges=edges, follow=follow, _shares={})

    def edges_from(self, seeds: dict[int, Array], s: int) -> Mapping[Edge, Array]:
        """Every edge's own contribution in a sweep from cotangents of the loss of step s, cut as it is for that."""
        return _sweep(self.steps, seeds, self.follows(s), s)[1]

    def table(self, weight: Var | int) -> dict[int, dict[int, Array]]:
        """C[s_t][s_k]: the part of dJ_t/dweight that step k adds, for a unit seed on each marked loss J_t.

        Keys are positions in `steps.order`, k = −1 for consumers outside every step; entries that are exactly absent
        (k > t) are left out. Each loss reaches back as far as the flow's truncation lets it. Costs one
        sweep per marked loss. Source: DESIGN's C[t,k] = e_t · J_t … J_{k+1} · ∂⁺h_k/∂θ.

        Raises:
            TapeError: a weight that is no line of this tape, or holds no floats.
        """
        line = self._line(weight)
        return {s: self._row(line, s) for s in self.steps.losses}

    def _row(self, weight: int, s: int) -> dict[int, Array]:
        """What each step adds to dJ/dweight, for the loss J of step s; only the ways to the weight are swept."""
        steps, total = self.steps, dict[int, Array]()

        def report(child: int, argument: int, parent: int, contribution: Array) -> None:
            if parent == weight:
                k = steps.of[child]
                total[k] = total[k] + contribution if k in total else contribution

        self.tape.sweep(seed(steps, s), [weight], follow=alone(steps, s, self.follows(s)), report=report)
        return dict(sorted(total.items()))

    @property
    def loss_weights(self) -> dict[int, Array]:
        """dL/dJ_t by step, 0 for a marked loss that L does not use.

        Raises:
            TapeError: L does not weigh all numbers of a row alike, so that it is not made of their sum.
        """
        full = self.adjoint
        if self.at != "all":
            full = _sweep(self.steps, _seeds(self.steps, self.loss, None), None)[0]
        return {s: weight_of(self.steps, s, full.get(line)) for s, line in self.steps.losses.items()}


@uncollected
def trace(loss: Var, at: At = "all", *, follow: Follow | None = None) -> Flow:
    """Sweep back from a loss and keep everything.

    Args:
        loss: the total loss L, a scalar.
        at: "all" follows L; "last" or a step number t follows that step's marked loss J_t alone, ("decoder", t) where
            several loops have such a step; None sweeps nothing.
        follow: `follow(child, argument, parent)` may cut edges, as truncated backpropagation through time does. It
            holds for whatever is asked of the flow: the loss followed, other losses' rows of the table, their paths.

    Raises TapeError for a loss that is no scalar, a step without a marked loss, a bad `at`.
    """
    if not isinstance(loss, Var):
        raise TapeError("flow: the loss is a plain number, not a Var; record it on a tape")
    if loss.shape != ():
        raise TapeError(f"flow: the loss has shape {loss.shape}, not (); sum or average it first")
    tape, steps = loss.tape, find_steps(loss.tape)
    s = None if at in ("all", None) else marked(steps, at)
    seeds = {} if at is None else _seeds(steps, loss.index, s)
    adjoint, edges = _sweep(steps, seeds, follow, s) if seeds else ({}, Edges(tape))
    leaves = [i for i, line in enumerate(tape.lines) if line[0] == "var" and i not in tape.backward]
    because = "the loss does not depend on" if follow is None else "what is cut leaves no way to"
    notes = tuple(
        f"{because} {steps.name[i] or f'v{i}'}: its gradient is zeros"
        for i in leaves
        if seeds and i not in adjoint
    )
    at = at if at is None or isinstance(at, str) else name_of(marked(steps, at), steps.order)
    return Flow(tape, steps, loss.index, at, seeds, adjoint, edges, follow, notes)


def shares(tape: Tape, steps: Steps, edges: Mapping[Edge, Array], weight: int) -> dict[int, Array]:
    """Contributions on edges into a weight, summed by the consumer's step."""
    total: dict[int, Array] = {}
    for edge in _edges_into(tape, weight):
        d = edges.get(edge)
        if d is not None:
            s = steps.of[edge[0]]
            total[s] = total[s] + d if s in total else d
    return dict(sorted(total.items()))


def _edges_into(tape: Tape, weight: int) -> list[Edge]:
    """All edges into a line, in the order of a sweep."""
    lines = tape.lines
    return [
        (child, argument)
        for child in range(len(lines) - 1, weight, -1)
        if weight in lines[child][1]
        for argument, parent in enumerate(lines[child][1])
        if parent == weight
    ]


def marked(steps: Steps, at: At) -> int:
    """The position of the step whose marked loss "last", a number or a pair (loop, number) means.

    Raises:
        TapeError: no loss is marked there, or several loops have a marked loss at that number.
    """
    if not steps.losses:
        raise TapeError(f"at={at!r}: no step loss is marked; mark J_t with tg.loss(value, t), or follow at='all'")
    found = [max(steps.losses)] if at == "last" else positions(at, steps.order, steps.losses)
    if len(found) > 1:
        pairs = " or ".join(f"at={steps.order[s]!r}" for s in found)
        raise TapeError(f"at={at!r}: {len(found)} loops have such a step; name the loop: {pairs}")
    if not found:
        stand = told(steps.order, steps.losses)
        raise TapeError(
            f"at={at!r}: no loss is marked there; marked losses stand at t = {stand}; use one of them, 'last' or 'all'"
        )
    return found[0]


def _seeds(steps: Steps, loss: int, s: int | None) -> dict[int, Array]:
    """Where the gradient of L starts, or that of the marked loss of step s alone."""
    return {loss: np.ones_like(steps.tape.lines[loss][4])} if s is None else seed(steps, s)


def _sweep(
    steps: Steps, seeds: dict[int, Array], follow: Follow | None, s: int | None = None
) -> tuple[dict[int, Array], Edges]:
    """The adjoint of every line that gradient reached, and every edge's contribution; of loss s alone, where given.

    The sweep itself is asked for the leaves only. Adjoints are added up here, in its order: where one edge alone
    arrives the adjoint is that edge's contribution, without a copy.
    """
    tape, depends = steps.tape, differentiable(steps.tape)
    edges = Edges(tape)
    first, arrays = edges.first, edges.arrays
    adjoint = {i: seed for i, seed in seeds.items() if depends[i]}
    sums: set[int] = set()  # adjoints that are sums made here, and so may grow in place

    def report(child: int, argument: int, parent: int, contribution: Array) -> None:
        arrays[first[child] + argument] = contribution
        before = adjoint.get(parent)
        if before is None:
            adjoint[parent] = contribution
        elif parent in sums and type(before) is np.ndarray:
            before += contribution
        else:
            adjoint[parent] = before + contribution
            sums.add(parent)

    leaves = [i for i in range(max(seeds) + 1) if tape.lines[i][0] == "var"]
    tape.sweep(seeds, leaves, follow=follow if s is None else alone(steps, s, follow), report=report)
    return adjoint, edges
