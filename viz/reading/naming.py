"""Call a step by words: "t = 3" where there is one loop, "decoder 3" or short "d3" where there are several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..plain import one_line

Frame = tuple[str, Any]  # (loop, t)
_MOST = 20  # characters of a loop's name


def several(order: Sequence[Frame]) -> bool:
    """Whether steps of more than one loop were recorded, so that a number alone names none."""
    return len({loop for loop, _ in order}) > 1


def step_words(order: Sequence[Frame], s: int, before: str = "step ") -> str:
    """Step s in a sentence: "step 3", or "decoder 3"."""
    loop, t = order[s]
    return f"{one_line(loop, _MOST)} {t}" if several(order) else f"{before}{t}"


def followed_words(at: Any) -> str:
    """Where the loss stands that a flow follows by its `at`: "t = 3", "decoder 3"."""
    return f"{one_line(at[0], _MOST)} {at[1]}" if isinstance(at, tuple) else f"t = {at}"


def short_steps(order: Sequence[Frame]) -> list[str]:
    """Every step as briefly as can be told apart: "3", or "d3" for step 3 of the decoder."""
    names = short_loops(order)
    return [f"{names[loop]}{t}" for loop, t in order]


def short_loops(order: Sequence[Frame]) -> dict[str, str]:
    """By loop: nothing where there is one; else the fewest first letters, or a capital letter where those are many."""
    loops = list(dict.fromkeys(loop for loop, _ in order))
    if len(loops) < 2:
        return dict.fromkeys(loops, "")
    plain = [one_line(loop, _MOST) for loop in loops]
    for size in (1, 2, 3):
        starts = [name[:size] for name in plain]
        if len(set(starts)) == len(loops) and all(start.isalpha() for start in starts):
            return dict(zip(loops, starts, strict=True))
    return {loop: chr(ord("A") + n % 26) + "′" * (n // 26) for n, loop in enumerate(loops)}
