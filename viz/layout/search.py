"""Lay out one step: many runs of `dot` in one process, ranked by a cheap measure, the best ones routed and scored."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from .. import render
from ..reading.template import Template
from .asking import Lift, dot_text, parse_plain
from .boxes import Box
from .combine import Found, Run, combined
from .curves import Point, crosses
from .faults import faults
from .mend import mended
from .place import Placement, place
from .routes import route
from .routing import Routing
from .scopes import depth, frames, in_clusters, intruders, with_room
from .score import in_the_way, score
from .strips import Strips, arrange
from .structure import Structure

# The search is bounded by counts, never by seconds: the same step gives the same picture on a fast and a slow machine.
_RUNS = 72
_ROUTED = 5
_ROUNDS_OF_SWAPS = 3
_INTRUDER = 3000.0
_MANY_NODES = 32
_SPARE = 18.0  # room for wires at the sides of a panel in which some run over nodes
_MENDED = 4  # ways whose faulty wires are laid anew


@dataclass(frozen=True)
class Layout:
    """One step, laid out: where everything stands and how every wire runs. All steps of a picture share it."""

    structure: Structure
    boxes: dict[int, Box]
    placement: Placement
    routing: Routing
    strips: Strips
    score: float
    runs: int

    @property
    def pitch(self) -> float:
        """Distance between the same points of two neighbouring steps."""
        return self.placement.pitch


@dataclass(frozen=True)
class _Try:
    """One way to ask `dot`: an order for the main row (None: as it likes) and a shuffle of the statements."""

    order: tuple[int, ...] | None
    shuffle: int
    lifted: frozenset[Lift] = frozenset()  # nodes to keep off the line of a carry that ran over them
    grouped: bool = False  # named parts of the step as clusters


@lru_cache(maxsize=64)
def lay_out(template: Template, boxes: tuple[Box, ...], weights: tuple[tuple[str, str], ...]) -> Layout:
    """The best layout found for a step; kept per structure for the life of the process.

    Different kinds of steps, an encoder's and a decoder's, are laid out one by one and share the size of their panels.

    Args:
        template: the step's nodes and edges.
        boxes: their sizes, in the same order.
        weights: (name, label) of every shared weight, for the strip under the step.

    Raises:
        PictureError: Graphviz is missing or fails.
    """
    by_role = {box.role: box for box in boxes}
    narrow = arrange(weights, 0).width
    found = [_search(Structure(template.of_kind(kind)), by_role, narrow) for kind in range(len(template.kinds))]
    placement, routing = combined(template, by_role, found)
    strips = arrange(weights, placement.right - placement.left - 20)
    value, runs = sum(each.score for each in found), sum(each.runs for each in found)
    return Layout(Structure(template), by_role, placement, routing, strips, value, runs)


def _search(structure: Structure, by_role: dict[int, Box], strip_width: float) -> Found:
    best: Found | None = None
    others: list[Found] = []
    seen: set[tuple[tuple[str, Point], ...]] = set()
    runs, tries, lifted = 0, _first_tries(structure), list[frozenset[Lift]]()
    for _ in range(1 + _ROUNDS_OF_SWAPS):
        answers = render.layouts([_text(structure, by_role, t) for t in tries])
        runs += len(tries)
        fresh = []
        for answer in map(parse_plain, answers):
            if (key := tuple(sorted(answer.at.items()))) not in seen:
                seen.add(key)
                fresh.append(answer)
        before = best
        fresh.sort(key=lambda run: _cheap(structure, by_role, run))
        for run in _worth_routing(structure, fresh):
            placement = place(structure, by_role, run.at, strip_width)
            routing = route(structure, by_role, placement, run.splines)
            value = score(structure, placement, routing) + _intrusion(structure, by_role, placement.at)
            others.append(Found(structure, placement, routing, run, value, runs))
            if best is None or value < best.score:
                best = Found(structure, placement, routing, run, value, runs)
        assert best is not None
        blocking = in_the_way(structure, by_role, best.placement, best.routing)
        if blocking and (best is not before or not lifted):
            lifted, kept = _lifts(structure, lifted, blocking), tries[:24] if not lifted else tries[:: len(lifted)][:16]
            tries = [replace(t, lifted=lift) for t in kept for lift in lifted]
        elif best is not before and len(structure.main_row) > 4:
            tries = _swaps(structure, best)
        else:
            break
    assert best is not None
    return _mended(by_role, best, others, strip_width)


def _worth_routing(structure: Structure, ranked: list[Run]) -> list[Run]:
    """The best few by the cheap measure, and the best whose spines run as they should where those do not.

    Steps with a recorded backward pass are large, and neighbours in the ranking all but the same: some are skipped.
    """
    chosen = ranked[:_ROUTED] if not structure.above else [*ranked[:2], *ranked[4:17:4]]
    if all(_reversed(structure, run) for run in chosen):
        chosen += [run for run in ranked if not _reversed(structure, run)][:2]
    return chosen


def _reversed(structure: Structure, run: Run) -> int:
    """How many links along spines run against their time: `dot` reverses some."""
    return sum((run.at[f"n{b}"][0] - run.at[f"n{a}"][0]) * way < 20 for (a, b), way in structure.rightward.items())


def _mended(boxes: dict[int, Box], best: Found, others: list[Found], strip_width: float) -> Found:
    """The best way, or, where its wires are at fault, the best after some have been laid anew.

    Where that leaves wires over nodes, all are laid once more in a panel with more room at its sides.
    """
    if not len(faults(best.placement, best.routing)):
        return best
    tried = []
    most = _MENDED if len(best.structure.roles) <= _MANY_NODES else 1  # laying wires anew takes long in a large step
    for found in sorted(others, key=lambda found: found.score)[:most]:
        structure, placement, routing = found.structure, found.placement, mended(boxes, found.placement, found.routing)
        if sum(faults(placement, routing).over):
            placement = place(structure, boxes, found.run.at, strip_width, _SPARE)
            routing = mended(boxes, placement, route(structure, boxes, placement, found.run.splines))
        value = score(structure, placement, routing) + _intrusion(structure, boxes, placement.at)
        tried.append(Found(structure, placement, routing, found.run, value, best.runs))
        if not len(faults(placement, routing)):
            break
    return min(tried, key=lambda found: found.score)


def _first_tries(structure: Structure) -> list[_Try]:
    """All orders of the main row where they are few, otherwise some good ones; then shuffles of the statements."""
    row = structure.main_row
    orders: list[tuple[int, ...] | None] = [None]
    if 1 < len(row) <= 4:
        orders += itertools.permutations(row)
    elif row:
        orders += [row, row[::-1], *(row[k:] + row[:k] for k in range(1, len(row)))]
    tries = [_Try(order, 0) for order in orders]
    tries += [_Try(order, 1) for order in orders]
    tries += [_Try(None, k) for k in range(2, 2 + _RUNS)]
    half = tries[: _RUNS // 2]
    if depth(structure.template.parts):
        return [*(replace(t, grouped=True) for t in half), *half]
    return tries[:_RUNS]


def _text(structure: Structure, boxes: dict[int, Box], one: _Try) -> str:
    text = dot_text(structure, boxes, one.order, one.shuffle, one.lifted)
    if not depth(structure.template.parts):
        return text
    text = with_room(text, structure.template.parts)
    return in_clusters(text, structure.template.parts) if one.grouped else text


def _intrusion(structure: Structure, boxes: dict[int, Box], at: Mapping[int, Point]) -> float:
    """What it costs that nodes stand inside the frame of a named part which they are no part of."""
    parts = structure.template.parts
    if not depth(parts):
        return 0.0
    own = {part.role: boxes[part.role] for part in parts}
    return _INTRUDER * sum(intruders(frames(parts, own, at), own, at).values())


def _guessed(structure: Structure, boxes: dict[int, Box], run: Run) -> dict[int, Point]:
    """The middles of the nodes where `dot` puts them: it was told of footprints."""
    found = {}
    for role in structure.roles:
        (x, y), (left, bottom, right, top) = run.at[f"n{role}"], boxes[role].foot
        on = role in structure.on_spine
        found[role] = (x, y) if on else (x - (left + right) / 2, y - (bottom + top) / 2)
    return found


def _lifts(
    structure: Structure, before: list[frozenset[Lift]], blocking: frozenset[tuple[int, int]]
) -> list[frozenset[Lift]]:
    """All of these nodes above the lines that run over them, or all below, or some here and some there.

    In a step with a recorded backward pass, which has many nodes, first all nodes off all lines.
    """
    pairs = sorted(blocking)
    choices = [[(role, state, True) for role, state in pairs], [(role, state, False) for role, state in pairs]]
    deep = [(role, state, structure.depth[role] > structure.depth[state] / 2) for role, state in pairs]
    choices += [deep] + [[(*pair, True)] for pair in pairs[:2]]
    if structure.above:
        choices = [sorted(structure.off_lines(late)) for late in (False, True)] + choices
    earlier = before[:2] or [frozenset[Lift]()]
    return list(dict.fromkeys(known | frozenset(choice) for known in earlier for choice in choices))[:6]


def _swaps(structure: Structure, best: Found) -> list[_Try]:
    """The best order so far with any two gates exchanged."""
    row = sorted(structure.main_row, key=lambda role: best.placement.at[role])
    tries = []
    for i, j in itertools.combinations(range(len(row)), 2):
        order = row.copy()
        order[i], order[j] = order[j], order[i]
        tries.append(_Try(tuple(order), 0))
    return tries[:_RUNS]


def _cheap(structure: Structure, boxes: dict[int, Box], run: Run) -> float:
    """A quick guess at the score: straight links between centres, no routes."""
    ends = [(run.at[f"n{a}"], run.at[f"n{b}"]) for a, b in structure.links if structure.kind[a] != "input"]
    for state, readers in structure.entering.items():
        side = "a" if structure.direction[state] > 0 else "z"
        ends += [(run.at[f"{side}{state}"], run.at[f"n{reader}"]) for reader in readers]
    crossings = sum(crosses(a, b, c, d) for (a, b), (c, d) in itertools.combinations(ends, 2))
    length = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in ends)
    xs, ys = [x for x, _ in run.at.values()], [y for _, y in run.at.values()]
    return (
        5000 * _reversed(structure, run)
        + 2500 * _on_a_line(structure, boxes, run)
        + 160 * crossings
        + 0.35 * length
        + 0.8 * (max(xs) - min(xs))
        + 0.5 * (max(ys) - min(ys))
        + 0.6 * sum(_outward(structure, xs, run, state) for state in structure.carried)
        + 3 * _inversions(run.at[f"n{role}"][0] for role in structure.main_row)
        + _intrusion(structure, boxes, _guessed(structure, boxes, run))
    )


def _on_a_line(structure: Structure, boxes: dict[int, Box], run: Run) -> int:
    """How many nodes stand on the line of a carried state where its value runs through the panel."""
    count, at = 0, _guessed(structure, boxes, run)
    for state in structure.carried:
        path = structure.spines.get(state, ())
        way, (x, y) = structure.direction[state], at[state]
        first = way * at[path[0]][0] if path else -math.inf
        for role in structure.roles:
            _, bottom, _, top = boxes[role].foot_at(at[role])
            if bottom < y < top and role != state and role not in path:
                count += way * at[role][0] > way * x or way * at[role][0] < first
    return count


def _outward(structure: Structure, xs: list[float], run: Run, state: int) -> float:
    x = run.at[f"n{state}"][0]
    return max(xs) - x if structure.direction[state] > 0 else x - min(xs)


def _inversions(values: Iterable[float]) -> int:
    pairs: Iterator[tuple[float, float]] = itertools.combinations(values, 2)
    return sum(a > b for a, b in pairs)
