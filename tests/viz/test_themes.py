"""The themes: what is light stays apart from what is dark, for every eye, and no colour comes from anywhere else."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.painting.colours import colour, line_colour, text_colour
from viz.painting.themes import THEMES, Theme, between, contrast, luminance

POSITIONS = [k / 50 for k in range(51)]
# Simulations at full severity: Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color
# vision deficiency", IEEE Transactions on Visualization and Computer Graphics 15 (2009); on linear RGB.
EYES = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
everywhere = pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
each_eye = pytest.mark.parametrize("eye", EYES)


def linear(code: str) -> np.ndarray:
    levels = np.array([int(code[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def seen(code: str, eye: str) -> np.ndarray:
    """CIELAB (D65) of a colour as an eye sees it: distances are differences that are noticed, some 2 at the least."""
    matrix = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175],
                       [0.0193339, 0.119192, 0.9503041]])  # fmt: skip
    xyz = matrix @ np.clip(np.array(EYES[eye]) @ linear(code), 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str, eye: str) -> float:
    return float(np.linalg.norm(seen(one, eye) - seen(other, eye)))


@everywhere
def test_on_every_ramp_luminance_goes_one_way(theme: Theme) -> None:
    for ramp in (theme.cells, theme.lines):
        lights = [luminance(between(ramp, u)) for u in POSITIONS]
        steps = np.diff(lights)
        assert np.all(steps < 0) or np.all(steps > 0)
        assert contrast(ramp[-1], theme.page) > contrast(ramp[0], theme.page), "what is strong stands out most"


@everywhere
def test_lines_have_a_contrast_of_3_and_texts_of_4_5_with_what_they_stand_on(theme: Theme) -> None:
    lines = [between(theme.lines, u) for u in POSITIONS]
    lines += [theme.forward, theme.pale, theme.outline, theme.cut, theme.loss_edge, theme.weight_edge, theme.seed]
    for ground in (theme.panel, theme.page):
        assert min(contrast(line, ground) for line in lines) >= 3
    texts = {theme.ink: (theme.page, theme.panel, theme.node, theme.loss), theme.weight_text: (theme.weight,),
             theme.grey: (theme.page, theme.panel, theme.node), theme.text_grey: (theme.page, theme.panel),
             theme.seed_text: (theme.seed,)}  # fmt: skip
    for text, grounds in texts.items():
        assert min(contrast(text, ground) for ground in grounds) >= 4.5, text
    assert min(contrast(theme.weight_text, ground) for ground in (theme.page, theme.panel)) >= 4.5, "above the strips"
    for u in POSITIONS:
        assert contrast(theme.resolve(text_colour(u)), theme.resolve(colour(u))) >= 4.5


@each_eye
@everywhere
def test_every_eye_tells_what_colours_tell_apart(theme: Theme, eye: str) -> None:
    for ramp in (theme.cells, theme.lines):
        lights = [seen(between(ramp, u), eye)[0] for u in POSITIONS]
        assert np.all(np.diff(lights) < 0) or np.all(np.diff(lights) > 0), "order survives"
        assert min(apart(a, b, eye) for a, b in combinations(ramp, 2)) >= 8
    assert apart(theme.weight_edge, theme.loss_edge, eye) >= 10
    assert apart(theme.weight, theme.loss, eye) >= 7
    if theme.name != "print":  # there forward lines are thin and have open heads
        assert min(apart(between(theme.lines, u), theme.forward, eye) for u in POSITIONS) >= 10


def test_luminance_and_contrast_are_those_of_the_guidelines() -> None:
    assert luminance("#ffffff") == pytest.approx(1) and luminance("#000000") == 0
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert apart("#ff0000", "#00ff00", "usual") == pytest.approx(170.6, abs=0.5)


def test_print_has_no_hue() -> None:
    theme = THEMES["print"]
    for item in fields(theme):
        value = getattr(theme, item.name)
        for code in value if isinstance(value, tuple) else [value] if str(value).startswith("#") else []:
            assert code[1:3] == code[3:5] == code[5:7], item.name


@everywhere
@pytest.mark.parametrize("at", ["all", "last", None])
def test_every_colour_of_a_picture_is_one_of_its_theme(theme: Theme, at: str | None) -> None:
    _, L = tg.cells.record("lstm", 3)
    for flow in (tg.flow(L, at=at), tg.flow(plain(), at=None if at is None else "all")):
        dot = viz.draw(flow, theme=theme.name).dot
        own = {getattr(theme, f.name) for f in fields(theme) if isinstance(getattr(theme, f.name), str)}
        assert "=\"@" not in dot
        used = set(re.findall(r'(?:color|fillcolor|fontcolor|bgcolor)="?([^" \]]+)', dot)) - own
        grid = [k / 10000 for k in range(10001)]
        ramps = {theme.resolve(role(u)) for role in (colour, line_colour, text_colour) for u in grid}
        assert used <= ramps


def test_a_theme_changes_colours_and_ids_and_nothing_that_is_placed() -> None:
    flow = tg.flow(tg.cells.record("vanilla", 3)[1])
    pictures = [viz.draw(flow, theme=name) for name in THEMES]
    places = [re.findall(r'pos="?([^"\]]+)', picture.dot) for picture in pictures]
    assert places[0] == places[1] == places[2]
    ids = [set(re.findall(r'id="?([\w-]+)', picture.dot)) for picture in pictures]
    assert not ids[0] & ids[1] and not ids[1] & ids[2], "they may stand on one page"


@pytest.mark.parametrize("theme", ["sepia", None, 3, ["dark"]])
def test_a_theme_that_does_not_exist_is_refused_in_one_line(theme: object) -> None:
    with pytest.raises(viz.PictureError, match="theme=.*'light', 'dark', 'print'"):
        viz.draw(tg.flow(tg.cells.record("vanilla", 2)[1]), theme=theme)  # type: ignore[arg-type]


def plain() -> tg.Var:
    with tg.Tape() as tape:
        W, x = tape.var(np.array([[1.0, 2.0], [0.5, -1.0]]), "W"), tape.data(np.array([0.3, -0.2]), "x")
        return np.sum(np.tanh(W @ x) * x)
