"""Break one line of a closed form, and the test that is named here fails: an index, an order, a total for an immediate.

Every break is made in a copy of the whole room, which the named test is then run with in this process.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tinygrad_rnn.bptt
from tests.bptt import test_analysis as analysis
from tests.bptt import test_contributions as contributions
from tests.bptt import test_delta as delta
from tests.bptt import test_families as families
from tests.bptt import test_randomised as randomised
from tests.bptt import test_truncation as truncation
from tinygrad_rnn.spec import Sizes, Spec

ROOM = Path(tinygrad_rnn.bptt.__file__).parent
SEEING, LINEAR = families.SEEING, (Spec("col", activation="identity"), families.DEEP)
Test = Callable[..., None]

by_step = families.test_every_family_equals_the_complex_step_of_a_plain_python_network
by_entry = contributions.test_every_entry_is_the_gradient_of_a_copy_of_the_parameter_used_at_that_step_only
by_delta = delta.test_every_gradient_equals_the_complex_step_of_a_plain_python_network
by_mean = randomised.test_the_mean_over_every_cut_pattern_is_the_gradient
by_weights = randomised.test_artbp_is_d2l_recursive_run_backwards_and_both_are_weights_on_contributions

# name -> (file, text, instead, test that must fail, its arguments)
BREAKS: dict[str, tuple[str, str, str, Test, tuple[Any, ...]]] = {
    "C, one step off": ("contributions.py", "h[k - 1].T @ v", "h[k].T @ v", by_entry, (SEEING,)),
    "C, product order ascending": (
        "contributions.py",
        "        for k in range(t, 0, -1):\n",
        "        first = e\n"
        "        for k in range(t, 0, -1):\n"
        "            e = first\n"
        "            for j in range(k + 1, t + 1):\n"
        "                e = (e * PHI_PRIME[spec.activation](a[j - 1])) @ W.T\n",
        by_entry, (SEEING,),
    ),
    "C, total for the immediate partial": (
        "contributions.py",
        "terms.append(as_given(spec, params, immediate))",
        "terms.append({n: (t - k + 1) * g for n, g in as_given(spec, params, immediate).items()})",
        by_entry, (SEEING,),
    ),
    "D, one step off": (
        "delta.py", "h[t - 1].T @ deltas[t - 1]", "h[t].T @ deltas[t - 1]", by_delta, (SEEING,),
    ),
    "D, factors of the product swapped": (
        "delta.py",
        "        h_bar = delta @ W.T\n",
        "        h_bar = (h_bars[-1] @ W.T) * PHI_PRIME[spec.activation](a[t]) if h_bars else delta\n",
        by_delta, (SEEING,),
    ),
    "D, total for the immediate partial": (
        "delta.py",
        "deltas.append(delta)",
        "deltas.append(delta + (deltas[-1] @ W.T) * PHI_PRIME[spec.activation](a[t - 1]) if deltas else delta)",
        by_delta, (SEEING,),
    ),
    "E with vectors, first step left out": (
        "explicit.py", "range(t, 0, -1)", "range(t, 1, -1)", by_step, ("explicit_sum", SEEING),
    ),
    "E with vectors, one Jacobian too many": (
        "explicit.py",
        "            yield t, k, parts.times_immediate(v, k)\n            v = parts.times_J(v, k)\n",
        "            v = parts.times_J(v, k)\n            yield t, k, parts.times_immediate(v, k)\n",
        by_step, ("explicit_sum", SEEING),
    ),
    "E with vectors, product order ascending": (
        "explicit.py",
        "            v = parts.times_J(v, k)\n",
        "            v = parts.e(t)\n            for j in range(k, t + 1):\n                v = parts.times_J(v, j)\n",
        by_step, ("explicit_sum", SEEING),
    ),
    "E with vectors, total for the immediate partial": (
        "explicit.py", "parts.times_immediate(v, k)", "parts.times_immediate((t - k + 1) * v, k)",
        by_step, ("explicit_sum", SEEING),
    ),
    "E with matrices, one Jacobian too many": (
        "explicit.py", "if t > k:", "if t >= k:", by_step, ("explicit_matrix_sum", SEEING),
    ),
    "E with matrices, product order ascending": (
        "explicit.py", "jacobians[t] @ product", "product @ jacobians[t]", by_step, ("explicit_matrix_sum", SEEING),
    ),
    "E with matrices, total for the immediate partial": (
        "explicit.py",
        "        immediate = parts.immediate(k)\n",
        "        from .factors import matrix_times\n"
        "        before = matrix_times(jacobians[k], immediate) if k > 1 else {}\n"
        "        immediate = added([parts.immediate(k), before])\n",
        by_step, ("explicit_matrix_sum", SEEING),
    ),
    "F, one step off": ("rtrl.py", "row_times(parts.e(1), self.S)", "row_times(parts.e(1), carried)",
        families.test_rtrl_after_every_step_is_the_gradient_of_the_losses_so_far, (SEEING[0],),
    ),
    "F, the Jacobian of the other layout": (
        "rtrl.py", "matrix_times(parts.J(1), self.S)", "matrix_times(parts.J(1).swapaxes(1, 2), self.S)",
        families.test_rtrl_carries_the_total_derivative_of_the_state, (),
    ),
    "F, total for the immediate partial": (
        "rtrl.py",
        "immediate = parts.immediate(1)",
        "immediate = added([parts.immediate(1), matrix_times(parts.J(1), self.S)])",
        families.test_rtrl_after_every_step_is_the_gradient_of_the_losses_so_far, (SEEING[0],),
    ),
    "F, after the last step instead of after every step": (
        "rtrl.py", "added([gradients, row_times", "added([row_times",
        families.test_f_after_every_step_is_the_next_row_sum_of_the_table, (False,),
    ),
    "Z, the index of the slides' algorithm": (
        "products.py",
        "        accumulated = added([accumulated, parts.matrix_times_immediate(z, k)])\n        z = z @ parts.J(k)\n",
        "        z = z @ parts.J(k)\n        accumulated = added([accumulated, parts.matrix_times_immediate(z, k)])\n",
        by_step, ("reverse_products", SEEING),
    ),
    "Z, product order ascending": (
        "products.py", "z = z @ parts.J(k)", "z = parts.J(k) @ z",
        families.test_z_for_each_final_step_is_one_row_sum_of_the_table, (),
    ),
    "Z, total for the immediate partial": (
        "products.py", "times_immediate(z, k)", "times_immediate((t - k + 1) * z, k)",
        by_step, ("reverse_products", SEEING),
    ),
    "P, one power too many": (
        "powers.py", "powers[s - t]", "powers[min(s - t + 1, parts.T - 1)]", by_step, ("matrix_powers", LINEAR),
    ),
    "P, powers of the transpose": (
        "powers.py", "powers[-1] @ W.T", "powers[-1] @ W", by_step, ("matrix_powers", LINEAR),
    ),
    "P, total for the immediate partial": (
        "powers.py", "sum(e[s] @", "sum((s - t + 1) * e[s] @",
        families.test_d_and_p_are_column_sums_of_the_table, (),
    ),
    "factors, state one step off": (
        "factors.py", 'else self.states[k - 1]\n', 'else self.states[k]\n', by_step, ("rtrl", SEEING),
    ),
    "factors, W diag(φ′) for diag(φ′) W": (
        "factors.py", "self.slopes[t - 1][:, :, None] * ", "self.slopes[t - 1][:, None, :] * ",
        by_step, ("reverse_products", SEEING),
    ),
    "factors, the slope left out of the immediate partial": (
        "factors.py", "v = v * self.slopes[k - 1]\n", "v = 1.0 * v\n", by_step, ("explicit_sum", SEEING),
    ),
    "max_lag, one lag short": (
        "truncation.py", "(t - k <= tau)", "(t - k < tau)", truncation.test_a_lag_of_tau_itself_is_kept, (),
    ),
    "Williams and Peng, one step too far": (
        "truncation.py", "end_of_block - k2 + 1", "end_of_block - k2",
        truncation.test_williams_peng_keeps_what_its_passes_reach_and_reaches_nothing_twice, (7,),
    ),
    "detached, chunks one step late": (
        "truncation.py", "(step - 1) // k == (t - 1) // k", "step // k == t // k",
        truncation.test_detaching_every_k_keeps_what_a_walk_back_to_the_last_detached_state_reaches, (7,),
    ),
    "bias, of what is kept": (
        "truncation.py", "1 - check_mask(mask, parts.T)", "check_mask(mask, parts.T)",
        truncation.test_the_bias_of_a_truncation_is_exactly_what_it_leaves_out, ((Spec(), Sizes(7, 2, 2, 3, 2)),),
    ),
    "d2l, a weight too many": (
        "randomised.py", "xi[t] * parts.J(t), z", "xi[t] ** 2 * parts.J(t), z",
        by_mean, (randomised.ESTIMATORS["d2l recursive"], SEEING[0]),
    ),
    "d2l one step, run recursively": (
        "randomised.py", "        derivative = added([immediate, carried])\n",
        "        derivative = added([immediate, {n: xi[t] * a for n, a in carried.items()}])\n",
        randomised.test_one_step_truncation_weighs_every_earlier_contribution_alike, (),
    ),
    "ARTBP, the cut one boundary off": (
        "randomised.py", "delta = xi[t + 1] * ", "delta = xi[t] * ", by_weights, (SEEING[0],),
    ),
    "ARTBP, without its weights": (
        "randomised.py", "keep if reweigh else", "keep if not reweigh else",
        by_mean, (randomised.ESTIMATORS["ARTBP"], SEEING[0]),
    ),
    "second moments, of the wrong boundary": (
        "randomised.py", "1.0 / keep[j - 1] for j", "1.0 / keep[j - 2] for j",
        randomised.test_the_weight_on_each_contribution_has_mean_1_and_the_second_moment_of_its_lag, (),
    ),
    "V, the slope of a sigmoid": (
        "bounds.py", '"sigmoid": 0.25', '"sigmoid": 0.5',
        analysis.test_gamma_is_the_largest_slope_of_the_activation, ("sigmoid",),
    ),
    "V, product order ascending": (
        "bounds.py", "jacobians[t - 1] @ product", "product @ jacobians[t - 1]",
        analysis.test_norms_and_bounds_are_those_of_jacobians_found_by_the_complex_step, ("tanh",),
    ),
    "V, lower bound with the largest singular value": (
        "bounds.py", "smallest * sigma[-1]", "smallest * sigma[0]",
        analysis.test_norms_and_bounds_are_those_of_jacobians_found_by_the_complex_step, ("sigmoid",),
    ),
    "spectrum, a sign of R lost": (
        "spectrum.py", "/ diagonal[:, None]) @ triangle", "/ np.diagonal(R)[:, None]) @ triangle",
        analysis.test_every_singular_value_of_a_product_of_condition_1e45_is_right, (),
    ),
    "spectrum, the volume of one step too few": (
        "spectrum.py", "parts.slopes[k:t]", "parts.slopes[k + 1 : t]",
        analysis.test_log_singular_values_add_up_to_the_log_volume, ("tanh", "col"),
    ),
    "lags, one step off": (
        "lags.py", "(row, t - lag - 1)", "(row, max(t - lag - 2, 0))",
        analysis.test_the_first_lags_add_up_to_the_truncated_gradient, (),
    ),
    "lags, rows for columns": (
        "lags.py", "table.step_weight * array.sum(axis=0)", "table.step_weight * array.sum(axis=1)",
        analysis.test_a_column_is_the_gradient_of_a_copy_used_at_that_step_only, (),
    ),
}  # fmt: skip


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """A function that imports a copy of the room, one text of one file replaced; the copy is forgotten afterwards."""
    package = tmp_path / "broken"
    shutil.copytree(ROOM, package / "bptt", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    (package / "spec.py").write_text("from tinygrad_rnn.spec import *\nfrom tinygrad_rnn.spec import measure\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(file: str = "", text: str = "", instead: str = "") -> ModuleType:
        if file:
            place = package / "bptt" / file
            source = place.read_text(encoding="utf-8")
            assert source.count(text) == 1, f"{file} holds the text {source.count(text)} times"
            place.write_text(source.replace(text, instead), encoding="utf-8")
        return importlib.import_module("broken.bptt")

    yield load
    for name in [name for name in sys.modules if name.partition(".")[0] == "broken"]:
        del sys.modules[name]


def run_with(room: ModuleType, test: Test, arguments: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test, with this room in place of the project's."""
    monkeypatch.setitem(test.__globals__, "bptt", room)
    test(*arguments)


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_line_makes_the_named_test_fail(
    name: str, copied: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, text, instead, test, arguments = BREAKS[name]
    broken = copied(file, text, instead)
    with pytest.raises(AssertionError):
        run_with(broken, test, arguments, monkeypatch)


@pytest.mark.parametrize("test", {BREAKS[name][3]: name for name in BREAKS}.values())
def test_the_named_test_passes_with_a_copy_in_which_nothing_is_broken(
    test: str, copied: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, _, named, arguments = BREAKS[test]
    run_with(copied(), named, arguments, monkeypatch)


def test_every_family_is_broken_by_an_index_by_the_order_and_by_a_total_for_an_immediate_partial() -> None:
    for family in ("C,", "D,", "E with vectors,", "E with matrices,", "F,", "Z,", "P,"):
        assert sum(name.startswith(family) for name in BREAKS) >= 3, family
        assert f"{family} total for the immediate partial" in BREAKS
