"""Write elements as DOT statements. The graphviz library quotes; a word that was quoted once is not quoted again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from graphviz.quoting import quote

# Attributes that the canvas itself writes: numbers, points and slugs, which hold nothing that wants escaping.
_SAFE = frozenset(("pos", "lp", "bb", "id", "width", "height", "penwidth", "fontsize", "arrowsize"))

quoted = lru_cache(maxsize=50_000)(quote)


def node(name: str, attributes: Mapping[str, str], identity: str) -> str:
    """One node as a line of DOT."""
    return f"\t{quoted(name)} [{_listed(attributes, identity)}]\n"


def wire(tail: str, head: str, attributes: Mapping[str, str], identity: str) -> str:
    """One edge as a line of DOT."""
    return f"\t{quoted(tail)} -> {quoted(head)} [{_listed(attributes, identity)}]\n"


def _listed(attributes: Mapping[str, str], identity: str) -> str:
    parts = [
        f'{key}="{value}"' if key in _SAFE else f"{key}={quoted(value)}" for key, value in sorted(attributes.items())
    ]
    return " ".join([*parts, f'id="{identity}"'])
