"""`tinygrad-rnn ops` says what a tape can record, for people and for programs."""

from __future__ import annotations

import json

import pytest

from tinygrad_rnn import cli
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
    assert rows[1] == {"name": "tg.softmax", "kind": "differentiable", "arguments": "(x, axis=-1)"}


def test_a_name_that_is_none_is_answered_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ops", "fft\n"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "tg.rule" in said.err
