"""A step of one of several loops: by its number where that is enough, by (loop, number) where it is not."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.test_page import data_of
from tinygrad_rnn.stepping.places import name_of, positions, told

START, PUSH = np.array([0.4, -0.7, 0.2]), np.random.default_rng(1).normal(size=(3, 3))
LOOPS = (("encoder", (1, 2, 3)), ("decoder", (2, 3, 4)))


def losses(W: Any) -> dict[tuple[str, int], Any]:
    """The loss of every step of two loops that share W, marked where W is recorded."""
    h, found = START, {}
    for loop, times in LOOPS:
        for t in times:
            with tg.step(t, loop=loop):
                h = np.tanh(W @ h + 0.1 * t)
                found[loop, t] = tg.loss((h * h * h).sum(), t)
    return found


def recorded() -> tuple[tg.Var, Any]:
    with tg.Tape(checked=True) as tape:
        W = tape.var(PUSH, "W")
        return W, sum(losses(W).values())


@pytest.mark.parametrize("truncation", [None, ("max_lag", 9)])
@pytest.mark.parametrize("at", [(loop, t) for loop, times in LOOPS for t in times] + [["decoder", 2], 1, 4])
def test_a_pair_follows_the_loss_of_that_step_alone(at: Any, truncation: Any) -> None:
    W, total = recorded()
    flow = tg.flow(total, at=at, truncation=truncation)
    place = {1: ("encoder", 1), 4: ("decoder", 4)}.get(at, at) if isinstance(at, int) else tuple(at)
    for i in np.ndindex(3, 3):
        moved = PUSH.astype(complex)
        moved[i] += 1e-30j
        expected = losses(moved)[place].imag / 1e-30
        assert flow.adjoint[W.index][i] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    again = tg.flow(total, at=flow.at)
    assert again.at == flow.at and again.seeds.keys() == flow.seeds.keys(), "a flow says how to ask for it again"


def test_a_truncated_flow_of_a_pair_is_cut_as_that_loss_is() -> None:
    W, total = recorded()
    flow = tg.flow(total, at=("decoder", 3), truncation=("max_lag", 1))
    assert {s for s in range(6) if np.any(flow.share(W.index, s))} == {3, 4}


@pytest.mark.parametrize("at", [2, 3])
def test_a_number_of_two_loops_is_refused_with_the_pairs_that_work(at: int) -> None:
    _, total = recorded()
    with pytest.raises(tg.TapeError, match="2 loops have such a step; name the loop: at=") as no:
        tg.flow(total, at=at)
    assert "\n" not in str(no.value)
    advised = str(no.value).split("loop: ")[1].split(" or ")
    first, second = (ast.literal_eval(advice.removeprefix("at=")) for advice in advised)
    assert (tg.flow(total, at=first).at, tg.flow(total, at=second).at) == (("encoder", at), ("decoder", at))


@pytest.mark.parametrize("at", [("encoder", 4), ("coder", 1), ("decoder",), (1, "decoder"), True, 2.5])
def test_what_names_no_marked_loss_is_refused_by_naming_those_there_are(at: Any) -> None:
    _, total = recorded()
    stand = r"t = 1, \('encoder', 2\), \('encoder', 3\), \('decoder', 2\), \('decoder', 3\), 4"
    with pytest.raises(tg.TapeError, match=f"no loss is marked there; marked losses stand at {stand}") as no:
        tg.flow(total, at=at)
    assert "\n" not in str(no.value)


def test_steps_are_named_as_briefly_as_can_be_and_many_not_one_by_one() -> None:
    order = [("a", 1), ("a", 2), ("b", 2)]
    assert [name_of(s, order) for s in range(3)] == [1, ("a", 2), ("b", 2)]
    assert [positions(name, order) for name in (1, 2, ("b", 2), ["a", 2], np.int64(1), "a", None)] == [
        [0], [1, 2], [2], [1], [0], [], [],
    ]  # fmt: skip
    assert told([("time", t) for t in range(30)], range(30)) == "0, 1, 2, 3, …, 29"


@pytest.mark.parametrize("fold", [False, (1, 1)])
def test_pictures_of_a_pair_name_its_loop(fold: Any) -> None:
    need_graphviz()
    _, total = recorded()
    picture = viz.draw(tg.flow(total, at=("decoder", 2)), fold=fold)
    assert picture.title.startswith("Gradient of the loss at decoder 2 only")
    assert "seed ∂ℓ/∂ℓ at decoder 2:" in picture.dot and ("ℓ at decoder 2 followed" in picture.dot) == bool(fold)


@pytest.mark.parametrize(
    ("at", "when"), [(("decoder", 3), ["decoder 3"]), ([("encoder", 2), 4, "last"], ["encoder 2", "decoder 4"])]
)
def test_a_page_offers_the_losses_that_pairs_name(at: Any, when: list[str]) -> None:
    need_graphviz()
    _, total = recorded()
    data = data_of(viz.step_through(tg.flow(total, at=("encoder", 3)), at=at))
    assert [choice["when"] for choice in data["choices"]] == ["", *when]
    with pytest.raises(viz.PictureError, match="at=2: 2 loops have such a step"):
        viz.step_through(tg.flow(total), at=[2])
