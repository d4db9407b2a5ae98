"""Every formula of Hao Ni's slides, as printed and corrected, with functions that evaluate both."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .entry import Entry, Evaluate, Reading, needs_steps
from .hao_ni_formulas import (
    FUNCTIONS,
    Array,
    E,
    J,
    L,
    Sequence,
    dE_do,
    delta_form,
    do_ds,
    do_dV,
    explicit_sum,
    fix_a,
    fix_b,
    gradient_of_step,
    immediate,
    outputs,
    printed_algorithm,
    product,
    recursion,
    row_vector_form,
    sequence,
    states,
    through,
    witness,
    witness_of_state,
)
from .measuring import complex_step

_six = partial(sequence, T=6)
# What a dead relu hides is everything: s_t = 0 and h′ = 0, so that both sides are 0.
_DEAD = "dead relu"
_NO_EFFECT_OF_W = ("T = 1, h0 = 0", _DEAD)
_SUM = (
    r"\frac{{ds_t}}{{d{w}}}=\frac{{\partial s_t}}{{\partial {w}}}+\sum_{{k=0}}^{{t-1}}"
    r"\Big(\prod_{{j=k+1}}^{{t}}\frac{{\partial s_j}}{{\partial s_{{j-1}}}}\Big)\frac{{\partial s_k}}{{\partial {w}}}"
)


def _last(evaluate: Any, *rest: Any, **more: Any) -> Evaluate:
    """A function of (sequence, …, t) at t = T."""
    return lambda q: evaluate(q, *rest, q.T, **more)


def _both(evaluate: Any) -> Evaluate:
    """A function of (sequence, w) for U and for W."""
    return lambda q: (evaluate(q, "U"), evaluate(q, "W"))


def _state_witness(q: Sequence, w: str) -> Array:
    return witness_of_state(q, w, q.T)


def _step_witness(q: Sequence, w: str) -> Array:
    return witness(q, w, lambda moved: E(moved, q.T))


def _loss_witness(q: Sequence, w: str) -> Array:
    return witness(q, w, L)


def _dEdV(q: Sequence, t: int) -> Array:
    return np.tensordot(dE_do(q, t), do_dV(q, t), axes=1)


def _dEdU_middle(q: Sequence) -> Array:
    """∂E_T/∂o_T · ∂o_T/∂U with s_T held fixed, as ∂ says; found by the complex step: g(V s_T) holds no U."""
    s_T = states(q)[q.T]
    do_dU = complex_step(lambda U: FUNCTIONS[q.g][0](q.V @ s_T) + 0.0 * np.sum(U), q.U)
    return np.tensordot(dE_do(q, q.T), do_dU, axes=1)


def _dEdU_total(q: Sequence) -> Array:
    """∂E_T/∂o_T · do_T/dU, the middle member with d."""
    return np.tensordot(dE_do(q, q.T), through(do_ds(q, q.T), recursion(q, "U", q.T)), axes=1)


def _dE_do_witness(q: Sequence) -> Array:
    return complex_step(lambda o: np.sum((o - q.y[-1]) ** 2), outputs(q)[q.T])


def _do_ds_entry_by_entry(q: Sequence) -> Array:
    """V_ij g′(Σ_k V_ik s_T^(k)), entry by entry."""
    g_dash, s_T = FUNCTIONS[q.g][1], states(q)[q.T]
    e, n_1 = q.V.shape
    sums = [sum(q.V[i, k] * s_T[k] for k in range(n_1)) for i in range(e)]
    return np.array([[q.V[i, j] * g_dash(sums[i]) for j in range(n_1)] for i in range(e)])


def _difference_of_outputs(q: Sequence) -> Array:
    return complex_step(lambda s: FUNCTIONS[q.g][0](q.V @ s), states(q)[q.T])


def _unrolled_once(q: Sequence, w: str) -> Array:
    """∂s_T/∂w + J_T(∂s_{T−1}/∂w + J_{T−1} ds_{T−2}/dw)."""
    T = q.T
    needs_steps(T, 2)
    inner = immediate(q, w, T - 1) + through(J(q, T - 1), recursion(q, w, T - 2))
    return immediate(q, w, T) + through(J(q, T), inner)


def _from_another_start(q: Sequence, w: str) -> Array:
    """The recursion from ds_0/dw = ∂s_1/∂w in place of 0."""
    return recursion(q, w, q.T) + through(product(q, q.T, 0), immediate(q, w, 1))


def _wrapped(q: Sequence, w: str) -> Array:
    """The sum from k = 0 with x_0 = x[−1] and s_{−1} = s[−1], as a program that follows the letters has it."""
    return explicit_sum(q, w, q.T) + through(product(q, q.T, 0), immediate(q, w, 0))


def _from_zero(q: Sequence, w: str) -> Array:
    """∂s_T/∂w + Σ_{k=0}^{T−1} (…) ∂s_k/∂w as it is printed, with ∂s_0/∂w := 0."""
    partials = {0: 0.0 * immediate(q, w, 1)} | {k: immediate(q, w, k) for k in range(1, q.T)}
    return immediate(q, w, q.T) + sum(through(product(q, q.T, k), partials[k]) for k in range(q.T))


def _from_one(q: Sequence, w: str) -> Array:
    return explicit_sum(q, w, q.T)


def _ascending(q: Sequence, w: str) -> Array:
    return explicit_sum(q, w, q.T, ascending=True)


def _all_six(q: Sequence, evaluate: Any) -> tuple[Array, ...]:
    return tuple(evaluate(q, w, t) for w in ("U", "W") for t in range(1, q.T + 1))


def _arbitrary(q: Sequence) -> tuple[Array, Array]:
    """Whole numbers for J_1 … J_T, (T, n₁, n₁), and for ∂s_1/∂θ … ∂s_T/∂θ, (T, n₁, 3): no network, and no rounding."""
    rng, n_1 = np.random.default_rng(abs(int(1e6 * q.W[0, 0]))), len(q.s_0)
    return rng.integers(-9, 10, (q.T, n_1, n_1)), rng.integers(-9, 10, (q.T, n_1, 3))


def _sum_of_arbitrary(q: Sequence, t: int, ascending: bool = False) -> Array:
    """Σ_{k=1}^{t} J_t ⋯ J_{k+1} b_k."""
    jacobians, b = _arbitrary(q)
    total = np.zeros_like(b[0])
    for k in range(1, t + 1):
        z = np.eye(len(q.s_0), dtype=int)
        for j in range(k + 1, t + 1):
            z = z @ jacobians[j - 1] if ascending else jacobians[j - 1] @ z
        total = total + z @ b[k - 1]
    return total


def _next_of_arbitrary(q: Sequence, t: int, ascending: bool = False) -> Array:
    """b_t + J_t times the sum of t − 1: what the sum of t must be."""
    jacobians, b = _arbitrary(q)
    return b[t - 1] + jacobians[t - 1] @ _sum_of_arbitrary(q, t - 1, ascending)


def _induction(q: Sequence, evaluate: Any) -> tuple[Array, ...]:
    return tuple(evaluate(q, t) for t in range(1, q.T + 1))


def _printed_from_init(q: Sequence, w: str) -> Array:
    return printed_algorithm(q, w, immediate(q, w, q.T))


def _printed_from_zero(q: Sequence, w: str) -> Array:
    return printed_algorithm(q, w, 0.0 * immediate(q, w, q.T))


def _fix_a(q: Sequence, w: str) -> Array:
    return fix_a(q, w, immediate(q, w, q.T))


def _fix_b(q: Sequence, w: str) -> Array:
    return fix_b(q, w)[0]


def _last_z_for_every_step(q: Sequence, w: str) -> Array:
    """Σ_t ∂E_t/∂o_t ∂o_t/∂s_t ds_t/dw with the algorithm run once for every t."""
    runs = [Sequence(q.h, q.g, q.x[:t], q.y[:t], q.s_0, q.U, q.W, q.V) for t in range(1, q.T + 1)]
    return sum(through(dE_do(run, run.T) @ do_ds(run, run.T), _fix_b(run, w)) for run in runs)


def _last_step_alone(q: Sequence, w: str) -> Array:
    return through(dE_do(q, q.T) @ do_ds(q, q.T), _fix_b(q, w))


def _sum_entry(id_: str, w: str) -> Entry:
    ascending = ("T = 1", "T = 1, h0 = 0", "T = 2", "T = 2, h0 = 0", "m = 1", "identity activation", _DEAD)
    return Entry(
        id_, "hao_ni", _SUM.format(w=w), "left side total, the rest immediate; the product descends from t to k + 1",
        "right",
        rf"\frac{{ds_t}}{{d{w}}}=\sum_{{k=1}}^{{t}}J_tJ_{{t-1}}\cdots J_{{k+1}}\frac{{\partial s_k}}{{\partial {w}}},"
        r"\quad J_j=\frac{\partial s_j}{\partial s_{j-1}}",
        f"Right with ∂s_0/∂{w} := 0, and only so: the term of k = 0 speaks of x_0 and s_−1, which do not exist.", "E",
        partial(_from_zero, w=w), partial(_from_one, w=w), partial(_state_witness, w=w), sequence,
        (
            Reading("∂s_0/∂θ := 0, product descending", partial(_from_zero, w=w), right=True),
            Reading("k = 0 with x[-1] and s[-1], the last ones", partial(_wrapped, w=w), blind=(_DEAD,)),
            Reading(
                "product ascending", partial(_ascending, w=w),
                blind=ascending if w == "U" else (*ascending, "T = 3, h0 = 0"),
            ),
        ),
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "003.L", "hao_ni", r"L(\bar o,\bar y)=\sum_{t=1}^{T}E(o_t,y_t)", "a plain sum over time, no 1/T", "model",
        remark="Right. The slides call y_t the actual, o_t the estimated output.", family="M",
        printed=lambda q: sum(np.sum((outputs(q)[t] - q.y[t - 1]) ** 2) for t in range(1, q.T + 1)), reference=L,
        draw=sequence,
    ),
    Entry(
        "003.E", "hao_ni",
        r"E(o,y)=\lVert o-y\rVert_2^2,\quad\lVert x\rVert_2^2=\sum_{i=1}^{d}(x^{(i)})^2", "no ½", "model",
        remark="Right; the second equation is the slides' footnote.", family="M",
        printed=lambda q: np.linalg.norm(outputs(q)[q.T] - q.y[-1]) ** 2, reference=_last(E), draw=sequence,
    ),
    Entry(
        "003.dL", "hao_ni", "", "total", "right", r"\frac{dL}{d\theta}=\sum_{t=1}^{T}\frac{dE_t}{d\theta}",
        "Not printed; follows from the additive form.", "F", None,
        _both(lambda q, w: sum(gradient_of_step(q, w, t) for t in range(1, q.T + 1))), _both(_loss_witness), sequence,
    ),
    Entry(
        "003.dEdV", "hao_ni",
        r"\frac{dE_t}{dV}=\frac{\partial E_t}{\partial o_t}\cdot\frac{\partial o_t}{\partial V}",
        "total = partial: s_t does not depend on V", "right",
        r"\frac{dE_t}{dV}=\big(2(o_t-y_t)\odot g'(Vs_t)\big)s_t^\top", "", "O",
        _last(_dEdV),
        lambda q: np.outer(dE_do(q, q.T) * FUNCTIONS[q.g][1](q.V @ states(q)[q.T]), states(q)[q.T]),
        partial(_step_witness, w="V"), sequence,
    ),
    Entry(
        "003.dEdU", "hao_ni",
        r"\frac{dE_t}{dU}=\frac{\partial E_t}{\partial o_t}\cdot\frac{\partial o_t}{\partial U}="
        r"\frac{\partial E_t}{\partial o_t}\frac{\partial o_t}{\partial s_t}\cdot\frac{ds_t}{dU}",
        "d total, ∂ immediate, as everywhere else in the slides", "wrong",
        r"\frac{dE_t}{dU}=\frac{\partial E_t}{\partial o_t}\cdot\frac{do_t}{dU}="
        r"\frac{\partial E_t}{\partial o_t}\frac{\partial o_t}{\partial s_t}\cdot\frac{ds_t}{dU}",
        "The member in the middle is 0, since o_t = g(V s_t) holds no U; it is measured. The last one is right.",
        "F", _dEdU_middle, _dEdU_total, partial(_step_witness, w="U"), sequence,
        (Reading("last member", _last(gradient_of_step, "U"), right=True),), (_DEAD,),
    ),
    Entry(
        "003.dEdW", "hao_ni",
        r"\frac{dE_t}{dW}=\frac{\partial E_t}{\partial o_t}\frac{\partial o_t}{\partial s_t}\cdot\frac{ds_t}{dW}",
        "total; ds_t/dW total", "right", "", "", "F",
        _last(gradient_of_step, "W"), None, partial(_step_witness, w="W"), sequence,
        (
            Reading(
                "ds_t/dW immediate", lambda q: through(dE_do(q, q.T) @ do_ds(q, q.T), immediate(q, "W", q.T)),
                blind=("T = 1", "T = 1, h0 = 0", "T = 2, h0 = 0", _DEAD),
            ),
        ),
    ),
    Entry(
        "003.dEdo", "hao_ni", r"\frac{\partial E_t}{\partial o_t}=2(o_t-y_t)", "partial", "right",
        r"\frac{\partial E_t}{\partial o_t}=2(o_t-y_t)^\top",
        "Right; as a factor of the chain it must be the row.", "O",
        _last(dE_do), lambda q: dE_do(q, q.T)[None], _dE_do_witness, sequence,
        (
            Reading(
                "as a column in front of ∂o_t/∂s_t", lambda q: dE_do(q, q.T)[:, None] @ do_ds(q, q.T),
                reference=lambda q: complex_step(
                    lambda s: np.sum((FUNCTIONS[q.g][0](q.V @ s) - q.y[-1]) ** 2), states(q)[q.T]
                )[None],
            ),
            Reading(
                "as a row in front of ∂o_t/∂s_t", lambda q: dE_do(q, q.T)[None] @ do_ds(q, q.T), right=True,
                reference=lambda q: complex_step(
                    lambda s: np.sum((FUNCTIONS[q.g][0](q.V @ s) - q.y[-1]) ** 2), states(q)[q.T]
                )[None],
            ),
        ),
        corrected_reference=lambda q: _dE_do_witness(q)[None],
    ),
    Entry(
        "003.(1)", "hao_ni",
        r"\frac{\partial o_t}{\partial s_t}="
        r"\left(\frac{\partial o_t^{(i)}}{\partial s_t^{(j)}}\right)_{i\in[e],\,j\in[n_1]}",
        "partial, of shape (e, n₁): numerator layout", "right", "", "Fixes the layout of every product below.", "O",
        _last(do_ds), None, _difference_of_outputs, sequence,
    ),
    Entry(
        "003.(2)", "hao_ni",
        r"\frac{\partial o_t^{(i)}}{\partial s_t^{(j)}}=V_{ij}\,g'\Big(\sum_{k=1}^{n_1}V_{ik}s_t^{(k)}\Big)",
        "partial", "right", r"\frac{\partial o_t}{\partial s_t}=\mathrm{diag}(g'(Vs_t))V",
        "The lemma, and the lines of its proof.", "O",
        _do_ds_entry_by_entry, _last(do_ds), _difference_of_outputs, sequence,
    ),
    Entry(
        "003.doV", "hao_ni", "", "partial", "right",
        r"\frac{\partial o_t^{(i)}}{\partial V_{ab}}=\delta_{ia}\,g'((Vs_t)_a)\,s_t^{(b)}",
        "Left for the homework by the slides; supplied.", "O", None, _last(do_dV),
        lambda q: witness(q, "V", lambda moved: outputs(moved)[q.T]), sequence,
    ),
    Entry(
        "003.rec", "hao_ni",
        r"\frac{ds_t}{dU}=\frac{\partial s_t}{\partial U}+\frac{\partial s_t}{\partial s_{t-1}}\frac{ds_{t-1}}{dU} \\ "
        r"\frac{ds_t}{dW}=\frac{\partial s_t}{\partial W}+\frac{\partial s_t}{\partial s_{t-1}}\frac{ds_{t-1}}{dW}",
        "d total, ∂ immediate", "right", r"\frac{ds_0}{dU}=0,\quad\frac{ds_0}{dW}=0",
        "Right; the initial value is missing. It is 0: s_0 is given, and moving U or W does not move it.", "F",
        _both(lambda q, w: recursion(q, w, q.T)), _both(lambda q, w: recursion(q, w, 0)), _both(_state_witness),
        sequence,
        (
            Reading("from another initial value, ds_0/dθ = ∂s_1/∂θ", _both(_from_another_start),
                    blind=(_DEAD,)),
        ),
        corrected_reference=_both(lambda q, w: witness_of_state(q, w, 0)),
    ),
    Entry(
        "003.proof2", "hao_ni",
        r"\frac{ds_t}{dU}=\frac{\partial s_t}{\partial U}+\frac{\partial s_t}{\partial s_{t-1}}"
        r"\Big(\frac{\partial s_{t-1}}{\partial U}+\frac{\partial s_{t-1}}{\partial s_{t-2}}\frac{ds_{t-2}}{dU}\Big)",
        "the recursion put into itself", "right", "", "Right for t ≥ 2.", "F/E",
        partial(_unrolled_once, w="U"), None, partial(_state_witness, w="U"), sequence,
    ),
    _sum_entry("003.(3)", "U"),
    _sum_entry("003.(4)", "W"),
    Entry(
        "003.ind", "hao_ni", r"\text{the rigorous proof can be done by induction}", "no formula is displayed", "right",
        r"\frac{ds_t}{d\theta}=\sum_{k=1}^{t}J_t\cdots J_{k+1}\frac{\partial s_k}{\partial\theta}\quad(t=1,\dots,6)",
        "No proof is made here: for each of t = 1, …, 6 the sums (3) and (4) are held against the complex step. Below, "
        "the step of the induction in arbitrary matrices of whole numbers, where nothing is rounded.", "E",
        partial(_all_six, evaluate=explicit_sum), partial(_all_six, evaluate=recursion),
        partial(_all_six, evaluate=witness_of_state), _six,
        (
            Reading("J_t times the sum of t − 1, plus ∂s_t/∂θ, is the sum of t; in whole numbers",
                    partial(_induction, evaluate=_sum_of_arbitrary), right=True,
                    reference=partial(_induction, evaluate=_next_of_arbitrary)),
            Reading("the same with the product ascending",
                    partial(_induction, evaluate=partial(_sum_of_arbitrary, ascending=True)),
                    blind=("m = 1", "T = 1", "T = 1, h0 = 0", "T = 2", "T = 2, h0 = 0"),
                    reference=partial(_induction, evaluate=partial(_next_of_arbitrary, ascending=True))),
        ),
    ),
    Entry(
        "003.alg.1", "hao_ni", r"\text{Initialize }\frac{ds_T}{dU}\leftarrow\frac{\partial s_T}{\partial U}",
        "line 1 of the algorithm", "wrong",
        r"\frac{ds_T}{dU}\leftarrow\frac{\partial s_T}{\partial U},\quad"
        r"\frac{ds_T}{dW}\leftarrow\frac{\partial s_T}{\partial W}",
        "Line 6 adds to ds_T/dW, which was never set. Measured: ds_T/dW from 0, the other lines put right.", "Z",
        lambda q: fix_a(q, "W", 0.0 * immediate(q, "W", q.T)), partial(_fix_a, w="W"), partial(_state_witness, w="W"),
        sequence, (Reading("ds_T/dU, which is set", partial(_fix_a, w="U"), right=True,
                           reference=partial(_state_witness, w="U")),), _NO_EFFECT_OF_W,
    ),
    Entry(
        "003.alg.2", "hao_ni", r"\text{Initialize }z\to\mathbf{Id}_{n_1\times n_1}", "line 2 of the algorithm",
        "debris", r"z\leftarrow I_{n_1}",
        "The arrow points the wrong way: z is what is set. With z = I at first, fix B ends with z = ds_T/ds_0, as "
        "verified.", "Z", None, lambda q: fix_b(q, "W")[1],
        lambda q: complex_step(lambda s_0: states(Sequence(q.h, q.g, q.x, q.y, s_0, q.U, q.W, q.V))[q.T], q.s_0),
        sequence,
    ),
    Entry(
        "003.alg.3-6", "hao_ni",
        r"\text{for }t=T:-1:1\text{ do}\quad z\leftarrow z\frac{\partial s_t}{\partial s_{t-1}} \\ "
        r"\frac{ds_T}{dU}\leftarrow\frac{ds_T}{dU}+z\frac{\partial s_t}{\partial U} \\ "
        r"\frac{ds_T}{dW}\leftarrow\frac{ds_T}{dW}+z\frac{\partial s_t}{\partial W}",
        "lines 3 to 6; ds_T/dW is started at ∂s_T/∂W, which line 1 forgets", "wrong",
        r"\text{fix A, for }t=T,\dots,2:\quad z\leftarrow z\frac{\partial s_t}{\partial s_{t-1}},\quad"
        r"\frac{ds_T}{d\theta}\leftarrow\frac{ds_T}{d\theta}+z\frac{\partial s_{t-1}}{\partial\theta} \\ "
        r"\text{fix B, from }\frac{ds_T}{d\theta}\leftarrow0\text{, for }t=T,\dots,1:\quad"
        r"\frac{ds_T}{d\theta}\leftarrow\frac{ds_T}{d\theta}+z\frac{\partial s_t}{\partial\theta},\quad "
        r"z\leftarrow z\frac{\partial s_t}{\partial s_{t-1}}",
        "Off by one: after the update z is ∂s_T/∂s_{t−1}, and it multiplies a derivative of s_t. Wrong for U already "
        "at T = 1.", "Z",
        _both(_printed_from_init), _both(_fix_b), _both(_state_witness), sequence,
        (
            Reading("ds_T/dU", partial(_printed_from_init, w="U"), reference=partial(_state_witness, w="U"),
                    blind=(_DEAD,)),
            Reading("ds_T/dW from ∂s_T/∂W", partial(_printed_from_init, w="W"),
                    reference=partial(_state_witness, w="W"), blind=_NO_EFFECT_OF_W),
            Reading("ds_T/dW from 0, as line 1 leaves it", partial(_printed_from_zero, w="W"),
                    reference=partial(_state_witness, w="W"), blind=_NO_EFFECT_OF_W),
            Reading("fix A", _both(_fix_a), right=True),
            Reading("fix B", _both(_fix_b), right=True),
        ), (_DEAD,),
    ),
    Entry(
        "003.alg.8", "hao_ni", r"\text{Output }\frac{ds_T}{dU}\text{ and }\frac{ds_T}{dW}",
        "line 8, lines 1 to 6 put right", "right",
        r"\lambda\leftarrow\lambda J_t+\frac{\partial E_{t-1}}{\partial o_{t-1}}\frac{\partial o_{t-1}}"
        r"{\partial s_{t-1}}",
        "Right, but of the last step only: L = Σ E_t needs ds_t/dθ for every t, and z for each, O(T²). Carrying the "
        "row λ = dL/ds_t instead of z serves all t in one pass, O(T): that is the δ form.", "Z/D",
        _both(_fix_b), _both(row_vector_form), _both(_state_witness), sequence,
        (
            Reading("∂E_T/∂o_T ∂o_T/∂s_T ds_T/dθ taken for dL/dθ", _both(_last_step_alone),
                    reference=_both(_loss_witness), blind=("T = 1", "T = 1, h0 = 0", _DEAD)),
            Reading("run for every t, for dL/dθ", _both(_last_z_for_every_step), right=True,
                    reference=_both(_loss_witness)),
            Reading("λ for z, for dL/dθ", _both(row_vector_form), right=True, reference=_both(_loss_witness)),
        ),
        corrected_reference=_both(_loss_witness),
    ),
    Entry(
        "003.delta", "hao_ni", "", "δ_t = dL/d(U x_t + W s_{t−1}), total", "right",
        r"\delta_t=\big(W^\top\delta_{t+1}+V^\top(2(o_t-y_t)\odot g'(Vs_t))\big)\odot h'(Ux_t+Ws_{t-1}) \\ "
        r"\frac{dL}{dU}=\sum_t\delta_tx_t^\top,\quad\frac{dL}{dW}=\sum_t\delta_ts_{t-1}^\top",
        "Not printed; supplied.", "D", None, delta_form, _both(_loss_witness), sequence,
    ),
)
