"""Results of a comparison as plain frozen data: every error by case, witness and quantity, to print or to dump."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..bptt import FAMILIES
from .distance import relative_error

TOLERANCE = 1e-10

# How the witnesses are called in sentences.
WORDS: Mapping[str, str] = {
    "tape": "tape",
    "closed_form": "closed form",
    "transcription": "source's transcription",
    "complex_step": "complex step through models.forward",
}


# How the groups of parameters' arrays are called.
ABOUT: Mapping[str, str] = {
    "grads":        "parameter",
    "full_grads":   "whole gradient of parameter",
    "contrib_norm": "‖C[t,k]‖ of parameter",
    "contrib_full": "C[t,k] of parameter",
}


def words(witness: str) -> str:
    """What a witness is called: a letter is a family's."""
    return WORDS.get(witness, f"family {witness}")


class CaseError(ValueError):
    """Something asked for cannot be read or is not there; one line that says what, where and why."""


@dataclass(frozen=True)
class Row:
    """One array of one witness against the reference.

    Attributes:
        case: id of the case.
        derivation: short name of the published derivation, or "" where none fits.
        witness: "tape", "closed_form", "transcription", "complex_step", or the letter of a family of closed forms.
        quantity: "loss", "dh", "grads.W", "contrib_norm.W", …, as the case schema calls it.
        max_abs: max |a − b|, infinite where shapes differ.
        relative: ‖a − b‖ / max(‖b‖, 1e−12).
        tolerance: what `relative` may be.
        reference: what b is.
        note: why there is no number: the witness raised, or gave another shape.
    """

    case: str
    derivation: str
    witness: str
    quantity: str
    max_abs: float
    relative: float
    tolerance: float
    reference: str
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the relative error is within the tolerance; NaN is not."""
        return self.relative <= self.tolerance

    @property
    def about(self) -> str:
        """The quantity in words: "parameter W", "C[t,k] of parameter W", "dh"."""
        group, _, name = self.quantity.partition(".")
        return f"{ABOUT[group]} {name}" if group in ABOUT else self.quantity

    @property
    def problem(self) -> str:
        """One line: where, who, what, by how much."""
        source = f"{self.derivation}, " if self.derivation else ""
        error = (
            f"relative error {self.relative:.2e} (at most {self.tolerance:.0e}), absolute {self.max_abs:.2e}, "
            f"against the {self.reference}"
        )
        return f"{source}case {self.case}: {words(self.witness)}, {self.about}: {self.note or error}"


@dataclass(frozen=True)
class CaseResult:
    """Every row of one case.

    Attributes:
        id: its name.
        derivation: short name of the published derivation, or "" where none fits.
        description: the model and its sizes in words.
        rows: every array that was compared.
        not_compared: what the case expects and nobody here computes.
        seconds: letter of a family, or "tape" -> time that its gradients took; empty where no family was asked for.
        absent: (letter, reason) of the families asked for that do not exist for this model.
        group: "published", or "truncated" where the gradients are truncated ones.
    """

    id: str
    derivation: str
    description: str
    rows: tuple[Row, ...]
    not_compared: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    absent: tuple[tuple[str, str], ...] = ()
    group: str = "published"

    @property
    def ok(self) -> bool:
        """Whether every row agrees."""
        return all(row.ok for row in self.rows)

    @property
    def witnesses(self) -> tuple[str, ...]:
        """Who was compared, in order."""
        return tuple(dict.fromkeys(row.witness for row in self.rows))

    def max_rel_error(self, witness: str) -> float:
        """Largest relative error of one witness; NaN counts as infinite."""
        errors = [row.relative for row in self.rows if row.witness == witness]
        return max((math.inf if math.isnan(error) else error for error in errors), default=0.0)


@dataclass(frozen=True)
class Report:
    """A whole comparison.

    Attributes:
        title: what was compared.
        cases: one result for each case.
        unsupported: (id, group) of the cases that were read and not compared.
        families: letters of the families that were asked for.
    """

    title: str
    cases: tuple[CaseResult, ...]
    unsupported: tuple[tuple[str, str], ...] = ()
    families: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every case agrees; true of no case at all, of which `as_dict` says "compared": 0."""
        return all(case.ok for case in self.cases)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of all cases."""
        return tuple(row for case in self.cases for row in case.rows)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for every disagreement: derivation, case, witness, parameter, by how much."""
        return tuple(row.problem for row in self.rows if not row.ok)

    @property
    def absent(self) -> tuple[str, ...]:
        """One line for every reason why a family does not exist, with the first case for which it does not."""
        ids: dict[tuple[str, str], list[str]] = {}
        for case in self.cases:
            for absent in case.absent:
                ids.setdefault(absent, []).append(case.id)
        lines = []
        for (letter, reason), (first, *others) in ids.items():
            more = f" and {len(others)} more" if others else ""
            lines.append(f"{letter} does not exist for {first}{more}: {reason}")
        return tuple(lines)

    def explain(self) -> tuple[str, ...]:
        """Lines to print: one for each case, then the disagreements, what was left out, and the verdict."""
        lines = [self.title]
        for case in self.cases:
            errors = ", ".join(f"{words(w)} {case.max_rel_error(w):.1e}" for w in case.witnesses)
            lines.append(f"  {'ok ' if case.ok else 'NOT'} {case.id}  {case.description}: {errors}")
        lines += [f"  {problem}" for problem in self.problems]
        lines += [f"  {line}" for line in self.absent]
        if any(row.witness == "complex_step" and not row.ok for row in self.rows):
            lines.append("  the two forward passes disagree, so look at bptt/forward.py and models.py first")
        lines += [f"  not supported: case {id_} (group {group})" for id_, group in self.unsupported]
        for quantity in sorted({q for case in self.cases for q in case.not_compared}):
            ids = ", ".join(case.id for case in self.cases if quantity in case.not_compared)
            lines.append(f"  not compared: {quantity} of {ids}")
        agree = sum(case.ok for case in self.cases)
        left_out = f", {len(self.unsupported)} not supported" if self.unsupported else ""
        lines.append(f"{agree} of {len(self.cases)} cases agree{left_out}")
        return tuple(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain data: {"ok", "compared", "cases": [{"id", "ok", "tape": {"max_rel_error"}, …}], "unsupported": [id]}.

        Where families were asked for, each case has their "seconds" and, with the reason, those that are "absent";
        "families" has their titles and costs.

        An error that is infinite or not a number, which JSON cannot say, is None.
        """
        cases = []
        for case in self.cases:
            entry: dict[str, Any] = {"id": case.id, "ok": case.ok, "derivation": case.derivation or None}
            for witness in case.witnesses:
                error = case.max_rel_error(witness)
                entry[witness] = {"max_rel_error": error if math.isfinite(error) else None}
            if case.not_compared:
                entry["not_compared"] = list(case.not_compared)
            if self.families:
                entry |= {"seconds": dict(case.seconds), "absent": dict(case.absent)}
            cases.append(entry)
        return {
            "ok": self.ok,
            "compared": len(self.cases),
            "cases": cases,
            "unsupported": [id_ for id_, _ in self.unsupported],
            "problems": list(self.problems),
            "families": {name: {"title": FAMILIES[name].title, "cost": FAMILIES[name].cost} for name in self.families},
        }

    def to_json(self, indent: int | None = 2) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), indent=indent, allow_nan=False, ensure_ascii=False)


def compare_reading(
    case: str,
    derivation: str,
    witness: str,
    read: Callable[[], Mapping[str, Any]],
    wanted: Mapping[str, Any],
    reference: str,
) -> list[Row]:
    """One row for every wanted quantity; a witness that raises, or is silent about one, is wrong about it."""
    note = "gave nothing"
    reading: Mapping[str, Any] = {}
    try:
        reading = read()
    except Exception as error:  # a broken derivation may fail in any way, and the report must still say which one
        note = f"raised {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    rows = []
    for quantity, value in wanted.items():
        if quantity in reading:
            rows.append(row(case, derivation, witness, quantity, reading[quantity], value, reference))
        else:
            rows.append(Row(case, derivation, witness, quantity, math.inf, math.inf, TOLERANCE, reference, note))
    return rows


def row(
    case: str, derivation: str, witness: str, quantity: str, value: Any, reference_value: Any, reference: str
) -> Row:
    """Compare one array with its reference: max |a − b| and ‖a − b‖ / max(‖b‖, 1e−12)."""
    a, b = np.asarray(value), np.asarray(reference_value)
    if a.shape != b.shape:
        note = f"has shape {a.shape}, the {reference} has {b.shape}"
        return Row(case, derivation, witness, quantity, math.inf, math.inf, TOLERANCE, reference, note)
    max_abs = float(np.max(np.abs(a - b), initial=0.0))
    return Row(case, derivation, witness, quantity, max_abs, relative_error(a, b), TOLERANCE, reference)
