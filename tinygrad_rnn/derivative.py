"""Record the backward pass of a loss beside its tape, and write every contribution to an adjoint as one expression.

    record = backward_pass(loss)
    for edge in record.edges:            # in the order of the sweep
        ...                              # edge.parent's adjoint receives what edge.child's adjoint brings to it

The user's tape stays as it was: the sweep records itself on a copy. Comparisons, which a tape keeps as plain arrays,
are recorded too, so that a mask such as `a > 0` is written as what it is and not as a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .notation import ATOM, Notation, Piece, Written, expression, index, literal
from .rules.index import scatter
from .tape import Tape, TapeError, Var
from .var import getitem

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


def backward_pass(loss: Var, wrt: Sequence[Var] | None = None) -> Pass:
    """Record the backward pass of a scalar loss on a copy of its tape.

    Args:
        loss: a Var of shape ().
        wrt: Vars whose gradients are wanted; every differentiable leaf before the loss where it is left out.

    Raises TapeError for a loss that is no scalar Var, or Vars of another tape.
    """
    if not isinstance(loss, Var):
        raise TapeError("the loss is a plain number, not a Var; record it on a tape")
    if loss.shape != ():
        raise TapeError(f"the loss has shape {loss.shape}, not (); sum or average it first")
    tape = loss.tape
    if wrt is None:
        wanted = [i for i in range(loss.index) if tape.lines[i][0] == "var" and i not in tape.backward]
    elif any(not isinstance(v, Var) or v.tape is not tape for v in wrt):
        raise TapeError("the loss and what it is differentiated by must be Vars of one tape")
    else:
        wanted = list(dict.fromkeys(v.index for v in wrt))
    return swept(tape, loss.index, wanted)


def swept(tape: Tape, line: int, wanted: Sequence[int]) -> Pass:
    """Sweep a copy of the tape back from any line, with a seed of ones."""
    copy, forward = _copy(tape), len(tape)
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
    uses: dict[int, int] = {}
    for _, parents, _, _ in group.values():
        for p in parents:
            uses[p] = uses.get(p, 0) + 1
    texts: dict[int, Written] = {bar: Written(adjoint(edge.child), ATOM)}
    wanted, pending = set(), [edge.contribution]
    while pending:
        i = pending.pop()
        if i in group and i not in wanted and i != bar:
            wanted.add(i)
            pending += group[i][1]
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
        if i != edge.contribution and (len(written.text) > LONG or uses.get(i, 0) > 1):
            parts.append((value(i), written.text))
            written = Written(value(i), ATOM)
        texts[i] = written
    text = texts[edge.contribution].text if edge.contribution in texts else value(edge.contribution)
    fresh = edge.contribution in wanted and last is not None and (isinstance(last[0], np.ufunc) or last[0] is np.outer)
    return Contribution(tuple(parts), text, None, True, fresh)


def _basic(a: Any) -> bool:
    return a is None or a is Ellipsis or isinstance(a, slice | np.integer) or type(a) is int


def simple(lines: Sequence[Any], i: int) -> Piece:
    """A line, or the plain name of what it does: `a[..., None] * b` of two vectors is outer(a, b)."""
    fn, parents, args, kw = lines[i][:4]
    if fn is np.multiply:
        a, b = parents
        for k in (0, 1):  # n[..., None] of a number is as good as n beside an array
            if parents[k] >= 0 and _is_scalar(lines, parents[k]) and np.ndim(args[1 - k]) > 0:
                number = lines[parents[k]][1][0]
                pairs = [(number, lines[number][4]), (parents[1 - k], args[1 - k])]
                (a, x), (b, y) = pairs if k == 0 else pairs[::-1]
                return fn, (a, b), (x, y), kw
        column, row = _opened(lines, a), _opened(lines, b)
        if column is not None and column[1] == "column" and (row is None or row[1] == "row"):
            b = row[0] if row else b
            if b >= 0 and np.ndim(lines[b][4]) == 1:
                return np.outer, (column[0], b), (lines[column[0]][4], lines[b][4]), {}
    if fn is getitem and _place(args) == "..., 0" and lines[parents[0]][0] is np.matmul:
        _, (a, b), (matrix, _), *_ = lines[parents[0]]
        column = _opened(lines, b)
        if a >= 0 and column is not None and column[1] == "column" and np.ndim(matrix) == 2:
            return np.matmul, (a, column[0]), (matrix, lines[column[0]][4]), {}
    return fn, parents, args, kw


def _is_scalar(lines: Sequence[Any], i: int) -> bool:
    return lines[i][0] is getitem and np.ndim(lines[i][2][0]) == 0 and _place(lines[i][2]) == "..., None"


def _opened(lines: Sequence[Any], i: int) -> tuple[int, str] | None:
    """Is line i a vector made a column, v[..., None], or a row, v[..., None, :]? The vector's line, and which."""
    if i < 0 or lines[i][0] is not getitem or np.ndim(lines[i][2][0]) != 1:
        return None
    kind = {"..., None": "column", "..., None, :": "row"}.get(_place(lines[i][2]))
    return (lines[i][1][0], kind) if kind else None


def _place(args: Sequence[Any]) -> str:
    """An index of numbers, None, `...` and `:` as text; "?" stands for anything else."""
    whole = slice(None)
    marks = (":" if type(a) is slice and a == whole else literal(a) if type(a) is not slice else None for a in args[1:])
    return ", ".join(m if isinstance(m, str) else m.text if m else "?" for m in marks)


def _copy(tape: Tape) -> Tape:
    """A tape that goes on where another stands; not checked, for a NaN is to be seen in print as well."""
    copy = Tape()
    copy.lines, copy.backward = list(tape.lines), dict(tape.backward)
    copy.checksums, copy.source = tape.checksums, tape.source
    return copy
