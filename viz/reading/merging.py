"""Merge what is drawn as one node: equal inputs, the lines of a loss, chains of additions, the terms of affine maps.

The rules are decided by role, so that every step looks alike: a chain of additions is one ⊕; the lines between a
readout and its loss are ℓ; W·h + U·x + b is one box with a row per term where a step has many such products.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from . import words
from .display import Display, look
from .program import Program
from .recorded import leave_out_sums, merge_recorded
from .scopes import path_of

MANY_PRODUCTS = 5  # a step with more weight products than this is drawn with fused affine maps


def arrange(program: Program, *, every_line: bool = False, fuse: bool | None = None) -> Display:
    """Apply the display rules; `every_line` leaves only what a picture needs: inputs, chips and step losses."""
    display = look(program, every_line=every_line)
    _merge_inputs(display)
    if not every_line:
        merge_recorded(display)
    if program.beside:
        leave_out_sums(display)
    if not every_line:
        _absorb_into_losses(display)
        products = _products(display)
        display.fused = fuse if fuse is not None else _most_in_a_step(display, products) > MANY_PRODUCTS
        _chain_additions(display, products if display.fused else set())
    for r in list(display.head):
        if r in program.instances and all(i in display.vanished for i in program.instances[r].values()):
            del display.head[r]
    display.roles = _order(display)
    return display


def _merge_inputs(display: Display) -> None:
    """One input node for one thing: X[t] read four times, or one array met four times, in the same step."""
    program, first = display.program, dict[str, int]()
    for r in program.roles:
        lines = program.instances[r]
        values = [(s, np.asarray(program.lines[i][4])) for s, i in lines.items()]
        if r in display.feeds:
            indices = [words.index(program.lines[i][2][1:]) for i in lines.values()]
            what: Any = program.parents(program.typical(r))[0], indices
        elif program.function(program.typical(r)) == "data":
            what = program.name(r)
        else:
            continue
        what = what, [(s, v.shape, v.dtype.str, v.tobytes()) for s, v in values]
        display.head[r] = first.setdefault(repr(what), r)


def _absorb_into_losses(display: Display) -> None:
    """Backwards from each loss: what only that loss reads in every step, and uses no weight, is part of ℓ."""
    program, head = display.program, display.head
    owner = {r: r for r in display.losses}
    for r in reversed(program.roles):
        lines = list(program.instances[r].values())
        if r in owner or r in program.carried or all(i in display.vanished for i in lines):
            continue
        if program.function(program.typical(r)) == "var" or (r in display.feeds and program.differentiable[lines[0]]):
            continue
        made_up = r in display.inputs.values()
        computed = [] if made_up or r in display.feeds else lines
        if any(display.is_weight(i, k) for i in computed for k in range(len(program.parents(i)))):
            continue
        owners = set()
        for s, i in program.instances[r].items():
            readers = [c for c, _ in display.uses(i) if not made_up or program.step[c] == s]
            inside = readers and all(program.step[c] == s and c not in program.total for c in readers)
            owners |= {owner.get(program.role[c], -1) for c in readers} if inside else {-1}
        if len(owners) == 1 and -1 not in owners and _same_part(display, r, min(owners)):
            owner[r] = owners.pop()
    head.update(owner)


def _same_part(display: Display, role: int, loss: int) -> bool:
    """Do a role and a loss stand in the same named part of the step; what is no line of the step stands in none."""
    program = display.program
    if role in display.inputs.values():
        return True
    return path_of(program, program.typical(role)) == path_of(program, program.typical(loss))


def _products(display: Display) -> set[int]:
    """Roles of weight products W·h (or w⊙h) that end in an addition: the terms of affine maps."""
    program, found = display.program, set()
    for r in program.roles:
        i = program.typical(r)
        if display.head.get(r) != r or r in display.losses or r in program.carried:
            continue
        if program.function(i) not in words.PRODUCTS | {"multiply"} or -1 in program.parents(i):
            continue
        weights = sum(display.is_weight(i, k) for k in range(2))
        if weights and not (program.function(i) == "multiply" and weights == 2) and _next(display, r) is not None:
            found.add(r)
    return found


def _next(display: Display, r: int) -> int | None:
    """The addition that reads this role's lines, each alone and in its own step; None where something else does."""
    program = display.program
    readers = []
    for s, i in program.instances[r].items():
        uses = display.uses(i)
        if len(uses) != 1 or uses[0][0] in program.total or program.step[uses[0][0]] != s:
            return None
        readers.append(program.role[uses[0][0]])
    additions = [c for c in readers if _is_addition(program, c) and display.head.get(c) not in display.losses]
    return Counter(additions).most_common(1)[0][0] if additions else None


def _is_addition(program: Program, r: int) -> bool:
    i = program.typical(r)
    return program.function(i) == "add" and -1 not in program.parents(i)


def _chain_additions(display: Display, products: set[int]) -> None:
    """Merge additions, and the given products, into the addition that reads them; one line per step may leave it."""
    program, head = display.program, display.head
    display.rows = set()
    for r in reversed(program.roles):
        if head.get(r) != r or r in program.carried or r in display.losses:
            continue
        if not (_is_addition(program, r) or r in products):
            continue
        target = _next(display, r)
        if target is None:
            continue
        group = head.get(target)  # None where it is left out: the sum of what the steps add to a weight's gradient
        if group is None:
            continue
        members = {m for m in head if head[m] == group}
        for s, i in program.instances[r].items():
            reader = program.role[display.uses(i)[0][0]]
            present = any(s in program.instances[m] for m in members)
            if reader not in members and present:
                break
        else:
            head[r] = group
            display.rows |= {r} & products


def _most_in_a_step(display: Display, roles: set[int]) -> int:
    steps = Counter(s for r in roles for s in display.program.instances[r])
    return max(steps.values(), default=0)


def _order(display: Display) -> list[int]:
    """The display roles in program order: a group stands where its head stands."""
    return [r for r in display.program.roles if display.head.get(r) == r]
