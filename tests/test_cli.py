"""The command line: what it prints, its exit status, and one clear line for everything that was typed wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.painting import need_graphviz
from tinygrad_rnn import bptt, cells, cli
from tinygrad_rnn.check import compare as comparing
from tinygrad_rnn.commands.arguments import LETTERS
from tinygrad_rnn.derivations import DERIVATIONS

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "cases" / "vanilla.json"
HOSTILE = "\"<b>&amp;'\\N\\G {x} \x1b[31m\x01\n]]> 😀 [red]"


@pytest.fixture(autouse=True)
def plain_output_in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "TINYGRAD_RNN_GRAPHVIZ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def painter() -> None:
    need_graphviz()


def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("TINYGRAD_RNN_GRAPHVIZ", "dot")


def start(arguments: list[str], folder: Path, **settings: Any) -> subprocess.Popen[str]:
    """The command line in a process of its own, started in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **settings.pop("env", {})}
    command = [sys.executable, "-m", "tinygrad_rnn", *arguments]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **settings}
    return subprocess.Popen(command, cwd=folder, env=environment, **output)


# ---- help ----


@pytest.mark.parametrize("command", ["demo", "compare", "draw", "tape"])
def test_the_help_of_every_command_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"examples:\n  tinygrad-rnn {command}" in shown


@pytest.mark.parametrize("command", ["demo", "compare", "draw", "tape"])
def test_every_example_of_the_help_can_be_parsed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    from tinygrad_rnn.commands.arguments import parser

    cli.main([command, "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert len(examples) >= 3
    for example in examples:
        typed = shlex.split(example.partition(" > ")[0])
        assert parser().parse_args(typed[1:]).command == command


def test_no_command_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {command} " in shown for command in ("demo", "compare", "draw", "tape"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tinygrad-rnn ")


def test_help_loads_no_library_for_graphs_or_tables() -> None:
    names = ["rich", "networkx", "graphviz", "viz", "tinygrad_rnn.check", "tinygrad_rnn.bptt", "tinygrad_rnn.demo"]
    loaded = f"print([name for name in {names} if name in sys.modules])"
    code = f"import sys; from tinygrad_rnn.cli import main; main(['--help']); {loaded}"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


# ---- typed wrong ----

WRONG = [
    (["bogus"], "bogus"),
    (["--vers"], "--vers"),
    (["draw", "--model", "lstm"], "-o"),
    (["draw", "-o", "a.svg"], "--model"),
    (["draw", "--model", "lstmm", "-o", "a.svg"], "did you mean lstm?"),
    (["draw", "--model", "", "-o", "a.svg"], "no model is called ''"),
    (["draw", "--model", "lstm", "--steps", "0", "-o", "a.svg"], "--steps: '0' is out of range; use 1 to"),
    (["draw", "--model", "lstm", "--steps", "-3", "-o", "a.svg"], "--steps: '-3' is out of range; use 1 to"),
    (["draw", "--model", "lstm", "--steps", "many", "-o", "a.svg"], "--steps: 'many' is not a whole number"),
    (["draw", "--model", "lstm", "--steps", "2.5", "-o", "a.svg"], "--steps: '2.5' is not a whole number"),
    (["draw", "--model", "lstm", "--steps", "9" * 5000, "-o", "a.svg"], "--steps"),
    (["draw", "--model", "lstm", "--steps", "1000000", "-o", "a.svg"], "use 1 to 10000"),
    (["draw", "--model", "lstm", "--seed", "-1", "-o", "a.svg"], "--seed: '-1' is negative"),
    (["draw", "--model", "lstm", "--loss", "9", "-o", "a.svg"], "--loss 9: lstm of 4 steps has losses at t = 1 to 4"),
    (["draw", "--model", "lstm", "--loss", "0", "-o", "a.svg"], "has losses at t = 1 to 4"),
    (["draw", "--model", "lstm", "--loss", "first", "-o", "a.svg"], "'first' is none of all, last"),
    (["draw", "--model", "lstm", "--loss", "loop:3", "-o", "a.svg"], "--loss loop:3: no loss is marked there"),
    (["draw", "--model", "lstm", "--path", "4", "loop:3", "-o", "a.svg"], "--path 4 loop:3: there is no step"),
    (["draw", "--model", "many-to-one", "--loss", "2", "-o", "a.svg"], "has losses at t = 4 only"),
    (["draw", "--model", "vanilla", "-o", "a.txt"], "must end in .svg, .png, .pdf, .dot, "),
    (["draw", "--model", "vanilla", "-o", "a"], "must end in .svg, .png, .pdf, .dot, "),
    (["draw", "--model", "vanilla", "-o", "missing/a.svg"], "there is no folder 'missing'"),
    (["draw", "--model", "vanilla", "-o", "folder.svg"], "folder.svg"),
    (["tape", "nothing"], "no model is called 'nothing'"),
    (["tape", HOSTILE], "no model is called"),
    (["tape", "x" * 10_000], "no model is called"),
    (["tape", "gru", "--backward", "--source"], "not allowed with"),
    (["tape", "gru", HOSTILE], "unrecognized arguments"),
    (["compare", "d2ll"], "no derivation is called 'd2ll'; did you mean d2l?"),
    (["compare", "--cases", "missing.json"], "missing.json: cannot be read: No such file"),
    (["compare", "--cases", "folder.svg"], "folder.svg: cannot be read: Is a directory"),
    (["compare", "--cases", "broken.json"], "broken.json: line 1, column"),
    (["compare", "--cases", "broken.json", "--json"], "broken.json: line 1, column"),
    (["compare", "--cases", "bytes.dat"], "bytes.dat: is not UTF-8"),
    (["compare", "--cases", "field.json"], "case one: model: is missing"),
    (["compare", "hao_ni", "--cases", str(CASES)], "holds no case of hao_ni"),
    (["compare", "--cases", "group.json"], "group: is 'other', it must be one of published, truncated, gated"),
    (["compare", "--family", "EQ"], "no family is called 'Q': choose among D (backward δ recursion), E ("),
    (["compare", "--family", "E", "--cases", "missing.json"], "missing.json: cannot be read"),
    (["compare", "--family", ""], "--family '': holds no letter; write some of DEFZP, or all"),
    (["compare", "--family", ", "], "--family ', ': holds no letter"),
    (["compare", "--family"], "--family: expected one argument"),
    (["compare", "--family", HOSTILE], "no family is called"),
    (["demo", "--text", ""], "the text '' is too short"),
    (["demo", "--text", "x"], "the text 'x' is too short"),
    (["demo", "--text", "ab", "--file", "broken.json"], "not allowed with"),
    (["demo", "--text", "-x"], "write --option=VALUE"),
    (["demo", "--file", "missing.txt"], "missing.txt: cannot be read: No such file"),
    (["demo", "--file", "missing\n.txt"], "missing\\n.txt: cannot be read: No such file"),
    (["demo", "--file", "folder.svg"], "folder.svg: cannot be read: Is a directory"),
    (["demo", "--file", "bytes.dat"], "bytes.dat: is not UTF-8 text"),
    (["demo", "--file", "zero.dat"], "zero.dat: holds zero bytes"),
    (["demo", "--file", "empty.txt"], "empty.txt: holds 0 characters"),
    (["demo", "--out", "broken.json"], "--out 'broken.json': 'broken.json' is a file"),
    (["demo", "--out", "broken.json/deeper"], "'broken.json' is a file"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=lambda value: " ".join(value)[:60] if value else "")
def test_what_is_typed_wrong_is_said_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "broken.json").write_text("{]")
    (tmp_path / "bytes.dat").write_bytes(b"\xff\xfe\x80")
    (tmp_path / "zero.dat").write_bytes(b"a\0b")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "field.json").write_text('{"schema_version": 1, "cases": [{"id": "one", "group": "published"}]}')
    (tmp_path / "group.json").write_text(
        '{"schema_version": 1, "cases": [{"id": "one", "group": "other", "model": {"kind": "lstm"}}]}'
    )
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("tinygrad-rnn: ") and error.endswith("\n")
    assert error[:-1].isprintable()  # one line, and no terminal code of anybody's
    assert said in error
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bug_is_not_hidden_behind_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(comparing, "compare_derivations", broken)
    with pytest.raises(ValueError, match="a bug"):
        cli.main(["compare"])


# ---- compare ----


def test_compare_confirms_all_five_derivations(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.startswith(f"{name}: ") for line in lines) for name in DERIVATIONS)
    assert lines[-1].startswith("all 35 cases of 5 derivations agree (tape, closed form, transcribed, complex step; ")
    for line in lines[5:-2]:  # parameter, then two errors by each witness that speaks of it
        if line.startswith("    ") and "parameter" not in line:
            assert all(float(error) <= 1e-10 for error in line[15:].split())


def test_compare_names_derivation_and_parameter_of_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = DERIVATIONS["hao_ni"]

    def mistaken(*arguments: Any) -> dict[str, Any]:
        gradients = true.gradients(*arguments)
        return {**gradients, "W": gradients["W"] * (1.0 + 1e-6)}

    monkeypatch.setitem(DERIVATIONS, "hao_ni", replace(true, gradients=mistaken))  # type: ignore[arg-type]
    assert cli.main(["compare", "hao_ni", "d2l"]) == 1
    lines = capsys.readouterr().out.splitlines()
    accused = [line for line in lines if line.startswith("disagrees: ")]
    assert "hao_ni, case hao_ni-1: source's transcription, parameter W: relative error 1.00e-06" in accused[0]
    assert all("transcription, parameter W" in line for line in accused)
    assert any(line.startswith("    W ") and "1e-06 ≠" in line for line in lines)
    assert lines[-1].endswith("of 15 cases disagree")


def test_the_rest_of_a_case_shows_its_worst(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = bptt.delta_recursion

    def mistaken(*arguments: Any) -> Any:
        gradients = true(*arguments)
        return replace(gradients, dx=gradients.dx * 1.5)

    monkeypatch.setattr(bptt, "delta_recursion", mistaken)
    assert cli.main(["compare", "d2l"]) == 1
    lines = capsys.readouterr().out.splitlines()
    rest = [line for line in lines if line.startswith("    the rest")]
    assert len(rest) == 8 and all("5e-01 ≠" in line for line in rest)
    assert sum("≠" in line for line in lines) == 8
    assert any("d2l, case d2l-1: closed form, dx: relative error 5.00e-01" in line for line in lines)


def test_compare_prints_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "--cases", str(CASES), "--json"]) == 0
    out, error = capsys.readouterr()
    result = json.loads(out)
    assert error == ""
    assert result["ok"] is True
    assert result["unsupported"] == ["gated-stub"]
    for case in result["cases"]:
        assert case["ok"] is True and isinstance(case["id"], str)
        assert 0.0 <= case["tape"]["max_rel_error"] <= 1e-10
        assert 0.0 <= case["closed_form"]["max_rel_error"] <= 1e-10


def test_compare_reports_a_broken_closed_form_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = bptt.delta_recursion

    def off_by_one(spec: Any, params: Any, x: Any, y: Any, h0: Any) -> Any:
        gradients = true(spec, params, x, y, h0)
        return replace(gradients, params={**gradients.params, "W": 2.0 * gradients.params["W"]})

    monkeypatch.setattr(bptt, "delta_recursion", off_by_one)
    assert cli.main(["compare", "--cases", str(CASES), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    case = result["cases"][0]
    assert result["ok"] is case["ok"] is False
    assert case["closed_form"]["max_rel_error"] == pytest.approx(1.0)
    assert case["tape"]["max_rel_error"] <= 1e-10
    assert any("closed form, parameter W" in problem for problem in result["problems"])


def test_compare_lists_every_case_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    ids = [case["id"] for case in json.loads(CASES.read_text())["cases"]]
    for names in ([], ["d2l"]):
        assert cli.main(["compare", *names, "--cases", str(CASES)]) == 0
        shown = capsys.readouterr().out
        assert all(id_ in shown for id_ in ids)
        assert "not supported: case gated-stub (group gated)" in shown
        assert ("not asked for: case row-many-to-one" in shown) == bool(names)
    assert cli.main(["compare", "d2l", "--cases", str(CASES), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [case["id"] for case in result["cases"]] + result["not_asked_for"] + result["unsupported"] == [
        "col-linear", "col-tanh-softmax", "row-sigmoid-mean", "row-many-to-one", "row-one-step",
        "truncated-williams-peng", "truncated-detach", "truncated-max-lag", "gated-stub",
    ]  # fmt: skip


def test_a_file_with_nothing_to_compare_says_so_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gated.json"
    file.write_text('{"schema_version": 1, "cases": [{"id": "one", "group": "gated", "model": {"kind": "lstm"}}]}')
    assert cli.main(["compare", "--cases", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "not supported: case one (group gated)",
        "nothing was compared; 1 not supported",
    ]
    assert cli.main(["compare", "--cases", str(file), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["ok"], result["compared"], result["cases"], result["unsupported"]) == (True, 0, [], ["one"])


def test_what_a_file_expects_and_nobody_computes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = json.loads(CASES.read_text())
    cases["cases"][1]["expected"]["something_else"] = [[1.0]]
    file = tmp_path / "more.json"
    file.write_text(json.dumps(cases))
    assert cli.main(["compare", "--cases", str(file)]) == 0
    assert "not compared: something_else of row-sigmoid-mean" in capsys.readouterr().out.splitlines()


# ---- compare --family ----


def test_families_stand_side_by_side_with_tape_and_witness(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "d2l", "--family", "d,e f,z p"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = next(line for line in lines if line.startswith("    parameter")).split()
    assert headings == ["parameter", "tape", *"DEFZP", "transcribed", "complex", "step"]
    cases: list[list[list[str]]] = []
    for line in lines:
        if line.startswith("  d2l-"):
            cases.append([])
        elif line.startswith("    ") and cases:
            cases[-1].append(line.split())
    assert len(cases) == 8
    for number, rows in enumerate(cases, start=1):
        linear = number in (7, 8)  # the linear model of the slides, the only one that has powers of W
        *parameters, rest, times = rows
        for row in parameters:
            assert len(row) == 9 and (row[6] == "–") != linear
            assert all(float(error) <= 1e-10 for error in row[1:] if error != "–")
        assert rest[:2] == ["the", "rest"] and len(rest) == 5  # tape, D, complex step
        assert times[0] == "time" and times.count("ms") == (6 if linear else 5)
    assert [line for line in lines if line.startswith("P does not exist for ")] == [
        f"P does not exist for {cases}: family P needs activation 'identity', this model has '{activation}': "
        "its Jacobians diag(φ′(a_t)) W differ from step to step, so their product is no power of W"
        for cases, activation in (("d2l-1 and 4 more", "sigmoid"), ("d2l-6", "tanh"))
    ]
    costs = [line for line in lines if " O(" in line]
    assert [line.split()[0] for line in costs] == list("DEFZP")
    assert all(" ms " in line and " × " in line for line in costs)
    assert lines[-1].startswith("all 8 cases of d2l agree (tape, closed form, transcribed, complex step, D, E, F, Z, P")


def test_all_families_are_every_one_that_gives_a_gradient_and_help_and_error_name_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["compare", "d2l", "--family", "all"]) == 0
    headings = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("    parameter")).split()
    assert "".join(headings[2:-3]) == "DEFZP"
    assert cli.main(["compare", "--family", "Q"]) == 2
    offered = capsys.readouterr().err.partition("choose among ")[2]
    assert re.findall(r"\b([A-Z]) \(", offered) == list("DEFZP")
    assert offered.endswith(", or all\n")
    assert cli.main(["compare", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "some of DEFZP, or all" in told
    assert re.findall(r"[:,] ([A-Z]) ", told[told.index("Families:") :]) == list("DEFZP")
    assert LETTERS == bptt.LETTERS


def test_a_family_that_gives_no_gradient_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "hao_ni", "--family", "V"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("V does not exist for hao_ni-1 and 6 more: family V bounds ")]


def test_the_json_of_families_has_errors_times_costs_and_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "--cases", str(CASES), "--family", "DEP", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {letter: sorted(entry) for letter, entry in result["families"].items()} == dict.fromkeys(
        "DEP", ["cost", "title"]
    )
    for case in result["cases"]:
        if case["id"].startswith("truncated-"):
            continue
        letters = "DEP" if case["id"] == "col-linear" else "DE"
        assert all(case[letter]["max_rel_error"] <= 1e-10 for letter in letters)
        assert sorted(case["seconds"]) == sorted(["tape", *letters])
        assert list(case["absent"]) == ([] if "P" in letters else ["P"])


def test_a_wrong_family_is_named_with_case_and_parameter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = bptt.FAMILIES["E"]

    def mistaken(*arguments: Any) -> dict[str, Any]:
        gradients = true.gradients(*arguments)
        return {**gradients, "V": 2.0 * gradients["V"]}

    monkeypatch.setitem(bptt.FAMILIES, "E", replace(true, gradients=mistaken))  # type: ignore[arg-type]
    assert cli.main(["compare", "hao_ni", "--family", "EF"]) == 1
    lines = capsys.readouterr().out.splitlines()
    accused = [line for line in lines if line.startswith("disagrees: ")]
    assert len(accused) == 7 and all("family E, parameter V: relative error 1.00e+00" in line for line in accused)
    assert sum("1e+00 ≠" in line for line in lines) == 7


def test_case_ids_are_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = json.loads(CASES.read_text())
    cases["cases"][0]["id"] = HOSTILE + "\ud800"
    file = tmp_path / "hostile.json"
    file.write_text(json.dumps(cases))
    assert cli.main(["compare", "--cases", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"][0]["id"] == HOSTILE + "\ud800"
    assert cli.main(["compare", "--cases", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "[red]" in shown


# ---- draw ----


@pytest.mark.usefixtures("painter")
@pytest.mark.parametrize(
    ("ending", "begins"),
    [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph"), ("html", b"<!doctype html>")],
)
def test_the_ending_says_the_format(
    ending: str, begins: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["draw", "--model", "vanilla", "--steps", "2", "-o", f"a.{ending}"]) == 0
    assert (tmp_path / f"a.{ending}").read_bytes().lstrip().startswith(begins)
    assert capsys.readouterr() == (f"a.{ending}\n", "")
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{ending}"]


@pytest.mark.usefixtures("painter")
@pytest.mark.parametrize("model", [*cells.CELLS, *DERIVATIONS, "many-to-one"])
def test_every_named_model_is_drawn(model: str, tmp_path: Path) -> None:
    assert cli.main(["draw", "--model", model, "--steps", "2", "--loss", "last", "-o", "a.dot"]) == 0
    text = (tmp_path / "a.dot").read_text()
    assert "Gradient of the last loss only" in text
    assert "seed 0" in text and "weights N(0, " in text


@pytest.mark.usefixtures("painter")
def test_loss_and_seed_change_the_picture_and_the_title_names_it(tmp_path: Path) -> None:
    pictures = {}
    for number, options in enumerate(
        ([], ["--loss", "2"], ["--loss", "none"], ["--seed", "1"], ["--title", "my own"], [])
    ):
        assert cli.main(["draw", "--model", "vanilla", "--steps", "3", "-o", f"{number}.dot", *options]) == 0
        pictures[number] = (tmp_path / f"{number}.dot").read_text()
    assert len(set(pictures.values())) == 5
    assert pictures[0] == pictures[5]
    assert "Gradient of the loss at t = 2 only" in pictures[1]
    assert "no backward pass recorded" in pictures[2]
    assert "seed 1" in pictures[3]
    assert "my own" in pictures[4]


@pytest.mark.usefixtures("painter")
def test_a_hostile_title_is_data(tmp_path: Path) -> None:
    assert cli.main(["draw", "--model", "vanilla", "--steps", "2", "--title", HOSTILE, "-o", "a.svg"]) == 0
    text = "".join(ElementTree.parse(tmp_path / "a.svg").getroot().itertext())
    assert "\"<b>&amp;'\\N\\G {x}" in text and "😀" in text


def test_without_graphviz_one_line_names_both_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    no_graphviz(monkeypatch)
    assert cli.main(["draw", "--model", "gru", "-o", "a.svg"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "apt-get install graphviz" in error and 'pip install "tinygrad-rnn[dot]"' in error
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_viz_is_named_and_never_run(tmp_path: Path) -> None:
    foreign = tmp_path / "viz.py"
    foreign.write_text("print('the foreign module ran')\n")
    run = start(["draw", "--model", "vanilla", "-o", "a.svg"], tmp_path)
    out, error = run.communicate(timeout=60)
    assert (run.returncode, out) == (2, "")
    assert error.count("\n") == 1 and str(foreign) in error and "rename" in error


# ---- tape ----


def test_tape_prints_one_line_for_every_operation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tape", "vanilla", "--steps", "2"]) == 0
    shown = capsys.readouterr().out
    tape, _ = cells.record("vanilla", 2)
    assert sum("  " in line for line in shown.splitlines()) == len(tape)
    assert "\nt = 2\n" in shown and "tanh(" in shown


def test_tape_prints_the_backward_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tape", "many-to-one", "--steps", "3", "--backward"]) == 0
    shown = capsys.readouterr().out
    assert "d[w_h]" in shown and shown.index("t = 3\n") < shown.index("t = 2\n") < shown.index("t = 1\n")


def test_the_printed_source_runs_alone_and_gives_the_tapes_gradients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinygrad_rnn.source import source_inputs

    assert cli.main(["tape", "lstm", "--steps", "4", "--seed", "3", "--source"]) == 0
    program = tmp_path / "program.py"
    tape, loss = cells.record("lstm", 4, 3)
    given = source_inputs(loss)
    np.savez(tmp_path / "given.npz", **given)
    call = "value, found = gradients(**np.load('given.npz'))\nnp.savez('found.npz', **found)\n"
    program.write_text(capsys.readouterr().out + call)
    subprocess.run([sys.executable, "-I", str(program)], cwd=tmp_path, check=True, timeout=60)
    leaves = {line.name: line.number for line in map(tape.__getitem__, range(len(tape))) if line.fn == "var"}
    expected = tape.sweep({loss.index: np.ones(())}, list(leaves.values()))
    with np.load(tmp_path / "found.npz") as found:
        for name, gradient in zip(leaves, expected, strict=True):
            np.testing.assert_allclose(found[name], gradient, rtol=1e-12, atol=0, err_msg=str(name))


# ---- the world outside ----


def test_a_reader_that_leaves_is_no_trouble(tmp_path: Path) -> None:
    run = start(["compare"], tmp_path)
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    assert run.wait(timeout=60) == 141
    assert run.stderr.read() == ""
    run.stderr.close()


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "w") as full:
        run = start(["tape", "vanilla"], tmp_path, stdout=full)
        _, error = run.communicate(timeout=60)
    assert run.returncode == 2
    assert error.count("\n") == 1 and "No space left" in error


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(comparing, "compare_derivations", interrupted)
    assert cli.main(["compare"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c_ends_a_process_quietly(tmp_path: Path) -> None:
    fifo = tmp_path / "never.txt"
    os.mkfifo(fifo)

    def default() -> None:  # the test's own parent may ignore the signal, and processes inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)

    run = start(["demo", "--file", str(fifo)], tmp_path, preexec_fn=default)
    writer = os.open(fifo, os.O_WRONLY)  # returns when the program has opened the other end, and so waits for text
    try:
        time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        out, error = run.communicate(timeout=60)
    finally:
        os.close(writer)
    assert (run.returncode, out, error) == (130, "", "")


def test_an_ascii_terminal_does_not_stop_a_table(tmp_path: Path) -> None:
    run = start(["compare", "many_to_one"], tmp_path, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    out, error = run.communicate(timeout=60)
    assert (run.returncode, error) == (0, "")
    assert out.isascii() and "agree" in out


def test_a_step_can_be_typed_with_its_loop(tmp_path: Path) -> None:
    need_graphviz()
    files = []
    for name, loop in (("plain", ""), ("loop", "time:")):
        for n, options in enumerate((["--loss", f"{loop}3"], ["--path", f"{loop}4", f"{loop}2"])):
            files.append(tmp_path / f"{name}{n}.dot")
            assert cli.main(["draw", "--model", "gru", *options, "-o", str(files[-1])]) == 0
    assert files[0].read_bytes() == files[2].read_bytes() and files[1].read_bytes() == files[3].read_bytes()
    assert files[0].read_bytes() != files[1].read_bytes()
