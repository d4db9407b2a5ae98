"""Time each family of closed forms against T and m, with fitted exponents: `python -m benchmarks.families`.

The unit is family D at the same size. Sizes double until one call takes longer than the limit; the exponent is the
slope of log time over log size at the largest three. Times are processor time, the fastest of several turns, which a
busy machine disturbs least; memory is the peak that one call adds. Every family's gradients are compared with D's
before a clock is started.
"""

from __future__ import annotations

import argparse
import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.rnn_grad import versions
from tinygrad_rnn import bptt
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.spec import Sizes, Spec

Gradients = Callable[..., dict[str, Any]]
UNIT = "D"
INPUTS, OUTPUTS = 4, 4  # few, so that P is m² and W rules all costs
STEPS, UNITS = 16, 16  # T where m is varied, m where T is varied
LENGTHS = (8, 16, 32, 64, 128, 256, 512)
WIDTHS = (8, 16, 32, 64, 128, 256, 512)
LARGEST = 300e6  # bytes that ∂⁺h/∂W, an m × m × m array, may take


@dataclass(frozen=True)
class Contender:
    """A family to be timed.

    Attributes:
        gradients: its function.
        activation: "identity" for matrix powers.
        cost: what it should cost in time, with P = m²; and in memory besides the result, where that is known.
        in_T: exponent of T that this says.
        in_m: exponent of m that this says, for large m.
        cubic: whether it holds an m × m × m array.
    """

    gradients: Gradients
    activation: str
    cost: str
    in_T: str
    in_m: str
    cubic: bool


FAMILIES = bptt.FAMILIES
CONTENDERS = {
    "D": Contender(FAMILIES["D"].gradients, "tanh", "T P; memory T m", "1", "2", False),
    "E": Contender(bptt.explicit_sum, "tanh", "T² m²", "2", "2", False),
    "E, matrices": Contender(bptt.explicit_matrix_sum, "tanh", "T² m³", "2", "3", True),
    "F": Contender(FAMILIES["F"].gradients, "tanh", "T m² P; memory m P", "1", "4", True),
    "Z": Contender(FAMILIES["Z"].gradients, "tanh", "T (T m³ + T m P)", "2", "3", True),
    "P": Contender(FAMILIES["P"].gradients, "identity", "T² m² + T m³", "2", "2 to 3", False),
}


@dataclass(frozen=True)
class Row:
    """One measurement: processor seconds of the fastest call, bytes at its peak."""

    family: str
    varied: str
    T: int
    m: int
    seconds: float
    bytes: int


def instance(contender: Contender, T: int, m: int) -> tuple[Any, ...]:
    """Arguments of every family, the same numbers for the same size."""
    spec = Spec(activation=contender.activation)
    made = random_instance(spec, Sizes(T, 1, INPUTS, m, OUTPUTS), seed=(T, m))
    # A linear recurrence of hundreds of steps would overflow with a W of larger norm.
    params = {**made.params, "W": made.params["W"] / max(1.0, 1.05 * np.linalg.norm(made.params["W"], 2))}
    return spec, params, made.x, made.y, made.h0


def check_agreement(name: str, contender: Contender, arguments: tuple[Any, ...]) -> None:
    """Stop unless the family gives D's gradients to 1e-10."""
    expected, found = FAMILIES[UNIT].gradients(*arguments), contender.gradients(*arguments)
    for parameter, gradient in expected.items():
        error = np.linalg.norm(found[parameter] - gradient) / np.linalg.norm(gradient)
        if not error <= 1e-10:
            raise SystemExit(f"family {name} differs from {UNIT} in {parameter}, relative error {error:.1e}")


def fastest(call: Callable[[], Any], limit: float) -> float:
    """Processor seconds of the fastest of at least three calls, more while the limit allows."""
    times: list[float] = []
    begin = perf_counter()
    while len(times) < 3 or (perf_counter() - begin < limit and len(times) < 200):
        start = process_time()
        call()
        times.append(process_time() - start)
    return min(times)


def peak(call: Callable[[], Any]) -> int:
    """Bytes that one call holds at its peak."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def sweep(name: str, varied: str, limit: float) -> list[Row]:
    """Measurements of one family with T or m doubled until a call takes longer than the limit."""
    contender, rows = CONTENDERS[name], []
    for size in LENGTHS if varied == "T" else WIDTHS:
        T, m = (size, UNITS) if varied == "T" else (STEPS, size)
        if contender.cubic and 8.0 * m**3 > LARGEST:
            break
        arguments = instance(contender, T, m)
        check_agreement(name, contender, arguments)
        call = partial(contender.gradients, *arguments)
        rows.append(Row(name, varied, T, m, fastest(call, limit), peak(call)))
        if name != UNIT and rows[-1].seconds > limit:
            break
    return rows


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of log value over log size at the largest three."""
    return float(np.polyfit(np.log(sizes[-3:]), np.log(values[-3:]), 1)[0]) if len(sizes) > 1 else float("nan")


def exponents(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Family -> time in T, time in m, memory in T, memory in m."""
    found: dict[str, dict[str, float]] = {}
    for name in CONTENDERS:
        found[name] = {}
        for measured in ("seconds", "bytes"):
            for varied in ("T", "m"):
                own = [row for row in rows if row.family == name and row.varied == varied]
                sizes, values = [getattr(row, varied) for row in own], [getattr(row, measured) for row in own]
                found[name][f"{measured} in {varied}"] = exponent(sizes, values)
    return found


def ratios(rows: Sequence[Row], varied: str) -> Table:
    """Time as a multiple of D's at the same size."""
    sizes = LENGTHS if varied == "T" else WIDTHS
    other = f"m = {UNITS}" if varied == "T" else f"T = {STEPS}"
    table = Table(title=f"Time as a multiple of D's, {other}")
    table.add_column(varied)
    for size in sizes:
        table.add_column(str(size), justify="right")
    times = {(row.family, getattr(row, varied)): row.seconds for row in rows if row.varied == varied}
    table.add_row("D, ms", *(f"{1e3 * times[UNIT, size]:.3g}" for size in sizes))
    for name in CONTENDERS:
        if name != UNIT:
            cells = (times.get((name, size), 0.0) / times[UNIT, size] for size in sizes)
            table.add_row(name, *(f"{cell:.3g}" if cell else "" for cell in cells))
    return table


def costs(rows: Sequence[Row]) -> Table:
    """Fitted exponents beside those of the formulas."""
    table = Table(title="Fitted exponents: time ∝ T^α m^β, beside what the formulas say (P = m²)")
    for heading in ("family", "cost", "α says", "α", "β says", "β", "memory in T", "memory in m"):
        table.add_column(heading, justify="left" if heading in ("family", "cost") else "right")
    for name, fitted in exponents(rows).items():
        contender = CONTENDERS[name]
        measured = [f"{fitted[key]:.2f}" for key in ("seconds in T", "seconds in m", "bytes in T", "bytes in m")]
        table.add_row(name, contender.cost, contender.in_T, measured[0], contender.in_m, *measured[1:])
    return table


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the status is 0, or 1 with a message where a family does not agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families", description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=0.4, help="seconds at which sizes stop to double (default 0.4)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args(arguments)

    rows = [row for name in CONTENDERS for varied in ("T", "m") for row in sweep(name, varied, options.limit)]
    setting = versions() | {"batch": "1", "inputs": str(INPUTS), "outputs": str(OUTPUTS)}
    if options.json:
        said = {name: {"cost": c.cost, "T": c.in_T, "m": c.in_m} for name, c in CONTENDERS.items()}
        fitted = {name: {k: v if v == v else None for k, v in e.items()} for name, e in exponents(rows).items()}
        document = {"setting": setting, "rows": [asdict(row) for row in rows], "exponents": fitted, "formulas": said}
        json.dump(document, sys.stdout, indent=2, allow_nan=False)
        print()
        return 0
    console = Console(width=None if sys.stdout.isatty() else 120)
    for table in (ratios(rows, "T"), ratios(rows, "m"), costs(rows)):
        console.print(table)
    console.print("; ".join(f"{name} {value}" for name, value in setting.items()), soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
