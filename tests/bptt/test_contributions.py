"""The table C[t,k] says what every step contributes to every step's loss."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.agreement import arguments, as_lists, relative_error
from tests.cases import plain
from tests.specs import every_model, name_of
from tinygrad_rnn import bptt
from tinygrad_rnn.check import Instance, complex_step, random_instance
from tinygrad_rnn.spec import Sizes, Spec, SpecError

RTOL = 1e-12
DEEP = Sizes(T=5, B=3, d=2, m=3, q=2)
MODELS = [model for model in every_model() if model[1].T in (1, 4)][::3]


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_every_entry_is_the_gradient_of_a_copy_of_the_parameter_used_at_that_step_only(
    model: tuple[Spec, Sizes],
) -> None:
    instance = random_instance(*model, seed=11)
    table = bptt.contribution_table(*arguments(instance))
    for name in instance.spec.recurrent_names:
        assert relative_error(table.arrays[name], plain.by_copies(*as_lists(instance), name)) < RTOL, name


@pytest.mark.parametrize("model", every_model()[::7], ids=name_of)
def test_rows_sum_to_the_gradients_of_step_losses_and_all_of_it_to_the_gradient_of_the_loss(
    model: tuple[Spec, Sizes],
) -> None:
    instance = random_instance(*model, seed=12)
    spec, params, x, y, h0 = arguments(instance)
    table = bptt.contribution_table(*arguments(instance))
    by_loss = complex_step(lambda p: bptt.forward(spec, p, x, y, h0).step_losses, params)
    total = bptt.delta_recursion(*arguments(instance)).params
    for name in spec.recurrent_names:
        assert relative_error(table.arrays[name].sum(axis=1), by_loss[name]) < RTOL, name
        assert relative_error(table.step_weight * table.arrays[name].sum(axis=(0, 1)), total[name]) < RTOL, name


@pytest.mark.parametrize("convention", ["col", "row"])
def test_a_step_contributes_nothing_to_earlier_losses_and_something_to_later_ones(convention: str) -> None:
    instance = random_instance(Spec(convention), DEEP, seed=13)
    for norms in bptt.contribution_table(*arguments(instance)).norms.values():
        assert norms.shape == (5, 5)
        assert np.all(norms[np.triu_indices(5, 1)] == 0.0)
        assert np.all(norms[np.tril_indices(5)] > 0.0)


def test_the_first_step_contributes_nothing_to_w_exactly_when_h0_is_zero() -> None:
    spec = Spec()
    still = bptt.contribution_table(*arguments(random_instance(spec, DEEP, seed=14, zero_h0=True)))
    moving = bptt.contribution_table(*arguments(random_instance(spec, DEEP, seed=14)))
    assert np.all(still.norms["W"][:, 0] == 0.0)
    assert np.all(still.norms["U"][:, 0] > 0.0)
    assert np.all(moving.norms["W"][:, 0] > 0.0)


def test_norms_are_taken_after_the_sum_over_the_batch() -> None:
    instance = random_instance(Spec("row"), DEEP, seed=15)
    spec, params, x, y, h0 = arguments(instance)
    alone = [
        bptt.contribution_table(*arguments(Instance(spec, params, x[:, [i]], y[:, [i]], h0[[i]]))) for i in range(3)
    ]
    together = bptt.contribution_table(*arguments(instance))
    for name in spec.recurrent_names:
        summed = sum(table.arrays[name] for table in alone)
        np.testing.assert_allclose(together.arrays[name], summed, rtol=1e-11, atol=1e-14)
        flat = summed.reshape(5, 5, -1)
        np.testing.assert_allclose(together.norms[name], np.linalg.norm(flat, axis=2), rtol=1e-11, atol=1e-14)
        assert not np.allclose(together.norms[name], sum(table.norms[name] for table in alone))


@pytest.mark.parametrize("many_to_one", [False, True])
def test_norms_alone_are_those_of_the_table(many_to_one: bool) -> None:
    instance = random_instance(Spec(many_to_one=many_to_one), DEEP, seed=16)
    table, norms = bptt.contribution_table(*arguments(instance)), bptt.contribution_norms(*arguments(instance))
    assert table.loss_steps == ((5,) if many_to_one else (1, 2, 3, 4, 5))
    for name in ("U", "W", "b"):
        np.testing.assert_allclose(norms[name], table.norms[name], rtol=RTOL)


def test_without_a_batch_axis_the_table_is_that_of_a_batch_of_one() -> None:
    one = random_instance(Spec(), Sizes(4, 1, 2, 3, 2), seed=17)
    bare = Instance(one.spec, one.params, one.x[:, 0], one.y[:, 0], one.h0[0])
    first, second = bptt.contribution_table(*arguments(one)), bptt.contribution_table(*arguments(bare))
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(second.arrays[name], array)


@pytest.mark.parametrize("family", [bptt.contribution_table, bptt.contribution_norms])
def test_what_does_not_fit_is_refused_in_one_line(family: Callable[..., object]) -> None:
    spec, params, x, y, h0 = arguments(random_instance(Spec(), DEEP, seed=18))
    with pytest.raises(SpecError, match=r"^x is an empty sequence: .*$"):
        family(spec, params, [], [], h0)
    with pytest.raises(SpecError, match=r"^x at step 2 has shape \(3, 1\): .*$"):
        family(spec, params, [x[0], x[1][:, :1]], y[:2], h0)
