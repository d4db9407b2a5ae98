"""Graphviz is found, bounded in time and asked for whole files; without it one line names both remedies."""

from __future__ import annotations

import base64
import importlib.util
import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from viz import render
from viz.render import PictureError

STEP = "digraph { a -> b; }"


def executable(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Make one or both kinds of Graphviz look uninstalled."""
    find_spec, which = importlib.util.find_spec, render.shutil.which
    if "pygraphviz" in missing:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pygraphviz" else find_spec(name))
    if "dot" in missing:
        monkeypatch.setattr(render.shutil, "which", lambda name: None if name == "dot" else which(name))


@pytest.mark.parametrize("backend", ["dot", "pygraphviz"])
def test_several_graphs_are_laid_out_in_one_process(
    backend: str, monkeypatch: pytest.MonkeyPatch, dot_program: str
) -> None:
    monkeypatch.setenv(render.CHOICE, backend)
    started, run = [], subprocess.run

    def counted(*args: Any, **kw: Any) -> Any:
        started.append(args)
        return run(*args, **kw)

    monkeypatch.setattr(subprocess, "run", counted)
    answers = render.layouts([STEP, "digraph { stop; }", STEP])
    assert len(started) == 1 and len(answers) == 3
    assert answers[0] == answers[2] and answers[0].startswith("graph 1 ") and "node stop" in answers[1]
    assert render.layouts([]) == []


@pytest.mark.parametrize("backend", ["dot", "pygraphviz"])
@pytest.mark.parametrize(("kind", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_both_kinds_of_graphviz_paint_every_format(
    backend: str, kind: str, magic: bytes, monkeypatch: pytest.MonkeyPatch, dot_program: str
) -> None:
    monkeypatch.setenv(render.CHOICE, backend)
    pinned = 'digraph { a [pos="30,30"]; b [pos="30,90"]; a -> b [pos="30,48 30,55 30,65 30,72"]; }'
    assert render.paint(pinned, kind).startswith(magic)


@pytest.mark.parametrize("backend", ["dot", "pygraphviz"])
def test_a_pdf_has_the_same_bytes_a_second_later_and_in_another_time_zone(
    backend: str, monkeypatch: pytest.MonkeyPatch, dot_program: str
) -> None:
    monkeypatch.setenv(render.CHOICE, backend)
    pinned, files = 'digraph { a [pos="30,30", label="/CreationDate (D:20200101000000Z)"]; }', []
    for zone in ("UTC", "Asia/Kolkata"):
        monkeypatch.setenv("TZ", zone)
        files.append(render.paint(pinned, "pdf"))
        time.sleep(1.1)
    assert files[0] == files[1] and b"CreationDate" not in files[0]
    table = int(files[0].split(b"startxref")[1].split()[0])
    assert files[0][table:].startswith(b"xref"), "offsets still point to where things are"


def test_without_graphviz_one_line_names_both_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(render.CHOICE, raising=False)
    without(monkeypatch, "dot", "pygraphviz")
    with pytest.raises(PictureError) as caught:
        render.layouts([STEP])
    message = str(caught.value)
    assert "apt-get install graphviz" in message and 'pip install "tinygrad-rnn[dot]"' in message
    assert "\n" not in message


def test_pygraphviz_takes_over_where_dot_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(render.CHOICE, raising=False)
    without(monkeypatch, "dot")
    assert render.backend() == "pygraphviz"
    assert render.layouts([STEP])[0].startswith("graph 1 ")


@pytest.mark.parametrize(("choice", "words"), [("neato", "must be dot or pygraphviz"), ("dot", "is not installed")])
def test_a_choice_that_cannot_be_met_is_refused(choice: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "dot")
    monkeypatch.setenv(render.CHOICE, choice)
    with pytest.raises(PictureError, match=words):
        render.backend()


def test_a_graphviz_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable(tmp_path / "dot", "exec sleep 60\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(render.CHOICE, "dot")
    with pytest.raises(PictureError, match="gave no result within 0.2 s"):
        render.paint(STEP, "svg", seconds=0.2)


def test_a_graphviz_that_fails_is_quoted_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable(tmp_path / "dot", "cat > /dev/null; echo noise >&2; echo 'no plugin for svg' >&2; exit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(render.CHOICE, "dot")
    with pytest.raises(PictureError, match="dot failed: no plugin for svg") as caught:
        render.paint(STEP, "svg")
    assert "\n" not in str(caught.value)


def test_a_pygraphviz_that_dies_is_asked_again_and_told_apart_from_one_that_complains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(render.CHOICE, "pygraphviz")
    deaths = [2]

    def mortal(command: list[str], **kw: Any) -> Any:
        deaths[0] -= 1
        painted = base64.b64encode(b"<svg/>")
        answer = (-11, b"", b"a warning") if deaths[0] >= 0 else (0, painted, b"")
        return subprocess.CompletedProcess(command, *answer)

    monkeypatch.setattr(subprocess, "run", mortal)
    assert render.paint("digraph { a }", "svg") == b"<svg/>" and deaths == [-1]
    deaths[0] = 100
    with pytest.raises(PictureError, match=r"pygraphviz failed: it died of signal 11, \d+ times"):
        render.paint("digraph { a }", "svg")


def test_pygraphviz_is_never_imported_into_this_process() -> None:
    code = (
        "import os, sys; os.environ['TINYGRAD_RNN_GRAPHVIZ'] = 'pygraphviz'\n"
        "from viz import render; render.layouts(['digraph { a -> b }']); assert 'pygraphviz' not in sys.modules"
    )
    subprocess.run([render.sys.executable, "-c", code], check=True, timeout=60)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "picture.svg"
    render.write(target, b"first")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PictureError, match="No space left on device"):
        render.write(target, b"second")
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.svg"]


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    beside, target = tmp_path / "beside", tmp_path / "picture.svg"
    beside.write_bytes(b"")
    render.write(target, b"x")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)


def test_a_link_is_written_through_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to(tmp_path / "real.svg")
    render.write(tmp_path / "link.svg", b"new")
    assert (tmp_path / "real.svg").read_text() == "new" and (tmp_path / "link.svg").is_symlink()
    os.mkfifo(tmp_path / "pipe.svg")
    with pytest.raises(PictureError, match="no regular file"):
        render.write(tmp_path / "pipe.svg", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe.svg").stat().st_mode)
