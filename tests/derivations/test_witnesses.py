"""Every formula has a number that a mistake in it would change: what is evaluated and its witness share no mistake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tinygrad_rnn.derivations import Entry, catalogue, formula, measure, measuring

SEEDS = (0, 1, 2)
# (formula, file of the function, function): the formula needs it, and its witness must not
PARTS = [
    ("000.text", "onecademy_formulas", "dh_dh"),
    ("000.meansum", "onecademy_formulas", "total"),
    ("000.V", "onecademy_formulas", "dyhat_dz"),
    ("001.dL.1", "stackexchange_formulas", "dL_dO"),
    ("001.dL.4", "stackexchange_formulas", "dL_dO"),
    ("002.yhat", "many_to_one_formulas", "sigma"),
    ("002.L", "many_to_one_entries", "dL_dyhat"),
    ("002.upd", "many_to_one_entries", "explicit_sum"),
    ("002.upd", "many_to_one_entries", "delta_form"),
    ("002.range", "many_to_one_entries", "_bounds"),
    ("003.dEdo", "hao_ni_entries", "dE_do"),
    ("003.rec", "hao_ni_formulas", "immediate"),
    ("003.(3)", "hao_ni_formulas", "J"),
    ("003.ind", "hao_ni_formulas", "J"),
    ("003.ind", "hao_ni_entries", "_sum_of_arbitrary"),
    ("003.alg.8", "hao_ni_formulas", "dE_do"),
    ("004.9.7.3", "d2l_formulas", "df_dh"),
]


@pytest.fixture
def nothing_remembered() -> Iterator[None]:
    """Instances and witnesses are found anew, so that a function that is replaced is called."""
    for remembered in (measuring._instance, measuring._wanted):
        remembered.cache_clear()
    yield
    for remembered in (measuring._instance, measuring._wanted):
        remembered.cache_clear()


@pytest.mark.parametrize(("id_", "module", "name"), PARTS, ids=[f"{id_}-{name}" for id_, _, name in PARTS])
def test_a_mistake_in_what_a_formula_is_made_of_is_seen_by_its_witness(
    id_: str, module: str, name: str, monkeypatch: pytest.MonkeyPatch, nothing_remembered: None
) -> None:
    room = sys.modules[f"tinygrad_rnn.derivations.{module}"]
    function = getattr(room, name)

    def smaller(*given: Any, **more: Any) -> Any:
        value = function(*given, **more)
        return tuple(0.999 * part for part in value) if isinstance(value, tuple) else 0.999 * value

    monkeypatch.setattr(room, name, smaller)
    assert not measure(formula(id_), SEEDS).holds


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_every_correction_has_a_number_and_what_has_none_says_why(entry: Entry) -> None:
    verdict = measure(entry, SEEDS)
    if entry.corrected_latex:
        assert verdict.residual is not None
        assert verdict.residual <= 1e-10
    elif verdict.max is None:
        assert "othing to evaluate" in entry.remark or "a definition" in entry.remark


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_no_formula_is_its_own_witness(entry: Entry) -> None:
    for evaluate, witness in (
        (entry.printed, entry.reference),
        (entry.corrected, entry.corrected_reference or entry.reference),
        *((reading.evaluate, reading.reference or entry.reference) for reading in entry.readings),
    ):
        assert evaluate is None or evaluate is not witness
