"""The walls of the project: each function takes the root of a checkout and lists the breaches, one line each."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.walls import syntax

ENGINE = "tinygrad_rnn"
_PARTS = ("tape", "var", "guard", "errors", "lines", "marks", "operands", "registry")
TAPE = tuple(f"{ENGINE}.{part}" for part in _PARTS)
TAPE_LINES = 250
RULE_LINES = 200
BASE_REQUIREMENTS = {"numpy", "networkx", "graphviz", "rich"}
SLOW_IMPORTS = ("graphviz", "networkx", "rich", "argparse", "matplotlib", "pygraphviz", "viz")
GENERATED = {".venv", ".venv-test", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "base"}

# Functions that may call themselves, and why: file -> {group of functions: reason}. Their depth is that of nested
# brackets in the user's source, or a fixed small number; never the length of the sequence, which is the graph's depth.
# Some only look so: a namesake of another class, a function that is handed on as a value.
RECURSION_BESIDES_THE_GRAPH = {
    "tinygrad_rnn/printing/notation.py": {
        "_single": "the three ends of a slice",
        "is_default": "handed on as a value that equals no default",
    },
    "tinygrad_rnn/ops.py": {"primitive.call": "handed to the tape, which records it; it runs on arrays then"},
    "tinygrad_rnn/transform.py": {
        "_keyed": "over nested dicts, lists and tuples of parameters",
        "_fill": "over nested dicts, lists and tuples of parameters",
    },
    "viz/layout/router.py": {"Router.shape": "calls a box's method of the same name"},
    "viz/reading/words.py": {"index": "over an index inside an index, as it was written"},
}


def viz_is_imported_outside_cli(root: Path) -> list[str]:
    """Only `cli.py` of the engine imports `viz`, and only inside its functions."""
    return [
        f"{name}:{item.line} imports {item.module}"
        for name, found in syntax.import_graph(root).items()
        if _within(name, ENGINE)
        for item in found
        if _within(item.module, "viz") and not (name == f"{ENGINE}.cli" and item.in_function)
    ]


def cli_is_imported(root: Path) -> list[str]:
    """Nothing imports the command line, but `python -m tinygrad_rnn`."""
    return [
        f"{name}:{item.line} imports {item.module}"
        for name, found in syntax.import_graph(root).items()
        for item in found
        if _within(item.module, f"{ENGINE}.cli") and name != f"{ENGINE}.__main__"
    ]


def closed_forms_reach_out(root: Path) -> list[str]:
    """`bptt` and each file of `derivations` import NumPy, the standard library, `spec` and their own room only."""
    rooms = [f"{ENGINE}.bptt", f"{ENGINE}.derivations"]
    return [breach for room in rooms for breach in _foreign_imports(root, room, ("numpy", f"{ENGINE}.spec"))]


def spec_reaches_out(root: Path) -> list[str]:
    """`spec` imports the standard library only."""
    return _foreign_imports(root, f"{ENGINE}.spec", ())


def tape_reaches_out(root: Path) -> list[str]:
    """`tape` and its parts import NumPy, the standard library and each other: rules and models come to them."""
    return [breach for part in TAPE for breach in _foreign_imports(root, part, ("numpy", *TAPE))]


def rules_miss_the_tape(root: Path) -> list[str]:
    """Every table of rules imports the tape, and of the project only the tape with its parts, `ops` and other rules."""
    room, tape = f"{ENGINE}.rules", f"{ENGINE}.tape"
    breaches = _foreign_imports(root, room, ("numpy", *TAPE, f"{ENGINE}.ops"))
    for name, found in syntax.import_graph(root).items():
        if name.startswith(f"{room}.") and not any(item.module == tape for item in found):
            breaches.append(f"{name} does not import {tape}")
    return breaches


def import_cycles(root: Path) -> list[str]:
    """No group of modules imports one another, imports inside functions and type-checking blocks included."""
    edges = {name: [item.module for item in found] for name, found in syntax.import_graph(root).items()}
    return [" <-> ".join(group) for group in syntax.cycles(edges)]


def submodules_import_their_package(root: Path) -> list[str]:
    """A module names the module it needs: none imports from the `__init__` of a package that it lives in."""
    return [
        f"{name}:{item.line} imports from the package {item.module} itself"
        for name, found in syntax.import_graph(root).items()
        for item in found
        if name.startswith(f"{item.module}.")
    ]


def files_too_long(root: Path) -> list[str]:
    """`tape.py` and each table of rules stay within one sitting's reading."""
    limits = {root / ENGINE / "tape.py": TAPE_LINES}
    limits |= {file: RULE_LINES for file in sorted((root / ENGINE / "rules").glob("*.py"))}
    counts = {file: syntax.lines_of_code(file) for file in limits}
    return [
        f"{file.relative_to(root)} has {counts[file]} lines of code, the limit is {limit}"
        for file, limit in limits.items()
        if counts[file] > limit
    ]


def functions_that_recurse(root: Path) -> list[str]:
    """No function calls itself, alone or through others of its file: a graph 200,000 lines deep must pass."""
    breaches = []
    for file in syntax.module_files(root).values():
        place = file.relative_to(root).as_posix()
        allowed = RECURSION_BESIDES_THE_GRAPH.get(place, {})
        groups = [" <-> ".join(group) for group in syntax.cycles(syntax.call_graph(file.read_text(encoding="utf-8")))]
        breaches += [f"{place}: {group}" for group in groups if group not in allowed]
    return breaches


def slow_modules_imported(root: Path) -> list[str]:
    """`import tinygrad_rnn` in a fresh interpreter brings in no library for graphs, plots or the command line."""
    code = f"import sys, {ENGINE}; print(*[name for name in {SLOW_IMPORTS} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    if run.returncode:
        return [f"import {ENGINE} fails: {run.stderr.strip().splitlines()[-1]}"]
    return [f"import {ENGINE} also imports {name}" for name in run.stdout.split()]


def wrong_base_requirements(root: Path) -> list[str]:
    """The base installation asks for NumPy 2, NetworkX, graphviz and rich, and nothing more."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^A-Za-z0-9_.-]", line.strip())[0].lower() for line in project["dependencies"]}
    wrong = sorted(names ^ BASE_REQUIREMENTS)
    return [f"base requirement {name}: {'too many' if name in names else 'missing'}" for name in wrong]


def vague_file_names(root: Path) -> list[str]:
    """No file is called utils, helpers, misc, common or base: a file is a room with one reason to change."""
    return [name for name in syntax.module_files(root) if name.rpartition(".")[2].strip("_") in VAGUE_NAMES]


def paths_of_one_machine(root: Path) -> list[str]:
    """No file of the project names a path that exists on its author's machine only."""
    # Written in pieces, so that this file does not name them.
    outside = ["/" + "work/", "/" + "tmp/plan", "../" + "shared/", "/" + "root/"]
    breaches = []
    for file in _project_files(root):
        content = file.read_bytes()
        breaches += [f"{file.relative_to(root)} names {path}" for path in outside if path.encode() in content]
    return breaches


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def _foreign_imports(root: Path, room: str, readable: Iterable[str]) -> list[str]:
    allowed = (room, *readable)
    return [
        f"{name}:{item.line} imports {item.module}"
        for name, found in syntax.import_graph(root).items()
        if _within(name, room)
        for item in found
        if item.module.partition(".")[0] not in sys.stdlib_module_names
        and not any(_within(item.module, other) for other in allowed)
    ]


def _project_files(root: Path) -> list[Path]:
    """The tracked files; in a copy without git, every file outside hidden and generated folders."""
    if (root / ".git").exists():
        command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
        return [root / name for name in listed.split("\0") if name and (root / name).is_file()]
    files = (file for file in sorted(root.rglob("*")) if file.is_file())
    return [file for file in files if not GENERATED & set(file.relative_to(root).parts)]
