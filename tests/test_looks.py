"""`draw` on the command line: what is shown, colours, size; one line and exit code 2 for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinygrad_rnn.cli import main


def draw(folder: Path, *words: str) -> tuple[int, Path]:
    file = folder / "picture.dot"
    return main(["draw", "--model", "lstm", "--steps", "3", *words, "-o", str(file)]), file


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["--path", "3", "1"], "How the loss at t = 3 reaches the weights of step 1"),
        (["--path", "3", "Wf"], "reaches every use of Wf"),
        (["--path", "61", "1", "--steps", "61"], "by all ways through the folded steps"),
        (["--path", "9", "1", "--steps", "9", "--fold", "2", "2"], "5 steps folded"),
        (["--path", "3", "1", "--collapse", "steps"], "shares of C[3,1]; they sum to 1"),
        (["--path", "time:3", "time:1"], "How the loss at t = 3 reaches the weights of step 1"),
        (["--show", "value"], "Forward pass: values only"),
        (["--show", "gradient"], "gradients only"),
        (["--backward"], "h̄₂"),
        (["--fold", "1", "1", "--steps", "9"], "7 steps folded"),
        (["--fold", "no", "--steps", "13"], "t = 13"),
        (["--every-step", "--steps", "13"], "t = 13"),
        (["--collapse", "steps"], "‖what leaves it‖"),
        (["--theme", "dark"], "#12171d"),
        (["--size", "1440x810"], "20.0000,11.2500!"),
        (["--truncation", "detach_every_k", "2"], "Truncated backpropagation through time"),
        (["--loss", "last", "--truncation", "max_lag", "1"], "Gradient of the last loss only, truncated"),
    ],
)
def test_options_reach_the_picture(words: list[str], seen: str, tmp_path: Path) -> None:
    code, file = draw(tmp_path, *words)
    assert code == 0 and seen in file.read_text(encoding="utf-8")


def test_a_folder_is_no_file_and_a_page_takes_no_looks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = {"cannot save '.': the name must": ["-o", "."], "--every-step is": ["-o", "a.html", "--every-step"]}
    for said, words in refused.items():
        assert main(["draw", "--model", "vanilla", "--steps", "2", *words]) == 2
        assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--path", "9", "1"], "there is no loss at t = 9"),
        (["--path", "3", "Q"], "no drawn weight is called 'Q'"),
        (["--size", "20x20"], "must be 'slide', 'paper'"),
        (["--truncation", "max_lag", "1"], "no set of cut edges; follow one loss: --loss last --truncation max_lag 1"),
        (["--truncation", "sometimes", "2"], "must be a mode"),
        (["--path", "3", "1", "--show", "value"], "choose one of them"),
        (["--fold", "2"], "--fold 2: must be (first, last)"),
        (["--fold", "1", "x"], "--fold no folds none"),
        (["--fold", "1", "1", "--every-step"], "--fold 1 1 and --every-step contradict each other"),
        (["--steps", "61", "--path", "61", "1", "--fold", "no"], "let them be folded, or insist with --every-step"),
        (["--steps", "61", "--path", "61", "1", "--backward"], "--backward something else: choose one of them"),
        (["--size", "slide", "--backward"], "needs 5; record fewer steps, or give it --size "),
        (["--collapse", "layer 9"], "no part of a step is called 'layer 9'"),
        (["--size", "wide"], "must be 'slide', 'paper'"),
        (["--size", "axb"], "is not slide, paper or WIDTHxHEIGHT"),
        (["--theme", "pink"], "invalid choice"),
    ],
)
def test_what_cannot_be_is_one_line_and_code_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code, file = draw(tmp_path, *words)
    except SystemExit as left:
        code, file = int(str(left.code)), tmp_path / "picture.dot"
    told = capsys.readouterr().err.strip()
    assert code == 2 and said in told and "\n" not in told and not file.exists()
