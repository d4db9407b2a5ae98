"""Read a file of cases with expected gradients, and compare the tape and the closed form with it.

A file is {"schema_version": 1, "cases": [...]}; a case of group "published" is a vanilla RNN in the words of `Spec`
(its `model`, with parameter names by role), with x [T][B][d], y, h0, params and what is `expected` of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..derivations import Derivation, covering
from ..spec import Sizes, Spec, SpecError, measure
from .instances import Instance
from .readings import Reading, read_closed_form, read_tape
from .report import CaseError, CaseResult, Report, Row, compare_reading

SCHEMA_VERSION = 1
SUPPORTED_GROUP = "published"
SUPPORTED_KIND = "vanilla_rnn"
WORDS = ("convention", "activation", "output_activation", "loss", "time_weight", "batch_reduction")
REFERENCE = "expected value"


@dataclass(frozen=True)
class Case:
    """One case: an instance, what is expected of it, the t of each contribution row, and fields left out."""

    id: str
    instance: Instance
    sizes: Sizes
    expected: dict[str, Any]
    rows: tuple[int, ...]
    not_compared: tuple[str, ...]


@dataclass(frozen=True)
class CaseFile:
    """The cases of a file that can be compared, and (id, group) of those that cannot."""

    path: Path
    cases: tuple[Case, ...]
    unsupported: tuple[tuple[str, str], ...]


def compare_cases(path: str | Path) -> Report:
    """Tape and closed form (and the source's transcription, where one has this model) against every expected array.

    Raises:
        CaseError: the file is missing or malformed; one line with the file, the case id and the field.
    """
    file = read_cases(path)
    return Report(
        title=f"tape and closed form against the expected values of {file.path}",
        cases=tuple(_compare(case) for case in file.cases),
        unsupported=file.unsupported,
    )


def read_cases(path: str | Path) -> CaseFile:
    """Read and check a file of cases, before anything is computed.

    Raises:
        CaseError: as for `compare_cases`.
    """
    path = Path(path)
    data = _load(path)
    if not isinstance(data, dict):
        raise CaseError(f'{path}: holds a {type(data).__name__}, it must be an object {{"schema_version", "cases"}}')
    if data.get("schema_version") != SCHEMA_VERSION:
        raise CaseError(f"{path}: schema_version is {data.get('schema_version')!r}, it must be {SCHEMA_VERSION}")
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
        fields = _Fields(f"{path}: case {id_}", entry)
        group, kind = fields.text("group"), fields.inner("model").text("kind")
        if (group, kind) == (SUPPORTED_GROUP, SUPPORTED_KIND):
            cases.append(_case(id_, fields))
        else:
            unsupported.append((id_, group if group != SUPPORTED_GROUP else f"{group}, kind {kind}"))
    return CaseFile(path, tuple(cases), tuple(unsupported))


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CaseError(f"{path}: is not UTF-8 text, so it is no JSON file") from None
    except json.JSONDecodeError as error:
        raise CaseError(f"{path}: line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise CaseError(f"{path}: is nested too deeply for a case file") from None


@dataclass(frozen=True)
class _Fields:
    """An object of the file that knows where it stands, so that whatever is wrong with a field is said in one line."""

    where: str
    data: dict[str, Any]
    prefix: str = ""

    def error(self, field: str, text: str) -> CaseError:
        return CaseError(f"{self.where}: {self.prefix}{field}: {text}")

    def get(self, field: str) -> Any:
        if field not in self.data:
            raise self.error(field, "is missing")
        return self.data[field]

    def inner(self, field: str) -> _Fields:
        value = self.get(field)
        if not isinstance(value, dict):
            raise self.error(field, f"is a {type(value).__name__}, it must be an object")
        return _Fields(self.where, value, f"{self.prefix}{field}.")

    def text(self, field: str) -> str:
        value = self.get(field)
        if not isinstance(value, str):
            raise self.error(field, f"is {value!r}, it must be a word")
        return value

    def array(self, field: str, shape: tuple[int, ...] | None = None) -> Any:
        value = self.get(field)
        try:
            array = np.array(value)
        except ValueError:
            raise self.error(field, "its rows are not equally long") from None
        if array.dtype.kind not in "iuf":
            raise self.error(field, "holds something that is not a number")
        if not np.isfinite(array).all():
            raise self.error(field, "holds a number that is not finite")
        if shape is not None and array.shape != shape:
            raise self.error(field, f"has shape {array.shape}, it must be {shape}")
        return array.astype(float)


def _case(id_: str, fields: _Fields) -> Case:
    spec = _spec(fields.inner("model"))
    params = fields.inner("params")
    arrays = {name: params.array(name) for name in params.data}
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
    expected, rows = _expected(stated, spec, arrays, sizes)
    known = {quantity.partition(".")[0] for quantity in expected} | {"contrib_loss_steps"}
    return Case(id_, instance, sizes, expected, rows, tuple(field for field in stated.data if field not in known))


def _spec(model: _Fields) -> Spec:
    words = {word: model.text(word) for word in WORDS}
    many_to_one = model.get("many_to_one")
    roles = model.inner("roles")
    pairs = tuple((name, roles.text(name)) for name in roles.data)
    try:
        return Spec(**words, many_to_one=many_to_one, roles=pairs)
    except SpecError as error:
        raise CaseError(f"{model.where}: model: {error}") from None


def _expected(
    expected: _Fields, spec: Spec, params: dict[str, Any], sizes: Sizes
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
    grads = expected.inner("grads")
    for name in spec.names:
        arrays[f"grads.{name}"] = grads.array(name, params[name].shape)
    rows = with_loss
    if "contrib_loss_steps" in expected.data:
        rows = tuple(int(t) for t in expected.array("contrib_loss_steps").ravel())
        for t in rows:
            if t not in with_loss:
                raise expected.error("contrib_loss_steps", f"names step {t}, which has no loss")
    for field, tail in (("contrib_norm", False), ("contrib_full", True)):
        if field in expected.data:
            tables = expected.inner(field)
            for name in tables.data:
                if name not in spec.recurrent_names:
                    raise tables.error(name, f"is none of {', '.join(spec.recurrent_names)}")
                arrays[f"{field}.{name}"] = tables.array(name, (len(rows), T, *(params[name].shape if tail else ())))
    return arrays, rows


def _compare(case: Case) -> CaseResult:
    instance = case.instance
    spec, derivation = instance.spec, covering(instance.spec)
    source = derivation.name if derivation else ""
    by_name = {q: value for q, value in case.expected.items() if q.startswith("grads.")}
    rows: list[Row] = []
    for witness, read in (("tape", read_tape), ("closed_form", read_closed_form)):
        rows += compare_reading(case.id, source, witness, partial(_read, case, read), case.expected, REFERENCE)
    if derivation:
        transcribe = partial(_transcribe, case, derivation)
        rows += compare_reading(case.id, source, "transcription", transcribe, by_name, REFERENCE)
    description = f"{spec.convention} {spec.activation} {spec.output_activation} {spec.loss}, {case.sizes}"
    return CaseResult(case.id, source, description, tuple(rows), case.not_compared)


def _read(case: Case, read: Callable[[Instance], Reading]) -> Reading:
    """A reading, with those rows of the contribution tables that the case lists."""
    reading = read(case.instance)
    with_loss = case.instance.spec.loss_steps(case.sizes.T)
    rows = [with_loss.index(t) for t in case.rows]
    return {q: value[rows] if q.startswith("contrib_") else value for q, value in reading.items()}


def _transcribe(case: Case, derivation: Derivation) -> Reading:
    instance = case.instance
    gradients = derivation.gradients(instance.spec, instance.params, instance.x, instance.y, instance.h0)
    return {f"grads.{name}": gradient for name, gradient in gradients.items()}
