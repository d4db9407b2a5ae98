"""All five derivations agree with tape, closed form and complex step, and a report says who does not."""

import json
import math

import numpy as np
import pytest

from tinygrad_rnn.check import CaseError, CaseResult, Report, compare_derivations, random_instance
from tinygrad_rnn.check.report import compare_reading, row
from tinygrad_rnn.derivations import DERIVATIONS
from tinygrad_rnn.spec import Sizes, Spec


@pytest.fixture(scope="module")
def report() -> Report:
    return compare_derivations()


def test_all_five_agree_far_below_the_tolerance(report: Report) -> None:
    assert report.ok
    assert report.problems == ()
    assert {case.derivation for case in report.cases} == set(DERIVATIONS)
    assert max(row.relative for row in report.rows) < 1e-12


def test_every_derivation_is_compared_where_mistakes_show_and_at_the_edges(report: Report) -> None:
    for name in DERIVATIONS:
        words = [case.description for case in report.cases if case.derivation == name]
        assert any("T=5 B=3 d=2 m=3" in text and "h0 = 0" not in text and "identity iden" not in text for text in words)
        assert any("T=1 " in text for text in words)
        assert any("B=1 " in text for text in words)
        assert any("h0 = 0" in text for text in words)


def test_every_parameter_has_a_row_for_every_witness_and_contributions_for_two(report: Report) -> None:
    for name, derivation in DERIVATIONS.items():
        first = next(case for case in report.cases if case.derivation == name)
        assert first.witnesses == ("tape", "closed_form", "transcription", "complex_step")
        for witness in first.witnesses:
            quantities = {row.quantity for row in first.rows if row.witness == witness}
            assert {f"grads.{parameter}" for parameter in derivation.specs[0].names} <= quantities
            if witness in ("tape", "closed_form"):
                tables = {f"contrib_full.{parameter}" for parameter in derivation.specs[0].recurrent_names}
                assert tables | {"loss", "dx", "dh0"} <= quantities


def test_names_choose_and_a_seed_decides_the_numbers() -> None:
    first, again, other = (compare_derivations(["hao_ni"], seed) for seed in (1, 1, 2))
    assert {case.derivation for case in first.cases} == {"hao_ni"}
    assert first.rows == again.rows != other.rows
    assert other.ok


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CaseError, match=r"^no derivation is called 'pascanu': choose among onecademy, .*d2l$"):
        compare_derivations(["d2l", "pascanu"])


def test_instances_suit_every_mistake() -> None:
    spec = Spec(activation="relu")
    instance = random_instance(spec, Sizes(5, 3, 2, 3, 2), seed=3)
    assert not np.allclose(instance.params["W"], instance.params["W"].T)
    assert np.all(instance.h0 != 0.0)
    a = instance.x[0] @ instance.params["U"].T + instance.h0 @ instance.params["W"].T + instance.params["b"]
    assert np.min(np.abs(a)) > 1e-2
    with pytest.raises(ValueError, match=r"^no relu instance of .*: use smaller sizes$"):
        random_instance(spec, Sizes(4, 60, 2, 9, 2), seed=3)


def one_case(*rows: object) -> Report:
    return Report("title", (CaseResult("k-1", "hao_ni", "small", tuple(rows)),), (("lstm-1", "gated"),))  # type: ignore[arg-type]


def test_a_wrong_gradient_is_reported_with_derivation_parameter_and_amount() -> None:
    wrong = row("k-1", "hao_ni", "closed_form", "grads.W", [3.0, 4.5], [3.0, 4.0], "truth")
    right = row("k-1", "hao_ni", "tape", "grads.W", [3.0, 4.0], [3.0, 4.0], "truth")
    report = one_case(right, wrong)
    assert not report.ok
    assert (wrong.relative, wrong.max_abs) == (0.1, 0.5)
    assert report.problems == (
        "hao_ni, case k-1: closed form, parameter W: relative error 1.00e-01 (at most 1e-10), absolute 5.00e-01, "
        "against the truth",
    )
    assert report.explain() == (
        "title",
        "  NOT k-1  small: tape 0.0e+00, closed form 1.0e-01",
        f"  {report.problems[0]}",
        "  not supported: case lstm-1 (group gated)",
        "0 of 1 cases agree, 1 not supported",
    )


def test_nan_infinity_a_wrong_shape_and_a_witness_that_raises_are_never_ok() -> None:
    def fails() -> dict[str, object]:
        raise IndexError("no step 6\nmore")

    nan = row("k-1", "", "tape", "grads.W", [math.nan], [1.0], "truth")
    shape = row("k-1", "", "closed_form", "grads.W", [1.0, 1.0], [[1.0, 1.0]], "truth")
    (raised,) = compare_reading("k-1", "", "transcription", fails, {"grads.W": [1.0]}, "truth")
    (silent,) = compare_reading("k-1", "", "complex_step", lambda: {"grads.U": [1.0]}, {"grads.W": [1.0]}, "truth")
    report = one_case(nan, shape, raised, silent)
    assert [row.ok for row in report.rows] == [False] * 4
    assert shape.problem == "case k-1: closed form, parameter W: has shape (2,), the truth has (1, 2)"
    assert raised.problem.endswith("parameter W: raised IndexError: no step 6")
    assert silent.problem.endswith("parameter W: gave nothing")
    assert "the two forward passes disagree" in "\n".join(report.explain())
    assert json.loads(report.to_json())["cases"][0]["tape"] == {"max_rel_error": None}


def test_a_relative_error_is_measured_against_at_least_1e_minus_12() -> None:
    tiny = row("k-1", "", "tape", "grads.W", [1e-23], [0.0], "truth")
    assert tiny.relative == pytest.approx(1e-11)
    assert tiny.ok
    assert not row("k-1", "", "tape", "grads.W", [1e-21], [0.0], "truth").ok


def test_json_has_one_entry_per_case(report: Report) -> None:
    data = json.loads(report.to_json())
    assert data["ok"] is True
    assert data["unsupported"] == data["problems"] == []
    assert [case["id"] for case in data["cases"]] == [case.id for case in report.cases]
    for case in data["cases"]:
        assert case["ok"] is True
        assert case["tape"]["max_rel_error"] < 1e-12
        assert case["closed_form"]["max_rel_error"] < 1e-12
