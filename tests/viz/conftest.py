"""What tests of pages share: one browser for each file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import chromium, need_chromium
from tests.painting import need_graphviz


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless chromium, with Graphviz to draw what it shows."""
    need_graphviz()
    need_chromium()
    with chromium() as found:
        yield found
