"""Every formula of this source, as printed and corrected, with functions that evaluate both."""

from __future__ import annotations

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
