"""Frames around the named parts of a step: nested rectangles that hold the nodes of a part and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..reading.template import Part
from .boxes import Box
from .curves import Point

LABEL = 12.0  # height of a frame's label
_GAP = 3.0  # between two frames
_AROUND = 5.0  # between a frame and what it holds


@dataclass(frozen=True)
class Frame:
    """The rectangle of one part, in the coordinates of its panel."""

    path: tuple[str, ...]
    roles: frozenset[int]
    left: float
    bottom: float
    right: float
    top: float

    @property
    def label(self) -> str:
        """The part's own name."""
        return self.path[-1]

    def meets(self, other: tuple[float, float, float, float]) -> bool:
        """Does a rectangle (left, bottom, right, top) reach into this one."""
        left, bottom, right, top = other
        return left < self.right and right > self.left and bottom < self.top and top > self.bottom

    @property
    def sides(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return self.left, self.bottom, self.right, self.top


def depth(parts: Sequence[Part]) -> int:
    """How many frames stand inside each other at most."""
    return max((len(part.scopes) for part in parts), default=0)


def frames(parts: Sequence[Part], boxes: Mapping[int, Box], at: Mapping[int, Point]) -> list[Frame]:
    """A frame for every named part of a step, the outer ones first."""
    paths = dict.fromkeys(part.scopes[:n] for part in parts for n in range(1, len(part.scopes) + 1))
    found = []
    for path in sorted(paths, key=len):
        members = [part.role for part in parts if part.scopes[: len(path)] == path]
        feet = [boxes[role].foot_at(at[role]) for role in members]
        inner = max(len(part.scopes) for part in parts if part.role in members) - len(path)
        margin = _AROUND * (inner + 1)
        found.append(
            Frame(
                path,
                frozenset(members),
                min(foot[0] for foot in feet) - margin,
                min(foot[1] for foot in feet) - margin,
                max(foot[2] for foot in feet) + margin,
                max(foot[3] for foot in feet) + margin + LABEL * (inner + 1),
            )
        )
    return found


def intruders(found: Sequence[Frame], boxes: Mapping[int, Box], at: Mapping[int, Point]) -> dict[tuple[str, ...], int]:
    """How many nodes and frames reach into each frame without being part of it; frames without any are left out."""
    counts = {}
    for frame in found:
        count = sum(
            frame.meets(boxes[role].foot_at(at[role])) for role in at if role in boxes and role not in frame.roles
        )
        for other in found:
            nested = frame.path[: len(other.path)] == other.path or other.path[: len(frame.path)] == frame.path
            left, bottom, right, top = other.sides
            count += not nested and frame.meets((left - _GAP, bottom - _GAP, right + _GAP, top + _GAP))
        if count:
            counts[frame.path] = count
    return counts


def with_room(text: str, parts: Sequence[Part]) -> str:
    """The DOT text of a step with room between its ranks for frames inside each other."""
    apart = (2 * _AROUND + LABEL) * depth(parts) + _GAP + 2
    return text.replace("ranksep=0.417;", f"ranksep={max(apart, 30) / 72:.3f};", 1)


def in_clusters(text: str, parts: Sequence[Part]) -> str:
    """The DOT text of a step with each named part as a cluster, so that `dot` keeps its nodes together."""
    paths = sorted({part.scopes[:n] for part in parts for n in range(1, len(part.scopes) + 1)})
    lines, open_paths = [], list[tuple[str, ...]]()
    for k, path in enumerate(paths):
        while open_paths and path[: len(open_paths[-1])] != open_paths[-1]:
            open_paths.pop()
            lines.append("}")
        own = "; ".join(f"n{part.role}" for part in parts if part.scopes == path)
        lines.append(f"subgraph cluster_{k} {{ margin=6; {own}")
        open_paths.append(path)
    lines += ["}"] * len(open_paths)
    body = text.rstrip().removesuffix("}")
    return "\n".join([body, "newrank=true;", *lines, "}"])
