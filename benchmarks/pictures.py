"""How long pictures take and how large they are: `python -m benchmarks.pictures` for T = 4 to 10,000, vanilla and LSTM.

Each row is one recording, drawn once. Times are seconds of the wall clock, by stage; "again" is a second picture of the
same structure, whose layout is kept. Up to 60 steps and T = 500 of the vanilla network are drawn one by one, the others
with a fold. `--unchecked` records on a tape that keeps no lines of source and looks at no numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import tinygrad_rnn as tg
import viz
from tinygrad_rnn.uncollected import uncollected
from viz.drawing import Picture
from viz.layout import search
from viz.length import Length, layout_of

STEPS = (4, 8, 12, 60, 100, 500, 1_000, 10_000)
CELLS = ("vanilla", "lstm")
STAGES = ("record", "flow", "graph", "layout", "paint", "SVG")
_ONE_BY_ONE = 60


def measure(cell: str, steps: int, every_step: bool, checked: bool = True) -> dict[str, Any]:
    """Seconds of every stage for one recording, and the bytes of what comes out."""
    search.lay_out.cache_clear()
    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = work()
        seconds[stage] = time.perf_counter() - begun
        return result

    tape, loss = timed("record", lambda: tg.cells.record(cell, steps, checked=checked))
    flow = timed("flow", lambda: tg.flow(loss))
    length = Length(every_step=every_step)
    read = uncollected(lambda: length.graph(flow))  # as `draw` reads it
    timed("both", read)  # a layout may be wanted to know what fits
    graph = timed("graph", read)
    search.lay_out.cache_clear()
    timed("layout", lambda: layout_of(graph))
    picture: Picture = timed("drawn", lambda: viz.draw(flow, every_step=every_step))
    svg = timed("SVG", picture.svg)
    timed("again", lambda: viz.draw(flow, every_step=every_step).svg())
    seconds["paint"] = max(0.0, seconds["drawn"] - seconds["graph"])
    return {
        **seconds,
        "total": sum(seconds[stage] for stage in STAGES),
        "lines": len(tape),
        "dot": len(picture.dot.encode()),
        "svg": len(svg.encode()),
        "drawn steps": steps if not graph.graph.get("fold") else steps - len(graph.graph["fold"]),
    }


def rows(
    cells: tuple[str, ...] = CELLS, steps: tuple[int, ...] = STEPS, checked: bool = True
) -> list[dict[str, Any]]:
    """One row for each cell and length."""
    found = []
    for cell in cells:
        for count in steps:
            one_by_one = count <= _ONE_BY_ONE or (cell, count) == ("vanilla", 500)
            found.append({"cell": cell, "T": count, **measure(cell, count, one_by_one, checked)})
    return found


def table(measured: list[dict[str, Any]]) -> str:
    """The rows as a table of Markdown."""
    heads = ["cell", "T", "drawn", *(f"{stage}, s" for stage in STAGES), "total, s", "again, s", "DOT, kB", "SVG, kB"]
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    for row in measured:
        words = [row["cell"], f"{row['T']:,}", f"{row['drawn steps']:,}", *(f"{row[stage]:.2f}" for stage in STAGES)]
        words += [f"{row['total']:.2f}", f"{row['again']:.2f}", f"{row['dot'] / 1e3:,.0f}", f"{row['svg'] / 1e3:,.0f}"]
        lines.append(" | ".join(words))
    return "\n".join(f"| {line} |" for line in lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; `--cells`, `--steps` and `--unchecked` choose."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=sorted(tg.cells.CELLS))
    parser.add_argument("--steps", nargs="+", type=int, default=list(STEPS))
    parser.add_argument("--unchecked", action="store_true")
    typed = parser.parse_args(arguments)
    print(table(rows(tuple(typed.cells), tuple(typed.steps), not typed.unchecked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
