"""Gather what a certificate states: every formula of a source with its measured verdict, and who agrees with whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..check.compare import compare_derivations
from ..check.report import Report
from ..derivations import DERIVATIONS, KINDS, SEEDS, SETTINGS, Entry, Measured, Reading, Verdict, measure
from .models import MODELS, Model

FAMILIES = ("E", "F", "Z", "P")  # compared besides D, which every comparison has
MISPRINTED = "model_misprinted"  # of the model statements, those that are wrong as printed


@dataclass(frozen=True)
class Formula:
    """One formula and what was measured of it."""

    entry: Entry
    verdict: Verdict

    @property
    def says(self) -> str:
        """The verdict in words; a model statement that is wrong says so, and a supplied formula what was measured."""
        if self.entry.supplied:
            if not self._evaluated:
                return "supplied, not measured"
            return "supplied, right" if self.printed.agrees else "supplied, wrong"
        word = KINDS[self.entry.kind]
        return f"{word}, wrong" if self.misprinted else word

    @property
    def misprinted(self) -> bool:
        """Whether it is a model statement that differs, as printed, from the model."""
        return (
            self.entry.kind == "model"
            and not self.entry.supplied
            and self._evaluated
            and not self.printed.agrees
        )

    @property
    def colour(self) -> str:
        """The kind that the verdict looks like: a wrong model statement is wrong, a supplied one is right."""
        if self.says.endswith(", wrong"):
            return "wrong"
        if self.entry.supplied:
            return "right" if self._evaluated else "model"
        return self.entry.kind

    @property
    def _evaluated(self) -> bool:
        return self.printed.max is not None or not self.printed.composes

    @property
    def printed(self) -> Measured:
        """What was measured of the printed formula; of a supplied one, of that."""
        verdict = self.verdict
        if self.entry.printed is None and not self.entry.supplied:
            return Measured("printed", None, None, 0)
        return Measured("printed", verdict.median, verdict.max, verdict.trials, verdict.composes, verdict.undefined)

    @property
    def readings(self) -> tuple[tuple[Reading, Measured], ...]:
        """Every way to read it, with what was measured of it."""
        return tuple(zip(self.entry.readings, self.verdict.readings, strict=True))


@dataclass(frozen=True)
class Certificate:
    """One source: its model, its formulas, and a comparison of tape, closed forms, δ form and complex step."""

    name: str
    title: str
    model: Model
    formulas: tuple[Formula, ...]
    report: Report

    @property
    def ok(self) -> bool:
        """Whether every verdict is borne out and every gradient agrees."""
        return self.report.ok and all(formula.verdict.holds for formula in self.formulas)


def measured_formulas(entries: Iterable[Entry], seeds: Sequence[int] = SEEDS) -> tuple[Formula, ...]:
    """Each entry with its verdict, on one random instance for every seed."""
    return tuple(Formula(entry, measure(entry, seeds)) for entry in entries)


def certificates(entries: Iterable[Entry], seeds: Sequence[int] = SEEDS) -> tuple[Certificate, ...]:
    """A certificate for every source that the entries are from, with these entries only."""
    formulas = measured_formulas(entries, seeds)
    return tuple(
        Certificate(
            name,
            DERIVATIONS[name].title,
            MODELS[name],
            tuple(formula for formula in formulas if formula.entry.source == name),
            compare_derivations([name], families=FAMILIES),
        )
        for name in dict.fromkeys(formula.entry.source for formula in formulas)
    )


def numbers_of_verdicts(formulas: Sequence[Formula]) -> dict[str, int]:
    """How many formulas have each verdict, in the order of KINDS; behind "model", how many of those are misprinted."""
    count = Counter(formula.entry.kind for formula in formulas)
    count[MISPRINTED] = sum(formula.misprinted for formula in formulas)
    return {kind: count[kind] for known in KINDS for kind in ((known, MISPRINTED) if known == "model" else (known,))}


def counted(formulas: Sequence[Formula]) -> dict[str, str]:
    """The verdicts that occur, as "14 right", "9 model statements", and behind these "4 of them misprinted"."""
    number = numbers_of_verdicts(formulas)
    words = {kind: f"{number[kind]} {KINDS[kind]}" for kind in KINDS} | {MISPRINTED: "misprinted"}
    if number["model"] > 1:
        words["model"] += "s"
        words[MISPRINTED] = f"{number[MISPRINTED]} of them misprinted"
    return {kind: words[kind] for kind in number if number[kind]}


def hidden_from(blind: Iterable[str]) -> list[str]:
    """The settings in a short form, from short sequences to special ones; "T=1" speaks for "T=1, h0=0" as well."""
    known = set(blind)
    ordered = [name for name in SETTINGS if name in known and name.removesuffix(", h0 = 0") not in known - {name}]
    return [name.replace(" = ", "=") for name in ordered]


def two_digits(number: float) -> str:
    """A number of ordinary size with two digits that count and no exponent: 0.077, 2.3, 320."""
    rounded = float(f"{number:.1e}")
    return f"{rounded:.0f}" if rounded >= 100.0 else f"{number:.2g}"


def as_dict(formulas: Sequence[Formula], seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Plain data for JSON: {"ok", "verdicts": {kind: number}, "instances", "formulas": [{"id", …}, …]}.

    The kinds of "verdicts" add up to all formulas; "model_misprinted" is how many of "model" are wrong as printed.
    A disagreement that is not finite, which JSON cannot say, is None, and "finite" is then false.
    """
    return {
        "ok": all(formula.verdict.holds for formula in formulas),
        "verdicts": numbers_of_verdicts(formulas),
        "instances": len(seeds),
        "formulas": [_formula(formula) for formula in formulas],
    }


def _formula(formula: Formula) -> dict[str, Any]:
    entry, verdict = formula.entry, formula.verdict
    return {
        "id": entry.id,
        "source": entry.source,
        "verdict": entry.kind,
        "says": formula.says,
        "misprinted": formula.misprinted,
        "borne_out": verdict.holds,
        "family": entry.family,
        "printed": entry.latex_printed or None,
        "corrected": entry.corrected_latex or None,
        "meaning": entry.meaning,
        "remark": entry.remark,
        **_numbers(formula.printed),
        "corrected_residual": verdict.residual,
        "blind": _sorted(entry.blind),
        "undefined": verdict.undefined or None,
        "readings": [
            {
                "reading": reading.words,
                "right": reading.right,
                "setting": reading.setting,
                **_numbers(measured),
                "blind": _sorted(reading.blind),
            }
            for reading, measured in formula.readings
        ],
    }


def _numbers(measured: Measured) -> dict[str, Any]:
    evaluated = measured.max is not None
    return {
        "median": _finite(measured.median),
        "max": _finite(measured.max),
        "finite": bool(np.isfinite(measured.max)) if measured.max is not None else None,
        "instances": measured.trials if evaluated or not measured.composes else 0,
        "composes": measured.composes,
    }


def _finite(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else number


def _sorted(blind: Iterable[str]) -> list[str]:
    """In the order of SETTINGS, from short to special."""
    return sorted(blind, key=list(SETTINGS).index)
