"""Collapse a named part of every step, or all of a step, into one box: its wires are what crosses the box's border.

A state that leaves a box on its own gets a small node beside it, a port: h and c of a collapsed LSTM stay two carries.
What is read inside the box stays inside: a port's gradient is what the outside brings back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_rnn import Tape

from ..render import PictureError
from . import words
from .arguments import Wire, Wires
from .display import Display
from .scopes import path_of, shared_path

Array = Any
STEPS = "steps"


def collapse(display: Display, wanted: str | Collection[str]) -> None:
    """Give every role of the wanted parts one head; inputs and step losses stay outside.

    Args:
        display: after all other rules.
        wanted: "steps", or the names of parts: "layer 1", or "layer" for all that are counted under that name.

    Raises:
        PictureError: no such part, or a part whose result comes back to it in the same step.
    """
    names = _names(wanted)
    program, groups, known = display.program, defaultdict[tuple[str, ...], list[int]](list), dict[str, None]()
    for role in display.roles:
        if role in display.losses or role in display.feeds or role in display.inputs.values():
            continue
        if not any(program.parents(i) for i in program.instances[role].values()):
            continue
        if STEPS in names:
            groups[_kind_of_step(display, role),].append(role)
            continue
        path = shared_path(path_of(program, i) for i in program.instances[role].values())
        known |= dict.fromkeys(path)
        depth = next((n for n, name in enumerate(path) if name in names or name.rpartition(" ")[0] in names), None)
        if depth is not None:
            groups[path[: depth + 1]].append(role)
    found = {path[-1] for path in groups}
    asked = set(names) - {STEPS} - found - {name.rpartition(" ")[0] for name in found}
    if asked:
        there = ", ".join(map(repr, known)) or "none: name them with tg.step(1, loop='layer')"
        raise PictureError(f"collapse: no part of a step is called {sorted(asked)[0]!r}; there are {there}")
    display.collapsed = {()} if STEPS in names else set(groups)
    for path, roles in groups.items():
        _collapse_one(display, path[-1], roles)


def _names(wanted: Any) -> frozenset[str]:
    names = [wanted] if isinstance(wanted, str) else list(wanted) if isinstance(wanted, Collection) else [None]
    if not names or not all(isinstance(name, str) for name in names):
        raise PictureError(
            f"collapse={wanted!r}: must be 'steps' or names of parts such as 'layer 1'; single steps are folded, not "
            "collapsed"
        )
    return frozenset(str(name) for name in names)


def _kind_of_step(display: Display, role: int) -> str:
    """What a collapsed step is called: cell, or by its loop where there are several."""
    program = display.program
    loops = {loop for loop, _ in program.order}
    return "cell" if len(loops) == 1 else program.order[min(program.instances[role])][0]


def _collapse_one(display: Display, name: str, roles: list[int]) -> None:
    """Make one box of some roles; the last of them is its head."""
    program, head = display.program, roles[-1]
    members = {role for role, own in display.head.items() if own in roles}
    for role in members:
        display.head[role] = head
    display.cells[head] = name
    display.rows -= members
    _refuse_loops(display, name, head)
    display.roles = [role for role in display.roles if role == head or role not in roles]
    place = display.roles.index(head)
    leaving = [role for role in program.roles if role in members and role in program.carried]
    if len(leaving) > 1:
        for role in reversed(leaving):
            port = max([*program.instances, *program.roles, *program.role]) + 1
            program.instances[port] = program.instances[role]
            display.ports[role] = port
            display.roles.insert(place + 1, port)


def _refuse_loops(display: Display, name: str, head: int) -> None:
    """A box must not read, in the same step, what was made of its own results."""
    program = display.program
    for s in range(len(program.order)):
        inside = {i for role, own in display.head.items() if own == head for i in [program.instances[role].get(s)] if i}
        made: set[int] = set()
        for i in range(min(inside, default=0), max(inside, default=-1) + 1):
            if program.step[i] != s:
                continue
            parents = program.parents(i)
            if i in inside and any(p in made for p in parents):
                raise PictureError(f"cannot collapse {name!r}: its result comes back to it in the same step")
            outside = i not in inside and i not in display.vanished
            if any(p in made or (p in inside and outside) for p in parents):
                made.add(i)
            elif not outside and i not in inside and any(p in inside for p in parents):
                inside.add(i)


def border_wires(wires: Wires) -> None:
    """Let the states of collapsed boxes leave through ports, and add the wires from each box to its ports."""
    display = wires.display
    program = display.program
    ports = wires.ports
    for role, own in display.ports.items():
        for s, i in program.instances[role].items():
            box = f"n{display.head[role]}@{s}"
            if any(c not in wires.members[box] for c, _ in display.uses(i)):
                ports[box, i] = f"n{own}@{s}"
    rerouted: dict[tuple[str, str], list[Wire]] = {}
    inward: dict[tuple[str, str], list[Wire]] = {}
    for (u, v), between in wires.between.items():
        if u[0] == "i":
            state, t = u[1:].split("@")
            u = f"i{display.drawn(int(state))}@{t}"
        for wire in between:
            port = ports.get((u, _source_line(wires, wire)))
            rerouted.setdefault((port or u, v), []).append(wire)
            if port:
                inward.setdefault((u, port), []).append(replace(wire, vanished=(), cut=False))
    wires.between = rerouted | inward
    for (_, i), key in ports.items():
        wires.members[key] = [i]


def _source_line(wires: Wires, wire: Wire) -> int:
    """The line whose value passes along a wire; −1 where it passes no argument."""
    if not wire.passed:
        return -1
    child, k = wire.passed[-1]
    return wires.display.program.parents(child)[k]


def border(wires: Wires, exits: list[int], members: Collection[int], adjoint: dict[int, Array]) -> Array:
    """What the outside must bring back to the results of a box: their adjoints without what was read inside."""
    program, found, inside = wires.display.program, [], set(members)
    for i in exits:
        value = np.zeros(np.shape(program.lines[i][4])) + adjoint.get(i, 0.0)
        for child, k in wires.display.uses(i):
            if child in inside:
                brought = wires.pushed(program.flow.edges, child, k)
                value = value - (0.0 if brought is None else brought)
        found.append(np.ravel(value))
    return np.concatenate(found)


def together(wires: Wires, exits: list[int], between: list[Wire]) -> Array | None:
    """What several wires bring back to a box: `stacked` by the lines that they leave from."""
    pairs = [(_source_line(wires, wire), wire.contribution) for wire in between]
    return stacked(wires.display.program.flow.tape, exits, pairs)


def stacked(tape: Tape, exits: Sequence[int], pairs: Sequence[tuple[int, Array | None]]) -> Array | None:
    """Contributions to results of a box as one vector over all of them; zeros where a result has none."""
    if all(contribution is None for _, contribution in pairs):
        return None
    sums = {i: np.zeros(np.shape(tape.lines[i][4])) for i in exits}
    for line, contribution in pairs:
        if contribution is not None:
            sums[line] = sums[line] + contribution
    return np.concatenate([np.ravel(sums[i]) for i in exits])


def tooltip(wires: Wires, key: str, node: Mapping[str, Any], weights: Sequence[str]) -> str:
    """What a collapsed box holds and what passes its border."""
    functions = [wires.display.program.function(i) for i in wires.members[key]]
    told = [f"{functions.count(name)} × {words.SIGNS.get(name, name)}" for name in dict.fromkeys(functions)]
    adjoint = node["adjoint_norm"]
    lines = [
        f"{node['label']}, collapsed: {len(functions)} line" + "s" * (len(functions) != 1),
        ", ".join(told),
        f"weights: {', '.join(weights)}" if weights else "",
        f"‖what leaves it‖ {node['value_norm']:.4g}",
        "" if adjoint is None else f"‖gradient that comes in‖ {adjoint:.4g}",
        node["source"],
    ]
    return "\n".join(line for line in lines if line)
