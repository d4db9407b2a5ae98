"""Record the backward pass of a loss beside its tape, and write every contribution to an adjoint as one expression.

    record = backward_pass(loss)
    for edge in record.edges:            # in the order of the sweep
        ...                              # edge.parent's adjoint receives what edge.child's adjoint brings to it

The user's tape stays as it was: the sweep records itself on a copy. Comparisons, which a tape keeps as plain arrays,
are recorded too, so that a mask such as `a > 0` is written as what it is and not as a constant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..rules.index import scatter
from ..tape import Tape, TapeError, Var
from ..var import getitem, listed
from .notation import ATOM, Notation, Piece, Written, expression, index

LONG = 100  # characters; a longer part of an expression stands on a line of its own


class Edge(NamedTuple):
    """What the sweep did for argument k of one line: the lines it recorded, and the one that holds the contribution."""

    child: int
    argument: int
    parent: int
    start: int
    stop: int
    contribution: int
    first: bool  # is it the parent's first contribution?


@dataclass(frozen=True)
class Pass:
    """A recorded backward pass. Lines below `forward` are the user's tape; those from there on are the sweep's."""

    tape: Tape  # the copy
    forward: int
    loss: int
    wanted: tuple[int, ...]
    edges: tuple[Edge, ...]
    adjoint: dict[int, int]  # forward line -> the line that holds its whole adjoint


class Contribution(NamedTuple):
    """An edge's contribution as text."""

    parts: tuple[tuple[str, str], ...]  # named intermediate results: (name, expression)
    text: str
    place: str | None  # where it is not None: `text` is added at this index of the parent's adjoint, zero elsewhere
    plain_place: bool  # only numbers and slices, so that no place is met twice
    fresh: bool  # the expression makes a new array: it is neither another name nor a view of one


def backward_pass(loss: Var, wrt: Var | Sequence[Var] | None = None) -> Pass:
    """Record the backward pass of a scalar loss on a copy of its tape.

    Args:
        loss: a Var of shape ().
        wrt: a Var whose gradient is wanted, or several; every differentiable leaf before the loss where it is left out.

    Raises TapeError for a loss that is no scalar Var, or Vars of another tape.
    """
    if not isinstance(loss, Var):
        raise TapeError("the loss is a plain number, not a Var; record it on a tape")
    if loss.shape != ():
        raise TapeError(f"the loss has shape {loss.shape}, not (); sum or average it first")
    tape = loss.tape
    if wrt is None:
        wanted = [i for i in range(loss.index) if tape.lines[i][0] == "var" and i not in tape.backward]
    elif any(not isinstance(v, Var) or v.tape is not tape for v in listed(wrt)):
        raise TapeError("the loss and what it is differentiated by must be Vars of one tape")
    else:
        wanted = list(dict.fromkeys(v.index for v in listed(wrt)))
    return swept(tape, loss.index, wanted)


def swept(tape: Tape, line: int, wanted: Sequence[int]) -> Pass:
    """Sweep a copy of the tape back from any line, with a seed of ones."""
    copy, forward = tape.copy(), len(tape)
    found: list[tuple[int, int, int, int]] = []
    ends: list[int] = []

    def report(child: int, argument: int, parent: int, contribution: Any) -> None:
        if type(contribution) is not Var:  # a rule that answers with a plain array
            contribution = copy.data(contribution)
        ends.append(len(copy))
        found.append((child, argument, parent, contribution.index))

    copy.sweep({line: np.ones_like(tape.lines[line][4])}, wanted, track=True, report=report)
    adjoint = {line: forward}
    start, edges = forward + 1, []
    for n, (child, argument, parent, contribution) in enumerate(found):
        stop, first = ends[n], parent not in adjoint
        edges.append(Edge(child, argument, parent, start, stop, contribution, first))
        limit = ends[n + 1] if n + 1 < len(ends) else len(copy)
        start = stop
        while start < limit and start in copy.backward and copy.backward[start].kind == "sum":
            start += 1
        adjoint[parent] = contribution if first else start - 1
    return Pass(copy, forward, line, tuple(wanted), tuple(edges), adjoint)


def contribution(
    record: Pass,
    edge: Edge,
    value: Callable[[int], str],
    adjoint: Callable[[int], str],
    notation: Notation,
) -> Contribution:
    """Write an edge's contribution: the lines that its rule recorded, put into one another.

    A part that is used twice, or very long, is named (`value(line)`) and stands on its own.
    """
    lines, bar = record.tape.lines, record.adjoint[edge.child]
    group = {i: simple(lines, i) for i in range(edge.start, edge.stop) if lines[i][1]}
    texts: dict[int, Written] = {bar: Written(adjoint(edge.child), ATOM)}
    wanted, pending = set(), [edge.contribution]
    while pending:
        i = pending.pop()
        if i in group and i not in wanted and i != bar:
            wanted.add(i)
            pending += group[i][1]
    uses = Counter(p for i in wanted for p in group[i][1])
    parts: list[tuple[str, str]] = []
    last = group.get(edge.contribution)
    for i in sorted(wanted):
        piece = group[i]
        operands = [None if p < 0 else texts[p] if p in texts else Written(value(p), ATOM) for p in piece[1]]
        if i == edge.contribution and piece[0] is scatter:
            raw = [a for a, o in zip(piece[2][2:], operands[2:], strict=True) if o is None]
            plain = len(raw) == len(operands) - 2 and all(_basic(a) for a in raw)
            place = index(piece, operands, notation, first=2)
            return Contribution(tuple(parts), (operands[0] or texts[bar]).text, place, plain, True)
        written = expression(piece, operands, notation)
        if i != edge.contribution and (len(written.text) > LONG or uses[i] > 1):
            parts.append((value(i), written.text))
            written = Written(value(i), ATOM)
        texts[i] = written
    text = texts[edge.contribution].text if edge.contribution in texts else value(edge.contribution)
    fresh = edge.contribution in wanted and last is not None and (isinstance(last[0], np.ufunc) or last[0] is np.outer)
    return Contribution(tuple(parts), text, None, True, fresh)


def _basic(a: Any) -> bool:
    return a is None or a is Ellipsis or isinstance(a, slice | np.integer) or type(a) is int


def simple(lines: Sequence[Any], i: int) -> Piece:
    """A line, or what a textbook writes for it: outer(a, b) and A @ v, where a rule opens vectors to columns and rows.

    Told by the shapes that meet, so it is the same array however the rule spells it.
    """
    fn, parents, args, kw = lines[i][:4]
    if fn is np.multiply and min(parents) >= 0:
        a, b = (_unopened(lines, p) for p in parents)
        x, y = lines[a][4], lines[b][4]
        (m,), (n,) = (np.shape(v) if np.ndim(v) == 1 else (None,) for v in (x, y))
        if m and n and np.shape(args[0]) == (m, 1) and np.shape(args[1]) in ((n,), (1, n)):
            return np.outer, (a, b), (x, y), {}
        if np.ndim(x) == 0 and np.ndim(args[0]) <= np.ndim(args[1]):  # a number is as good as [[number]]
            return fn, (a, parents[1]), (x, args[1]), kw
        if np.ndim(y) == 0 and np.ndim(args[1]) <= np.ndim(args[0]):
            return fn, (parents[0], b), (args[0], y), kw
    if fn is getitem and _is_first(args[1:]) and lines[parents[0]][0] is np.matmul:
        (a, b), (matrix, column) = lines[parents[0]][1:3]
        v = _unopened(lines, b)
        if min(a, b) >= 0 and np.ndim(matrix) == 2 and np.shape(column) == (*np.shape(lines[v][4]), 1):
            return np.matmul, (a, v), (matrix, lines[v][4]), {}
    return fn, parents, args, kw


def _unopened(lines: Sequence[Any], i: int) -> int:
    """The line that line i shows with axes of length 1 added, `x[..., None]`; i itself where it does no such thing."""
    fn, parents, args = lines[i][:3]
    if fn is getitem and all(a is None or a is Ellipsis or (type(a) is slice and a == slice(None)) for a in args[1:]):
        return int(parents[0])
    return i


def _is_first(place: Sequence[Any]) -> bool:
    """Is this the index `..., 0`? Types first: an index may be an array, which has no truth value."""
    return [type(a) for a in place] == [type(Ellipsis), int] and place[1] == 0
