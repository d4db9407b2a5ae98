"""The benchmarks measure what they say: engines agree before they are timed, and one that does not stops the run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import by_hand, pictures, rnn_grad
from benchmarks.work import NAMES, Size, make_work
from tests.painting import need_graphviz

ROOT = Path(__file__).parents[1]
SIZE = Size(2, 3, 4, 5, 6)


def test_the_benchmark_prints_a_ratio_for_every_engine_that_was_asked_for() -> None:
    engines = ["by hand, per step", "tinygrad-rnn tape", "tinygrad-rnn tape, readout after"]
    options = ["2,3,4,5,6", "--seconds", "0", "--json", "--engines", *engines]
    command = [sys.executable, "-m", "benchmarks.rnn_grad", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout)["rows"]
    assert [row["engine"] for row in rows] == [rnn_grad.UNIT, *engines]
    assert all(row["size"] == "(2,3,4,5,6)" and row["ratio"] > 0 for row in rows)


def test_the_hand_written_gradients_agree_with_the_complex_step() -> None:
    work = make_work(SIZE)
    loss, gradients = by_hand.per_step(work)()
    for name in NAMES:
        step = np.zeros(work.parameters[name].shape)
        for place in np.ndindex(step.shape):
            moved = {key: value.astype(complex) for key, value in work.parameters.items()}
            moved[name][place] += 1e-30j
            np.testing.assert_allclose(complex_loss(work, moved).real, loss, rtol=1e-13)
            step[place] = complex_loss(work, moved).imag / 1e-30
        np.testing.assert_allclose(gradients[name], step, rtol=1e-12, atol=1e-15)


def test_another_version_is_measured_beside_this_one_and_its_bits_are_compared(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tinygrad_rnn", tmp_path / "tinygrad_rnn", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--rounds", "2", "--pairs", "1", "--sizes", "0"]
    command = [sys.executable, "-m", "benchmarks.against", str(tmp_path), *options]

    def rows() -> list[str]:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return [line for line in run.stdout.splitlines() if "(1,8,16,8,100)" in line]

    assert len(rows()) == 2 and all(line.endswith(" the same bits") for line in rows())
    rules = tmp_path / "tinygrad_rnn" / "rules" / "elementwise.py"
    written = rules.read_text()
    rules.write_text(f"{written}\nrule(np.tanh, lambda g, y, a: g * (1 - y * y) * (1 + 1e-15))\n")
    assert len(rows()) == 2 and all(line.endswith(" other bits") for line in rows())


def test_a_version_that_is_not_there_is_one_line() -> None:
    command = [sys.executable, "-m", "benchmarks.against", "no-such-version"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode and len(run.stderr.splitlines()) == 1 and run.stderr.startswith("no-such-version: ")


@pytest.mark.parametrize("name", [*NAMES, "loss"])
def test_an_engine_that_disagrees_is_not_timed(name: str) -> None:
    work = make_work(SIZE)
    runners = {rnn_grad.UNIT: by_hand.optimised(work), "wrong": by_hand.per_step(work)}
    rnn_grad.check_agreement(runners, SIZE)
    loss, gradients = runners["wrong"]()
    off = dict.fromkeys([*NAMES, "loss"], 1.0) | {name: 1.0 + 1e-9}
    runners["wrong"] = lambda: (loss * off["loss"], {key: value * off[key] for key, value in gradients.items()})
    with pytest.raises(SystemExit, match=rf"wrong differs from 'by hand, optimised' in {name}, relative error 1.0e-09"):
        rnn_grad.check_agreement(runners, SIZE)


def complex_loss(work, parameters):
    """The loss by its definition, for complex parameters."""
    U, W, V, b, c = (parameters[name] for name in NAMES)
    h, total = work.h0, 0.0
    for x, classes in zip(work.X, work.Y, strict=True):
        h = np.tanh(x @ U + h @ W + b)
        weights = np.exp(h @ V + c)
        chosen = weights[np.arange(len(classes)), classes] / weights.sum(axis=1)
        total = total - np.log(chosen).mean()
    return total / len(work.X)


def test_the_picture_benchmark_measures_every_stage_and_prints_a_row_for_each_length() -> None:
    need_graphviz()
    measured = pictures.rows(("vanilla",), (4, 40))
    for row in measured:
        assert row["total"] == pytest.approx(sum(row[stage] for stage in pictures.STAGES))
        assert row["svg"] > 1000 and row["dot"] > 1000
    assert [row["drawn steps"] for row in measured] == [4, 40]
    printed = pictures.table(measured).splitlines()
    assert len(printed) == 4 and printed[2].startswith("| vanilla | 4 | 4 |")
