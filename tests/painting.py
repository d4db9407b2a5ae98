"""Ask for Graphviz in a test: the `dot` program or pygraphviz, whichever the pictures would use."""

from __future__ import annotations

import os

import pytest

import viz
from viz.render import backend


def need_graphviz() -> None:
    """Skip the test where neither is installed, and fail where CI is set."""
    try:
        backend()
    except viz.PictureError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
