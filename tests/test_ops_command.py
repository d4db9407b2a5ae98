"""`tinygrad-rnn ops` says what a tape can record, for people and for programs."""

from __future__ import annotations

import json

import pytest

from tinygrad_rnn import cli
from tinygrad_rnn.conventions import STATED, conventions
from tinygrad_rnn.functions import functions


def test_it_lists_every_function_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ops"]) == 0
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    assert all(f"{f.name}{f.arguments}" in words for f in functions())
    assert "\u00a0" not in printed


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ops", "softmax", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["tg.log_softmax", "tg.softmax", "tg.softmax_cross_entropy"]
    edges = [vars(stated) for stated in conventions("tg.softmax")]
    assert rows[1] == {"name": "tg.softmax", "kind": "differentiable", "arguments": "(x, axis=-1)", "edges": edges}


def test_a_name_brings_what_holds_where_its_function_has_no_derivative(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ops", "np.sqrt"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    (stated,) = conventions("np.sqrt")
    assert stated.says == "the derivative at 0 is 0, so that lengths have one" and "gradient [0, 0.25]" in words
    assert cli.main(["ops", "np.exp2"]) == 0
    assert "derivative," not in capsys.readouterr().out
    assert cli.main(["ops"]) == 0
    assert f"({len(STATED)} statements)" in capsys.readouterr().out.splitlines()[-1]


def test_a_name_that_is_none_is_answered_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ops", "fft\n"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "tg.rule" in said.err
