"""Draw how gradients flow through a recorded recurrent network: `draw(flow)` gives a Picture to show or to save."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import networkx as nx

from tinygrad_rnn import Flow
from tinygrad_rnn.uncollected import uncollected

from .check import overlaps
from .law import in_lines, paint_law
from .layout.metrics import text_width
from .length import Length, layout_of, lengths_to_try
from .look import Look, read_span
from .painting.below import KeyBelow
from .painting.cells import paint_strips
from .painting.colours import INK, TEXT_GREY, scale_of
from .painting.folded import paint_fold
from .painting.key import Key, least_room
from .painting.memory import paint_memories
from .painting.steps import Painter
from .painting.total import Total
from .painting.unstepped import paint_unstepped
from .picture import Picture
from .plain import one_line
from .reading.views import only_gradients, only_path, only_values
from .reading.ways import follow_path
from .render import PictureError
from .sizing import Draft, TooMuch
from .wording import describe, headline


@uncollected
def draw(
    flow: Flow,
    *,
    title: str | None = None,
    span: tuple[float, float] | None = None,
    fuse: bool | None = None,
    every_line: bool = False,
    fold: tuple[int, int] | bool | None = None,
    every_step: bool = False,
    show: str = "both",
    path: tuple[Any, Any] | None = None,
    theme: str = "light",
    size: str | tuple[float, float] | None = None,
    backward: bool = False,
    collapse: str | Collection[str] | None = None,
) -> Picture:
    """Draw a recorded program unrolled over time, values forward and gradients backward.

    Args:
        flow: what `tinygrad_rnn.flow(L)` gives; `at="last"` or a step follows that step's loss alone, None no loss.
        title: the model's name, to stand in the heading.
        span: smallest and largest norm of the colour scale, to make pictures comparable: `span=other.span`.
        fuse: draw W·h + U·x + b as one box; None does so where a step has more than five products.
        every_line: draw every recorded line of a step, nothing merged and nothing left out.
        fold: (first, last) draws so many steps at the two ends, and between them one panel that says how many steps
            it stands for and shows each carry's gradient step by step; None folds where the picture would be wider than
            2,200 points, False never folds.
        every_step: draw all steps one by one, also more than 60.
        show: "both", or "value": the forward pass alone with the norms of what passes, or "gradient" alone.
        path: (t, k) shows only how the loss at t reaches the weights of step k, and on which states it crosses the
            steps, with each route's share; (t, "W") shows how it reaches every use of a weight. Where several loops
            count the same numbers a step is named as a pair: (("decoder", 2), ("encoder", 1)). Folded steps are one
            step of a route, by whatever ways; more than 60 steps are folded.
        theme: "light", "dark", or "print" for black ink on white paper. The background is opaque in each.
        size: "slide" (16:9, 960 × 540 pt), "paper" (3.4 in wide where the smallest text has 5 pt there, else 7 in), or
            (width, height) in points. Steps are folded, and the key goes below them, where that is needed to read it.
        backward: draw the backward pass as it is recorded, too: its lines beside those that they differentiate.
        collapse: "steps" draws every step as one box; the name of a part, "layer 1", or several, or "layer" for all
            that are counted so, draws that part as one box in every step. What crosses a box's border stays exact.

    Raises:
        PictureError: not a flow, a bad span, too many steps, Graphviz missing or failing.
    """
    if not isinstance(flow, Flow):
        kind = type(flow).__name__
        raise PictureError(f"cannot draw a {kind}: draw(tinygrad_rnn.flow(L)) draws the gradient of a loss L")
    span = read_span(span)
    look = Look.of(theme, show, size)
    title = title if title is None else one_line(title)
    if backward and not (flow.seeds and flow.steps.order):
        lacks = "time steps" if flow.seeds else "backward pass; flow(L) has one"
        raise PictureError(f"backward=True draws a recurrent program's backward pass, and this flow has no {lacks}")
    if backward and show != "both":
        raise PictureError(f"show={show!r}: a picture with backward=True shows both passes; leave one of the two out")
    if collapse is not None and not flow.steps.order:
        raise PictureError(f"collapse={collapse!r}: the program marks no time steps; mark them with `with tg.step(t):`")
    rules = {"every_line": every_line, "fuse": fuse}
    lengths = [Length(fold, every_step)]
    if look.sizes and fold is None and collapse is None and not (every_step or backward):
        lengths = lengths_to_try(len(flow.steps.order))
    for length in lengths:
        graph = _read(flow, look, path, length, backward=backward, collapse=collapse, **rules)
        try:
            paint = _with_steps if graph.graph["steps"] else _without_steps
            return paint(graph, title, span, look)
        except TooMuch as error:
            if length is lengths[-1]:
                raise error.with_advice(length.shorter(graph, folds=not graph.graph["recorded"])) from None
    raise AssertionError("there is at least one length to try")


def _read(
    flow: Flow, look: Look, path: Any, length: Length, *, backward: bool, collapse: Any, **rules: Any
) -> nx.MultiDiGraph:
    """The graph of a flow, with what the user wants to see of it."""
    if path is None:
        graph = length.graph(flow, backward=backward, collapse=collapse, **rules)
    elif backward or look.show == "value":
        said = "backward=True" if backward else "show='value'"
        raise PictureError(f"path={path!r} shows how gradient flows and {said} something else: choose one of them")
    elif not flow.steps.order or flow.loss in flow.tape.backward:
        raise PictureError(f"path={path!r}: the program marks no time steps; mark them with `with tg.step(t):`")
    else:
        rules |= {"collapse": collapse}
        graph, view = follow_path(flow, path, fold=length.ends(flow, **rules), **rules)
        only_path(graph, view)
    if look.show == "value":
        only_values(graph)
    elif look.show == "gradient":
        only_gradients(graph)
    return graph


def _with_steps(graph: nx.MultiDiGraph, title: str | None, span: tuple[float, float] | None, look: Look) -> Picture:
    layout = layout_of(graph)
    scale = scale_of(_norms(graph), span)
    heading, count = headline(graph), len(graph.graph["steps"])
    rest = ", ".join(filter(None, [title, f"{count:,} step" + ("s" if count > 1 else "")]))
    drafts = [_draft(Painter(graph, layout, scale, least_room(graph, layout)), heading, rest, below=False)]
    if look.sizes:
        drafts.append(_draft(Painter(graph, layout, scale), heading, rest, below=True))
    return look.picture(drafts, graph, f"{heading} · {rest}", describe(graph), scale)


def _draft(painter: Painter, heading: str, rest: str, *, below: bool) -> Draft:
    """Paint everything: with the key beside the panels, or below them."""
    total = paint_network(painter)
    if painter.backward:
        paint_strips(painter)
    key, y, start = Key(painter, painter.right + 14), total.top + 46, painter.placement.left
    bottom = painter.bottom
    if below:
        bottom = _notes(painter, painter.graph, painter.right) - 12
        key = KeyBelow(painter, start, bottom, painter.right - start)
        key.paint()
        bottom = key.bottom
    else:
        key.paint()
        bottom = min(_notes(painter, painter.graph, key.right), key.floor)
    painter.canvas.text(heading, (start, y), 20, INK, side="l", bold=True, kind="title")
    painter.canvas.text(rest, (start, y - 24), 14, TEXT_GREY, side="l", kind="title")
    right = max(painter.right, key.right, start + max(text_width(heading, 20, bold=True), text_width(rest, 14)))
    return Draft(painter.canvas, (min(painter.left, total.left) - 4, bottom - 4, right + 4, y + 16))


def paint_network(painter: Painter) -> Total:
    """Paint all steps, what stands for folded ones, the memories that steps read, and the total above them."""
    painter.paint()
    paint_fold(painter)
    paint_memories(painter)
    total = Total(painter)
    total.paint()
    return total


def _notes(painter: Painter, graph: nx.MultiDiGraph, right: float) -> float:
    """What the recording wants to be known, below the panels. Returns the lowest height that is used."""
    y = paint_law(painter.canvas, graph, (painter.placement.left, painter.bottom), right)
    scattered = [f"the nodes of {scope!r} stand apart, and have no frame" for scope in painter.frames.scattered]
    touching = overlaps(painter.canvas) if graph.graph["recorded"] else {}
    crowded = ["this backward pass has too many lines to be drawn clearly: some wires touch"] if touching else []
    for note in [*graph.graph["notes"], *scattered, *crowded]:
        for line in in_lines(f"note: {note}", 10.5, right - painter.placement.left):
            y -= 16
            painter.canvas.text(line, (painter.placement.left, y), 10.5, TEXT_GREY, side="l", kind="note")
    return y - 8 if y < painter.bottom else y


def _without_steps(graph: nx.MultiDiGraph, title: str | None, span: tuple[float, float] | None, look: Look) -> Picture:
    scale = scale_of(_norms(graph), span)
    sheet = paint_unstepped(graph, scale)
    whole, start, y = " · ".join(filter(None, [headline(graph), title])), sheet.left, sheet.top + 34
    sheet.canvas.text(whole, (start, y), 20, INK, side="l", bold=True, kind="title")
    sheet.bottom = paint_law(sheet.canvas, graph, (start, sheet.bottom), sheet.right)
    for note in graph.graph["notes"]:
        for line in in_lines(f"note: {note}", 10.5, sheet.right - start):
            sheet.bottom -= 16
            sheet.canvas.text(line, (start, sheet.bottom), 10.5, TEXT_GREY, side="l", kind="note")
    right = max(sheet.right, start + text_width(whole, 20, bold=True))
    draft = Draft(sheet.canvas, (start - 4, sheet.bottom - 12, right + 4, y + 16))
    return look.picture([draft], graph, whole, describe(graph), scale)


def _norms(graph: nx.MultiDiGraph) -> Iterator[float]:
    """Every norm that gets a colour: wires, shares and sums."""
    for _, _, data in graph.edges(data=True):
        if data["gradient"] is not None:
            yield float(data["gradient"])
        if data.get("adjoint") is not None:
            yield float(data["adjoint"])
    if fold := graph.graph.get("fold"):
        yield from (norm for ribbon in fold.ribbons for norm in ribbon.norms if norm is not None)
    for key in graph.graph["weights"]:
        node = graph.nodes[key]
        yield from (float(share) for share in (node["shares"] or {}).values() if share is not None)
        if node["adjoint_norm"] is not None:
            yield float(node["adjoint_norm"])
