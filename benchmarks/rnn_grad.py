"""Time the gradients of a recurrent network, engine beside engine in one run: `python -m benchmarks.rnn_grad`.

The unit is a closed form written by hand in NumPy, optimised; every other number is a ratio to it, of medians (of the
fastest turns with --fastest, which a busy machine disturbs less). Engines take turns, so that a noisy machine is noisy
for all; their gradients are compared before any clock is started.
"readout after" means: the readout once after the loop, on all states stacked; otherwise it is part of every step.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import platform
import statistics
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import by_hand, engines
from benchmarks.work import NAMES, SIZES, Size, Work, make_work

# name -> (what makes its runner, the distribution it needs, or None)
UNIT = "by hand, optimised"
ENGINES: dict[str, tuple[Callable[[Work], Callable[[], by_hand.Result]], str | None]] = {
    UNIT: (by_hand.optimised, None),
    "by hand, per step": (by_hand.per_step, None),
}
for name, engine, needed in (
    ("tinygrad-rnn tape", engines.tape, None),
    ("PyTorch eager", engines.pytorch, "torch"),
    ("HIPS autograd", engines.hips_autograd, "autograd"),
    ("MyGrad", engines.mygrad, "mygrad"),
):
    ENGINES[name] = partial(engine, after=False), needed
    ENGINES[f"{name}, readout after"] = partial(engine, after=True), needed
ALLOCATORS = {
    "default": "as the C library comes",
    "keep": "mallopt: freed memory is kept (M_TRIM_THRESHOLD 1 GiB, M_MMAP_THRESHOLD 32 MiB)",
}


def keep_freed_memory() -> None:
    """Tell glibc to hand no freed memory back to the system: arrays are then not faulted in anew at every step."""
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, mmap_threshold = -1, -3  # the numbers of malloc.h
    if not (mallopt(trim_threshold, 1 << 30) and mallopt(mmap_threshold, 32 << 20)):
        raise SystemExit("this C library has no mallopt; use --allocator default")


def check_agreement(runners: dict[str, Callable[[], by_hand.Result]], size: Size) -> None:
    """Stop unless every engine gives the unit's loss and gradients to 1e-10."""
    loss, gradients = runners[UNIT]()
    for engine, run in runners.items():
        other_loss, other = run()
        pairs = [(name, other[name], gradients[name]) for name in NAMES] + [("loss", other_loss, loss)]
        errors = {name: np.linalg.norm(found - known) / np.linalg.norm(known) for name, found, known in pairs}
        worst = max(errors, key=lambda name: errors[name])
        if not errors[worst] <= 1e-10:
            raise SystemExit(f"{size}: {engine} differs from {UNIT!r} in {worst}, relative error {errors[worst]:.1e}")


def measure(runners: dict[str, Callable[[], by_hand.Result]], seconds: float) -> dict[str, list[float]]:
    """Seconds per call of each engine, one number a round, at least three rounds; within a round they take turns.

    A turn repeats a short call until 10 ms have gone by, and gives the mean.
    """
    repeats = {}
    for engine, run in runners.items():
        start = perf_counter()
        run()
        repeats[engine] = max(1, round(0.01 / (perf_counter() - start)))
    times: dict[str, list[float]] = {engine: [] for engine in runners}
    begin, order = perf_counter(), list(runners)
    while len(times[UNIT]) < 3 or perf_counter() - begin < seconds:
        for engine in order:
            run, count = runners[engine], repeats[engine]
            gc.collect()
            start = perf_counter()
            for _ in range(count):
                run()
            times[engine].append((perf_counter() - start) / count)
        order.append(order.pop(0))
    return times


def versions() -> dict[str, str]:
    """What was measured on."""
    found = {"Python": platform.python_version(), "NumPy": np.__version__, "machine": platform.machine()}
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    found["BLAS"] = f"{blas.get('name', 'unknown')} {blas.get('version', '')}, 1 thread".strip()
    for _, distribution in ENGINES.values():
        if distribution and find_spec(distribution):
            found[distribution] = metadata.version(distribution)
    return found


def parse_size(text: str) -> Size:
    """`1,8,16,8,100` as B, D, H, K, T."""
    numbers = [int(word) for word in text.strip("()").split(",")]
    if len(numbers) != 5 or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give five positive numbers B,D,H,K,T")
    return Size(*numbers)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0, or 1 where engines do not agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rnn_grad", description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=parse_size, metavar="B,D,H,K,T", help="default: six sizes")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each size (default 10)")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="only these, besides the unit")
    parser.add_argument("--allocator", choices=ALLOCATORS, default="default", help="how freed memory is treated")
    parser.add_argument("--fastest", action="store_true", help="compare fastest turns, not medians")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    if options.allocator == "keep":
        keep_freed_memory()

    installed = [name for name, (_, needed) in ENGINES.items() if needed is None or find_spec(needed)]
    chosen = [name for name in installed if not options.engines or name == UNIT or name in options.engines]
    statistic = min if options.fastest else statistics.median
    results = {}
    for size in options.sizes or SIZES:
        work = make_work(size)
        runners = {name: ENGINES[name][0](work) for name in chosen}
        check_agreement(runners, size)
        results[size] = {name: statistic(times) for name, times in measure(runners, options.seconds).items()}

    setting = versions() | {"allocator": ALLOCATORS[options.allocator], "garbage collector": "on"}
    setting["of each engine's turns"] = "the fastest" if options.fastest else "the median"
    if options.json:
        rows = [
            {"size": str(size), "engine": name, "seconds": seconds, "ratio": seconds / found[UNIT]}
            for size, found in results.items()
            for name, seconds in found.items()
        ]
        json.dump({"setting": setting, "unit": UNIT, "rows": rows}, sys.stdout, indent=2)
        print()
        return 0
    table = Table(title="Loss and all gradients of a recurrent network: time as a multiple of the first row")
    table.add_column("(B,D,H,K,T)")
    for size in results:
        table.add_column(str(size), justify="right")
    table.add_row(f"{UNIT}, ms", *(f"{1e3 * found[UNIT]:.3g}" for found in results.values()))
    for name in chosen:
        table.add_row(name, *(f"{found[name] / found[UNIT]:.2f}" for found in results.values()))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print("; ".join(f"{name} {value}" for name, value in setting.items()), soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
