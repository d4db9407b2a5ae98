"""The colours of a picture: one frozen Theme says what colour every role has, on a light or dark screen or in print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

_COLOURED = ("color", "fillcolor", "fontcolor", "bgcolor")  # the attributes of DOT that hold a colour


@dataclass(frozen=True)
class Theme:
    """Every colour that a picture has.

    `cells` and `lines` go from the faintest gradient to the strongest; their contrast with the page grows all the way,
    so the order survives greyscale and colour blindness. `lines` has a contrast of 3 to 1 with a panel everywhere.
    """

    name: str
    page: str
    node: str
    panel: str
    panel_edge: str
    ink: str
    grey: str  # texts of second and third rank
    text_grey: str
    outline: str
    forward: str
    pale: str
    weight: str
    weight_edge: str
    weight_text: str
    adjoint: str  # what a recorded backward pass made
    scope: str  # a named part of a step
    scope_edge: str
    loss: str
    loss_edge: str
    seed: str
    seed_text: str
    cut: str
    cell_edge: str
    cells: tuple[str, ...]
    lines: tuple[str, ...]
    styles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by the first word of an element's class

    def resolve(self, role: str) -> str:
        """The colour of a role, or of a place on a ramp; what is no role is a colour already."""
        known = self._resolved.get(role)
        if known is None:
            known = self._resolved[role] = self._resolve(role)
        return known

    @cached_property
    def _resolved(self) -> dict[str, str]:
        return {}

    def _resolve(self, role: str) -> str:
        if not role.startswith("@"):
            return role
        name, _, position = role[1:].partition(":")
        if not position:
            return str(getattr(self, name))
        if name == "text_on":
            return _readable_on(between(self.cells, float(position)))
        return between(self.cells if name == "cells" else self.lines, float(position))

    def faded(self) -> Theme:
        """The colours of what stands back: its lines as pale as may be, its texts still to be read."""
        return replace(
            self, ink=self.grey, outline=self.pale, node=self.panel, weight=self.panel, weight_edge=self.pale,
            weight_text=self.grey, loss=self.panel, loss_edge=self.pale,
        )  # fmt: skip

    def attributes(self, given: Mapping[str, str]) -> dict[str, str]:
        """The attributes of an element with its colours in place, and with what this theme adds for its class."""
        style = self.styles.get(given.get("class", "").split(" ", 1)[0], {})
        whole = {**style, **given}
        for key in _COLOURED:
            if key in whole:
                whole[key] = self.resolve(whole[key])
        return whole


def between(stops: tuple[str, ...], position: float) -> str:
    """The colour at a position between 0 and 1 on a ramp; positions outside are clamped."""
    along = min(max(position, 0.0), 1.0) * (len(stops) - 1)
    first = min(int(along), len(stops) - 2)
    share = along - first
    low, high = _channels(stops[first]), _channels(stops[first + 1])
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", as the Web Content Accessibility Guidelines define it."""
    red, green, blue = (
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
        for level in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How well two colours stand out from each other, 1 to 21; lines want 3, small texts 4.5."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _readable_on(colour: str) -> str:
    return max("#ffffff", "#000000", key=lambda text: contrast(text, colour))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


LIGHT = Theme(
    name="light", page="#ffffff", node="#ffffff", panel="#f3f6f8", panel_edge="#e6ebef",
    ink="#24303b", grey="#64707b", text_grey="#5b6772", outline="#5b6773", forward="#808c97", pale="#7f8b96",
    weight="#dcebf7", weight_edge="#2b6ca3", weight_text="#123f63",
    adjoint="#f3e8f4", scope="#e6ecf1", scope_edge="#c3ced7", loss="#fff4d6", loss_edge="#b07d12",
    seed="#3f1163", seed_text="#ffffff", cut="#b3261e", cell_edge="#dfe5ea",
    cells=("#f2c14e", "#e8853d", "#c94f5b", "#8a2f77", "#3f1163"),
    lines=("#b98216", "#c15c27", "#b23f55", "#852c74", "#3f1163"),
)  # fmt: skip

# On a dark page what is strong is bright, so that it still stands out most.
DARK = Theme(
    name="dark", page="#12171d", node="#161c23", panel="#1a2129", panel_edge="#2b3641",
    ink="#eef2f5", grey="#96a3af", text_grey="#aab5bf", outline="#9aa6b1", forward="#6c7782", pale="#8593a0",
    weight="#17324a", weight_edge="#59a8e8", weight_text="#cfe6fa",
    adjoint="#2c1e38", scope="#222c36", scope_edge="#44525f", loss="#3a2f12", loss_edge="#e0aa3c",
    seed="#fdf3b4", seed_text="#12171d", cut="#ff6b5e", cell_edge="#3a4753",
    cells=("#4f3a94", "#99409a", "#de6068", "#f8a94a", "#fdf3b4"),
    lines=("#9474e0", "#d077cc", "#f58f86", "#f9c05a", "#fdf3b4"),
)  # fmt: skip

# Black ink on white paper: values run along thin lines with open heads, gradients along wide ones with filled heads.
PRINT = Theme(
    name="print", page="#ffffff", node="#ffffff", panel="#ffffff", panel_edge="#b4b4b4",
    ink="#000000", grey="#5a5a5a", text_grey="#4a4a4a", outline="#3c3c3c", forward="#8a8a8a", pale="#8a8a8a",
    weight="#e8e8e8", weight_edge="#3c3c3c", weight_text="#000000",
    adjoint="#f0f0f0", scope="#ffffff", scope_edge="#8c8c8c", loss="#ffffff", loss_edge="#000000",
    seed="#000000", seed_text="#ffffff", cut="#000000", cell_edge="#b4b4b4",
    cells=("#ececec", "#bebebe", "#8c8c8c", "#5a5a5a", "#1e1e1e"),
    lines=("#848484", "#686868", "#4a4a4a", "#2a2a2a", "#000000"),
    styles={"fwd": {"penwidth": "0.7", "arrowhead": "vee", "arrowsize": "0.5"}},
)  # fmt: skip

THEMES = {theme.name: theme for theme in (LIGHT, DARK, PRINT)}
