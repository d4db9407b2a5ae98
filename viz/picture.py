"""Draw how gradients flow through a recorded recurrent network: `draw(flow)` gives a Picture to show or to save."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphviz
import networkx as nx

from tinygrad_rnn import Flow

from . import render
from .layout.boxes import measure
from .layout.metrics import cell_number, loss_number, text_width
from .layout.search import lay_out
from .layout.structure import Structure
from .painting.canvas import Canvas
from .painting.cells import paint_strips
from .painting.colours import INK, TEXT_GREY, scale_of
from .painting.key import Key, is_cut, least_room
from .painting.steps import Painter
from .painting.svg import tidy
from .painting.total import Total
from .painting.unstepped import paint_unstepped
from .reading.graph import build
from .reading.template import fold
from .render import PictureError

MOST_STEPS = 60
FORMATS = ("svg", "png", "pdf", "dot")
_PNG_DPI = 144
_PNG_MOST_PIXELS = 32_000  # cairo silently shrinks what is larger than 32,767


class Picture:
    """A picture of one flow: DOT text with every position pinned, and what Graphviz makes of it.

    Attributes:
        dot: the DOT text; plain `dot -Tsvg` paints it, too.
        graph: the networkx.MultiDiGraph that is drawn.
        title: what the picture shows, in one line.
        description: the same in a few sentences, for those who cannot see it.
        canvas: what was drawn where, None for programs without steps; `viz.check.overlaps` reads it.
        span: smallest and largest norm of the colour scale; give it to `draw` to make another picture comparable.
    """

    def __init__(
        self,
        digraph: graphviz.Digraph,
        graph: nx.MultiDiGraph,
        title: str,
        description: str,
        span: tuple[float, float],
        engine: str = "nop2",
        canvas: Canvas | None = None,
    ):
        self.graph, self.title, self.description, self.span = graph, title, description, span
        self.dot: str = digraph.source
        self.canvas = canvas
        self._digraph, self._engine = digraph, engine
        self._svg: str | None = None

    @property
    def elements(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Which ids of the SVG show which node, `("node", key)`, or which edge, `(u, v)`, of the graph."""
        return {} if self.canvas is None else self.canvas.elements()

    def svg(self) -> str:
        """The picture as SVG with a viewBox, a title and a description; ids are unique to this picture.

        Raises:
            PictureError: Graphviz is missing or fails.
        """
        if self._svg is None:
            raw = render.paint(self.dot, "svg", self._engine).decode()
            self._svg = tidy(raw, str(self._digraph.name), self.title, self.description)
        return self._svg

    def save(self, path: str | Path) -> Path:
        """Write the picture; the ending of the path says as what: .svg, .png, .pdf or .dot. Returns the path.

        Raises:
            PictureError: unknown ending, a place that cannot be written, Graphviz missing or failing.
        """
        path = Path(path)
        ending = path.suffix.lower().removeprefix(".")
        if ending not in FORMATS:
            raise PictureError(f"cannot save {path.name!r}: the name must end in .svg, .png, .pdf or .dot")
        if path.is_dir() or not path.parent.is_dir():
            what = "is a folder" if path.is_dir() else f"there is no folder {str(path.parent)!r}"
            raise PictureError(f"cannot save {path}: {what}")
        render.write(path, self._content(ending))
        return path

    def _content(self, ending: str) -> bytes:
        if ending == "dot":
            return self.dot.encode()
        if ending == "svg":
            return self.svg().encode()
        if ending == "png":
            sharp = self._digraph.copy()
            sharp.attr(dpi=f"{self._dpi():g}")
            return render.paint(sharp.source, "png", self._engine)
        return render.paint(self.dot, ending, self._engine)

    def _dpi(self) -> float:
        frame = str(self._digraph.graph_attr.get("bb", "0,0,0,0")).split(",")
        widest = max(float(frame[2]) - float(frame[0]), float(frame[3]) - float(frame[1])) + 40
        return min(_PNG_DPI, max(1, _PNG_MOST_PIXELS * 72 // widest))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}

    def __str__(self) -> str:
        return self.dot

    def __repr__(self) -> str:
        return f"<Picture: {self.title}; {len(self)} nodes>"

    def __len__(self) -> int:
        return len(self.graph)


def draw(
    flow: Flow,
    *,
    title: str | None = None,
    span: tuple[float, float] | None = None,
    fuse: bool | None = None,
    every_line: bool = False,
    every_step: bool = False,
) -> Picture:
    """Draw a recorded program unrolled over time, values forward and gradients backward.

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives; `at="last"` or a step follows that step's loss alone, None no loss.
        title: the model's name, to stand in the heading.
        canvas: what was drawn where, None for programs without steps; `viz.check.overlaps` reads it.
        span: smallest and largest norm of the colour scale, to make pictures comparable: `span=other.span`.
        fuse: draw W·h + U·x + b as one box; None does so where a step has more than five products.
        every_line: draw every recorded line of a step, nothing merged and nothing left out.
        every_step: draw more than 60 steps, too.

    Raises:
        PictureError: not a flow, a bad span, too many steps, Graphviz missing or failing.
    """
    if not isinstance(flow, Flow):
        kind = type(flow).__name__
        raise PictureError(f"cannot draw a {kind}: draw(tinygrad_rnn.flow(L)) draws the gradient of a loss L")
    if span is not None and not 0 < span[0] < span[1]:
        raise PictureError(f"span={span!r}: must be two norms, 0 < smallest < largest")
    steps = len(flow.steps.order)
    if steps > MOST_STEPS and not every_step:
        raise PictureError(
            f"{steps} steps are too wide to read (at most {MOST_STEPS}): "
            "record fewer steps, or insist with draw(..., every_step=True)"
        )
    graph = build(flow, every_line=every_line, fuse=fuse)
    if not graph.graph["steps"]:
        return _without_steps(graph, title, span)
    return _with_steps(graph, title, span)


def _with_steps(graph: nx.MultiDiGraph, title: str | None, span: tuple[float, float] | None) -> Picture:
    template = fold(graph)
    weights = tuple((str(graph.nodes[key]["name"]), str(graph.nodes[key]["label"])) for key in graph.graph["weights"])
    layout = lay_out(template, measure(graph, Structure(template)), weights)
    scale = scale_of(_norms(graph), span)
    painter = Painter(graph, layout, scale, least_room(graph, layout))
    painter.paint()
    if painter.backward:
        paint_strips(painter)
    total = Total(painter)
    total.paint()
    key = Key(painter, painter.right + 14)
    key.paint()
    heading = headline(graph)
    count = len(painter.panels)
    rest = ", ".join(filter(None, [title, f"{count} step" + ("s" if count > 1 else "")]))
    y, start = total.top + 46, painter.placement.left
    painter.canvas.text(heading, (start, y), 20, INK, side="l", bold=True, kind="title")
    painter.canvas.text(rest, (start, y - 24), 14, TEXT_GREY, side="l", kind="title")
    bottom = _notes(painter, graph)
    right = max(key.right, start + max(text_width(heading, 20, bold=True), text_width(rest, 14)))
    whole = f"{heading} · {rest}"
    frame = (min(painter.left, total.left) - 4, bottom - 4, right + 4, y + 16)
    digraph = painter.canvas.digraph(frame)
    return Picture(digraph, graph, whole, describe(graph), (scale.low, scale.high), canvas=painter.canvas)


def _notes(painter: Painter, graph: nx.MultiDiGraph) -> float:
    """What the recording wants to be known, below the panels. Returns the lowest height that is used."""
    y = painter.bottom
    for note in graph.graph["notes"]:
        y -= 16
        painter.canvas.text(f"note: {note}", (painter.placement.left, y), 10.5, TEXT_GREY, side="l", kind="note")
    return y - 8 if graph.graph["notes"] else y


def _without_steps(graph: nx.MultiDiGraph, title: str | None, span: tuple[float, float] | None) -> Picture:
    scale = scale_of(_norms(graph), span)
    sheet = paint_unstepped(graph, scale)
    whole, start, y = " · ".join(filter(None, [headline(graph), title])), sheet.left, sheet.top + 34
    sheet.canvas.text(whole, (start, y), 20, INK, side="l", bold=True, kind="title")
    for note in graph.graph["notes"]:
        sheet.bottom -= 16
        sheet.canvas.text(f"note: {note}", (start, sheet.bottom), 10.5, TEXT_GREY, side="l", kind="note")
    right = max(sheet.right, start + text_width(whole, 20, bold=True))
    digraph = sheet.canvas.digraph((start - 4, sheet.bottom - 12, right + 4, y + 16))
    return Picture(digraph, graph, whole, describe(graph), (scale.low, scale.high), canvas=sheet.canvas)


def headline(graph: nx.MultiDiGraph) -> str:
    """What a picture shows, in few words: the whole backward pass, one loss alone, or no gradient at all."""
    at, steps = graph.graph["at"], graph.graph["steps"]
    if not graph.graph["backward"]:
        return "Forward pass, no backward pass recorded"
    if at == "all":
        name = "Backpropagation through time" if steps else "Backpropagation"
        return f"Truncated b{name[1:]}" if is_cut(graph) else name
    followed = next((graph.nodes[key] for key in graph.graph["seeds"]), None)
    last = followed is not None and followed.get("step") == len(steps) - 1
    return "Gradient of the last loss only" if last else f"Gradient of the loss at t = {at} only"


def describe(graph: nx.MultiDiGraph) -> str:
    """A picture in sentences: steps, losses, carried states, and the norm of every weight's gradient."""
    steps, weights = graph.graph["steps"], [graph.nodes[key] for key in graph.graph["weights"]]
    said = [headline(graph) + "."]
    if steps:
        first, last = steps[0][1], steps[-1][1]
        said.append(f"{len(steps)} time steps, t = {first} to {last}, from left to right.")
    losses = [graph.nodes[key] for key in graph.graph["losses"].values()]
    if losses:
        values = [f"{node['label']} = {loss_number(float(node['value']))}" for node in losses[:12]]
        said.append("Losses: " + ", ".join(values) + ".")
    if "L" in graph and graph.nodes["L"]["value"] is not None:
        said.append(f"Total L = {loss_number(float(graph.nodes['L']['value']), 3)}.")
    if weights and graph.graph["backward"]:
        norms = ", ".join(f"{w['label']} {cell_number(float(w['adjoint_norm'] or 0.0))}" for w in weights)
        said.append(f"Norms of the weights' gradients{', summed over the steps' if steps else ''}: {norms}.")
    elif weights:
        said.append("Shared weights: " + ", ".join(str(w["label"]) for w in weights) + ".")
    return re.sub(r"\s+", " ", " ".join(said))


def _norms(graph: nx.MultiDiGraph) -> Iterator[float]:
    """Every norm that gets a colour: wires, shares and sums."""
    for _, _, data in graph.edges(data=True):
        if data["gradient"] is not None:
            yield float(data["gradient"])
    for key in graph.graph["weights"]:
        node = graph.nodes[key]
        yield from (float(share) for share in (node["shares"] or {}).values() if share is not None)
        if node["adjoint_norm"] is not None:
            yield float(node["adjoint_norm"])
