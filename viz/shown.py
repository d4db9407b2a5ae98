"""What a notebook gets of a picture: ids of its own each time it is shown, and a width that fits the page."""

from __future__ import annotations

import re
from collections import Counter

_SHOWN: Counter[str] = Counter()
_COLUMN, _READABLE = 700.0, 1400.0  # points: a notebook's usual width, and what can be shrunk to it and still be read
_SIZE = re.compile(r'(<svg\b[^>]*?) width="([0-9.]+)pt" height="[0-9.]+pt"')


def for_notebook(svg: str) -> str:
    """The same picture for one more output of a notebook. Saved files are not touched: they keep their bytes.

    A notebook puts all outputs into one page, where an id may stand only once: from the second time on that a picture
    is shown in this process its ids begin with another prefix. One that is somewhat too wide takes the page's width;
    a much wider one keeps its size, to be scrolled.
    """
    return _fresh_ids(_fitting(svg))


def _fresh_ids(svg: str) -> str:
    labelled = re.search(r'aria-labelledby="([A-Za-z0-9]+)-title ', svg)
    if labelled is None:
        return svg
    prefix = labelled[1]
    _SHOWN[prefix] += 1
    count = _SHOWN[prefix]
    return svg if count == 1 else re.sub(rf'(?<=["#\s]){prefix}(?=["-])', f"{prefix}x{count}", svg)


def _fitting(svg: str) -> str:
    size = _SIZE.search(svg[:2000])
    return _SIZE.sub(r"\1", svg, count=1) if size and _COLUMN < float(size[2]) <= _READABLE else svg
