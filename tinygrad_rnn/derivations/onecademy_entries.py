"""Every formula of 1Cademy's page, 000.h to 000.delta: as printed, what it means, its verdict, corrected."""

from __future__ import annotations

from typing import Any

import numpy as np

from .entry import ONE_STEP, TWO_STEPS, Entry, Reading
from .onecademy_formulas import (
    Sequence,
    ascending,
    by_definition,
    delta_form,
    descending,
    dJ_dyhat,
    draw,
    dyhat_dV,
    mean_over_t,
    only_last_step,
    states,
    sum_over_k,
    through_total,
    total,
    witness,
)

SOURCE = "onecademy"
# A dead relu lets nothing pass, so no gradient of W, U and b_h can be wrong.
_BLIND_TO_SUMS = (*ONE_STEP, "dead relu")
# The last factor as a total: seen for U from T = 2 on, for W only where h^(0) ≠ 0 or T > 2.
_BLIND_TO_TOTAL = {"W": (*_BLIND_TO_SUMS, "T = 2, h0 = 0"), "U": _BLIND_TO_SUMS}
_BLIND_TO_ORDER = {
    "W": (*TWO_STEPS, "T = 3, h0 = 0", "m = 1", "identity activation", "dead relu"),
    "U": (*TWO_STEPS, "m = 1", "identity activation", "dead relu"),
}


def _direct_sum_literally(s: Sequence) -> Any:
    """g₁(W h ⊕ U x + b_h) for the first step: a stack of two vectors of m entries, and one b_h of m."""
    return np.tanh(np.concatenate([s.W @ s.h0, s.U @ s.x[0]]) + s.b_h)


def _through(name: str, number: int) -> Entry:
    """000.W.1, 000.W.2 and their twins with U: both printed lines, at t = T where the source has its example t = 3."""
    if number == 1:
        far, product = r"\frac{\partial h^{(3)}}{\partial h^{(k)}}", by_definition
        far_corrected, where = r"\frac{\partial h^{(t)}}{\partial h^{(k)}}", ""
    else:
        far, product = r"\Big(\prod_{j=k+1}^{3}\frac{\partial h^{(j)}}{\partial h^{(j-1)}}\Big)", descending
        far_corrected = r"\big(J_tJ_{t-1}\cdots J_{k+1}\big)"
        where = r",\quad J_j=\frac{\partial h^{(j)}}{\partial h^{(j-1)}}"
    printed = (
        r"\frac{\partial J^{(3)}}{\partial \theta}=\sum_{k=1}^{3}\frac{\partial J^{(3)}}{\partial\hat y^{(3)}}"
        r"\frac{\partial\hat y^{(3)}}{\partial h^{(3)}}" + far + r"\frac{\partial h^{(k)}}{\partial \theta}"
    )
    corrected = (
        r"\frac{dJ^{(t)}}{d\theta}=\sum_{k=1}^{t}\frac{\partial J^{(t)}}{\partial\hat y^{(t)}}"
        r"\frac{\partial\hat y^{(t)}}{\partial h^{(t)}}"
        + far_corrected
        + r"\frac{\partial^{+}h^{(k)}}{\partial \theta}"
        + where
    )
    readings: tuple[Reading, ...] = (
        Reading("last factor immediate", lambda s: sum_over_k(s, name, s.T, product), right=True),
        Reading(
            "last factor total",
            lambda s: sum_over_k(s, name, s.T, product, last=total),
            blind=_BLIND_TO_TOTAL[name],
        ),
    )
    if number == 2:
        readings += (
            Reading(
                "product ascending", lambda s: sum_over_k(s, name, s.T, ascending), blind=_BLIND_TO_ORDER[name]
            ),
        )
    return Entry(
        id=f"000.{name}.{number}",
        source=SOURCE,
        latex_printed=printed.replace(r"\theta", name),
        meaning=(
            "left side total; "
            + ("∂h^(3)/∂h^(k) total" if number == 1 else "product descending, empty for k = 3")
            + "; the last factor immediate, with h^(k-1) held fixed"
        ),
        kind="right",
        corrected_latex=corrected.replace(r"\theta", name),
        remark=(
            "Right only with the last factor immediate; as a total, which is what the same symbol means on the left, "
            "step i is counted t - i + 1 times."
            + ("" if number == 1 else " The index range is right; the factors stand in descending order.")
        ),
        family="E",
        printed=lambda s: sum_over_k(s, name, s.T, product),
        corrected=lambda s: sum_over_k(s, name, s.T, descending),
        reference=lambda s: witness(s, name)[-1],
        draw=draw,
        readings=readings,
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="000.h",
        misprint=True,
        source=SOURCE,
        latex_printed=r"h^{(t)}=g_1(Wh^{(t-1)}\oplus Ux^{(t)}+b_h)",
        meaning="the state",
        kind="model",
        corrected_latex=r"h^{(t)}=g_1(Wh^{(t-1)}+Ux^{(t)}+b_h)",
        remark="The two summands have equal size and one b_h is added to them, so the circled plus must be a plus.",
        family="M",
        printed=_direct_sum_literally,
        corrected=lambda s: np.tanh(s.W @ s.h0 + s.U @ s.x[0] + s.b_h),
        reference=lambda s: states(s)[1][1],
        draw=draw,
    ),
    Entry(
        id="000.oplus",
        source=SOURCE,
        latex_printed=r"h^{(t)}=g_1(Wh^{(t-1)}\oplus Ux^{(t)}+b_h)",
        meaning="the circled plus as a direct sum: another model, whose state has the entries of both summands",
        kind="model",
        corrected_latex=(
            r"h^{(t)}=g_1\Big(\begin{bmatrix}Wh^{(t-1)}\\Ux^{(t)}\end{bmatrix}+b_h\Big),\quad "
            r"J_j=\mathrm{diag}(g_1'(a_j))\begin{bmatrix}W\\0\end{bmatrix}"
        ),
        remark="With W of m rows and 2m columns and b_h of 2m entries it composes; the sum over k holds there too.",
        family="M",
        corrected=lambda s: tuple(sum_over_k(s, name, s.T) for name in ("W", "U", "b_h")),
        reference=lambda s: tuple(witness(s, name)[-1] for name in ("W", "U", "b_h")),
        draw=lambda rng, setting: draw(rng, setting, direct_sum=True),
    ),
    Entry(
        id="000.text",
        source=SOURCE,
        latex_printed=r"\text{h(t)=g1(Wh(t1)Ux(t)+bh),\ \ k=13,\ \ h(j1)}",
        meaning="the plain-text fallback beside each formula",
        kind="debris",
        corrected_latex=r"h^{(t-1)},\quad\sum_{k=1}^{3},\quad h^{(j-1)}",
        remark=(
            "Minus signs and the circled plus are lost in it, so there is nothing to evaluate; put back, they give the "
            "derivative of the third loss by W, which is measured."
        ),
        family="M",
        corrected=lambda s: sum_over_k(s, "W", 3),
        reference=lambda s: witness(s, "W")[2],
        draw=draw,
    ),
    Entry(
        id="000.J",
        source=SOURCE,
        latex_printed=r"J=\frac{1}{T}\sum_{t=1}^{T}J^{(t)}",
        meaning="the loss",
        kind="model",
        remark="Right: a definition. What follows from it is measured in 000.meansum.",
        family="M",
    ),
    Entry(
        id="000.meansum",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial J}{\partial W}=\frac{1}{T}\sum_{t=1}^{T}\frac{\partial J^{(t)}}{\partial W}"
        ),
        meaning="total on both sides",
        kind="right",
        corrected_latex=r"\frac{dJ}{dW}=\frac{1}{T}\sum_{t=1}^{T}\frac{dJ^{(t)}}{dW}",
        remark="Better written with d.",
        family="O",
        printed=lambda s: mean_over_t(s, lambda t: sum_over_k(s, "W", t)),
        corrected=lambda s: mean_over_t(s, lambda t: through_total(s, "W", t)),
        reference=lambda s: witness(s, "W").mean(axis=0),
        draw=draw,
        readings=(
            Reading("total", lambda s: mean_over_t(s, lambda t: sum_over_k(s, "W", t)), right=True),
            Reading(
                "immediate",
                lambda s: mean_over_t(s, lambda t: only_last_step(s, "W", t)),
                blind=_BLIND_TO_TOTAL["W"],
            ),
            Reading(
                "a common slip: 1/T left out",
                lambda s: s.T * mean_over_t(s, lambda t: sum_over_k(s, "W", t)),
                blind=_BLIND_TO_SUMS,
            ),
        ),
    ),
    Entry(
        id="000.V",
        source=SOURCE,
        latex_printed=(
            r"\frac{\partial J^{(t)}}{\partial V}=\frac{\partial J^{(t)}}{\partial\hat y^{(t)}}"
            r"\frac{\partial\hat y^{(t)}}{\partial V}"
        ),
        meaning="immediate and total are the same: h does not depend on V",
        kind="right",
        corrected_latex=(
            r"\frac{dJ}{dV}=\frac{1}{T}\sum_{t}\epsilon_th^{(t)\top},\quad"
            r"\epsilon_t=\Big(\frac{\partial J^{(t)}}{\partial\hat y^{(t)}}G_t\Big)^{\top},\quad "
            r"G_t=\frac{\partial\hat y^{(t)}}{\partial z^{(t)}}"
        ),
        remark="Right as printed; beside it the same written out. For a softmax G_t is not diagonal.",
        family="O",
        printed=lambda s: np.stack([np.tensordot(dJ_dyhat(s, t), dyhat_dV(s, t), axes=1) for t in range(1, s.T + 1)]),
        corrected=lambda s: delta_form(s)[3],
        reference=lambda s: witness(s, "V"),
        corrected_reference=lambda s: witness(s, "V").mean(axis=0),
        draw=draw,
    ),
    _through("W", 1),
    _through("W", 2),
    _through("U", 1),
    _through("U", 2),
    Entry(
        id="000.b",
        source=SOURCE,
        latex_printed="",
        meaning="the gradients of the two biases",
        kind="right",
        corrected_latex=(
            r"\frac{dJ}{db_y}=\frac{1}{T}\sum_t\epsilon_t,\quad"
            r"\frac{dJ}{db_h}=\frac{1}{T}\sum_t\sum_{k=1}^{t}e_tJ_tJ_{t-1}\cdots J_{k+1}\mathrm{diag}(g_1'(a_k)),\quad "
            r"e_t=\frac{\partial J^{(t)}}{\partial h^{(t)}}"
        ),
        remark="Not printed, although the model has biases.",
        family="E",
        corrected=lambda s: (delta_form(s)[4], mean_over_t(s, lambda t: sum_over_k(s, "b_h", t))),
        reference=lambda s: (witness(s, "b_y").mean(axis=0), witness(s, "b_h").mean(axis=0)),
        draw=draw,
    ),
    Entry(
        id="000.delta",
        source=SOURCE,
        latex_printed="",
        meaning="all gradients in one pass: the sum over t taken first",
        kind="right",
        corrected_latex=(
            r"\bar h_t=V^\top\epsilon_t/T+W^\top\delta_{t+1},\quad\delta_t=g_1'(a_t)\odot\bar h_t,\quad\delta_{T+1}=0,"
            r"\quad\frac{dJ}{dW}=\sum_t\delta_th^{(t-1)\top},\quad\frac{dJ}{dU}=\sum_t\delta_tx^{(t)\top},\quad"
            r"\frac{dJ}{db_h}=\sum_t\delta_t"
        ),
        remark="Not printed.",
        family="D",
        corrected=delta_form,
        reference=lambda s: tuple(witness(s, name).mean(axis=0) for name in ("W", "U", "b_h", "V", "b_y")),
        draw=draw,
        readings=(
            Reading(
                "a common slip: W where its transpose should stand",
                lambda s: delta_form(s, transposed=False),
                blind=(*_BLIND_TO_SUMS, "m = 1", "symmetric W"),
            ),
        ),
    ),
)
