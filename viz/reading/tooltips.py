"""Say what stands behind a node or a wire, in plain text: value, adjoint, the local rule, the user's line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import numpy as np

from tinygrad_rnn import Tape
from tinygrad_rnn.text import local_rule

from . import words

MOST_RULES = 8  # lines in a tooltip


def norm(array: Any) -> float:
    """The Euclidean norm of all entries; a gradient of 1e-200 has one that is not 0, since only 0 is drawn as zero."""
    entries = np.asarray(array).ravel()
    top = float(np.abs(entries).max(initial=0.0))
    if not 0 < top < np.inf:
        return top
    scaled = entries / top
    return top * float(np.sqrt(scaled.dot(scaled)))


def source_line(tape: Tape, i: int) -> str:
    """Where the user wrote a line: "model.py:12"; "" on a tape that is not checked."""
    source = tape[i].source
    return f"{_file_name(source[0])}:{source[1]}" if source else ""


@lru_cache(maxsize=256)
def _file_name(path: str) -> str:
    return PurePath(path).name


def rules(tape: Tape, lines: Iterable[int], differentiable: Sequence[bool]) -> str:
    """What the sweep does on the way back through some lines, last line first: `d[a] = d[h] * (1 - h * h)`."""
    edges = [(i, k) for i in sorted(lines, reverse=True) for k, p in enumerate(tape.lines[i][1]) if p >= 0]
    told = [local_rule(tape, i, k) for i, k in edges if differentiable[tape.lines[i][1][k]]]
    told = [text for text in dict.fromkeys(told) if text]
    return "\n".join(told if len(told) <= MOST_RULES else [*told[: MOST_RULES - 1], "…"])


def of_node(node: dict[str, Any], functions: Iterable[str]) -> str:
    """A node: what it is, its functions, shape, norms, rules and source."""
    does = " + ".join(text for text, _ in node.get("rows", ())) or node["op"]
    value, adjoint = node["value"], node["adjoint_norm"]
    told = [
        " = ".join(dict.fromkeys(word for word in (node["label"], does) if word)),
        f"{', '.join(functions)}; {words.shape(node['shape'])}",
        f"‖value‖ {node['value_norm']:.4g}" if value is None else f"value {value:.6g}",
        "" if adjoint is None else f"‖adjoint‖ {adjoint:.4g}",
        node["rule"],
        node["source"],
    ]
    return "\n".join(word for word in told if word)


def of_edge(
    ends: Iterable[str],
    gradient: float | None,
    vanished: Sequence[str] = (),
    cut: bool = False,
    missed: float | None = None,
) -> str:
    """An edge: from where to where, what comes back, or would if it were not cut, and what it passes."""
    back = "nothing flows back" if gradient is None else f"‖gradient‖ {gradient:.4g}"
    back = "gradient exactly 0" if gradient == 0 else back
    if cut:
        back = "cut: nothing passes" + ("" if missed is None else f"; would have been ‖gradient‖ {missed:.4g}")
    told = [" → ".join(ends), back]
    return "\n".join([*told, f"through {', '.join(vanished)}"] if vanished else told)
