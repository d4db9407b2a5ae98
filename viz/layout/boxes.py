"""How large each node of a step is, where its weight chips stand, and how much room both need together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx

from ..reading.template import Part
from .curves import Point, Shape
from .metrics import loss_number, shorten, text_width
from .structure import Structure

CHIP_GAP = 17.0  # between a chip and its node: two lanes with arrow heads must fit
CHIP_HEIGHT = 17.0
ROW_HEIGHT = 20.0
_BUS_ROOM = 26.0
_PORT = 16.0  # width of a sum for each wire that comes in from below
_EXIT = 28.0  # beside the chips above a fused box, where a wire leaves it upward
_LONGEST = 26  # letters of a name or operand that are shown; the tooltip has them all


@dataclass(frozen=True)
class Chip:
    """A small box for a shared weight, or a value that was kept, placed relative to the centre of its node."""

    weight: str
    x: float
    y: float
    width: float
    meets: Point


@dataclass(frozen=True)
class Box:
    """A node's own size, its chips, and its footprint (left, bottom, right, top), all relative to its centre."""

    role: int
    kind: str
    width: float
    height: float
    round: bool
    chips: tuple[Chip, ...]
    foot: tuple[float, float, float, float]
    columns: tuple[float, ...] = ()  # middles of the terms of an affine map that lies on a spine
    title: float = 0.0  # room for "h₁ =" in an affine map that is a state: at its left on a spine, else on top

    def shape(self, at: Point) -> Shape:
        """The outline of the node itself, standing at a point."""
        return Shape(at[0], at[1], self.width, self.height, self.round)

    def has_chips(self, sort: str) -> bool:
        """Whether chips of weights, "w", or of values that were kept for the backward pass, "k", stand beside it."""
        return any(chip.weight[0] == sort for chip in self.chips)

    def foot_at(self, at: Point, margin: float = 0.0) -> tuple[float, float, float, float]:
        """The footprint of the node standing at a point, grown by a margin."""
        left, bottom, right, top = self.foot
        return at[0] + left - margin, at[1] + bottom - margin, at[0] + right + margin, at[1] + top + margin


@dataclass(frozen=True)
class Face:
    """What is written on one node: a grey operation and a name, or the rows of a sum of products."""

    operation: str
    name: str
    rows: tuple[str, ...] = ()
    value: str = ""  # of a loss


def face(node: Mapping[str, Any]) -> Face:
    """What one drawn node says. A ⊕ or ⊗ shows its name only where other nodes cite it."""
    kind, operation = node["kind"], shorten(str(node["op"] or ""), _LONGEST)
    label = shorten(str(node["label"] or ""), _LONGEST) if node["name"] else ""
    if kind == "affine":
        return Face("", label, tuple(shorten(text, _LONGEST) for text, _ in node["rows"]))
    if kind == "loss":
        return Face("", shorten(str(node["label"] or "ℓ"), _LONGEST), value=loss_number(float(node["value"])))
    if kind == "input":
        return Face("", shorten(str(node["label"] or "x"), _LONGEST))
    if kind == "product" or kind in ("sum", "times") and not node["cited"] or kind == "op" and operation == "1 −":
        return Face(operation, "")
    return Face(operation, label)


def measure(graph: nx.MultiDiGraph, structure: Structure) -> tuple[Box, ...]:
    """The boxes of one step, in program order, each wide enough for the widest of its instances over time."""
    instances: dict[int, list[Face]] = {}
    for key, node in graph.nodes(data=True):
        if key.startswith("n"):
            instances.setdefault(node["role"], []).append(face(node))
    template = structure.template
    kinds = [Structure(template.of_kind(kind)) for kind in range(len(template.kinds))]
    of = {role: kind for kind in kinds for role in kind.roles}
    return tuple(_box(part, instances[part.role], of[part.role]) for part in template.parts)


def _box(part: Part, instances: list[Face], structure: Structure) -> Box:
    role, kind, weights = part.role, part.kind, part.chips
    row_weights = [weight for _, weight in part.rows]
    chip_texts = dict(zip(part.chips, part.chip_labels, strict=True))
    on_spine = role in structure.on_spine
    columns = max((_row_widths(instance) for instance in instances), key=sum)
    exits = on_spine and any((role, target) not in structure.spine_pairs for target in structure.targets[role])
    width, height, is_round = _size(kind, instances, columns, on_spine, exits)
    feeders = sum((source, role) not in structure.spine_pairs for source in structure.sources[role])
    if is_round and kind in ("sum", "times") and feeders > 2:
        width, is_round = _PORT * feeders, False  # each wire needs a place of its own below
    if part.recorded and not is_round:  # in the last step what is a sum elsewhere leaves for all its readers
        width = max(width, _PORT * len(structure.targets[role]))
    title = 0.0
    if kind == "affine" and any(role == state for state, _ in structure.template.carries):
        names = [text_width(f"{instance.name} =", 12, bold=True) for instance in instances]
        title = max(names) + 12 if on_spine else ROW_HEIGHT
        width, height = (width + title, height) if on_spine else (max(width, max(names) + 20), height + title)
    if kind == "affine":
        lined = [(k, weight) for k, weight in enumerate(row_weights) if weight is not None]
        extra = [weight for weight in weights if weight not in row_weights]
        widths = {weight: chip_width(chip_texts[weight]) for weight in [*row_weights, *extra] if weight is not None}
        if on_spine:
            chips = list(_above_columns(lined, widths, columns, width, height, title))
        else:
            chips = list(_beside_rows(lined, extra, widths, width, height, title))
    elif on_spine:
        chips = list(_above(weights, chip_texts, width, height, exits))
    else:
        chips = list(_left(weights, chip_texts, width, height))
    if not on_spine and structure.direction.get(role, 1) < 0:  # its wire leaves at the left
        chips = [replace(chip, x=-chip.x, meets=(-chip.meets[0], chip.meets[1])) for chip in chips]
    middles = [-width / 2 + 2 + title + sum(columns[:k]) + columns[k] / 2 for k in range(len(columns))]
    foot = _foot(role, width, height, chips, structure)
    terms = tuple(middles) if kind == "affine" and on_spine else ()
    return Box(role, kind, width, height, is_round, tuple(chips), foot, terms, title)


def _size(
    kind: str, instances: list[Face], columns: list[float], on_spine: bool, room_for_exit: bool
) -> tuple[float, float, bool]:
    named = any(instance.name for instance in instances)
    operation = max(text_width(instance.operation, 12) for instance in instances)
    if kind == "input":
        name = max(text_width(instance.name, 13) for instance in instances)
        return (34.0, 34.0, True) if name <= 26 else (name + 16, 30.0, False)
    if kind == "cell":
        name = max(text_width(instance.name, 13, bold=True) for instance in instances)
        return max(84.0, name + 28, operation + 20), 56.0, False
    if kind == "loss":
        words = [text_width(f"{i.name} = ", 11.5) + text_width(i.value, 11.5, bold=True) for i in instances]
        return max(78.0, max(words) + 14), 28.0, False
    if kind == "affine" and on_spine:
        return sum(columns) + (4 if not room_for_exit else 4 + _EXIT), 28.0, False
    if kind == "affine":
        return max(columns) + 2, ROW_HEIGHT * len(columns) + 4, False
    if kind in ("sum", "times") and not named:
        return 26.0, 26.0, True
    if kind == "product":
        return max(50.0, operation + 14), 26.0, False
    name = max(text_width(instance.name, 13, bold=kind == "state") for instance in instances)
    if kind == "state":
        return max(60.0, max(text_width(i.operation, 11) for i in instances) + name + 24), 32.0, False
    return max(40.0, operation + (name + 18 if named else 16)), 28.0, False


def _row_widths(instance: Face) -> list[float]:
    return [max(text_width(row, 11) + 20, 36.0) for row in instance.rows] or [0.0]


def chip_width(text: str) -> float:
    """Width of a chip with this text."""
    return max(24.0, text_width(shorten(text, _LONGEST), 11) + 10)


def _above_columns(
    lined: list[tuple[int, str]],
    widths: Mapping[str, float],
    columns: list[float],
    width: float,
    height: float,
    title: float,
) -> Iterator[Chip]:
    for k, weight in lined:
        x = -width / 2 + 2 + title + sum(columns[:k]) + columns[k] / 2
        yield Chip(weight, x, height / 2 + CHIP_GAP + 10, widths[weight], (x, height / 2))


def _beside_rows(
    lined: list[tuple[int, str]],
    extra: list[str],
    widths: Mapping[str, float],
    width: float,
    height: float,
    title: float,
) -> Iterator[Chip]:
    column = max(widths.values(), default=0.0)
    rows = lined + [(len(lined) + k, weight) for k, weight in enumerate(extra)]
    for k, weight in rows:
        y = height / 2 - 12 - title - ROW_HEIGHT * k
        yield Chip(weight, -width / 2 - CHIP_GAP - column / 2, y, widths[weight], (-width / 2, y))


def _above(
    weights: tuple[str, ...], texts: Mapping[str, str], width: float, height: float, exits: bool
) -> Iterator[Chip]:
    """In a row above the node; left of its middle where wires leave the node upward."""
    widths = [chip_width(texts[weight]) for weight in weights]
    total = sum(widths) + 6 * (len(widths) - 1)
    x = min(-total / 2, -4 - total) if exits else -total / 2
    for weight, wide in zip(weights, widths, strict=True):
        middle = x + wide / 2
        meets = (max(8 - width / 2, min(width / 2 - 8, middle)), height / 2)
        yield Chip(weight, middle, height / 2 + CHIP_GAP + 10, wide, meets)
        x += wide + 6


def _left(weights: tuple[str, ...], texts: Mapping[str, str], width: float, height: float) -> Iterator[Chip]:
    for k, weight in enumerate(weights):
        y, chip = (len(weights) - 1) * 12 - 24.0 * k, chip_width(texts[weight])
        meets = (-width / 2, max(-height / 3, min(height / 3, y)))
        yield Chip(weight, -width / 2 - CHIP_GAP - chip / 2, y, chip, meets)


def _foot(
    role: int, width: float, height: float, chips: list[Chip], structure: Structure
) -> tuple[float, float, float, float]:
    left = min([-width / 2, *(chip.x - chip.width / 2 for chip in chips)])
    right = max([width / 2, *(chip.x + chip.width / 2 for chip in chips)])
    bottom = min([-height / 2, *(chip.y - 10 for chip in chips)])
    top = max([height / 2, *(chip.y + 10 for chip in chips)])
    if role in structure.on_spine:
        bottom = -height / 2  # the node itself stays on the spine's line
    if structure.is_bussed(role):
        bottom -= _BUS_ROOM
    # Whole even points: Graphviz 2 rounds sizes to them and later versions do not, so only these give the same layout.
    wide, high = 2 * math.ceil((right - left) / 2), 2 * math.ceil((top - bottom) / 2)
    return left, bottom, left + wide, bottom + high
