"""Read a file of cases with expected gradients, and compare the tape and the closed form with it.

A file is {"schema_version": 1, "cases": [...]}. A case of group "published" is a vanilla RNN in the words of `Spec`
(its `model`, with parameter names by role), with x [T][B][d], y, h0, params and what is `expected` of them; one of
group "truncated" has a `truncation` besides, {"mode": "williams_peng", "k1": 2, "k2": 4}, and expects the truncated
gradients. Cases of group "gated" are listed as not supported; any other group is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..derivations import Derivation, covering
from ..spec import ROLES, Sizes, Spec, SpecError, measure
from ..tape import TapeError
from ..truncate import MODES, passes
from . import truncation as truncated
from .families import Measured, check_letters, measure_families
from .fields import Fields, load
from .instances import Instance
from .readings import Reading, closed_form_singular_values, read_closed_form, read_tape, tape_singular_values
from .report import CaseError, CaseResult, Report, Row, compare_reading
from .truncation import Truncation

SCHEMA_VERSION = 1
SUPPORTED_GROUPS, OTHER_GROUPS = ("published", "truncated"), ("gated",)
SUPPORTED_KIND, OTHER_KINDS = "vanilla_rnn", ("lstm", "gru", "rnn_tanh")
WORDS = ("convention", "activation", "output_activation", "loss", "time_weight", "batch_reduction")
TRUNCATED_NAMES = ("W_ih", "W_hh", "b", "W_out", "b_out")  # by role, where a truncated case does not say
SINGULAR_VALUES = "jac_singular_values"
REFERENCE = "expected value"


@dataclass(frozen=True)
class Case:
    """One case: an instance, its truncation if any, what is expected, the t of contribution rows, fields left out."""

    id: str
    instance: Instance
    sizes: Sizes
    truncation: Truncation | None
    expected: dict[str, Any]
    rows: tuple[int, ...]
    not_compared: tuple[str, ...]


@dataclass(frozen=True)
class CaseFile:
    """The cases of a file that can be compared, and (id, group) of those that cannot."""

    path: Path
    cases: tuple[Case, ...]
    unsupported: tuple[tuple[str, str], ...]


def compare_cases(path: str | Path, families: Sequence[str] = ()) -> Report:
    """Tape and closed form (and the source's transcription, where one has this model) against every expected array.

    Args:
        path: the file.
        families: letters of further families of closed forms, to be compared on the published cases and timed.

    Raises:
        CaseError: the file is missing or malformed, one line with the file, the case id and the field; an unknown
            letter.
    """
    letters = check_letters(families)
    file = read_cases(path)
    return Report(
        title=f"tape and closed form against the expected values of {file.path}",
        cases=tuple(_compare(case, letters) for case in file.cases),
        unsupported=file.unsupported,
        families=letters,
    )


def read_cases(path: str | Path) -> CaseFile:
    """Read and check a file of cases, before anything is computed.

    Raises:
        CaseError: the file is missing or malformed, one line with the file, the case id and the field.
    """
    path = Path(path)
    data = load(path)
    if not isinstance(data, dict):
        raise CaseError(f'{path}: holds a {type(data).__name__}, it must be an object {{"schema_version", "cases"}}')
    version = data.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise CaseError(f"{path}: schema_version is {version!r}, it must be {SCHEMA_VERSION}")
    entries = data.get("cases")
    if not isinstance(entries, list) or not entries:
        raise CaseError(f"{path}: cases must be a list with at least one case")
    cases, unsupported, seen = [], [], set()
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise CaseError(f"{path}: case number {number} is a {type(entry).__name__}, it must be an object")
        id_ = entry.get("id")
        if not isinstance(id_, str) or not id_:
            raise CaseError(f"{path}: case number {number}: id is {id_!r}, it must be a word")
        if id_ in seen:
            raise CaseError(f"{path}: case {id_}: id: another case has the same")
        seen.add(id_)
        fields = Fields(f"{path}: case {id_}", entry)
        group, kind = _group_and_kind(fields)
        if group in SUPPORTED_GROUPS and kind == SUPPORTED_KIND:
            cases.append(_case(id_, group, fields))
        else:
            unsupported.append((id_, group if group in OTHER_GROUPS else f"{group}, kind {kind}"))
    return CaseFile(path, tuple(cases), tuple(unsupported))


def _group_and_kind(fields: Fields) -> tuple[str, str]:
    group, model = fields.text("group"), fields.inner("model")
    groups, kinds = (*SUPPORTED_GROUPS, *OTHER_GROUPS), (SUPPORTED_KIND, *OTHER_KINDS)
    if group not in groups:
        raise fields.error("group", f"is {group!r}, it must be one of {', '.join(groups)}")
    kind = model.text("kind")
    if kind not in kinds:
        raise model.error("kind", f"is {kind!r}, it must be one of {', '.join(kinds)}")
    return group, kind


def _case(id_: str, group: str, fields: Fields) -> Case:
    params = fields.inner("params")
    arrays = {name: params.array(name) for name in params.data}
    spec = _spec(fields.inner("model"), TRUNCATED_NAMES if group == "truncated" else None, arrays)
    instance = Instance(spec, arrays, fields.array("x"), fields.array("y"), fields.array("h0"))
    if instance.x.ndim != 3:
        raise fields.error("x", f"has shape {instance.x.shape}, it must be (T, B, d)")
    try:
        sizes = measure(spec, arrays, instance.x, instance.y, instance.h0)
    except SpecError as error:
        # The message begins with the name of the field at fault.
        raise CaseError(f"{fields.where}: {error}") from None
    if "sizes" in fields.data:
        stated = fields.inner("sizes")
        for field in ("T", "B", "d", "m", "q"):
            if field in stated.data and stated.data[field] != getattr(sizes, field):
                raise stated.error(field, f"is {stated.data[field]!r}, the arrays have {getattr(sizes, field)}")
    stated = fields.inner("expected")
    truncation, rows = None, spec.loss_steps(sizes.T)
    if group == "truncated":
        truncation = _truncation(fields.inner("truncation"), sizes.T)
        expected = _expected_of_truncation(stated, spec, arrays, sizes.T)
    else:
        expected, rows = _expected(stated, spec, arrays, sizes)
    known = {quantity.partition(".")[0] for quantity in expected} | {"contrib_loss_steps"}
    left_out = tuple(field for field in stated.data if field not in known)
    return Case(id_, instance, sizes, truncation, expected, rows, left_out)


def _spec(model: Fields, names: tuple[str, ...] | None, params: Mapping[str, Any]) -> Spec:
    """The model; where the group has usual names of parameters, by role, they need not be given."""
    words = {word: model.text(word) for word in WORDS}
    if names and "roles" not in model.data:
        pairs = tuple((name, role) for name, role in zip(names, ROLES, strict=True) if name in params)
    else:
        roles = model.inner("roles")
        pairs = tuple((name, roles.text(name)) for name in roles.data)
    many_to_one = model.data.get("many_to_one", False) if names else model.get("many_to_one")
    try:
        return Spec(**words, many_to_one=many_to_one, roles=pairs)
    except SpecError as error:
        raise CaseError(f"{model.where}: model: {error}") from None


def _truncation(fields: Fields, T: int) -> Truncation:
    mode = fields.text("mode")
    if mode not in MODES:
        raise fields.error("mode", f"is {mode!r}, it must be one of {', '.join(MODES)}")
    truncation = Truncation(mode, {name: fields.whole(name) for name in MODES[mode][1]})
    try:
        passes(T, mode, **truncation.numbers)
    except TapeError as error:
        raise CaseError(f"{fields.where}: truncation: {error}") from None
    return truncation


def _expected(
    expected: Fields, spec: Spec, params: Mapping[str, Any], sizes: Sizes
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Every quantity that is expected, checked for its shape, and the t of the contribution rows."""
    T, B, d, m, q = sizes.T, sizes.B or 1, sizes.d, sizes.m, sizes.q
    with_loss = spec.loss_steps(T)
    R = len(with_loss)
    states, inputs, readouts = (T, B, m), (T, B, d), (R, B, q)
    shapes: dict[str, tuple[int, ...]] = {
        "loss": (), "step_weight": (), "step_losses": (R,),
        "h": (T + 1, B, m), "a": states, "z": readouts, "out": readouts,
        "dh": (T + 1, B, m), "da": states, "dz": readouts, "dx": inputs,
    }  # fmt: skip
    arrays = {}
    for field, shape in shapes.items():
        if field in expected.data or field == "loss":
            arrays[field] = expected.array(field, shape)
    arrays |= _by_name(expected, "grads", spec.names, {name: params[name].shape for name in spec.names})
    rows = with_loss
    if "contrib_loss_steps" in expected.data:
        rows = _rows(expected, with_loss)
    for field, tail in (("contrib_norm", False), ("contrib_full", True)):
        if field in expected.data:
            table = {name: (len(rows), T, *(params[name].shape if tail else ())) for name in spec.recurrent_names}
            arrays |= _by_name(expected, field, (), table)
    if SINGULAR_VALUES in expected.data and B == 1:
        arrays[SINGULAR_VALUES] = _singular_values(expected, T, m)
    return arrays, rows


def _expected_of_truncation(expected: Fields, spec: Spec, params: Mapping[str, Any], T: int) -> dict[str, Any]:
    """Loss, truncated gradients, and what there is of whole gradients, mask and blocks (which are a mask as well)."""
    arrays = {"loss": expected.array("loss", ())}
    shapes = {name: params[name].shape for name in spec.names}
    arrays |= _by_name(expected, "grads", spec.names, shapes)
    if "full_grads" in expected.data:
        arrays |= _by_name(expected, "full_grads", (), shapes)
    if "mask" in expected.data:
        arrays["mask"] = expected.array("mask", (T, T))
        if not np.isin(arrays["mask"], (0.0, 1.0)).all():
            raise expected.error("mask", "holds something that is neither 0 nor 1")
    if "blocks" in expected.data:
        arrays["blocks"] = _blocks(expected, T)
    return arrays


def _blocks(expected: Fields, T: int) -> Any:
    """The mask that blocks {"loss_steps": [t, …], "window": [first, last]} describe: their losses reach those steps."""
    blocks = expected.get("blocks")
    if not isinstance(blocks, list):
        raise expected.error("blocks", f"is a {type(blocks).__name__}, it must be a list")
    mask = np.zeros((T, T))
    for number, data in enumerate(blocks, start=1):
        name = f"{expected.prefix}blocks: number {number}"
        if not isinstance(data, dict):
            raise expected.error("blocks", f"number {number} is a {type(data).__name__}, it must be an object")
        block = Fields(expected.where, data, f"{name}: ")
        first, last = block.array("window", (2,))
        for t in block.array("loss_steps").ravel():
            if t not in range(1, T + 1):
                raise block.error("loss_steps", f"names step {t:g} of {T}")
            for k in range(1, int(t) + 1):
                mask[int(t) - 1, k - 1] = first <= k <= last
    return mask


def _by_name(
    expected: Fields, field: str, needed: Sequence[str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """FIELD.NAME for every parameter that the field names, which must be all that are needed, and one at least."""
    inner = expected.inner(field)
    if not inner.data:
        raise expected.error(field, "names no parameter, so there is nothing to compare with")
    for name in inner.data:
        if name not in shapes:
            raise inner.error(name, f"is none of {', '.join(shapes)}")
    names = [*needed, *(name for name in inner.data if name not in needed)]
    return {f"{field}.{name}": inner.array(name, shapes[name]) for name in names}


def _singular_values(expected: Fields, T: int, m: int) -> Any:
    """(T + 1, T + 1, m): entry [k, t − k] is of dh_t/dh_k, zeros where there is no such t."""
    rows = expected.get(SINGULAR_VALUES)
    if not isinstance(rows, list) or len(rows) != T + 1:
        raise expected.error(SINGULAR_VALUES, f"must be a list of {T + 1} lists, for k = 0 to {T}")
    table = np.zeros((T + 1, T + 1, m))
    for k, row in enumerate(rows):
        place = Fields(expected.where, {f"k = {k}": row}, f"{expected.prefix}{SINGULAR_VALUES}: ")
        table[k, : T + 1 - k] = place.array(f"k = {k}", (T + 1 - k, m))
    return table


def _rows(expected: Fields, with_loss: tuple[int, ...]) -> tuple[int, ...]:
    """The t of the contribution rows."""
    numbers = expected.array("contrib_loss_steps").ravel()
    if not numbers.size:
        raise expected.error("contrib_loss_steps", "names no step, so there is nothing to compare with")
    for t in numbers:
        if t not in with_loss:
            raise expected.error("contrib_loss_steps", f"names step {t:g}, which has no loss")
    return tuple(int(t) for t in numbers)


def _compare(case: Case, letters: tuple[str, ...]) -> CaseResult:
    instance = case.instance
    spec, derivation = instance.spec, covering(instance.spec)
    source = derivation.name if derivation and case.truncation is None else ""
    description = f"{spec.convention} {spec.activation} {spec.output_activation} {spec.loss}, {case.sizes}"
    readings = {
        "tape": partial(_read, case, read_tape, tape_singular_values),
        "closed_form": partial(_read, case, read_closed_form, closed_form_singular_values),
    }
    if case.truncation is not None:
        description = f"{case.truncation}: {description}"
        readings = {
            "tape": partial(truncated.read_tape, instance, case.truncation),
            "closed_form": partial(truncated.read_closed_form, instance, case.truncation),
        }
    rows: list[Row] = []
    for witness, read in readings.items():
        rows += compare_reading(case.id, source, witness, read, case.expected, REFERENCE)
    by_name = {quantity: value for quantity, value in case.expected.items() if quantity.startswith("grads.")}
    if derivation and source:
        transcribe = partial(_transcribe, case, derivation)
        rows += compare_reading(case.id, source, "transcription", transcribe, by_name, REFERENCE)
    measured = Measured()
    if case.truncation is None:
        measured = measure_families(letters, instance, case.id, source, by_name, REFERENCE)
    return CaseResult(
        id=case.id,
        derivation=source,
        description=description,
        rows=(*rows, *measured.rows),
        not_compared=case.not_compared,
        seconds=measured.seconds,
        absent=measured.absent,
        group="published" if case.truncation is None else "truncated",
    )


def _read(case: Case, read: Callable[[Instance], Reading], singular_values: Callable[[Instance], Reading]) -> Reading:
    """A reading, with those rows of the contribution tables that the case lists."""
    reading = read(case.instance)
    if SINGULAR_VALUES in case.expected:
        reading |= singular_values(case.instance)
    with_loss = case.instance.spec.loss_steps(case.sizes.T)
    rows = [with_loss.index(t) for t in case.rows]
    return {q: value[rows] if q.startswith("contrib_") else value for q, value in reading.items()}


def _transcribe(case: Case, derivation: Derivation) -> Reading:
    instance = case.instance
    gradients = derivation.gradients(instance.spec, instance.params, instance.x, instance.y, instance.h0)
    return {f"grads.{name}": gradient for name, gradient in gradients.items()}
