"""Give the same number to the same line in every step: each step is aligned with the union of those before it."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import count


def numbered(keys: Iterable[Hashable]) -> list[int]:
    """A number for every key, the same for equal ones: numbers are compared more quickly, and most keys are alike."""
    known: defaultdict[Hashable, int] = defaultdict(count().__next__)
    return list(map(known.__getitem__, keys))


def aligned(by_step: Sequence[Sequence[int]], keys: Sequence[int]) -> tuple[list[int], list[int]]:
    """The role of every line, −1 outside every step, and all roles in program order.

    Args:
        by_step: the lines of every step, in order.
        keys: by line, what it is known by; lines of one role have the same.
    """
    union: list[tuple[int, int]] = []
    known: dict[tuple[int, ...], list[int]] = {}
    role, fresh = [-1] * len(keys), 0
    for members in by_step:
        here = tuple([keys[i] for i in members])
        numbers = known.get(here)
        if numbers is None:
            merged, numbers, fresh = _merged(union, here, fresh)
            if len(merged) != len(union):
                known.clear()  # the union grew: what was aligned with the old one is aligned anew when it comes again
            union = merged
            known[here] = numbers
        for i, number in zip(members, numbers, strict=True):
            role[i] = number
    return role, [r for r, _ in union]


def _merged(
    union: list[tuple[int, int]], keys: Sequence[int], fresh: int
) -> tuple[list[tuple[int, int]], list[int], int]:
    """The union with one more step in it, the roles of that step's lines, and the next number that is free."""
    merged, numbers = list[tuple[int, int]](), list[int]()
    matcher = difflib.SequenceMatcher(None, [key for _, key in union], list(keys), autojunk=False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        merged += union[a0:a1]
        if tag == "equal":
            numbers += [r for r, _ in union[a0:a1]]
        else:
            new = [(fresh + k, keys[b]) for k, b in enumerate(range(b0, b1))]
            fresh += len(new)
            merged += new
            numbers += [r for r, _ in new]
    return merged, numbers, fresh
