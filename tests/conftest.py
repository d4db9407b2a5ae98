"""What every test shares: reproducible Hypothesis runs, no display, and `dot` demanded where it must be there."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# Derandomised, so a failure is the same on every machine; no deadline, since no test may depend on the clock.
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")


@pytest.fixture
def dot_program() -> str:
    """The path of Graphviz's `dot`; without one the test is skipped, and fails where CI is set."""
    found = shutil.which("dot")
    if found is None:
        reason = "Graphviz's `dot` is not installed: apt-get install graphviz"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
