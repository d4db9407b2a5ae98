"""Describe one published formula: as printed, what it means, whether it is right, and functions that evaluate it.

The functions of an entry take an instance: the source's model with numbers, of whatever type the source's own file
has. They evaluate the printed formula literally, the corrected one, and the witness, which is a complex step through
the source's own forward pass. `measuring` compares the three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = Any  # an ndarray or a NumPy scalar, real or complex
Instance = Any  # a source's model with numbers: each source has its own type
Evaluate = Callable[[Instance], Any]  # gives an array, or a tuple of arrays where a formula speaks of several

# what can be said of a formula, with the words that are printed for it
KINDS: Mapping[str, str] = {
    "right": "right",
    "wrong": "wrong, measured",
    "shapes": "wrong, shapes do not compose",
    "model": "model statement",
    "debris": "debris",
}


class NotDefined(ValueError):
    """A formula is evaluated on a sequence that is too short for what it speaks of; one line."""


def needs_steps(T: int, least: int) -> None:
    """Refuse a sequence of T steps where a formula speaks of step `least`.

    Raises:
        NotDefined: T < least.
    """
    if T < least:
        raise NotDefined(f"not defined below {least} steps")


@dataclass(frozen=True)
class Setting:
    """What random instances are like. The defaults are those in which every known mistake can be seen.

    Attributes:
        T: shortest and longest sequence.
        m: smallest and largest state.
        zero_start: the initial state is 0.
        activation: "tanh", "identity", or "dead": a relu that no step passes (φ = φ′ = 0).
        symmetric: the recurrent matrix is symmetric.
    """

    T: tuple[int, int] = (4, 6)
    m: tuple[int, int] = (2, 4)
    zero_start: bool = False
    activation: Literal["tanh", "identity", "dead"] = "tanh"
    symmetric: bool = False

    def sizes(self, rng: np.random.Generator) -> tuple[int, int]:
        """T and m, drawn."""
        return int(rng.integers(self.T[0], self.T[1] + 1)), int(rng.integers(self.m[0], self.m[1] + 1))


SEEING = "T >= 4, m >= 2, h0 != 0, tanh, W not symmetric"
# The sizes that tests commonly use, by the words that are printed for them; SEEING is the one that is not blind.
SETTINGS: Mapping[str, Setting] = {
    SEEING: Setting(),
    "T = 1": Setting(T=(1, 1)),
    "T = 1, h0 = 0": Setting(T=(1, 1), zero_start=True),
    "T = 2": Setting(T=(2, 2)),
    "T = 2, h0 = 0": Setting(T=(2, 2), zero_start=True),
    "T = 3": Setting(T=(3, 3)),
    "T = 3, h0 = 0": Setting(T=(3, 3), zero_start=True),
    "h0 = 0": Setting(zero_start=True),
    "m = 1": Setting(m=(1, 1)),
    "identity activation": Setting(activation="identity"),
    "dead relu": Setting(activation="dead"),
    "symmetric W": Setting(symmetric=True),
}
ONE_STEP = ("T = 1", "T = 1, h0 = 0")
TWO_STEPS = (*ONE_STEP, "T = 2", "T = 2, h0 = 0")

Draw = Callable[[np.random.Generator, Setting], Instance]


@dataclass(frozen=True)
class Reading:
    """One way to take a formula that can be taken in several.

    Attributes:
        words: how it is read, as "last factor total" or "product ascending".
        evaluate: what the formula gives so read.
        right: whether it is then right.
        blind: keys of SETTINGS in whose instances a wrong reading passes all the same.
        setting: the key of SETTINGS that this reading is measured in.
        reference: the witness, where it is not the entry's.
    """

    words: str
    evaluate: Evaluate
    right: bool = False
    blind: tuple[str, ...] = ()
    setting: str = SEEING
    reference: Evaluate | None = None


@dataclass(frozen=True)
class Entry:
    """One formula of a source.

    Attributes:
        id: its number, as "000.W.1".
        source: short name of the source.
        latex_printed: as the source prints it; empty where it prints nothing and the formula is supplied.
        meaning: what its symbols mean: total or immediate partial, product order, shapes.
        kind: a key of KINDS. A formula is "right" if it is so in the reading that the source means.
        corrected_latex: the formula put right; empty where there is nothing to correct.
        remark: what a reader should know; plain text.
        family: a letter, D, E, F, Z, P, T, V, O (one step) or M (model), or two as "D/P".
        printed: evaluates the printed formula literally; None where there is nothing to evaluate.
        corrected: evaluates the corrected formula.
        reference: the witness, a complex step through the source's own forward pass.
        draw: a random instance, given a generator and a setting.
        readings: the ways it can be taken, each evaluated.
        blind: keys of SETTINGS in whose instances the misprint passes all the same.
        misprint: a model statement that is wrong as printed; the others must agree with their witness.
        corrected_reference: the witness of the corrected formula, where that speaks of something else.
    """

    id: str
    source: str
    latex_printed: str
    meaning: str
    kind: str
    corrected_latex: str = ""
    remark: str = ""
    family: str = ""
    printed: Evaluate | None = None
    corrected: Evaluate | None = None
    reference: Evaluate | None = None
    draw: Draw | None = None
    readings: tuple[Reading, ...] = ()
    blind: tuple[str, ...] = ()
    misprint: bool = False
    corrected_reference: Evaluate | None = None

    @property
    def supplied(self) -> bool:
        """Whether the source does not print it."""
        return not self.latex_printed
