"""Compare tape, closed form, published transcription and complex step on random instances of the five derivations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import bptt, models
from ..derivations import DERIVATIONS, Derivation
from ..spec import Sizes
from .families import check_letters, measure_families
from .instances import Instance, random_instance
from .readings import read_closed_form, read_tape
from .report import CaseError, CaseResult, Report, Row, compare_reading
from .witness import complex_step

# (sizes, h0 = 0). The first is the one that can see every known mistake (T ≥ 4, m ≥ 2, h0 ≠ 0) and is used with every
# model of a source; the others are edges, used with its first model: batch of 1, h0 = 0, one step with and without h0.
SHAPES = (
    (Sizes(T=5, B=3, d=2, m=3, q=2), False),
    (Sizes(T=7, B=1, d=2, m=2, q=3), False),
    (Sizes(T=4, B=3, d=3, m=2, q=2), True),
    (Sizes(T=1, B=1, d=2, m=3, q=2), False),
    (Sizes(T=1, B=3, d=1, m=2, q=3), True),
)
# What a witness can be asked for, where it is not everything.
SPEAKS_OF = {"transcription": ("grads.",), "complex_step": ("grads.", "dh0", "dx")}
REFERENCE = "complex step through bptt.forward"


def compare_derivations(
    names: Sequence[str] | None = None, seed: int = 0, families: Sequence[str] = ()
) -> Report:
    """Each source's δ-form, the tape and the closed form against the complex step, per parameter.

    Args:
        names: short names of the derivations; None or empty for all five.
        seed: other random instances for another seed.
        families: letters of further families of closed forms, to be compared as well and timed.

    Raises:
        CaseError: a name that is no derivation's, a letter that is no family's.
    """
    letters = check_letters(families)
    for name in names or ():
        if name not in DERIVATIONS:
            raise CaseError(f"no derivation is called {name!r}: choose among {', '.join(DERIVATIONS)}")
    chosen = [DERIVATIONS[name] for name in dict.fromkeys(names or DERIVATIONS)]
    return Report(
        title=f"tape, closed form and source's transcription against the {REFERENCE}, random instances of seed {seed}",
        cases=tuple(case for derivation in chosen for case in _cases_of(derivation, seed, letters)),
        families=letters,
    )


def _cases_of(derivation: Derivation, seed: int, letters: tuple[str, ...]) -> list[CaseResult]:
    chosen = [(0, shape) for shape in SHAPES] + [(model, SHAPES[0]) for model in range(1, len(derivation.specs))]
    results = []
    for number, (model, shape) in enumerate(chosen, start=1):
        spec, (sizes, zero_h0) = derivation.specs[model], shape
        if spec.loss == "bce" and spec.many_to_one:
            sizes = Sizes(sizes.T, sizes.B, sizes.d, sizes.m, 1)  # sentiment is one number
        instance = random_instance(spec, sizes, (seed, number), zero_h0)
        words = [spec.convention, spec.activation, spec.output_activation, spec.loss, spec.batch_reduction]
        description = f"{' '.join(words)}, {sizes}{', h0 = 0' if zero_h0 else ''}"
        id_ = f"{derivation.name}-{number}"
        # Per-step copies cost T times as much; the deep instances are where they can see something.
        reference = _reference(instance, with_contributions=shape == SHAPES[0])
        rows = _rows(id_, derivation, instance, reference)
        gradients = {quantity: value for quantity, value in reference.items() if quantity.startswith("grads.")}
        measured = measure_families(letters, instance, id_, derivation.name, gradients, REFERENCE)
        results.append(
            CaseResult(
                id=id_,
                derivation=derivation.name,
                description=description,
                rows=(*rows, *measured.rows),
                seconds=measured.seconds,
                absent=measured.absent,
            )
        )
    return results


def _reference(instance: Instance, with_contributions: bool) -> dict[str, Any]:
    reference = complex_step_of_loss(instance, bptt.forward)
    reference["loss"] = bptt.forward(*_arguments(instance)).loss
    if with_contributions:
        reference |= complex_step_of_copies(instance)
    return reference


def _rows(id_: str, derivation: Derivation, instance: Instance, reference: Mapping[str, Any]) -> tuple[Row, ...]:
    arguments = _arguments(instance)
    readings: dict[str, Callable[[], dict[str, Any]]] = {
        "tape": lambda: _with_dh0(read_tape(instance)),
        "closed_form": lambda: _with_dh0(read_closed_form(instance)),
        "transcription": lambda: {f"grads.{name}": g for name, g in derivation.gradients(*arguments).items()},
        "complex_step": lambda: complex_step_of_loss(instance, models.forward),
    }
    rows = []
    for witness, read in readings.items():
        wanted = {q: value for q, value in reference.items() if q.startswith(SPEAKS_OF.get(witness, ""))}
        rows += compare_reading(id_, derivation.name, witness, read, wanted, REFERENCE)
    return tuple(rows)


def complex_step_of_loss(instance: Instance, forward: Any) -> dict[str, Any]:
    """grads.NAME of every parameter, dh0 and dx, by the complex step through a forward pass."""
    spec, y = instance.spec, instance.y

    def loss(arrays: Mapping[str, Any]) -> Any:
        params = {name: arrays[f"grads.{name}"] for name in spec.names}
        return forward(spec, params, arrays["dx"], y, arrays["dh0"]).loss

    point = {f"grads.{name}": value for name, value in instance.params.items()}
    return complex_step(loss, {**point, "dh0": instance.h0, "dx": instance.x})


def complex_step_of_copies(instance: Instance) -> dict[str, Any]:
    """contrib_full.NAME: ∂J_t/∂θ_k with a copy θ_k of every recurrent parameter at each step k, which is C[t,k]."""
    spec, params = instance.spec, instance.params
    steps = len(instance.x)

    def step_losses(copies: Mapping[str, Any]) -> Any:
        by_step = [
            {name: copies[name][k] if name in copies else params[name] for name in spec.names} for k in range(steps)
        ]
        return bptt.forward(spec, by_step, instance.x, instance.y, instance.h0).step_losses

    copies = {name: [params[name]] * steps for name in spec.recurrent_names}
    return {f"contrib_full.{name}": table for name, table in complex_step(step_losses, copies).items()}


def _arguments(instance: Instance) -> tuple[Any, ...]:
    return instance.spec, instance.params, instance.x, instance.y, instance.h0


def _with_dh0(reading: dict[str, Any]) -> dict[str, Any]:
    """A reading, with dL/dh_0 under its own name."""
    return {**reading, "dh0": reading["dh"][0]}
