"""Read a recorded backward pass as part of the program: its lines stand in the steps whose lines they differentiate.

`tape.grad(L, [W], track=True)` records the sweep on the tape itself. To draw it, each of its lines becomes a line like
any other: it has the step of the forward line that it differentiates, a role that is the same in every step, and a
name. The adjoint of h is called h̄; what is left of it behind the function that makes h, the adjoint of an operand
without a name, is called δh.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tinygrad_rnn import Flow, Tape, find_steps
from tinygrad_rnn.losses import alone

from . import words
from .display import Display
from .program import Program

_BAR = "\u0304"  # a combining macron


def is_recorded(flow: Flow) -> bool:
    """Does the loss depend on lines of a recorded backward pass: is it a gradient, or made of one."""
    lines, backward, wanted = flow.tape.lines, flow.tape.backward, {flow.loss}
    if not backward:
        return False
    for i in range(flow.loss, -1, -1):
        if i in wanted:
            if i in backward:
                return True
            wanted.update(p for p in lines[i][1] if p >= 0)
    return False


def unfolded(flow: Flow) -> Flow:
    """The same flow on a tape whose backward lines are ordinary lines, each in its step.

    Where the loss does not depend on them, a weight's adjoint is what each step adds to it: strips show the sums.
    """
    tape = flow.tape.copy()
    tape.checked, tape.backward = flow.tape.checked, {}
    steps = find_steps(tape)
    names = [None if i in flow.tape.backward else name for i, name in enumerate(flow.steps.name)]
    adjoints = _adjoint_names(flow.tape, names, set() if is_recorded(flow) else set(flow.steps.weights))
    for line, name in adjoints.items():
        alike = steps.lines.get(steps.role[line], {}).values()
        if all(adjoints.get(other) == name for other in alike):  # a role has one name: in the last step less is summed
            names[line] = name
    # What starts a state is seen in the forward pass: in two steps a backward line may read it where a sum would stand.
    starts = {(next(iter(flow.steps.lines[state].values())), s): i for (state, s), i in flow.steps.initial.items()}
    initial = {(steps.role[line], s): leaf for (line, s), leaf in starts.items()}
    return replace(flow, tape=tape, steps=replace(steps, name=tuple(names), initial=initial))


def with_backward_pass(flow: Flow) -> Flow:
    """The same flow with its backward pass recorded behind the program, on a copy of its tape."""
    tape = flow.tape.copy()
    tape.checked = flow.tape.checked
    follow = flow.follow if flow.followed is None else alone(flow.steps, flow.followed, flow.follow)
    tape.sweep(flow.seeds, flow.steps.weights, follow=follow, track=True)
    return replace(flow, tape=tape, steps=find_steps(tape), _shares={})


def _adjoint_names(tape: Tape, names: list[str | None], shared: set[int]) -> dict[int, str]:
    """What each line that ends a piece of the backward pass is called."""
    summed = {meaning.line for meaning in tape.backward.values() if meaning.kind == "sum"} - shared
    read = {p for line in tape.backward for p in tape.lines[line][1]}
    found = {}
    for line, (kind, forward, argument) in tape.backward.items():
        if kind in ("sum", "seed", "zeros"):
            name = names[forward]
            found[line] = bar(name) if name else ""
        elif argument is not None:
            p = tape.lines[forward][1][argument]
            if tape.losses and not any(scope for scope in (tape.lines[line][5], tape.lines[p][5])) and line in read:
                found[line] = bar("ℓ")  # behind the sum or mean of the losses
                continue
            unary = len([q for q in tape.lines[forward][1] if q >= 0]) == 1
            if p not in summed and names[p]:
                found[line] = bar(str(names[p]))
            elif unary and names[forward] and p not in summed:
                found[line] = f"δ{names[forward]}"
    last = {tape.backward[line]: line for line in sorted(found)}  # of several lines the last is the result
    sums = {line for line in found if tape.backward[line].kind == "sum"}
    return {line: name for line, name in found.items() if name and (line in sums or last[tape.backward[line]] == line)}


def leave_out_sums(display: Display) -> None:
    """The sums of what the steps add to a weight's gradient, which nothing drawn reads: the strips show them."""
    program = display.program
    weights = set(program.flow.steps.weights)
    for role, lines in program.instances.items():
        meanings = [program.meaning.get(i) for i in lines.values()]
        if all(meaning and meaning.kind == "sum" and meaning.line in weights for meaning in meanings):
            display.head.pop(role, None)
    for role in list(program.carried):
        if any(i in program.meaning for i in program.instances[role].values()):
            uses = [(c, i) for i in program.instances[role].values() for c, _ in display.uses(i)]
            if not any(program.role[c] in display.head and program.step[c] != program.step[i] for c, i in uses):
                program.carried.discard(role)  # only those sums carried it on


def bar(name: str) -> str:
    """The name of an adjoint: h̄ for h, W̄1 for W1; ∂L/∂gate for a longer name."""
    letters = name.rstrip("0123456789_")
    return unicodedata.normalize("NFC", name[0] + _BAR + name[1:]) if len(letters) == 1 else f"∂L/∂{name}"


def kept_name(texts: list[str]) -> str | None:
    """The shortest text of a value that was kept for the backward pass, where there is one without an ellipsis."""
    short = [text[1:-1] if text[0] == "(" and text[-1] == ")" else text for text in texts if "…" not in text]
    return min(short, key=len, default=None)


def merge_recorded(display: Display) -> None:
    """One node for all the lines that pass an adjoint through an argument, where one of them leaves the group."""
    program = display.program
    groups: dict[tuple[int, Any], list[int]] = defaultdict(list)
    for i, meaning in program.meaning.items():
        if i < len(program.step) and program.step[i] >= 0 and display.head.get(program.role[i]) == program.role[i]:
            groups[program.step[i], meaning].append(i)
    wanted: dict[int, set[int]] = defaultdict(set)  # role -> the roles that it may be merged into
    for members in groups.values():
        inside = set(members)
        read = {i: {c for c, _ in display.uses(i)} for i in members if i not in display.vanished}
        leaving = [i for i, readers in read.items() if not readers or readers - inside]
        for i in members:
            if i not in display.vanished and program.role[i] not in display.feeds:
                wanted[program.role[i]].add(program.role[leaving[0]] if len(leaving) == 1 else program.role[i])
    for role, heads in wanted.items():
        if len(heads) == 1 and role not in program.carried:
            display.head[role] = heads.pop()


def operation(program: Program, i: int, operand: Callable[[int, int], str]) -> str | None:
    """What a group of backward lines that ends in line i does: "tanh′", "ℓ′", "δh₂·h₁ᵀ"; None where that line says it.

    `operand(child, k)` writes an argument of a line.
    """
    meaning = program.meaning.get(i)
    if meaning is None or meaning.kind != "adjoint" or program.meaning.get(i + 1) == meaning:
        return None
    if meaning.line in program.marks:
        return "ℓ′"
    function = program.function(meaning.line)
    if function == "matmul" and meaning.argument == 0 and program.function(i) == "multiply":
        adjoint, other = operand(i, 0).split("[")[0], operand(meaning.line, 1)
        return f"{adjoint}·{other}ᵀ"
    if function in words.PRODUCTS | {"multiply", "add", "subtract", "divide"}:
        return None
    return f"{words.SIGNS.get(function, function)}′"
