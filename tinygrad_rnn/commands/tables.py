"""Print results as tables: a comparison case by case, the demo's gradients, how far back a loss reaches."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..check.report import CaseResult, Report, Row
from ..demo import Gradient, Reach
from .arguments import one_line

WIDTH_OF_FILES = 120  # columns where the output is no terminal
HEADINGS = {
    "tape": "tape",
    "closed_form": "closed form",
    "transcription": "transcribed",
    "complex_step": "complex step",
}
_CELL, _BAR = 13, 24  # columns


def show(*renderables: RenderableType) -> None:
    """Write to standard output, in colour if that is a terminal."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    # Captured, and written by us: rich would end the process itself when the reader of a pipe has gone.
    with console.capture() as capture:
        for renderable in renderables:
            console.print(renderable)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def comparison(report: Report, titles: dict[str, str]) -> list[RenderableType]:
    """One table for each derivation; a cell is "max absolute error, relative error" of one witness."""
    parts: list[RenderableType] = [
        Text(one_line(report.title)),
        Text("each cell: max |a − b|, then ‖a − b‖ / ‖b‖"),
        Text("the rest: the largest of loss, dL/dh0, dL/dx, C[t,k] and whatever else is expected"),
    ]
    for derivation, cases in groupby(report.cases, key=lambda case: case.derivation):
        title = f"{derivation}: {titles[derivation]}" if derivation else "no published derivation has this model"
        parts += [Text(f"\n{title}", style="bold underline"), *_cases(list(cases))]
    return [*parts, ""]


def verdict(report: Report, others: Sequence[str]) -> list[str]:
    """The lines below the tables: what disagrees, what was left out (others: ids of other derivations), what agreed."""
    lines = [f"disagrees: {problem}" for problem in report.problems]
    if any(row.witness == "complex_step" and not row.ok for row in report.rows):
        lines.append("the two forward passes disagree, so look at bptt/forward.py and models.py first")
    lines += [f"not asked for: case {id_}" for id_ in others]
    lines += [f"not supported: case {id_} (group {group})" for id_, group in report.unsupported]
    agree, count = sum(case.ok for case in report.cases), len(report.cases)
    witnesses = dict.fromkeys(witness for case in report.cases for witness in case.witnesses)
    left_out = f"; {len(report.unsupported)} not supported" if report.unsupported else ""
    if not count:
        lines.append(f"nothing was compared{left_out}")
    elif report.ok:
        worst = max((case.max_rel_error(witness) for case in report.cases for witness in case.witnesses), default=0.0)
        who = ", ".join(HEADINGS[witness] for witness in witnesses)
        names = list(dict.fromkeys(case.derivation for case in report.cases))
        of = f" of {names[0]}" if len(names) == 1 else f" of {len(names)} derivations"
        what = f"all {count} cases{of if all(names) else ''} agree" if count > 1 else "the case agrees"
        lines.append(f"{what} ({who}; largest relative error {worst:.1e}){left_out}")
    else:
        lines.append(f"{count - agree} of {count} cases disagree{left_out}")
    return [one_line(line) for line in lines]


def gradients(rows: Sequence[Gradient]) -> Table:
    """The demo's table: every parameter's gradient and its witnesses."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("parameter", "shape", "‖dL/dθ‖ tape", "closed form", "complex step"):
        table.add_column(heading, justify="left" if heading in ("parameter", "shape") else "right")
    for row in rows:
        shape = "×".join(map(str, row.shape))
        style = "" if row.agrees else "bold red"
        errors = (short(row.closed_form), short(row.complex_step))
        table.add_row(row.name, shape, f"{row.norm:#.6g}", *errors, style=style)
    return table


def reach(found: Reach, text: str) -> Table:
    """‖C[T,k]‖ by lag T − k, down to the first below a thousandth; bars are logarithmic."""
    by_lag, last = found.norms[::-1], len(found.norms) - 1
    shown = sorted({0, 1, 2, 4, 8, 16, 32, last} if found.lag is None else {0, 1, 2, 4, 8, 16, 32, found.lag})
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("lag", "k", "reads", "‖C[T,k]‖", "of ‖C[T,T]‖", ""):
        table.add_column(heading, justify="left" if heading in ("reads", "") else "right")
    top = max(by_lag) or 1.0
    for lag in shown:
        if lag > (last if found.lag is None else found.lag):
            continue
        k, norm = len(by_lag) - lag, by_lag[lag]
        share = f"{norm / by_lag[0]:.1e}" if by_lag[0] else "0"
        table.add_row(str(lag), str(k), repr(text[k - 1]), f"{norm:.2e}" if norm else "0", share, _bar(norm / top))
    return table


def _cases(cases: Sequence[CaseResult]) -> list[RenderableType]:
    """A heading, then for each case a line that says what it is, and its rows; columns stand below each other."""
    witnesses = list(dict.fromkeys(witness for case in cases for witness in case.witnesses))
    rows = [_rows(case, witnesses) for case in cases]
    widest = max(len(row[0]) for group in rows for row in group)
    parts: list[RenderableType] = [_grid([["parameter", *(HEADINGS[witness] for witness in witnesses)]], widest)]
    for case, group in zip(cases, rows, strict=True):
        heading = Text(one_line(f"  {case.id}  {case.description}"), style="bold" if case.ok else "bold red")
        parts += [heading, _grid(group, widest)]
    return parts


def _rows(case: CaseResult, witnesses: Sequence[str]) -> list[list[str | Text]]:
    grads = dict.fromkeys(row.quantity for row in case.rows if row.quantity.startswith("grads."))
    cells: list[list[str | Text]] = []
    for quantity in grads:
        by_witness = {row.witness: [row] for row in case.rows if row.quantity == quantity}
        cells.append([one_line(quantity.removeprefix("grads.")), *(_cell(by_witness.get(w, [])) for w in witnesses)])
    others = [row for row in case.rows if row.quantity not in grads]
    cells.append(["the rest", *(_cell([row for row in others if row.witness == w]) for w in witnesses)])
    return cells


def _grid(rows: Sequence[Sequence[str | Text]], widest: int) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(width=2)
    table.add_column(width=max(widest, len("parameter")), no_wrap=True)
    for _ in HEADINGS:
        table.add_column(width=_CELL, no_wrap=True)
    for row in rows:
        table.add_row("", *(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def _cell(rows: Sequence[Row]) -> str | Text:
    """The largest errors of some rows of one witness."""
    if not rows:
        return ""
    wrong = not all(row.ok for row in rows)
    text = f"{short(max(row.max_abs for row in rows))} {short(max(row.relative for row in rows))}"
    return Text(f"{text} ≠" if wrong else text, style="bold red" if wrong else "")


def short(error: float) -> str:
    """An error in a handful of characters; exactly none is 0."""
    return f"{error:.0e}" if error else "0"


def _bar(share: float) -> str:
    """A bar on a log scale: full at 1, a quarter shorter with every factor of ten, none at 1/10,000."""
    if share <= 0:
        return ""
    return "█" * max(0, round(_BAR * (1 + math.log10(share) / 4)))
