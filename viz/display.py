"""Decide which lines of a program are drawn as one node, and which are not drawn at all.

The rules are decided by role, so that every step looks alike: a chain of additions is one ⊕; the lines between a
readout and its loss are ℓ; transposes, reshapes and indices vanish into the wire; an index into an array from outside
the steps is that step's input; W·h + U·x + b is one box with a row per term where a step has many such products.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import words
from .program import Program

MANY_PRODUCTS = 5  # a step with more weight products than this is drawn with fused affine maps


@dataclass
class Display:
    """A program and its nodes: every visible line belongs to the node of the role that heads it."""

    program: Program
    vanished: set[int] = field(default_factory=set)  # lines that only move numbers
    feeds: set[int] = field(default_factory=set)  # roles: indexing of an array from outside
    head: dict[int, int] = field(default_factory=dict)  # role -> role that it is drawn as
    losses: set[int] = field(default_factory=set)  # roles of marked losses
    rows: set[int] = field(default_factory=set)  # roles of products that are rows of an affine box
    inputs: dict[tuple[int, int], int] = field(default_factory=dict)  # (outside line, s) -> role made up for it
    weights: list[int] = field(default_factory=list)  # lines drawn as chips
    fused: bool = False
    roles: list[int] = field(default_factory=list)  # display roles in program order

    def origin(self, child: int, k: int) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Look through vanished lines: the line that argument k really comes from, and the edges passed on the way.

        The first edge is (child, k); the last one leaves the line returned (-1: a plain number).
        """
        program, passed = self.program, [(child, k)]
        p = program.parents(child)[k]
        while p in self.vanished and program.initial_state(*passed[-1]) is None:
            passed.append((p, 0))
            p = program.parents(p)[0]
        return p, tuple(passed)

    def uses(self, i: int) -> list[tuple[int, int]]:
        """The visible (child, argument) pairs that read line i, vanished lines looked through."""
        found, waiting = [], list(self.program.consumers[i])
        while waiting:
            child, k = waiting.pop(0)
            if child in self.vanished:
                waiting += self.program.consumers[child]
            else:
                found.append((child, k))
        return found

    def key(self, i: int, s: int) -> str | None:
        """The key of the node that shows line i to a reader in step s; None for a line that is not drawn."""
        program = self.program
        if program.step[i] >= 0:
            r = program.role[i]
            return f"n{self.head[r]}@{program.step[i]}" if r in self.head else None
        if (i, s) in self.inputs:
            return f"n{self.head[self.inputs[i, s]]}@{s}" if self.inputs[i, s] in self.head else None
        return f"w{i}" if i in self.weights else None

    def source(self, child: int, k: int) -> tuple[str | None, tuple[tuple[int, int], ...]]:
        """The key of the node that argument k of a line comes from, and the edges passed on the way."""
        p, passed = self.origin(child, k)
        if p < 0:
            return None, passed
        state = self.program.initial_state(*passed[-1])
        if state is not None:
            return f"i{state[0]}@{state[1]}", passed
        return self.key(p, self.program.step[child]), passed

    def is_weight(self, child: int, k: int) -> bool:
        """Does argument k of a line come from a chip."""
        key, _ = self.source(child, k)
        return key is not None and key[0] == "w"


def arrange(program: Program, *, every_line: bool = False, fuse: bool | None = None) -> Display:
    """Apply the display rules; `every_line` leaves only what a picture needs: inputs, chips and step losses."""
    display = Display(program)
    display.losses = {program.role[i] for i in program.marks}
    _vanish(display, every_line)
    _outside(display)
    heads = dict.fromkeys(program.roles)
    display.head = {r: r for r in heads}
    _merge_inputs(display)
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


def _vanish(display: Display, every_line: bool) -> None:
    """Find the lines that only move numbers, and among them the feeds: x_t = X[t]."""
    program = display.program
    leaves_loop = {program.flow.loss, *program.marks, *program.flow.seeds}
    for r in program.roles:
        lines = program.instances[r]
        if program.function(program.typical(r)) not in words.SHAPES or r in program.carried:
            continue
        if any(i in leaves_loop or any(p >= 0 for p in program.parents(i)[1:]) for i in lines.values()):
            continue
        if _is_feed(program, lines):
            display.feeds.add(r)
        elif not every_line:
            display.vanished.update(lines.values())
    for i, s in enumerate(program.step):  # W.T before the loop is W still
        if s < 0 and not every_line and i not in leaves_loop and _is_reshaped_leaf(program, i):
            display.vanished.add(i)


def _is_feed(program: Program, lines: dict[int, int]) -> bool:
    """Is this role an index into one array of inputs from outside; an index into a weight, an embedding, is not."""
    first = program.parents(next(iter(lines.values())))[0]
    if any(program.function(i) != "getitem" or program.parents(i)[0] != first for i in lines.values()):
        return False
    if program.step[first] >= 0 or first in program.initial_of:
        return False
    return first in program.flow.steps.inputs or not program.differentiable[first]


def _is_reshaped_leaf(program: Program, i: int) -> bool:
    """Is an outside line a leaf with its axes moved and nothing left out."""
    if not program.parents(i) or i in program.total:
        return False
    while program.parents(i):
        if program.function(i) not in words.SHAPES - {"getitem", "broadcast_to"}:
            return False
        i = program.parents(i)[0]
    return True


def _outside(display: Display) -> None:
    """Tell the outside lines that steps read apart: weights, and what is new in each step (or has no gradient)."""
    program = display.program
    readers: dict[int, list[tuple[int, int]]] = defaultdict(list)  # outside line -> (visible child, argument)
    slots: dict[tuple[int, int], set[int]] = defaultdict(set)  # (role, argument) -> outside lines
    for i, s in enumerate(program.step):
        outside_reader = s < 0 and i in program.total
        if i in display.vanished or not (outside_reader or (s >= 0 and program.role[i] in program.instances)):
            continue
        if s >= 0 and program.role[i] in display.feeds:
            continue
        for k in range(len(program.parents(i))):
            p, passed = display.origin(i, k)
            if p >= 0 and program.step[p] < 0 and p not in program.total and program.initial_state(*passed[-1]) is None:
                readers[p].append((i, k))
                if s >= 0:
                    slots[program.role[i], k].add(p)
    fresh = max([*program.roles, -1]) + 1
    made: dict[tuple[int, int], int] = {}
    for p in sorted(readers):
        inside = [(i, k) for i, k in readers[p] if program.step[i] >= 0]
        one_step = len({program.step[i] for i, _ in inside}) == 1
        read_at = [(program.role[i], k) for i, k in inside]
        changing = one_step and any(len(slots[slot]) > 1 or slot in program.fed for slot in read_at)
        if program.differentiable[p] and not changing:
            display.weights.append(p)
            continue
        for i, k in inside:
            s, slot = program.step[i], (program.role[i], k)
            if (p, s) not in display.inputs:
                if slot not in made:
                    made[slot] = fresh
                    program.roles.insert(program.roles.index(program.role[i]), fresh)
                    program.instances[fresh] = {}
                    fresh += 1
                display.inputs[p, s] = made[slot]
                program.instances[made[slot]][s] = p


def _merge_inputs(display: Display) -> None:
    """One input node for one thing: X[t] read four times, or one array met four times, in the same step."""
    program, first = display.program, {}
    for r in program.roles:
        lines = program.instances[r]
        if r in display.feeds:
            indices = [words.index(program.lines[i][2][1:]) for i in lines.values()]
            what: Any = ("index", program.parents(program.typical(r))[0], list(lines), indices)
        elif program.function(program.typical(r)) == "data":
            values = [(s, np.asarray(program.lines[i][4])) for s, i in lines.items()]
            what = ("data", program.name(r), [(s, v.shape, v.dtype.str, v.tobytes()) for s, v in values])
        else:
            continue
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
        if len(owners) == 1 and -1 not in owners:
            owner[r] = owners.pop()
    head.update(owner)


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
        group = head[target]
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
