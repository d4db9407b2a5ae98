"""The tape here beside the tape of another version: `python -m benchmarks.against COMMIT`, or a checkout's folder.

A pair of processes, one for each version of `tinygrad_rnn`, does the work of `benchmarks.work` in turns, a few
milliseconds at a time, so that a noisy machine is noisy for both. Gradients are compared bit for bit; the time is
processor time of one BLAS thread; the number is the time here divided by the other's, round by round: median and
quartiles. Processes are started anew several times, since where their memory happens to lie makes some a tenth faster
than others. Set beside itself (`HEAD`, in a clean checkout) it says how large a difference means nothing.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.work import NAMES, SIZES, Size

HERE = Path(__file__).resolve().parent.parent
TURN = 0.03  # seconds, or one call where that takes longer
FORMS = {"readout in the loop": False, "readout after": True}
# A worker imports the package from one folder and the benchmarks from this one, then answers a line with a line.
WORKER = """
import sys
sys.path.insert(0, {package!r})
import tinygrad_rnn
sys.path[0] = {benchmarks!r}
from benchmarks.against import serve
serve()
"""


def serve() -> None:
    """Read `[size, after, seconds]`, work for as long, write `[seconds a call, digest of loss and gradients]`."""
    import gc
    import hashlib
    from time import process_time

    from benchmarks import engines
    from benchmarks.work import make_work

    runners: dict[str, Any] = {}
    for line in sys.stdin:
        numbers, after, seconds = json.loads(line)
        if line not in runners:
            runners[line] = engines.tape(make_work(Size(*numbers)), after=after)
        run, count = runners[line], 0
        gc.collect()
        begun = process_time()
        while count == 0 or process_time() - begun < seconds:
            loss, gradients = run()
            count += 1
        spent = (process_time() - begun) / count
        digest = hashlib.sha256(repr(loss).encode() + b"".join(gradients[name].tobytes() for name in NAMES))
        print(json.dumps([spent, digest.hexdigest()]), flush=True)


class Version:
    """A process that does the work with the package found in a folder."""

    def __init__(self, folder: Path) -> None:
        program = WORKER.format(package=str(folder), benchmarks=str(HERE))
        one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | one_thread,
            cwd=folder,
        )

    def turn(self, size: Size, after: bool, seconds: float) -> tuple[float, str]:
        """Seconds a call, and what came out."""
        assert self.process.stdin is not None and self.process.stdout is not None
        numbers = [size.B, size.D, size.H, size.K, size.T]
        print(json.dumps([numbers, after, seconds]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("a version stopped: its message stands above")
        spent, digest = json.loads(answer)
        return spent, digest

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def find(version: str, folder: Path) -> Path:
    """Where the package of a version stands: the checkout that is named, or `folder`, with the files of a commit."""
    if (Path(version) / "tinygrad_rnn").is_dir():
        return Path(version).resolve()
    command = ["git", "archive", "--format=tar", "--end-of-options", version, "tinygrad_rnn"]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True)
    except FileNotFoundError:
        raise SystemExit(f"{version}: no folder with tinygrad_rnn, and no git to look for a commit") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["git found nothing"]
        raise SystemExit(f"{version}: neither a folder with tinygrad_rnn nor a commit: {said[-1]}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def measure(folders: tuple[Path, Path], size: Size, after: bool, rounds: int, pairs: int) -> dict[str, Any]:
    """Ratios of `rounds` rounds with each of `pairs` pairs of processes; who goes first changes with every round."""
    ratios, times, digests = [], [], set()
    for _ in range(pairs):
        new, old = (Version(folder) for folder in folders)
        both = [new, old]
        digests |= {version.turn(size, after, 0.0)[1] for version in both}
        for _ in range(rounds):
            spent = {version: version.turn(size, after, TURN)[0] for version in both}
            ratios.append(spent[new] / spent[old])
            times.append(spent[new])
            both.reverse()
        new.close()
        old.close()
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "size": str(size),
        "milliseconds": 1e3 * statistics.median(times),
        "ratio": middle,
        "quartiles": [low, high],
        "same bits": len(digests) == 1,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a row for each size and form."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("version", help="the other version: a commit, as git names it, or a checkout's folder")
    parser.add_argument("--rounds", type=int, default=11, help="rounds with each pair of processes (default 11)")
    parser.add_argument("--pairs", type=int, default=6, help="pairs of processes for each size (default 6)")
    parser.add_argument("--sizes", type=int, nargs="+", choices=range(len(SIZES)), help="only these of the six sizes")
    options = parser.parse_args(arguments)
    if options.rounds < 2 or options.pairs < 1:
        parser.error("give 2 rounds or more, and a pair of processes")
    with tempfile.TemporaryDirectory() as folder:
        folders = HERE, find(options.version, Path(folder))
        count = f"{options.rounds} rounds with each of {options.pairs} pairs of processes"
        print(f"time here divided by the time of {options.version}: median and quartiles of {count}")
        for form, after in FORMS.items():
            print(form)
            for size in [SIZES[k] for k in options.sizes or range(len(SIZES))]:
                row = measure(folders, size, after, options.rounds, options.pairs)
                low, high = row["quartiles"]
                bits = "the same bits" if row["same bits"] else "other bits"
                print(
                    f"  {row['size']:>20}  {row['milliseconds']:8.3g} ms   {row['ratio']:.3f}  "
                    f"({low:.3f} to {high:.3f})   {bits}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
