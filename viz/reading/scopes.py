"""Which named parts of its step a line stands in: "layer 1", "attention"; they are drawn as panels inside the panel.

`with tg.step(1, loop="layer"):` and `with tg.step(None, "attention"):` name them, inside the time step or around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import networkx as nx

from tinygrad_rnn.marks import step_frame

from .display import Display
from .program import Program

Path = tuple[str, ...]  # from the outermost part to the innermost


def path_of(program: Program, line: int) -> Path:
    """The named parts that a line stands in: the frames of its scope without the one that is its time step."""
    scope = program.lines[line][5]
    step = step_frame(scope)
    return tuple(name if t is None else f"{name} {t}" for name, t in scope if (name, t) != step)


def shared_path(paths: Iterable[Path]) -> Path:
    """The parts that all of these stand in."""
    paths = list(paths)
    found: Path = paths[0] if paths else ()
    for path in paths:
        same = [a == b for a, b in zip(found, path, strict=False)]
        found = found[: same.index(False) if False in same else len(same)]
    return found


def mark_scopes(G: nx.MultiDiGraph, display: Display) -> None:
    """Give every node of a step its `scopes`, the same for a role in every step; what holds all nodes is no part.

    What stood in a collapsed part, its box, ports and inputs, stands where the part itself stood: it has no frame.
    """
    program = display.program
    members: dict[int, list[str]] = {}
    for key, node in G.nodes(data=True):
        node["scopes"] = ()
        if key[0] == "n":
            members.setdefault(node["role"], []).append(key)
    paths = {
        role: shared_path(
            path_of(program, line) for key in keys for line in G.nodes[key]["lines"] if _is_own(program, line)
        )
        for role, keys in members.items()
    }
    paths = {role: _outside(path, display.collapsed) for role, path in paths.items()}
    operations = [role for role, keys in members.items() if G.nodes[keys[0]]["kind"] not in ("input", "loss")]
    everywhere = len(shared_path(paths[role] for role in operations))
    for role, keys in members.items():
        for key in keys:
            G.nodes[key]["scopes"] = paths[role][everywhere:]


def _outside(path: Path, collapsed: Collection[Path]) -> Path:
    """The parts around a collapsed one that a path leads into; all of it where it leads into none."""
    return next((path[: max(n - 1, 0)] for n in range(len(path) + 1) if path[:n] in collapsed), path)


def _is_own(program: Program, line: int) -> bool:
    """Does a line stand in a step; an array from outside is met in many."""
    return program.step[line] >= 0
