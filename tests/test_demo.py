"""The demo's text, its gradients with two witnesses, the reach of the last loss, and what the command writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import viz
from tests.painting import need_graphviz
from tinygrad_rnn import bptt, cli, demo

LINE = "a fine line"


@pytest.fixture(autouse=True)
def plain_output_in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "TINYGRAD_RNN_GRAPHVIZ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def painter() -> None:
    need_graphviz()


# ---- text ----


def test_the_default_text_is_a_line_of_the_zen_of_python_and_is_not_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "this", raising=False)
    assert demo.zen_line() == "Beautiful is better than ugly."
    assert capsys.readouterr() == ("", "")


def test_every_character_is_one_hot_and_predicts_the_next() -> None:
    run = demo.character_rnn(LINE)
    x, y = run.instance.x, run.instance.y
    assert x.shape == y.shape == (len(LINE) - 1, len(set(LINE)))
    np.testing.assert_array_equal(x[1:], y[:-1])
    read = "".join(run.vocabulary[i] for i in x.argmax(axis=1))
    predicted = "".join(run.vocabulary[i] for i in y.argmax(axis=1))
    assert (read, predicted) == (LINE[:-1], LINE[1:])
    assert x.sum() == y.sum() == run.steps


def test_a_text_is_cut_and_the_rest_of_a_file_not_read(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_bytes("\ufeffABC\n".encode() + b"xy" * 100_000 + b"\xff")  # what follows is no UTF-8
    text = demo.read_text(file)
    assert text.startswith("ABC\nxyxy") and len(text) == demo.MOST_CHARACTERS + 1
    assert len(demo.character_rnn(text).text) == demo.MOST_CHARACTERS


def test_line_breaks_at_the_end_of_a_file_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_text("\nab\n\n", encoding="utf-8")
    assert demo.read_text(file) == "ab"
    file.write_text("a\n\n", encoding="utf-8")
    with pytest.raises(demo.TextError, match="holds 1 character; give at least 2"):
        demo.read_text(file)


# ---- gradients ----


@pytest.mark.parametrize("text", [LINE, "ab", "\x1b😀\"<\n\\", "aaaa"])
def test_tape_closed_form_and_complex_step_agree(text: str) -> None:
    rows = demo.gradients(demo.character_rnn(text, seed=5))
    assert [row.name for row in rows] == ["U", "W", "b", "V", "c"]
    assert all(row.agrees for row in rows)
    assert max(max(row.closed_form, row.complex_step) for row in rows) < 1e-13


def test_a_broken_closed_form_is_seen_in_its_parameter_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = bptt.delta_recursion

    def mistaken(*arguments: Any) -> Any:
        found = true(*arguments)
        return replace(found, params={**found.params, "b": found.params["b"] * 1.01})

    monkeypatch.setattr(bptt, "delta_recursion", mistaken)
    rows = demo.gradients(demo.character_rnn(LINE))
    assert [row.name for row in rows if not row.agrees] == ["b"]
    assert {row.name: row.closed_form for row in rows}["b"] == pytest.approx(0.01)
    assert cli.main(["demo", "--text", LINE]) == 1
    out, error = capsys.readouterr()
    assert error == "tinygrad-rnn: the witnesses disagree about dL/db: a bug in this program\n"
    assert "Pictures" not in out


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (demo.character_rnn(LINE, seed).instance.params["W"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# ---- reach ----


def test_the_reach_is_the_last_row_of_the_contribution_table() -> None:
    run = demo.character_rnn(LINE, seed=2)
    found = demo.reach(run)
    i = run.instance
    rows = bptt.contribution_norms(demo.MODEL, i.params, i.x, i.y, i.h0)
    expected = np.sqrt(sum(norms[-1] ** 2 for norms in rows.values()))
    np.testing.assert_allclose(found.norms, expected, rtol=1e-12, atol=0)
    assert found.closed_form < 1e-13


@pytest.mark.parametrize("factor", [1.01, np.nan])
def test_a_wrong_contribution_table_is_seen_and_is_the_exit_status(
    factor: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    true = bptt.contribution_table

    def mistaken(*arguments: Any) -> Any:
        found = true(*arguments)
        arrays = {name: np.array(array) for name, array in found.arrays.items()}
        arrays["W"][-1, 4] *= factor
        return replace(found, arrays=arrays)

    monkeypatch.setattr(bptt, "contribution_table", mistaken)
    found = demo.reach(demo.character_rnn(LINE))
    assert not found.agrees
    assert found.closed_form == pytest.approx(factor - 1.0, nan_ok=True)
    assert all(row.agrees for row in demo.gradients(demo.character_rnn(LINE)))
    assert cli.main(["demo", "--text", LINE]) == 1
    out, error = capsys.readouterr()
    assert error == "tinygrad-rnn: the witnesses disagree about C[T,k]: a bug in this program\n"
    said = "nan" if np.isnan(factor) else "1e-02"
    assert f"The closed form's C[T,k] differ from the tape's by {said} of a norm at most.\n" in out
    assert list(tmp_path.iterdir()) == []


def test_a_difference_of_the_tables_is_told_as_a_number_and_none_as_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = demo.reach
    for difference, said in ((0.0, "equal the tape's bit for bit."), (3e-16, "differ from the tape's by 3e-16 of a")):
        monkeypatch.setattr(demo, "reach", lambda run, d=difference: replace(true(run), closed_form=d))
        assert cli.main(["demo", "--text", LINE]) in (0, 2)  # 2: no Graphviz here
        assert f"\nThe closed form's C[T,k] {said}" in capsys.readouterr().out


def test_the_lag_is_the_first_below_a_thousandth() -> None:
    found = demo.reach(demo.character_rnn(demo.zen_line()))
    assert found.lag is not None
    by_lag = found.norms[::-1]
    assert by_lag[found.lag] < by_lag[0] / 1000
    assert all(norm >= by_lag[0] / 1000 for norm in by_lag[: found.lag])


@pytest.mark.parametrize("text", ["abc", "aaaa"])
def test_a_short_or_uniform_text_has_no_such_lag(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.reach(demo.character_rnn(text)).lag is None
    status = cli.main(["demo", "--text", text])
    said = "does not fall below a thousandth" if text == "abc" else "no gradient at all"
    assert status in (0, 2)  # 2: no Graphviz here
    assert said in capsys.readouterr().out


def test_the_beginning_is_the_same_network_on_fewer_steps() -> None:
    run = demo.character_rnn(LINE, seed=4)
    part = demo.beginning(run, 4)
    assert (part.steps, part.text) == (4, LINE[:5])
    assert part.instance.params is run.instance.params
    shared = [np.stack([h.value for h in r.recording.forward.h[:5]]) for r in (run, part)]
    np.testing.assert_array_equal(shared[0], shared[1])
    assert demo.beginning(run, 999).text == LINE


# ---- the command ----


@pytest.mark.usefixtures("painter")
def test_the_demo_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--out", "new/pictures"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert "reads 'Beautiful is better than ugly.'" in out
    assert "\nt = 1\n" in out and "tanh(" in out and "\nt = 2\n" not in out
    for name in "UWbVc":
        line = next(line for line in out.splitlines() if line.startswith(f" {name}  "))
        assert all(float(error) < 1e-12 for error in line.split()[-2:])
    run = demo.character_rnn(demo.zen_line())
    assert f"falls below a thousandth of ‖C[T,T]‖ at lag {demo.reach(run).lag}" in out
    files = sorted((tmp_path / "new" / "pictures").iterdir())
    assert [file.name for file in files] == ["all-losses.svg", "last-loss.svg", "step-through.html"]
    files.pop()
    texts = ["".join(ElementTree.parse(file).getroot().itertext()) for file in files]
    assert "Backpropagation through time" in texts[0] and "Gradient of the last loss only" in texts[1]
    for text in texts:
        assert demo.caption(0) in text and "'Beauti'" in text and "6 steps" in text


@pytest.mark.usefixtures("painter")
def test_both_pictures_have_the_same_colours_for_the_same_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[viz.Picture] = []
    true = viz.draw

    def watched(*arguments: Any, **options: Any) -> viz.Picture:
        drawn.append(true(*arguments, **options))
        return drawn[-1]

    monkeypatch.setattr(viz, "draw", watched)
    assert cli.main(["demo", "--text", LINE]) == 0
    own, (every, last) = drawn[:-2], drawn[-2:]
    assert every.span == last.span
    assert every.span[0] == min(picture.span[0] for picture in own)
    assert every.span[1] == max(picture.span[1] for picture in own)


@pytest.mark.usefixtures("painter")
@pytest.mark.parametrize("text", ["\"<b>&'\\N\n\x1b[31m\x01]]>😀", "--> [red]{x}", "\udce9\ud800 no UTF-8"])
def test_hostile_text_is_data(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", f"--text={text}"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x01" not in out
    for file in (tmp_path / "tinygrad-rnn-demo").glob("*.svg"):
        ElementTree.parse(file)
    page = (tmp_path / "tinygrad-rnn-demo" / "step-through.html").read_text(encoding="utf-8")
    assert page.count("<script") == 2 and "<b>&" not in page


def unwritable_folders(folder: Path) -> dict[str, str]:
    """Folders that nothing can be written into, for root as well -> what is said."""
    (folder / "loop").symlink_to("loop")
    (folder / "taken" / "last-loss.svg").mkdir(parents=True)
    return {"x" * 300: "File name too long", "loop": "cannot be written", "taken": "last-loss.svg in it is a folder"}


def test_a_folder_that_cannot_be_written_is_refused_before_the_work_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "character_rnn", lambda *_: pytest.fail("the work has begun"))
    for name, said in unwritable_folders(tmp_path).items():
        before = sorted(tmp_path.rglob("*"))
        assert cli.main(["demo", "--out", name]) == 2
        out, error = capsys.readouterr()
        assert (out, error.count("\n")) == ("", 1)
        assert "--out" in error and said in error and "another" in error
        assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_takes_no_file_is_refused_and_its_parents_are_removed_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "TemporaryFile", full)
    assert cli.main(["demo", "--out", "new/deeper"]) == 2
    assert "--out 'new/deeper': cannot be written: No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("painter")
def test_a_painting_that_fails_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from viz import render

    def failing(*_: Any, **__: Any) -> bytes:
        raise viz.PictureError("dot failed: no fonts")

    monkeypatch.setattr(render, "paint", failing)
    assert cli.main(["demo", "--text", LINE]) == 2
    assert capsys.readouterr().err == "tinygrad-rnn: dot failed: no fonts\n"
    assert list(tmp_path.iterdir()) == []


def test_without_graphviz_the_numbers_are_printed_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("TINYGRAD_RNN_GRAPHVIZ", "dot")
    assert cli.main(["demo"]) == 2
    out, error = capsys.readouterr()
    assert "at lag " in out
    assert error.count("\n") == 1
    assert "apt-get install graphviz" in error and 'pip install "tinygrad-rnn[dot]"' in error
    assert list(tmp_path.iterdir()) == []
