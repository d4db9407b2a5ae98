"""Every formula of the slides after Dive into Deep Learning, 004.9.7.1 to 004.9.7.16: printed, verdict, corrected."""

from __future__ import annotations

from typing import Any

import numpy as np

from .d2l_formulas import (
    General,
    Linear,
    backwards,
    backwards_immediate,
    dh_dw_h,
    dL_do,
    dL_dw_h,
    draw_general,
    draw_linear,
    explicit,
    linear_states,
    linear_witness,
    of_W_hh,
    own_loss_only,
    powers,
    powers_by_lag,
    recursion,
    sequences,
    through_h,
    weights_counted_twice,
    weights_of,
    with_activation,
)
from .entry import ONE_STEP, TWO_STEPS, Entry, Evaluate, Reading

SOURCE = "d2l"
# A dead relu lets nothing pass; model (b) has no activation, so it does not come in there.
_BLIND_TO_SUMS = (*ONE_STEP, "dead relu")
_BLIND_TO_ORDER = (*TWO_STEPS, "m = 1", "identity activation", "dead relu")
_PARTIAL_F_W = r"\frac{\partial f(x_{t},h_{t-1},w_h)}{\partial w_h}"
_PARTIAL_F_H = r"\frac{\partial f(x_{t},h_{t-1},w_h)}{\partial h_{t-1}}"


def _one_step(s: General, first: Any) -> Any:
    """first_t + ∂f/∂h_{t−1} ∂h_{t−1}/∂w_h for every t, the last factor by the complex step, 0 for h_0."""
    _, c = sequences(s)
    earlier = np.concatenate([0.0 * first[:1], dh_dw_h(s)[:-1]])
    return first + c @ earlier


def _total_of(s: General) -> Any:
    """dh_t/dw_h for every t by (9.7.4)."""
    b, c = sequences(s)
    return recursion(b, c, 0.0 * b[0])


def _linear(id_: str, printed_latex: str, meaning: str, family: str, printed: Evaluate, witness: Evaluate) -> Entry:
    """An entry of model (b) that is right as printed and can be read in one way only."""
    return Entry(
        id=id_,
        source=SOURCE,
        latex_printed=printed_latex,
        meaning=meaning,
        kind="right",
        family=family,
        printed=printed,
        reference=witness,
        draw=draw_linear,
    )


def _by_weights(s: Linear) -> tuple[Any, Any]:
    return linear_witness(s, "W_hx"), linear_witness(s, "W_hh")


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="004.9.7.1",
        source=SOURCE,
        latex_printed=r"h_t=f(x_t,h_{t-1},w_h),\quad o_t=g(h_t,w_o)",
        meaning="the general model (a); w_h stands for all weights of f",
        kind="model",
        remark="Right: a definition, in which f and g are left open, so there is nothing to evaluate.",
        family="M",
    ),
    Entry(
        id="004.9.7.2",
        source=SOURCE,
        latex_printed=r"L(x_1,\ldots,x_T,y_1,\ldots,y_T,w_h,w_o)=\frac{1}{T}\sum_{t=1}^{T}l(y_t,o_t)",
        meaning="the loss; the arguments of l stand the other way round in model (b)",
        kind="model",
        remark="Right: a definition. What follows from it is measured in 004.9.7.3.",
        family="M",
    ),
    Entry(
        id="004.9.7.3",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial L}{\partial w_h}=\frac{1}{T}\sum_{t=1}^{T}\frac{\partial l(y_t,o_t)}{\partial w_h}"
            r"=\frac{1}{T}\sum_{t=1}^{T}\frac{\partial l(y_t,o_t)}{\partial o_t}"
            r"\frac{\partial g(h_t,w_o)}{\partial h_t}\frac{\partial h_t}{\partial w_h}"
        ),
        meaning="left side and last factor total",
        kind="right",
        corrected_latex=(
            r"\frac{dL}{dw_h}=\frac{1}{T}\sum_{t=1}^{T}\frac{\partial l(y_t,o_t)}{\partial o_t}"
            r"\frac{\partial g(h_t,w_o)}{\partial h_t}\frac{dh_t}{dw_h}"
        ),
        remark="Right with the last factor total, which (9.7.4) says it is.",
        family="F",
        printed=lambda s: through_h(s, _total_of(s)),
        corrected=lambda s: through_h(s, explicit(*sequences(s))),
        reference=dL_dw_h,
        draw=draw_general,
        readings=(
            Reading("last factor total", lambda s: through_h(s, _total_of(s)), right=True),
            Reading("last factor immediate", lambda s: through_h(s, sequences(s)[0]), blind=_BLIND_TO_SUMS),
            Reading(
                "last factor immediate, entries of W_hh only",
                lambda s: of_W_hh(s, through_h(s, sequences(s)[0])),
                blind=(*_BLIND_TO_SUMS, "T = 2, h0 = 0"),
                reference=lambda s: of_W_hh(s, dL_dw_h(s)),
            ),
        ),
    ),
    Entry(
        id="004.9.7.4",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial h_t}{\partial w_h}="
            + _PARTIAL_F_W
            + "+"
            + _PARTIAL_F_H
            + r"\frac{\partial h_{t-1}}{\partial w_h}"
        ),
        meaning="the partials of h are total, those of f immediate",
        kind="right",
        corrected_latex=(
            r"\frac{dh_t}{dw_h}=" + _PARTIAL_F_W + "+" + _PARTIAL_F_H + r"\frac{dh_{t-1}}{dw_h},"
            r"\quad\frac{dh_0}{dw_h}=0"
        ),
        remark="The initial value is not printed.",
        family="F",
        printed=lambda s: _one_step(s, sequences(s)[0]),
        corrected=_total_of,
        reference=dh_dw_h,
        draw=draw_general,
        readings=(
            Reading("partial of f by w_h immediate", lambda s: _one_step(s, sequences(s)[0]), right=True),
            Reading("partial of f by w_h total", lambda s: _one_step(s, dh_dw_h(s)), blind=_BLIND_TO_SUMS),
        ),
    ),
    Entry(
        id="004.9.7.5",
        source=SOURCE,
        latex_printed=(
            r"a_t=\frac{\partial h_t}{\partial w_h},\quad b_t="
            + _PARTIAL_F_W
            + r",\quad c_t="
            + _PARTIAL_F_H
            + r",\quad a_t=b_t+\sum_{i=1}^{t-1}\Big(\prod_{j=i+1}^{t}c_j\Big)b_i"
        ),
        meaning="a total, b and c immediate; product descending",
        kind="right",
        corrected_latex=(
            r"a_t=\sum_{i=1}^{t}c_tc_{t-1}\cdots c_{i+1}b_i\quad\text{if}\quad a_0=0,\ a_t=b_t+c_ta_{t-1}"
        ),
        remark=(
            "Right if a_0 = 0 and a_t = b_t + c_t a_(t-1), both of which the slide drops; it merges the book's "
            "(9.7.5) and (9.7.6)."
        ),
        family="E",
        printed=lambda s: explicit(*sequences(s)),
        corrected=lambda s: explicit(*sequences(s)),
        reference=dh_dw_h,
        draw=draw_general,
        readings=(
            Reading(
                "any matrices, product descending",
                lambda s: explicit(s.b, s.c),
                right=True,
                reference=lambda s: recursion(s.b, s.c, 0.0 * s.a_0),
            ),
            Reading(
                "any matrices, product ascending",
                lambda s: explicit(s.b, s.c, ascending=True),
                blind=(*TWO_STEPS, "m = 1"),
                reference=lambda s: recursion(s.b, s.c, 0.0 * s.a_0),
            ),
            Reading(
                "any matrices, a_0 not 0",
                lambda s: explicit(s.b, s.c),
                reference=lambda s: recursion(s.b, s.c, s.a_0),
            ),
            Reading(
                "of the network, product ascending",
                lambda s: explicit(*sequences(s), ascending=True),
                blind=_BLIND_TO_ORDER,
            ),
        ),
    ),
    Entry(
        id="004.9.7.7",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial h_t}{\partial w_h}=" + _PARTIAL_F_W + r"+\sum_{i=1}^{t-1}\Big(\prod_{j=i+1}^{t}"
            r"\frac{\partial f(x_j,h_{j-1},w_h)}{\partial h_{j-1}}\Big)\frac{\partial f(x_i,h_{i-1},w_h)}{\partial w_h}"
        ),
        meaning="left side total, the rest immediate; product descending",
        kind="right",
        corrected_latex=r"\frac{dh_t}{dw_h}=\sum_{i=1}^{t}c_tc_{t-1}\cdots c_{i+1}b_i",
        remark="The factors stand in descending order; for i = t the product is empty.",
        family="E",
        printed=lambda s: explicit(*sequences(s)),
        corrected=lambda s: explicit(*sequences(s)),
        reference=dh_dw_h,
        draw=draw_general,
        readings=(
            Reading("product descending", lambda s: explicit(*sequences(s)), right=True),
            Reading(
                "product ascending", lambda s: explicit(*sequences(s), ascending=True), blind=_BLIND_TO_ORDER
            ),
            Reading(
                "product ascending, entries of W_hh only",
                lambda s: of_W_hh(s, explicit(*sequences(s), ascending=True)),
                blind=(*_BLIND_TO_ORDER, "T = 3, h0 = 0"),
                reference=lambda s: of_W_hh(s, dh_dw_h(s)),
            ),
        ),
    ),
    Entry(
        id="004.trunc",
        source=SOURCE,
        latex_printed=r"\text{the time machine by h g well}",
        meaning="the slide on how to truncate: the caption of a figure of the book, and no formula",
        kind="debris",
        remark=(
            "Nothing to evaluate. The book has the full sum, the sum cut at lag tau, and random cuts; as masks on the "
            "contributions they are among the closed forms."
        ),
        family="T",
    ),
    Entry(
        id="004.lin",
        source=SOURCE,
        latex_printed=(
            r"\mathbf{h}_t=\mathbf{W}_{hx}\mathbf{x}_t+\mathbf{W}_{hh}\mathbf{h}_{t-1},\quad "
            r"\mathbf{o}_t=\mathbf{W}_{qh}\mathbf{h}_t,\quad L=\frac{1}{T}\sum_{t=1}^{T}l(\mathbf{o}_t,y_t)"
        ),
        meaning="the linear model (b), without biases and activation",
        kind="model",
        remark="Right: a definition. What follows from it is measured from 004.9.7.11 on.",
        family="M",
    ),
    _linear(
        "004.9.7.11",
        r"\frac{\partial L}{\partial\mathbf{o}_t}=\frac{\partial l(\mathbf{o}_t,y_t)}{T\cdot\partial\mathbf{o}_t}"
        r"\in\mathbb{R}^q",
        "partial = total",
        "O",
        dL_do,
        lambda s: linear_witness(s, "do"),
    ),
    _linear(
        "004.9.7.12",
        r"\frac{\partial L}{\partial\mathbf{W}_{qh}}=\sum_{t=1}^{T}\mathrm{prod}\Big("
        r"\frac{\partial L}{\partial\mathbf{o}_t},\frac{\partial\mathbf{o}_t}{\partial\mathbf{W}_{qh}}\Big)"
        r"=\sum_{t=1}^{T}\frac{\partial L}{\partial\mathbf{o}_t}\mathbf{h}_t^\top",
        "prod is the chain rule's contraction, with the transposes that it needs",
        "O",
        lambda s: sum(np.outer(dL_do(s)[t - 1], linear_states(s)[1][t]) for t in range(1, s.T + 1)),
        lambda s: linear_witness(s, "W_qh"),
    ),
    _linear(
        "004.9.7.13",
        r"\frac{\partial L}{\partial\mathbf{h}_T}=\mathrm{prod}\Big(\frac{\partial L}{\partial\mathbf{o}_T},"
        r"\frac{\partial\mathbf{o}_T}{\partial\mathbf{h}_T}\Big)="
        r"\mathbf{W}_{qh}^\top\frac{\partial L}{\partial\mathbf{o}_T}",
        "total: nothing comes after h_T",
        "D",
        lambda s: s.W_qh.T @ dL_do(s)[-1],
        lambda s: linear_witness(s, "dh")[-1],
    ),
    Entry(
        id="004.9.7.14",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial L}{\partial\mathbf{h}_t}=\mathrm{prod}\Big(\frac{\partial L}{\partial\mathbf{h}_{t+1}},"
            r"\frac{\partial\mathbf{h}_{t+1}}{\partial\mathbf{h}_t}\Big)+\mathrm{prod}\Big("
            r"\frac{\partial L}{\partial\mathbf{o}_t},\frac{\partial\mathbf{o}_t}{\partial\mathbf{h}_t}\Big)="
            r"\mathbf{W}_{hh}^\top\frac{\partial L}{\partial\mathbf{h}_{t+1}}+"
            r"\mathbf{W}_{qh}^\top\frac{\partial L}{\partial\mathbf{o}_t}"
        ),
        meaning="total adjoints, for t < T",
        kind="right",
        corrected_latex=(
            r"\text{with an activation:}\quad\frac{dL}{d\mathbf{h}_t}=\mathbf{W}_{hh}^\top\Big(\phi'(\mathbf{a}_{t+1})"
            r"\odot\frac{dL}{d\mathbf{h}_{t+1}}\Big)+\mathbf{W}_{qh}^\top\frac{dL}{d\mathbf{o}_t}"
        ),
        remark="Right as printed for the linear model; beside it the same for a network with an activation.",
        family="D",
        printed=backwards,
        corrected=lambda s: backwards(s, with_slope=True),
        reference=lambda s: linear_witness(s, "dh"),
        draw=draw_linear,
        readings=(
            Reading("adjoints total", backwards, right=True),
            Reading("adjoint of h_(t+1) through o_(t+1) alone", backwards_immediate, blind=TWO_STEPS),
            Reading(
                "with an activation, its slope put in",
                lambda s: backwards(with_activation(s), with_slope=True),
                right=True,
                reference=lambda s: linear_witness(with_activation(s), "dh"),
            ),
            Reading(
                "with an activation, as printed",
                lambda s: backwards(with_activation(s)),
                blind=(*ONE_STEP, "identity activation"),
                reference=lambda s: linear_witness(with_activation(s), "dh"),
            ),
            Reading(
                "a common slip: W_hh where its transpose should stand",
                lambda s: backwards(s, transposed=False),
                blind=(*ONE_STEP, "m = 1", "symmetric W"),
            ),
        ),
    ),
    Entry(
        id="004.9.7.15",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial L}{\partial\mathbf{h}_t}=\sum_{i=t}^{T}(\mathbf{W}_{hh}^\top)^{T-i}\mathbf{W}_{qh}^\top"
            r"\frac{\partial L}{\partial\mathbf{o}_{T+t-i}}"
        ),
        meaning="total",
        kind="right",
        corrected_latex=(
            r"\frac{dL}{d\mathbf{h}_t}=\sum_{s=t}^{T}(\mathbf{W}_{hh}^\top)^{s-t}\mathbf{W}_{qh}^\top"
            r"\frac{dL}{d\mathbf{o}_s}"
        ),
        remark="Right as printed, odd index included; beside it the same, counted by s. For no activation only.",
        family="P",
        printed=powers,
        corrected=powers_by_lag,
        reference=lambda s: linear_witness(s, "dh"),
        draw=draw_linear,
        readings=(
            Reading("index T + t - i, as printed", powers, right=True),
            Reading("index i instead", lambda s: powers(s, odd_index=False), blind=ONE_STEP),
            Reading(
                "with an activation",
                lambda s: powers(with_activation(s)),
                blind=(*ONE_STEP, "identity activation"),
                reference=lambda s: linear_witness(with_activation(s), "dh"),
            ),
        ),
    ),
    Entry(
        id="004.9.7.16",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial L}{\partial\mathbf{W}_{hx}}=\sum_{t=1}^{T}\mathrm{prod}\Big("
            r"\frac{\partial L}{\partial\mathbf{h}_t},\frac{\partial\mathbf{h}_t}{\partial\mathbf{W}_{hx}}\Big)="
            r"\sum_{t=1}^{T}\frac{\partial L}{\partial\mathbf{h}_t}\mathbf{x}_t^\top,\quad "
            r"\frac{\partial L}{\partial\mathbf{W}_{hh}}=\sum_{t=1}^{T}\mathrm{prod}\Big("
            r"\frac{\partial L}{\partial\mathbf{h}_t},\frac{\partial\mathbf{h}_t}{\partial\mathbf{W}_{hh}}\Big)="
            r"\sum_{t=1}^{T}\frac{\partial L}{\partial\mathbf{h}_t}\mathbf{h}_{t-1}^\top"
        ),
        meaning="the adjoint of h total, the dependence of h on W immediate",
        kind="right",
        corrected_latex=(
            r"\frac{dL}{d\mathbf{W}_{hh}}=\sum_{1\le t\le s\le T}(\mathbf{W}_{hh}^\top)^{s-t}\mathbf{W}_{qh}^\top"
            r"\frac{dL}{d\mathbf{o}_s}\mathbf{h}_{t-1}^\top"
        ),
        remark="Right as printed; beside it the same with (9.7.15) put in.",
        family="D/P",
        printed=lambda s: weights_of(s, backwards(s)),
        corrected=lambda s: weights_of(s, powers_by_lag(s)),
        reference=_by_weights,
        draw=draw_linear,
        readings=(
            Reading("adjoint total, last factor immediate", lambda s: weights_of(s, backwards(s)), right=True),
            Reading("both total", weights_counted_twice, blind=ONE_STEP),
            Reading(
                "both total, W_hh only",
                lambda s: weights_counted_twice(s)[1],
                blind=(*ONE_STEP, "T = 2, h0 = 0"),
                reference=lambda s: linear_witness(s, "W_hh"),
            ),
            Reading("both immediate", lambda s: weights_of(s, own_loss_only(s)), blind=ONE_STEP),
            Reading(
                "both immediate, W_hh only",
                lambda s: weights_of(s, own_loss_only(s))[1],
                blind=(*ONE_STEP, "T = 2, h0 = 0"),
                reference=lambda s: linear_witness(s, "W_hh"),
            ),
            Reading(
                "a common slip: the sum over t left out, t = T alone",
                lambda s: tuple(
                    np.outer(backwards(s)[-1], before) for before in (s.x[-1], linear_states(s)[1][-2])
                ),
                blind=ONE_STEP,
            ),
        ),
    ),
)
