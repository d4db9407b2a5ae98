"""What is a time step: roles, carries, initial states, weights, inputs, losses and names of recorded programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz

RNG = np.random.default_rng(4)


def names_of_carries(steps: tg.Steps) -> set[tuple[str | None, int]]:
    return {(steps.name[next(iter(steps.lines[role].values()))], lag) for role, lag in steps.carries}


def initial_names(steps: tg.Steps) -> dict[int, set[str | None]]:
    found: dict[int, set[str | None]] = {}
    for (_, s), line in steps.initial.items():
        found.setdefault(s, set()).add(steps.name[line])
    return found


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("steps_recorded", [1, 2, 4, 7])
@pytest.mark.parametrize(
    ("cell", "carries", "initial"),
    [
        ("vanilla", {("h", 1)}, {-1: {"h0"}}),
        ("lstm", {("h", 1), ("c", 1)}, {-1: {"h0", "c0"}}),
        ("gru", {("h", 1)}, {-1: {"h0"}}),
        ("stacked", {("h1", 1), ("h2", 1)}, {-1: {"h1_0", "h2_0"}}),
        ("skip", {("h", 1), ("h", 2)}, {-1: {"h0"}, -2: {"h[-1]"}}),
    ],
)
def test_states_of_known_cells(
    cell: str, steps_recorded: int, checked: bool, carries: set[Any], initial: dict[int, set[str]]
) -> None:
    tape, _ = tg.cells.record(cell, steps_recorded, checked=checked)
    steps = tg.find_steps(tape)
    assert steps.order == tuple(("time", t) for t in range(1, steps_recorded + 1))
    if not checked and steps_recorded <= max(-s for s in initial):
        return  # without names and without a recurrence, nothing tells a state from a weight
    assert names_of_carries(steps) == carries
    assert initial_names(steps) == initial
    assert {steps.name[w] for w in steps.weights} == set(tg.cells.CELLS[cell][2]) | {
        "V",
        "c" if cell == "vanilla" else "k",
    }
    assert sorted(steps.losses) == list(range(steps_recorded))


def test_the_same_operation_has_the_same_role_in_every_step() -> None:
    tape, _ = tg.cells.record("lstm", 5)
    steps = tg.find_steps(tape)
    for role, lines in steps.lines.items():
        assert sorted(lines) == [0, 1, 2, 3, 4]
        assert len({tape.lines[i][0] for i in lines.values()}) == 1
        assert len({steps.name[i] for i in lines.values()}) == 1
        assert all(steps.role[i] == role and steps.of[i] == s for s, i in lines.items())
    assert list(steps.program) == sorted(steps.lines, key=lambda r: steps.lines[r][2])


def test_steps_that_differ_share_the_roles_they_have_in_common() -> None:
    """No state before step 1, a loss in every second step only."""
    w, u, v = (RNG.normal(size=s) for s in ((3, 3), (3, 2), (2, 3)))
    with tg.Tape(checked=True) as tape:
        W, U, V = tape.var(w, "W"), tape.var(u, "U"), tape.var(v, "V")
        h: Any = None
        for t in range(1, 6):
            with tg.step(t):
                z = U @ tape.data(RNG.normal(size=2), "x")
                if h is not None:
                    z = z + W @ h
                h = np.tanh(z)
                if t % 2 == 0:
                    tg.loss((V @ h).sum(), t)
    steps = tg.find_steps(tape)
    assert names_of_carries(steps) == {("h", 1)} and steps.initial == {}
    tanh = next(r for r, lines in steps.lines.items() if tape.lines[lines[2 if 2 in lines else 0]][0] is np.tanh)
    assert sorted(steps.lines[tanh]) == [0, 1, 2, 3, 4]
    assert sorted(steps.losses) == [1, 3]
    assert {steps.name[i] for i in steps.weights} == {"W", "U", "V"}


def test_a_plain_array_that_starts_a_state_is_its_initial_value() -> None:
    with tg.Tape(checked=True) as tape:
        W = tape.var(RNG.normal(size=(3, 3)), "W")
        h: Any = np.zeros(3)
        for t in range(1, 4):
            with tg.step(t):
                h = np.tanh(W @ h)
    steps = tg.find_steps(tape)
    ((role, s), line) = next(iter(steps.initial.items()))
    assert s == -1 and tape.lines[line][0] == "data" and steps.of[line] == -1
    first = steps.lines[steps.role[tape.lines[steps.lines[role][0]][1][0]]][0]
    assert steps.is_carry(first, 1) and not steps.is_carry(first, 0)


def test_a_sequence_indexed_by_the_step_is_an_input_and_no_weight() -> None:
    with tg.Tape(checked=True) as tape:
        x, E, w = (
            tape.var(RNG.normal(size=(4, 3)), "x"),
            tape.var(RNG.normal(size=(5, 3)), "E"),
            tape.var(np.ones(3), "w"),
        )
        back = tape.var(RNG.normal(size=(4, 3)), "back")
        total: Any = 0.0
        for t in range(1, 5):
            with tg.step(t):
                total = total + (w * x[t - 1] * E[[2, 0, 2, 1][t - 1]] * back[-t]).sum()
    steps = tg.find_steps(tape)
    assert steps.inputs == {x.index, back.index}
    assert steps.weights == (E.index, w.index)


def test_values_computed_before_the_loop_are_shared_and_their_leaf_stays_the_weight() -> None:
    with tg.Tape(checked=True) as tape:
        W = tape.var(RNG.normal(size=(3, 3)), "W")
        masked = W * np.triu(np.ones((3, 3)))
        h: Any = tape.data(np.ones(3), "h0")
        for t in range(1, 4):
            with tg.step(t):
                h = np.tanh(masked @ h)
    steps = tg.find_steps(tape)
    assert steps.weights == (W.index,) and steps.shared == (masked.index,)
    assert steps.name[masked.index] == "masked"


def test_names_come_from_leaves_and_from_the_users_statements() -> None:
    with tg.Tape(checked=True) as tape:
        w = tape.var(np.ones(2), "weight")
        unnamed = tape.var(np.ones(2))
        with tg.step(3):
            state = np.tanh(
                w
                * unnamed
            )  # fmt: skip
            state += 1.0
            pair = first, _ = state * 2.0, state * 3.0
        np.tanh(state)
    names = tg.find_steps(tape).name
    assert names[w.index] == "weight" and names[unnamed.index] == "unnamed"
    assert names[state.index] == "state" and names[state.index - 1] == "state" and names[state.index - 2] is None
    assert names[first.index] is None and names[-1] is None and pair
    assert tg.find_steps(tape).label(state.index) == "state[3]"
    assert tg.find_steps(tape).label(w.index) == "weight"


def test_a_statement_that_calls_a_function_names_its_last_line_only() -> None:
    def cube(v: Any) -> Any:
        squared = v * v
        return squared * v

    with tg.Tape(checked=True) as tape:
        h = tape.var(1.5, "h")
        total: Any = 0.0
        with tg.step(1):
            for _ in range(2):  # executed twice in one step: both ends are named
                total = total + cube(h * 2.0)
            several = sum(v * 3.0 for v in (h, h))
    expected = [None, "squared", None, "total"] * 2 + [None, "several"] * 2
    names = list(tg.find_steps(tape).name[1:])
    assert names[:8] == expected[:8]
    assert names[-1] == "several" and names[8] is None and names[9] in (None, "several")
    assert several.index == len(tape) - 1


def test_inputs_given_as_one_leaf_a_step_do_not_split_the_roles() -> None:
    with tg.Tape(checked=True) as tape:
        U, h = tape.var(np.ones((2, 2)), "U"), tape.data(np.ones(2), "h0")
        xs = [tape.var(np.ones(2), "x") for _ in range(3)]
        for t in range(1, 4):
            with tg.step(t):
                h = np.tanh(U @ xs[t - 1] + h)
    steps = tg.find_steps(tape)
    assert steps.program == (0, 1, 2) and steps.inputs == {x.index for x in xs} and steps.weights == (U.index,)


def test_loops_have_names_and_the_time_loop_comes_first() -> None:
    with tg.Tape() as tape:
        v: Any = tape.var(1.0)
        for t in (1, 2):
            with tape.step(t, loop="encoder"):
                v = v * 2.0
        with tape.step(9, loop="layer"):
            for t in (1, 2):
                with tape.step(t):
                    v = v * 3.0
        v = v * 5.0
    steps = tg.find_steps(tape)
    assert steps.order == (("encoder", 1), ("encoder", 2), ("time", 1), ("time", 2))
    assert steps.of == (-1, 0, 1, 2, 3, -1)


def test_a_tape_without_marks_has_no_steps() -> None:
    tape = tg.Tape()
    assert (tape.var(1.0) * 2.0).tape is tape
    steps = tg.find_steps(tape)
    assert steps.order == () and steps.program == () and set(steps.of) == {-1}


def test_lines_of_a_tracked_sweep_have_no_step_of_their_own() -> None:
    tape, loss = tg.cells.record("vanilla", 3)
    before = len(tape)
    tape.grad(loss, [tg.Var(tape, 0, tape.lines[0][4])], track=True)
    assert set(tg.find_steps(tape).of[before:]) == {-1}


def test_two_losses_of_one_step_are_refused() -> None:
    with tg.Tape() as tape:
        w = tape.var(2.0)
        with tg.step(1):
            tg.loss(w * 2.0, 1)
        tg.loss(w * 3.0, 1)  # outside, for the same step
    with pytest.raises(tg.TapeError, match="step t = 1 has two marked losses"):
        tg.find_steps(tape)


def test_lines_of_a_backward_pass_keep_the_place_of_the_forward_line() -> None:
    tape = tg.Tape(checked=True)
    w = tape.var(2.0)
    y = np.tanh(w)
    tape.grad(y, w, track=True)
    adjoints = [i for i, meaning in tape.backward.items() if meaning.kind == "adjoint"]
    assert adjoints and all(tape.source[i] == tape.source[y.index] for i in adjoints)


def test_ten_thousand_steps_are_aligned_in_one_pass() -> None:
    """Aligning step by step with a matcher would take hours."""
    tape, _ = tg.cells.record("vanilla", 10_000, checked=False)
    assert len(tg.find_steps(tape).program) == 9


def test_many_states_named_by_their_step_are_no_trouble() -> None:
    """Ten thousand leaves named x[t]: looking up each one's heir among all lines would take minutes."""
    with tg.Tape() as tape:
        w, total = tape.var(0.5, "w"), 0.0
        for t in range(1, 10_001):
            with tg.step(t):
                total = total + w * tape.var(1.0, f"x[{t}]")
    assert len(tg.find_steps(tape).order) == 10_000


def test_roles_stay_the_same_when_python_makes_a_loop_faster() -> None:
    with tg.Tape(checked=True) as tape:
        X, h = tape.var(np.ones((40, 3)), "X"), tape.var(np.zeros(3), "h0")
        for t in range(40):  # after some eight turns x[t] runs as another instruction
            with tg.step(t):
                h = np.tanh(h + X[t])
    steps = tg.find_steps(tape)
    assert len(steps.program) == 3 and all(len(lines) == 40 for lines in steps.lines.values())


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("T", [1, 2])
@pytest.mark.parametrize("name", ["h0", "h_0", "h[0]"])
def test_a_state_that_is_named_so_is_no_weight_however_few_steps_there_are(name: str, T: int, checked: bool) -> None:
    random = np.random.default_rng(0)
    with tg.Tape(checked=checked) as tape:
        W, U, b0 = (tape.var(random.normal(size=(3, 3)), name) for name in ("W", "U", "b0"))
        h, total = tape.var(random.normal(size=3), name), 0.0
        for t in range(1, T + 1):
            with tg.step(t):
                h = np.tanh(W @ h + U @ np.ones(3) + b0 @ np.ones(3))
                total = total + tg.loss((h * h * h).sum(), t)
    flow = tg.flow(total)
    assert [flow.steps.name[w] for w in flow.steps.weights] == ["W", "U", "b0"]
    row = viz.graph(flow).graph["contributions"][0]
    first = flow.steps.losses[0]
    parts = tape.sweep({first: np.ones(())}, [W.index, U.index, b0.index])
    assert row[0] == pytest.approx(np.sqrt(sum(np.sum(part * part) for part in parts)), rel=1e-12)


def test_what_is_computed_between_two_steps_belongs_to_the_first_and_a_weight_that_is_masked_there_to_none() -> None:
    with tg.Tape(checked=True) as tape:
        W = tape.var(RNG.normal(size=(3, 3)), "W")
        h: Any = tape.var(RNG.normal(size=3), "h0")
        M, total = W * 2.0, tape.data(0.0, "sum0")
        for t in range(1, 6):
            with tg.step(t):
                mask = tape.data(RNG.normal(size=(3, 3))) * 1.0
                h = np.tanh(M @ h)
                total = total + tg.loss((h * h * h).sum(), t)
            h = h / np.sqrt(np.sum(h * h))
            M = W * mask
    steps = tg.find_steps(tape)
    divided = [i for i, line in enumerate(tape.lines) if line[0] is np.divide]
    assert [steps.of[i] for i in divided] == [0, 1, 2, 3, -1], "the last is read by no step"
    masked = [i for i, line in enumerate(tape.lines) if line[0] is np.multiply and W.index in line[1]]
    assert {steps.of[i] for i in masked} == {-1}
    role = steps.role[divided[0]]
    assert (role, 1) in steps.carries and steps.initial[role, -1] == 1
    assert steps.weights == (W.index,)
    flow = tg.flow(total, at="last")
    np.testing.assert_allclose(sum(flow.table(W.index)[4].values()), flow.adjoint[W.index], rtol=1e-12)


def without_a_current_tape(step: Any) -> tg.Tape:
    """A tape that is not made current around the loop."""
    tape = tg.Tape()
    W, h = tape.var(RNG.normal(size=(3, 3)), "W"), tape.var(RNG.normal(size=3), "h0")
    for t in range(1, 5):
        with step(tape, t):
            h = np.tanh(W @ h)
            tg.loss(np.sum(h * h * h), t)
    return tape


def test_a_loss_in_a_step_that_found_no_tape_is_refused() -> None:
    with pytest.raises(tg.TapeError, match=r"step t = 1: tg\.step found no tape, .*; write `with tape:`") as error:
        without_a_current_tape(lambda tape, t: tg.step(t))
    assert "\n" not in str(error.value)
    steps = tg.find_steps(without_a_current_tape(lambda tape, t: tape.step(t)))
    assert len(steps.order) == len(steps.losses) == 4
    with tg.step(1):  # plain numbers need no tape
        assert tg.loss(0.5, 1) == 0.5
    with tg.Tape() as tape, tg.step(2):
        tg.loss(tape.var(2.0) * 3.0, 2)
    tape = tg.Tape()
    with tape.step(3), tg.step(None, "attention"):
        tg.loss(tape.var(2.0) * 3.0, 3)
    assert [t for _, _, t in tape.losses] == [3]
    with pytest.raises(tg.TapeError, match="step t = 4: tg.step found no tape"), tg.step(4), tg.step(None, "part"):
        tg.loss(tape.var(1.0) * 2.0, 4)
