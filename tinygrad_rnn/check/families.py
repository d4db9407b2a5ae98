"""Compare further families of closed forms with a reference, and measure what each of them costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ..bptt import FAMILIES, LETTERS, Family
from ..models import record
from .instances import Instance
from .report import CaseError, Row, compare_reading

REPEATS = 3  # the fastest counts: what is slower waited for something else


@dataclass(frozen=True)
class Measured:
    """What families give for one instance.

    Attributes:
        rows: one for every family that exists and every quantity; the witness is the family's letter.
        seconds: letter, or "tape" for a recording and its sweep, -> the fastest of a few runs.
        absent: (letter, reason) of the families that do not exist for this model.
    """

    rows: tuple[Row, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    absent: tuple[tuple[str, str], ...] = ()


def check_letters(letters: Iterable[str]) -> tuple[str, ...]:
    """Letters of families, each once.

    Raises:
        CaseError: one that is no family's.
    """
    chosen = tuple(dict.fromkeys(letters))
    for letter in chosen:
        if letter not in FAMILIES:
            known = ", ".join(f"{known} ({FAMILIES[known].title})" for known in LETTERS)
            raise CaseError(f"no family is called {letter!r}: choose among {known}, or all")
    return chosen


def measure_families(
    letters: Iterable[str], instance: Instance, case: str, derivation: str, wanted: Mapping[str, Any], reference: str
) -> Measured:
    """Every family's gradients against the wanted ones, with its time; what does not exist says why.

    Args:
        letters: of families.
        instance: what they differentiate.
        case: id for the rows.
        derivation: name for the rows.
        wanted: grads.NAME -> array.
        reference: what the wanted arrays are, in words.
    """
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    absent: list[tuple[str, str]] = []
    for letter in letters:
        family = FAMILIES[letter]
        reason = family.why_not(instance.spec)
        if reason is not None:
            absent.append((letter, reason))
            continue

        def read(family: Family = family) -> dict[str, Any]:
            gradients = _timed(lambda: family.gradients(*_arguments(instance)), family.letter, seconds)
            return {f"grads.{name}": gradient for name, gradient in gradients.items()}

        rows += compare_reading(case, derivation, letter, read, wanted, reference)
    if seconds:
        _timed(lambda: _tape(instance), "tape", seconds)
    return Measured(tuple(rows), seconds, tuple(absent))


def _timed(function: Callable[[], Any], name: str, seconds: dict[str, float]) -> Any:
    """What the function gives; its time is noted."""
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        result = function()
        times.append(perf_counter() - start)
    seconds[name] = min(times)
    return result


def _tape(instance: Instance) -> list[Any]:
    """What the families compute, by the tape: recorded without checks, swept once."""
    spec, params, x, y, h0 = _arguments(instance)
    recording = record(spec, params, x, y, h0, checked=False, differentiate_x=False)
    gradients: list[Any] = recording.tape.grad(recording.loss, list(recording.params.values()))
    return gradients


def _arguments(instance: Instance) -> tuple[Any, ...]:
    return instance.spec, instance.params, instance.x, instance.y, instance.h0
