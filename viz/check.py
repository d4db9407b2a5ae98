"""Find what a picture must not have: overlaps of boxes, texts and wires, and arrow heads that miss; count crossings.

For tests: it looks at what was put on the canvas, before Graphviz sees it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from .layout.curves import Point, bezier, crosses
from .painting.canvas import Canvas, Drawn, Stroke

_TOUCH = 0.5
_CELL = 60  # edge of the grid that keeps comparisons local
_NEAR = 2.0  # wires nearer than this look like one
_STRETCH = 5  # times some 4 points: as long may two wires be near each other where they cross or part
_MISS = 3.0  # how far before its box an arrow head may end
_INTO = 3.5  # how far a wire may reach into the boxes at its ends

Found = dict[str, list[str]]


def overlaps(canvas: Canvas) -> Found:
    """What is wrong, by kind of fault; an empty dict is a clean picture."""
    found: Found = defaultdict(list)
    boxes, texts = sorted(canvas.boxes, key=_corner), sorted(canvas.texts, key=_corner)
    _boxes(boxes, found)
    free = _texts(texts, boxes, found)
    lines = [(stroke, _points(stroke)) for stroke in canvas.strokes]
    _wires_over_boxes(lines, boxes, found)
    _wires_over_texts(lines, free, found)
    _wires_on_wires(lines, found)
    _beyond_the_frame(canvas, lines, found)
    _tips(canvas, found)
    return {kind: list(dict.fromkeys(names)) for kind, names in found.items()}


def crossings(canvas: Canvas) -> list[tuple[str, str]]:
    """Pairs of wires that cross each other, once for each place; the two lanes of a wire count as one."""
    lines = [(stroke.name, _points(stroke)[::2]) for stroke in canvas.strokes if stroke.name.startswith("fwd-")]
    grid: dict[tuple[int, int], list[tuple[int, Point, Point]]] = defaultdict(list)
    for n, (_, exact) in enumerate(lines):
        # A hair aside, each wire by another hair: else two that meet in a corner of both would not count.
        line = [(x + (n * 7919 % 101) * 1e-5, y + (n * 104729 % 103) * 1e-5) for x, y in exact]
        for a, b in zip(line, line[1:], strict=False):
            for i in range(int(min(a[0], b[0]) // _CELL), int(max(a[0], b[0]) // _CELL) + 1):
                for j in range(int(min(a[1], b[1]) // _CELL), int(max(a[1], b[1]) // _CELL) + 1):
                    grid[i, j].append((n, a, b))
    found = set()
    for pieces in grid.values():
        for i, (n, a, b) in enumerate(pieces):
            for k, c, d in pieces[i + 1 :]:
                if n != k and crosses(a, b, c, d):
                    found.add((min(n, k), max(n, k), round((a[0] + b[0]) / 20), round((a[1] + b[1]) / 20)))
    return [(lines[n][0], lines[k][0]) for n, k, _, _ in sorted(found)]


def _boxes(boxes: list[Drawn], found: Found) -> None:
    for a, b in _pairs(boxes):
        if _overlap(a, b, _TOUCH, _TOUCH):
            found["box on box"].append(f"{_name(a)} / {_name(b)}")


def _texts(texts: list[Drawn], boxes: list[Drawn], found: Found) -> list[Drawn]:
    """Texts on each other and half in a box; returns those that stand in no box."""
    for a, b in _pairs(texts):
        if _overlap(a, b, 1.5, 1.5):
            found["text on text"].append(f"{_name(a)} / {_name(b)}")
    free = []
    for text in texts:
        inside = False
        for box in boxes:
            if box.left > text.right:
                break
            holds = box.left < (text.left + text.right) / 2 < box.right
            holds = holds and box.bottom < (text.bottom + text.top) / 2 < box.top
            inside |= holds
            if holds and (text.left < box.left + 0.5 or text.right > box.right - 0.5):
                found["text out of box"].append(f"{_name(text)} / {_name(box)}")
            elif not holds and _overlap(text, box, 1, 3):
                found["text half on a box"].append(f"{_name(text)} / {_name(box)}")
        if not inside:
            free.append(text)
    return free


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
    line = [*bezier(stroke.line[:count], 24), *stroke.line[count:]]
    points = line[:1]
    for (x0, y0), (x1, y1) in zip(line, line[1:], strict=False):
        count = max(1, int(math.hypot(x1 - x0, y1 - y0) // 4))
        points += [(x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(1, count + 1)]
    return points


def _columns(things: Iterable[Drawn]) -> dict[int, list[Drawn]]:
    grid: dict[int, list[Drawn]] = defaultdict(list)
    for thing in things:
        for column in range(int(thing.left // _CELL), int(thing.right // _CELL) + 1):
            grid[column].append(thing)
    return grid


def _wires_over_boxes(lines: list[tuple[Stroke, list[Point]]], boxes: list[Drawn], found: Found) -> None:
    """Wires in boxes where they have no end, and wires that run through a box on whose far side they end."""
    grid = _columns(boxes)
    for stroke, points in lines:
        for point in points:
            for box in grid[int(point[0] // _CELL)]:
                own = box.name in stroke.ends
                if _depth(point, box) > (_INTO if own else 1.5):
                    found["wire over box"].append(f"{stroke.name} / {_name(box)}")


def _wires_over_texts(lines: list[tuple[Stroke, list[Point]]], texts: list[Drawn], found: Found) -> None:
    grid = _columns(texts)
    for stroke, points in lines:
        for x, y in points:
            for text in grid[int(x // _CELL)]:
                if text.left < x < text.right and text.bottom + 2.5 < y < text.top - 2.5:
                    found["wire over text"].append(f"{stroke.name} / {_name(text)}")


def _depth(point: Point, box: Drawn) -> float:
    """How far inside a box or circle a point lies; below 0 outside."""
    x, y = point
    if box.round:
        middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
        return (box.right - box.left) / 2 - math.dist(point, middle)
    within = min(x - box.left, box.right - x), min(y - box.bottom, box.top - y)
    return min(within) if min(within) > 0 else -math.hypot(min(within[0], 0.0), min(within[1], 0.0))


def _wires_on_wires(lines: list[tuple[Stroke, list[Point]]], found: Found) -> None:
    """Wires that run so close to each other that they look like one, over more than a crossing takes."""
    cells: dict[tuple[int, int], list[tuple[int, Point]]] = defaultdict(list)
    for n, (_, points) in enumerate(lines):
        for x, y in points:
            cells[int(x // 4), int(y // 4)].append((n, (x, y)))
    together: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for (i, j), here in cells.items():
        around = [entry for di in (-1, 0, 1) for dj in (-1, 0, 1) for entry in cells.get((i + di, j + dj), ())]
        for n, (x, y) in here:
            for k, (u, v) in around:
                if k > n and (u - x) ** 2 + (v - y) ** 2 < _NEAR**2 + 1.5:  # points are 4 apart: up to 2 along the wire
                    together[n, k].add((i, j))
    for (n, k), places in together.items():
        if len(places) > _STRETCH and _longest(places) > _STRETCH:
            found["wire on wire"].append(f"{lines[n][0].name} / {lines[k][0].name}")


def _longest(places: set[tuple[int, int]]) -> int:
    """The size of the largest group of neighbouring places: two wires that cross twice meet in two of them."""
    left, longest = set(places), 0
    while left:
        waiting, size = [left.pop()], 0
        while waiting:
            i, j = waiting.pop()
            size += 1
            near = left & {(i + di, j + dj) for di in range(-2, 3) for dj in range(-2, 3)}  # points may be 7 apart
            left -= near
            waiting += near
        longest = max(longest, size)
    return longest


def _beyond_the_frame(canvas: Canvas, lines: list[tuple[Stroke, list[Point]]], found: Found) -> None:
    if canvas.frame is None:
        return
    left, bottom, right, top = canvas.frame
    for thing in [*canvas.boxes, *canvas.texts]:
        if thing.left < left or thing.right > right or thing.bottom < bottom or thing.top > top:
            found["beyond the frame"].append(_name(thing))
    for stroke, points in lines:
        if any(not (left < x < right and bottom < y < top) for x, y in points):
            found["beyond the frame"].append(stroke.name)


def _tips(canvas: Canvas, found: Found) -> None:
    """Arrow heads that end far before, or deep inside, what they point at."""
    for tip in canvas.tips:
        target = canvas.places.get(tip.target)
        if target and target.kind == "anchor":
            continue  # a sample line of the key
        if target is None or not -_MISS <= _depth(tip.at, target) <= _MISS:
            found["tip misses its box"].append(f"{tip.wire} / {tip.target}")
