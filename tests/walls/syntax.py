"""Read a source tree without running it: who imports whom, how long a file is, which functions call themselves."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGES = ("tinygrad_rnn", "viz")


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, the line, and whether it is imported inside a function."""

    module: str
    line: int
    in_function: bool


def module_files(root: Path, packages: Iterable[str] = PACKAGES) -> dict[str, Path]:
    """Every module below `root` in these packages: dotted name -> file; a package stands under its own name."""
    found = {}
    for package in packages:
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache  # the checks read the same text again and again, in this checkout and in copies of it
def parse(text: str) -> ast.Module:
    """The syntax tree of a file's text."""
    return ast.parse(text)


def imports(name: str, file: Path, known: Iterable[str]) -> list[Import]:
    """What module `name` imports, at any depth, type-checking blocks and `import_module("literal")` included.

    `from package import name` names the module `package.name` if `known` holds it, else `package` itself.
    """
    modules, package = set(known), name if file.name == "__init__.py" else name.rpartition(".")[0]
    found = []
    for node, in_function in _import_nodes(file.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _resolved(package, node.level, node.module)
            dotted = [f"{origin}.{alias.name}" for alias in node.names]
            targets = [inner if inner in modules else origin for inner in dotted]
        else:
            first = node.args[0] if node.args else None
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                continue
            level = len(first.value) - len(first.value.lstrip("."))
            targets = [_resolved(package, level, first.value.lstrip("."))]
        found += [Import(target, node.lineno, in_function) for target in dict.fromkeys(targets)]
    return found


def import_graph(root: Path) -> dict[str, list[Import]]:
    """Every module of the project with what it imports."""
    files = module_files(root)
    return {name: imports(name, file, files) for name, file in files.items()}


def cycles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Every group of two or more nodes that reach one another, and every node with an edge to itself (by iteration)."""
    after = {node: {target for target in targets if target in edges} for node, targets in edges.items()}
    reached = {node: _reached(node, after) for node in after}
    groups = {
        frozenset(other for other in reached[node] if node in reached[other])
        for node in after
        if node in reached[node]
    }
    return sorted(sorted(group) for group in groups)


def lines_of_code(file: Path) -> int:
    """Lines that hold code: not blank, no comment alone, no docstring. A statement over three lines counts three."""
    text = file.read_text(encoding="utf-8")
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if is_text and isinstance(first.value.value, str):
                code.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(code)


@cache
def call_graph(text: str) -> dict[str, set[str]]:
    """Functions of a file's text -> functions of the same file that they may call, by qualified name.

    A bare name means the innermost function of that name in sight, if no variable hides it. `self.f`, `cls.f` and
    `Class.f` mean that class's method, any other `thing.f` every method `f` of the file, unless `thing` is an imported
    module (`np.sum`). A function handed to another call (`map(f, …)`, `partial(f)`) counts as called.
    """
    tree = parse(text)
    functions, modules = dict(_functions(tree)), _imported_names(tree)
    graph: dict[str, set[str]] = {name: set() for name in functions}
    for name, function in functions.items():
        for node in _own_nodes(function):
            if isinstance(node, ast.Call):
                for called in [node.func, *node.args, *(keyword.value for keyword in node.keywords)]:
                    graph[name] |= _named(called, name, functions, modules, handed_on=called is not node.func)
    return graph


@cache
def _import_nodes(text: str) -> list[tuple[ast.Import | ast.ImportFrom | ast.Call, bool]]:
    found, stack = [], [(parse(text), False)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_dynamic_import(node):
            found.append((node, inside))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        stack += [(child, inside) for child in reversed(list(ast.iter_child_nodes(node)))]
    return found


def _resolved(package: str, level: int, module: str | None) -> str:
    if level == 0:
        return module or ""
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - level + 1], *([module] if module else [])])


def _is_dynamic_import(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in {"__import__", "import_module"}
    return isinstance(node.func, ast.Attribute) and node.func.attr == "import_module"


def _reached(start: str, after: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    stack = list(after[start])
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += after[node]
    return seen


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions, methods, and lambdas that get a name, at any depth, by qualified name."""
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        scope, node = stack.pop()
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{scope}.{child.name}".lstrip(".")
                if not isinstance(child, ast.ClassDef):
                    yield inner, child
            elif isinstance(child, ast.Assign) and isinstance(child.value, ast.Lambda):
                for target in child.targets:
                    if isinstance(target, ast.Name):
                        yield f"{scope}.{target.id}".lstrip("."), child.value
            stack.append((inner, child))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """What a function runs itself: nested functions stand for themselves; lambdas and comprehensions belong to it."""
    stack = list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            stack += ast.iter_child_nodes(node)


@cache
def _variables(function: ast.AST) -> set[str]:
    """Parameters and assigned names of a function, those of its lambdas and comprehensions included."""
    nodes = list(_own_nodes(function))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {node.arg for node in nodes if isinstance(node, ast.arg)}


def _imported_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def _named(
    called: ast.expr, caller: str, functions: Mapping[str, ast.AST], modules: set[str], *, handed_on: bool
) -> set[str]:
    if isinstance(called, ast.Name):
        scope = caller
        while True:
            candidate = f"{scope}.{called.id}".lstrip(".")
            # A method's bare name is not in sight inside its class's methods; a nested function's is.
            if candidate in functions and (scope in functions or not scope):
                return {candidate}
            if not scope or (scope in functions and called.id in _variables(functions[scope])):
                return set()
            scope = scope.rpartition(".")[0]
    if not isinstance(called, ast.Attribute):
        return set()
    owner = called.value
    methods = {name for name in functions if name.rpartition(".")[2] == called.attr and "." in name}
    methods = {name for name in methods if name.rpartition(".")[0] not in functions}
    if isinstance(owner, ast.Name):
        if owner.id in modules:
            return set()
        if owner.id in {"self", "cls"}:
            own = {name for name in methods if name.rpartition(".")[0] == _class_of(caller, functions)}
            return own or methods
        own = {name for name in methods if name.rpartition(".")[0].rpartition(".")[2] == owner.id}
        if own:
            return own
    if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super":
        return {name for name in methods if name.rpartition(".")[0] != _class_of(caller, functions)}
    return set() if handed_on else methods


def _class_of(name: str, functions: Mapping[str, ast.AST]) -> str:
    scope = name.rpartition(".")[0]
    while scope in functions:
        scope = scope.rpartition(".")[0]
    return scope
