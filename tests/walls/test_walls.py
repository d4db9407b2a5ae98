"""The walls stand in this checkout, and each check finds a breach that is planted in a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.walls import checks, syntax

ROOT = Path(__file__).parents[2]

WALLS = [
    checks.viz_is_imported_outside_cli,
    checks.cli_is_imported,
    checks.closed_forms_reach_out,
    checks.spec_reaches_out,
    checks.tape_reaches_out,
    checks.rules_miss_the_tape,
    checks.import_cycles,
    checks.submodules_import_their_package,
    checks.files_too_long,
    checks.functions_that_recurse,
    checks.slow_modules_imported,
    checks.wrong_base_requirements,
    checks.vague_file_names,
    checks.paths_of_one_machine,
]

# (the check, the file of the copy that a text is added to, the text, a part of the breach that must be reported)
PLANTED = [
    (checks.viz_is_imported_outside_cli, "tinygrad_rnn/flow.py", "import viz", "tinygrad_rnn.flow"),
    (checks.viz_is_imported_outside_cli, "tinygrad_rnn/flow.py", "def f():\n    from viz.graph import build", "flow"),
    (checks.viz_is_imported_outside_cli, "tinygrad_rnn/ops.py", "from importlib import *\nimport_module('viz')", "ops"),
    (checks.viz_is_imported_outside_cli, "tinygrad_rnn/cli.py", "import viz", "tinygrad_rnn.cli"),
    (checks.cli_is_imported, "tinygrad_rnn/__init__.py", "from .cli import main", "tinygrad_rnn.cli"),
    (checks.cli_is_imported, "viz/graph.py", "from tinygrad_rnn import cli", "viz.graph"),
    (checks.closed_forms_reach_out, "tinygrad_rnn/bptt/delta.py", "from ..tape import Var", "tinygrad_rnn.tape"),
    (checks.closed_forms_reach_out, "tinygrad_rnn/bptt/delta.py", "from .. import ops", "tinygrad_rnn.ops"),
    (checks.closed_forms_reach_out, "tinygrad_rnn/bptt/delta.py", "from .. import grad", "imports tinygrad_rnn"),
    (checks.closed_forms_reach_out, "tinygrad_rnn/bptt/delta.py", "import tinygrad_rnn as tg", "imports tinygrad_rnn"),
    (checks.closed_forms_reach_out, "tinygrad_rnn/derivations/d2l.py", "from ..bptt import delta", "tinygrad_rnn.bptt"),
    (checks.closed_forms_reach_out, "tinygrad_rnn/derivations/d2l.py", "def f():\n    import scipy", "scipy"),
    (checks.spec_reaches_out, "tinygrad_rnn/spec.py", "import numpy as np", "numpy"),
    (checks.spec_reaches_out, "tinygrad_rnn/spec.py", "from .tape import Var", "tinygrad_rnn.tape"),
    (checks.tape_reaches_out, "tinygrad_rnn/tape.py", "def f():\n    from .ops import relu", "tinygrad_rnn.ops"),
    (checks.rules_miss_the_tape, "tinygrad_rnn/rules/odd.py", "import numpy as np", "does not import"),
    (checks.rules_miss_the_tape, "tinygrad_rnn/rules/odd.py", "from ..tape import rule\nfrom ..flow import F", "flow"),
    (checks.import_cycles, "tinygrad_rnn/tape.py", "def f():\n    from .rules import elementwise", "tinygrad_rnn.tape"),
    (checks.import_cycles, "viz/one.py", "from . import two", "viz.one <-> viz.two"),
    (checks.submodules_import_their_package, "tinygrad_rnn/ops.py", "from . import Tape", "tinygrad_rnn.ops"),
    (checks.submodules_import_their_package, "viz/graph.py", "import viz", "viz.graph"),
    (checks.submodules_import_their_package, "tinygrad_rnn/check/odd.py", "import tinygrad_rnn as tg", "check.odd"),
    (checks.files_too_long, "tinygrad_rnn/tape.py", "x = 1\n" * 250, "the limit is 250"),
    (checks.files_too_long, "tinygrad_rnn/rules/odd.py", "x = 1\n" * 201, "has 201 lines"),
    (checks.functions_that_recurse, "tinygrad_rnn/steps.py", "def f(n):\n    return [f(p) for p in n]", "steps.py: f"),
    (checks.functions_that_recurse, "tinygrad_rnn/flow.py", "def a(n):\n    b(n)\ndef b(n):\n    a(n)", "a <-> b"),
    (checks.functions_that_recurse, "viz/odd.py", "def a(n):\n    def b(m):\n        b(m)\n    b(n)", "a.b"),
    (checks.functions_that_recurse, "viz/odd.py", "class A:\n    def a(self):\n        self.a()", "A.a"),
    (checks.functions_that_recurse, "viz/odd.py", "class A:\n    def a(self):\n        self.up.a()", "A.a"),
    (checks.functions_that_recurse, "tinygrad_rnn/bptt/odd.py", "def a(n):\n    (lambda m: a(m))(n)", "odd.py: a"),
    (checks.functions_that_recurse, "viz/odd.py", "def a(n):\n    return list(map(a, n))", "odd.py: a"),
    (checks.functions_that_recurse, "viz/odd.py", "a = lambda n: [a(p) for p in n]", "odd.py: a"),
    (checks.functions_that_recurse, "viz/odd.py", "def a(n):\n    for p in n:\n        yield from a(p)", "odd.py: a"),
    (checks.slow_modules_imported, "tinygrad_rnn/__init__.py", "import networkx", "also imports networkx"),
    (checks.slow_modules_imported, "tinygrad_rnn/ops.py", "import argparse", "also imports argparse"),
    (checks.slow_modules_imported, "tinygrad_rnn/ops.py", "import no_such_module", "fails: ModuleNotFoundError"),
    (checks.vague_file_names, "viz/helpers.py", "x = 1", "viz.helpers"),
    (checks.paths_of_one_machine, "README.md", "see /" + "work/notes.txt", "README.md names"),
    (checks.paths_of_one_machine, "examples/one.py", "open('../" + "shared/x')", "examples/one.py names"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their metadata, to be broken."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in syntax.PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tinygrad_rnn" / "cli.py").touch()
    (tmp_path / "viz" / "two.py").write_text("def f():\n    import viz.one\n")
    return tmp_path


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.__name__)
def test_the_wall_stands(wall: Callable[[Path], list[str]]) -> None:
    assert wall(ROOT) == []


@pytest.mark.parametrize(("wall", "file", "text", "reported"), PLANTED)
def test_a_planted_breach_is_reported(
    wall: Callable[[Path], list[str]], file: str, text: str, reported: str, copy: Path
) -> None:
    before = wall(copy)
    target = copy / file
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("a", encoding="utf-8") as stream:
        stream.write(f"\n{text}\n")
    new = [breach for breach in wall(copy) if breach not in before]
    assert any(reported in breach for breach in new), new


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [('"rich"', '"rich", "click"', "click: too many"), (', "rich"', "", "rich: missing")],
)
def test_a_changed_base_requirement_is_reported(old: str, new: str, reported: str, copy: Path) -> None:
    file = copy / "pyproject.toml"
    text = file.read_text()
    assert f"{old}]" in text
    file.write_text(text.replace(f"{old}]", f"{new}]"))
    assert checks.wrong_base_requirements(copy) == [f"base requirement {reported}"]


def test_every_exception_for_recursion_is_still_needed() -> None:
    for place, groups in checks.RECURSION_BESIDES_THE_GRAPH.items():
        graph = syntax.call_graph((ROOT / place).read_text(encoding="utf-8"))
        found = {" <-> ".join(group) for group in syntax.cycles(graph)}
        assert set(groups) <= found, place


def test_every_wall_has_a_planted_breach() -> None:
    planted = {case[0] for case in PLANTED} | {checks.wrong_base_requirements}
    assert planted == set(WALLS)


def test_comments_blank_lines_and_docstrings_are_no_code(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text(
        '"""Doc\n\nof three lines."""\n'
        "\n# why\n"
        "x = (1,\n\n     2)  # two lines of code, and a blank one\n\n\n"
        'def f():\n    """Doc."""\n    return x\n'
    )
    assert syntax.lines_of_code(file) == 4
    file.write_text('text = """two\nlines"""\n')
    assert syntax.lines_of_code(file) == 2


def test_library_calls_and_namesakes_are_no_recursion(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text(
        "import numpy as np\n"
        "class Array:\n"
        "    def mean(self):\n"
        "        return 0\n"
        "class Var(Array):\n"
        "    def mean(self):\n"
        "        return super().mean()\n"
        "    def sum(self):\n"
        "        return np.sum(self)\n"
        "    def grad(self):\n"
        "        return grad(self)\n"
        "def grad(x):\n"
        "    return x\n"
        "def place(x):\n"
        "    return mark(x)\n"
        "def mark(x):\n"
        "    for place in x:\n"
        "        print(place)\n"
    )
    assert syntax.cycles(syntax.call_graph(file.read_text(encoding="utf-8"))) == []
