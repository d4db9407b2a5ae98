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
OF_THREE_STEPS = {"002.yhat", "002.L", "002.chain2", "002.chain3", "002.prod3"}  # fewer have no such formula
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
    wrong = [(entry.printed, entry.blind, None)] if entry.kind == "wrong" else []
    wrong += [(reading.evaluate, reading.blind, reading.reference) for reading in entry.readings if not reading.right]
    for evaluate, blind, reference in wrong:
        for name, setting in SETTINGS.items():
            if name not in blind and not (entry.id in OF_THREE_STEPS and setting.T[1] < 4):
                assert not measured(entry, evaluate, name, TEN, name, reference).agrees, name


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
