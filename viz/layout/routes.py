"""How every wire of a step runs, in the order in which they take their room."""

from __future__ import annotations

from collections.abc import Mapping

from .boxes import Box
from .buses import buses
from .curves import Line
from .place import Placement
from .router import Router
from .routing import Routing
from .structure import Structure


def route(
    structure: Structure, boxes: Mapping[int, Box], placement: Placement, splines: Mapping[tuple[str, str], Line]
) -> Routing:
    """Route every wire of a step; `splines` are `dot`'s own, the last resort for links inside the step."""
    router = Router(structure, boxes, placement)
    for source, target in structure.links:
        router.link(source, target, splines)
    for state in structure.carried:
        router.carry(state)
    buses(router)
    for state, lag in structure.skips:
        for reader in structure.consumers(state, lag):
            router.skip(state, lag, reader)
    for role in structure.roles:
        router.chips(role)
    return router.routing
