"""Find what the user's program calls a line: the variable that the statement which recorded it assigns."""

from __future__ import annotations

import ast
import linecache
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from ..guard import Place
from ..tape import Tape

Given = list[tuple[int, str]]  # names by their positions among the lines of a step


def assigned_names(tape: Tape, groups: Sequence[Sequence[int]]) -> list[str | None]:
    """A leaf's own name; else the last line that the statement `name = …` recorded is called name (checked tapes).

    Each group holds the lines of one step, in order. Steps that were recorded by the same statements are read once.
    """
    names = [line[6] for line in tape.lines]
    known: dict[tuple[Place, ...], Given] = {}
    for group in groups if tape.source else ():
        members = group[: bisect_left(group, len(tape.source))]  # a tape's copy goes on unchecked
        places = tuple([tape.source[i] for i in members])
        together = len(members) > 0 and members[-1] - members[0] == len(members) - 1
        given = known.get(places) if together else None
        if given is None:
            given = _given(places, members)
        if together:
            known[places] = given
        for position, name in given:
            i = members[position]
            names[i] = name if names[i] is None else names[i]
    return names


def _given(places: Sequence[Place], members: Sequence[int]) -> Given:
    """The names that statements give to lines of one step.

    A statement goes on while its instructions advance; that they start again means that it is executed again, as in a
    loop over layers. Between two lines of a statement others may stand, of the functions that it calls.
    """
    found: Given = []
    later: dict[tuple[str, int], tuple[int, int]] = {}  # statement -> the next line of it, its instruction
    for position in range(len(members) - 1, -1, -1):
        (file, number, instruction, function), i = places[position], members[position]
        start, name = _statements(file).get(number, (number, None))
        if function.startswith("<") and function != "<module>":
            continue  # a comprehension or a lambda inside the statement
        following, offset = later.get((file, start), (i, -1))
        goes_on = offset > instruction or (offset == instruction and following == i + 1)
        if name is not None and not goes_on:
            found.append((position, name))
        later[file, start] = i, instruction
    return found


@lru_cache(maxsize=256)
def _statements(file: str) -> dict[int, tuple[int, str | None]]:
    """By line of a source file: where its statement starts, and the one name that the statement assigns, if any."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, tuple[int, str | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign | ast.AugAssign)
                else []
            )
            name = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[number] = (node.lineno, name)
    return found
