"""Compare what is printed with what is written down, where rounding may change a last digit and nothing else."""

from __future__ import annotations

import re
from decimal import Decimal

NUMBER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?(?:e[+-]\d+)?)(?![\w.]\w)")
ROUNDING = Decimal("1e-12")  # what is below differs from one machine's BLAS to the next
SAME = "equal the tape's bit for bit", "differ from the tape's by 0 of a norm at most"


def same_line(one: str, other: str) -> bool:
    """Are the words equal, and the numbers, but for one unit in the last digit and one block of a bar?"""
    first, second = _parts(one), _parts(other)
    bars = abs(one.count("█") - other.count("█")) <= 1
    return bars and len(first) == len(second) and all(map(_same, first, second))


def same_text(printed: str, quoted: str) -> bool:
    """Are the lines the same, one by one? A line of `…` in the quoted text stands for any that are left out."""
    lines = [line for line in printed.splitlines() if line.strip()]
    passages: list[list[str]] = [[]]
    for line in quoted.splitlines():
        if line.strip() == "…":
            passages.append([])
        elif line.strip():
            passages[-1].append(line)
    place = 0
    for k, passage in enumerate(passages):
        latest = len(lines) - len(passage)
        earliest = latest if k == len(passages) - 1 else place
        found = [
            i
            for i in range(max(place, earliest), (latest if k else min(latest, 0)) + 1)
            if all(map(same_line, lines[i : i + len(passage)], passage))
        ]
        if not found:
            return False
        place = found[0] + len(passage)
    return True


def _parts(line: str) -> list[str]:
    """Words and numbers in turn."""
    return [" ".join(part.split()) for part in NUMBER.split(re.sub("█+", "█", line.replace(*SAME)))]


def _same(one: str, other: str) -> bool:
    if not (NUMBER.fullmatch(one) and NUMBER.fullmatch(other)):
        return one == other
    a, b = Decimal(one), Decimal(other)
    if max(abs(a), abs(b)) < ROUNDING:
        return True
    if one.isdigit() or other.isdigit():  # a count, or exactly nothing
        return a == b
    return abs(a - b) <= max(Decimal((0, (1,), int(number.as_tuple().exponent))) for number in (a, b))
