"""Curves as dense polylines: build them, shift them sideways, clip them at shapes, turn them into few cubics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Line = list[Point]


@dataclass(frozen=True)
class Shape:
    """A box or an ellipse (`round`) with centre (x, y): what a wire ends at."""

    x: float
    y: float
    width: float
    height: float
    round: bool = False

    def contains(self, point: Point) -> bool:
        """Whether the point lies strictly inside."""
        across, up = (point[0] - self.x) / (self.width / 2), (point[1] - self.y) / (self.height / 2)
        return across * across + up * up < 1 if self.round else abs(across) < 1 and abs(up) < 1

    def moved(self, dx: float) -> Shape:
        """The same shape `dx` further right."""
        return Shape(self.x + dx, self.y, self.width, self.height, self.round)


def length(line: Sequence[Point]) -> float:
    """Length along a polyline."""
    return sum(math.dist(a, b) for a, b in zip(line, line[1:], strict=False))


def moved(line: Sequence[Point], dx: float) -> Line:
    """The polyline `dx` further right."""
    return [(x + dx, y) for x, y in line]


def bezier(points: Sequence[Point], pieces: int | None = None) -> Line:
    """Sample joined cubics (3n + 1 control points), `pieces` points on each, or one about every 3 points of length."""
    out = [points[0]]
    wanted = pieces
    for j in range(0, len(points) - 3, 3):
        p0, p1, p2, p3 = points[j : j + 4]
        pieces = wanted or max(8, int(length((p0, p1, p2, p3)) / 3))
        for i in range(1, pieces + 1):
            s = i / pieces
            a, b, c, d = (1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s * s * (1 - s), s**3
            out.append((a * p0[0] + b * p1[0] + c * p2[0] + d * p3[0], a * p0[1] + b * p1[1] + c * p2[1] + d * p3[1]))
    return out


def dense(points: Sequence[Point], step: float = 3.0) -> Line:
    """The same polyline with a point at least every `step` points of length."""
    out = [points[0]]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        count = max(1, int(math.hypot(x1 - x0, y1 - y0) / step))
        out += [(x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(1, count + 1)]
    return out


def rounded(points: Sequence[Point], radius: float = 12) -> Line:
    """A dense polyline through the points, its corners rounded."""
    points = [points[0]] + [b for a, b in zip(points, points[1:], strict=False) if math.dist(a, b) > 0.1]
    out = [points[0]]
    for a, b, c in zip(points, points[1:], points[2:], strict=False):
        before, after = math.dist(a, b), math.dist(b, c)
        r = min(radius, before / 2, after / 2)
        start = (b[0] + (a[0] - b[0]) * r / before, b[1] + (a[1] - b[1]) * r / before)
        end = (b[0] + (c[0] - b[0]) * r / after, b[1] + (c[1] - b[1]) * r / after)
        toward = (start[0] + (b[0] - start[0]) * 0.55, start[1] + (b[1] - start[1]) * 0.55)
        away = (end[0] + (b[0] - end[0]) * 0.55, end[1] + (b[1] - end[1]) * 0.55)
        out += bezier([start, toward, away, end], 8)
    return dense([*out, points[-1]])


def joined(first: Sequence[Point], second: Sequence[Point], radius: float = 10) -> Line:
    """Two lines that meet at a point as one, the corner between them rounded."""
    corner, before = second[0], trimmed(first, min(radius, length(first) / 2))
    after = trimmed(second[::-1], min(radius, length(second) / 2))[::-1]
    (ax, ay), (bx, by), (cx, cy) = before[-1], after[0], corner
    toward, away = (ax + (cx - ax) * 0.55, ay + (cy - ay) * 0.55), (bx + (cx - bx) * 0.55, by + (cy - by) * 0.55)
    return [*before[:-1], *bezier([before[-1], toward, away, after[0]], 8), *after[1:]]


def s_curve(start: Point, end: Point) -> Line:
    """An S from start to end that leaves and arrives vertically."""
    rise = 0.55 * (end[1] - start[1])
    return dense(bezier([start, (start[0], start[1] + rise), (end[0], end[1] - rise), end]))


def warped(line: Sequence[Point], start: Point, end: Point) -> Line:
    """The line with its ends moved to `start` and `end`; what lies between follows smoothly."""
    total = length(line) or 1.0
    (ax, ay), (bx, by) = (start[0] - line[0][0], start[1] - line[0][1]), (end[0] - line[-1][0], end[1] - line[-1][1])
    out, gone = [], 0.0
    for i, (x, y) in enumerate(line):
        gone += math.dist(line[i - 1], line[i]) if i else 0.0
        u = gone / total
        u = u * u * (3 - 2 * u)
        out.append((x + ax * (1 - u) + bx * u, y + ay * (1 - u) + by * u))
    return out


def offset(line: Sequence[Point], distance: float) -> Line:
    """The parallel curve, `distance` to the left of travel. Normals come from points two apart: single ones jitter."""
    last, out = len(line) - 1, []
    for i, (x, y) in enumerate(line):
        (x0, y0), (x1, y1) = line[max(0, i - 2)], line[min(last, i + 2)]
        span = math.hypot(x1 - x0, y1 - y0) or 1.0
        out.append((x - (y1 - y0) / span * distance, y + (x1 - x0) / span * distance))
    return out


def clipped(line: Sequence[Point], start: Shape | None, end: Shape | None) -> Line:
    """The part of the line between two shapes."""
    out = _leaving(line, start) if start else list(line)
    return _leaving(out[::-1], end)[::-1] if end else out


def _leaving(line: Sequence[Point], shape: Shape) -> Line:
    last = -1
    for i, point in enumerate(line):
        if shape.contains(point):
            last = i
        elif i > max(last, 0) + 40:
            break
    if last < 0 or last + 1 >= len(line):
        return list(line)
    inside, outside = line[last], line[last + 1]
    for _ in range(12):
        middle = ((inside[0] + outside[0]) / 2, (inside[1] + outside[1]) / 2)
        if shape.contains(middle):
            inside = middle
        else:
            outside = middle
    return [outside, *line[last + 1 :]]


def trimmed(line: Sequence[Point], cut: float) -> Line:
    """The line without the last `cut` points of its length; at least half of its last piece stays."""
    gone = 0.0
    for i in range(len(line) - 1, 0, -1):
        piece = math.dist(line[i], line[i - 1])
        if piece and gone + piece >= cut:
            share = (cut - gone) / piece
            (x1, y1), (x0, y0) = line[i], line[i - 1]
            return [*line[:i], (x1 + (x0 - x1) * share, y1 + (y0 - y1) * share)]
        gone += piece
    (x0, y0), (x1, y1) = line[0], line[-1]
    return [(x0, y0), ((x0 + x1) / 2, (y0 + y1) / 2)]


def distance_to_piece(point: Point, a: Point, b: Point) -> float:
    """Distance from a point to the straight piece a–b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    along = 0.0 if square == 0 else min(max(((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / square, 0.0), 1.0)
    return math.dist(point, (a[0] + along * dx, a[1] + along * dy))


def straight(a: Point, b: Point) -> Line:
    """One cubic that is the straight line a–b."""
    return [a, ((2 * a[0] + b[0]) / 3, (2 * a[1] + b[1]) / 3), ((a[0] + 2 * b[0]) / 3, (a[1] + 2 * b[1]) / 3), b]


def cubics(line: Sequence[Point], tolerance: float = 0.2) -> Line:
    """Few joined cubics that stay within `tolerance` of the line; each straight stretch gives one."""
    if len(line) < 3 or all(distance_to_piece(p, line[0], line[-1]) < 0.15 for p in line[1:-1]):
        return straight(line[0], line[-1])
    knots, bent = _stretches(line)
    out: Line = [line[0]]
    waiting = [(a, b, curved, 0) for a, b, curved in zip(knots, knots[1:], bent, strict=False)][::-1]
    while waiting:  # a stack of pieces still to fit: the one on top is always the leftmost
        first, last, curved, depth = waiting.pop()
        piece = _one_cubic(line, first, last) if curved else straight(line[first], line[last])
        if curved and last - first > 3 and depth < 6 and _misses(line, first, last, piece, tolerance):
            middle = (first + last) // 2
            waiting += [(middle, last, True, depth + 1), (first, middle, True, depth + 1)]
        else:
            out += piece[1:]
    return out


def _turn(line: Sequence[Point], at: int) -> float:
    """By how much the line turns at one of its points, in radians without sign; 0 at its ends."""
    if not 0 < at < len(line) - 1:
        return 0.0
    (ax, ay), (bx, by), (cx, cy) = line[at - 1 : at + 2]
    ux, uy, vx, vy = bx - ax, by - ay, cx - bx, cy - by
    return abs(math.atan2(ux * vy - uy * vx, ux * vx + uy * vy))


_STRAIGHT = 0.0015  # a turn smaller than this is none


def _stretches(line: Sequence[Point], least: float = 14.0) -> tuple[list[int], list[bool]]:
    """Indices where straight stretches (of some length) and bends meet, ends included; and which pieces are bent."""
    knots, bent = [0], list[bool]()
    at = 0
    while at < len(line) - 1:
        end = at + 1
        while end < len(line) - 1 and _turn(line, end) < _STRAIGHT:
            end += 1
        if math.dist(line[at], line[end]) >= least:
            if knots[-1] != at:
                knots.append(at)
                bent.append(True)
            knots.append(end)
            bent.append(False)
        at = end
    if knots[-1] != len(line) - 1:
        knots.append(len(line) - 1)
        bent.append(True)
    return knots, bent


def _one_cubic(line: Sequence[Point], first: int, last: int) -> Line:
    a, b = line[first], line[last]
    third = (length(line[first : last + 1]) or 1e-6) / 3
    (ux, uy), (vx, vy) = _tangent(line, first), _tangent(line, last)
    return [a, (a[0] + ux * third, a[1] + uy * third), (b[0] - vx * third, b[1] - vy * third), b]


def _tangent(line: Sequence[Point], at: int) -> Point:
    """Direction of travel, from points on both sides, so that neighbouring cubics meet without a kink.

    Where a straight stretch meets a bend the direction is that of the straight one.
    """
    before, after = max(0, at - 2), min(len(line) - 1, at + 2)
    if 1 < at < len(line) - 2:
        straight_before, straight_after = _turn(line, at - 1) < _STRAIGHT, _turn(line, at + 1) < _STRAIGHT
        if straight_before and not straight_after:
            after = at
        elif straight_after and not straight_before:
            before = at
    (x0, y0), (x1, y1) = line[before], line[after]
    span = math.hypot(x1 - x0, y1 - y0) or 1.0
    return ((x1 - x0) / span, (y1 - y0) / span)


def _misses(line: Sequence[Point], first: int, last: int, piece: Line, tolerance: float) -> bool:
    """Whether the cubic leaves the line: each sample is compared with the pieces around the same share of the arc."""
    arc, samples = length(line[first : last + 1]), 16
    at, gone = first, 0.0
    for n, point in enumerate(bezier(piece, samples)):
        while at < last and gone + math.dist(line[at], line[at + 1]) < arc * n / samples:
            gone += math.dist(line[at], line[at + 1])
            at += 1
        low, high = max(first, at - 4), min(last, at + 5)
        if high > low and min(distance_to_piece(point, line[m], line[m + 1]) for m in range(low, high)) > tolerance:
            return True
    return False


def crosses(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the straight pieces a–b and c–d cross each other properly."""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
