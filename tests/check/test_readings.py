"""Singular values of dh_t/dh_k, off the tape and off the closed form, are those of a Jacobian by the complex step."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.agreement import arguments, relative_error
from tests.cases import make
from tinygrad_rnn import bptt
from tinygrad_rnn.check import CaseError, Instance, compare_cases, complex_step, random_instance, read_cases
from tinygrad_rnn.check.readings import closed_form_singular_values, tape_singular_values
from tinygrad_rnn.spec import Sizes, Spec

QUANTITY = "jac_singular_values"


def by_complex_step(instance: Instance) -> Any:
    """[k, t − k] of dh_t/dh_k, by a run that starts at a moved h_k."""
    spec, params, x, y, h0 = arguments(instance)
    states, T = bptt.forward(spec, params, x, y, h0).h, len(x)
    table = np.zeros((T + 1, T + 1, h0.shape[-1]))
    table[:, 0] = 1.0
    for k in range(T):
        later = complex_step(lambda at, k=k: bptt.forward(spec, params, x[k:], y[k:], at["h"]).h, {"h": states[k]})["h"]
        for t in range(k + 1, T + 1):
            table[k, t - k] = np.linalg.svd(later[t - k][0, :, 0], compute_uv=False)
    table[T, 1:] = 0.0
    return table


@pytest.mark.parametrize(
    "spec", [Spec(), Spec(convention="row", activation="sigmoid", loss="sq_err")], ids=["col tanh", "row sigmoid"]
)
def test_singular_values_of_every_product_of_jacobians(spec: Spec) -> None:
    instance = random_instance(spec, Sizes(5, 1, 2, 3, 2), seed=2)
    known = by_complex_step(instance)
    assert np.ptp(known[0, 1]) > 1e-2, "singular values that differ"
    for read in (tape_singular_values, closed_form_singular_values):
        assert relative_error(read(instance)[QUANTITY], known) < 1e-12


@pytest.fixture
def data() -> dict[str, Any]:
    """The shipped cases, with singular values expected of the linear one."""
    data = json.loads(make.FILE.read_text(encoding="utf-8"))
    instance = next(case.instance for case in read_cases(make.FILE).cases if case.id == "col-linear")
    known = by_complex_step(instance)
    data["cases"][3]["expected"][QUANTITY] = [known[k, : 6 - k].tolist() for k in range(6)]
    return data


def written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_a_case_that_expects_singular_values_is_held_to_them(data: dict[str, Any], tmp_path: Path) -> None:
    report = compare_cases(written(tmp_path, data))
    assert report.ok
    assert [row.witness for row in report.rows if row.quantity == QUANTITY] == ["tape", "closed_form"]
    data["cases"][3]["expected"][QUANTITY][1][2][0] += 1e-6
    report = compare_cases(written(tmp_path, data))
    assert {(row.case, row.quantity) for row in report.rows if not row.ok} == {("col-linear", QUANTITY)}
    assert len(report.problems) == 2


@pytest.mark.parametrize(
    ("place", "to", "said"),
    [
        ((), {}, "must be a list of 6 lists, for k = 0 to 5"),
        ((), [[1.0]], "must be a list of 6 lists, for k = 0 to 5"),
        ((2,), [[1.0, 1.0]], r"k = 2: has shape \(1, 2\), it must be \(4, 2\)"),
        ((2, 1), [1.0], "k = 2: its rows are not equally long"),
        ((0, 0, 0), "one", "k = 0: holds something that is not a number"),
    ],
)
def test_malformed_singular_values_are_refused_in_one_line(
    data: dict[str, Any], tmp_path: Path, place: tuple[int, ...], to: Any, said: str
) -> None:
    broken: Any = data["cases"][3]["expected"]
    path = [QUANTITY, *place]
    for key in path[:-1]:
        broken = broken[key]
    broken[path[-1]] = copy.deepcopy(to)
    with pytest.raises(CaseError, match=rf"case col-linear: expected\.{QUANTITY}: {said}") as error:
        read_cases(written(tmp_path, data))
    assert "\n" not in str(error.value)
