"""Formulas as MathML: every formula of the catalogue can be set, and browsers get what they can read."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest

from tinygrad_rnn.certificates.mathml import MathError, mathml
from tinygrad_rnn.certificates.models import MODELS
from tinygrad_rnn.derivations import DERIVATIONS, catalogue

VARIANTS = ("bold", "script", "double-struck", "italic")


def text(latex: str) -> str:
    return "".join(ElementTree.fromstring(mathml(latex)).itertext())


@pytest.mark.parametrize("source", DERIVATIONS)
def test_every_formula_of_the_catalogue_is_well_formed_and_has_no_command_left(source: str) -> None:
    latex = [part for entry in catalogue(source) for part in (entry.latex_printed, entry.corrected_latex) if part]
    for formula in [*latex, MODELS[source].latex, *MODELS[source].shapes]:
        root = ElementTree.fromstring(f"<div>{mathml(formula)}</div>")
        assert list(root.iter("math")) or list(root.iter("span")), formula
        assert "\\" not in "".join(root.itertext()), formula
        assert not [element for element in root.iter() if element.get("mathvariant") in VARIANTS], formula


def test_letters_that_browsers_would_not_draw_become_unicode_letters() -> None:
    assert text(r"\mathbf W_{hh}\mathbf 1\mathcal L\mathbb R\mathbb{E}") == "𝐖hh𝟏ℒℝ𝔼"


def test_a_name_of_several_letters_is_one_name() -> None:
    root = ElementTree.fromstring(mathml(r"\mathrm{diag}(a)"))
    assert [element.text for element in root.iter("mi")] == ["diag", "a"]


@pytest.mark.parametrize(("latex", "below"), [("f'(a)", False), ("g_1'(a)", True), (r"f'", False)])
def test_a_prime_stands_beside_its_letter(latex: str, below: bool) -> None:
    root = ElementTree.fromstring(mathml(latex))
    assert not list(root.iter("msup"))
    assert not list(root.iter("msubsup"))
    assert bool(list(root.iter("msub"))) == below
    assert "′" in "".join(root.itertext())


def test_limits_of_a_product_in_brackets_stand_above_and_below() -> None:
    root = ElementTree.fromstring(mathml(r"\left(\prod_{j=1}^{t}c_j\right)b"))
    assert [element.tag for element in root.iter() if element.tag.startswith(("munder", "msubsup"))] == ["munderover"]


def test_two_backslashes_begin_a_new_line() -> None:
    assert mathml(r"a=b \\ c=d").count("<math") == 2


@pytest.mark.parametrize("latex", [r"\quadz", r"\nosuch{a}", r"\frac{a}", r"a_{", r"\begin{aligned}a&=b\end{aligned}"])
def test_what_cannot_be_set_is_refused_in_one_line(latex: str) -> None:
    with pytest.raises(MathError, match=r"^[^\n]* cannot be set: [^\n]*$"):
        mathml(latex)


def test_a_missing_library_is_answered_by_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml", None)
    with pytest.raises(MathError, match=r"pip install 'tinygrad-rnn\[pages\]'"):
        mathml("a_{never seen before}")


def test_a_line_may_break_between_its_equations_and_nowhere_else() -> None:
    assert mathml(r"a=b,\quad c=d").count('<span class="piece"><math') == 2
    assert mathml(r"\left(a\quad b\right)\frac{c\quad d}{e}").count("<math") == 1


def test_an_exponent_belongs_to_the_whole_bracket_so_that_both_ends_of_it_are_of_one_size() -> None:
    root = ElementTree.fromstring(mathml(r"c(\Big(a\Big)+\Big(\frac{a}{b}\Big)^{\top})"))
    (scripted,) = root.iter("msup")
    assert [element.tag for element in scripted[0]] == ["mo", "mfrac", "mo"]
    assert "".join(scripted.itertext()) == "(ab)⊤"
    assert "".join(root.itertext()) == "c((a)+(ab)⊤)"
    (scripted,) = ElementTree.fromstring(mathml(r"\Big(f(a)\Big)^2")).iter("msup")
    assert "".join(scripted[0].itertext()) == "(f(a))", "the bracket of its own size"
    assert "".join(ElementTree.fromstring(mathml(r"a\Big)^2")).itertext()) == "a)2", "a bracket that nothing opens"


def test_words_alone_may_be_broken_between_lines() -> None:
    assert mathml(r"\text{h(t)=g1,\ \ k<13}") == '<span class="text">h(t)=g1,  k&lt;13</span>'
    assert mathml(r"\text{for }t=T").count("<math") == 1


def test_a_colon_between_two_things_has_room() -> None:
    (colon,) = [element for element in ElementTree.fromstring(mathml("A:B")).iter() if element.text == ":"]
    assert (colon.tag, colon.get("lspace"), colon.get("rspace")) == ("mo", "0.22em", "0.22em")


def test_bars_that_enclose_a_fraction_are_as_high_as_it() -> None:
    root = ElementTree.fromstring(mathml(r"\left\lVert\frac{a}{b}\right\rVert_2"))
    assert [element.get("stretchy") for element in root.iter("mo") if element.text == "‖"] != ["false", "false"]


def test_bars_of_a_norm_do_not_grow_with_the_sum_beside_them() -> None:
    root = ElementTree.fromstring(mathml(r"\lVert x\rVert_2^2=\sum_{i=1}^{d}x_i^2"))
    assert [element.get("stretchy") for element in root.iter("mo") if element.text == "‖"] == ["false", "false"]
