"""Derivatives of functions over nested arguments: grad, vjp, jvp, jacobian, hessian, hvp, and their nesting."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.witness import complex_step
from tinygrad_rnn.bptt import delta_recursion
from tinygrad_rnn.check import random_instance
from tinygrad_rnn.models import forward
from tinygrad_rnn.spec import Sizes, Spec

RNG = np.random.default_rng(11)
PARAMS = {
    "cell": {"W": RNG.normal(size=(3, 3)), "U": RNG.normal(size=(3, 2))},
    "biases": [RNG.normal(size=3), (RNG.normal(size=1), RNG.normal(size=()))],
}
XS = RNG.normal(size=(4, 2))


def loss(params: Any, xs: Any = XS) -> Any:
    h, total = np.full(3, 0.3), 0.0
    bias, (shift, scale) = params["biases"]
    for t in range(4):
        h = np.tanh(params["cell"]["W"] @ h + params["cell"]["U"] @ xs[t] + bias)
        total = total + scale * ((h + shift) ** 3).sum()
    return total


def flat(tree: Any) -> list[Any]:
    return [leaf for _, leaf in tg.transform.leaves(tree)]


def test_grad_is_nested_as_its_argument_and_agrees_with_the_complex_step() -> None:
    found = tg.grad(loss)(PARAMS)
    assert list(found) == ["cell", "biases"] and isinstance(found["biases"][1], tuple)
    leaves = flat(PARAMS)
    for k, g in enumerate(flat(found)):

        def at(z: Any, k: int = k) -> Any:
            return loss(tg.transform.rebuild(PARAMS, [*leaves[:k], z, *leaves[k + 1 :]]))

        np.testing.assert_allclose(g, complex_step(at, leaves[k]), rtol=1e-12, atol=1e-14)


def test_grad_of_another_argument() -> None:
    known = complex_step(lambda z: loss(PARAMS, z), XS)
    np.testing.assert_allclose(tg.grad(loss, argnum=1)(PARAMS, XS), known, rtol=1e-12, atol=1e-14)


def test_value_and_grad_gives_the_plain_value() -> None:
    value, _ = tg.value_and_grad(loss)(PARAMS)
    assert not isinstance(value, tg.Var)
    np.testing.assert_allclose(value, loss(PARAMS), rtol=1e-14)


def test_vjp_and_jvp_are_transposes_of_each_other_and_right() -> None:
    def f(w: Any, x: Any) -> Any:
        return np.tanh(w @ x) * x.sum()

    w, x = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    tangents = (RNG.normal(size=(4, 3)), RNG.normal(size=3))
    u = RNG.normal(size=4)
    value, pull = tg.vjp(f, w, x)
    value2, pushed = tg.jvp(f, (w, x), tangents)
    np.testing.assert_array_equal(value, value2)
    known = (
        np.tensordot(complex_step(lambda z: f(z, x), w), tangents[0], 2)
        + complex_step(lambda z: f(w, z), x) @ tangents[1]
    )
    np.testing.assert_allclose(pushed, known, rtol=1e-12)
    pulled = pull(u)
    np.testing.assert_allclose(
        u @ pushed, sum((p * t).sum() for p, t in zip(pulled, tangents, strict=True)), rtol=1e-12
    )
    np.testing.assert_array_equal(pull(u)[0], pulled[0])


def test_jacobian_and_hessian_agree_with_the_complex_step() -> None:
    x = RNG.normal(size=(2, 3))

    def f(z: Any) -> Any:
        return np.exp(z) @ np.ones(3) * z[0, 1]

    np.testing.assert_allclose(tg.jacobian(f)(x), complex_step(f, x), rtol=1e-12, atol=1e-14)

    def g(z: Any) -> Any:
        return np.sum(np.exp(z) * np.sin(z) * z[0, 1])

    def slope(z: Any) -> Any:
        extra = np.zeros((2, 3), complex)
        extra[0, 1] = np.sum(np.exp(z) * np.sin(z))
        return np.exp(z) * (np.sin(z) + np.cos(z)) * z[0, 1] + extra

    np.testing.assert_allclose(tg.hessian(g)(x), complex_step(slope, x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("convention", ["col", "row"])
def test_hvp_of_an_rnn_loss_agrees_with_the_complex_step_of_the_closed_forms_gradient(
    activation: str, convention: str
) -> None:
    """T = 6, m = 3, h0 ≠ 0, non-symmetric W, two samples; the linear network too, whose Hessian is not zero."""
    spec = Spec(convention=convention, activation=activation, output_activation="softmax", loss="softmax_ce")
    instance = random_instance(spec, Sizes(T=6, B=2, d=2, m=3, q=3), seed=5)
    params, x, y, h0 = instance.params, instance.x, instance.y, instance.h0
    direction = {name: np.random.default_rng(6).normal(size=value.shape) for name, value in params.items()}
    found = tg.hvp(lambda p: forward(spec, p, x, y, h0).loss)(params, direction)
    moved = {name: value + 1e-30j * direction[name] for name, value in params.items()}
    known = delta_recursion(spec, moved, x, y, h0).params
    for name in params:
        assert np.linalg.norm(found[name]) > 1e-3
        np.testing.assert_allclose(found[name], known[name].imag / 1e-30, rtol=1e-10, atol=1e-13)


def test_nested_grad_does_not_confuse_its_levels() -> None:
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative must not see the outer variable."""
    x = np.array(3.0)
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(np.array(1.0)))(x) == 1.0
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(x))(x) == 2 * 3.0
    assert tg.grad(tg.grad(tg.grad(lambda x: x**5)))(np.array(2.0)) == 60.0 * 4.0


def test_an_inner_argument_is_a_new_identity() -> None:
    """d/dx of g(x) where g'(y) is taken at y = x: the inner gradient holds the outer x fixed."""
    x = np.array(0.7)
    inner = tg.grad(lambda y, x: y * y * x)
    found = tg.grad(lambda x: inner(x, x))(x)  # 2 y x at y = x is 2x², derivative 4x
    np.testing.assert_allclose(found, 4 * 0.7, rtol=1e-14)


def test_grad_joins_the_tape_that_records() -> None:
    with tg.Tape() as tape:
        w = tape.var(np.array(2.0), "w")
        slope = tg.grad(lambda v: v**3)(w)
        assert isinstance(slope, tg.Var) and slope.tape is tape
        assert tape.grad(slope, [w])[0] == 12.0


def test_an_unused_input_gets_zeros_and_a_note() -> None:
    with pytest.warns(tg.UnusedWarning, match="the loss does not depend on cell.b; its gradient is zeros") as noted:
        found = tg.grad(lambda p: (p["cell"]["a"] * 2.0).sum())({"cell": {"a": np.ones(2), "b": np.ones(3)}})
    np.testing.assert_array_equal(found["cell"]["b"], np.zeros(3))
    assert noted[0].filename == __file__
    with pytest.warns(tg.UnusedWarning, match="the argument"):
        np.testing.assert_array_equal(tg.grad(lambda a: 3.0)(np.ones(2)), np.zeros(2))


def test_constants_have_zero_derivatives_of_the_right_shape() -> None:
    x = np.ones((2, 3))
    np.testing.assert_array_equal(tg.jacobian(lambda a: np.ones(4))(x), np.zeros((4, 2, 3)))
    np.testing.assert_array_equal(tg.jacobian(lambda a: a[:0])(x), np.zeros((0, 3, 2, 3)))
    np.testing.assert_array_equal(tg.vjp(lambda a: 3.0, x)[1](1.0)[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(tg.jvp(lambda a: np.ones(4), (x,), (x,))[1], np.zeros(4))
    np.testing.assert_array_equal(tg.hessian(lambda a: (2.0 * a).sum())(x), np.zeros((2, 3, 2, 3)))
    np.testing.assert_array_equal(tg.hvp(lambda a: (2.0 * a).sum())(x, x), np.zeros((2, 3)))


def test_directions_are_matched_by_key_and_not_by_position() -> None:
    def f(p: Any) -> Any:
        return (p["a"] ** 3 + p["b"] ** 2).sum()

    point = {"a": np.ones(2), "b": np.full(2, 2.0)}
    direction = {"b": np.zeros(2), "a": np.ones(2)}
    found = tg.hvp(f)(point, direction)
    np.testing.assert_array_equal(found["a"], [6.0, 6.0])
    np.testing.assert_array_equal(found["b"], [0.0, 0.0])
    assert tg.jvp(f, (point,), (direction,))[1] == 6.0


ALIKE: list[tuple[Any, Any]] = [  # (point, direction) of two leaves whose paths are the same text
    ({"a": {"b": 1.5}, "a.b": 2.5}, {"a.b": 0.5, "a": {"b": 2.0}}),
    ({1: 1.5, "1": 2.5}, {"1": 0.5, 1: 2.0}),
    ({"a": [1.5], "a.0": 2.5}, {"a.0": 0.5, "a": [2.0]}),
]


@pytest.mark.parametrize(("point", "direction"), ALIKE)
def test_leaves_whose_paths_look_the_same_keep_their_own_directions(point: Any, direction: Any) -> None:
    def f(p: Any) -> Any:
        a, b = flat(p)
        return a**3 * b**2

    a, b = flat(point)
    along, across = 2.0, 0.5
    pushed = tg.jvp(f, (point,), (direction,))[1]
    np.testing.assert_allclose(pushed, 3 * a**2 * b**2 * along + 2 * a**3 * b * across, rtol=1e-14)
    found = flat(tg.hvp(f)(point, direction))
    np.testing.assert_allclose(found[0], 6 * a * b**2 * along + 6 * a**2 * b * across, rtol=1e-14)
    np.testing.assert_allclose(found[1], 6 * a**2 * b * along + 2 * a**3 * across, rtol=1e-14)


def test_a_gradient_is_a_dict_of_the_arguments_own_kind() -> None:
    ordered = OrderedDict(b=np.array(2.0), a=np.array(3.0))
    found = tg.grad(lambda p: p["a"] * p["b"] ** 2)(ordered)
    assert type(found) is OrderedDict and list(found.items()) == [("b", 12.0), ("a", 4.0)]
    counted = tg.grad(lambda p: p["a"] ** 2)(defaultdict(list, a=np.array(3.0)))
    assert counted.default_factory is list and counted["a"] == 6.0
    assert list(ordered.values()) == [2.0, 3.0]


def test_second_derivatives_of_another_argument_and_keywords() -> None:
    def f(x: Any, p: Any, scale: float = 1.0) -> Any:
        return scale * np.sum(p**3 * x)

    x, p = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    np.testing.assert_allclose(tg.hvp(f, argnum=1)(x, p, np.ones(2), scale=2.0), 12 * p * x, rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(f, argnum=1)(x, p), np.diag(6 * p * x), rtol=1e-12)
    np.testing.assert_allclose(tg.grad(f, argnum=0)(x, p, scale=3.0), 3 * p**3, rtol=1e-12)


def test_jvp_and_jacobian_inside_a_recording_tape_can_be_differentiated() -> None:
    with tg.Tape() as tape:
        w = tape.var(np.array([0.3, 0.7]), "w")
        _, slope = tg.jvp(lambda v: (v**3).sum(), (w,), (np.ones(2),))
        rows = tg.jacobian(lambda v: v**3)(w)
        np.testing.assert_allclose(tape.grad(slope, w), 6 * w.value, rtol=1e-12)
        np.testing.assert_allclose(tape.grad(rows.sum(), w), 6 * w.value, rtol=1e-12)


@pytest.mark.parametrize(
    "use",
    [
        lambda f, x: tg.grad(f)(x),
        lambda f, x: tg.vjp(f, x)[1](1.0),
        lambda f, x: tg.jvp(f, (x,), (x,)),
        lambda f, x: tg.jacobian(f)(x),
        lambda f, x: tg.hessian(f)(x),
        lambda f, x: tg.hvp(f)(x, x),
    ],
)
def test_transformations_leave_nothing_alive_with_the_garbage_collector_off(use: Any) -> None:
    ghosts: list[Any] = []

    def f(x: Any) -> Any:
        ghosts.append(weakref.ref(x.tape))
        return (x**3).sum()

    gc.collect()
    gc.disable()
    try:
        use(f, np.ones(3))
        assert ghosts and all(ghost() is None for ghost in ghosts)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: tg.grad(loss)({"cell": 3}), r"argument 0 at cell has dtype int"),
        (lambda: tg.grad(lambda a: a.sum())([np.ones(2), np.arange(2)]), r"argument 0 at 1 has dtype int64"),
        (lambda: tg.grad(lambda a: a)(np.ones(2)), r"shape \(2,\), not \(\)"),
        (lambda: tg.grad(loss, argnum=2)(PARAMS), "argument 2 does not exist"),
        (lambda: tg.grad(loss)(params=PARAMS), "argument 0 does not exist; none is given by position"),
        (lambda: tg.grad(loss, argnum=(0, 1))(PARAMS), "into one dict"),  # type: ignore[arg-type]
        (lambda: tg.hvp(loss, argnum=(0, 1))(PARAMS, PARAMS), "into one dict"),  # type: ignore[arg-type]
        (lambda: tg.hvp(loss, argnum=1)(PARAMS, PARAMS), "argument 1 does not exist; 1 given by position"),
        (lambda: tg.hvp(loss)(), "direction comes last"),
        (lambda: tg.grad(lambda p: p["a"])({"a": 1.0, "b": None}), "argument 0 at b is None; differentiate by"),
        (lambda: tg.grad(lambda p: p["a"])({"a": 1.0, "b": {2, 3}}), "argument 0 at b holds Python objects"),
        (lambda: tg.grad(lambda a: a)(1j), "has dtype complex128; differentiate by arrays of floats$"),
        (lambda: tg.grad(lambda a: (a.sum(), 3))(np.ones(2)), "gives a tuple"),
        (lambda: tg.grad(lambda a: None)(np.ones(2)), "gives a NoneType"),
        (lambda: tg.grad(lambda a: a)(tg.Tape().var(1.0)), "Var of another tape"),
        (lambda: tg.vjp(lambda a: a, np.ones(2))[1](np.ones(3)), r"seed has shape \(3,\)"),
        (lambda: tg.jvp(lambda a: a * a, (np.ones(2),), (np.ones(3),)), r"shape \(3,\), its argument \(2,\)"),
        (lambda: tg.hvp(lambda a: (a * a).sum())(np.ones(2), np.ones(3)), r"shape \(3,\), its argument \(2,\)"),
        (lambda: tg.hvp(lambda p: p["a"])({"a": np.ones(())}, {"b": np.ones(())}), "same keys"),
        (lambda: tg.hvp(lambda p: p)(np.ones(())), "direction comes last"),
        (lambda: tg.hessian(loss)(PARAMS), "use hvp"),
    ],
)
def test_wrong_use_is_one_line(call: Any, remedy: str) -> None:
    with pytest.raises(tg.TapeError, match=remedy) as said:
        call()
    assert "\n" not in str(said.value)
