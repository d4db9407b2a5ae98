"""Every formula of 1Cademy, Stack Exchange and the slides after d2l, and how the entries of all are measured."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from tests.agreement import relative_error
from tests.cases import plain
from tinygrad_rnn.derivations import (
    DERIVATIONS,
    KINDS,
    SEEING,
    SETTINGS,
    CatalogueError,
    Entry,
    Measured,
    Reading,
    catalogue,
    d2l_formulas,
    formula,
    measure,
    measure_blind,
    measured,
    onecademy_formulas,
    stackexchange_formulas,
)
from tinygrad_rnn.derivations.measuring import complex_step, disagreement

IDS = {
    "onecademy": "000.h 000.oplus 000.text 000.J 000.meansum 000.V 000.W.1 000.W.2 000.U.1 000.U.2 000.b 000.delta",
    "stackexchange": "001.A1 001.A2 001.H 001.o 001.softmax 001.loss 001.loss.swapgrad 001.U 001.dL.1 001.dL.2 "
    "001.dL.3 001.dL.4 001.dL 001.frob 001.frobdef 001.do 001.dA 001.W 001.V 001.b 001.c",
    "d2l": "004.9.7.1 004.9.7.2 004.9.7.3 004.9.7.4 004.9.7.5 004.9.7.7 004.trunc 004.lin 004.9.7.11 004.9.7.12 "
    "004.9.7.13 004.9.7.14 004.9.7.15 004.9.7.16",
}
ENTRIES = [entry for source in IDS for entry in catalogue(source)]
SEEDS = tuple(range(10))
WRONG_STATEMENTS = {"000.h", "001.A1", "001.softmax", "001.loss"}  # of the models
# What has been measured elsewhere, over instances of other sizes: the same to one order of magnitude.
KNOWN = {
    ("001.softmax", None): 2.3,
    ("001.loss", None): 0.25,
    ("001.U", None): 0.93,
    ("000.W.1", "last factor total"): 0.31,
    ("001.loss", "its gradient with respect to o"): 0.86,
    ("004.9.7.3", "last factor immediate"): 0.18,
    ("004.9.7.5", "any matrices, a_0 not 0"): 0.19,
    ("004.9.7.5", "any matrices, product ascending"): 1.1,
    ("004.9.7.7", "product ascending"): 0.04,
    ("004.9.7.15", "index i instead"): 0.78,
}
# error class -> where it is found, as (ID, reading), and every size that cannot see it
TOTAL, ORDER, TRANSPOSE, WEIGHT, SUM = "total for immediate", "ascending order", "W not transposed", "1/T", "sum over t"
ONE_STEP = {"T = 1", "T = 1, h0 = 0"}
TWO_STEPS = {*ONE_STEP, "T = 2", "T = 2, h0 = 0"}
BLIND_BY_ERROR = {
    (TOTAL, "000.W.1", "last factor total"): {*ONE_STEP, "T = 2, h0 = 0"},
    (TOTAL, "000.U.1", "last factor total"): ONE_STEP,
    (TOTAL, "001.dL.1", "summed over t, da total"): ONE_STEP,
    (TOTAL, "004.9.7.3", "last factor immediate, entries of W_hh only"): {*ONE_STEP, "T = 2, h0 = 0"},
    (TOTAL, "004.9.7.16", "both total, W_hh only"): {*ONE_STEP, "T = 2, h0 = 0"},
    (ORDER, "000.W.2", "product ascending"): {*TWO_STEPS, "T = 3, h0 = 0", "m = 1", "identity activation"},
    (ORDER, "000.U.2", "product ascending"): {*TWO_STEPS, "m = 1", "identity activation"},
    (ORDER, "004.9.7.5", "any matrices, product ascending"): {*TWO_STEPS, "m = 1"},
    (TRANSPOSE, "000.delta", "a common slip: W where its transpose should stand"): {*ONE_STEP, "m = 1", "symmetric W"},
    (TRANSPOSE, "001.dA", "a common slip: W where its transpose should stand"): {*ONE_STEP, "m = 1", "symmetric W"},
    (WEIGHT, "000.meansum", "a common slip: 1/T left out"): ONE_STEP,
    (WEIGHT, "001.do", "a common slip: 1/T left out"): ONE_STEP,
    (SUM, "001.U", None): ONE_STEP,
    (SUM, "004.9.7.16", "a common slip: the sum over t left out, t = T alone"): ONE_STEP,
}


def wrong_parts(entry: Entry) -> list[tuple[str, Any, tuple[str, ...], Any]]:
    """(words, function, blind settings, witness) of everything about an entry that is wrong and can be evaluated."""
    printed = entry.kind == "wrong" or (entry.id in WRONG_STATEMENTS and entry.printed is not None)
    parts = [("printed", entry.printed, entry.blind, entry.reference)] if printed else []
    return parts + [(r.words, r.evaluate, r.blind, r.reference) for r in entry.readings if not r.right]


def read(id_: str, words: str | None, setting: str = SEEING) -> Measured:
    """What one reading of an entry measures in a setting; the printed formula where no words are given."""
    entry = formula(id_)
    if words is None:
        return measured(entry, entry.printed, "printed", SEEDS, setting)
    reading = next(reading for reading in entry.readings if reading.words == words)
    return measured(entry, reading.evaluate, words, SEEDS, setting, reading.reference)


# ---- the entries


@pytest.mark.parametrize("source", IDS)
def test_every_formula_of_the_source_is_an_entry_once(source: str) -> None:
    assert sorted(entry.id for entry in catalogue(source)) == sorted(IDS[source].split())
    assert {entry.source for entry in catalogue(source)} == {source}


def test_the_whole_catalogue_is_the_five_sources_and_no_id_stands_twice() -> None:
    everything = catalogue()
    assert len({entry.id for entry in everything}) == len(everything)
    assert tuple(dict.fromkeys(entry.source for entry in everything)) == tuple(DERIVATIONS)
    for entry in everything:
        assert entry.kind in KINDS, entry.id
        assert entry.meaning, entry.id
        assert set(entry.family) <= set("DEFZPTVOM/→"), entry.id
        assert entry.family, entry.id
        assert entry.corrected_latex or not entry.supplied, entry.id
        named = {*entry.blind, *(s for r in entry.readings for s in (r.setting, *r.blind))}
        assert named <= set(SETTINGS), entry.id


def test_the_wrong_ones_and_the_debris_are_these() -> None:
    kinds = {entry.id: entry.kind for entry in ENTRIES}
    assert {id_ for id_, kind in kinds.items() if kind == "wrong"} == {"001.U"}
    assert {id_ for id_, kind in kinds.items() if kind == "debris"} == {"000.text", "004.trunc"}
    wrong = {e.id for e in ENTRIES if e.kind == "model" and e.printed and not measure(e, SEEDS).agrees}
    assert wrong == WRONG_STATEMENTS


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_the_verdict_is_borne_out_by_numbers(entry: Entry) -> None:
    verdict = measure(entry, SEEDS)
    assert verdict.holds, verdict
    if entry.kind in ("right", "wrong"):
        assert verdict.trials == len(SEEDS)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if wrong_parts(entry)], ids=lambda entry: entry.id)
def test_a_misprint_passes_in_its_blind_settings_and_is_seen_in_every_other(entry: Entry) -> None:
    for words, evaluate, blind, reference in wrong_parts(entry):
        for setting in SETTINGS:
            found = measured(entry, evaluate, f"{words}: {setting}", SEEDS, setting, reference)
            assert found.agrees == (setting in blind), found


@pytest.mark.parametrize(("error", "id_", "words"), BLIND_BY_ERROR, ids=str)
def test_sizes_that_cannot_see_an_error(error: str, id_: str, words: str | None) -> None:
    blind = BLIND_BY_ERROR[error, id_, words]
    for setting in set(SETTINGS) - {"dead relu"}:  # which hides what passes through the state, and is no common test
        assert read(id_, words, setting).agrees == (setting in blind), setting


@pytest.mark.parametrize(("id_", "words"), KNOWN, ids=str)
def test_disagreements_are_of_the_known_size(id_: str, words: str | None) -> None:
    median = read(id_, words).median
    assert median is not None
    assert KNOWN[id_, words] / 10.0 < median < KNOWN[id_, words] * 10.0


def test_a_total_last_factor_is_seen_for_u_from_two_steps_on_and_not_for_w() -> None:
    assert not read("000.U.1", "last factor total", "T = 2, h0 = 0").agrees
    assert read("000.W.1", "last factor total", "T = 2, h0 = 0").agrees


def test_swapped_cross_entropy_is_infinite_on_one_hot_targets() -> None:
    assert read("001.loss", "with one-hot targets: infinite").median == np.inf


def test_the_circled_plus_does_not_compose_with_one_bias() -> None:
    assert not measure(formula("000.h"), SEEDS).composes


def test_latex_has_no_dollar_signs_and_balanced_braces() -> None:
    for entry in ENTRIES:
        for latex in (entry.latex_printed, entry.corrected_latex):
            assert "$" not in latex
            bare = re.sub(r"\\[{}]", "", latex)
            assert bare.count("{") == bare.count("}"), entry.id
            assert not re.search(r"\\partial[A-Z]", latex), entry.id


# ---- the witnesses


def test_the_loss_of_each_source_is_a_plain_python_networks() -> None:
    words = {"time_weight": "1/T", "batch_reduction": "sum", "many_to_one": False, "activation": "tanh"}
    rng = np.random.default_rng(5)
    s = onecademy_formulas.draw(rng, SETTINGS[SEEING])
    roles = {"U": "input", "W": "recurrent", "b_h": "hidden_bias", "V": "output", "b_y": "output_bias"}
    model = {**words, "convention": "col", "output_activation": "softmax", "loss": "softmax_ce", "roles": roles}
    params = {name: getattr(s, name).tolist() for name in roles}
    expected = plain.run(model, params, s.x[:, None].tolist(), s.y[:, None].tolist(), [s.h0.tolist()]).step_losses
    assert relative_error(onecademy_formulas.step_losses(s), np.real(expected)) < 1e-12

    b = stackexchange_formulas.draw(rng, SETTINGS[SEEING])
    roles = {"U": "input", "W": "recurrent", "b": "hidden_bias", "V": "output", "c": "output_bias"}
    model = {**words, "convention": "row", "output_activation": "softmax", "loss": "softmax_ce", "roles": roles}
    params = {name: getattr(b, name).tolist() for name in "WbVc"} | {"U": b.U[0].tolist()}
    loss = plain.run(model, params, b.X.tolist(), b.Y.tolist(), b.H0.tolist()).loss
    assert relative_error(stackexchange_formulas.loss(b), loss.real) < 1e-12

    g = d2l_formulas.draw_general(rng, SETTINGS[SEEING])
    roles = {"W_hx": "input", "W_hh": "recurrent", "b": "hidden_bias", "w_o": "output"}
    model = {**words, "convention": "col", "output_activation": "tanh", "loss": "half_mse", "roles": roles}
    W_hh, W_hx, bias = d2l_formulas.weights(g)
    params = {"W_hx": W_hx.tolist(), "W_hh": W_hh.tolist(), "b": bias.tolist(), "w_o": g.w_o.tolist()}
    loss = plain.run(model, params, g.x[:, None].tolist(), g.y[:, None].tolist(), [g.h_0.tolist()]).loss
    assert relative_error(d2l_formulas.loss(g), loss.real) < 1e-12

    linear = d2l_formulas.draw_linear(rng, SETTINGS[SEEING])
    roles = {"W_hx": "input", "W_hh": "recurrent", "W_qh": "output"}
    model = {**words, "convention": "col", "output_activation": "identity", "loss": "softmax_ce", "roles": roles}
    model["activation"] = "identity"
    params = {name: getattr(linear, name).tolist() for name in roles}
    x, y = linear.x[:, None].tolist(), linear.y[:, None].tolist()
    loss = plain.run(model, params, x, y, [linear.h_0.tolist()]).loss
    assert relative_error(d2l_formulas.linear_loss(linear), loss.real) < 1e-12


def test_the_complex_step_gives_the_derivative_of_a_function_by_a_matrix() -> None:
    A, v = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.0])
    jacobian = complex_step(lambda moved: np.tanh(moved @ v), A)
    assert jacobian.shape == (2, 2, 2)
    expected = np.eye(2)[:, :, None] * v * (1.0 - np.tanh(A @ v) ** 2)[:, None, None]
    assert relative_error(jacobian, expected) < 1e-12


def test_settings_are_what_their_words_say() -> None:
    rng = np.random.default_rng(3)
    for draw in (onecademy_formulas.draw, d2l_formulas.draw_general, d2l_formulas.draw_linear):
        deep = draw(rng, SETTINGS[SEEING])
        assert deep.T >= 4
        assert draw(rng, SETTINGS["T = 3, h0 = 0"]).T == 3
    s = onecademy_formulas.draw(rng, SETTINGS["T = 2, h0 = 0"])
    assert np.all(s.h0 == 0.0)
    W = onecademy_formulas.draw(rng, SETTINGS["symmetric W"]).W
    assert np.array_equal(W, W.T)
    assert onecademy_formulas.draw(rng, SETTINGS["m = 1"]).W.shape == (1, 1)
    W = onecademy_formulas.draw(rng, SETTINGS[SEEING]).W
    assert not np.allclose(W, W.T)


# ---- measuring


def an_entry(**changes: Any) -> Entry:
    """x² of a random number, and its derivative."""
    entry = Entry(
        "000.square",
        "onecademy",
        "2x",
        "",
        "right",
        printed=lambda x: 2.0 * x,
        reference=lambda x: complex_step(lambda moved: (moved * moved).sum(), x),
        draw=lambda rng, setting: rng.normal(size=setting.sizes(rng)),
    )
    return dataclasses.replace(entry, **changes)


def test_a_claim_that_the_numbers_do_not_bear_out_does_not_hold() -> None:
    assert measure(an_entry()).holds
    assert not measure(an_entry(printed=lambda x: 3.0 * x)).holds
    assert not measure(an_entry(kind="wrong")).holds
    assert measure(an_entry(kind="wrong", printed=lambda x: 3.0 * x)).median == pytest.approx(0.5)
    assert not measure(an_entry(kind="wrong", printed=lambda x: (2.0 + 1e-9) * x)).holds
    assert not measure(an_entry(kind="wrong", printed=lambda x: 3.0 * x, corrected=lambda x: 2.1 * x)).holds
    assert not measure(an_entry(kind="shapes")).holds
    assert measure(an_entry(kind="shapes", printed=lambda x: x + np.zeros(7))).holds
    assert not measure(an_entry(readings=(Reading("wrong, it says", lambda x: 2.0 * x),))).holds
    assert not measure(an_entry(readings=(Reading("right, it says", lambda x: x, right=True),))).holds


def test_a_formula_that_composes_in_some_instances_only_is_not_right() -> None:
    verdict = measure(an_entry(printed=lambda x: 2.0 * x + np.zeros(2)), SEEDS)  # where m = 2
    assert verdict.composes
    assert verdict.max == np.inf
    assert not verdict.holds


def test_a_blind_setting_that_sees_is_reported() -> None:
    entry = an_entry(kind="wrong", printed=lambda x: 2.0 * x + (len(x) > 2) * x, blind=("T = 2", "T = 3"))
    two, three = measure_blind(entry, SEEDS)
    assert (two.words, two.agrees) == ("printed: T = 2", True)
    assert (three.words, three.agrees) == ("printed: T = 3", False)


def test_disagreement_is_relative_and_infinite_where_there_is_no_number() -> None:
    one = np.ones(4)
    assert disagreement(1.5 * one, one) == pytest.approx(0.5)
    assert disagreement((one, 3.0 * one), (one, one)) == pytest.approx(2.0)
    assert disagreement(np.nan * one, one) == np.inf
    assert disagreement(np.ones(3), one) == np.inf
    assert disagreement(0.0 * one, 0.0 * one) == 0.0
    assert disagreement(one, 0.0 * one) == np.inf
    with pytest.raises(ValueError, match="longer"):
        disagreement((one,), (one, one))


def test_the_same_seeds_measure_the_same() -> None:
    assert measure(formula("000.W.2"), SEEDS) == measure(formula("000.W.2"), SEEDS)


# ---- looking up


def test_an_unknown_name_or_id_is_answered_with_the_nearest_on_one_line() -> None:
    with pytest.raises(CatalogueError, match=r"^no derivation is called 'onecadmy': did you mean 'onecademy'\?$"):
        catalogue("onecadmy")
    with pytest.raises(CatalogueError, match=r"choose among onecademy, stackexchange, many_to_one, hao_ni, d2l$"):
        catalogue("?")
    with pytest.raises(CatalogueError, match=r"^no formula has the ID '000.W1': did you mean '000.W.1'\?$"):
        formula("000.W1")
    every = r"000\. \(onecademy\), 001\. \(stackexchange\), 002\. \(many_to_one\), 003\. \(hao_ni\), 004\. \(d2l\)"
    for unlike in ("?", "999", ""):
        said = f"^no formula has the ID '{re.escape(unlike)}': IDs begin with {every}$"
        with pytest.raises(CatalogueError, match=said):
            formula(unlike)
    assert formula("004.9.7.15").family == "P"


@pytest.mark.parametrize("id_", ["002.L", "002.ot", "003.L", "003.E", "001.A2", "000.h", "001.softmax", "002.yhat"])
def test_a_verdict_on_a_model_statement_can_fail(id_: str) -> None:
    """A right statement that is evaluated wrongly, and a wrong one that is called right, are not borne out."""
    entry = formula(id_)
    assert measure(entry, range(4)).holds
    if entry.misprint:
        assert not measure(dataclasses.replace(entry, misprint=False), range(4)).holds
    else:
        evaluate = entry.printed
        assert evaluate is not None
        broken = dataclasses.replace(entry, printed=lambda s: 2.0 * np.asarray(evaluate(s)) + 1.0)
        assert not measure(broken, range(4)).holds
