"""Truncations as cut edges: the same gradient as by passes, exactly the carries that are cut, clear words otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_rnn as tg
from tinygrad_rnn.truncate import mask


def recorded(name: str = "lstm", steps: int = 6) -> tuple[tg.Tape, tg.Var]:
    return tg.cells.record(name, steps, seed=2, scale=1.2)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "gru", "stacked", "skip"])
@pytest.mark.parametrize(
    ("mode", "numbers"),
    [("detach_every_k", {"k": 2}), ("detach_every_k", {"k": 4}), ("detach_every_k", {"k": 1}),
     ("max_lag", {"tau": 0}), ("max_lag", {"tau": 6}), ("williams_peng", {"k1": 2, "k2": 2}),
     ("williams_peng", {"k1": 6, "k2": 6})],
)  # fmt: skip
def test_cut_edges_give_the_truncated_gradient_of_the_whole_loss(name: str, mode: str, numbers: dict[str, int]) -> None:
    tape, L = recorded(name)
    flow = tg.flow(L, truncation=(mode, *numbers.values()))
    weights = flow.steps.weights
    expected = tg.truncated_gradients(L, [tg.Var(tape, w, tape.lines[w][4]) for w in weights], mode, **numbers)
    for w, gradient in zip(weights, expected, strict=True):
        np.testing.assert_allclose(flow.adjoint[w], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["vanilla", "lstm", "skip"])
@pytest.mark.parametrize(
    ("mode", "numbers"),
    [("max_lag", {"tau": 2}), ("max_lag", {"tau": 1}), ("williams_peng", {"k1": 2, "k2": 4}),
     ("detach_every_k", {"k": 4})],
)  # fmt: skip
def test_one_loss_alone_reaches_the_steps_of_its_row_of_the_mask(name: str, mode: str, numbers: dict[str, int]) -> None:
    _, L = recorded(name)
    kept = mask(6, mode, **numbers)
    whole = {t: tg.flow(L, at=t) for t in (1, 4, 6)}
    for t, untruncated in whole.items():
        flow = tg.flow(L, at=t, truncation=(mode, *numbers.values()))
        for w in flow.steps.weights:
            for k in range(6):
                expected = kept[t - 1, k] * untruncated.share(w, k)
                np.testing.assert_allclose(flow.share(w, k), expected, rtol=1e-12, atol=1e-15)


def test_what_is_no_set_of_edges_is_said_to_be_none() -> None:
    _, L = recorded()
    for truncation in (("max_lag", 2), ("williams_peng", 2, 4), ("max_lag", 4)):
        with pytest.raises(tg.TapeError, match=r"is no set of cut edges; follow one loss: flow\(L, at='last', "):
            tg.flow(L, truncation=truncation)


def test_the_edges_cut_are_the_carries_over_the_borders() -> None:
    tape, L = recorded("vanilla")
    flow = tg.flow(L, truncation=("detach_every_k", 3))
    steps, cut = flow.steps, set()
    assert flow.follow is not None
    for i, line in enumerate(tape.lines):
        cut |= {(steps.of[i], k) for k, p in enumerate(line[1]) if p >= 0 and not flow.follow(i, k, p)}
    assert {s for s, _ in cut} == {0, 3} and len(cut) == 2


@pytest.mark.parametrize(
    ("truncation", "words"),
    [
        ("detach_every_k", "must be a mode"),
        (("every", 2), "must be a mode"),
        ((), "must be a mode"),
        (("detach_every_k",), "takes k"),
        (("detach_every_k", 2, 3), "takes k"),
        (("williams_peng", 3), "takes k1 and k2"),
        (("detach_every_k", 0), "must be 1 or more"),
        (("max_lag", 1.5), "whole number"),
        (("williams_peng", 4, 2), "k2 >= k1"),
    ],
)
def test_a_truncation_that_cannot_be_is_refused_in_one_line(truncation: object, words: str) -> None:
    _, L = recorded("vanilla")
    with pytest.raises(tg.TapeError, match=words) as caught:
        tg.flow(L, truncation=truncation)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    with pytest.raises(tg.TapeError, match="give one of them"):
        tg.flow(L, truncation=("max_lag", 0), follow=lambda *_: True)
