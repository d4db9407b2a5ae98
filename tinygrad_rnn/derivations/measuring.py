"""Measure how far a printed formula lies from its witness: random instances, relative Frobenius disagreement."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .entry import SEEING, SETTINGS, Draw, Entry, Evaluate, NotDefined

TOLERANCE = 1e-10  # a right formula lies closer to its witness than this
VISIBLE = 1e-6  # and a wrong one farther, at the median
SEEDS = tuple(range(40))
COMPLEX_STEP = 1e-30


@dataclass(frozen=True)
class Measured:
    """Disagreement of one evaluation with its witness over several instances.

    Attributes:
        words: what was evaluated.
        median: relative Frobenius disagreement; infinite where the formula gives no finite number; None where nothing
            could be evaluated.
        max: the largest one.
        trials: how many instances.
        composes: whether the formula's shapes fit together in any instance; where they do not, median and max are None,
            and where they do in some only, the others count as infinitely far.
        undefined: why the formula speaks of nothing in sequences so short, "not defined below 3 steps"; else empty.
    """

    words: str
    median: float | None
    max: float | None
    trials: int
    composes: bool = True
    undefined: str = ""

    @property
    def agrees(self) -> bool:
        """Whether it equals its witness in every instance, to 1e-10."""
        return self.max is not None and self.max <= TOLERANCE

    @property
    def differs(self) -> bool:
        """Whether it is visibly off, by more than 1e-6 at the median, or does not compose."""
        return not self.composes or (self.median is not None and self.median > VISIBLE)


@dataclass(frozen=True)
class Verdict:
    """What was measured of one entry; `median`, `max`, `trials` and `composes` are the printed formula's.

    Attributes:
        kind: as the entry says.
        median: see Measured; of a formula that is supplied, the corrected one's.
        max: the largest one.
        trials: how many instances.
        composes: whether the printed formula's shapes fit together.
        residual: largest disagreement of the corrected formula with the witness; None where there is none.
        readings: every reading of the entry, measured, in its order.
        holds: whether the numbers bear out what the entry says: right to 1e-10, wrong by more than 1e-6, shapes that do
            not compose, and corrections and right readings to 1e-10.
        undefined: of what sequences the printed formula does not speak, "not defined below 3 steps"; else empty.
    """

    kind: str
    median: float | None
    max: float | None
    trials: int
    composes: bool
    residual: float | None
    readings: tuple[Measured, ...]
    holds: bool
    undefined: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the printed formula equals its witness in every instance, to 1e-10."""
        return self.composes and self.max is not None and self.max <= TOLERANCE


def measure(entry: Entry, seeds: Iterable[int] = SEEDS) -> Verdict:
    """Evaluate an entry's printed and corrected formula and its readings against its witness."""
    seeds = tuple(seeds)
    printed = measured(entry, entry.printed, "printed", seeds)
    corrected = measured(entry, entry.corrected, "corrected", seeds, reference=entry.corrected_reference)
    shown = printed if entry.printed is not None else corrected
    readings = tuple(
        measured(entry, reading.evaluate, reading.words, seeds, reading.setting, reading.reference)
        for reading in entry.readings
    )
    claims = [
        entry.corrected is None or corrected.agrees,
        *(
            read.agrees if said.right else read.differs
            for read, said in zip(readings, entry.readings, strict=True)
        ),
    ]
    if entry.kind == "right":
        claims += [shown.agrees]
    if entry.kind == "wrong":
        claims += [shown.composes and shown.differs]
    if entry.kind == "model" and (shown.max is not None or not shown.composes):
        claims += [shown.agrees != entry.misprint]
    if entry.kind == "shapes":
        claims += [entry.printed is not None and not shown.composes]
    return Verdict(
        entry.kind,
        shown.median,
        shown.max,
        shown.trials,
        shown.composes,
        corrected.max,
        readings,
        all(claims),
        undefined_below(entry),
    )


def undefined_below(entry: Entry) -> str:
    """Of what short sequences the printed formula does not speak, "not defined below 3 steps"; empty if of all it does.

    Found by evaluating it on them.
    """
    short = (setting for setting in SETTINGS if SETTINGS[setting].T[1] < SETTINGS[SEEING].T[0])
    return max((measured(entry, entry.printed, "printed", (0,), setting).undefined for setting in short), default="")


def measure_blind(entry: Entry, seeds: Iterable[int] = SEEDS) -> tuple[Measured, ...]:
    """What each blind setting of an entry and of its readings shows of the misprint: nothing, so all of them agree.

    Returns:
        one Measured for every blind setting, its words "what was evaluated: setting".
    """
    seeds = tuple(seeds)
    printed = tuple(
        measured(entry, entry.printed, f"printed: {setting}", seeds, setting) for setting in entry.blind
    )
    return printed + tuple(
        measured(entry, reading.evaluate, f"{reading.words}: {setting}", seeds, setting, reading.reference)
        for reading in entry.readings
        for setting in reading.blind
    )


def measured(
    entry: Entry,
    evaluate: Evaluate | None,
    words: str,
    seeds: Iterable[int] = SEEDS,
    setting: str = SEEING,
    reference: Evaluate | None = None,
) -> Measured:
    """Compare one evaluation with the witness on an instance for each seed.

    A formula that says itself that it is not defined in the setting is not compared; `undefined` has its words.
    """
    reference = reference or entry.reference
    if evaluate is None or reference is None or entry.draw is None:
        return Measured(words, None, None, 0)
    distances, trials, misfits = [], 0, 0
    for seed in seeds:
        trials += 1
        instance = _instance(entry.draw, seed, setting)
        try:
            with np.errstate(all="ignore"):  # a misprint may divide by zero: that is what is measured
                value = evaluate(instance)
        except NotDefined as reason:
            return Measured(words, None, None, 0, undefined=str(reason))
        except ValueError:  # NumPy's word for shapes that do not fit
            misfits += 1
            continue
        distances.append(disagreement(value, _wanted(reference, entry.draw, seed, setting)))
    if not distances:
        return Measured(words, None, None, trials, composes=False)
    distances += [float("inf")] * misfits
    return Measured(words, statistics.median(distances), max(distances), trials)


# Readings of one entry, and entries of one source, share instances and witnesses, of which the latter cost the most.
@lru_cache(maxsize=256)
def _instance(draw: Draw, seed: int, setting: str) -> Any:
    return draw(np.random.default_rng(seed), SETTINGS[setting])


@lru_cache(maxsize=256)
def _wanted(reference: Evaluate, draw: Draw, seed: int, setting: str) -> Any:
    return reference(_instance(draw, seed, setting))


def disagreement(value: Any, reference: Any) -> float:
    """‖a − b‖ / ‖b‖, Frobenius; of several arrays the largest; infinite where a is not finite or has another shape."""
    pairs = zip(value, reference, strict=True) if isinstance(reference, tuple) else [(value, reference)]
    return max(_distance(np.asarray(a), np.asarray(b)) for a, b in pairs)


def _distance(a: Any, b: Any) -> float:
    if a.shape != b.shape or not np.all(np.isfinite(a)):
        return float("inf")
    far, size = float(np.linalg.norm(a - b)), float(np.linalg.norm(b))
    if size == 0.0:
        return 0.0 if far == 0.0 else float("inf")
    return far / size


def complex_step(function: Callable[[Any], Any], theta: Any) -> Any:
    """D function / d theta, shape of the result + shape of theta: Im f(θ + 1e−30·i·e_i) / 1e−30, exact to rounding."""
    theta = np.asarray(theta)
    columns = []
    for place in np.ndindex(theta.shape):
        moved = theta.astype(complex)
        moved[place] += 1j * COMPLEX_STEP
        columns.append(np.asarray(function(moved)).imag / COMPLEX_STEP)
    return np.stack(columns, axis=-1).reshape(columns[0].shape + theta.shape)
