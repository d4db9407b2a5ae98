"""Sort the lines of a program: what vanishes into a wire, what is a weight, what an input, what a node shows.

Transposes, reshapes and indices vanish. An index into an array of inputs is that step's input, x_t; an index into a
weight is a part of the weight. Every other line belongs to the node of the role that heads it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from . import words
from .program import Program


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
    cells: dict[int, str] = field(default_factory=dict)  # collapsed parts: role -> what the box is called
    collapsed: set[tuple[str, ...]] = field(default_factory=set)  # their scopes' paths; () is the whole step
    ports: dict[int, int] = field(default_factory=dict)  # role of a state that leaves a box -> role of its port
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

    def drawn(self, state: int) -> int:
        """The role that a state is drawn as: its own, or where it is collapsed its port's or its box's."""
        return self.ports.get(state, self.head.get(state, state))

    def initial_key(self, state: int, s: int) -> str:
        """The key of the node of an initial state."""
        return f"i{self.drawn(state) if self.cells else state}@{s}"

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


def look(program: Program, *, every_line: bool = False) -> Display:
    """Sort the lines of a program into vanished, weights and inputs; every role still heads a node of its own."""
    display = Display(program)
    display.losses = {program.role[i] for i in program.marks}
    _vanish(display, every_line)
    _outside(display)
    display.head = {r: r for r in program.roles}
    return display


def _vanish(display: Display, every_line: bool) -> None:
    """Find the lines that only move numbers, and among them the feeds: x_t = X[t]."""
    program = display.program
    leaves_loop = {program.flow.loss, *program.marks, *program.flow.seeds}
    for r in program.roles:
        lines = program.instances[r]
        if program.function(program.typical(r)) not in words.SHAPES or r in program.carried:
            continue
        others = [p for i in lines.values() for p in program.parents(i)[1:] if p >= 0]  # an index may be data itself
        if any(i in leaves_loop for i in lines.values()) or any(program.differentiable[p] for p in others):
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
    fresh = max([*program.roles, *program.role, -1]) + 1
    made: dict[tuple[int, int], int] = {}
    for p in sorted(readers):
        inside = [(i, k) for i, k in readers[p] if program.step[i] >= 0]
        one_step = len({program.step[i] for i, _ in inside}) == 1
        read_at = [(program.role[i], k) for i, k in inside]
        new = p in program.flow.steps.inputs  # at T = 1 a leaf called h0, too: a state, and no weight
        changing = one_step and (new or any(len(slots[slot]) > 1 or slot in program.fed for slot in read_at))
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
