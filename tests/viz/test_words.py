"""What a picture says: names with their time, numbers in operations, what the total is of the losses."""

from __future__ import annotations

from typing import Any

import pytest

from viz.reading import words


@pytest.mark.parametrize(
    ("name", "t", "text"),
    [
        ("h", 3, "h₃"), ("h", -1, "h₋₁"), ("h1", 12, "h¹₁₂"), ("h_2", 0, "h²₀"), ("h", "end", "h[end]"),
        ("W", None, "W"), ("W_hh", None, "W_hh"), ("W1", None, "W1"), ("W_2", None, "W_2"), ("<b>", 1, "<b>₁"),
    ],
)  # fmt: skip
def test_a_name_keeps_its_own_number_apart_from_its_time(name: str, t: Any, text: str) -> None:
    assert words.symbol(name, t) == text


@pytest.mark.parametrize(
    ("function", "scalar", "first", "text"),
    [
        ("subtract", 1.0, True, "1 −"), ("subtract", 1, False, "− 1"), ("multiply", 0.5, True, "0.5 ×"),
        ("multiply", 0.5, False, "0.5 ×"), ("divide", 4, False, "÷ 4"), ("divide", 1.0, True, "1 ÷"),
        ("add", -2, False, "+ −2"), ("maximum", 0.0, False, "max(0, ·)"),
        ("power", 2, False, "( )²"), ("power", 0.5, False, "( )^0.5"), ("power", 2, True, "2^( )"),
    ],
)  # fmt: skip
def test_a_number_stands_on_its_side_of_the_operation(function: str, scalar: float, first: bool, text: str) -> None:
    assert words.with_scalar(function, scalar, first) == text


def test_an_index_is_written_as_it_was() -> None:
    assert words.index((slice(None), slice(0, 5))) == "[:, 0:5]"
    assert words.index(((1, slice(None, None, 2)),)) == "[1, ::2]"
    assert words.index((..., None, -1)) == "[…, None, -1]"


@pytest.mark.parametrize(
    ("value", "losses", "text"),
    [
        (2.0, [(1, 1.0), (2, 3.0)], "mean ℓ"),
        (4.0, [(1, 1.0), (2, 3.0)], "Σ ℓ"),
        (3.0, [(1, 1.0), (2, 3.0)], "ℓ₂"),
        (1.0, [(2, 1.0), (4, 3.0)], "ℓ₂"),
        (0.5, [(2, 0.75), (4, 3.25)], "Σ ℓ / 8"),
        (0.75, [(4, 3.0)], "ℓ₄ / 4"),
        (3.0, [(4, 3.0)], "ℓ₄"),
        (3.1, [(1, 1.0), (2, 3.0)], "L(ℓ)"),
        (0.0, [(1, 1.0), (2, 3.0)], "L(ℓ)"),
        (1.0, [], ""),
    ],
)
def test_the_total_is_told_by_its_numbers(value: float, losses: list[tuple[int, float]], text: str) -> None:
    assert words.total(value, losses) == text
