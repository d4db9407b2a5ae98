"""Run Graphviz on DOT text: the `dot` program with a time limit, or pygraphviz in a process of its own.

`TINYGRAD_RNN_GRAPHVIZ=dot` or `=pygraphviz` in the environment forces one of the two; otherwise `dot` is taken where it
is installed. Both give the same picture.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tinygrad_rnn.writing import write_whole

CHOICE = "TINYGRAD_RNN_GRAPHVIZ"
_REMEDY = 'install it with `apt-get install graphviz` or with `pip install "tinygrad-rnn[dot]"`'

_DATED = re.compile(rb"/CreationDate \(D:\d{14}[^()]*\)")  # in a PDF's list of facts, which is never compressed

# Runs in a fresh interpreter, since Graphviz inside one's own process was seen to abort Python. Reads one job from
# stdin; every result goes back as base64 text on one line of stdout.
_CHILD = """
import base64, json, sys, warnings
warnings.simplefilter("ignore")
import pygraphviz
job = json.load(sys.stdin)
for text in job["texts"]:
    picture = pygraphviz.AGraph(string=text).draw(format=job["format"], prog=job["engine"])
    print(base64.b64encode(picture).decode())
"""


class PictureError(ValueError):
    """A picture could not be made or saved; the message is one line and names the remedy."""


def backend() -> str:
    """Which Graphviz will be used: "dot" or "pygraphviz".

    Raises:
        PictureError: when neither is installed, or when the environment asks for one that is not.
    """
    found = {"dot": shutil.which("dot") is not None, "pygraphviz": importlib.util.find_spec("pygraphviz") is not None}
    choice = os.environ.get(CHOICE, "")
    if choice and choice not in found:
        raise PictureError(f"{CHOICE}={choice!r}: must be dot or pygraphviz, or not set at all")
    for name in [choice] if choice else list(found):
        if found[name]:
            return name
    missing = f"{choice}, which {CHOICE} asks for, is not installed" if choice else "Graphviz is not installed"
    raise PictureError(f"cannot draw: {missing}; {_REMEDY}")


def layouts(texts: Sequence[str], seconds: float = 30) -> list[str]:
    """Lay out several graphs with the engine `dot`, all in one process: Graphviz's "plain" output for each.

    Starting the process costs more than laying out one step, so callers hand over all their candidates together.

    Raises:
        PictureError: Graphviz is missing, fails, or needs longer than `seconds`.
    """
    if not texts:
        return []
    if backend() == "pygraphviz":
        return [result.decode() for result in _pygraphviz(texts, "plain", "dot", seconds)]
    plain = _dot("\n".join(texts), "plain", seconds).decode()
    results = [result.lstrip() + "stop\n" for result in plain.split("stop\n")[:-1]]
    if len(results) != len(texts):
        raise PictureError(f"dot laid out {len(results)} of {len(texts)} graphs; try {CHOICE}=pygraphviz")
    return results


def paint(text: str, file_format: str, engine: str = "nop2", seconds: float = 120) -> bytes:
    """One graph as a file of the given format ("svg", "png", "pdf"); a PDF does not say when it was made.

    `engine` is "nop2" where every position is pinned, "dot" where Graphviz shall find them.

    Raises:
        PictureError: Graphviz is missing, fails, or needs longer than `seconds`.
    """
    if backend() == "pygraphviz":
        painted = _pygraphviz([text], file_format, engine, seconds)[0]
    else:
        painted = _dot(text, file_format, seconds, engine)
    return _undated(painted) if file_format == "pdf" else painted


def _undated(pdf: bytes) -> bytes:
    """The same file with blanks for the date: equal pictures are equal bytes, and no offset in the file moves."""
    return _DATED.sub(lambda found: b" " * len(found[0]), pdf)


def _dot(text: str, file_format: str, seconds: float, engine: str = "dot") -> bytes:
    command = ["dot", f"-K{engine}", f"-T{file_format}"]
    return _run("dot", command, text, seconds)


def _pygraphviz(texts: Sequence[str], file_format: str, engine: str, seconds: float) -> list[bytes]:
    job = json.dumps({"texts": list(texts), "format": file_format, "engine": engine})
    answer = _run("pygraphviz", [sys.executable, "-c", _CHILD], job, seconds, tries=8)
    return [base64.b64decode(line) for line in answer.split()]


def _run(name: str, command: list[str], stdin: str, seconds: float, tries: int = 1) -> bytes:
    # stderr is kept apart and shown only on failure: fontconfig and Graphviz warn there about harmless things.
    # The Graphviz in pygraphviz's wheels was seen to die on text that it paints the next time: hence `tries`.
    try:
        for _ in range(tries):
            done = subprocess.run(
                command, input=stdin.encode(), capture_output=True, timeout=seconds, check=False,
                env={**os.environ, "TZ": "UTC0"},  # a date in another time zone would be longer
            )  # fmt: skip
            if done.returncode >= 0:  # it was not ended by a signal
                break
    except subprocess.TimeoutExpired:
        raise PictureError(f"{name} gave no result within {seconds:g} s; draw fewer steps or a smaller model") from None
    except OSError as error:
        raise PictureError(f"cannot run {name}: {error.strerror or error}; {_REMEDY}") from None
    if done.returncode or not done.stdout:
        complaints = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        said = complaints[-1].strip() if complaints else f"no output, exit code {done.returncode}"
        if done.returncode < 0:
            said = f"it died of signal {-done.returncode}, {tries} times"
        raise PictureError(f"{name} failed: {said}; {_REMEDY.replace('install it', 'reinstall it')}")
    return done.stdout


def ending_of(path: Path, formats: Sequence[str]) -> str:
    """What the ending of a path asks for, without the dot.

    Raises:
        PictureError: it is none of the formats, or the place is a folder, or in a folder that is not there.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in formats:
        known = " or ".join(filter(None, [", ".join(f".{name}" for name in formats[:-1]), f".{formats[-1]}"]))
        raise PictureError(f"cannot save {told(path.name or path)!r}: the name must end in {known}")
    try:
        what = "is a folder" if path.is_dir() else ""
        what = what or ("" if path.parent.is_dir() else f"there is no folder {told(path.parent)!r}")
    except OSError as error:
        what = error.strerror or "it cannot be looked at"
    if what:
        raise PictureError(f"cannot save {told(path)}: {what}")
    return ending


def told(path: Path | str) -> str:
    """A path as a message can name it: on one line, its end where it is long."""
    text = ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)
    return text if len(text) <= 160 else "…" + text[-159:]


def write(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: first beside the target, then renamed onto it.

    Raises:
        PictureError: the folder does not exist or cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise PictureError(f"cannot write {told(path)}: {error.strerror or error}") from None
    except ValueError:  # a zero byte, or half a character
        raise PictureError(f"cannot write {told(path)}: that cannot be the name of a file") from None
