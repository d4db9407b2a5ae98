"""Every formula of the many-to-one notes, as printed and corrected, with functions that evaluate both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .entry import Entry, Reading, needs_steps
from .many_to_one_formulas import (
    Array,
    F,
    Sentence,
    delta_form,
    dL_dw_o,
    dL_dyhat,
    do_do,
    do_do_far,
    dyhat_do,
    dyhat_do_n,
    explicit_sum,
    f_prime,
    immediate,
    loss,
    same,
    sentence,
    states,
    term,
    total,
    witness,
    witness_of_state,
    witness_of_step,
    y_hat,
)
from .measuring import complex_step

_three = partial(sentence, n=3)  # the notes unfold three times
_DL = r"\frac{\partial L}{\partial\hat y}"
_Y3 = r"\frac{\partial\hat y}{\partial o_3}"
_O32 = r"\frac{\partial o_3}{\partial o_2}"
_O21 = r"\frac{\partial o_2}{\partial o_1}"
# What a dead relu hides is everything: o_t = 0 and f′ = 0, so that both sides are 0.
_DEAD = "dead relu"
_ONE_STEP = ("T = 1", "T = 1, h0 = 0", _DEAD)


def _outside(rng: np.random.Generator, setting: Any) -> Sentence:
    """A sample whose o_n w_o is no probability."""
    while True:
        s = _three(rng, setting)
        if not 0.0 < _without_sigma(s) < 1.0:
            return s


def _ten(rng: np.random.Generator, setting: Any) -> Sentence:
    """A sample of ten steps, whatever the setting says of T."""
    return sentence(rng, replace(setting, T=(10, 10)))


def _unfolded(s: Sentence) -> Array:
    """o_3 as the three printed lines have it."""
    needs_steps(s.n, 3)
    f = F[s.f][0]
    o_1 = f(s.x[0] @ s.w_i[0] + s.o_0 @ s.w_h[0])
    o_2 = f(s.x[1] @ s.w_i[1] + o_1 @ s.w_h[1])
    return f(s.x[2] @ s.w_i[2] + o_2 @ s.w_h[2])


def _last_state(s: Sentence) -> Array:
    return states(s)[1][s.n]


def _without_sigma(s: Sentence) -> Array:
    return (_last_state(s) @ s.w_o)[0]


def _slope_of_softplus(s: Sentence) -> Array:
    """ŷ as what it is the slope of: the complex step of log(1 + eᶻ) at z = o_n w_o, which holds no σ."""
    return complex_step(lambda z: np.log(1.0 + np.exp(z)), _without_sigma(s))


def _derivatives_of_cross_entropy(s: Sentence) -> tuple[Array, Array]:
    """∂L/∂ŷ and ∂L/∂(o_n w_o) by the complex step through L as printed, and through L of the logit."""
    return (
        complex_step(lambda p: _cross_entropy(s.y, p), y_hat(s)),
        complex_step(lambda z: np.log(1.0 + np.exp(z)) - s.y * z, _without_sigma(s)),
    )


def _cross_entropy(y: float, probability: Array) -> Array:
    """−y log ŷ − (1 − y) log(1 − ŷ), as printed."""
    return -y * np.log(probability) - (1.0 - y) * np.log(1.0 - probability)


def _saturated(s: Sentence) -> Sentence:
    """The sample with weights w_o so large that ŷ rounds to the label y."""
    return replace(s, w_o=s.w_o * 800.0 * (2.0 * s.y - 1.0) / _without_sigma(s))


def _slope_of_the_update(s: Sentence, sign: float = -1.0) -> Array:
    """d/dη of L after w_i ← w_i − η ∂L/∂w_i, and so w_h and w_o, at η = 0; ∂L/∂w by the sum over j."""
    dw_i, dw_h, dw_o = explicit_sum(s, "w_i"), explicit_sum(s, "w_h"), dL_dw_o(s)

    def after(eta: Array) -> Array:
        w_i, w_h = same(s.w_i[0] + sign * eta * dw_i, s.n), same(s.w_h[0] + sign * eta * dw_h, s.n)
        return loss(replace(s, w_i=w_i, w_h=w_h, w_o=s.w_o + sign * eta * dw_o))

    return complex_step(after, 0.0)


def _updated_weights(s: Sentence, eta: float = 0.1) -> tuple[Array, Array, Array]:
    """w_i, w_h and w_o after one update, with dL/dw by the δ form."""
    (dw_i, dw_h), dw_o = delta_form(s), dL_dw_o(s)
    return s.w_i[0] - eta * dw_i, s.w_h[0] - eta * dw_h, s.w_o - eta * dw_o


def _updated_by_witness(s: Sentence, eta: float = 0.1) -> tuple[Array, Array, Array]:
    dw_i, dw_h, dw_o = (witness(s, w) for w in ("w_i", "w_h", "w_o"))
    return s.w_i[0] - eta * dw_i, s.w_h[0] - eta * dw_h, s.w_o - eta * dw_o


def _printed_w_o(s: Sentence) -> Array:
    """∂L/∂ŷ · ∂ŷ/∂o_n · ∂o_n/∂w_o, where the last factor is found by the complex step: o_n holds no w_o."""
    do_dw_o = complex_step(lambda w: _last_state(replace(s, w_o=w)), s.w_o)  # (m, m, 1)
    return np.einsum("c,cab->ab", dyhat_do_n(s), do_dw_o) * dL_dyhat(s)


def _three_terms(s: Sentence, w: str) -> Array:
    needs_steps(s.n, 3)
    third = immediate(s, w, 3) @ dyhat_do_n(s)
    second = immediate(s, w, 2) @ do_do(s, 3) @ dyhat_do_n(s)
    first = immediate(s, w, 1) @ do_do(s, 2) @ do_do(s, 3) @ dyhat_do_n(s)
    return dL_dyhat(s) * third + dL_dyhat(s) * second + dL_dyhat(s) * first


def _total_last_factor(s: Sentence, w: str) -> Array:
    return sum(total(s, w, j) @ dyhat_do(s, j) for j in range(1, s.n + 1)) * dL_dyhat(s)


def _immediate_readout(s: Sentence, w: str) -> Array:
    """∂ŷ/∂o_j with the other states held fixed is 0 but for j = n."""
    return term(s, w, s.n)


def _readings(w: str) -> tuple[Reading, ...]:
    over_count = _ONE_STEP if w == "w_i" else (*_ONE_STEP, "T = 2, h0 = 0")
    return (
        Reading("dŷ/do_j total, ∂o_j/∂w immediate", partial(explicit_sum, w=w), right=True),
        Reading("∂o_j/∂w total", partial(_total_last_factor, w=w), blind=over_count),
        Reading("∂ŷ/∂o_j immediate", partial(_immediate_readout, w=w), blind=over_count),
    )


def _sum_entry(id_: str, w: str, printed_latex: str, printed: Callable[..., Any], draw: Any) -> Entry:
    corrected = (
        rf"\frac{{dL}}{{d{w}}}=\sum_{{j=1}}^{{n}}{_DL}"
        rf"\frac{{d\hat y}}{{do_j}}\frac{{\partial^{{+}}o_j}}{{\partial {w}}}"
    )
    zero = " With o_0 = 0 the term of j = 1 is 0, since ∂⁺o_1/∂w_h = f′ o_0." if w == "w_h" else ""
    return Entry(
        id_, "many_to_one", printed_latex,
        "left side total; ∂ŷ/∂o_j total, through o_n; ∂o_j/∂w immediate",
        "right", corrected, "One symbol ∂ stands for a total and for an immediate derivative." + zero, "E",
        partial(printed, w=w), partial(explicit_sum, w=w), partial(witness, w=w), draw, _readings(w),
    )


def _terms(w: str) -> str:
    return "+".join(
        rf"{_DL}\frac{{\partial\hat y}}{{\partial o_{j}}}\frac{{\partial o_{j}}}{{\partial {w}}}" for j in (3, 2, 1)
    )


def _sum(w: str, upper: str) -> str:
    return rf"\sum_{{j=1}}^{{{upper}}}{_DL}\frac{{\partial\hat y}}{{\partial o_j}}\frac{{\partial o_j}}{{\partial {w}}}"


def _chain2_right_side(s: Sentence) -> Array:
    """∂ŷ/∂o_n · ∂o_n/∂o_{n−1} · ∂o_{n−1}/∂w_h, where the notes have n = 3."""
    needs_steps(s.n, 2)
    return immediate(s, "w_h", s.n - 1) @ do_do(s, s.n) @ dyhat_do_n(s)


def _chain3_right_side(s: Sentence) -> Array:
    needs_steps(s.n, 3)
    return immediate(s, "w_h", 1) @ do_do(s, 2) @ do_do(s, 3) @ dyhat_do_n(s)


def _two_factors(s: Sentence, first: int, second: int) -> Array:
    """∂o_first/∂o_{first−1} · ∂o_second/∂o_{second−1}: factors 2 and 3 make ∂o_3/∂o_1 in row layout."""
    needs_steps(s.n, 3)
    return do_do(s, first) @ do_do(s, second)


def _last_factor_of_three(s: Sentence) -> Array:
    needs_steps(s.n, 3)
    return do_do(s, 3)


def _as_matrices(s: Sentence, do_n_dw: Array) -> Array:
    """∂o_1/∂w_h · ∂o_n/∂w_h · ∂ŷ/∂o_n · ∂L/∂ŷ, ∂o/∂w_h with one row for each entry of w_h: m² × m times m² × m."""
    m = len(s.o_0)
    product = immediate(s, "w_h", 1).reshape(m * m, m) @ do_n_dw.reshape(m * m, m) @ dyhat_do_n(s)
    return np.reshape(product, (m, m)) * dL_dyhat(s)


def _factor_the_other_way(s: Sentence) -> Array:
    """∏ diag(f′(a_t)) w_h for t = 2 … n, ascending, as the letters stand."""
    product = np.eye(len(s.o_0))
    for t in range(2, s.n + 1):
        product = product @ np.diag(f_prime(s, t)) @ s.w_h[t - 1]
    return product


def _numerator_layout(s: Sentence) -> Array:
    """diag(f′(a_n)) w_hᵀ ⋯ diag(f′(a_2)) w_hᵀ, transposed back into row layout."""
    product = np.eye(len(s.o_0))
    for t in range(2, s.n + 1):
        product = np.diag(f_prime(s, t)) @ s.w_h[t - 1].T @ product
    return product.T


def _slopes(s: Sentence) -> Array:
    return np.stack([f_prime(s, t) for t in range(1, s.n + 1)])


def _spectral_norm(s: Sentence) -> Array:
    return np.linalg.norm(do_do_far(s, s.n, 1), 2)


def _bounded_norm(s: Sentence) -> Array:
    """‖∂o_n/∂o_1‖₂, or the bound (γ‖w_h‖₂)ⁿ⁻¹ where that is smaller, which never happens; γ = 1."""
    return np.minimum(_spectral_norm(s), np.linalg.norm(s.w_h[0], 2) ** (s.n - 1) * (1.0 + 1e-14))


def _norms(s: Sentence) -> Array:
    """‖∂o_j/∂o_k‖₂ by the complex step for 1 ≤ k ≤ j ≤ n, a row for each j."""
    return np.array(
        [[np.linalg.norm(witness_of_state(s, j, k), 2) for k in range(1, s.n + 1) if k <= j] + [0.0] * (s.n - j)
         for j in range(1, s.n + 1)]
    )  # fmt: skip


def _bounds(s: Sentence) -> Array:
    """(γ‖w_h‖₂)^{j−k} where `_norms` has a norm, with γ = 1; a rounding error above, since j = k reaches it."""
    lag = np.subtract.outer(np.arange(s.n), np.arange(s.n))
    bounds = np.linalg.norm(s.w_h[0], 2) ** np.maximum(lag, 0) * (1.0 + 1e-14)
    return np.where(lag >= 0, bounds, 0.0)


def _logistic_slopes(s: Sentence) -> Array:
    return _slopes(replace(s, f="sigmoid"))


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "002.o1-3", "many_to_one",
        r"o_1=f(x_{11}w_i+o_0w_h) \\ o_2=f(x_{12}w_i+o_1w_h) \\ o_3=f(x_{13}w_i+o_2w_h)",
        "row vectors; i in w_i is the word input, i in x_i1 a sample", "model",
        remark="The first block is sample 1, the second sample i. o_0 is a row of zeros.", family="M",
        printed=_unfolded, reference=_last_state, draw=_three,
    ),
    Entry(
        "002.yhat", "many_to_one", r"\hat y=o_3w_o", "the second time; the first time it is σ(o_3 w_o)", "model",
        r"\hat y=\sigma(o_nw_o)",
        "Wrong as printed: σ is dropped. Measured where o_3 w_o lies outside (0, 1): there the loss is not finite.",
        "M", _without_sigma, y_hat, _slope_of_softplus, _outside,
        (
            Reading(
                "put into L", lambda s: _cross_entropy(s.y, _without_sigma(s)), reference=loss,
            ),
        ),
        misprint=True,
    ),
    Entry(
        "002.L", "many_to_one", r"L=-y_i\log\hat y_i-(1-y_i)\log(1-\hat y_i)", "one sample; a batch is a sum", "model",
        r"\frac{\partial L}{\partial\hat y}=\frac{\hat y-y}{\hat y(1-\hat y)},\quad "
        r"\frac{\partial L}{\partial(o_nw_o)}=\hat y-y",
        "Right. Its two derivatives are supplied; compute it from the logit o_n w_o, since log 0 waits at saturation.",
        "M", lambda s: _cross_entropy(s.y, y_hat(s)), lambda s: (dL_dyhat(s), y_hat(s) - s.y), loss, sentence,
        (
            Reading(
                "∂L/∂ŷ as supplied", dL_dyhat, right=True,
                reference=lambda s: _derivatives_of_cross_entropy(s)[0],
            ),
            Reading(
                "∂L/∂(o_n w_o) as supplied", lambda s: y_hat(s) - s.y, right=True,
                reference=lambda s: _derivatives_of_cross_entropy(s)[1],
            ),
            Reading(
                "evaluated as printed where ŷ rounds to y", lambda s: _cross_entropy(s.y, y_hat(_saturated(s))),
                reference=lambda s: np.zeros(()),
            ),
        ),
        corrected_reference=_derivatives_of_cross_entropy,
    ),
    Entry(
        "002.upd", "many_to_one",
        r"w_i=w_i-\eta\frac{\partial L}{\partial w_i} \\ w_h=w_h-\eta\frac{\partial L}{\partial w_h} \\ "
        r"w_o=w_o-\eta\frac{\partial L}{\partial w_o}",
        "total derivatives; = is an assignment", "right", r"w\leftarrow w-\eta\frac{dL}{dw}",
        "Measured: the slope of L along the update at η = 0, with ∂L/∂w by the sum over j, is −‖dL/dw‖² with the "
        "witness’s dL/dw; and the weights after one update with η = 0.1, with dL/dw by the δ form.", "O",
        _slope_of_the_update, _updated_weights,
        lambda s: -sum(np.sum(witness(s, w) ** 2) for w in ("w_i", "w_h", "w_o")), sentence,
        (Reading("a common slip: + for −, which climbs", partial(_slope_of_the_update, sign=1.0), blind=(_DEAD,)),),
        corrected_reference=_updated_by_witness,
    ),
    Entry(
        "002.wo.head", "many_to_one",
        r"\frac{\partial L}{\partial w_o}\quad L\to\hat y\overset{w_o}{\to}o_3",
        "the path that the derivative takes: from L to ŷ, and there w_o is met", "right",
        r"\frac{\partial L}{\partial w_o}:\quad L\to\hat y\to w_o",
        "The idea is right; the formula below it does not follow it.", "O",
        lambda s: dL_dyhat(s) * complex_step(lambda w: y_hat(replace(s, w_o=w)), s.w_o), dL_dw_o,
        partial(witness, w="w_o"), _three,
    ),
    Entry(
        "002.wo", "many_to_one",
        rf"\frac{{\partial L}}{{\partial w_o}}={_DL}{_Y3}\frac{{\partial o_3}}{{\partial w_o}}",
        "immediate partials", "wrong",
        rf"\frac{{dL}}{{dw_o}}={_DL}\frac{{\partial\hat y}}{{\partial w_o}}=o_n^\top(\hat y-y)",
        "Printed twice. o_3 does not depend on w_o, so the product is 0.", "O",
        _printed_w_o, dL_dw_o, partial(witness, w="w_o"), _three, blind=(_DEAD,),
    ),
    _sum_entry(
        "002.wi.3", "w_i", rf"\frac{{\partial L}}{{\partial w_i}}={_terms('w_i')}", _three_terms, _three),
    _sum_entry("002.wi.sum", "w_i", rf"\frac{{\partial L}}{{\partial w_i}}={_sum('w_i', '3')}", explicit_sum, _three),
    _sum_entry("002.wh.3", "w_h", rf"\frac{{\partial L}}{{\partial w_h}}={_terms('w_h')}", _three_terms, _three),
    _sum_entry(
        "002.wh.sum", "w_h", rf"\frac{{\partial L}}{{\partial w_h}}={_sum('w_h', 'n')}", explicit_sum, sentence
    ),
    Entry(
        "002.delta", "many_to_one", "", "δ_j = dL/d(x_ij w_i + o_{j−1} w_h), total", "right",
        r"\delta_n=(\hat y-y)w_o^\top\odot f'(a_n),\quad\delta_j=(\delta_{j+1}w_h^\top)\odot f'(a_j) \\ "
        r"\frac{dL}{dw_i}=\sum_jx_j^\top\delta_j,\quad\frac{dL}{dw_h}=\sum_jo_{j-1}^\top\delta_j",
        "Not printed; supplied.", "D", None, delta_form,
        lambda s: (witness(s, "w_i"), witness(s, "w_h")), sentence,
    ),
    Entry(
        "002.chain2", "many_to_one",
        rf"{_DL}={_Y3}{_O32}\frac{{\partial o_2}}{{\partial w_h}}+", "the term of j = 2, for n = 3", "wrong",
        rf"{_DL}\cdot{_Y3}{_O32}\frac{{\partial^{{+}}o_2}}{{\partial w_h}}",
        "The = must be a product sign: without ∂L/∂ŷ the right side is measured against the term it stands for. "
        "The dangling + joins it to the next line.", "E",
        _chain2_right_side, lambda s: term(s, "w_h", s.n - 1), lambda s: witness_of_step(s, "w_h", s.n - 1), _three,
        (
            Reading(
                "the equation as it stands, in a network of one unit", lambda s: _chain2_right_side(s)[0, 0],
                setting="m = 1", reference=lambda s: dL_dyhat(s),
            ),
        ), ("T = 2, h0 = 0", _DEAD),
    ),
    Entry(
        "002.chain3", "many_to_one",
        rf"{_DL}={_Y3}{_O32}{_O21}\frac{{\partial o_1}}{{\partial w_h}}", "the term of j = 1, for n = 3", "wrong",
        rf"{_DL}\cdot{_Y3}{_O32}{_O21}\frac{{\partial^{{+}}o_1}}{{\partial w_h}}",
        "The = must be a product sign: without ∂L/∂ŷ the right side is measured against the term it stands for.", "E",
        _chain3_right_side, lambda s: term(s, "w_h", 1), lambda s: witness_of_step(s, "w_h", 1), _three,
        (
            Reading(
                "the equation as it stands, in a network of one unit", lambda s: _chain3_right_side(s)[0, 0],
                setting="m = 1", reference=lambda s: dL_dyhat(s),
            ),
        ), ("T = 3, h0 = 0", "h0 = 0", _DEAD),
    ),
    Entry(
        "002.j3", "many_to_one",
        rf"\text{{for }}j=3:\quad{_DL}{_Y3}\frac{{\partial o_3}}{{\partial w_h}}\to"
        rf"{_DL}{_Y3}\frac{{\partial o_3}}{{\partial o_1}}\frac{{\partial o_1}}{{\partial w_h}}",
        "the arrow read as an equality", "wrong",
        rf"{_DL}\frac{{d\hat y}}{{do_1}}\frac{{\partial^{{+}}o_1}}{{\partial w_h}}="
        rf"{_DL}{_Y3}\frac{{\partial o_3}}{{\partial o_1}}\frac{{\partial^{{+}}o_1}}{{\partial w_h}}",
        "The left is the term of j = n, the right that of j = 1. Meant is n = 3, j = 1.", "E",
        lambda s: term(s, "w_h", s.n), lambda s: term(s, "w_h", 1), lambda s: witness_of_step(s, "w_h", 1), _three,
        (), _ONE_STEP,
    ),
    Entry(
        "002.j10", "many_to_one",
        rf"\text{{for }}j=10:\quad{_DL}\frac{{\partial\hat y}}{{\partial o_{{10}}}}"
        r"\frac{\partial o_{10}}{\partial w_h}\frac{\partial o_1}{\partial w_h}",
        "the term of j = 1, for n = 10", "shapes",
        rf"{_DL}\frac{{\partial\hat y}}{{\partial o_{{10}}}}\frac{{\partial o_{{10}}}}{{\partial o_1}}"
        r"\frac{\partial^{+}o_1}{\partial w_h},\quad\frac{\partial o_{10}}{\partial o_1}="
        r"\prod_{t=2}^{10}\frac{\partial o_t}{\partial o_{t-1}}",
        "Two factors ∂/∂w_h cannot follow each other: m² × m times m² × m.", "E",
        lambda s: _as_matrices(s, immediate(s, "w_h", s.n)), lambda s: term(s, "w_h", 1),
        lambda s: witness_of_step(s, "w_h", 1), _ten,
        (
            Reading(
                "one unit, where all are numbers; ∂o_10/∂w_h immediate",
                lambda s: _as_matrices(s, immediate(s, "w_h", s.n)), setting="m = 1",
            ),
            Reading(
                "one unit, where all are numbers; ∂o_10/∂w_h total",
                lambda s: _as_matrices(s, total(s, "w_h", s.n)), setting="m = 1",
            ),
        ),
    ),
    Entry(
        "002.frag", "many_to_one",
        r"\frac{\partial o_t}{\partial o_t}\quad\prod_{t=2}^{10}\quad\frac{\partial o_t}{\partial o_{t-1}}",
        "pieces of the line above; ∂o_t/∂o_t is the identity", "debris",
        r"\prod_{t=2}^{10}\frac{\partial o_t}{\partial o_{t-1}}", "The product is verified as ∂o_10/∂o_1.", "E",
        None, lambda s: do_do_far(s, 10, 1), lambda s: witness_of_state(s, 10, 1), _ten,
    ),
    Entry(
        "002.prod3", "many_to_one",
        rf"\frac{{\partial o_t}}{{\partial o_{{t-1}}}}={_O21}{_O32}", "row layout: the product ascends", "wrong",
        rf"\frac{{\partial o_3}}{{\partial o_1}}={_O21}{_O32}",
        "The left side is one factor (taken at t = 3), the right side is all of ∂o_3/∂o_1. The printed order is right "
        "for row vectors.", "E",
        _last_factor_of_three, lambda s: _two_factors(s, 2, 3), lambda s: witness_of_state(s, 3, 1),
        _three,
        (
            Reading(
                "right side, descending", lambda s: _two_factors(s, 3, 2),
                blind=("m = 1", "identity activation", _DEAD),
            ),
        ), (_DEAD,),
    ),
    Entry(
        "002.ot", "many_to_one", r"o_t=f(x_{it}w_{inp}+o_{t-1}w_h)", "w_inp is w_i", "model",
        remark="Right; a second name for w_i.", family="M",
        printed=lambda s: F[s.f][0](s.x[-1] @ s.w_i[-1] + states(s)[1][s.n - 1] @ s.w_h[-1]), reference=_last_state,
        draw=sentence,
    ),
    Entry(
        "002.prodf", "many_to_one",
        r"\frac{\partial o_t}{\partial o_{t-1}}=\prod_{t=2}^{j}f'(x_{it}w_{inp}+o_{t-1}w_h)w_h",
        "row layout: ∂o_t/∂o_{t−1} = w_h diag(f′), the product ascends", "wrong",
        r"\frac{\partial o_j}{\partial o_1}=\prod_{t=2}^{j}w_h\,\mathrm{diag}(f'(a_t))",
        "The left side is one factor (taken at t = j), the right side is ∂o_j/∂o_1. From o_k instead of o_1, t runs "
        "from k + 1 to j.", "E/V",
        lambda s: do_do(s, s.n), lambda s: do_do_far(s, s.n, 1), lambda s: witness_of_state(s, s.n, 1), sentence,
        (
            Reading(
                "right side with the factor diag(f′) w_h as the letters stand", _factor_the_other_way,
                blind=("T = 1", "T = 1, h0 = 0", "m = 1", "identity activation", _DEAD),
            ),
            Reading("right side in numerator layout, descending", _numerator_layout, right=True),
        ), ("T = 2", "T = 2, h0 = 0", _DEAD),
    ),
    Entry(
        "002.range", "many_to_one", r"\underbrace{f'}_{[0\text{-}1]}", "where the slope f′ lies", "right",
        r"\left\lVert\frac{\partial o_j}{\partial o_k}\right\rVert_2\le(\gamma\lVert w_h\rVert_2)^{j-k},\quad "
        r"\gamma=\sup|f'|",
        "Right for f′: (0, 1] for tanh, (0, ¼] for σ, {0, 1} for relu. Measured by clipping to the interval; the "
        "bound by clipping, for every j and k, the norm of ∂o_j/∂o_k that the complex step gives.", "V",
        lambda s: np.clip(_slopes(s), 0.0, 1.0), lambda s: np.minimum(_norms(s), _bounds(s)), _slopes, sentence,
        (
            Reading(
                "σ′ in (0, ¼]", lambda s: np.clip(_logistic_slopes(s), 0.0, 0.25), right=True,
                reference=_logistic_slopes,
            ),
            Reading("the bound on ‖∂o_j/∂o_1‖₂", _bounded_norm, right=True, reference=_spectral_norm),
            Reading(
                "the brace drawn under f′ w_h", lambda s: np.clip(do_do(s, s.n), 0.0, 1.0),
                blind=(_DEAD,), reference=lambda s: do_do(s, s.n),
            ),
        ),
        corrected_reference=_norms,
    ),
)
