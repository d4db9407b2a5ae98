"""Read in the user's source what an argument without a name is called: x for the plain array in `U @ x[t - 1]`."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache

from tinygrad_rnn import Tape

from . import words

OPERATORS: dict[str, type[ast.operator]] = {
    "matmul": ast.MatMult, "add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "divide": ast.Div,
    "power": ast.Pow,
}  # fmt: skip


def argument_name(tape: Tape, line: int, k: int) -> str | None:
    """What argument k of a line is called in the statement that recorded it; None where that is not certain.

    The operations of one statement are recorded in the order in which they end in its text, so that the n-th product
    on the tape is the n-th product in the statement. A tape that is not checked knows no source.
    """
    place = tape[line].source
    if place is None:
        return None
    function, scope = words.function_name(tape[line].fn), tape[line].scope
    first, last, calls = _operations(place[0], place[1], function)
    if not calls:
        return None
    same = [line]
    for step in (-1, 1):  # the neighbours on the tape that the same statement recorded in the same step
        i = line + step
        while 0 <= i < len(tape) and tape[i].scope == scope:
            file, number = (tape[i].source or ("", 0))[:2]
            if file == place[0] and first <= number <= last and words.function_name(tape[i].fn) == function:
                same.append(i)
            i += step
    same.sort()
    if len(same) % len(calls):
        return None
    arguments = calls[same.index(line) % len(calls)]
    return arguments[k] if k < len(arguments) else None


@lru_cache(maxsize=1024)
def _operations(file: str, number: int, function: str) -> tuple[int, int, list[list[str | None]]]:
    """First and last line of the statement at a line of a file, and the argument names of a function's uses in it."""
    statement = _statement(file, number)
    if statement is None:
        return number, number, []
    found: list[tuple[tuple[int, int, int], list[str | None]]] = []
    for node in ast.walk(statement):
        arguments: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, OPERATORS.get(function, ast.FloorDiv)):
            arguments = [node.left, node.right]
        elif isinstance(node, ast.Call) and _called(node.func) == function:
            arguments = node.args
        if arguments:
            end = (node.end_lineno or 0, node.end_col_offset or 0, -node.col_offset)  # type: ignore[attr-defined]
            found.append((end, [_called(argument) for argument in arguments]))
    found.sort(key=lambda pair: pair[0])
    return statement.lineno, statement.end_lineno or statement.lineno, [names for _, names in found]


def _statement(file: str, number: int) -> ast.stmt | None:
    """The innermost statement of a file that covers a line."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    around = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= number <= (n.end_lineno or n.lineno)]
    around = [n for n in around if not hasattr(n, "body")]
    return max(around, key=lambda n: n.lineno, default=None)


def _called(node: ast.expr) -> str | None:
    """The name in front of brackets and dots: x in x[t - 1], tanh in np.tanh."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
