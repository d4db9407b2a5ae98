"""The README says what is so: its program runs, its commands exist, and what it shows is what they print and draw."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

import tinygrad_rnn
import viz
from tests.painting import need_graphviz
from tests.printed import same_line, same_text
from tinygrad_rnn import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = ("all-losses.svg", "last-loss.svg")
SVG = "{http://www.w3.org/2000/svg}"


def blocks(language: str) -> list[str]:
    """What stands in the README's fences of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every `tinygrad-rnn …` of the README, fenced or in the middle of a line."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    spans = [*re.findall(r"`([^`\n]+)`", prose), *"\n".join(blocks("console")).splitlines()]
    found = [re.search(r"(?:^|/)tinygrad-rnn(?= )(.*)", span) for span in spans]
    return [match[1].replace("\\|", "|").strip() for match in found if match]


def outputs() -> list[tuple[str, str]]:
    """Every block of output in the README with the command that stands in the fence before it."""
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    pairs = [(before, text) for (_, before), (language, text) in itertools.pairwise(fences) if language == "text"]
    return [(before.strip().splitlines()[-1].partition("tinygrad-rnn ")[2], text) for before, text in pairs]


class Run(NamedTuple):
    """What a command printed, and the folder that it ran in."""

    printed: str
    folder: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Run a command of the README once, in an empty folder."""

    @functools.cache
    def of(command: str) -> Run:
        folder, printed = tmp_path_factory.mktemp("readme"), io.StringIO()
        with pytest.MonkeyPatch.context() as monkeypatch, contextlib.redirect_stdout(printed):
            for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "TINYGRAD_RNN_GRAPHVIZ"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.chdir(folder)
            assert cli.main(shlex.split(command)) == 0
        return Run(printed.getvalue(), folder)

    return of


# ---- what is printed ----


@pytest.mark.parametrize(("command", "quoted"), outputs(), ids=lambda value: value.splitlines()[0][:40])
def test_what_stands_below_a_command_is_what_it_prints(command: str, quoted: str, run: Callable[[str], Run]) -> None:
    if command.startswith(("demo", "draw")):
        need_graphviz()
    printed = run(command).printed
    assert same_text(printed, quoted), printed


def test_every_block_of_output_stands_below_its_command() -> None:
    shown = [command for command, _ in outputs()]
    assert len(shown) == len(blocks("text")) and {"demo", "compare"} <= set(shown) and "" not in shown


# ---- the program ----


def test_the_readmes_program_runs_and_its_remarks_hold(tmp_path: Path) -> None:
    need_graphviz()
    (program,) = blocks("python")
    remarks = (
        "import networkx\n"
        "assert isinstance(viz.graph(flow), networkx.MultiDiGraph)\n"
        "assert type(dU) is type(dW) is np.ndarray and dU.shape == (4, 3) and dW.shape == (4, 4)\n"
        "np.testing.assert_allclose(sum(d for row in C.values() for d in row.values()), dW, rtol=1e-12)\n"
        "given = tg.text.source_inputs(L)\n"
        "exec(tg.text.source(L))\n"
        "np.testing.assert_allclose(gradients(**given)[1]['W'], dW, rtol=1e-12)\n"
        "assert 'd[W]' in tg.text.backward(L) and 'tanh(' in str(tape)\n"
        "tg.flow(L, at='last'), tg.flow(L, at=3)\n"
    )
    (tmp_path / "program.py").write_text(program + remarks, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", "program.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert ElementTree.parse(tmp_path / "mine.svg").getroot().tag == f"{SVG}svg"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b(?:tg|viz)(?:\.[a-z_]\w*)+", README, re.IGNORECASE))))
def test_a_name_of_the_readme_exists(name: str) -> None:
    package, *rest = name.split(".")
    found: Any = {"tg": tinygrad_rnn, "viz": viz}[package]
    for part in rest:
        found = getattr(found, part)


# ---- commands ----


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_exists_with_all_its_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([shlex.split(re.split(r"[\[|…]", command)[0])[0], "--help"]) == 0
    offered = capsys.readouterr().out.split()
    for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", command):
        assert any(word.strip("[],|()") == option for word in offered), option


def test_every_command_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--help"])
    offered = set(re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE))
    assert len(offered) >= 4
    assert offered <= {command.split()[0] for command in commands()}


def test_the_commands_that_can_be_typed_as_they_stand_can_be_parsed() -> None:
    from tinygrad_rnn.commands.arguments import parser

    typed = [command for command in commands() if not re.search(r"[\[|…]|\b[A-Z]{3,}\b", command)]
    assert len(typed) >= 3
    for command in typed:
        parser().parse_args(shlex.split(command))


def test_the_set_up_asks_for_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"'\.\[([\w,]+)\]'", README)
    assert named
    assert {extra for group in named for extra in group.split(",")} <= set(extras)


def test_modules_that_python_is_told_to_run_exist() -> None:
    for module in set(re.findall(r"python -m ([\w.]+)", README)) - {"venv", "pytest"}:
        assert importlib.util.find_spec(module) is not None, module


# ---- files and pictures ----


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    spans = re.findall(r"`((?:\.?[a-z_]+/)*[a-z_]+(?:\.py|/)|(?:tests|\.ci)/\w+)`", text)
    assert links or spans
    missing = [name for name in links if not (ROOT / name).exists()]
    missing += [name for name in spans if not any((room / name).exists() for room in (ROOT, ROOT / "tinygrad_rnn"))]
    assert missing == []


def test_every_picture_in_docs_is_shown_or_drawn_by_the_demo() -> None:
    there = {file.name for file in (ROOT / "docs").iterdir()}
    assert set(PICTURES) <= there
    shown = set(re.findall(r"docs/([\w.-]+)", README))
    assert there <= shown | set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_committed_picture_is_what_the_demo_draws_now(name: str, run: Callable[[str], Run]) -> None:
    """The same nodes, edges, classes and words; places and colours are Graphviz's and rounding's."""
    need_graphviz()
    folder = run("demo").folder / "tinygrad-rnn-demo"
    committed, drawn = (outline(file) for file in (ROOT / "docs" / name, folder / name))
    renew = "renew the pictures by `tinygrad-rnn demo --out docs`"
    assert {key: parts[0] for key, parts in committed.items()} == {key: parts[0] for key, parts in drawn.items()}, renew
    different = [(committed[key][1], drawn[key][1]) for key in drawn if not same_line(committed[key][1], drawn[key][1])]
    assert different == [], renew


def outline(file: Path) -> dict[str, tuple[str, str]]:
    """Every group of a picture by its id: its class, and the words that stand in it; and what the whole is called."""
    root = ElementTree.parse(file).getroot()
    (prefix,) = {re.sub("-title$", "", str(title.get("id"))) for title in root.findall(f"{SVG}title")}
    whole = "\n".join(root.findtext(f"{SVG}{tag}", "") for tag in ("title", "desc"))
    found = {"": ("", whole)}
    for group in root.iter(f"{SVG}g"):
        words = " ".join("".join(text.itertext()) for text in group.findall(f"{SVG}text"))
        found[str(group.get("id")).removeprefix(prefix)] = str(group.get("class")), words
    return found


# ---- how what is printed is compared ----


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" W   8×8   0.302778   3e-16", " W  8×8  0.302779  0"),
        ("equal the tape's bit for bit.", "differ from the tape's by 3e-16 of a norm at most."),
        ("16  7.86e-04  █████", "16  7.85e-04  ████"),
    ],
)
def test_rounding_and_widths_make_no_difference(one: str, other: str) -> None:
    assert same_line(one, other) and same_line(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("W 0.302778", "W 0.302798"),
        ("W 8×8", "W 8×9"),
        ("at lag 16", "at lag 17"),
        ("error 3e-16", "error 3e-6"),
        ("error 3e-16", "error nan"),
        ("W 1.0", "V 1.0"),
        ("0 ████", "0 ██"),
        ("equal the tape's bit for bit.", "differ from the tape's by 3e-06 of a norm at most."),
    ],
)
def test_anything_else_makes_a_difference(one: str, other: str) -> None:
    assert not same_line(one, other) and not same_line(other, one)


@pytest.mark.parametrize(
    ("quoted", "same"),
    [
        ("a\nb\n\nc\nd", True), ("a\n…\nd", True), ("…\nc\nd", True), ("a\nb\n…", True), ("a\n…\nb\nc\nd", True),
        ("a\nb\nc", False), ("b\nc\nd", False), ("a\n…\nb\nd", False), ("a\n…\ne\n…", False), ("…\nd\n…\na\n…", False),
        ("a\nb\nc\nd\ne", False), ("…", True),
    ],
)  # fmt: skip
def test_left_out_lines_are_marked_and_nowhere_else(quoted: str, same: bool) -> None:
    assert same_text("a\nb\nc\nd\n", quoted) is same
