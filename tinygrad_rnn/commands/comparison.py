"""Print a comparison as tables, case by case and witness by witness, and as the few lines that sum it up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..bptt import FAMILIES
from ..check.report import CaseResult, Report, Row
from .arguments import one_line
from .tables import short

HEADINGS = {
    "tape":          "tape",
    "closed_form":   "closed form",
    "transcription": "transcribed",
    "complex_step":  "complex step",
}  # a family's heading is its letter
_CELL, _NARROW = 13, 9  # columns; the narrow ones hold one number


def comparison(report: Report, titles: dict[str, str]) -> list[RenderableType]:
    """One table for each derivation; a cell is "max absolute error, relative error" of one witness.

    Where families were asked for, a cell is the relative error alone, a row of times stands below each case, and a
    table of what the families cost below all.
    """
    cells = "‖a − b‖ / ‖b‖, and the time of the gradients" if report.families else "max |a − b|, then ‖a − b‖ / ‖b‖"
    parts: list[RenderableType] = [
        Text(one_line(report.title)),
        Text(f"each cell: {cells}"),
        Text("the rest: the largest of loss, dL/dh0, dL/dx, C[t,k] and whatever else is expected"),
    ]
    for (derivation, group), members in groupby(report.cases, key=lambda case: (case.derivation, case.group)):
        title = f"{derivation}: {titles[derivation]}" if derivation else "no published derivation has this model"
        title = "truncated gradients" if group == "truncated" else title
        parts += [Text(f"\n{title}", style="bold underline"), *_cases(list(members), narrow=bool(report.families))]
    if report.families:
        return [*parts, _costs(report)]
    return [*parts, ""]


def verdict(report: Report, others: Sequence[str]) -> list[str]:
    """The lines below the tables: what disagrees, what was left out (others: ids of other derivations), what agreed."""
    lines = [f"disagrees: {problem}" for problem in report.problems]
    if any(row.witness == "complex_step" and not row.ok for row in report.rows):
        lines.append("the two forward passes disagree, so look at bptt/forward.py and models.py first")
    lines += report.absent
    lines += [f"not asked for: case {id_}" for id_ in others]
    lines += [f"not supported: case {id_} (group {group})" for id_, group in report.unsupported]
    for quantity in sorted({quantity for case in report.cases for quantity in case.not_compared}):
        ids = [case.id for case in report.cases if quantity in case.not_compared]
        lines.append(f"not compared: {quantity} of {', '.join(ids)}")
    agree, count = sum(case.ok for case in report.cases), len(report.cases)
    witnesses = dict.fromkeys(witness for case in report.cases for witness in case.witnesses)
    left_out = f"; {len(report.unsupported)} not supported" if report.unsupported else ""
    if not count:
        lines.append(f"nothing was compared{left_out}")
    elif report.ok:
        worst = max((case.max_rel_error(witness) for case in report.cases for witness in case.witnesses), default=0.0)
        who = ", ".join(_heading(witness) for witness in witnesses)
        names = list(dict.fromkeys(case.derivation for case in report.cases))
        of = f" of {names[0]}" if len(names) == 1 else f" of {len(names)} derivations"
        what = f"all {count} cases{of if all(names) else ''} agree" if count > 1 else "the case agrees"
        lines.append(f"{what} ({who}; largest relative error {worst:.1e}){left_out}")
    else:
        lines.append(f"{count - agree} of {count} cases disagree{left_out}")
    return [one_line(line) for line in lines]


def _cases(cases: Sequence[CaseResult], narrow: bool) -> list[RenderableType]:
    """A heading, then for each case a line that says what it is, and its rows; columns stand below each other."""
    witnesses = _columns(cases)
    headings = ["parameter", *(_heading(witness) for witness in witnesses)]
    rows = [_rows(case, witnesses, narrow) for case in cases]
    widths = [max(len(headings[0]), *(len(row[0]) for group in rows for row in group))]
    widths += [max(_NARROW, len(heading)) if narrow else _CELL for heading in headings[1:]]
    parts: list[RenderableType] = [_grid([headings], widths)]
    for case, group in zip(cases, rows, strict=True):
        heading = Text(one_line(f"  {case.id}  {case.description}"), style="bold" if case.ok else "bold red")
        parts += [heading, _grid(group, widths)]
    return parts


def _columns(cases: Sequence[CaseResult]) -> list[str]:
    """Who was compared: the tape, the families, then the other witnesses; D stands for the closed form where it is."""
    witnesses = dict.fromkeys(witness for case in cases for witness in case.witnesses)
    asked = {witness for witness in witnesses if witness in FAMILIES}
    asked |= {letter for case in cases for letter, _ in case.absent}
    first = [w for w in ("tape", "closed_form") if w in witnesses and not (w == "closed_form" and "D" in asked)]
    last = [w for w in ("transcription", "complex_step") if w in witnesses]
    return [*first, *(letter for letter in FAMILIES if letter in asked), *last]


def _rows(case: CaseResult, witnesses: Sequence[str], narrow: bool) -> list[list[str | Text]]:
    absent = dict(case.absent)
    grads = dict.fromkeys(row.quantity for row in case.rows if row.quantity.startswith("grads."))
    cells: list[list[str | Text]] = []
    for quantity in grads:
        by_witness = {row.witness: [row] for row in case.rows if row.quantity == quantity}
        line = ["–" if w in absent else _cell(by_witness.get(w, []), narrow) for w in witnesses]
        cells.append([one_line(quantity.removeprefix("grads.")), *line])
    rest: dict[str, list[Row]] = {}
    for row in case.rows:
        if row.quantity not in grads:
            rest.setdefault(row.witness, []).append(row)
    if "closed_form" not in witnesses:  # D stands in its place
        rest["D"] = rest.pop("closed_form", [])
    cells.append(["the rest", *(_cell(rest.get(w, []), narrow) for w in witnesses)])
    if case.seconds:
        cells.append(["time", *(_time(case.seconds[w]) if w in case.seconds else "" for w in witnesses)])
    return cells


def _costs(report: Report) -> Table:
    """What each family costs: by theory, and here, beside the tape on the same cases."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("family", "", "cost (T steps, m units, P parameters)", "time", "tape's"):
        table.add_column(heading, justify="right" if heading in ("time", "tape's") else "left")
    for letter in report.families:
        cases = [case for case in report.cases if letter in case.seconds]
        own, tape = (sum(case.seconds[name] for case in cases) for name in (letter, "tape"))
        times = (_time(own), f"× {own / tape:.2g}") if cases else ("–", "–")
        table.add_row(letter, FAMILIES[letter].title, FAMILIES[letter].cost, *times)
    return table


def _grid(rows: Sequence[Sequence[str | Text]], widths: Sequence[int]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for width in (2, *widths):
        table.add_column(width=width, no_wrap=True)
    for row in rows:
        table.add_row("", *(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def _cell(rows: Sequence[Row], narrow: bool) -> str | Text:
    """The largest errors of some rows of one witness; the relative one alone where the column is narrow."""
    if not rows:
        return ""
    wrong = not all(row.ok for row in rows)
    text = short(max(row.relative for row in rows))
    if not narrow:
        text = f"{short(max(row.max_abs for row in rows))} {text}"
    return Text(f"{text} ≠" if wrong else text, style="bold red" if wrong else "")


def _heading(witness: str) -> str:
    return HEADINGS.get(witness, witness)


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.{2 if seconds < 0.1 else 0}f} ms"
