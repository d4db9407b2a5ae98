"""Collect the lines of every drawn node and the arguments that cross from node to node, each with its own gradient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_rnn import RULES
from tinygrad_rnn.losses import of_loss

from . import words
from .display import Display
from .tooltips import norm

Array = Any
Edges = Mapping[tuple[int, int], Array]  # (child, argument) -> contribution


@dataclass(frozen=True)
class Wire:
    """One argument that crosses from node to node: what it brings back and what it passes on the way."""

    contribution: Array | None
    vanished: tuple[str, ...] = ()  # names of the lines passed, from the source on
    passed: tuple[tuple[int, int], ...] = ()  # the tape's edges on the way, (line, argument)
    cut: bool = False
    missed: Array | None = None  # what it would bring back if it were not cut


@dataclass
class Wires:
    """All of them, by the keys of their two nodes."""

    display: Display
    members: dict[str, list[int]] = field(default_factory=dict)  # key of a node in a step -> its lines
    between: dict[tuple[str, str], list[Wire]] = field(default_factory=dict)
    taps: list[tuple[int, int, int]] = field(default_factory=list)  # (weight's line, child, argument)
    ports: dict[tuple[str, int], str] = field(default_factory=dict)  # (collapsed box, line) -> node where it leaves

    def exits(self, key: str) -> list[int]:
        """The lines of a node that others read; more than one only where equal inputs were merged."""
        members, program = self.members[key], self.display.program
        role, s = (int(n) for n in key[1:].split("@"))
        if role in self.display.losses:
            return [program.instances[role][s]]
        if role in self.display.feeds or all(not program.parents(i) for i in members):
            return members
        inside = set(members)
        if role in self.display.cells:
            read = [i for i in members if i not in self.display.vanished]
            return [i for i in read if any(c not in inside for c, _ in self.display.uses(i))] or members[-1:]
        return [i for i in members if not any(c in inside for c, _ in self.display.uses(i))] or members[-1:]

    def pushed(self, edges: Edges, child: int, k: int) -> Array | None:
        """A contribution as it arrives at the drawn source: through the rule of each vanished line, which is linear.

        Without this norms would still be right, and sums would not: four slices of one array have equal shapes.
        Where the way from a vanished line is cut, nothing arrives.
        """
        contribution = edges.get((child, k))
        for line, argument in self.display.origin(child, k)[1][1:]:
            if (line, argument) not in edges:
                return None
            if contribution is not None:
                fn, _, args, kw, y = self.display.program.lines[line][:5]
                contribution = RULES[fn][argument](contribution, y, *args, **kw)
        return contribution

    def missed(self, passed: tuple[tuple[int, int], ...]) -> Array | None:
        """What a cut wire would bring back if this cut alone were lifted; None where no gradient comes so far."""
        program, child = self.display.program, passed[0][0]
        contribution = program.flow.adjoint.get(child)
        for line, k in passed if contribution is not None else ():
            fn, _, args, kw, y = program.lines[line][:5]
            vjp = RULES[fn][k]
            if vjp is None:
                return None
            contribution = vjp(contribution, y, *args, **kw)
        return contribution

    def shares(self, edges: Edges) -> dict[tuple[int, int], Array]:
        """What every step (−1: outside) adds to every drawn weight's gradient: {(weight's line, s): array}."""
        program, sums = self.display.program, dict[tuple[int, int], Array]()
        for weight, child, k in self.taps:
            contribution = self.pushed(edges, child, k)
            key = weight, program.step[child]
            if contribution is not None:
                sums[key] = sums[key] + contribution if key in sums else contribution
            else:
                sums.setdefault(key, np.zeros(()))
        return sums


def collect(display: Display) -> Wires:
    """Find every node's lines and every wire of a display, with the gradients of its flow."""
    program, flow, wires = display.program, display.program.flow, Wires(display)
    members = defaultdict(list)
    for r in program.roles:
        if r in display.head:
            for s, i in program.instances[r].items():
                members[f"n{display.head[r]}@{s}"].append(i)
    wires.members = {key: sorted(lines) for key, lines in members.items()}
    for i, s in enumerate(program.step):
        if i in display.vanished or i in flow.tape.backward:
            continue
        target = "L" if i in program.total else display.key(i, s) if s >= 0 else None
        if s >= 0 and program.role[i] in display.feeds:
            continue
        for k in range(len(program.parents(i))):
            _add(wires, i, k, target)
    loss = flow.loss
    if program.step[loss] >= 0 and loss not in program.total:
        wires.between[display.key(loss, 0) or "", "L"] = [Wire(flow.seeds.get(loss) if flow.at == "all" else None)]
    return wires


def _add(wires: Wires, child: int, k: int, target: str | None) -> None:
    """Note argument k of a line: a wire into a node, and a tap where it comes from a weight."""
    display, flow = wires.display, wires.display.program.flow
    key, passed = display.source(child, k)
    if key is None or key == target:
        return
    if key[0] == "w":
        wires.taps.append((int(key[1:]), child, k))
    if target is None:  # what is computed before the loop: counted among a weight's shares, and not drawn
        return
    cut = flow.follow is not None and not all(flow.follow(c, n, display.program.parents(c)[n]) for c, n in passed)
    vanished = tuple(_moved(display, line) for line, _ in reversed(passed[1:]))
    missed = wires.missed(passed) if cut and display.program.differentiable[passed[-1][0]] else None
    wire = Wire(wires.pushed(flow.edges, child, k), vanished, passed, cut, missed)
    wires.between.setdefault((key, target), []).append(wire)


def _moved(display: Display, line: int) -> str:
    name = display.program.function(line)
    if name == "getitem":
        return words.index(display.program.lines[line][2][1:])
    return "T" if name in words.TRANSPOSES else name


def contribution_table(wires: Wires, most_steps: int) -> dict[int, dict[int, float]] | None:
    """What each step loss adds at each step to all weights' gradients together: {s of the loss: {s: norm}}.

    Weighted by dL/dJ_t where the whole loss is followed, for a unit seed on J_t where one step's loss is.
    None without a backward pass or a marked loss, and where there are more than `most_steps` steps.
    """
    program, flow = wires.display.program, wires.display.program.flow
    steps = flow.steps
    lines = {s: line for line, s in program.marks.items()} | {s: steps.losses[s] for s in steps.rows}
    if not flow.seeds or not lines or len(program.order) > most_steps:
        return None
    table: dict[int, dict[int, float]] = {}
    for s, line in sorted(lines.items()):
        value = program.lines[line][4]
        weight = flow.adjoint.get(line, np.zeros_like(value)) if flow.at == "all" else np.ones_like(value)
        row = table[s] = dict.fromkeys(range(len(program.order)), 0.0)
        for (_, k), array in wires.shares(flow.edges_from({line: of_loss(steps, s, weight)}, s)).items():
            if k >= 0:
                row[k] = float(np.hypot(row[k], norm(array)))
    return table
