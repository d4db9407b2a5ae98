"""In a copy of the package with one formula broken, compare fails and names derivation, witness and parameter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_rnn
from tests.cases import make

PACKAGE = Path(tinygrad_rnn.__file__).parent
PROGRAM = """
import sys
from tinygrad_rnn.check import compare_cases, compare_derivations
report = compare_derivations(sys.argv[2:]) if sys.argv[2:] else compare_cases(sys.argv[1])
print(report.ok, *report.problems, sep="\\n")
"""
# (file, text, instead, witness, parameters that must be named, derivations that must be named)
ALL = ("onecademy", "stackexchange", "many_to_one", "hao_ni", "d2l")
BREAKS = {
    "closed form one step off": (
        "bptt/delta.py", "h[t - 1].T @ deltas[t - 1]", "h[t].T @ deltas[t - 1]", "closed form", "W", ALL
    ),
    "closed form without the transpose": (
        "bptt/delta.py", "h_bar = delta @ W.T", "h_bar = delta @ W", "closed form", "W", ALL
    ),
    "product order ascending": (
        "bptt/contributions.py",
        "        for k in range(t, 0, -1):\n",
        "        first = e\n"
        "        for k in range(t, 0, -1):\n"
        "            e = first\n"
        "            for j in range(k + 1, t + 1):\n"
        "                e = (e * PHI_PRIME[spec.activation](a[j - 1])) @ W.T\n",
        "closed form", "W", ALL,
    ),
    "total derivative for the immediate partial": (
        "bptt/delta.py",
        "deltas.append(delta)",
        "deltas.append(delta + (deltas[-1] @ W.T) * PHI_PRIME[spec.activation](a[t - 1]) if deltas else delta)",
        "closed form", "W", ALL,
    ),
    "a derivative of the activation": (
        "bptt/forward.py", "1.0 - np.tanh(a) ** 2,", "1.0 - np.tanh(a),", "closed form", "U", ALL[:4]
    ),
    "onecademy one step off": (
        "derivations/onecademy.py", "W.T @ delta[t + 1]", "W.T @ delta[min(t + 2, T + 1)]",
        "transcription", "W", ALL[:1],
    ),
    "stackexchange with the sum over t left out": (
        "derivations/stackexchange.py", "sum(X[t - 1].T @ dA[t] for t in steps)", "X[T - 1].T @ dA[T]",
        "transcription", "U", ALL[1:2],
    ),
    "many to one with the gradient of w_o as the notes print it": (
        "derivations/many_to_one.py", "np.outer(o[n], y_hat - y_i)", "0.0 * w_o", "transcription", "w_o", ALL[2:3]
    ),
    "hao_ni with the index of the slides' algorithm": (
        "derivations/hao_ni.py", "np.outer(delta, s[t - 1])", "np.outer(delta, s[t])", "transcription", "W", ALL[3:4]
    ),
    "d2l with ∂L/∂o_i in 9.7.14": (
        "derivations/d2l.py", "W_qh.T @ dL_do[t]", "W_qh.T @ dL_do[T]", "transcription", "W_hx", ALL[4:]
    ),
    "d2l that raises": (
        "derivations/d2l.py", "h[t - 1]) for t in steps", "h[t + 1]) for t in steps", "transcription", "W_hh", ALL[4:]
    ),
}  # fmt: skip


# (file, text, instead, witness)
IN_TRUNCATION = {
    "mask of Williams and Peng one step short": (
        "bptt/truncation.py", "end_of_block - k2 + 1 <= k", "end_of_block - k2 + 2 <= k", "closed form"
    ),
    "a cut one step too late": (
        "truncate.py", "[one.earliest - 1 for one in together", "[one.earliest - 2 for one in together", "tape"
    ),
}  # fmt: skip


@pytest.fixture
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with a copy of the package in which one formula is broken."""
    file, text, instead, *_ = {**BREAKS, **IN_TRUNCATION}[request.param]
    shutil.copytree(PACKAGE, tmp_path / "tinygrad_rnn", ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path / "tinygrad_rnn" / file
    source = place.read_text(encoding="utf-8")
    assert text in source
    place.write_text(source.replace(text, instead), encoding="utf-8")
    return tmp_path


def compare_in(copied: Path, *names: str) -> tuple[str, list[str]]:
    """("True" or "False", problems) of a compare in that copy: of derivations by name, or of the shipped case file."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(make.FILE), *names],
        cwd=copied,
        env={**os.environ, "PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    verdict, *problems = done.stdout.splitlines()
    return verdict, problems


@pytest.mark.parametrize(("broken", "name"), [(name, name) for name in BREAKS], indirect=["broken"], ids=BREAKS)
def test_one_broken_formula_is_found_and_named(broken: Path, name: str) -> None:
    _, _, _, witness, parameter, derivations = BREAKS[name]
    verdict, problems = compare_in(broken, *derivations)
    assert verdict == "False"
    for derivation in derivations:
        names = {"many_to_one": {"W": "w_h", "U": "w_i"}, "d2l": {"W": "W_hh", "U": "W_hx"}}.get(derivation, {})
        wanted = f"{witness}, ", f"parameter {names.get(parameter, parameter)}: "
        assert any(line.startswith(f"{derivation}, case ") and all(w in line for w in wanted) for line in problems)
    assert all(f"{witness}, " in line for line in problems), "only the broken witness is accused"


IN_CLOSED_FORM = [(name, name) for name in BREAKS if BREAKS[name][3] == "closed form"]


@pytest.mark.parametrize(("broken", "name"), IN_CLOSED_FORM, indirect=["broken"])
def test_a_broken_closed_form_is_found_by_a_file_of_cases_too(broken: Path, name: str) -> None:
    verdict, problems = compare_in(broken)
    assert verdict == "False"
    abouts = f"closed form, parameter {BREAKS[name][4]}: ", f"closed form, C[t,k] of parameter {BREAKS[name][4]}: "
    assert any(about in line for line in problems for about in abouts)
    assert all("closed form, " in line for line in problems)


COMMAND = "import sys; from tinygrad_rnn.cli import main; sys.exit(main(sys.argv[1:]))"


def command_in(copied: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of the command line in that copy."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=copied,
        env={**os.environ, "PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("broken", ["closed form one step off"], indirect=True)
def test_the_command_line_ends_with_1_in_a_broken_copy(broken: Path) -> None:
    status, output = command_in(broken, "compare", "hao_ni")
    assert status == 1
    assert "disagrees: hao_ni, case hao_ni-1: closed form, parameter W: relative error " in output
    status, output = command_in(broken, "compare", "--cases", str(make.FILE), "--json")
    assert status == 1
    assert '"ok": false' in output


@pytest.mark.parametrize("broken", IN_TRUNCATION, indirect=True)
def test_a_broken_truncation_is_found_by_the_truncated_cases(broken: Path, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["broken"]
    status, output = command_in(broken, "compare", "--cases", str(make.FILE))
    accused = [line for line in output.splitlines() if line.startswith("disagrees: ")]
    assert status == 1
    assert accused and all(line.startswith("disagrees: case truncated-") for line in accused)
    assert all(f": {IN_TRUNCATION[name][3]}, " in line for line in accused)
    assert any("parameter W_hh: relative error " in line for line in accused)


def test_an_unbroken_copy_agrees(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "tinygrad_rnn", ignore=shutil.ignore_patterns("__pycache__"))
    assert compare_in(tmp_path, "hao_ni") == ("True", [])
