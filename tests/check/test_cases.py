"""A file of cases is read whole or refused in one line, and every expected array is compared."""

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agreement import relative_error
from tests.cases import make
from tinygrad_rnn.check import CaseError, compare_cases, read_cases

FILE = make.FILE


@pytest.fixture
def data() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_the_shipped_file_is_what_the_plain_python_network_says(data: dict[str, Any]) -> None:
    for number, (case, arguments) in enumerate(zip(data["cases"], make.CASES, strict=False)):
        fresh = make.make(*arguments, seed=number)
        assert case["params"] == fresh["params"]
        for name, value in fresh["expected"].items():
            pairs = [(case["expected"][name], value)]
            if isinstance(value, dict):
                pairs = [(case["expected"][name][inner], value[inner]) for inner in value]
            assert all(relative_error(stored, new) < 1e-12 for stored, new in pairs), name


def test_every_published_case_agrees_and_the_others_are_listed() -> None:
    report = compare_cases(FILE)
    assert report.ok
    assert [case.id for case in report.cases] == [case[0] for case in make.CASES]
    assert report.unsupported == (("gated-stub", "gated"), ("truncated-stub", "truncated"))
    assert max(row.relative for row in report.rows) < 1e-12
    data = json.loads(report.to_json())
    assert data["unsupported"] == ["gated-stub", "truncated-stub"]
    assert set(data["cases"][0]) >= {"id", "ok", "tape", "closed_form"}


def test_tape_and_closed_form_are_compared_with_everything_that_is_expected(data: dict[str, Any]) -> None:
    report = compare_cases(FILE)
    for case, result in zip(data["cases"], report.cases, strict=False):
        wanted = set()
        for name, value in case["expected"].items():
            wanted |= {f"{name}.{inner}" for inner in value} if isinstance(value, dict) else {name}
        for witness in ("tape", "closed_form"):
            rows = {row.quantity for row in result.rows if row.witness == witness}
            assert rows == wanted - {"contrib_loss_steps"}


def test_the_transcription_joins_where_a_source_has_the_model() -> None:
    report = compare_cases(FILE)
    joined = {case.id: case.derivation for case in report.cases if "transcription" in case.witnesses}
    assert joined == {"row-many-to-one": "many_to_one", "col-linear": "d2l"}


@pytest.mark.parametrize(
    ("path", "about"),
    [
        (("loss",), "loss"),
        (("grads", "W"), "parameter W"),
        (("dh",), "dh"),
        (("dx",), "dx"),
        (("contrib_norm", "U"), "‖C[t,k]‖ of parameter U"),
        (("contrib_full", "b"), "C[t,k] of parameter b"),
        (("step_weight",), "step_weight"),
    ],
)
def test_any_expected_number_that_is_off_is_named(
    data: dict[str, Any], tmp_path: Path, path: tuple[str, ...], about: str
) -> None:
    place = data["cases"][0]["expected"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = nudged(place[path[-1]])
    report = compare_cases(written(tmp_path, data))
    assert not report.ok
    assert [case.ok for case in report.cases] == [False, True, True, True, True]
    assert len(report.problems) == 2
    for problem, witness in zip(report.problems, ("tape", "closed form"), strict=True):
        assert problem.startswith(f"case col-tanh-softmax: {witness}, {about}: relative error ")


def nudged(value: Any) -> Any:
    """The same nested list, its first number larger by 1e−6."""
    if isinstance(value, list):
        return [nudged(value[0]), *value[1:]]
    return value + 1e-6


def test_contribution_rows_may_be_some_of_the_losses(data: dict[str, Any], tmp_path: Path) -> None:
    expected = data["cases"][0]["expected"]
    expected["contrib_loss_steps"] = [4, 2]
    for table in (*expected["contrib_norm"].values(), *expected["contrib_full"].values()):
        table[:] = [table[3], table[1]]
    assert compare_cases(written(tmp_path, data)).ok


def test_only_loss_and_gradients_must_be_expected(data: dict[str, Any], tmp_path: Path) -> None:
    for case in data["cases"][:5]:
        case["expected"] = {key: case["expected"][key] for key in ("loss", "grads")}
        del case["sizes"]
    report = compare_cases(written(tmp_path, data))
    assert report.ok
    assert {row.quantity for row in report.cases[4].rows if row.witness == "tape"} == {
        "loss", "grads.U", "grads.W", "grads.b", "grads.V", "grads.c"
    }  # fmt: skip


def test_what_is_expected_and_computed_by_nobody_is_listed(data: dict[str, Any], tmp_path: Path) -> None:
    data["cases"][0]["expected"]["jac_singular_values"] = [[1.0]]
    report = compare_cases(written(tmp_path, data))
    assert report.ok
    assert report.cases[0].not_compared == ("jac_singular_values",)
    assert "  not compared: jac_singular_values of col-tanh-softmax" in report.explain()
    assert report.as_dict()["cases"][0]["not_compared"] == ["jac_singular_values"]


def edit(*path: Any, to: Any = None) -> Callable[[dict[str, Any]], None]:
    """A change of one field of the file; without `to` the field is deleted."""

    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        if to is None:
            del place[path[-1]]
        else:
            place[path[-1]] = copy.deepcopy(to)

    return change


CASE = ("cases", 1)
BROKEN = [
    (edit("schema_version", to=2), r"schema_version is 2, it must be 1"),
    (edit("cases", to=[]), r"cases must be a list with at least one case"),
    (edit("cases"), r"cases must be a list with at least one case"),
    (edit(*CASE, to=3), r"case number 2 is a int, it must be an object"),
    (edit(*CASE, "id"), r"case number 2: id is None, it must be a word"),
    (edit(*CASE, "id", to="col-linear"), r"case col-linear: id: another case has the same"),
    (edit(*CASE, "group"), r"case row-sigmoid-mean: group: is missing"),
    (edit(*CASE, "model", to=[]), r"case row-sigmoid-mean: model: is a list, it must be an object"),
    (edit(*CASE, "model", "loss"), r"case row-sigmoid-mean: model\.loss: is missing"),
    (edit(*CASE, "model", "loss", to="hinge"), r"case row-sigmoid-mean: model: loss is 'hinge': .*"),
    (edit(*CASE, "model", "activation", to=1), r"case row-sigmoid-mean: model\.activation: is 1, it must be a word"),
    (edit(*CASE, "model", "many_to_one", to="no"), r"case row-sigmoid-mean: model: many_to_one is 'no': .*"),
    (edit(*CASE, "model", "roles", "U"), r"case row-sigmoid-mean: model: no parameter has the role 'input': .*"),
    (edit(*CASE, "params", "W"), r"case row-sigmoid-mean: parameter 'W' is missing: .*"),
    (edit(*CASE, "params", "W", to=[[1.0], [2.0, 3.0]]), r"case row-sigmoid-mean: params\.W: its rows are not .*"),
    (edit(*CASE, "params", "W", to=[["a"]]), r"case row-sigmoid-mean: params\.W: holds something that is not a number"),
    (edit(*CASE, "params", "W", to=[[math.nan]]), r"case row-sigmoid-mean: params\.W: holds a .* not finite"),
    (edit(*CASE, "params", "W", to=[[1.0]]), r"case row-sigmoid-mean: W .* must be \(2, 2\)"),
    (edit(*CASE, "x"), r"case row-sigmoid-mean: x: is missing"),
    (edit(*CASE, "x", to=[]), r"case row-sigmoid-mean: x: has shape \(0,\), it must be \(T, B, d\)"),
    (edit(*CASE, "x", to=[[[1.0]]]), r"case row-sigmoid-mean: x at step 1 has shape .*"),
    (edit(*CASE, "h0", to=[[0.0, 0.0]]), r"case row-sigmoid-mean: h0 has shape \(1, 2\): .*"),
    (edit(*CASE, "sizes", "T", to=9), r"case row-sigmoid-mean: sizes\.T: is 9, the arrays have 5"),
    (edit(*CASE, "expected"), r"case row-sigmoid-mean: expected: is missing"),
    (edit(*CASE, "expected", "loss"), r"case row-sigmoid-mean: expected\.loss: is missing"),
    (edit(*CASE, "expected", "loss", to=[1.0]), r"case row-sigmoid-mean: expected\.loss: has shape \(1,\), .*"),
    (edit(*CASE, "expected", "grads", "c"), r"case row-sigmoid-mean: expected\.grads\.c: is missing"),
    (edit(*CASE, "expected", "dh", to=[1.0]), r"case row-sigmoid-mean: expected\.dh: has shape \(1,\), .*\(6, 3, 2\)"),
    (edit(*CASE, "expected", "contrib_norm", "V", to=[]), r"case row-sigmoid-mean: .*contrib_norm\.V: is none of .*"),
    (edit(*CASE, "expected", "contrib_loss_steps", to=[9]), r"case row-.*contrib_loss_steps: names step 9, .*"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[message[:60] for _, message in BROKEN])
def test_a_malformed_case_is_refused_with_file_case_and_field(
    data: dict[str, Any], tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    change(data)
    path = written(tmp_path, data)
    with pytest.raises(CaseError) as error:
        read_cases(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert re.fullmatch(message, text.removeprefix(f"{path}: ")), text


def test_files_that_are_no_case_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    with pytest.raises(CaseError, match=r"cases\.json: cannot be read: No such file or directory$"):
        compare_cases(path)
    with pytest.raises(CaseError, match=r": cannot be read: Is a directory$"):
        compare_cases(tmp_path)
    for content, message in (
        (b'{"cases": [', r": line 1, column 12: is not JSON: Expecting value$"),
        (b"\xff\xfe", r": is not UTF-8 text, so it is no JSON file$"),
        (b"[" * 100_000, r": is nested too deeply for a case file$"),
        (b"[]", r": holds a list, it must be an object .*$"),
    ):
        path.write_bytes(content)
        with pytest.raises(CaseError, match=message):
            compare_cases(path)
