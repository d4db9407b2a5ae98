"""Options of `draw` that say how a picture looks: what it shows, one path, folds, its theme, its size, a truncation."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any


def add_looks(draw: ArgumentParser) -> None:
    """Teach a parser --show, --path, --backward, --fold, --every-step, --collapse, --theme, --size and --truncation."""
    draw.add_argument("--show", choices=("both", "value", "gradient"), help="one of the two passes alone")
    draw.add_argument(
        "--path",
        nargs=2,
        metavar=("T", "K"),
        help="only how loss T reaches step K, or all uses of a weight K; LOOP:T where several loops have a step T",
    )
    draw.add_argument("--backward", action="store_true", default=None, help="the recorded backward pass, line by line")
    draw.add_argument(
        "--fold", nargs="+", metavar="N", help="FIRST LAST: so many steps at the two ends, the others folded; or no"
    )
    draw.add_argument("--every-step", action="store_true", default=None, help="all steps one by one, however many")
    draw.add_argument("--collapse", nargs="+", metavar="PART", help="draw parts as one box: steps, or names of parts")
    draw.add_argument("--theme", choices=("light", "dark", "print"), help="colours (light)")
    draw.add_argument("--size", type=_size, metavar="SIZE", help="slide, paper, or WIDTHxHEIGHT in points")
    draw.add_argument(
        "--truncation", nargs="+", metavar=("MODE", "N"), help="detach_every_k K, max_lag TAU or williams_peng K1 K2"
    )


def truncation(typed: Namespace) -> tuple[str | int, ...] | None:
    """What was typed after --truncation, its numbers as numbers."""
    return None if typed.truncation is None else tuple(_number(word) for word in typed.truncation)


def looks(typed: Namespace) -> dict[str, Any]:
    """The arguments of `viz.draw` that were typed."""
    path = None if typed.path is None else tuple(map(place, typed.path))
    fold = None if typed.fold is None else typed.fold != ["no"] and tuple(_number(word) for word in typed.fold)
    given = {"show": typed.show, "path": path, "backward": typed.backward, "fold": fold}
    given |= {"every_step": typed.every_step, "collapse": typed.collapse, "theme": typed.theme, "size": typed.size}
    return {name: value for name, value in given.items() if value is not None}


def as_options(said: str) -> str:
    """What `viz.draw` says of its arguments, said of the options: "fold=(1, 1)" becomes "--fold 1 1"."""
    said = re.sub(rf"\b({'|'.join(_OPTIONS)})=({_VALUE})", _option, said)
    return re.sub(r"\bflow\(L, ([^()]*)\)", lambda call: call[1].replace(", ", " "), said)


def _option(found: re.Match[str]) -> str:
    name, value = _OPTION_OF.get(found[1], found[1]).replace("_", "-"), found[2]
    if value in ("True", "None"):
        return f"--{name}"
    inside = value[1:-1] if name == "path" else "no" if value == "False" else value
    inside = re.sub(r"\('([^']*)', (-?\d+)\)", r"\1:\2", inside) if name != "truncation" else inside  # LOOP:T
    words = re.sub(r"[\[\]()',]", "", inside)
    return f"--{name} {words.replace(' ', 'x') if name == 'size' else words}"


_OPTIONS = ("at", "show", "path", "backward", "fold", "every_step", "collapse", "theme", "size", "truncation")
_OPTION_OF = {"at": "loss"}
_VALUE = r"True|False|None|-?\d+|'[^']*'|\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\]"


def place(word: str) -> str | int | tuple[str, int]:
    """A step as it is typed: 3, or decoder:3 where several loops count the same numbers; else a name as it is."""
    loop, colon, number = word.rpartition(":")
    return (loop, int(number)) if loop and re.fullmatch(r"-?\d+", number) else _number(word)


def _number(word: str) -> str | int:
    try:
        return int(word)
    except ValueError:
        return word


def _size(word: str) -> str | tuple[float, float]:
    wide, cross, high = word.partition("x")
    if not cross:
        return word
    try:
        return float(wide), float(high)
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is not slide, paper or WIDTHxHEIGHT, as 960x540") from None
