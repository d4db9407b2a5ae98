"""Where wires may not run and where they end: obstacles, and ports along the sides of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .boxes import Box
from .curves import Point
from .place import Placement
from .structure import Structure


@dataclass(frozen=True)
class Obstacle:
    """A rectangle that wires should not cross: a node (then `role` is set), a chip, or the gap between the two."""

    left: float
    bottom: float
    right: float
    top: float
    role: int | None = None
    kind: int = 0  # of step: obstacles of another kind are never met

    def holds(self, point: Point, margin: float = 0.0) -> bool:
        """Whether a point lies inside, or within `margin` of it."""
        x, y = point
        return self.left - margin < x < self.right + margin and self.bottom - margin < y < self.top + margin

    def meets(self, a: Point, b: Point, margin: float = 0.0) -> bool:
        """Whether an axis-parallel piece a–b touches the rectangle grown by `margin`."""
        return (
            min(a[0], b[0]) < self.right + margin
            and max(a[0], b[0]) > self.left - margin
            and min(a[1], b[1]) < self.top + margin
            and max(a[1], b[1]) > self.bottom - margin
        )


def obstacles(structure: Structure, boxes: Mapping[int, Box], at: Mapping[int, Point]) -> Iterator[Obstacle]:
    """Everything in a step that wires should keep clear of."""
    for role in structure.roles:
        box, (x, y) = boxes[role], at[role]
        half_wide, half_high = box.width / 2, box.height / 2
        yield Obstacle(x - half_wide, y - half_high, x + half_wide, y + half_high, role)
        for chip in box.chips:
            cx, cy = x + chip.x, y + chip.y
            yield Obstacle(cx - chip.width / 2, cy - 9, cx + chip.width / 2, cy + 9)
        if box.chips:  # the gap between chips and node is taken too
            left, bottom = min(c.x - c.width / 2 for c in box.chips), min(c.y for c in box.chips) - 10
            right, top = max(c.x + c.width / 2 for c in box.chips), max(c.y for c in box.chips) + 10
            beside = not box.columns and bottom < half_high
            if beside and left < -half_wide - 5:
                yield Obstacle(x + left, y + min(bottom, -half_high), x - half_wide - 1, y + max(top, half_high))
            elif beside and right > half_wide + 5:
                yield Obstacle(x + half_wide + 1, y + min(bottom, -half_high), x + right, y + max(top, half_high))
            else:
                wide = max(right, half_wide)
                yield Obstacle(x - max(-left, half_wide), y + half_high + 1, x + wide, y + top)


def is_bussed(structure: Structure, placement: Placement, source: int, target: int) -> bool:
    """Whether a link inside the step runs over a bus."""
    key = ("node", source)
    return key in placement.bus and target in structure.fans[key]


def ports(structure: Structure, boxes: Mapping[int, Box], placement: Placement) -> dict[tuple[int, str, str], float]:
    """How far from a node's middle each wire ends: spread along the side, sorted by where the wires come from."""
    at = placement.at
    ends: dict[tuple[int, str], list[tuple[float, str]]] = defaultdict(list)
    for source, target in structure.links:
        if (source, target) in structure.spine_pairs:
            continue
        if is_bussed(structure, placement, source, target):
            side = 10.0 if at[source][0] >= at[target][0] - 200 else -8.0
            side = side if source in structure.inputs else 0.0
            ends[target, "in"].append((at[target][0] + side, f"n{source}"))
            continue
        ends[source, "out"].append((at[target][0], f"n{target}"))
        ends[target, "in"].append((at[source][0], f"n{source}"))
    for state, readers in structure.entering.items():
        for reader in readers:
            ends[reader, "in"].append((-1e4 * structure.direction[state], f"carry{state}"))
    for state, lag in structure.skips:
        for reader in structure.consumers(state, lag):
            ends[reader, "in"].append((-2e4, f"skip{state}.{lag}"))
    for source, reader in structure.template.remembered:
        ends[reader, "in"].append((-3e4, f"memory{source}"))
    found = {}
    for (role, side_name), wires in ends.items():
        box, count = boxes[role], len(wires)
        most = (12.0 if side_name == "in" else 9.0) if box.round else 20.0
        gap = min(most, (box.width - (12 if box.round else 16)) / (count - 1)) if count > 1 else 0.0
        for k, (_, name) in enumerate(sorted(wires)):
            found[role, side_name, name] = (k - (count - 1) / 2) * gap
            if side_name == "out" and role in structure.on_spine and box.chips:  # beside the chips above
                low, right = -(count - 1) / 2 * gap, max(chip.x + chip.width / 2 for chip in box.chips)
                found[role, side_name, name] += max(0.0, min(right + 12, box.width / 2 - 8) - low)
    return found
