"""Give every picture that a notebook shows ids of its own, also where the same picture is shown twice on one page."""

from __future__ import annotations

import re
from collections import Counter

_SHOWN: Counter[str] = Counter()


def fresh_ids(svg: str) -> str:
    """The same SVG; from the second time on that it is shown in this process, its ids begin with another prefix.

    A notebook puts all outputs into one page, where an id may stand only once. Saved files are not touched: they keep
    the same bytes for the same picture.
    """
    labelled = re.search(r'aria-labelledby="([A-Za-z0-9]+)-title ', svg)
    if labelled is None:
        return svg
    prefix = labelled[1]
    _SHOWN[prefix] += 1
    count = _SHOWN[prefix]
    return svg if count == 1 else re.sub(rf'(?<=["#\s]){prefix}(?=["-])', f"{prefix}x{count}", svg)
