"""Every formula of the many-to-one notes and of Hao Ni's slides: its verdict, and the sizes that hide its misprint."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinygrad_rnn.derivations import SEEING, SETTINGS, Entry, catalogue, formula, measure, measure_blind, measured

IDS = {
    "many_to_one": "o1-3 yhat L upd wo.head wo wi.3 wi.sum wh.3 wh.sum delta chain2 chain3 j3 j10 frag prod3 ot prodf "
    "range",
    "hao_ni": "L E dL dEdV dEdU dEdW dEdo (1) (2) doV ind rec proof2 (3) (4) alg.1 alg.2 alg.3-6 alg.8 delta",
}
NUMBERS = {"many_to_one": "002", "hao_ni": "003"}
WRONG = {
    "002.wo", "002.chain2", "002.chain3", "002.j3", "002.prod3", "002.prodf",
    "003.dEdU", "003.alg.1", "003.alg.3-6",
}  # fmt: skip
# of which sequences the printed formulas speak that name a step
LEAST_STEPS = {
    "002.o1-3": 3, "002.wi.3": 3, "002.wh.3": 3, "002.chain2": 2, "002.chain3": 3, "002.prod3": 3, "003.proof2": 2,
}  # fmt: skip
ENTRIES = [entry for source in IDS for entry in catalogue(source)]
TEN = tuple(range(10))


@pytest.mark.parametrize("source", IDS)
def test_every_formula_of_the_source_is_an_entry_once(source: str) -> None:
    expected = [f"{NUMBERS[source]}.{id_}" for id_ in IDS[source].split()]
    assert sorted(entry.id for entry in catalogue(source)) == sorted(expected)
    assert all(entry.source == source for entry in catalogue(source))


def test_the_wrong_ones_are_these() -> None:
    assert {entry.id for entry in ENTRIES if entry.kind == "wrong"} == WRONG
    assert {entry.id for entry in ENTRIES if entry.kind == "shapes"} == {"002.j10"}
    assert {entry.id for entry in ENTRIES if entry.kind == "debris"} == {"002.frag", "003.alg.2"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_the_verdict_is_borne_out_by_numbers(entry: Entry) -> None:
    verdict = measure(entry, TEN)
    assert verdict.holds, verdict
    if entry.kind == "wrong":
        assert verdict.median is not None
        assert verdict.median > 0.1
        assert entry.corrected_latex


@pytest.mark.parametrize("entry", [e for e in ENTRIES if measure_blind(e, (0,))], ids=lambda entry: entry.id)
def test_the_blind_sizes_let_the_misprint_pass(entry: Entry) -> None:
    for seen in measure_blind(entry, TEN):
        assert seen.agrees, seen


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_sizes_that_are_not_named_blind_show_the_misprint(entry: Entry) -> None:
    wrong = [(entry.printed, entry.blind, None)] if entry.kind == "wrong" or entry.misprint else []
    wrong += [(reading.evaluate, reading.blind, reading.reference) for reading in entry.readings if not reading.right]
    for evaluate, blind, reference in wrong:
        for name in SETTINGS:
            found = measured(entry, evaluate, name, TEN, name, reference)
            assert found.agrees == (name in blind), (name, found)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_formula_of_a_longer_sequence_says_that_it_is_not_defined_in_a_shorter_one(entry: Entry) -> None:
    least = LEAST_STEPS.get(entry.id, 1)
    for name, setting in SETTINGS.items():
        found = measured(entry, entry.printed, name, (0, 1), name)
        said = f"not defined below {least} steps" if setting.T[1] < least else ""
        assert found.undefined == said, name
        if said:
            assert (found.max, found.agrees, found.differs) == (None, False, False)
    assert measure(entry, (0,)).undefined == (f"not defined below {least} steps" if least > 1 else "")


@pytest.mark.parametrize("id_", ["002.chain2", "002.chain3", "002.prod3"])
def test_called_on_too_short_a_sequence_a_formula_raises_one_clear_value_error(id_: str) -> None:
    entry = formula(id_)
    assert entry.draw is not None
    one_step = entry.draw(np.random.default_rng(0), SETTINGS["T = 1"])
    for evaluate in (entry.printed, *(reading.evaluate for reading in entry.readings)):
        assert evaluate is not None
        with pytest.raises(ValueError, match=r"^not defined below [23] steps$"):
            evaluate(one_step)


def test_the_gradient_of_w_o_as_printed_is_zero() -> None:
    verdict = measure(formula("002.wo"))
    assert verdict.median == verdict.max == 1.0


def test_a_y_hat_without_sigma_is_wrong_and_has_no_loss() -> None:
    verdict = measure(formula("002.yhat"))
    assert verdict.median is not None
    assert verdict.median > 0.1
    assert verdict.readings[0].median == np.inf


def test_the_algorithm_of_hao_ni_is_wrong_for_u_at_one_step_and_hidden_for_w() -> None:
    entry = formula("003.alg.3-6")
    of_u, of_w, of_w_from_zero = entry.readings[:3]
    one_step = "T = 1, h0 = 0"
    assert measured(entry, of_u.evaluate, "U", TEN, one_step, of_u.reference).median > 0.1  # type: ignore[operator]
    for reading in (of_w, of_w_from_zero):
        assert measured(entry, reading.evaluate, "W", TEN, one_step, reading.reference).agrees


def test_the_step_of_the_induction_is_exact_in_whole_numbers_and_needs_the_descending_product() -> None:
    step, ascending = measure(formula("003.ind"), TEN).readings
    assert (step.max, step.trials) == (0.0, 10)
    assert ascending.median is not None
    assert ascending.median > 0.01


def test_induction_is_verified_and_not_claimed() -> None:
    entry = formula("003.ind")
    assert "No proof" in entry.remark
    assert entry.draw is not None
    assert entry.printed is not None
    instance = entry.draw(np.random.default_rng(0), SETTINGS[SEEING])
    assert len(entry.printed(instance)) == 2 * 6  # U and W, t = 1 … 6


def test_latex_has_no_dollar_signs_and_balanced_braces() -> None:
    for entry in ENTRIES:
        for latex in (entry.latex_printed, entry.corrected_latex):
            assert "$" not in latex
            bare = re.sub(r"\\[{}]", "", latex)
            assert bare.count("{") == bare.count("}"), entry.id
