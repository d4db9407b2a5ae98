"""Turn a formula in LaTeX into MathML, which browsers typeset themselves: no script, no font and no network.

The conversion is latex2mathml's; what browsers read otherwise than it writes is put right here.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from itertools import pairwise
from types import ModuleType
from xml.etree import ElementTree

MATHML = "http://www.w3.org/1998/Math/MathML"
REMEDY = "certificate pages need latex2mathml: pip install 'tinygrad-rnn[pages]'"
# How many parts an element has; browsers show an element with another number as an error.
_PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_OPENING = {")": "(", "]": "["}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}]")
_FUNCTIONS = ("log", "exp", "tanh", "sup")
# Where the letters of a variant begin in Unicode: browsers know no mathvariant but "normal".
_CAPITALS = {"bold": 0x1D400, "script": 0x1D49C, "double-struck": 0x1D538}
_SMALL = {"bold": 0x1D41A}
_DIGITS = {"bold": 0x1D7CE}
# Letters that Unicode had before it had the rest of their alphabet.
_ELSEWHERE = {
    ("script", "B"): "ℬ", ("script", "E"): "ℰ", ("script", "L"): "ℒ", ("script", "R"): "ℛ",
    ("double-struck", "N"): "ℕ", ("double-struck", "R"): "ℝ", ("double-struck", "Z"): "ℤ",
}


class MathError(ValueError):
    """A formula that cannot be set, or a missing library; one line."""


@cache
def mathml(latex: str, display: bool = True) -> str:
    r"""The `<math>` element of a formula; several where it may be broken: at \quad outside of all brackets.

    A piece that is nothing but \text{…} becomes a `<span class="text">`, which may be broken between its words.

    Args:
        latex: without dollar signs; lines of a display are separated by two backslashes.
        display: in a line of its own, or within text.

    Raises:
        MathError: latex2mathml is not installed, or does not know a command of the formula.
    """
    converter = _converter()
    lines = [line.strip() for line in latex.split("\\\\")] if "\\begin" not in latex else [latex]
    set_lines = [_pieces(converter, line, display) for line in lines]
    return set_lines[0] if len(set_lines) == 1 else "".join(f'<div class="line">{line}</div>' for line in set_lines)


def _pieces(converter: ModuleType, line: str, display: bool) -> str:
    """A line in pieces that a narrow page may set one below the other."""
    pieces, start, depth = [], 0, 0
    for token in _TOKEN.finditer(line):
        depth += {"{": 1, "\\left": 1, "}": -1, "\\right": -1}.get(token[0], 0)
        if token[0] == "\\quad" and depth == 0:
            pieces.append(line[start : token.start()])
            start = token.end()
    pieces = [piece for piece in [*pieces, line[start:]] if piece.strip()]
    roots = [_words(piece) or _one_piece_set(converter, piece, display) for piece in pieces]
    return roots[0] if len(roots) == 1 else " ".join(f'<span class="piece">{root}</span>' for root in roots)


def _words(piece: str) -> str:
    r"""A piece that is words alone, \text{…}; empty for any other."""
    words = _TEXT.fullmatch(piece.strip())
    return f'<span class="text">{escape(words[1].replace(chr(92) + " ", " "))}</span>' if words else ""


def _one_piece_set(converter: ModuleType, piece: str, display: bool) -> str:
    return ElementTree.tostring(_one_piece(converter, piece, display), encoding="unicode")


def _converter() -> ModuleType:
    try:
        from latex2mathml import converter
    except ImportError:
        raise MathError(REMEDY) from None
    return converter


def _one_piece(converter: ModuleType, latex: str, display: bool) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(converter.convert(latex, display="block" if display else "inline"))
    except Exception as error:  # the library raises a different class for every mistake, and malformed XML for some
        raise MathError(f"{latex!r} cannot be set: {type(error).__name__}") from None
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{MATHML}}}")
        if element.tag == "mtext":
            element.text = (element.text or "").replace("\\\u00a0", "\u00a0")  # "\ ", half converted
        if "\\" in (element.text or ""):
            raise MathError(f"{latex!r} cannot be set: {element.text} is not known")
        if len(element) != _PARTS.get(element.tag, len(element)):
            raise MathError(f"{latex!r} cannot be set: a fraction or an index lacks a part")
        _spell_out_variant(element)
        _set_limits_below(element)
        _set_prime_beside(element)
        if element.text == ":":  # a relation or a product, A : B, which the library takes for a letter
            element.tag, element.attrib = "mo", {"lspace": "0.22em", "rspace": "0.22em"}
        if element.text == "⊤":  # an exponent, not an operator between two things
            element.attrib |= {"lspace": "0", "rspace": "0"}
        if element.text in ("‖", "|") and "fence" not in element.attrib:  # no \left: it would grow with a sum beside it
            element.set("stretchy", "false")
    for element in list(root.iter()):
        _give_index_to_the_whole_bracket(element)
        _join_upright_letters(element)
        _part_names_from_letters(element)
    return root


def _spell_out_variant(element: ElementTree.Element) -> None:
    """A bold, script or double-struck letter becomes the Unicode letter that looks so."""
    variant, text = element.get("mathvariant", ""), element.text or ""
    if variant in ("", "normal"):
        return
    del element.attrib["mathvariant"]
    element.text = "".join(_letter(variant, letter) for letter in text)


def _set_limits_below(element: ElementTree.Element) -> None:
    r"""Inside \left( the library sets the limits of a sum beside it."""
    beside = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
    if element.tag in beside and len(element) and element[0].text in ("∑", "∏"):
        element.tag = beside[element.tag]


def _set_prime_beside(element: ElementTree.Element) -> None:
    """A prime is high and small already; as an exponent it would be so twice."""
    if element.tag not in ("msup", "msubsup") or element[-1].text != "′":
        return
    prime = element[-1]
    element.remove(prime)
    prime.tag, prime.attrib = "mo", {"lspace": "0", "rspace": "0"}
    base = list(element)
    if element.tag == "msubsup":
        below = ElementTree.Element("msub")
        below.extend(base)
        base = [below]
    for child in list(element):
        element.remove(child)
    element.tag = "mrow"
    element.extend([*base, prime])


def _give_index_to_the_whole_bracket(element: ElementTree.Element) -> None:
    r"""Of \Big(a\Big)^2 the library makes a, and a bracket with an exponent, which browsers do not enlarge: (a)^2."""
    for scripted in list(element):
        close = scripted[0] if scripted.tag in ("msub", "msup", "msubsup") and len(scripted) else None
        if close is None or "minsize" not in close.attrib or (close.text or "") not in _OPENING:
            continue
        before = list(element)[: list(element).index(scripted)]
        opening = [i for i, each in enumerate(before) if _opens(each, close)]
        if not opening:
            continue
        whole = ElementTree.Element("mrow")
        for inside in before[opening[-1] :]:
            element.remove(inside)
            whole.append(inside)
        scripted.remove(close)
        whole.append(close)
        scripted.insert(0, whole)


def _opens(element: ElementTree.Element, close: ElementTree.Element) -> bool:
    size = element.get("minsize") == close.get("minsize")
    return element.tag == "mo" and size and element.text == _OPENING[close.text or ""]


def _letter(variant: str, letter: str) -> str:
    if (variant, letter) in _ELSEWHERE:
        return _ELSEWHERE[variant, letter]
    for first, starts in (("A", _CAPITALS), ("a", _SMALL), ("0", _DIGITS)):
        count = 10 if first == "0" else 26
        if variant in starts and 0 <= ord(letter) - ord(first) < count:
            return chr(starts[variant] + ord(letter) - ord(first))
    return letter


def _join_upright_letters(element: ElementTree.Element) -> None:
    r"""\mathrm{diag} arrives as four letters with the gaps of a product; it is one name."""
    word: ElementTree.Element | None = None
    for child in list(element):
        upright = child.tag == "mi" and child.get("mathvariant") == "normal"
        if upright and word is not None:
            word.text = (word.text or "") + (child.text or "")
            element.remove(child)
        else:
            word = child if upright else None


def _part_names_from_letters(element: ElementTree.Element) -> None:
    """A thin space between log and what it is taken of, unless that stands in brackets."""
    if element.tag not in ("mrow", "mtd"):
        return
    for child, following in reversed(list(pairwise(element))):
        if child.tag == "mi" and child.text in _FUNCTIONS and following.text != "(":
            element.insert(list(element).index(following), ElementTree.Element("mspace", {"width": "0.17em"}))
