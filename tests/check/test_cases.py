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
from tinygrad_rnn.check.truncation import MASKS

FILE = make.FILE


@pytest.fixture
def data() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_the_shipped_file_is_what_the_plain_python_network_says(data: dict[str, Any]) -> None:
    made = [make.make(*arguments, seed=number) for number, arguments in enumerate(make.CASES)]
    seeds = range(len(made), len(data["cases"]))
    made += [make.make_truncated(*arguments, seed) for seed, arguments in zip(seeds, make.TRUNCATED, strict=False)]
    for case, fresh in zip(data["cases"], made, strict=False):
        assert {field: case[field] for field in ("id", "group", "model", "params")} == {
            field: fresh[field] for field in ("id", "group", "model", "params")
        }
        for name, value in fresh["expected"].items():
            if name == "blocks":
                assert case["expected"][name] == value
                continue
            pairs = [(case["expected"][name], value)]
            if isinstance(value, dict):
                pairs = [(case["expected"][name][inner], value[inner]) for inner in value]
            assert all(relative_error(stored, new) < 1e-12 for stored, new in pairs), name


def test_every_published_and_truncated_case_agrees_and_the_others_are_listed() -> None:
    report = compare_cases(FILE)
    assert report.ok
    assert [case.id for case in report.cases] == [case[0] for case in (*make.CASES, *make.TRUNCATED)]
    assert report.unsupported == (("gated-stub", "gated"),)
    assert max(row.relative for row in report.rows) < 1e-12
    data = json.loads(report.to_json())
    assert data["unsupported"] == ["gated-stub"]
    assert data["compared"] == 8
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
    assert [case.ok for case in report.cases] == [False] + 7 * [True]
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


CASE, WILLIAMS, MAX_LAG = ("cases", 1), ("cases", 5), ("cases", 7)
BROKEN = [
    (edit("schema_version", to=2), r"schema_version is 2, it must be 1"),
    (edit("schema_version", to=True), r"schema_version is True, it must be 1"),
    (edit("schema_version", to=1.0), r"schema_version is 1\.0, it must be 1"),
    (edit("schema_version"), r"schema_version is None, it must be 1"),
    (edit("cases", to=[]), r"cases must be a list with at least one case"),
    (edit("cases"), r"cases must be a list with at least one case"),
    (edit(*CASE, to=3), r"case number 2 is a int, it must be an object"),
    (edit(*CASE, "id"), r"case number 2: id is None, it must be a word"),
    (edit(*CASE, "id", to="col-linear"), r"case col-linear: id: another case has the same"),
    (edit(*CASE, "group"), r"case row-sigmoid-mean: group: is missing"),
    (edit(*CASE, "group", to="publshed"),
     r"case row-sigmoid-mean: group: is 'publshed', it must be one of published, truncated, gated"),
    (edit(*CASE, "model", "kind", to="vanilla"),
     r"case row-sigmoid-mean: model\.kind: is 'vanilla', it must be one of vanilla_rnn, lstm, gru, rnn_tanh"),
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
    (edit(*CASE, "expected", to={}), r"case row-sigmoid-mean: expected\.loss: is missing"),
    (edit(*CASE, "expected", "grads", to={}), r"case row-.*: expected\.grads: names no parameter, so there is .*"),
    (edit(*CASE, "expected", "grads", "w", to=[1.0]), r"case row-.*: expected\.grads\.w: is none of U, W, b, V, c"),
    (edit(*CASE, "expected", "contrib_norm", to={}), r"case row-.*: expected\.contrib_norm: names no parameter, .*"),
    (edit(*CASE, "expected", "contrib_full", to={}), r"case row-.*: expected\.contrib_full: names no parameter, .*"),
    (edit(*CASE, "expected", "contrib_loss_steps", to=[]), r"case row-.*contrib_loss_steps: names no step, .*"),
    (edit(*CASE, "expected", "contrib_loss_steps", to=[1.5]), r"case row-.*contrib_loss_steps: names step 1\.5, .*"),
    (edit(*CASE, "expected", "grads", "c"), r"case row-sigmoid-mean: expected\.grads\.c: is missing"),
    (edit(*CASE, "expected", "dh", to=[1.0]), r"case row-sigmoid-mean: expected\.dh: has shape \(1,\), .*\(6, 3, 2\)"),
    (edit(*CASE, "expected", "contrib_norm", "V", to=[]), r"case row-sigmoid-mean: .*contrib_norm\.V: is none of .*"),
    (edit(*CASE, "expected", "contrib_loss_steps", to=[9]), r"case row-.*contrib_loss_steps: names step 9, .*"),
    (edit(*WILLIAMS, "truncation"), r"case truncated-williams-peng: truncation: is missing"),
    (edit(*WILLIAMS, "truncation", "mode", to="bptt"), r"case .*: truncation\.mode: is 'bptt', it must be .*"),
    (edit(*WILLIAMS, "truncation", "k1"), r"case truncated-williams-peng: truncation\.k1: is missing"),
    (edit(*WILLIAMS, "truncation", "k1", to=2.0), r"case truncated-.*: truncation\.k1: is 2\.0, it must be a whole .*"),
    (edit(*WILLIAMS, "truncation", "k2", to=1), r"case truncated-.*: truncation: k2 is 1 and k1 is 2: .* k2 >= k1"),
    (edit(*MAX_LAG, "truncation", "tau", to=-1), r"case .*-lag: truncation: tau is -1: it must be 0 or more"),
    (edit(*MAX_LAG, "truncation", "tau", to=True), r"case truncated-.*: truncation\.tau: is True, it must be .*"),
    (edit(*MAX_LAG, "expected", "mask", to=[[1]]), r"case .*: expected\.mask: has shape \(1, 1\), .* \(5, 5\)"),
    (edit(*MAX_LAG, "expected", "mask", 1, 0, to=2), r"case .*: expected\.mask: holds something that is .*"),
    (edit(*MAX_LAG, "expected", "blocks", to={}), r"case .*: expected\.blocks: is a dict, it must be a list"),
    (edit(*MAX_LAG, "expected", "blocks", 1, to=3), r"case .*: expected\.blocks: number 2 is a int, it .*"),
    (edit(*MAX_LAG, "expected", "blocks", 1, "window", to=[1]),
     r"case truncated-max-lag: expected\.blocks: number 2: window: has shape \(1,\), it must be \(2,\)"),
    (edit(*MAX_LAG, "expected", "blocks", 1, "loss_steps", to=[6]), r"case .*: loss_steps: names step 6 of 5"),
    (edit(*MAX_LAG, "expected", "full_grads", to={}), r"case .*: expected\.full_grads: names no parameter, .*"),
    (edit(*MAX_LAG, "params", "W_hh"), r"case truncated-max-lag: model: no parameter has the role 'recurrent': .*"),
    (edit(*MAX_LAG, "params", "extra", to=[1.0]), r"case truncated-max-lag: parameter 'extra' is unknown: .*"),
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
        (b'{"cases": ' + b"9" * 5000 + b"}", r": is not JSON that can be read: .* digits"),
        (b"[]", r": holds a list, it must be an object .*$"),
    ):
        path.write_bytes(content)
        with pytest.raises(CaseError, match=message):
            compare_cases(path)


def test_a_byte_order_mark_before_the_file_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_bytes(b"\xef\xbb\xbf" + FILE.read_bytes())
    assert compare_cases(path).ok


def test_a_file_of_other_known_groups_compares_nothing_and_says_so(data: dict[str, Any], tmp_path: Path) -> None:
    data["cases"] = data["cases"][-1:]
    report = compare_cases(written(tmp_path, data))
    said = json.loads(report.to_json())
    assert (report.ok, said["ok"], said["compared"], said["cases"], said["unsupported"]) == (
        True, True, 0, [], ["gated-stub"]
    )  # fmt: skip


# ---- the truncated group ----


@pytest.mark.parametrize(
    ("path", "about"),
    [
        (("loss",), "loss"),
        (("grads", "W_hh"), "parameter W_hh"),
        (("grads", "W_out"), "parameter W_out"),
        (("full_grads", "b"), "whole gradient of parameter b"),
        (("mask",), "mask"),
        (("blocks",), "blocks"),
    ],
)
@pytest.mark.parametrize("number", [5, 6, 7])
def test_any_expected_number_of_a_truncation_that_is_off_is_named(
    data: dict[str, Any], tmp_path: Path, number: int, path: tuple[str, ...], about: str
) -> None:
    case = data["cases"][number]
    place = case["expected"]
    for key in path[:-1]:
        place = place[key]
    if path == ("mask",):
        place["mask"][4][0] = 1 - place["mask"][4][0]
    elif path == ("blocks",):
        place["blocks"][-1]["window"][0] += 1
    else:
        place[path[-1]] = nudged(place[path[-1]])
    report = compare_cases(written(tmp_path, data))
    assert [case.id for case in report.cases if not case.ok] == [case["id"]]
    assert len(report.problems) == 2
    for problem, witness in zip(report.problems, ("tape", "closed form"), strict=True):
        assert problem.startswith(f"case {case['id']}: {witness}, {about}: relative error ")


@pytest.mark.parametrize("number", [5, 6, 7])
def test_the_truncated_gradient_is_not_mistaken_for_the_whole_one(
    data: dict[str, Any], tmp_path: Path, number: int
) -> None:
    expected = data["cases"][number]["expected"]
    expected["grads"] = expected["full_grads"]
    report = compare_cases(written(tmp_path, data))
    named = {row.quantity for row in report.rows if not row.ok}
    assert named == {"grads.W_ih", "grads.W_hh", "grads.b"}, "the readout is not truncated"


def test_a_truncated_case_may_say_roles_and_expect_no_more_than_loss_and_gradients(
    data: dict[str, Any], tmp_path: Path
) -> None:
    case = data["cases"][5]
    case["model"] |= {"roles": make.TRUNCATED_ROLES, "many_to_one": False}
    case["expected"] = {key: case["expected"][key] for key in ("loss", "grads")}
    report = compare_cases(written(tmp_path, data))
    assert report.ok
    assert {row.quantity for row in report.cases[5].rows} == {
        "loss", *(f"grads.{name}" for name in make.TRUNCATED_ROLES)
    }  # fmt: skip


def test_tape_and_closed_form_make_their_masks_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    true = MASKS["max_lag"]
    monkeypatch.setitem(MASKS, "max_lag", lambda T, tau: true(T, tau + 1))  # type: ignore[arg-type]
    report = compare_cases(FILE)
    assert {(row.case, row.witness) for row in report.rows if not row.ok} == {("truncated-max-lag", "closed_form")}


# ---- families ----


def test_families_are_compared_on_published_cases_and_timed() -> None:
    report = compare_cases(FILE, families="DEFZP")
    assert report.ok
    for case in report.cases:
        if case.group == "truncated":
            assert (case.witnesses, dict(case.seconds), case.absent) == (("tape", "closed_form"), {}, ())
            continue
        linear = case.id == "col-linear"
        letters = "DEFZP" if linear else "DEFZ"
        assert "".join(witness for witness in case.witnesses if len(witness) == 1) == letters
        assert set(case.seconds) == {"tape", *letters} and all(time > 0.0 for time in case.seconds.values())
        assert [letter for letter, _ in case.absent] == ([] if linear else ["P"])
        for letter in letters:
            rows = {row.quantity for row in case.rows if row.witness == letter}
            assert rows == {row.quantity for row in case.rows if row.quantity.startswith("grads.")}
    with pytest.raises(CaseError, match=r"^no family is called 'Q': choose among D \(backward δ recursion\), E "):
        compare_cases(FILE, families="EQ")
