"""What `dot` is asked about one step, and how its answer is read: sizes, ranks and orders there, places back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

from .boxes import Box
from .combine import Run
from .curves import Line, Point
from .structure import Structure

_Item = TypeVar("_Item")
Lift = tuple[int, int, bool]  # a node, a carried state, and whether the node goes above its line, else below

_HEAD = (
    'rankdir=BT; nodesep=0.222; splines=true; node [shape=box,fixedsize=true,label=""]; '
    "edge [dir=none,headclip=false,tailclip=false];"
)


def dot_text(
    structure: Structure,
    boxes: dict[int, Box],
    order: tuple[int, ...] | None,
    shuffle: int,
    lifted: frozenset[Lift],
) -> str:
    """One step as DOT for the engine `dot`: footprints, ranks and orders only; chips, buses and carries stay out."""
    spines = structure.spines
    lines = []
    nodes = [_footprint(boxes[role], role in structure.on_spine) for role in shuffled(structure.roles, shuffle)]
    for state in structure.carried:
        # A left anchor, the spine and a right anchor share a rank: the spine is exactly straight, nothing to adjust.
        middle = [f"n{role}" for role in spines.get(state, (state,))]
        forward = structure.direction[state] > 0
        chain = " -> ".join([f"a{state}", *(middle if forward else middle[::-1]), f"z{state}"])
        nodes += [f"{end}{state} [width={_inches(6)},height={_inches(6)}];" for end in "az"]
        lines.append(f"{{rank=same; {chain} [weight=1]}}")
        if state not in spines:
            outward = f"n{state} -> z{state}" if forward else f"a{state} -> n{state}"
            lines.append(f"{outward} [weight=3,style=invis];")
    for lower, upper in zip(structure.upward, structure.upward[1:], strict=False):
        onward = structure.direction[lower] == structure.direction[upper] > 0
        deeper = structure.depth[lower] < structure.depth[upper]
        # States drift to the right, where time goes; and no two of them share a line.
        lines.append(f"z{lower} -> z{upper} [weight={30 if onward and deeper else 0}];")
    # `dot` begins with the nodes as it first meets them: with the spines first it reverses them less often.
    lines = lines + nodes if shuffle % 2 else nodes + lines
    for row in structure.rows:
        if len(row) > 1:
            lines.append("{rank=same; " + "; ".join(f"n{role}" for role in row) + "}")
        if order and len(row) == len(order):
            ordered = [row[structure.main_row.index(role)] for role in order]
            lines.append(" -> ".join(f"n{role}" for role in ordered) + " [style=invis,weight=1];")
    for source, target in shuffled(structure.links, shuffle):
        if (source, target) not in structure.spine_pairs:
            lines.append(f"n{source} -> n{target} [weight={_weight(structure, source, target)}];")
    for lower, upper in structure.above:
        lines.append(f"n{lower} -> n{upper} [weight=0,style=invis];")
    for role, state, above in sorted(lifted):
        lines.append((f"z{state} -> n{role}" if above else f"n{role} -> z{state}") + " [weight=0,style=invis];")
    return "\n".join(["digraph {", "ranksep=0.417;", _HEAD, *lines, "}"])


def _footprint(box: Box, on_spine: bool) -> str:
    left, bottom, right, top = box.foot
    wide, high = right - left, top - bottom
    if on_spine:  # dot centres nodes on their rank: the node itself must be in the middle
        wide, high = 2 * max(-left, right), 2 * max(-bottom, top)
    return f"n{box.role} [width={_inches(wide)},height={_inches(high)}];"


def _inches(points: float) -> str:
    return f"{2 * round(points / 2 + 0.49) / 72:.12f}"


def _weight(structure: Structure, source: int, target: int) -> int:
    if len(structure.targets[source]) == 1 and len(structure.sources[target]) == 1:
        return 20
    if structure.kind[target] == "loss":
        return 8
    return 4 if len(structure.targets[source]) == 1 else 2


def shuffled(items: Iterable[_Item], shuffle: int) -> list[_Item]:
    """A fixed permutation for each number; the same in every version of Python. 0 leaves the order alone."""
    items = list(items)
    if not shuffle:
        return items
    return sorted(items, key=lambda item: hashlib.sha256(f"{shuffle} {item}".encode()).digest())


def parse_plain(answer: str) -> Run:
    """Read Graphviz's "plain" output; inches become points, rounded, since versions differ in the last digits."""
    at: dict[str, Point] = {}
    splines: dict[tuple[str, str], Line] = {}
    for line in answer.splitlines():
        words = line.split()
        if words[0] == "node":
            at[words[1]] = (_points(words[2]), _points(words[3]))
        elif words[0] == "edge":
            numbers = [_points(word) for word in words[4 : 4 + 2 * int(words[3])]]
            splines[words[1], words[2]] = list(zip(numbers[::2], numbers[1::2], strict=True))
    # Where the drawing begins depends on the version, too: the lowest and leftmost node is the origin.
    left, low = min((x for x, _ in at.values()), default=0.0), min((y for _, y in at.values()), default=0.0)
    return Run(
        {name: (x - left, y - low) for name, (x, y) in at.items()},
        {ends: [(x - left, y - low) for x, y in line] for ends, line in splines.items()},
    )


def _points(inches: str) -> float:
    return round(float(inches) * 72 * 2) / 2
