"""Every example is short, runs, and prints what stands beside it (renewed by `python NAME.py > NAME.txt`)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.painting import need_graphviz

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(file for file in (ROOT / "examples").glob("*.py") if file.stem != "gallery")  # see test_gallery


def test_the_examples_are_there() -> None:
    named = {"scalar", "own_cell", "draw_and_compare", "sentiment", "readout_after"}
    assert named <= {example.stem for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_under_60_lines(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) < 60


def test_the_sentiment_network_is_trained_both_ways_in_about_30_lines_of_code() -> None:
    tree = ast.parse((ROOT / "examples" / "sentiment.py").read_text(encoding="utf-8"))
    _, *code = tree.body  # the docstring
    numbers = {line for part in code for node in ast.walk(part) if (line := getattr(node, "lineno", None))}
    assert len(numbers) <= 32


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_prints_what_stands_beside_it(example: Path, tmp_path: Path) -> None:
    draws = "import viz" in example.read_text(encoding="utf-8")
    if draws:
        need_graphviz()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", str(example)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == example.with_suffix(".txt").read_text(encoding="utf-8")
    written = sorted(file.name for file in tmp_path.iterdir())
    assert written == (["all-losses.svg", "last-loss.svg"] if draws else [])
