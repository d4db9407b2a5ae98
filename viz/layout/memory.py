"""Lanes along all panels for states that later steps read at no constant lag: attention, and a decoder's context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..reading.template import Template
from .boxes import Box
from .curves import Line, rounded
from .place import Placement
from .router import Router
from .routing import Memory, Routing
from .structure import Structure

_BELOW = 22.0
_PITCH = 17.0


def memories(
    template: Template,
    boxes: Mapping[int, Box],
    kinds: Sequence[tuple[Structure, Placement]],
    routings: Sequence[Routing],
    lowest: float,
) -> list[Memory]:
    """The lanes of a program, below everything else, one under another."""
    routers = [
        Router(structure, boxes, placement, routing)
        for (structure, placement), routing in zip(kinds, routings, strict=True)
    ]
    of = {role: router for router in routers for role in router.structure.roles}
    readers: dict[int, list[int]] = {}
    for source, reader in template.remembered:
        readers.setdefault(source, []).append(reader)
    found = []
    for n, (source, read) in enumerate(readers.items()):
        y = lowest - _BELOW - _PITCH * n
        store = _way_down(of[source], source, y, n)
        of[source].ways.note(store)
        ways = {role: tuple(_way(of[role], source, role, y)) for role in read}
        found.append(Memory(source, y, tuple(store), ways))
    return found


def _way(router: Router, source: int, reader: int, y: float) -> Line:
    way = router.way_up(y, reader, f"memory{source}", router.placement.left)
    return rounded(way, 9)


def _way_down(router: Router, source: int, y: float, lane: int) -> Line:
    """From the lane up the panel's right margin into the state: at its side, or from below where that is less free."""
    x, top = router.at[source]
    half, low = router.boxes[source].width / 2, router.bottom(source) - 13
    side = router.placement.right - 9 - 14 * lane
    inner = half - 9
    forms = [[(side, y), (side, top - 12), (x, top - 12)]]
    for px in (x + inner, x, x - inner):
        forms += [[(px, y), (px, top)], [(side, y), (side, low), (px, low), (px, top)]]

    def cost(n: int) -> tuple[float, int]:
        way = forms[n]
        bends = 20 * (len(way) - 2)
        return 500 * router.ways.blocked(way, source) + 200 * router.ways.crowded(way, y + 12) + bends, n

    return rounded(forms[min(range(len(forms)), key=lambda n: cost(n))], 12)
