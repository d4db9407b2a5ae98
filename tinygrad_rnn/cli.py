"""Run a command of `tinygrad-rnn` and get its exit status; each command is one function, and errors end in one place.

Exit status: 0 done (and all agrees), 1 gradients disagree, 2 what was typed or read cannot be used, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import util
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any

from .commands.arguments import PROGRAM, CommandError, choose, family_letters, one_line, parser, shown

DISAGREE, UNUSABLE, INTERRUPTED, NO_READER = 1, 2, 130, 141
STEPS_IN_PICTURES = 6
PICTURES = ("all-losses.svg", "last-loss.svg")
PAGE = "step-through.html"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; what cannot be done is said in one line on standard error.

    Args:
        arguments: what follows the program's name; by default what was typed.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal must not stop a table with ‖ in it
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone (| head)
        _drop_output()
        return NO_READER
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # standard output on a full disk; files are answered for where they are opened
        _drop_output()
        print(f"{PROGRAM}: cannot go on: {one_line(str(error))}", file=sys.stderr)
        return UNUSABLE
    except Exception as error:
        if not isinstance(error, _refusals()):
            raise
        print(f"{PROGRAM}: {one_line(str(error))}", file=sys.stderr)
        return UNUSABLE
    return status


def _drop_output() -> None:
    """Let what is still unwritten go nowhere: at exit Python would try, and complain, once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    reader = parser()
    try:
        typed = reader.parse_args(arguments)
    except SystemExit as finished:  # --help and --version end so
        return int(finished.code or 0)
    if typed.command is None:
        reader.print_help()
        return 0
    chosen = {"demo": demo, "compare": compare, "derivations": derivations, "draw": draw, "tape": tape, "ops": ops}
    return chosen[typed.command](typed)


def demo(typed: Namespace) -> int:
    """Record a character RNN, print its tape, its gradients with witnesses and its reach; write pictures and a page."""
    from . import demo as character
    from .commands import tables
    from .text import listing

    folder = _folder(typed.out)
    text = character.zen_line() if typed.text is None and typed.file is None else typed.text
    if typed.file is not None:
        text = character.read_text(typed.file)
    run = character.character_rnn(text, typed.seed)
    cut = f" (its first {len(run.text)} characters)" if len(run.text) < len(text) else ""
    print(f"A character RNN reads {run.text!r}{cut}")
    print(f"T = {run.steps} steps; at each it predicts the next of {len(run.vocabulary)} different characters.")
    print(f"h_t = tanh(U x_t + W h_(t-1) + b), softmax(V h_t + c), {character.HIDDEN} hidden units")
    print(character.caption(run.seed))

    tape = run.recording.tape
    stop = max(i for i, line in enumerate(tape.lines) if line[5] == (("time", 1),)) + 1
    print(f"\nThe start of the tape: the leaves and the first step, {stop} of {len(tape)} lines\n")
    print(listing(tape, stop))

    sys.stdout.flush()
    with _progress("gradients, and the same by the complex step, weight by weight"):
        rows, found = character.gradients(run), character.reach(run)
    print(f"\nGradients of L = {float(run.recording.loss.value):.6f}, the mean cross-entropy, off the tape,")
    print("and how far two witnesses are from them, relative to the norm:")
    tables.show(tables.gradients(rows))
    print("closed form: the recursion over time written by hand, which knows nothing of the tape")
    print("complex step: Im L(w + i 1e-30) / 1e-30 for every single weight w")
    print(f"\nHow far back the loss of step T = {run.steps} reaches: C[T,k] is what step k adds to its gradient")
    tables.show(tables.reach(found, run.text))
    print(_reach_in_words(found.lag, run.steps, found.norms[-1]))
    same = "equal the tape's bit for bit"
    apart = f"differ from the tape's by {tables.short(found.closed_form)} of a norm at most"
    print(f"The closed form's C[T,k] {apart if found.closed_form else same}.")

    wrong = [f"dL/d{row.name}" for row in rows if not row.agrees] + ["C[T,k]"] * (not found.agrees)
    if wrong:
        sys.stdout.flush()
        print(f"{PROGRAM}: the witnesses disagree about {', '.join(wrong)}: a bug in this program", file=sys.stderr)
        return DISAGREE
    sys.stdout.flush()
    with _progress("drawing"):
        paths = _demo_pictures(character.beginning(run, STEPS_IN_PICTURES), character.caption(run.seed), folder)
    part = f" (first {STEPS_IN_PICTURES} steps)" if run.steps > STEPS_IN_PICTURES else ""
    print(f"\nPictures{part}, both with the same colours for the same norms:")
    for path, what in zip(paths, ("the gradient of all losses", "the gradient of the last loss alone"), strict=False):
        print(f"  {path}  {what}")
    print(f"and every step of both passes, one by one, in a browser:\n  {paths[-1]}")
    return 0


def _reach_in_words(lag: int | None, steps: int, last: float) -> str:
    if not last:
        return "The last loss has no gradient at all: its text leaves nothing to choose."
    if lag is None:
        return f"‖C[T,k]‖ does not fall below a thousandth of ‖C[T,T]‖ within these {steps} steps."
    return f"‖C[T,k]‖ first falls below a thousandth of ‖C[T,T]‖ at lag {lag}, k = {steps - lag}."


def _demo_pictures(beginning: Any, caption: str, folder: Path) -> list[Path]:
    """Draw all losses and the last one on one scale, and the page; the folder is made only when all are there."""
    from .flow import trace

    viz = _viz()
    text = beginning.text
    title = f"character RNN reads {text[:-1]!r}, predicts {text[1:]!r}"
    flows = [_captioned(trace(beginning.recording.loss, at=at), caption) for at in ("all", "last")]
    spans = [viz.draw(flow).span for flow in flows]
    span = (min(low for low, _ in spans), max(high for _, high in spans))
    pictures = [viz.draw(flow, title=title, span=span) for flow in flows]
    for picture in pictures:
        picture.svg()  # painted and kept, so that nothing is written when Graphviz is missing
    page = viz.step_through(flows[0], title=title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--out {shown(str(folder))}: cannot be made: {error.strerror or error}") from None
    saved = [picture.save(folder / name) for name, picture in zip(PICTURES, pictures, strict=True)]
    return [*saved, page.save(folder / PAGE)]


def compare(typed: Namespace) -> int:
    """Compare tape, closed forms and transcriptions; by the complex step, or with the expected values of a file."""
    from .check.cases import compare_cases
    from .check.compare import compare_derivations
    from .check.families import check_letters
    from .derivations import DERIVATIONS

    names = [choose("derivation", name, DERIVATIONS) for name in typed.derivations]
    letters = check_letters(family_letters(typed.family))
    with _progress("comparing"):
        if typed.cases is None:
            report = compare_derivations(names, families=letters)
        else:
            report = compare_cases(typed.cases, families=letters)
    asked = tuple(case for case in report.cases if not names or case.derivation in names)
    others = [case.id for case in report.cases if case not in asked]
    if names and not asked:
        raise CommandError(f"{typed.cases}: holds no case of {', '.join(names)}")
    report = replace(report, cases=asked)
    if typed.json:
        print(json.dumps({**report.as_dict(), "not_asked_for": others}, indent=2, allow_nan=False))
    else:
        from .commands import comparison
        from .commands.tables import show

        show(*comparison.comparison(report, {name: source.title for name, source in DERIVATIONS.items()}))
        print("\n".join(comparison.verdict(report, others)))
    return 0 if report.ok else DISAGREE


def derivations(typed: Namespace) -> int:
    """Measure the published formulas, as printed and corrected: a table, JSON, Markdown, or certificate pages."""
    from .derivations import DERIVATIONS, catalogue, formula

    name = None if typed.derivation is None else choose("derivation", typed.derivation, DERIVATIONS)
    entries = catalogue(name)
    if typed.formula is not None:
        entries = (formula(typed.formula),)
        if name not in (None, entries[0].source):
            raise CommandError(f"formula {typed.formula} is one of {entries[0].source}, not of {name}")
    if typed.html is not None:
        return _certificate_page(entries, typed.html)
    from .certificates.certificate import as_dict, measured_formulas

    with _progress("evaluating every formula on random networks"):
        formulas = measured_formulas(entries)
    if typed.json:
        print(json.dumps(as_dict(formulas), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        from .commands import formulas as printing
        from .commands import tables

        if typed.markdown:
            print(printing.markdown(formulas))
        elif typed.formula is not None:
            tables.show(*printing.full(formulas[0]))
        else:
            tables.show(*printing.tables(formulas, all_readings=name is not None), printing.summary(formulas))
    return 0 if all(formula.verdict.holds for formula in formulas) else DISAGREE


def _certificate_page(entries: Any, file: str) -> int:
    from .certificates import page
    from .certificates.certificate import certificates
    from .certificates.mathml import mathml

    path = Path(file)
    if path.is_dir():
        raise CommandError(f"--html {shown(file)}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise CommandError(f"--html {shown(file)}: there is no folder {shown(str(path.parent))}; make it first")
    mathml("h_t")  # says at once if the library is missing
    with _progress("evaluating every formula on random networks"):
        stated = certificates(entries)
        text = page.page(stated)
    try:
        page.save(text, path)
    except OSError as error:
        raise CommandError(f"--html {shown(file)}: cannot be written: {error.strerror or error}") from None
    print(path)
    return 0 if all(certificate.ok for certificate in stated) else DISAGREE


def draw(typed: Namespace) -> int:
    """Draw one model with the gradient of all losses, of one alone, or of none."""
    from .commands.looks import as_options, looks, truncation
    from .commands.named_models import record
    from .cuts import flow as follow
    from .tape import TapeError

    viz, is_page = _viz(), typed.output.lower().endswith(".html")
    given = looks(typed)
    if is_page and given.keys() - {"fold"}:
        option = next(name for name in given if name != "fold").replace("_", "-")
        raise CommandError(f"--{option} is for pictures: a page to step through shows everything")
    with _progress("drawing"):
        model = record(typed.model, typed.steps, typed.seed)
        marked = [t for _, _, t in model.tape.losses]
        if isinstance(typed.loss, int) and typed.loss not in marked:
            there = f"t = {marked[0]}" + (f" to {marked[-1]}" if len(marked) > 1 else " only")
            raise CommandError(f"--loss {typed.loss}: {model.title} of {typed.steps} steps has losses at {there}")
        at = None if typed.loss == "none" else typed.loss
        try:
            flow = follow(model.loss, at, truncation=truncation(typed))
        except TapeError as error:
            raise CommandError(as_options(str(error))) from None
        title = model.title if typed.title is None else one_line(typed.title)
        flow = _captioned(flow, model.caption)
        try:
            made = (viz.step_through if is_page else viz.draw)(flow, title=title, **given)
        except viz.PictureError as error:
            raise CommandError(as_options(str(error))) from None
        path = made.save(typed.output)
    print(path)
    return 0


def tape(typed: Namespace) -> int:
    """Print a model's tape, its backward pass, or both passes as NumPy source."""
    from .commands.named_models import record
    from .source import source
    from .text import backward, listing

    model = record(typed.model, typed.steps, typed.seed)
    if typed.backward:
        printed = backward(model.loss)
    elif typed.source:
        printed = source(model.loss)
    else:
        printed = listing(model.tape)
    print(printed.rstrip("\n"))
    return 0


def ops(typed: Namespace) -> int:
    """List the functions that a tape can record, from the registry of rules; of those named, what holds at edges."""
    from . import rules  # noqa: F401  teaches them
    from .conventions import conventions
    from .functions import functions

    found = [f for f in functions() if typed.name is None or typed.name.lower() in f.name.lower()]
    if not found:
        remedy = f"`{PROGRAM} ops` lists all, tg.rule adds one"
        raise CommandError(f"no function whose name contains {shown(typed.name)} can be recorded; {remedy}")
    if typed.json:
        rows = [vars(f) | {"edges": [vars(stated) for stated in conventions(f.name)]} for f in found]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        from .commands import tables

        edges = list(dict.fromkeys(stated for f in found for stated in conventions(f.name)))
        tables.show(tables.functions(found), *([tables.edges(edges)] if typed.name and edges else []))
        if not typed.name:
            print(f"`{PROGRAM} ops NAME` adds what holds where a function has no derivative ({len(edges)} statements)")
    return 0


def _captioned(flow: Any, caption: str) -> Any:
    return replace(flow, notes=(*flow.notes, caption))


def _folder(name: str) -> Path:
    """A folder to write into, tried before the work begins: whatever is made for the trial is removed again."""
    folder = Path(name)
    made: list[Path] = []
    try:
        above = [folder, *folder.parents]
        nearest = next(place for place in above if place.exists())
        if not nearest.is_dir():
            raise CommandError(f"--out {shown(name)}: {shown(str(nearest))} is a file; name another folder")
        for place in reversed(above[: above.index(nearest)]):
            place.mkdir()
            made.append(place)
        with TemporaryFile(dir=folder):  # what `access` allows may still be refused: a full disk, a read-only mount
            pass
        for file in (*PICTURES, PAGE):
            if (folder / file).is_dir():
                raise CommandError(f"--out {shown(name)}: {file} in it is a folder; name another")
    except OSError as error:
        why = error.strerror or error
        raise CommandError(f"--out {shown(name)}: cannot be written: {why}; name another folder") from None
    finally:
        for place in reversed(made):
            with suppress(OSError):  # somebody else has put something there meanwhile
                place.rmdir()
    return folder


def _viz() -> ModuleType:
    """Our drawing package; another module of that name that Python would find first is told apart before it runs."""
    ours = Path(__file__).parents[1] / "viz" / "__init__.py"
    try:
        found = util.find_spec("viz")
    except ValueError:  # a module in sys.modules without a spec
        found = None
    place = found.origin if found else None
    if place is None or os.path.realpath(place) != os.path.realpath(ours):
        other = f"Python finds {place} in its place" if place else "Python does not find it"
        raise CommandError(f"cannot draw: the package viz of {PROGRAM} is hidden: {other}; rename that or reinstall")
    import viz

    return viz


def _refusals() -> tuple[type[Exception], ...]:
    """The errors that say what a person can change; anything else is a bug and shows its traceback."""
    from .certificates.mathml import MathError
    from .check.report import CaseError
    from .demo import TextError
    from .derivations import CatalogueError
    from .errors import TapeError
    from .spec import SpecError

    picture = getattr(sys.modules.get("viz"), "PictureError", None)
    ours = (CommandError, CaseError, CatalogueError, MathError, TextError, TapeError, SpecError)
    return (*ours, *([picture] if picture else []))


@contextmanager
def _progress(what: str) -> Iterator[None]:
    """A spinner on standard error while something takes long; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
