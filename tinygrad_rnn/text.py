"""Print a tape as a derivation, one operation a line, and its backward pass in a textbook's notation.

print(tape)                      # or listing(tape)
print(backward(loss))            # d[h[3]] += W.T @ d[v14], step by step, last step first
print(source(loss))              # both passes as NumPy source that runs on its own
local_rule(tape, 12, 0)          # "d[v11] = d[h[1]] * (1 - h[1] * h[1])"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .errors import Scope
from .printing.derivative import Contribution, Edge, Pass, backward_pass, contribution, swept
from .printing.naming import heading, names, remarks_on_losses
from .printing.notation import ATOM, DISPLAY, Written, expression, shorten
from .source import source, source_inputs
from .tape import RULES, Tape, Var

__all__ = ["backward", "listing", "local_rule", "source", "source_inputs"]

Row = tuple[str, str, str, str, str, str]  # name, sign, expression, shape, value, remark
_rules: dict[Any, tuple[str, str | None, str]] = {}  # how a kind of edge is written, names left open


# ---- the tape --------------------------------------------------------------------------------------------------------
def forward_text(tape: Tape, i: int, called: Sequence[str]) -> str:
    """The operation of a line: `W @ h[1]`; empty for a leaf."""
    fn, parents, args, kw = tape.lines[i][:4]
    if not parents:
        return ""
    operands = [None if p < 0 else Written(called[p], ATOM) for p in parents]
    return expression((fn, parents, args, kw), operands, DISPLAY).text


def listing(tape: Tape, stop: int | None = None) -> str:
    """The tape as a derivation: one line per operation, grouped by step, with shapes, and the values of scalars.

    Args:
        tape: what was recorded.
        stop: print the lines before this one only.
    """
    called = names(tape)
    marked = remarks_on_losses(tape)
    groups: list[tuple[str, list[Row]]] = []
    scope: Scope | None = None
    for i, (fn, parents, _, _, value, at, _) in enumerate(tape.lines[:stop]):
        if at != scope:
            scope = at
            groups.append((heading(at) or ("outside the steps" if groups else ""), []))
        remarks = []
        if not parents:
            remarks.append("leaf (differentiable)" if fn == "var" else "leaf (data)")
        if i in marked:
            remarks.append(marked[i])
        if i in tape.backward:
            kind, line, argument = tape.backward[i]
            target = tape.lines[line][1][argument] if argument is not None else line
            through = "" if argument is None else f" through {called[line]}"
            remarks.append(f"{kind}: d[{called[target]}]{through}")
        if getattr(value, "dtype", np.float64) != np.float64:
            remarks.append(str(value.dtype))
        sign = "=" if parents else ""
        groups[-1][1].append((called[i], sign, forward_text(tape, i, called), *_size(value), ", ".join(remarks)))
    return _table(groups) or "(an empty tape)"


def _size(value: Any) -> tuple[str, str]:
    """The shape of a value; the value itself to four digits where it is one number."""
    shape = np.shape(value)
    if shape:
        return str(shape), ""
    number = np.asarray(value).item()
    return "()", f"{number:.4g}" if isinstance(number, int | float | complex) else ""


def _table(groups: Iterable[tuple[str, list[Row]]]) -> str:
    """Rows under their headings, in columns; a long expression pushes its own row only."""
    groups = list(groups)
    rows = [row for _, members in groups for row in members]
    limits = {0: 16, 2: 56, 3: 16, 4: 12}
    wide = [max((len(row[k]) for row in rows if len(row[k]) <= most), default=0) for k, most in limits.items()]
    signs = max((len(row[1]) for row in rows), default=0)
    text = []
    for title, members in groups:
        if title:
            text.append(title)
        for name, sign, operation, shape, value, remark in members:
            columns = f"  {name:<{wide[0]}} {sign:>{signs}} {operation:<{wide[1]}}  {shape:<{wide[2]}}"
            columns += f"  {value:<{wide[3]}}" if wide[3] else ""
            text.append((columns + (f"  # {remark}" if remark else "")).rstrip())
    return "\n".join(text)


# ---- the backward pass -----------------------------------------------------------------------------------------------
def backward(loss: Var, wrt: Var | Sequence[Var] | None = None) -> str:
    """The backward pass as a derivation, in reverse order: d[v] is the derivative of the loss by v.

    Args:
        loss: a Var of shape (), on a tape that stays unchanged.
        wrt: a Var whose gradient is wanted, or several; every differentiable leaf where it is left out.

    Returns one line for every contribution to an adjoint, with its shape and the line that it comes through.
    Raises TapeError for a loss that is no scalar.
    """
    record = backward_pass(loss, wrt)
    tape, called = loss.tape, names(loss.tape)
    scope = tape.lines[loss.index][5]
    groups: list[tuple[str, list[Row]]] = [(heading(scope), [(f"d[{called[loss.index]}]", "=", "1", "()", "", "seed")])]
    for edge in record.edges:
        if tape.lines[edge.child][5] != scope:
            scope = tape.lines[edge.child][5]
            groups.append((heading(scope) or "outside the steps", []))
        written = _contribution(record, edge, called)
        groups[-1][1].extend((name, "=", text, "", "", "") for name, text in written.parts)
        place = f"[{written.place}]" if written.place is not None else ""
        target, shape = f"d[{called[edge.parent]}]{place}", str(np.shape(tape.lines[edge.parent][4]))
        sign = "=" if edge.first and not place else "+="
        through = shorten(f"{called[edge.child]} = {forward_text(tape, edge.child, called)}", 72)
        groups[-1][1].append((target, sign, written.text, shape, "", f"through {through}"))
    missing = [i for i in record.wanted if i not in record.adjoint]
    remark = f"{called[loss.index]} does not depend on "
    zeros = [(f"d[{called[i]}]", "=", "0", str(np.shape(tape.lines[i][4])), "", remark + called[i]) for i in missing]
    return _table([*groups, ("no gradient arrives", zeros)] if zeros else groups)


def _contribution(record: Pass, edge: Edge, called: Sequence[str]) -> Contribution:
    def value(i: int) -> str:
        return called[i] if i < record.forward else f"{'r' if record.tape.lines[i][1] else 'constant_'}{i}"

    return contribution(record, edge, value, lambda i: f"d[{called[i]}]", DISPLAY)


# ---- one rule --------------------------------------------------------------------------------------------------------
def local_rule(tape: Tape, i: int, k: int, own: Sequence[str] = ()) -> str:
    """What the sweep does on the edge from line i to its argument k: `d[a] = d[h] * (1 - h * h)`.

    Found by running the rule on stand-ins, so a rule of the user's own prints too. Empty where there is no rule, no
    line at that argument, or where the rule cannot be run; it never raises.

    Args:
        tape: what was recorded.
        i: number of a line.
        k: number of one of its arguments.
        own: what to call the arguments and, last, the line itself; by default their names.
    """
    try:
        fn, parents, args, kw = tape.lines[i][:4]
        if parents[k] < 0:
            return ""
        given = tuple((np.shape(a), a.dtype.str) if p >= 0 else repr(a) for p, a in zip(parents, args, strict=True))
        key = fn, RULES[fn], k, given, repr(kw)
        if key not in _rules:
            if len(_rules) > 4096:
                _rules.clear()
            _rules[key] = _template(tape, i, k)
        if not own:
            called = names(tape)
            own = [called[p] if p >= 0 else "" for p in parents] + [called[i]]
        text, place, parts = (_fill(part or "", own) for part in _rules[key])
        if not text:
            return ""
        return f"{parts}d[{own[k]}]{place} {'+=' if place else '='} {text}"
    except Exception:  # a rule, a shape or a __repr__ of the user's may do anything; a caption must not stop a picture
        return ""


def _template(tape: Tape, i: int, k: int) -> tuple[str, str | None, str]:
    """The text of an edge with open names: its expression, the index it is added at, its named parts."""
    fn, parents, args, kw, *_ = tape.lines[i]
    small = Tape()
    operands = [small.data(a) if p >= 0 else a for p, a in zip(parents, args, strict=True)]
    with np.errstate(all="ignore"):
        line = small.record(fn, operands, kw)
        record = swept(small, line.index, [operands[k].index])
    open_names = [f"\0{argument}\1" for argument in range(len(parents) + 1)]
    called = [name for name, p in zip(open_names, [*parents, 0], strict=True) if p >= 0]
    found = [_contribution(record, edge, called) for edge in record.edges if edge.argument == k]
    if not found:
        return "", None, ""
    parts = "".join(f"{name} = {text}; " for name, text in found[0].parts)
    return found[0].text, None if found[0].place is None else f"[{found[0].place}]", parts


_OPEN_NAME = re.compile("\0(\\d+)\1")


def _fill(text: str, own: Sequence[str]) -> str:
    return _OPEN_NAME.sub(lambda match: own[int(match[1])], text) if text else text


Tape.__str__ = listing  # type: ignore[method-assign,assignment]  # so that print(tape) reads as a derivation
