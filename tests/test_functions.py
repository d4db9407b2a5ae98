"""The list of functions is the registry's, and every function in it that has arguments is called by a form."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import tinygrad_rnn as tg
from tests.rules.forms import FORMS
from tinygrad_rnn.functions import KINDS, functions, named
from tinygrad_rnn.registry import ADAPTERS, PLAIN, RULES

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
        if function.kind in ("differentiable", "other words", "constant") and function.name != "tg.watch":
            short = function.name.removeprefix("np.").removeprefix("tg.")
            assert ALSO.get(function.name, short) in tested, function.name


def test_a_function_that_was_taught_is_listed_with_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    def cubed(x: object) -> object:
        return x

    monkeypatch.setitem(RULES, cubed, None)
    tg.rule(cubed, lambda g, y, x: 3 * g * x * x)
    (found,) = [f for f in functions() if f.name == "cubed"]
    assert (found.kind, found.arguments) == ("differentiable", "(x)")


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
