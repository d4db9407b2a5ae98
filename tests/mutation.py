"""Put small mistakes into the tape and its rules, one at a time, and see which of them no test notices.

    pip install cosmic-ray            # it makes the mutants; tests/mutation.toml says which, and which tests they meet
    python -m tests.mutation          # half an hour or more; stopped, it goes on where it was

First the tests run once on the code as it is, to see which lines each of them runs. Then every mutant meets the tests
that run its statement, until one fails. It meets them in a fork of this process, which has imported NumPy, pytest and
Hypothesis but nothing of the project; there the changed text is handed to Python's import, so that no file changes.
Programs that a test starts see the code as it is. Every result is a line of the log. In the end there are a table and
the survivors that `tests/mutation.md` does not explain; it is an error if there are any.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import resource
import signal
import sys
import threading
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.extra.numpy
import hypothesis.stateful  # noqa: F401  imported here once, for all forks
import numpy  # noqa: F401  likewise
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "tests/mutation.toml").read_text(encoding="utf-8"))["cosmic-ray"]
QUIET = ["-q", "--no-header", "--tb=no", "--show-capture=no", "-p", "no:cacheprovider"]
QUIET += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis is there before pytest can rewrite it
Runs = dict[str, tuple[float, dict[str, list[int]]]]  # test -> seconds, the lines it runs by file


class Mutant(NamedTuple):
    """A file with one line changed, `nth` among changes that read alike."""

    file: str
    line: int
    column: int
    was: str
    now: str
    nth: int
    text: str

    @property
    def key(self) -> str:
        """What the log knows it by, wherever its line moves to."""
        return f"{self.file}: {self.was} -> {self.now} #{self.nth}"


def mutants() -> Iterator[Mutant]:
    """What cosmic-ray makes of the files, without the operators that the settings leave out."""
    left_out = re.compile("|".join(SETTINGS["filters"]["operators-filter"]["exclude-operators"]))
    found = [get_operator(name) for name in operator_names() if not left_out.match(name)]
    operators = [operator() for operator in found if not operator.arguments()]
    places = [ROOT / place for place in SETTINGS["module-path"]]
    for path in (file for place in places for file in [place, *sorted(place.glob("[!_]*.py"))] if file.is_file()):
        text, file = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        seen, alike, done = {text}, Counter[tuple[str, str]](), ""
        for piece in (node.get_code() for node in get_ast(text).children):
            nodes = list(ast_nodes(get_ast(piece)))
            for operator in operators:
                for k, ((line, column), _) in enumerate(p for node in nodes for p in operator.mutation_positions(node)):
                    changed = done + mutate_code(piece, operator, k) + text[len(done) + len(piece) :]
                    if changed not in seen:
                        seen.add(changed)
                        pairs = zip(text.splitlines(), changed.splitlines(), strict=False)
                        was, now = next((a.strip(), b.strip()) for a, b in pairs if a != b)
                        alike[was, now] += 1
                        yield Mutant(file, done.count("\n") + line, column, was, now, alike[was, now], changed)
            done += piece


# ---- which tests run which lines ---------------------------------------------------------------------------------


class Watch:
    """A pytest plugin that notes which lines of the mutated files each test runs."""

    def __init__(self, files: set[str]) -> None:
        self.lines: dict[str, set[int]] = {str(ROOT / file): set() for file in files}
        self.runs: Runs = {}
        self.failing: set[str] = set()

    def step(self, frame: Any, event: str, _: Any) -> Any:
        """Follow what runs in the files, and nothing else."""
        lines = self.lines.get(frame.f_code.co_filename)
        if lines is None:
            return None
        lines.add(frame.f_lineno)
        return self.step

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        for lines in self.lines.values():
            lines.clear()
        start = time.process_time()
        sys.settrace(self.step)
        threading.settrace(self.step)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            ran = {str(Path(f).relative_to(ROOT).as_posix()): sorted(lines) for f, lines in self.lines.items() if lines}
            self.runs[item.nodeid] = (time.process_time() - start, ran)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failing.add(report.nodeid)


def statement(mutant: Mutant) -> tuple[range, bool]:
    """The lines of the innermost statement or lambda that holds the change; does it run when the file is imported?"""
    tree, place = ast.parse((ROOT / mutant.file).read_text(encoding="utf-8")), (mutant.line, mutant.column)
    nodes: list[Any] = [node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.Lambda)]
    holding = [n for n in nodes if (n.lineno, n.col_offset) <= place < (n.end_lineno, n.end_col_offset)]
    if not any(isinstance(node, ast.FunctionDef | ast.Lambda) for node in holding):
        return range(0), True
    inner = holding[-1]
    if isinstance(inner, ast.If | ast.For | ast.While | ast.With | ast.Try):
        return range(inner.lineno, max(inner.lineno + 1, inner.body[0].lineno)), False
    return range(inner.lineno, inner.end_lineno + 1), False


def met_by(some: list[Mutant], runs: Runs) -> Iterator[tuple[Mutant, list[str]]]:
    """Mutants with the tests that run the changed statement, the quickest first; all where it runs at import alone."""
    by_line: dict[tuple[str, int], set[str]] = defaultdict(set)
    for test, (_, ran) in runs.items():
        for file, lines in ran.items():
            for line in lines:
                by_line[file, line].add(test)
    for mutant in some:
        lines, on_import = statement(mutant)
        found = set(runs) if on_import else set[str]().union(*(by_line[mutant.file, line] for line in lines))
        yield mutant, sorted(found, key=lambda test: runs[test][0])


# ---- meeting the tests -------------------------------------------------------------------------------------------


class Choose:
    """A pytest plugin that runs these tests in this order, and remembers the first that fails."""

    def __init__(self, tests: list[str]) -> None:
        self.order = {test: k for k, test in enumerate(tests)}
        self.failed = ""

    def pytest_collection(self) -> None:
        """A failure is enough; it need not be made small."""
        settings.register_profile("one failure", settings(), phases=[Phase.explicit, Phase.generate])
        settings.load_profile("one failure")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} (at import)"


def in_a_fork(work: Callable[[], Any], seconds: float) -> Any:
    """What `work` returns in a fork of this process, or None where it takes more of the processor's time than this."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as stream, open(os.devnull, "w") as silent:
            os.dup2(silent.fileno(), 1)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(20 * int(seconds))  # for what waits and does nothing
            resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
            json.dump(work(), stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGPROF, -signal.SIGALRM):
        raise SystemExit(f"a fork ended with {status} and said {said!r}")
    return None if status else json.loads(said)


def watched(files: set[str], tests: list[str]) -> Runs:
    """Run all tests once, to see which lines each of them runs; one that fails as things are can kill nothing."""
    watch = Watch(files)
    pytest.main([*QUIET, *tests], plugins=[watch])
    for test in watch.failing:
        print(f"left out, since it fails on the code as it is: {test}", file=sys.stderr)
    return {test: run for test, run in watch.runs.items() if test not in watch.failing}


def killed_by(mutant: Mutant, tests: list[str]) -> str:
    """The first test that fails on a mutant, or nothing: file by file, the one with most of the tests first."""
    clean = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, name: str) -> Any:
        changed = self.path == str(ROOT / mutant.file)
        return compile(mutant.text, self.path, "exec", dont_inherit=True) if changed else clean(self, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    for file, _ in Counter(test.partition("::")[0] for test in tests).most_common():
        choose = Choose(tests)
        code = pytest.main([*QUIET, "-x", file], plugins=[choose])
        if code:
            return choose.failed or f"{file}: pytest ended with {code!r}"
    return ""


def main() -> None:
    """Run what the log lacks, and say how it stands."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--log", type=Path, default=Path("build/mutants.jsonl"), help="results, a line for each mutant")
    parser.add_argument("--again", action="store_true", help="run those that survived once more, after a new test")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants at a time")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    given.log.parent.mkdir(parents=True, exist_ok=True)
    lines = given.log.read_text(encoding="utf-8").splitlines() if given.log.exists() else []
    killer = {entry["mutant"]: entry["killed by"] for entry in map(json.loads, lines)}
    made = list(mutants())
    missing = [m for m in made if m.key not in killer or (given.again and not killer[m.key])]
    tests = [word for word in SETTINGS["test-command"].split() if word.startswith("tests/")]
    runs: Runs = (in_a_fork(lambda: watched({mutant.file for mutant in made}, tests), 3600) or {}) if missing else {}
    if missing and not runs:
        raise SystemExit("no test runs: python -m pytest " + " ".join(tests))
    work = ((mutant, chosen, 20 + 3 * sum(runs[t][0] for t in chosen)) for mutant, chosen in met_by(missing, runs))
    with get_context("fork").Pool(given.jobs) as pool, given.log.open("a", encoding="utf-8") as log:
        for mutant, by in pool.imap_unordered(meet, work):
            killer[mutant.key] = by
            log.write(json.dumps({"mutant": mutant.key, "killed by": by}, ensure_ascii=False) + "\n")
            log.flush()
    raise SystemExit(report(made, killer))


def meet(work: tuple[Mutant, list[str], float]) -> tuple[Mutant, str]:
    """A mutant, its tests and a time -> the mutant, and what killed it."""
    mutant, chosen, seconds = work
    by = in_a_fork(lambda: killed_by(mutant, chosen), seconds) if chosen else ""
    return mutant, "the clock" if by is None else by


def report(made: list[Mutant], killer: dict[str, str]) -> int:
    """Print the table and the survivors; 1 where one is not explained."""
    said = (ROOT / "tests/mutation.md").read_text(encoding="utf-8")
    alive = [mutant for mutant in made if not killer[mutant.key]]
    print("| file | mutants | killed | survived |\n|---|---:|---:|---:|")
    for file, count in Counter(mutant.file for mutant in made).items():
        left = sum(mutant.file == file for mutant in alive)
        print(f"| `{Path(file).name}` | {count:,} | {count - left:,} | {left} |")
    print(f"| all | {len(made):,} | {len(made) - len(alive):,} | {len(alive)} |")
    unexplained = [mutant for mutant in alive if f"`{mutant.was}` → `{mutant.now}`" not in said]
    for mutant in unexplained:
        print(f"\n{mutant.file}:{mutant.line}\n`{mutant.was}` → `{mutant.now}`")
    return 1 if unexplained else 0


if __name__ == "__main__":
    main()
