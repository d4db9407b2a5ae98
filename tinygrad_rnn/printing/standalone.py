"""Give a function's source as text that runs on its own, with everything it calls, when it needs nothing but NumPy.

    definitions(softmax)             # {"top": "def top(x, axis): …", "softmax": "def softmax(x, axis=-1): …"}

Annotations, decorators of this project and comments are left out, for they would name what is not there. What cannot
stand alone (a closure, a function without source, one that uses another library) has no such text.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import textwrap
from types import FunctionType
from typing import Any

import numpy as np

from ..ops import identity
from .notation import literal


def definitions(fn: Any) -> dict[str, str] | None:
    """Name -> source of a function and of what it uses, in the order in which they must stand; None: it cannot be."""
    found: dict[str, tuple[str, Any]] = {}
    pending: list[tuple[str, Any]] = [(getattr(fn, "__name__", ""), fn)]
    while pending:
        name, thing = pending.pop()
        if name in found:
            continue
        thing = undecorated(thing)
        if not isinstance(thing, FunctionType):
            written = literal(thing)
            if written is None:
                return None
            found[name] = f"{name} = {written.text}", thing
            continue
        node = _parsed(thing)
        if node is None or node.name != name or thing.__closure__:
            return None
        text = ast.unparse(node)
        found[name] = text, thing
        for other in sorted(_free(text)):
            value = thing.__globals__.get(other, None)
            if other == "np" and value is np:
                continue
            if other not in thing.__globals__:
                if not hasattr(builtins, other):
                    return None
                continue
            if found.get(other, ("", undecorated(value)))[1] is not undecorated(value):
                return None  # two things of one name
            pending.append((other, value))
    return {name: text for name, (text, _) in reversed(found.items())}


def undecorated(fn: Any) -> Any:
    """The NumPy function inside one of this project's primitives."""
    return fn.__wrapped__ if getattr(fn, "__code__", None) is getattr(identity, "__code__", ()) else fn


def _parsed(fn: FunctionType) -> ast.FunctionDef | None:
    """The syntax tree of a function's source, without decorators and annotations."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    node = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(node, ast.FunctionDef) or node.name != fn.__code__.co_name:
        return None
    if any(ast.unparse(d).rpartition(".")[2] != "primitive" for d in node.decorator_list):
        return None
    node.decorator_list, node.returns = [], None
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            inner.annotation = None
        if isinstance(inner, ast.AnnAssign | ast.Global | ast.Nonlocal | ast.Import | ast.ImportFrom | ast.ClassDef):
            return None
    return node


def _free(text: str) -> set[str]:
    """The globals and builtins that a function's source reads, by Python's own rules of scope."""
    found: set[str] = set()
    pending = symtable.symtable(text, "printed", "exec").get_children()
    while pending:
        table = pending.pop()
        # A function called `top` passes for the module there, whose locals are global: hence the second condition.
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and not symbol.is_local()}
        pending += table.get_children()
    return found
