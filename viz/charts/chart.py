"""A chart: a matplotlib figure with a title and a description, saved with the same bytes every time."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import render
from ..plain import one_line
from ..render import PictureError
from ..shown import for_notebook
from .palette import Palette

FORMATS = ("svg", "png", "pdf")
_SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 11.0,
    "axes.titlesize": 12.0,
    "axes.labelsize": 11.0,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.fontsize": 10.0,
    "text.parse_math": False,  # names are words: a dollar in one is no formula
    "text.usetex": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "tinygrad-rnn",
    "pdf.fonttype": 42,
    "path.simplify": False,
}
_FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


class Chart:
    """One chart.

    Attributes:
        figure: the matplotlib.figure.Figure, free to be changed before it is saved.
        title: what the chart shows, in one line.
        description: the same in a few sentences, for those who cannot see it.
    """

    def __init__(self, figure: Any, title: str, description: str) -> None:
        self.figure, self.title, self.description = figure, title, description
        with settings():  # laid out once: doing it again at every saving would move things by a hair each time
            figure.draw_without_rendering()
            figure.set_layout_engine("none")

    def svg(self) -> str:
        """The chart as SVG with a viewBox, a title and a description; ids are unique to this chart."""
        raw = self._painted("svg").decode()
        prefix = "c" + hashlib.sha256((raw + self.title + self.description).encode()).hexdigest()[:8]
        return _tidy(raw, prefix, self.title, self.description)

    def save(self, path: str | Path) -> Path:
        """Write the chart; the ending of the path says as what: .svg, .png or .pdf. Returns the path.

        Raises:
            PictureError: unknown ending, or a place that cannot be written.
        """
        path = Path(path)
        ending = render.ending_of(path, FORMATS)
        render.write(path, self.svg().encode() if ending == "svg" else self._painted(ending))
        return path

    def _painted(self, ending: str) -> bytes:
        undated: dict[str, dict[str, Any]] = {
            "svg": {"Date": None, "Creator": None},
            "png": {"Software": None},
            "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        }
        out = io.BytesIO()
        with settings():
            self.figure.savefig(out, format=ending, dpi=144, metadata=undated[ending])
        return out.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": for_notebook(self.svg()), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Chart: {self.title}>"


@contextmanager
def settings() -> Iterator[None]:
    """Draw by the settings of charts, whatever the user has set; a character that no font has is drawn as a box.

    Raises:
        PictureError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise PictureError('charts need matplotlib; install it with `pip install "tinygrad-rnn[plot]"`')
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width: float, height: float, palette: Palette) -> Any:
    """An empty figure of a size in inches; call it inside `settings()`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor=palette.paper)


def plain(text: str, most: int = 24) -> str:
    """A name as a chart can show it: on one line, nothing that a file could choke on, cut to `most` characters."""
    return one_line(text, most)


def _tidy(raw: str, prefix: str, title: str, description: str) -> str:
    """Graphics with a role, a title, a description, the pictures' fonts, and ids that begin with a prefix."""
    import xml.etree.ElementTree as ElementTree

    for name, space in (("", "svg"), ("xlink", "xlink")):
        ElementTree.register_namespace(name, f"http://www.w3.org/{'2000' if space == 'svg' else '1999'}/{space}")
    root = ElementTree.fromstring(raw)
    svg = "{http://www.w3.org/2000/svg}"
    for metadata in root.findall(f"{svg}metadata"):
        root.remove(metadata)
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id":
                element.set(key, f"{prefix}-{value}")
            elif key.endswith("href") and value.startswith("#"):
                element.set(key, f"#{prefix}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{prefix}-"))
            elif key == "style":
                element.set(key, value.replace("'DejaVu Sans'", _FONTS))
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    for tag, text in (("desc", description), ("title", title)):
        element = ElementTree.Element(f"{svg}{tag}", {"id": f"{prefix}-{tag}"})
        element.text, element.tail = text, "\n"
        root.insert(0, element)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
