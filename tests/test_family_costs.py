"""The benchmark of the families compares them before it times them, and fits the exponent that a power law has."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import families

ROOT = Path(__file__).parents[1]


def test_the_benchmark_prints_every_family_with_its_exponents_beside_what_the_formulas_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(families, "LENGTHS", (4, 8, 16))
    monkeypatch.setattr(families, "WIDTHS", (4, 8))
    assert families.main(["--limit", "0", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["exponents"]) == list(document["formulas"]) == ["D", "E", "E, matrices", "F", "Z", "P"]
    assert {row["family"] for row in document["rows"]} == set(document["formulas"])
    assert all(row["bytes"] > 0 for row in document["rows"])
    assert [row["T"] for row in document["rows"] if row["family"] == "D" and row["varied"] == "T"] == [4, 8, 16]
    assert document["exponents"]["F"]["seconds in T"] is None, "one size alone has no slope"
    assert families.main(["--limit", "0"]) == 0
    printed = " ".join(capsys.readouterr().out.split())  # titles wrap where tables are narrow
    for heading in ("Time as a multiple of D's, m = 16", "Time as a multiple of D's, T = 16", "Fitted exponents"):
        assert heading in printed


def test_the_exponent_of_a_power_law_is_its_power() -> None:
    sizes = [8, 16, 32, 64]
    np.testing.assert_allclose(families.exponent(sizes, [5.0 * size**2.5 for size in sizes]), 2.5, rtol=1e-12)


def test_a_family_that_disagrees_is_not_timed() -> None:
    right = families.CONTENDERS["E"]
    arguments = families.instance(right, 4, 3)
    families.check_agreement("E", right, arguments)

    def off(*given: object) -> dict[str, object]:
        return {name: array * (1.0 + 1e-9 * (name == "W")) for name, array in right.gradients(*given).items()}

    with pytest.raises(SystemExit, match=r"^family E differs from D in W, relative error 1.0e-09$"):
        families.check_agreement("E", replace(right, gradients=off), arguments)


def test_the_benchmark_runs_as_a_module_and_says_how() -> None:
    command = [sys.executable, "-m", "benchmarks.families", "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "python -m benchmarks.families" in run.stdout
