"""A picture: DOT text with every position pinned, to show in a notebook or to save."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import graphviz
import networkx as nx

from tinygrad_rnn.uncollected import uncollected

from . import render
from .exporting import exported
from .painting.canvas import Canvas
from .painting.finished import Finished
from .painting.stamps import stamped
from .painting.svg import tidied, tidy
from .plain import one_line
from .shown import for_notebook
from .sizing import Print

FORMATS = ("svg", "png", "pdf", "dot", "json", "graphml")
_PNG_DPI = 144
_MOST_PAINTED = 4_000  # elements that Graphviz paints one by one; of more it paints one of each look
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
        finished: Finished,
        graph: nx.MultiDiGraph,
        title: str,
        description: str,
        span: tuple[float, float],
        engine: str = "nop2",
        canvas: Canvas | None = None,
        printed: Print | None = None,
    ):
        self.graph, self.span = graph, span
        self.title, self.description = one_line(title, 400), one_line(description, 8000)
        self.canvas = canvas
        self._finished, self._engine, self._printed = finished, engine, printed
        self._svg: str | None = None

    @cached_property
    def _digraph(self) -> graphviz.Digraph:
        return self._finished.digraph()

    @cached_property
    def dot(self) -> str:
        """The DOT text; long ones are written only where they are wanted."""
        return str(self._digraph.source)

    @property
    def elements(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Which ids of the SVG show which node, `("node", key)`, or which edge, `(u, v)`, of the graph."""
        return {} if self.canvas is None else self.canvas.shown_by()

    @uncollected
    def svg(self) -> str:
        """The picture as SVG with a viewBox, a title and a description; ids are unique to this picture.

        Raises:
            PictureError: Graphviz is missing or fails.
        """
        if self._svg is None:
            size = (self._printed.width, self._printed.height) if self._printed else None
            said = (self._finished.prefix, self.title, self.description, size)
            if len(self._finished) > _MOST_PAINTED:
                self._svg = stamped(self._finished, lambda text, times: tidied(self._painted(text), *said, times))
            else:
                self._svg = tidy(self._painted(self.dot), *said)
        return self._svg

    def _painted(self, text: str) -> str:
        return render.paint(text, "svg", self._engine).decode()

    def save(self, path: str | Path) -> Path:
        """Write the picture; the ending of the path says as what: .svg, .png, .pdf or .dot. Returns the path.

        Endings .json and .graphml give the graph behind it, as `viz.export` writes it.

        Raises:
            PictureError: unknown ending, a place that cannot be written, Graphviz missing or failing.
        """
        path = Path(path)
        ending = render.ending_of(path, FORMATS)
        render.write(path, self._content(ending))
        return path

    def _content(self, ending: str) -> bytes:
        if ending == "dot":
            return self.dot.encode()
        if ending in ("json", "graphml"):
            return exported(self.graph, ending)
        if ending == "svg":
            return self.svg().encode()
        if ending == "png":
            sharp = self._digraph.copy()
            sharp.attr(dpi=f"{self._dpi():g}")
            return render.paint(sharp.source, "png", self._engine)
        return render.paint(self.dot, ending, self._engine)

    def _dpi(self) -> float:
        if self._printed:
            return self._printed.dpi
        frame = str(self._digraph.graph_attr.get("bb", "0,0,0,0")).split(",")
        widest = max(float(frame[2]) - float(frame[0]), float(frame[3]) - float(frame[1])) + 40
        return min(_PNG_DPI, max(1, _PNG_MOST_PIXELS * 72 // widest))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": for_notebook(self.svg()), "text/plain": repr(self)}

    def __str__(self) -> str:
        return self.dot

    def __repr__(self) -> str:
        return f"<Picture: {self.title}; {len(self)} nodes>"

    def __len__(self) -> int:
        return len(self.graph)
