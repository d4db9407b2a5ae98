"""The one step that stands for all of them."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_rnn as tg
from tests.viz.unseen_cells import CELLS
from viz.reading.graph import build
from viz.reading.template import Edge, Template, fold

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")


def template(name: str, steps: int = 4, seed: int = 0, **options: Any) -> Template:
    _, L = tg.cells.record(name, steps, seed) if name in KNOWN else CELLS[name](steps, seed)
    return fold(build(tg.flow(L), **options))


def role(T: Template, text: str) -> int:
    return next(part.role for part in T.parts if text in (part.name, part.op))


def test_a_template_is_the_union_of_all_steps() -> None:
    T = template("no_initial_state")  # W·h from step 2 on, a loss at every second step
    assert [part.kind for part in T.parts] == ["input", "product", "product", "sum", "state", "product", "sum", "loss"]
    assert T.loss == T.parts[-1].role
    assert T.carries == ((role(T, "h"), 1),)


def test_edges_are_sorted_and_initial_states_are_among_the_carries() -> None:
    T = template("skip", 2)
    h, ordered = role(T, "h"), [(e.source, e.lag, e.target) for e in T.edges]
    assert ordered == sorted(ordered)
    assert T.carries == ((h, 1), (h, 2))
    assert {e.lag for e in T.edges if e.source == h} == {0, 1, 2}
    assert all(isinstance(e, Edge) for e in T.edges)


def test_chips_come_in_the_order_of_the_rows() -> None:
    T = template("peephole_lstm")
    part = next(part for part in T.parts if part.kind == "affine")
    assert [text for text, _ in part.rows] == ["Wi·h₀", "Ui·x₁", "pi⊙c₀", "bi"]
    assert part.chips == tuple(key for _, key in part.rows)
    assert part.chip_labels == ("Wi", "Ui", "pi", "bi")


def test_chips_without_rows_come_as_the_operands_stand() -> None:
    T = template("embedded_words")  # E is declared before U
    assert next(part.chip_labels for part in T.parts if part.op.startswith("U·E")) == ("U", "E")


def test_texts_are_the_widest_that_occur() -> None:
    T = template("vanilla", 11)
    assert {part.label for part in T.parts} >= {"x₁₀", "h₁₀"}
    assert "W·h₁₀" in {part.op for part in T.parts}


@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_a_signature_knows_the_structure_and_no_numbers(name: str) -> None:
    assert template(name, seed=0).signature() == template(name, seed=1).signature()


def test_a_signature_does_not_depend_on_how_many_steps_repeat() -> None:
    for name in KNOWN:
        assert template(name, 4).signature() == template(name, 7).signature()


def test_different_structures_have_different_signatures() -> None:
    signatures = [template(name).signature() for name in [*KNOWN, *CELLS]]
    signatures.append(template("lstm", fuse=False).signature())
    assert len(set(signatures)) == len(signatures)


def test_one_step_has_its_initial_states_as_carries() -> None:
    T = template("lstm", 1)
    assert T.carries == ((role(T, "c"), 1), (role(T, "h"), 1))


def test_a_program_without_steps_has_no_template() -> None:
    import numpy as np

    with tg.Tape() as tape:
        L = np.sum(tape.var(np.ones(2), "w") ** 2)
    T = fold(build(tg.flow(L)))
    assert T.parts == () and T.loss is None
