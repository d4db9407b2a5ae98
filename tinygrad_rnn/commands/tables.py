"""Write tables to standard output; the demo's: its gradients, and how far back a loss reaches."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

from ..conventions import Stated
from ..demo import Gradient, Reach
from ..functions import KINDS, Function

WIDTH_OF_FILES = 120  # columns where the output is no terminal
_BAR = 24  # columns
_HELD = "\u00a0"


def show(*renderables: RenderableType) -> None:
    """Write to standard output, in colour if that is a terminal."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    # Captured, and written by us: rich would end the process itself when the reader of a pipe has gone.
    with console.capture() as capture:
        for renderable in renderables:
            console.print(renderable)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().replace(_HELD, " ").splitlines()))


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


def functions(rows: Sequence[Function]) -> Table:
    """What a tape can record, by kind; what is only a name stands side by side."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_lines=False)
    table.add_column("kind")
    table.add_column("functions and their arguments on a tape")
    for kind, meaning in KINDS.items():
        # A call does not break between its arguments: `show` writes the spaces that hold it together as spaces.
        written = [f"{row.name}{row.arguments}".replace(" ", _HELD) for row in rows if row.kind == kind]
        if written:
            table.add_row(f"{kind}\n{len(written)}", f"{meaning}:\n{'  '.join(written)}", end_section=True)
    return table


def edges(rows: Sequence[Stated]) -> str:
    """What holds where there is no derivative, with numbers; what is said of several calls is said once."""
    lines = ["Where there is no derivative, or no finite number (second derivatives by each number alone):"]
    said = ""
    for row in rows:
        says = f"{row.functions}: {row.says}"
        lines += ["", says] if says != said else []
        lines += [f"    {row.question}", f"      {row.answer}"]
        said = says
    return "\n".join(lines)


def short(error: float) -> str:
    """An error in a handful of characters; exactly none is 0."""
    return f"{error:.0e}" if error else "0"


def _bar(share: float) -> str:
    """A bar on a log scale: full at 1, a quarter shorter with every factor of ten, none at 1/10,000."""
    if share <= 0:
        return ""
    return "█" * max(0, round(_BAR * (1 + math.log10(share) / 4)))
