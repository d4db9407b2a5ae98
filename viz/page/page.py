"""Put a step-through page together: `step_through(flow).save("bptt.html")` writes one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_rnn import Flow
from tinygrad_rnn.stepping.places import At

from .. import render
from ..length import MOST_STEPS as MOST_WHOLE
from ..length import Length
from ..painting.colours import scale_of
from ..plain import one_line
from ..render import PictureError
from ..wording import describe
from .choices import choices, stage
from .data import Subject, gather
from .drawing import Drawing, drawing
from .events import upstream
from .tables import norms

SCRIPTS = ("formulas", "numbers", "picture", "tape", "gradients", "contributions", "node", "telling", "player")
MOST_EVENTS = 30_000
MOST_STEPS = 2_000  # of which all but a few are folded


class Page:
    """A page to step through one flow, event by event.

    Attributes:
        title: its heading.
        events: how many events there are for the loss that is shown first, forward and backward.
    """

    def __init__(self, title: str, data: dict[str, Any], picture: Drawing):
        self.title = title
        self.events: tuple[int, int] = data["counts"]
        self._data, self._picture = data, picture

    def html(self) -> str:
        """The whole page: markup, style, script, picture and data in one text."""
        style, script = _file("page.css"), _script()
        policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'"
        policy += "; base-uri 'none'; form-action 'none'"
        parts = {
            "POLICY": policy,
            "TITLE": html.escape(self.title),
            "STYLE": style,
            "SCRIPT": script,
            "PICTURE": self._picture.svg,
            "DATA": _as_script(self._data),
        }
        text = _file("page.html")
        for name, part in parts.items():  # no part can hold another's mark: users' words have no "<" left
            text = text.replace(f"<!--{name}-->", part)
        return text

    def save(self, path: str | Path) -> Path:
        """Write the page; the name must end in .html. Returns the path.

        Raises:
            PictureError: another ending, or a place that cannot be written.
        """
        path = Path(path)
        render.ending_of(path, ("html",))
        render.write(path, self.html().encode("utf-8", "backslashreplace"))
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        frame = f'<iframe srcdoc="{html.escape(self.html())}" sandbox="allow-scripts" title="{html.escape(self.title)}"'
        return {"text/html": f'{frame} width="100%" height="860" style="border:0"></iframe>', "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Page: {self.title}; {self.events[0]} events forward, {self.events[1]} backward>"


@np.errstate(all="ignore")  # gradients that are no numbers are shown as such
def step_through(
    flow: Flow,
    *,
    title: str | None = None,
    at: At | Iterable[At] = None,
    fold: tuple[int, int] | bool | None = None,
) -> Page:
    """A page on which every line of a program is computed, and every contribution to its gradient comes back.

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives; the page opens with the loss that it follows.
        title: the model's name, to stand in the heading.
        at: which losses can be chosen besides L: "last", steps' t or pairs (loop, t), one or several; all marked losses
            where there are at most 16, otherwise the last one.

        fold: (first, last) shows so many steps at the two ends line by line, and each step between them as one event;
            None does so where there are more than 60 steps, False never.

    Every choice brings its own sweep: which edges, each contribution's norm to four digits, and the contribution itself
    in 32-bit floats where it is small enough; see `arrays.LIMITS`.

    Raises:
        PictureError: not a flow, too long to step through, a fold that cannot be meant, a step without a loss, Graphviz
            missing or failing.
    """
    if not isinstance(flow, Flow):
        kind = type(flow).__name__
        raise PictureError(f"cannot step through a {kind}: step_through(tinygrad_rnn.flow(L)) shows the gradient of L")
    steps = len(flow.steps.order)
    if steps > MOST_STEPS:
        raise PictureError(f"{steps:,} steps are too many for a page (at most {MOST_STEPS:,}): record fewer steps")
    if fold is False and steps > MOST_WHOLE:
        raise PictureError(
            f"fold=False: {steps:,} steps are too many to step through line by line (at most {MOST_WHOLE}); "
            "leave it out, and those in the middle are one event each"
        )
    length = Length(False if fold is None and steps <= MOST_WHOLE else fold)
    offered = choices(flow, at)
    base = stage(flow, offered)
    graph = length.graph(base)
    folded = graph.graph.get("fold")
    ends = (folded.start, steps - folded.stop) if folded else None
    wanted = upstream(flow.tape, {flow.loss, *(i for choice in offered for i in choice.flow.seeds)})
    if not folded and len(wanted) + len(base.edges) > MOST_EVENTS:
        most = f"{MOST_EVENTS:,} events"
        raise PictureError(f"{len(wanted):,} lines are too many to step through (at most {most}): fold some steps")
    scale = scale_of(norms(graph))
    name = "" if title is None else one_line(title)
    heading = " · ".join(filter(None, [name, f"{steps} step" + "s" * (steps != 1) if steps else ""]))
    heading = f"Backpropagation, event by event · {heading}" if heading else "Backpropagation, event by event"
    picture = drawing(graph, scale, heading, describe(graph))
    return Page(heading, gather(Subject(flow, graph, ends, offered, wanted, scale, picture, heading)), picture)


@cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath("files", name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """All scripts one behind the other, in a scope of their own."""
    return '"use strict";\n(() => {\n' + "\n".join(_file(f"{name}.js") for name in SCRIPTS) + "})();\n"


def _digest(text: str) -> str:
    """The hash by which a content security policy knows an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _as_script(data: dict[str, Any]) -> str:
    """JSON that is safe inside a <script>: nothing in it can end the element or a line."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace").decode("utf-8")  # half a character has no bytes
