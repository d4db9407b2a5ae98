"""The five sources' models as a reader meets them at the head of a certificate: equations, shapes, conventions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A source's model.

    Attributes:
        latex: its equations, one on each line.
        shapes: which shapes its letters have, each in LaTeX.
        words: convention, what the source leaves open, and what is taken for it.
    """

    latex: str
    shapes: tuple[str, ...]
    words: str


MODELS: Mapping[str, Model] = {
    "onecademy": Model(
        r"h^{(t)}=g_1(Wh^{(t-1)}+Ux^{(t)}+b_h) \\ \hat y^{(t)}=g_2(Vh^{(t)}+b_y) \\ "
        r"J^{(t)}=\mathcal{L}(\hat y^{(t)},y^{(t)}),\quad J=\frac{1}{T}\sum_{t=1}^{T}J^{(t)}",
        (r"x\in\mathbb{R}^{d}", r"h,b_h\in\mathbb{R}^{m}", r"\hat y,b_y\in\mathbb{R}^{q}",
         r"U\in\mathbb{R}^{m\times d}", r"W\in\mathbb{R}^{m\times m}", r"V\in\mathbb{R}^{q\times m}"),
        "Column vectors, one sequence, biases, an output and a loss at every step. g₁, g₂ and the loss are left open; "
        "h at time 0 may be anything, 0 by default.",
    ),
    "stackexchange": Model(
        r"A^{(t)}=X^{(t)}U+H^{(t-1)}W+\mathbf{1}b,\quad H^{(t)}=\tanh A^{(t)},\quad O^{(t)}=H^{(t)}V+\mathbf{1}c \\ "
        r"\hat Y_{ij}^{(t)}=\frac{e^{O_{ij}^{(t)}}}{\sum_ke^{O_{ik}^{(t)}}},\quad "
        r"L=-\frac{1}{T}\sum_{t}\sum_{i=1}^{n}\sum_{j=1}^{v}Y_{ij}^{(t)}\log\hat Y_{ij}^{(t)}",
        (r"X\in\mathbb{R}^{n\times d}", r"H\in\mathbb{R}^{n\times h}", r"U\in\mathbb{R}^{d\times h}",
         r"W\in\mathbb{R}^{h\times h}", r"V\in\mathbb{R}^{h\times v}"),
        "Row vectors, a batch of n rows, biases added to each row, an output and a loss at every step. What becomes "
        "of the batch is left open: it is summed here.",
    ),
    "many_to_one": Model(
        r"o_t=f(x_{it}w_i+o_{t-1}w_h) \\ \hat y=\sigma(o_nw_o) \\ "
        r"L=-y_i\log\hat y_i-(1-y_i)\log(1-\hat y_i)",
        (r"x_{it}\in\mathbb{R}^{1\times d}", r"o_t\in\mathbb{R}^{1\times m}", r"w_i\in\mathbb{R}^{d\times m}",
         r"w_h\in\mathbb{R}^{m\times m}", r"w_o\in\mathbb{R}^{m\times 1}"),
        "Row vectors, one sample i, no biases, hidden states called o. Only the last of n steps is read out. The i of "
        "w_i means input, every other i the sample. f is left open; the notes start from zeros.",
    ),
    "hao_ni": Model(
        r"s_t=h(Ux_t+Ws_{t-1}) \\ o_t=g(Vs_t) \\ E_t=\lVert o_t-y_t\rVert_2^2,\quad L=\sum_{t=1}^{T}E_t",
        (r"x\in\mathbb{R}^{d}", r"s\in\mathbb{R}^{n_1}", r"o,y\in\mathbb{R}^{e}", r"U\in\mathbb{R}^{n_1\times d}",
         r"W\in\mathbb{R}^{n_1\times n_1}", r"V\in\mathbb{R}^{e\times n_1}"),
        "Column vectors, one sequence, no biases, a plain sum over time. d is a total, ∂ an immediate derivative. h "
        "and g act on each entry and are left open, and so is the state at time 0.",
    ),
    "d2l": Model(
        r"\text{general:}\quad h_t=f(x_t,h_{t-1},w_h),\quad o_t=g(h_t,w_o),\quad L=\frac{1}{T}\sum_{t=1}^{T}l(y_t,o_t)"
        r" \\ \text{linear:}\quad\mathbf{h}_t=\mathbf{W}_{hx}\mathbf{x}_t+\mathbf{W}_{hh}\mathbf{h}_{t-1},\quad "
        r"\mathbf{o}_t=\mathbf{W}_{qh}\mathbf{h}_t,\quad L=\frac{1}{T}\sum_{t=1}^{T}l(\mathbf{o}_t,y_t)",
        (r"\mathbf{W}_{hx}\in\mathbb{R}^{h\times d}", r"\mathbf{W}_{hh}\in\mathbb{R}^{h\times h}",
         r"\mathbf{W}_{qh}\in\mathbb{R}^{q\times h}"),
        "Two models in column vectors. Of the general one w_h stands for all weights of the state, here W_hx, W_hh and "
        "b inside an activation f; the linear one has neither bias nor activation. l is left open, and its two "
        "arguments change places; the book starts from a state of zeros.",
    ),
}
