"""The list of functions is the registry's, and every function in it that has arguments is called by a form."""

from __future__ import annotations

import doctest
import inspect
from collections import Counter
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.rules.forms import FORMS
from tinygrad_rnn.functions import KINDS, Function, functions, named
from tinygrad_rnn.registry import ADAPTERS, PLAIN, PRIMITIVES, RULES

CALLED = ("differentiable", "other words", "constant")
ALSO = {"np.amax": "max", "np.amin": "min", "np.around": "round", "x[…]": "index",
        "np.matrix_transpose": "transpose"}  # named otherwise  # fmt: skip


def test_every_function_of_the_registry_is_listed_once_with_its_kind() -> None:
    listed = Counter(f.name for f in functions())
    assert set(listed.values()) == {1}
    assert len(listed) == len(RULES) + len(ADAPTERS) + len(PLAIN)
    assert {f.kind for f in functions()} == set(KINDS)


def test_every_function_that_people_call_has_forms() -> None:
    tested = {form.function for form in FORMS}
    for function in functions():
        if function.kind in CALLED and function.name != "tg.watch":
            short = function.name.removeprefix("np.").removeprefix("tg.")
            assert ALSO.get(function.name, short) in tested, function.name


def test_what_only_rules_call_is_what_no_name_of_the_package_leads_to() -> None:
    public = [getattr(tg, name) for name in tg.__all__] + [tg.var.getitem, tg.watching.watched]
    ours = [fn for fn in PRIMITIVES if fn.__module__.startswith("tinygrad_rnn")]
    assert set(tg.ops.__all__) <= set(tg.__all__)
    known = {fn.__name__ for fn in ours if fn in RULES and fn not in public}
    assert known == {f.name for f in functions() if f.kind == "inner"} and "fill" in known and "softmax" not in known


def test_a_function_that_was_taught_is_listed_with_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    @tg.primitive
    def cubed(x: object) -> object:
        return x

    monkeypatch.setitem(RULES, cubed, None)
    tg.rule(cubed, lambda g, y, x: 3 * g * x * x)
    (found,) = [f for f in functions() if f.name == "cubed"]
    assert (found.kind, found.arguments) == ("differentiable", "(x)")


def own_names(written: str) -> Any:
    """The namespace and the function of a listed name."""
    space, _, name = written.rpartition(".")
    return getattr({"np": np, "np.linalg": np.linalg, "tg": tg}[space], name)


@pytest.mark.parametrize("function", [f for f in functions() if f.kind in CALLED and f.name != "x[…]"], ids=str)
def test_what_is_listed_is_python_and_names_arguments_as_the_function_itself_does(function: Function) -> None:
    fn = own_names(function.name)
    scope: dict[str, Any] = {}
    exec(f"def listed{function.arguments}: pass", scope)
    listed, own = inspect.signature(scope["listed"]).parameters, inspect.signature(fn).parameters
    if isinstance(fn, np.ufunc):  # they have no names, only a number
        assert sum(parameter.default is parameter.empty for parameter in listed.values()) == fn.nin
        return
    for name, parameter in listed.items():
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            assert name in own, name
            left_to_numpy = own[name].default is parameter.empty or "no value" in repr(own[name].default)
            assert parameter.default in (own[name].default, parameter.empty) or left_to_numpy


def test_the_example_of_a_new_rule_runs_and_prints_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, np.sinc, None)  # to be taken away again
    (example,) = doctest.DocTestFinder().find(tg.rule, "rule", globs={"np": np, "tg": tg})
    assert len(example.examples) == 3
    assert doctest.DocTestRunner().run(example, clear_globs=False).failed == 0
    x, direction = np.array([0.3, -1.7]), np.array([1.0, 2.0])
    second = tg.hvp(lambda x: np.sum(np.sinc(x)))(x, direction)
    z = np.pi * x
    known = direction * ((2 - z * z) * np.sin(z) - 2 * z * np.cos(z)) / z**3 * np.pi**2
    np.testing.assert_allclose(second, known, rtol=1e-13)


def test_names_are_as_people_write_them() -> None:
    assert [named(f) for f in (np.linalg.norm, np.add, tg.softmax)] == ["np.linalg.norm", "np.add", "tg.softmax"]


@pytest.mark.parametrize("name", [f.name.removeprefix("np.") for f in functions() if f.kind == "plain"])
def test_plain_functions_leave_the_tape(name: str) -> None:
    arguments = {"searchsorted": 2, "array_equal": 2, "allclose": 2, "isclose": 2, "result_type": 1}
    with tg.Tape() as tape:
        x = tape.var(np.array([0.3, 1.7, 2.0]))
        function = getattr(np, name)
        two = isinstance(function, np.ufunc) and function.nin == 2
        count = 2 if two else arguments.get(name, 1)
        extra = (1,) if name == "argpartition" else ()
        got, known = function(*[x] * count, *extra), function(*[x.value] * count, *extra)
        np.testing.assert_equal(got, known)
        assert not isinstance(got, tg.Var)
