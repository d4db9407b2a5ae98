"""Five published derivations of backpropagation through time, each transcribed in its own letters and conventions.

Every source stands alone: its own forward pass, its own derivatives, no formula shared with `bptt` or with another
source. IDs such as 000.delta number the displayed formulas. Each source has three files: `onecademy.py`, its gradients
by its δ-form; `onecademy_formulas.py`, the factors of its formulas one by one; `onecademy_entries.py`, every formula as
printed and corrected. `catalogue("onecademy")` lists the last; `measure(entry)` says how far it is from its witness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..spec import Spec
from . import d2l, hao_ni, many_to_one, onecademy, stackexchange
from .catalogue import CatalogueError, catalogue, formula
from .entry import KINDS, SEEING, SETTINGS, Entry, Reading, Setting
from .measuring import SEEDS, TOLERANCE, Measured, Verdict, measure, measure_blind, measured


@dataclass(frozen=True)
class Derivation:
    """One source.

    Attributes:
        name: its short name.
        title: who and where.
        specs: the models it is checked on.
        covers: whether a model is the source's.
        gradients: (spec, params, x, y, h0) -> {parameter name: gradient}; x (T, B, d), h0 (B, m).
    """

    name: str
    title: str
    specs: tuple[Spec, ...]
    covers: Callable[[Spec], bool]
    gradients: Callable[[Spec, Mapping[str, Any], Any, Any, Any], dict[str, Any]]


DERIVATIONS: Mapping[str, Derivation] = {
    name: Derivation(name, source.TITLE, source.SPECS, source.covers, source.gradients)
    for name, source in (
        ("onecademy", onecademy),
        ("stackexchange", stackexchange),
        ("many_to_one", many_to_one),
        ("hao_ni", hao_ni),
        ("d2l", d2l),
    )
}


def covering(spec: Spec) -> Derivation | None:
    """The first derivation whose model this is, or None."""
    return next((derivation for derivation in DERIVATIONS.values() if derivation.covers(spec)), None)


__all__ = [
    "DERIVATIONS",
    "KINDS",
    "SEEDS",
    "SEEING",
    "SETTINGS",
    "TOLERANCE",
    "CatalogueError",
    "Derivation",
    "Entry",
    "Measured",
    "Reading",
    "Setting",
    "Verdict",
    "catalogue",
    "covering",
    "formula",
    "measure",
    "measure_blind",
    "measured",
]
