"""Find what a picture must not have: boxes on boxes, text on text or out of its box, wires over boxes or on each other.

For tests: it looks at what was put on the canvas, before Graphviz sees it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .layout.curves import Point, bezier
from .painting.canvas import Canvas, Drawn, Stroke

_TOUCH = 0.5
_CELL = 60  # edge of the grid that keeps comparisons local


def overlaps(canvas: Canvas) -> dict[str, list[str]]:
    """What overlaps, by kind of fault; an empty dict is a clean picture."""
    found: dict[str, list[str]] = defaultdict(list)
    boxes, texts = sorted(canvas.boxes, key=_corner), sorted(canvas.texts, key=_corner)
    for a, b in _pairs(boxes):
        if _overlap(a, b, _TOUCH, _TOUCH):
            found["box on box"].append(f"{_name(a)} / {_name(b)}")
    for a, b in _pairs(texts):
        if _overlap(a, b, 1.5, 1.5):
            found["text on text"].append(f"{_name(a)} / {_name(b)}")
    for text in texts:
        for box in boxes:
            if box.left > text.right:
                break
            holds = box.left < (text.left + text.right) / 2 < box.right
            holds = holds and box.bottom < (text.bottom + text.top) / 2 < box.top
            if holds and (text.left < box.left + 0.5 or text.right > box.right - 0.5):
                found["text out of box"].append(f"{_name(text)} / {_name(box)}")
            elif not holds and _overlap(text, box, 1, 3):
                found["text half on a box"].append(f"{_name(text)} / {_name(box)}")
    _wires_over_boxes(canvas.strokes, boxes, found)
    _wires_on_wires(canvas.strokes, found)
    return {kind: list(dict.fromkeys(names)) for kind, names in found.items()}


def _corner(thing: Drawn) -> tuple[float, float]:
    return thing.left, thing.bottom


def _name(thing: Drawn) -> str:
    return f"{thing.kind} {thing.text}".strip()


def _pairs(things: list[Drawn]) -> Iterator[tuple[Drawn, Drawn]]:
    for i, a in enumerate(things):
        for k in range(i + 1, len(things)):
            if things[k].left > a.right:
                break
            yield a, things[k]


def _overlap(a: Drawn, b: Drawn, across: float, up: float) -> bool:
    return min(a.right, b.right) - max(a.left, b.left) > across and min(a.top, b.top) - max(a.bottom, b.bottom) > up


def _points(stroke: Stroke) -> list[Point]:
    """The whole wire as points some 4 apart, its arrow head included."""
    count = 1 + 3 * ((len(stroke.line) - 1) // 3)
    return [*bezier(stroke.line[:count], 24), *stroke.line[count:]]


def _wires_over_boxes(strokes: list[Stroke], boxes: list[Drawn], found: dict[str, list[str]]) -> None:
    grid: dict[int, list[Drawn]] = defaultdict(list)
    for box in boxes:
        for column in range(int(box.left // _CELL), int(box.right // _CELL) + 1):
            grid[column].append(box)
    for stroke in strokes:
        points = _points(stroke)
        ends = (points[0], points[-1])
        for point in points[1:-1]:
            for box in grid[int(point[0] // _CELL)]:
                if _near(point, box, -1.5) and not any(_near(end, box, 4.5) for end in ends):
                    found["wire over box"].append(f"{stroke.name} / {_name(box)}")


def _near(point: Point, box: Drawn, margin: float) -> bool:
    x, y = point
    return box.left - margin < x < box.right + margin and box.bottom - margin < y < box.top + margin


def _wires_on_wires(strokes: list[Stroke], found: dict[str, list[str]]) -> None:
    """Wires nearer than 1.5 points to each other over more than some 12 points of length."""
    cells: dict[tuple[int, int], list[tuple[int, Point]]] = defaultdict(list)
    for n, stroke in enumerate(strokes):
        for (x0, y0), (x1, y1) in zip(_points(stroke), _points(stroke)[1:], strict=False):
            count = max(1, int((abs(x1 - x0) + abs(y1 - y0)) // 4))
            for i in range(count):
                x, y = x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count
                cells[int(x // 4), int(y // 4)].append((n, (x, y)))
    together: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for (i, j), here in cells.items():
        around = [entry for di in (-1, 0, 1) for dj in (-1, 0, 1) for entry in cells.get((i + di, j + dj), ())]
        for n, (x, y) in here:
            for k, (u, v) in around:
                if k > n and (u - x) ** 2 + (v - y) ** 2 < 2.3:
                    together[n, k].add((i, j))
    for (n, k), places in together.items():
        if len(places) > 4:
            found["wire on wire"].append(f"{strokes[n].name} / {strokes[k].name}")
