"""How wide a text will be, whatever font it meets, and how a number is written on a picture."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache

# Advance widths in hundredths of the font size. Pictures ask for Helvetica; which font answers differs between
# machines, so boxes are sized for the widest of the usual answers (DejaVu Sans).
_WIDTHS: dict[int, str] = {
    18: "ⁱₗ",
    24: "′",
    26: "⁽⁾₍₎",
    28: "'ijl",
    30: "IₜΙ",
    32: " ,.·",
    34: "/:;\\|ι",
    36: "f",
    38: "-″‑ₛ",
    40: "()[]tⁿₐₙ",
    42: "!r¹²³ℓ⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉ₑₒₔₕ",
    44: "ₖₚ",
    46: '"ₓ',
    50: "*J`°‖",
    52: "∂",
    54: "sz⁺⁻⁼₊₋₌",
    56: "?L_c–Γεζνξ",
    58: "kυχ",
    60: "vxyγκλς",
    62: "FTaeo«»Τδθοτ",
    64: "$0123456789bdghnpqu{}Σ√µₘβημρσ",
    66: "Ξαφ",
    68: "EKPSY∇ΕΚΡΥ",
    70: "ABVXZΑΒΔΖΛΧπ",
    72: "∑ψ",
    74: "CRU",
    76: "HNΗΝΠ",
    78: "&DG",
    80: "OQΘΟΦ",
    82: "w",
    84: "#+<=>^~±×÷−∞≈≠≤≥⊙⊗⊕Ψω",
    88: "MΜ",
    96: "%",
    98: "m½",
    100: "W…→←↔⋯—",
    102: "@",
}
_WIDTH = {character: hundredths / 100 for hundredths, characters in _WIDTHS.items() for character in characters}
_BOLD = 1.13
_LONGEST = 200  # characters of a name that are ever measured


@lru_cache(maxsize=20_000)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of one line of text in points, for a font of `size` points; rather too wide than too narrow."""
    width = sum(_WIDTH.get(character) or _other_width(character) for character in text)
    return width * size * (_BOLD if bold else 1.0)


def _other_width(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(character) in "WF" else 0.8


def shorten(text: str, most: int) -> str:
    """The text on one line, cut to `most` characters: the last one is an ellipsis then."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def fitting(text: str, width: float, size: float) -> str:
    """The text cut to what a width has room for, two characters at least; a long one is cut before it is measured."""
    text = shorten(text, _LONGEST)
    most = len(text)
    while most > 2 and text_width(shorten(text, most), size) > width:
        most -= 1
    return shorten(text, most)


def cell_number(value: float) -> str:
    """A norm in a cell of the strips, in at most four characters where that is possible: 0, 0.40, 7e-3, 1e12."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return _not_finite(value)
    if 0.0095 <= value < 9.995:
        return f"{value:.2f}"
    if 9.995 <= value < 99.95:
        return f"{value:.1f}"
    if 99.95 <= value < 999.5:
        return f"{value:.0f}"
    return _power(value, 0)


def loss_number(value: float, decimals: int = 2) -> str:
    """The value of a loss: fixed decimals in the usual range, a power of ten outside it."""
    if not math.isfinite(value):
        return _not_finite(value)
    if value == 0 or 10.0**-decimals <= abs(value) < 10_000:
        return f"{value:.{decimals}f}".replace("-", "−")
    return _power(value, 1)


def scale_number(value: float) -> str:
    """A number under the colour bar, with two significant digits."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else _not_finite(value)
    return f"{value:.2g}" if 1e-3 <= value < 100 else _power(value, 0)


def _power(value: float, decimals: int) -> str:
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−", 1) if value < 0 else f"{mantissa}e{int(exponent)}"


def _not_finite(value: float) -> str:
    return "nan" if math.isnan(value) else "∞" if value > 0 else "−∞"
