"""tinygrad-rnn derivations: the table, JSON, Markdown and pages, and one clear line for everything typed wrong."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tinygrad_rnn import cli, derivations
from tinygrad_rnn.certificates import certificate
from tinygrad_rnn.certificates.certificate import measured_formulas
from tinygrad_rnn.commands import formulas
from tinygrad_rnn.commands.arguments import parser
from tinygrad_rnn.derivations import DERIVATIONS, KINDS, catalogue, formula


@pytest.fixture(autouse=True)
def plain_output_in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_example_of_the_help_can_be_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["derivations", "--help"]) == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert len(examples) >= 3
    for example in examples:
        typed = shlex.split(example.partition(" > ")[0])
        assert parser().parse_args(typed[1:]).command == "derivations"


def test_json_has_every_id_the_number_of_each_verdict_and_every_measured_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["derivations", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"] is True
    assert [entry["id"] for entry in data["formulas"]] == [entry.id for entry in catalogue()]
    assert {entry["source"] for entry in data["formulas"]} == set(DERIVATIONS)
    assert list(data["verdicts"]) == ["right", "wrong", "shapes", "model", "model_misprinted", "debris"]
    assert sum(data["verdicts"][kind] for kind in KINDS) == len(data["formulas"])
    assert data["verdicts"]["model_misprinted"] == sum(entry["misprinted"] for entry in data["formulas"]) == 5
    for entry in data["formulas"]:
        assert entry["borne_out"], entry["id"]
        if entry["verdict"] == "wrong":
            assert entry["median"] > 1e-3
            assert entry["instances"] == data["instances"]
            assert entry["corrected_residual"] < 1e-10


def test_the_table_has_every_formula_of_the_source_and_the_number_of_verdicts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["derivations", "hao-ni"]) == 0
    shown = capsys.readouterr().out
    for entry in catalogue("hao_ni"):
        assert f"\n {entry.id} " in shown
    assert "20 formulas: 14 right; 3 wrong, measured; 2 model statements; 1 debris. Every verdict is borne" in shown
    assert "wrong: product ascending" in shown
    assert all(len(line) <= 120 for line in shown.splitlines())


@pytest.mark.parametrize("form", [[], ["--markdown"]], ids=["table", "markdown"])
def test_misprinted_model_statements_are_counted_and_short_sequences_named(
    form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["derivations", "many-to-one", *form]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "4 model statements, 1 of them misprinted; 1 debris. Every verdict" in shown
    assert "dead relu; not defined below" in shown


def test_a_short_sequence_is_named_where_one_formula_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["derivations", "--formula", "002.prod3"]) == 0
    assert "not defined below 3 steps" in capsys.readouterr().out


def test_one_formula_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["derivations", "--formula", "003.alg.1"]) == 0
    shown = capsys.readouterr().out
    for part in (r"\text{Initialize }", "which was never set", "T=1, h0=0; dead relu", "wrong, measured"):
        assert part in shown


def test_markdown_keeps_bars_and_line_ends_inside_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["derivations", "many-to-one", "--markdown"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert {row.replace(r"\|", "").count("|") for row in rows} == {9}
    assert any("<br>" in row for row in rows)


def test_markdown_holds_no_tag_no_entity_and_no_bar_that_somebody_wrote() -> None:
    hostile = replace(formula("002.ot"), meaning="a<b> | &amp; c", latex_printed=r"\|x\|<|y|>z", id="0|<i>")
    rows = [row for row in formulas.markdown(measured_formulas([hostile], (0,))).splitlines() if row.startswith("| 0")]
    assert rows[0].startswith(
        r"| 0\|&lt;i> | $\Vert x\Vert \lt \vert y\vert \gt z$ | a&lt;b> \| &amp;amp; c | model statement |"
    )


def test_html_writes_a_page_and_says_where(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["derivations", "--formula", "000.W.1", "--html", "page.html"]) == 0
    assert capsys.readouterr().out == "page.html\n"
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert 'id="000.W.1"' in text


def test_a_verdict_that_is_not_borne_out_is_an_exit_status_of_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = derivations.Verdict("wrong", 0.0, 0.0, 40, True, None, (), False)
    monkeypatch.setattr(certificate, "measure", lambda entry, seeds: broken)
    assert cli.main(["derivations", "--formula", "003.dL"]) == 1
    assert "NOT borne out" in capsys.readouterr().out
    assert cli.main(["derivations", "--formula", "003.dL", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["d2ll"], "no derivation is called 'd2ll'; did you mean d2l?"),
        (["--formula", "003.alg.36"], "no formula has the ID '003.alg.36': did you mean '003.alg.3-6'?"),
        (["--formula", "999"], "no formula has the ID '999': IDs begin with 000. (onecademy), 001. "),
        (["d2l", "--formula", "003.L"], "formula 003.L is one of hao_ni, not of d2l"),
        (["--html", "."], "--html '.': is a folder; name a file in it"),
        (["--html", "no/page.html"], "--html 'no/page.html': there is no folder 'no'; make it first"),
        (["--json", "--markdown"], "not allowed with argument --json"),
        (["--html", ""], "--html ''"),
    ],
)
def test_what_is_typed_wrong_gets_one_line_and_status_two(
    arguments: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["derivations", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert answer in shown.err
    assert shown.err.count("\n") == 1


def test_a_missing_library_is_one_line_before_the_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinygrad_rnn.certificates import mathml

    mathml.mathml.cache_clear()
    monkeypatch.setitem(sys.modules, "latex2mathml", None)
    assert cli.main(["derivations", "--html", "page.html"]) == 2
    assert "pip install 'tinygrad-rnn[pages]'" in capsys.readouterr().err


def test_formulas_are_found_by_the_ids_of_the_sources() -> None:
    assert formula("004.9.7.15").source == "d2l"
