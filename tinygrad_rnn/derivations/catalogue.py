"""Look up every published formula by its source or its ID: `catalogue("onecademy")`, `formula("000.W.1")`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from . import d2l_entries, hao_ni_entries, many_to_one_entries, onecademy_entries, stackexchange_entries
from .entry import Entry

CATALOGUE: Mapping[str, tuple[Entry, ...]] = {
    "onecademy": onecademy_entries.ENTRIES,
    "stackexchange": stackexchange_entries.ENTRIES,
    "many_to_one": many_to_one_entries.ENTRIES,
    "hao_ni": hao_ni_entries.ENTRIES,
    "d2l": d2l_entries.ENTRIES,
}


class CatalogueError(ValueError):
    """A name or an ID that the catalogue has not, and the nearest that it has, on one line."""


def catalogue(name: str | None = None) -> tuple[Entry, ...]:
    """The entries of one source, in the order of its text, or of all five.

    Raises:
        CatalogueError: no source is called so.
    """
    if name is None:
        return tuple(entry for entries in CATALOGUE.values() for entry in entries)
    if name not in CATALOGUE:
        nearest = get_close_matches(name, CATALOGUE, n=1)
        remedy = f"did you mean {nearest[0]!r}?" if nearest else f"choose among {', '.join(CATALOGUE)}"
        raise CatalogueError(f"no derivation is called {name!r}: {remedy}")
    return CATALOGUE[name]


def formula(id_: str) -> Entry:
    """The entry of one ID, as "004.9.7.15".

    Raises:
        CatalogueError: no formula has this ID.
    """
    entries = {entry.id: entry for entry in catalogue()}
    if id_ not in entries:
        nearest = get_close_matches(id_, entries, n=1)
        begin = ", ".join(f"{members[0].id[:4]} ({source})" for source, members in CATALOGUE.items())
        remedy = f"did you mean {nearest[0]!r}?" if nearest else f"IDs begin with {begin}"
        raise CatalogueError(f"no formula has the ID {id_!r}: {remedy}")
    return entries[id_]
