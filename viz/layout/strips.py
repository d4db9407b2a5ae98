"""The strip of cells under a step: one cell per shared weight, as a matrix of gates and kinds where names allow it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .curves import Point
from .metrics import fitting

CELL_WIDTH, CELL_HEIGHT = 31.0, 17.0
_PITCH = 33.0
_GATED = re.compile(r"^([A-Za-z])_?([A-Za-z])_?(\d*)$")
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Strips:
    """Where cells and headings stand; (0, 0) is the left end of the first line of headings, y grows upward.

    `heads` are (text, x, y, indices of the weights that the heading speaks for).
    """

    cells: dict[int, Point]
    heads: tuple[tuple[str, float, float, tuple[int, ...]], ...]
    width: float
    height: float


def arrange(weights: Sequence[tuple[str, str]], width: float) -> Strips:
    """Arrange the cells of these (name, label) pairs.

    Names such as Wi Ui bi Wf Uf bf … give a matrix, gates across and W U b down, one block per layer number. Otherwise
    the cells wrap to `width`; 0 means: as narrow as seven columns, the least that a panel must offer.
    """
    return _matrix(weights) or _wrapped(weights, width)


def _matrix(weights: Sequence[tuple[str, str]]) -> Strips | None:
    parsed = [_GATED.match(name) for name, _ in weights]
    layers = list(dict.fromkeys(match[3] for match in parsed if match))
    cells: dict[int, Point] = {}
    heads: list[tuple[str, float, float, tuple[int, ...]]] = []
    x = 0.0
    for layer in layers:
        mine = {(m[1], m[2]): k for k, m in enumerate(parsed) if m and m[3] == layer}
        kinds, gates = list(dict.fromkeys(a for a, _ in mine)), list(dict.fromkeys(b for _, b in mine))
        if len(kinds) < 2 or len(gates) < 2 or len(mine) < 0.7 * len(kinds) * len(gates):
            return None
        for j, gate in enumerate(gates):
            column = tuple(k for (_, g), k in mine.items() if g == gate)
            heads.append((gate + layer.translate(_SUPERSCRIPT), x + 30 + _PITCH * j, 0, column))
        for i, kind in enumerate(kinds):
            heads.append((kind, x + 4, -17 - 19 * i, tuple(k for (a, _), k in mine.items() if a == kind)))
        for (kind, gate), k in mine.items():
            cells[k] = (x + 30 + _PITCH * gates.index(gate), -17 - 19 * kinds.index(kind))
        x += 28 + _PITCH * len(gates)
    if not cells:
        return None
    lowest = min(y for _, y in cells.values())
    others = [k for k in range(len(weights)) if k not in cells]
    deep = max(1, int(-lowest // 36))  # the others fill columns beside the matrix, as deep as it is
    for n, k in enumerate(others):
        across, down = divmod(n, deep)
        at = x + 16 + _PITCH * across
        heads.append((_fitting(weights[k][1]), at, -36 * down, (k,)))
        cells[k] = (at, -36 * down - 17)
    return _strips(cells, heads)


def _wrapped(weights: Sequence[tuple[str, str]], width: float) -> Strips:
    most = 7 if not width else max(1, int(width // _PITCH))
    rows = -(-len(weights) // most)
    columns = -(-len(weights) // rows) if rows else 0
    cells: dict[int, Point] = {}
    heads: list[tuple[str, float, float, tuple[int, ...]]] = []
    for k, (_, label) in enumerate(weights):
        x, y = 16 + _PITCH * (k % columns), -36.0 * (k // columns)
        heads.append((_fitting(label), x, y, (k,)))
        cells[k] = (x, y - 17)
    return _strips(cells, heads)


def _fitting(label: str) -> str:
    return fitting(label, CELL_WIDTH + 1, 10)


def _strips(cells: dict[int, Point], heads: list[tuple[str, float, float, tuple[int, ...]]]) -> Strips:
    right = max((x for x, _ in cells.values()), default=0.0)
    lowest = min((y for _, y in cells.values()), default=0.0)
    return Strips(cells, tuple(heads), right + 16 if cells else 0.0, 9 - lowest if cells else 0.0)
