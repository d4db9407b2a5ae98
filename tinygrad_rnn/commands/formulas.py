"""Print the catalogue of formulas: a table on a terminal, one formula in full, or Markdown with its mathematics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..certificates.certificate import MISPRINTED, Formula, counted, hidden_from, two_digits
from ..derivations import DERIVATIONS, SEEDS, SEEING, Measured
from .tables import short

_STYLES = {"right": "", "wrong": "red", "shapes": "red", "model": "", "debris": "dim"}


def tables(formulas: Sequence[Formula], all_readings: bool) -> list[RenderableType]:
    """One table for each source: a row for each formula, and below it for each wrong way to read it, or for every."""
    parts: list[RenderableType] = [
        Text("median and largest: ‖a − b‖ / ‖b‖ of the printed formula, b being the complex step,"),
        Text(f"on {_instances()}; corrected: the largest of the corrected formula"),
        Text("hidden from: networks in which the misprint passes all the same, so that no test can see it there"),
    ]
    for source, members in groupby(formulas, key=lambda formula: formula.entry.source):
        parts += [Text(f"\n{source}: {DERIVATIONS[source].title}", style="bold underline")]
        parts += [_table(list(members), all_readings)]
    return parts


def full(formula: Formula) -> list[RenderableType]:
    """Everything about one formula."""
    entry, verdict = formula.entry, formula.verdict
    lines = [
        ("source", f"{entry.source}: {DERIVATIONS[entry.source].title}"),
        ("verdict", formula.says if verdict.holds else f"{formula.says}: NOT borne out by the numbers"),
        ("printed", entry.latex_printed or "(nothing; supplied)"),
        ("corrected", entry.corrected_latex),
        ("means", entry.meaning),
        ("remark", entry.remark),
        ("family", entry.family),
        ("median", _number(formula.printed.median) if formula.printed.composes else "shapes do not compose"),
        ("largest", _number(formula.printed.max)),
        ("residual", _number(verdict.residual)),
        ("hidden from", hidden(entry.blind)),
        ("but", verdict.undefined),
    ]
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in lines:
        if value:
            grid.add_row(name, Text(value))
    parts: list[RenderableType] = [Text(entry.id, style="bold"), grid]
    if formula.readings:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading in ("read as", "", "median", "largest", "hidden from"):
            table.add_column(heading, justify="right" if heading in ("median", "largest") else "left")
        for reading, measured in formula.readings:
            words = reading.words if reading.setting == SEEING else f"{reading.words} ({reading.setting})"
            table.add_row(words, _right(measured), *_numbers(measured), hidden(reading.blind))
        parts.append(table)
    return [*parts, Text(f"‖a − b‖ / ‖b‖ against the complex step, {_instances()}")]


def markdown(formulas: Sequence[Formula]) -> str:
    """A table for each source in Markdown, formulas between dollar signs."""
    lines = []
    for source, members in groupby(formulas, key=lambda formula: formula.entry.source):
        lines += [f"## {source}: {_escaped(DERIVATIONS[source].title)}", ""]
        lines += ["| ID | as printed | means | verdict | median | largest | corrected | hidden from |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for formula in members:
            entry = formula.entry
            cells = [_cell(entry.id), _dollars(entry.latex_printed), _cell(entry.meaning), formula.says]
            cells += [*_numbers(formula.printed), _dollars(entry.corrected_latex), _hidden_or_undefined(formula)]
            lines.append(f"| {' | '.join(cells)} |")
            for reading, measured in formula.readings:
                cells = ["", "", f"read as: {_cell(reading.words)}", _right(measured)]
                lines.append(f"| {' | '.join([*cells, *_numbers(measured), '', hidden(reading.blind)])} |")
        lines.append("")
    return "\n".join([*lines, summary(formulas)])


def summary(formulas: Sequence[Formula]) -> str:
    """How many there are of each verdict, and whether the numbers bear them out."""
    words = ""
    for kind, number in counted(formulas).items():
        words += f"{', ' if kind == MISPRINTED else '; ' if words else ''}{number}"
    failed = [formula.entry.id for formula in formulas if not formula.verdict.holds]
    held = f"NOT borne out by the numbers: {', '.join(failed)}" if failed else "Every verdict is borne out"
    return f"{len(formulas)} formula{'s' if len(formulas) > 1 else ''}: {words}. {held}."


def hidden(blind: Iterable[str]) -> str:
    """Settings as one text."""
    return "; ".join(hidden_from(blind))


def _hidden_or_undefined(formula: Formula) -> str:
    """Settings that hide the misprint, and those in which there is none to hide."""
    return "; ".join(filter(None, [hidden(formula.entry.blind), formula.verdict.undefined]))


def _table(formulas: Sequence[Formula], all_readings: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("formula", "family", "verdict", "median", "largest", "corrected", "hidden from"):
        table.add_column(heading, justify="right" if heading in ("median", "largest", "corrected") else "left")
    for formula in formulas:
        entry, verdict = formula.entry, formula.verdict
        style = _STYLES[formula.colour] if verdict.holds else "bold red"
        says = formula.says if verdict.holds else f"{formula.says} ≠"
        corrected = _number(verdict.residual)
        cells = (entry.id, entry.family, says, *_numbers(formula.printed), corrected, _hidden_or_undefined(formula))
        table.add_row(*cells, style=style)
        for reading, measured in formula.readings:
            if measured.agrees and not all_readings:
                continue
            words = Padding(f"{_right(measured)}: {reading.words}", (0, 0, 0, 2))
            table.add_row("", "", words, *_numbers(measured), "", hidden(reading.blind), style="dim")
    return table


def _instances() -> str:
    return f"{len(SEEDS)} random networks ({SEEING})"


def _numbers(measured: Measured) -> tuple[str, str]:
    if not measured.composes:
        return ("no shape", "no shape")
    return (_number(measured.median), _number(measured.max))


def _number(number: float | None) -> str:
    if number is None:
        return ""
    if not math.isfinite(number):
        return "not finite"
    return two_digits(number) if 1e-3 <= number < 1e4 else short(number)


def _right(measured: Measured) -> str:
    return "right" if measured.agrees else "wrong"


def _dollars(latex: str) -> str:
    """LaTeX within a cell of a Markdown table: a bar would end the cell, two backslashes would not break the line."""
    if "\\begin" in latex:
        return f"${_bars(latex)}$"
    return "<br>".join(f"${_bars(line.strip())}$" for line in latex.split("\\\\")) if latex else ""


def _bars(latex: str) -> str:
    r"""Without bars, which end a cell, and without < and >, which begin and end a tag; \| is a double bar."""
    for sign, command in ((r"\|", r"\Vert "), ("|", r"\vert "), ("<", r"\lt "), (">", r"\gt ")):
        latex = latex.replace(sign, command)
    return latex


def _cell(words: str) -> str:
    return _escaped(words).replace("|", r"\|")


def _escaped(words: str) -> str:
    """Words in which Markdown finds no tag and no entity."""
    return words.replace("&", "&amp;").replace("<", "&lt;")
