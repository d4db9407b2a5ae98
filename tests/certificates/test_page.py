"""Certificate pages: one file that needs nothing else, every formula in it, numbers that were measured."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tinygrad_rnn.certificates import page as pages
from tinygrad_rnn.certificates.certificate import (
    MISPRINTED,
    Certificate,
    Formula,
    as_dict,
    certificates,
    counted,
    hidden_from,
    measured_formulas,
    numbers_of_verdicts,
)
from tinygrad_rnn.derivations import DERIVATIONS, KINDS, catalogue, formula, measure

SEEDS = (0, 1, 2)
HOSTILE = "<script>alert('&\"')</script>"


class Outline(HTMLParser):
    """Tags in order, checked to be closed; ids, and every address that a browser would follow."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attributes)
        self.ids += [named["id"] or ""] if "id" in named else []
        self.addresses += [named[key] or "" for key in ("href", "src", "data", "action") if key in named]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(text: str) -> Outline:
    reader = Outline()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def all_five() -> tuple[Certificate, ...]:
    return certificates(catalogue(), SEEDS)


def test_all_five_pages_hold_every_formula_once_and_need_no_network(all_five: tuple[Certificate, ...]) -> None:
    text = pages.page(all_five, SEEDS)
    reader = outline(text)
    assert [id_ for id_ in reader.ids if id_ in DERIVATIONS] == list(DERIVATIONS)
    assert sorted(set(reader.ids) - set(DERIVATIONS)) == sorted(entry.id for entry in catalogue())
    assert len(reader.ids) == len(set(reader.ids))
    assert all(address.startswith("#") for address in reader.addresses)
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not re.search(r"url\(|@import|https?://", text)
    assert 'name="viewport"' in text


def test_every_certificate_agrees_and_is_borne_out(all_five: tuple[Certificate, ...]) -> None:
    for certificate in all_five:
        assert certificate.ok
        witnesses = {row.witness for row in certificate.report.rows}
        assert {"tape", "closed_form", "transcription", "complex_step", "E", "F", "Z"} <= witnesses
        assert ("P" in witnesses) == (certificate.name == "d2l")
    text = pages.page(all_five, SEEDS)
    assert "NOT" not in text
    assert "There is no closed form P" in text


def test_a_page_of_one_source_names_what_hides_the_misprint() -> None:
    (certificate,) = certificates([formula("002.prodf")], SEEDS)
    text = pages.page([certificate], SEEDS)
    assert "A test cannot see this misprint if it only has: T\u00a0=\u00a02; dead relu." in text
    assert "m\u00a0=\u00a01; identity activation" in text
    assert "<h1>Course notes" in text
    verdict = measure(formula("002.prodf"), SEEDS)
    assert verdict.median is not None
    assert f"disagrees: median {verdict.median:.2g}" in text


def test_a_verdict_that_the_numbers_do_not_bear_out_is_said_in_the_page() -> None:
    (certificate,) = certificates([replace(formula("002.wo"), kind="right")], SEEDS)
    assert not certificate.ok
    assert "not borne out by these numbers" in pages.page([certificate], SEEDS)


def test_what_people_wrote_cannot_break_the_page() -> None:
    (certificate,) = certificates([replace(formula("002.ot"), remark=HOSTILE, meaning=HOSTILE, id=HOSTILE)], SEEDS)
    text = pages.page([replace(certificate, title=HOSTILE)], SEEDS)
    assert "<script" not in text
    assert HOSTILE not in text
    assert "script" not in outline(text).tags


def test_indices_and_exponents_in_sentences_are_set() -> None:
    assert pages._prose("ds_T/dU of h^(k-1), o_{j−1}, s_(t-1) and ‖w‖^2") == (
        "ds<sub>T</sub>/dU of h<sup>(k−1)</sup>, o<sub>j−1</sub>, s<sub>t−1</sub> and ‖w‖^2"
    )


def test_short_sequences_speak_for_those_that_start_at_zero_as_well() -> None:
    assert hidden_from(("dead relu", "T = 1, h0 = 0", "T = 1", "T = 2, h0 = 0")) == ["T=1", "T=2, h0=0", "dead relu"]


def test_numbers_that_json_cannot_say_are_none() -> None:
    data = as_dict(measured_formulas([formula("002.yhat"), formula("002.j10")], SEEDS), SEEDS)
    put_into_loss = data["formulas"][0]["readings"][0]
    assert (put_into_loss["median"], put_into_loss["finite"]) == (None, False)
    assert data["formulas"][0]["finite"] is True
    assert (data["formulas"][1]["median"], data["formulas"][1]["composes"]) == (None, False)
    assert [kind for kind in data["verdicts"] if kind != MISPRINTED] == list(KINDS)
    assert data["instances"] == len(SEEDS)


def test_the_agreement_table_names_every_witness_and_on_a_narrow_page_every_parameter(
    all_five: tuple[Certificate, ...],
) -> None:
    for certificate in all_five:
        body = pages.page([certificate], SEEDS).partition("<tbody>")[2].partition("</tbody>")[0]
        rows = [row.split("<td") for row in body.split("<tr>")[1:]]
        witnesses = {row.witness for row in certificate.report.rows}
        named = [label for witness, label in pages.LABELS.items() if witness in witnesses]
        assert [row[1] for row in rows] == [f">{label}</td>" for label in named]
        names = DERIVATIONS[certificate.name].specs[0].names
        for name, cell in zip(names, rows[0][2:], strict=False):
            assert cell.startswith(f' class="number"><span class="narrow">dL/d{pages._prose(name)}</span> ')
        assert ("\"number\"></td>" in body) == (certificate.name == "d2l"), "P has no bias: no name without a number"


def test_numbers_have_two_digits_and_no_letter_e() -> None:
    assert [pages._number(number) for number in (0.0773, 2.28, 24.2, 99.96, 323.0, 6437.0)] == [
        "0.077", "2.3", "24", "100", "320", "6400"
    ]  # fmt: skip
    assert pages._number(6.4e27) == "6·10<sup>27</sup>"


def test_a_column_for_what_hides_a_reading_has_a_heading_only_where_something_does() -> None:
    headings = []
    for id_ in ("002.L", "002.wi.3"):
        (certificate,) = certificates([formula(id_)], SEEDS)
        headings.append("hidden from tests with" in pages.page([certificate], SEEDS))
    assert headings == [False, True]


def test_misprinted_model_statements_have_a_count_of_their_own(all_five: tuple[Certificate, ...]) -> None:
    formulas = [formula for certificate in all_five for formula in certificate.formulas]
    wrong = [formula for formula in formulas if formula.misprinted]
    assert [formula.entry.id for formula in wrong] == ["000.h", "001.A1", "001.softmax", "001.loss", "002.yhat"]
    number = numbers_of_verdicts(formulas)
    assert (number["model"], number[MISPRINTED]) == (19, 5)
    assert sum(number[kind] for kind in KINDS) == len(formulas)
    assert list(counted(formulas).values())[3:5] == ["19 model statements", "5 of them misprinted"]
    assert counted(wrong[:1]) == {"model": "1 model statement", MISPRINTED: "misprinted"}
    assert MISPRINTED not in counted([formula for formula in formulas if not formula.misprinted])
    header = pages.page(all_five, SEEDS).partition("</header>")[0]
    assert '<li class="verdict wrong">5 of them misprinted</li>' in header


def test_a_supplied_formula_is_called_right_only_where_the_numbers_say_so() -> None:
    entry = formula("003.delta")
    evaluate = entry.corrected
    assert evaluate is not None
    broken = replace(entry, corrected=lambda q: tuple(2.0 * part for part in evaluate(q)))
    bare = replace(entry, corrected=None)
    says = [(f.says, f.colour) for f in measured_formulas([entry, broken, bare], SEEDS)]
    assert says == [("supplied, right", "right"), ("supplied, wrong", "wrong"), ("supplied, not measured", "model")]


def test_a_page_says_of_which_sequences_a_formula_does_not_speak() -> None:
    (certificate,) = certificates([formula("002.chain3")], SEEDS)
    assert "The printed formula is not defined below 3 steps." in pages.page([certificate], SEEDS)
    assert isinstance(certificate.formulas[0], Formula)
    (data,) = as_dict(certificate.formulas, SEEDS)["formulas"]
    assert data["undefined"] == "not defined below 3 steps"


def test_a_page_replaces_the_old_one_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text("old")
    pages.save("new ŷ", place)
    assert place.read_text(encoding="utf-8") == "new ŷ"
    assert list(tmp_path.iterdir()) == [place]
    with pytest.raises(OSError, match="nowhere"):
        pages.save("new", tmp_path / "nowhere" / "page.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        pages.save("new", tmp_path / "folder")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "page.html"]


def test_a_link_is_written_through_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    pages.save("new", tmp_path / "link.html")
    assert (tmp_path / "real.html").read_text() == "new" and (tmp_path / "link.html").is_symlink()
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(OSError, match="no regular file"):
        pages.save("new", tmp_path / "pipe.html")
