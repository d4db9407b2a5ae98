"""Every formula of the Stack Exchange thread, 001.A1 to 001.c: as printed, what it means, its verdict, corrected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .entry import ONE_STEP, Entry, Reading
from .measuring import complex_step
from .stackexchange_formulas import (
    Batch,
    by_entries,
    cross_entropy,
    dL_along,
    dL_dA,
    dL_dO,
    draw,
    each_step,
    frobenius,
    immediate_dA,
    log_sum_exp_slope,
    logits,
    loss,
    one_hot,
    softmax,
    softmax_without_exp,
    states,
    swapped_loss,
    total_dA,
    witness,
)

SOURCE = "stackexchange"
_BLIND_TO_SUMS = (*ONE_STEP, "dead relu")  # a dead relu lets nothing pass to A


def _pre_activation(s: Batch, shift: int) -> Any:
    """X^(t) U + H^(t − shift) W + b for every t."""
    H = states(s)[1]
    return each_step(s, lambda t: s.X[t - 1] @ s.U[t - 1] + H[t - shift] @ s.W + s.b)


def _in_direction(s: Batch) -> Any:
    """DL of step t's own copy of U moved along dU, for every t: the witness of 001.dL.1 to .3."""
    return np.stack([by_entries(gradient, s.dU) for gradient in witness(s, "U")])


def _along_dU(s: Batch) -> Any:
    """DL of all copies of U moved along dU together: one complex step, along the line."""
    return complex_step(lambda far: loss(replace(s, U=s.U + far * s.dU)), np.zeros(()))


def _of_any_sum(s: Batch) -> Batch:
    """The same rows with targets that do not sum to 1."""
    return replace(s, Y=1.7 * s.Y)


def _supplied(id_: str, latex: str, meaning: str, corrected: Any, reference: Any, readings: Any = ()) -> Entry:
    return Entry(
        id=id_,
        source=SOURCE,
        latex_printed="",
        meaning=meaning,
        kind="right",
        corrected_latex=latex,
        remark="Asked for, not printed.",
        family="O" if id_ == "001.do" else "D",
        corrected=corrected,
        reference=reference,
        draw=draw,
        readings=readings,
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="001.A1",
        misprint=True,
        source=SOURCE,
        latex_printed=r"A=XU+HW+\mathbf{b}",
        meaning="the hidden layer's input, without time index",
        kind="model",
        corrected_latex=r"A^{(t)}=X^{(t)}U+H^{(t-1)}W+\mathbf{b}",
        remark="The time index is missing: H is declared as the outputs at a time step, and means the step before.",
        family="M",
        printed=lambda s: _pre_activation(s, 0),
        corrected=lambda s: _pre_activation(s, 1),
        reference=lambda s: np.stack(states(s)[0][1:]),
        draw=draw,
        readings=(
            Reading("H of the step before", lambda s: _pre_activation(s, 1), right=True),
            Reading("H of the same step", lambda s: _pre_activation(s, 0)),
        ),
    ),
    Entry(
        id="001.A2",
        source=SOURCE,
        latex_printed=r"A^{(t)}=X^{(t)}U+H^{(t-1)}W+\mathbf{b}",
        meaning="the same with time indices; b is added to every row",
        kind="model",
        family="M",
        printed=lambda s: _pre_activation(s, 1),
        reference=lambda s: np.stack(states(s)[0][1:]),
        draw=draw,
    ),
    Entry(
        id="001.H",
        source=SOURCE,
        latex_printed="",
        meaning="the hidden layer's output, announced in words",
        kind="model",
        corrected_latex=r"H^{(t)}=\tanh(A^{(t)})",
        remark="The display is missing from the page.",
        family="M",
        corrected=lambda s: np.tanh(np.stack(states(s)[0][1:])),
        reference=lambda s: np.stack(states(s)[1][1:]),
        draw=draw,
    ),
    Entry(
        id="001.o",
        source=SOURCE,
        latex_printed=r"o^{(t)}=H^{(t)}V+c",
        meaning="the output; c is a row of v entries, which is not declared",
        kind="model",
        family="M",
        printed=lambda s: each_step(s, lambda t: states(s)[1][t] @ s.V + s.c),
        reference=logits,
        draw=draw,
    ),
    Entry(
        id="001.softmax",
        misprint=True,
        source=SOURCE,
        latex_printed=r"\hat y_j^{(t)}=\mathrm{softmax}(o^{(t)})=\frac{o_j^{(t)}}{\sum_ko_k^{(t)}}",
        meaning="the softmax of a row",
        kind="model",
        corrected_latex=r"\hat y_j^{(t)}=\frac{e^{o_j^{(t)}}}{\sum_ke^{o_k^{(t)}}}",
        remark="Wrong as printed: the exponentials are missing; entries may be negative or without bound.",
        family="M",
        printed=lambda s: softmax_without_exp(logits(s)),
        corrected=lambda s: softmax(logits(s)),
        reference=lambda s: log_sum_exp_slope(logits(s)),
        draw=draw,
    ),
    Entry(
        id="001.loss",
        misprint=True,
        source=SOURCE,
        latex_printed=r"L=-\frac{1}{T}\sum_{t=1}^{T}\sum_{j=1}^{v}\hat y_{tj}\times\log(y_{tj})",
        meaning="the cross entropy; y is the target",
        kind="model",
        corrected_latex=r"L=-\frac{1}{T}\sum_{t=1}^{T}\sum_{j=1}^{v}y_{tj}\log\hat y_{tj}",
        remark="Wrong as printed: y and its estimate are exchanged. The rows of a batch are summed.",
        family="M",
        printed=lambda s: swapped_loss(logits(s), s.Y),
        corrected=lambda s: cross_entropy(logits(s), s.Y),
        reference=loss,
        draw=draw,
        readings=(
            Reading(
                "its gradient with respect to o",
                lambda s: complex_step(lambda moved: swapped_loss(moved, s.Y), logits(s)),
                reference=lambda s: witness(s, "dO"),
            ),
            Reading(
                "with one-hot targets: infinite",
                lambda s: swapped_loss(logits(s), one_hot(s)),
                reference=lambda s: loss(replace(s, Y=one_hot(s))),
            ),
        ),
    ),
    Entry(
        id="001.loss.swapgrad",
        source=SOURCE,
        latex_printed="",
        meaning="what the misprinted loss would give",
        kind="right",
        corrected_latex=(
            r"\frac{dL}{do}=\frac{1}{T}\hat y\odot(\ell-\langle\hat y,\ell\rangle),\quad\ell=-\log y"
        ),
        remark="Not the gradient of the cross entropy: the gradient of 001.loss as printed.",
        family="O",
        corrected=lambda s: softmax(logits(s))
        * (-np.log(s.Y) + (softmax(logits(s)) * np.log(s.Y)).sum(axis=2, keepdims=True))
        / s.T,
        reference=lambda s: complex_step(lambda moved: swapped_loss(moved, s.Y), logits(s)),
        draw=draw,
    ),
    Entry(
        id="001.U",
        source=SOURCE,
        latex_printed=r"\frac{\partial L}{\partial U}=X^{T}\frac{\partial L}{\partial A}",
        meaning="the adjoint of A is total, A's dependence on U immediate; X is one step's, of n rows",
        kind="wrong",
        corrected_latex=r"\frac{dL}{dU}=\sum_{t=1}^{T}X^{(t)\top}\frac{dL}{dA^{(t)}}",
        remark="Right for one step, or with X and A of all steps stacked to T n rows; one step alone is not the sum.",
        family="D",
        printed=lambda s: s.X[-1].T @ dL_dA(s)[-1],
        corrected=lambda s: sum(s.X[t - 1].T @ dL_dA(s)[t - 1] for t in range(1, s.T + 1)),
        reference=lambda s: witness(s, "U").sum(axis=0),
        draw=draw,
        blind=_BLIND_TO_SUMS,
        readings=(
            Reading(
                "X and A of all steps stacked",
                lambda s: np.concatenate(s.X).T @ np.concatenate(dL_dA(s)),
                right=True,
            ),
        ),
    ),
    Entry(
        id="001.dL.1",
        source=SOURCE,
        latex_printed=r"dL=\frac{\partial L}{\partial a}:da",
        meaning="one step: da immediate, the adjoint total; summed over t it is the whole dL",
        kind="right",
        corrected_latex=r"dL=\sum_{t=1}^{T}\frac{dL}{dA^{(t)}}:dA^{(t)}",
        remark="With a total da, summed over t, step k would be counted once for every later step.",
        family="O",
        printed=lambda s: each_step(s, lambda t: frobenius(dL_dA(s)[t - 1], immediate_dA(s, t))),
        corrected=lambda s: dL_along(s, immediate_dA),
        reference=_in_direction,
        corrected_reference=_along_dU,
        draw=draw,
        readings=(
            Reading(
                "summed over t, da immediate",
                lambda s: dL_along(s, immediate_dA),
                right=True,
                reference=lambda s: _in_direction(s).sum(),
            ),
            Reading(
                "summed over t, da total",
                lambda s: dL_along(s, total_dA),
                blind=_BLIND_TO_SUMS,
                reference=lambda s: _in_direction(s).sum(),
            ),
        ),
    ),
    Entry(
        id="001.dL.2",
        source=SOURCE,
        latex_printed=r"=\frac{\partial L}{\partial a}:x\,dU",
        meaning="one step; da = x dU, immediate",
        kind="right",
        family="O",
        printed=lambda s: each_step(s, lambda t: frobenius(dL_dA(s)[t - 1], s.X[t - 1] @ s.dU)),
        reference=_in_direction,
        draw=draw,
    ),
    Entry(
        id="001.dL.3",
        source=SOURCE,
        latex_printed=r"=x^{T}\Big(\frac{\partial L}{\partial a}\Big):dU",
        meaning="one step; by 001.frob",
        kind="right",
        family="O",
        printed=lambda s: each_step(s, lambda t: frobenius(s.X[t - 1].T @ dL_dA(s)[t - 1], s.dU)),
        reference=_in_direction,
        draw=draw,
    ),
    Entry(
        id="001.dL.4",
        source=SOURCE,
        latex_printed=r"\frac{\partial L}{\partial U}=x^{T}\Big(\frac{\partial L}{\partial a}\Big)",
        meaning="one step, d by h: the gradient of that step's own copy of U",
        kind="right",
        corrected_latex=r"\frac{dL}{dU}=\sum_{t=1}^{T}x^{(t)\top}\frac{dL}{da^{(t)}}",
        remark="Right for each step; the whole gradient is the sum over t.",
        family="O",
        printed=lambda s: each_step(s, lambda t: s.X[t - 1].T @ dL_dA(s)[t - 1]),
        corrected=lambda s: np.concatenate(s.X).T @ np.concatenate(dL_dA(s)),
        reference=lambda s: witness(s, "U"),
        corrected_reference=lambda s: witness(s, "U").sum(axis=0),
        draw=draw,
        readings=(
            Reading(
                "as the whole gradient: one step, t = T, for the sum",
                lambda s: s.X[-1].T @ dL_dA(s)[-1],
                blind=_BLIND_TO_SUMS,
                reference=lambda s: witness(s, "U").sum(axis=0),
            ),
        ),
    ),
    Entry(
        id="001.dL",
        source=SOURCE,
        latex_printed="",
        meaning="the differential of the whole loss: the adjoint total, X dU immediate",
        kind="right",
        corrected_latex=r"dL=\sum_{t=1}^{T}\frac{dL}{dA^{(t)}}:(X^{(t)}\,dU)",
        remark="The four lines of the answer, for all steps at once.",
        family="O",
        corrected=lambda s: dL_along(s, immediate_dA),
        reference=lambda s: _in_direction(s).sum(),
        draw=draw,
    ),
    Entry(
        id="001.frob",
        source=SOURCE,
        latex_printed="",
        meaning="the rule that leads from 001.dL.2 to 001.dL.3",
        kind="right",
        corrected_latex=r"A:BC=B^{\top}A:C",
        remark="Used, not printed.",
        family="O",
        corrected=lambda s: frobenius(s.X[0].T @ s.H0, s.dU),
        reference=lambda s: by_entries(s.H0, s.X[0] @ s.dU),
        draw=draw,
    ),
    Entry(
        id="001.frobdef",
        source=SOURCE,
        latex_printed=r"A:B=\mathrm{Tr}(A^{T}B)",
        meaning="definition of the colon: the sum of the products of entries",
        kind="model",
        family="M",
        printed=lambda s: frobenius(s.U[0], s.dU),
        reference=lambda s: by_entries(s.U[0], s.dU),
        draw=draw,
    ),
    _supplied(
        "001.do",
        r"\frac{dL}{dO^{(t)}}=\frac{1}{T}(\hat Y^{(t)}-Y^{(t)}),\quad\text{in general}\quad"
        r"\frac{1}{T}\Big(\big(\textstyle\sum_jY_{ij}\big)\hat Y^{(t)}-Y^{(t)}\Big)",
        "total = immediate; the second form is for targets whose rows do not sum to 1",
        dL_dO,
        lambda s: witness(s, "dO"),
        (
            Reading("targets that sum to 1", lambda s: (softmax(logits(s)) - s.Y) / s.T, right=True),
            Reading(
                "targets of any sum, general form",
                lambda s: dL_dO(_of_any_sum(s)),
                right=True,
                reference=lambda s: witness(_of_any_sum(s), "dO"),
            ),
            Reading(
                "targets of any sum, simple form",
                lambda s: (softmax(logits(s)) - _of_any_sum(s).Y) / s.T,
                reference=lambda s: witness(_of_any_sum(s), "dO"),
            ),
            Reading(
                "a common slip: 1/T left out", lambda s: softmax(logits(s)) - s.Y, blind=ONE_STEP
            ),
        ),
    ),
    _supplied(
        "001.dA",
        r"\frac{dL}{dA^{(t)}}=\Big(\frac{dL}{dO^{(t)}}V^\top+\frac{dL}{dA^{(t+1)}}W^\top\Big)"
        r"\odot(1-H^{(t)}\odot H^{(t)}),\quad\frac{dL}{dA^{(T+1)}}=0",
        "total adjoint of A",
        dL_dA,
        lambda s: witness(s, "dA"),
        (
            Reading(
                "a common slip: W where its transpose should stand",
                lambda s: dL_dA(s, transposed=False),
                blind=(*_BLIND_TO_SUMS, "m = 1", "symmetric W"),
            ),
        ),
    ),
    _supplied(
        "001.W",
        r"\frac{dL}{dW}=\sum_{t=1}^{T}H^{(t-1)\top}\frac{dL}{dA^{(t)}}",
        "total",
        lambda s: sum(states(s)[1][t - 1].T @ dL_dA(s)[t - 1] for t in range(1, s.T + 1)),
        lambda s: witness(s, "W"),
    ),
    _supplied(
        "001.V",
        r"\frac{dL}{dV}=\sum_{t=1}^{T}H^{(t)\top}\frac{dL}{dO^{(t)}}",
        "total = immediate",
        lambda s: sum(states(s)[1][t].T @ dL_dO(s)[t - 1] for t in range(1, s.T + 1)),
        lambda s: witness(s, "V"),
    ),
    _supplied(
        "001.b",
        r"\frac{dL}{db}=\sum_{t=1}^{T}\mathbf{1}^\top\frac{dL}{dA^{(t)}}",
        "total; the rows of the batch are summed",
        lambda s: dL_dA(s).sum(axis=(0, 1))[None],
        lambda s: witness(s, "b"),
    ),
    _supplied(
        "001.c",
        r"\frac{dL}{dc}=\sum_{t=1}^{T}\mathbf{1}^\top\frac{dL}{dO^{(t)}}",
        "total = immediate; the rows of the batch are summed",
        lambda s: dL_dO(s).sum(axis=(0, 1))[None],
        lambda s: witness(s, "c"),
    ),
)
