"""Read the command line: every option of every command, with its help and examples."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from importlib import metadata
from typing import NoReturn

from .looks import add_looks, place

PROGRAM = "tinygrad-rnn"
# Those of `bptt` that give gradients, in its order; written here as well, since `--help` should not load it.
FAMILIES = {
    "D": "backward recursion",
    "E": "explicit sum over Jacobian products",
    "F": "forward recursion (RTRL)",
    "Z": "reverse accumulation of z = ∏J",
    "P": "matrix powers",
}
LETTERS = "".join(FAMILIES)
MOST_STEPS = 10_000  # a longer recording is no drawing and no text that anyone would read
_SHOWN = 60  # characters of what was typed that a message repeats


class CommandError(ValueError):
    """What was typed cannot be done; one line that says what, where and the remedy."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, raised as CommandError."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong.

        Raises:
            CommandError: always.
        """
        if message.endswith("expected one argument"):
            message += " (write --option=VALUE for a value that begins with -)"
        raise CommandError(f"{message}; see `{self.prog} --help`")


def choose(what: str, word: str, words: Iterable[str]) -> str:
    """The word itself, if it is one of the words; hyphens may stand for underscores.

    Raises:
        CommandError: it is none; the message names the nearest and all.
    """
    known = list(words)
    spelled = word.replace("-", "_")
    if spelled in known:
        return spelled
    near = difflib.get_close_matches(spelled.lower(), known, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]}? " if near else ""
    raise CommandError(f"no {what} is called {shown(word)}; {guess}there are {', '.join(known)}")


def family_letters(typed: str | None) -> str:
    """The letters of families that were typed, in capitals, `all` for every one; commas and spaces may stand between.

    Raises:
        CommandError: there is none.
    """
    letters = "" if typed is None else typed.upper().replace(",", "").replace(" ", "")
    if typed is not None and not letters:
        raise CommandError(f"--family {shown(typed)}: holds no letter; write some of {LETTERS}, or all")
    return LETTERS if letters == "ALL" else letters


def shown(word: str) -> str:
    """What was typed, in quotes, on one line, and not too long."""
    return repr(word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…")


def one_line(text: str) -> str:
    """Names and paths are what people typed: here every line break or terminal code in them is written out."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def parser() -> Parser:
    """The whole command line; the namespace that it gives has `command` and the command's options."""
    top = Parser(
        prog=PROGRAM,
        description="A minimal autodiff engine for recurrent networks that draws how the gradient flows through time.",
        epilog=_examples("demo", "compare", "draw --model lstm --steps 4 --loss last -o lstm.svg", "tape vanilla"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {_version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)

    demo = _command(
        commands,
        "demo",
        "record a character RNN on a line of text, confirm its gradients, draw how they flow",
        "Every character predicts the next one. Prints the start of the tape, the gradients with two independent\n"
        "witnesses, how far back the last loss reaches, and writes two pictures and a page.",
        ("demo", "demo --text 'to be or not to be' --out pictures", "demo --file poem.txt"),
    )
    text = demo.add_mutually_exclusive_group()
    text.add_argument("--text", help="the text (default: a line of the Zen of Python); its beginning is used")
    text.add_argument("--file", metavar="FILE", help="a UTF-8 text file to read it from")
    demo.add_argument("--out", metavar="DIR", default="tinygrad-rnn-demo", help="folder for the pictures (%(default)s)")
    _seed(demo)

    compare = _command(
        commands,
        "compare",
        "confirm tape, closed forms and published derivations, one against the other",
        "Without --cases: the published derivations on random instances, against the complex step. With --cases: the\n"
        "expected values of every case of groups published and truncated. A file that has only cases of the group\n"
        "gated is read, nothing is compared, and it says so.\n"
        "Exit status: 0 all agree, 1 some do not, 2 unreadable input.\n"
        f"Families: {_families()}.\nA model without one of them says why.",
        ("compare", f"compare d2l --family {LETTERS}", "compare --cases cases.json --json"),
    )
    compare.add_argument("derivations", metavar="DERIVATION", nargs="*", help="short names (default: all)")
    compare.add_argument("--cases", metavar="FILE", help="a JSON file of cases with expected values")
    compare.add_argument("--family", metavar="LETTERS", help=f"closed forms to add, timed: some of {LETTERS}, or all")
    compare.add_argument("--json", action="store_true", help="print JSON, and nothing else, on standard output")

    derivations = _command(
        commands,
        "derivations",
        "list every formula of the published derivations: as printed, corrected, measured",
        "Each formula is evaluated as it is printed and as it should be, and held against a complex step. Without a\n"
        "name, all five derivations. Exit status: 0 every verdict is borne out by the numbers, 1 one is not.",
        (
            "derivations",
            "derivations hao_ni",
            "derivations --formula 003.alg.3-6",
            "derivations --json > formulas.json",
            "derivations many-to-one --html certificate.html",
        ),
    )
    derivations.add_argument("derivation", metavar="DERIVATION", nargs="?", help="short name (default: all)")
    derivations.add_argument("--formula", metavar="ID", help="one formula in full, as 000.W.1")
    form = derivations.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, and nothing else, on standard output")
    form.add_argument("--markdown", action="store_true", help="print tables in Markdown, with the formulas")
    form.add_argument("--html", metavar="FILE", help="write certificate pages into one file that needs no network")

    draw = _command(
        commands,
        "draw",
        "draw a recurrent network unrolled over time, with the gradient that flows back",
        "The gradient of all losses together, or of one alone, on random weights and inputs.",
        (
            "draw --model vanilla --steps 4 -o vanilla.svg",
            "draw --model lstm --steps 5 --loss last -o lstm.png",
            "draw --model gru --steps 4 -o gru.html",
            "draw --model lstm --steps 4 --path 4 1 --theme dark -o path.svg",
            "draw --model vanilla --steps 100 --fold 2 3 -o folded.svg",
            "draw --model stacked --steps 4 --collapse steps -o boxes.svg",
            "draw --model many-to-one --steps 6 --seed 3 --title 'one loss' -o sentiment.pdf",
        ),
    )
    draw.add_argument("--model", required=True, metavar="NAME", help="a cell or a published derivation (see `tape`)")
    _steps(draw)
    which = "the loss to follow, LOOP:t of several loops, or none (%(default)s)"
    draw.add_argument("--loss", type=_loss, default="all", metavar="all|last|t", help=which)
    endings = "ends in .svg, .png, .pdf or .dot; in .html for a page to step through"
    draw.add_argument("-o", "--output", required=True, metavar="FILE", help=endings)
    _seed(draw)
    draw.add_argument("--title", help="the heading of the picture (default: the model's name)")
    add_looks(draw)

    tape = _command(
        commands,
        "tape",
        "print a model's tape, its backward pass, or that pass as NumPy source",
        "Models are cells (vanilla, lstm, gru, …) and published derivations (d2l, many-to-one, …);\n"
        "a name that is none of them is answered by the whole list.",
        ("tape vanilla --steps 2", "tape gru --steps 2 --backward", "tape vanilla --source > gradients.py"),
    )
    tape.add_argument("model", metavar="MODEL", help="a cell or a published derivation")
    _steps(tape)
    _seed(tape)
    reading = tape.add_mutually_exclusive_group()
    reading.add_argument("--backward", action="store_true", help="the backward pass as a derivation")
    reading.add_argument("--source", action="store_true", help="both passes as NumPy source that runs alone")

    ops = _command(
        commands,
        "ops",
        "list the functions that a tape can record",
        "Read from the registry of rules: what is differentiable, under which names, with which arguments; what is\n"
        "constant; what leaves the tape. Anything else is refused, with the line that would add it.\n"
        "With a NAME, also what holds where the function has no derivative: at kinks, ties, masks and infinities.",
        ("ops", "ops --json", "ops sqrt"),
    )
    ops.add_argument("name", metavar="NAME", nargs="?", help="only functions whose name contains this")
    ops.add_argument("--json", action="store_true", help="print JSON, and nothing else, on standard output")
    return top


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, summary: str, description: str, examples: tuple[str, ...]
) -> Parser:
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=_examples(*examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _families() -> str:
    """Letters and names, three in a line."""
    named = [f"{letter} {name}" for letter, name in FAMILIES.items()]
    return ",\n".join(", ".join(named[first : first + 3]) for first in range(0, len(named), 3))


def _examples(*commands: str) -> str:
    return "examples:\n" + "\n".join(f"  {PROGRAM} {command}" for command in commands)


def _steps(command: Parser) -> None:
    command.add_argument("--steps", type=_count, default=4, metavar="T", help="number of time steps (%(default)s)")


def _seed(command: Parser) -> None:
    command.add_argument("--seed", type=_natural, default=0, metavar="N", help="of the random numbers (%(default)s)")


def _count(text: str) -> int:
    number = _whole(text)
    if not 1 <= number <= MOST_STEPS:
        raise argparse.ArgumentTypeError(f"{shown(text)} is out of range; use 1 to {MOST_STEPS}")
    return number


def _natural(text: str) -> int:
    number = _whole(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{shown(text)} is negative; use 0 or more")
    return number


def _loss(text: str) -> str | int | tuple[str, int]:
    found = place(text)
    if isinstance(found, str) and found not in ("all", "last", "none"):
        raise argparse.ArgumentTypeError(f"{shown(text)} is none of all, last, none, the number of a step and LOOP:T")
    return found


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number") from None


def _version() -> str:
    try:
        return metadata.version(PROGRAM)
    except metadata.PackageNotFoundError:
        return "(not installed)"
