"""Give every line of a tape one name, and every name one line: `W`, `x[2]`, `h[1]`, `J[3]`, and `v17` for the rest.

`h'[2]` is the second value that was called h in step 2. Names come from users and may hold anything: here they become
short and printable, in back quotes where they are no plain words.
"""

from __future__ import annotations

import re
from collections import Counter
from weakref import WeakKeyDictionary

from ..errors import Scope
from ..steps import find_steps
from ..tape import Tape
from ..var import getitem
from .notation import printable, shorten

PLAIN_NAME = re.compile(r"(?!d\[)[^\W\d][\w.']*(\[-?\w+\])?")
_names: WeakKeyDictionary[Tape, tuple[int, int, tuple[str, ...]]] = WeakKeyDictionary()


def names(tape: Tape) -> tuple[str, ...]:
    """A name for every line, all different, each printable and short."""
    known = _names.get(tape)
    if known is None or known[:2] != (len(tape.lines), len(tape.losses)):
        known = len(tape.lines), len(tape.losses), _name_lines(tape)
        _names[tape] = known
    return known[2]


def _name_lines(tape: Tape) -> tuple[str, ...]:
    steps, lines, n = find_steps(tape), tape.lines, len(tape.lines)
    loops = {loop for line in lines for loop, t in line[5] if t is not None}
    marked = _marked(tape)
    stems: list[tuple[str, str] | None] = [None] * n  # what it is called, and its place in time
    for i in range(n):
        stem = steps.name[i]
        if stem is not None:
            stem = quoted(stem)
            stems[i] = stem, _time(lines[i][5], loops) if steps.of[i] >= 0 and not stem.endswith("]") else ""
        elif i in marked:
            stems[i] = "J", f"[{marked[i][0]}]" if len(marked[i]) == 1 else ""
    for (role, s), i in steps.initial.items():  # h[0], where the state of the steps is called h
        stem = next((steps.name[j] for j in steps.lines.get(role, {}).values() if steps.name[j]), None)
        t = steps.order[0][1]
        if s < 0 and stems[i] is None and stem and isinstance(t, int):
            stems[i] = quoted(stem), f"[{t + s}]"
    indexed = {stems[p] for fn, parents, *_ in lines if fn is getitem for p in parents[:1] if steps.of[p] < 0}
    sequences = {stem[0] for stem in indexed if stem is not None}
    taken: Counter[tuple[str, str]] = Counter()
    used: set[str] = set()
    result = [""] * n
    for i in [*(i for i in range(n) if stems[i]), *(i for i in range(n) if not stems[i])]:
        stem, time = stems[i] or (f"v{i}", "")
        count = taken[stem, time] + (time != "" and stem in sequences)  # x[1] is the entry of a sequence called x
        while (name := stem + _primes(count) + time) in used:
            taken[stem, time] += 1
            count += 1
        taken[stem, time] += 1
        used.add(name)
        result[i] = name
    return tuple(result)


def remarks_on_losses(tape: Tape) -> dict[int, str]:
    """What to say beside each marked line: "loss J[3]", or "rows are the losses J[1], …, J[4]"."""
    return {
        line: f"loss J[{times[0]}]" if len(times) == 1 else f"rows are the losses J[{times[0]}], …, J[{times[-1]}]"
        for line, times in _marked(tape).items()
    }


def _marked(tape: Tape) -> dict[int, list[str]]:
    """By marked line, the times of the losses that it holds, made printable."""
    found: dict[int, list[str]] = {}
    for line, _, t in tape.losses:
        found.setdefault(line, []).append(shorten(printable(str(t)), 12))
    return found


def _primes(count: int) -> str:
    return "'" * count if count < 3 else f"'{count + 1}"


def _time(scope: Scope, loops: set[str]) -> str:
    places = [(loop, t) for loop, t in scope if t is not None]
    plain = len(loops) == 1
    told = [str(t) if plain or loop == "time" else f"{loop} {t}" for loop, t in places]
    return f"[{', '.join(shorten(printable(text), 24) for text in told)}]"


def quoted(name: str) -> str:
    """A user's name, in back quotes where it is no plain word."""
    if len(name) <= 32 and PLAIN_NAME.fullmatch(name):
        return name
    return "`" + shorten(printable(name)).replace("`", "'") + "`"


def heading(scope: Scope) -> str:
    """`t = 3`, `encoder 2`, `t = 3, layer 1`; empty outside every step."""
    told = [f"t = {t}" if loop == "time" else loop if t is None else f"{loop} {t}" for loop, t in scope]
    return shorten(printable(", ".join(told)), 60)
