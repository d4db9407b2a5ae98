"""Put the nodes of a step where `dot` said, then straighten chains and choose the heights of buses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .boxes import Box
from .curves import Point
from .scopes import depth, frames, intruders
from .structure import Source, Structure

PANEL_GAP = 9.0
_BUS_BELOW = 24.0  # from a row of gates down to its first bus
_BUS_PITCH = 17.0  # from one bus to the next
_LOW, _LOW_PITCH = 16.0, 13.0  # the same for a wire to a single reader
_TRUNK_PITCH = 14.0
_PAST = 18.0  # at the right of a recorded backward pass, where the loss goes up past it
_FREE = 7.0  # least distance between two footprints when a node moves


@dataclass(frozen=True)
class Placement:
    """Centres of nodes, heights of buses, places of trunks, and the sides of the panel around them."""

    at: dict[int, Point]
    bus: dict[Source, float]
    low: dict[int, float]  # where a state with one reader off its spine turns towards it
    trunk: dict[int, float]
    left: float
    right: float
    bottom: float
    top: float

    @property
    def pitch(self) -> float:
        """Distance between the same points of two neighbouring steps."""
        return self.right - self.left + PANEL_GAP


def place(
    structure: Structure, boxes: Mapping[int, Box], dot_at: Mapping[str, Point], strip_width: float, spare: float = 0.0
) -> Placement:
    """Where everything stands in one panel, which is at least as wide as the strip under it.

    On both sides there are `spare` points more for wires than usual.
    """
    at = {}
    for role in structure.roles:
        x, y = dot_at[f"n{role}"]
        left, bottom, right, top = boxes[role].foot
        off_spine = role not in structure.on_spine
        at[role] = (x - (left + right) / 2, y - (bottom + top) / 2) if off_spine else (x, y)
    straightener = _Straightener(structure, boxes, at)
    straightener.run()
    straightener.under_a_reader()
    bus, low = _bus_heights(structure, boxes, at)
    feet = [boxes[role].foot_at(at[role]) for role in structure.roles]
    trunks = sorted(structure.entering, key=lambda state: -at[state][1])
    onward = [state for state in trunks if structure.direction[state] > 0]
    backward = [state for state in trunks if structure.direction[state] < 0]
    room = 12 + spare + 4 * depth(structure.template.parts)  # for the frames around named parts
    left = min(foot[0] for foot in feet) - room - _TRUNK_PITCH * (len(onward) + len(structure.template.remembered))
    right = max(foot[2] for foot in feet) + room + 16 * len(structure.skips) + _TRUNK_PITCH * len(backward)
    aside = _PAST if structure.above else 0.0
    right += aside
    narrow = max(0.0, strip_width + 44 - (right - left))
    left, right = left - narrow / 2, right + narrow / 2
    return Placement(
        at,
        bus,
        low,
        {state: left + 13 + _TRUNK_PITCH * k for k, state in enumerate(onward)}
        | {state: right - aside - 13 - _TRUNK_PITCH * k for k, state in enumerate(backward)},
        left,
        right,
        min(foot[1] for foot in feet),
        max(foot[3] for foot in feet),
    )


class _Straightener:
    """Gives the two ends of a chain link the same x where room allows; spines do not move."""

    def __init__(self, structure: Structure, boxes: Mapping[int, Box], at: dict[int, Point]):
        self.structure, self.boxes, self.at = structure, boxes, at
        self.parts = structure.template.parts if depth(structure.template.parts) else ()
        off = structure.on_spine
        self.feeders = {
            role: [
                s
                for s in structure.sources[role]
                if s not in structure.inputs and s not in off and (s, role) not in structure.spine_pairs
            ]
            for role in structure.roles
        }
        self.pieces = [(a, b) for a, b in structure.links if a not in structure.inputs]

    def run(self) -> None:
        links = [link for link in self.structure.links if self._is_chain(*link)]
        fixed = set(self.structure.on_spine)
        for _ in range(6):
            moved = False
            for source, target in sorted(links, key=lambda link: not (link[0] in fixed or link[1] in fixed)):
                if abs(self.at[source][0] - self.at[target][0]) < 0.01:
                    continue
                for role, other in ((source, target), (target, source)):
                    if role not in fixed and self._move(role, self.at[other][0]):
                        moved = True
                        if other in fixed:
                            fixed.add(role)
                        break
            if not moved:
                break
        chained = {source for source, _ in links}
        for role in self.structure.roles:  # a node fed by several chains stands midway
            feeders = self.feeders[role]
            if role not in fixed and role not in chained and len(feeders) > 1:
                to = (sum(self.at[feeder][0] for feeder in feeders) / len(feeders), self.at[role][1])
                if self._is_free(role, to):
                    self.at[role] = to

    def under_a_reader(self) -> None:
        """A node that feeds a row moves under the nearest of its readers, with its chain: one dot less on its bus."""
        for (where, source), readers in self.structure.fans.items():
            if where != "node" or source in self.structure.inputs or source in self.structure.on_spine:
                continue
            x = self.at[source][0]
            shift = min((self.at[reader][0] - x for reader in readers), key=abs)
            chain = [role for role in self.structure.roles if abs(self.at[role][0] - x) < 0.01 and role not in readers]
            chain = [role for role in chain if self.at[role][1] <= self.at[source][1]]
            moved = {role: (self.at[role][0] + shift, self.at[role][1]) for role in chain}
            if 0 < abs(shift) < 30 and all(self._is_free(role, to, chain) for role, to in moved.items()):
                self.at.update(moved)

    def _is_chain(self, source: int, target: int) -> bool:
        structure = self.structure
        if (source, target) in structure.spine_pairs:
            return False
        if source in structure.inputs:
            return len(structure.targets[source]) == 1
        spine, only_target = structure.on_spine, len(structure.targets[source]) == 1
        if source in spine:
            off = [t for t in structure.targets[source] if (source, t) not in structure.spine_pairs and t not in spine]
            return len(off) == 1
        return only_target and len(self.feeders[target]) == 1

    def _move(self, role: int, x: float) -> bool:
        """Move the node unless it would touch another or straight links would run over more nodes than before."""
        to, was = (x, self.at[role][1]), self.at[role]
        if not self._is_free(role, to):
            return False
        before = self._hits(role)
        self.at[role] = to
        if self._hits(role) > before:
            self.at[role] = was
            return False
        return True

    def _is_free(self, role: int, to: Point, along: Collection[int] = ()) -> bool:
        if self.parts and self._intruders(self.at | {role: to}) > self._intruders(self.at):
            return False
        a = self.boxes[role].foot_at(to, _FREE)
        for other in self.structure.roles:
            b = self.boxes[other].foot_at(self.at[other])
            if other != role and other not in along and a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
                return False
        return True

    def _intruders(self, at: Mapping[int, Point]) -> int:
        """How many nodes stand in the frame of a named part that is not theirs."""
        return sum(intruders(frames(self.parts, self.boxes, at), self.boxes, at).values())

    def _hits(self, role: int) -> int:
        """How often straight links run over nodes, counted where this node takes part as link or as obstacle."""
        count = 0
        own = self.boxes[role].foot_at(self.at[role], 3)
        for source, target in self.pieces:
            if role in (source, target):
                for other in self.structure.roles:
                    if other not in (source, target):
                        foot = self.boxes[other].foot_at(self.at[other], 3)
                        count += _samples_inside(self.at[source], self.at[target], foot)
            else:
                count += _samples_inside(self.at[source], self.at[target], own)
        return count


def _samples_inside(a: Point, b: Point, foot: tuple[float, float, float, float], samples: int = 24) -> int:
    left, bottom, right, top = foot
    if max(a[0], b[0]) <= left or min(a[0], b[0]) >= right or max(a[1], b[1]) <= bottom or min(a[1], b[1]) >= top:
        return 0
    dx, dy = (b[0] - a[0]) / samples, (b[1] - a[1]) / samples
    return sum(left < a[0] + dx * i < right and bottom < a[1] + dy * i < top for i in range(1, samples))


def _bus_heights(
    structure: Structure, boxes: Mapping[int, Box], at: dict[int, Point]
) -> tuple[dict[Source, float], dict[int, float]]:
    """A height for every source that feeds several nodes, and for states with one reader; inputs then move below."""
    bottoms = {role: at[role][1] - boxes[role].height / 2 for role in structure.roles if role not in structure.inputs}
    lowest, taken = min(bottoms.values(), default=0.0), list[float]()
    buses: dict[Source, float] = {}
    lows: dict[int, float] = {}
    for source, readers in _in_bus_order(structure):
        where, role = source
        if len(readers) < 2 and where == "node":
            continue
        if len(readers) < 2:
            y = bottoms[readers[0]] - _LOW
            while any(abs(y - other) < 12 for other in taken):
                y -= _LOW_PITCH
            lows[role] = y
            taken.append(y)
            continue
        home = next((row for row in structure.rows if set(readers) <= set(row)), None)
        y = (min(bottoms[r] for r in home) if home else min(lowest, *(bottoms[r] for r in readers))) - _BUS_BELOW
        while any(abs(y - other) < 12 for other in taken):
            y -= _BUS_PITCH
        inner = where == "node" and role not in structure.inputs
        if inner and y < at[role][1] + boxes[role].height / 2 + 8:
            continue  # no room between the node and the row that it feeds
        buses[source] = y
        taken.append(y)
    for role in structure.inputs:
        if ("node", role) in buses:
            at[role] = (at[role][0], min([*taken, lowest]) - 34)
    return buses, lows


def _in_bus_order(structure: Structure) -> list[tuple[Source, tuple[int, ...]]]:
    """States first, so that their buses lie above those of inputs; then inputs, then nodes of the step."""
    order = {"carry": 0, "input": 1, "inner": 2}

    def rank(source: Source) -> tuple[int, int]:
        where, role = source
        return order["carry" if where == "carry" else "input" if role in structure.inputs else "inner"], role

    return sorted(structure.fans.items(), key=lambda item: rank(item[0]))
