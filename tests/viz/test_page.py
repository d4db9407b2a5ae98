"""What a step-through page holds: events in order, formulas as trees, exact sums, safe data, one small file."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.painting import need_graphviz
from tests.viz.unseen_cells import CELLS
from viz.page.arrays import LIMITS, MOST_FLOATS, Floats, limit_for, short
from viz.page.formulas import forward_tree, rule_trees
from viz.page.page import SCRIPTS

FILES = Path(viz.__file__).parent / "page" / "files"


def data_of(page: viz.Page) -> dict[str, Any]:
    """What the page's script reads, off the page itself."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html(), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


@pytest.fixture(scope="module")
def flow() -> tg.Flow:
    return tg.flow(tg.cells.record("lstm", 4)[1])


@pytest.fixture(scope="module")
def data(flow: tg.Flow) -> dict[str, Any]:
    need_graphviz()
    return data_of(viz.step_through(flow))


# ---- formulas ----


def test_formulas_are_trees_with_open_names() -> None:
    with tg.Tape() as tape:
        W, h = tape.var(np.eye(3), "W"), tape.var(np.ones(3), "h")
        y = np.tanh(W @ h)
        z = np.sum((1 - y) * (y * h) / 2)
    lines = {line[0]: i for i, line in enumerate(tape.lines)}
    assert forward_tree(tape, lines[np.matmul]) == ["·", ["v", 0], ["v", 1]]
    assert forward_tree(tape, y.index) == ["f", "tanh", ["v", 0]]
    assert rule_trees(tape, lines[np.matmul], 0) == ([], "", ["·", ["d", 2], ["T", ["v", 1]]])
    assert rule_trees(tape, lines[np.matmul], 1) == ([], "", ["·", ["T", ["v", 0]], ["d", 2]])
    square = ["−", ["n", "1"], ["**", ["v", 1], ["n", "2"]]]
    assert rule_trees(tape, y.index, 0) == ([], "", ["⊙", ["d", 1], ["p", square]])
    assert forward_tree(tape, lines[np.subtract]) == ["−", ["n", "1"], ["v", 1]]
    assert z.shape == ()


def test_brackets_stand_where_a_product_of_matrices_meets_one_of_entries() -> None:
    with tg.Tape() as tape:
        W, h, s = tape.var(np.eye(3), "W"), tape.var(np.ones(3), "h"), tape.var(np.ones(3), "s")
        y = np.tanh(W @ (h * s))
    parts, _, tree = rule_trees(tape, y.index, 0)
    assert not parts and tree[0] == "⊙"
    (line,) = [i for i, entry in enumerate(tape.lines) if entry[0] is np.matmul]
    assert forward_tree(tape, line) == ["·", ["v", 0], ["v", 1]]


def test_an_index_and_a_rule_that_cannot_run_are_written_all_the_same() -> None:
    @tg.primitive
    def odd(x: Any) -> Any:
        return x * 1.0

    tg.rule(odd, lambda g, y, x: 1 / 0)
    with tg.Tape() as tape:
        x = tape.var(np.ones((4, 3)), "x")
        first = np.sum(x[1, 0:2])
        tape.record(odd, [x], {})
    line = first.index - 1
    assert forward_tree(tape, line) == ["[]", ["v", 0], "1, 0:2"]
    _, place, tree = rule_trees(tape, line, 0)
    assert (place, tree) == ("1, 0:2", ["d", 3])
    assert rule_trees(tape, len(tape) - 1, 0)[2][0] == "t"


# ---- events ----


def test_forward_events_are_the_lines_and_backward_events_the_edges_in_the_order_of_the_sweep(
    flow: tg.Flow, data: dict[str, Any]
) -> None:
    assert [row["i"] for row in data["lines"]] == list(range(len(flow.tape.lines)))
    whole = data["choices"][0]
    assert [tuple(data["edges"][e][:2]) for e in whole["e"]] == list(flow.edges)


def test_every_event_has_something_to_light(data: dict[str, Any]) -> None:
    for row in data["lines"]:
        assert row["o"] or row["w"], row
    nodes = {row["i"]: row["o"] for row in data["lines"]}
    for child, k, _, wires in data["edges"]:
        assert wires or nodes[child], (child, k)
        assert all(any(not data["names"][n].startswith("fwd-") for n in data["wires"][w][2]) for w in wires)


@pytest.mark.parametrize("name", CELLS)
def test_every_event_of_cells_that_nobody_foresaw_has_something_to_light(name: str) -> None:
    need_graphviz()
    data = data_of(viz.step_through(tg.flow(CELLS[name](3, 0)[1])))
    nodes = {row["i"]: row["o"] for row in data["lines"]}
    assert all(row["o"] or row["w"] for row in data["lines"])
    unseen = []
    for child, k, _, wires in data["edges"]:
        lanes = [data["names"][n] for w in wires for n in data["wires"][w][2]]
        assert lanes or nodes[child], (child, k)
        unseen += [(child, k)] * (bool(wires) and not any(lane.startswith("bwd-") for lane in lanes))
    # One wire that no picture has room for: a state before the first step that the total reads.
    assert len(unseen) <= (2 if name in ("one_leaf_for_two_states", "attention_decoder") else 0)


def test_contributions_of_the_page_sum_to_every_adjoint_of_every_choice(flow: tg.Flow, data: dict[str, Any]) -> None:
    floats = np.frombuffer(base64.b64decode(data["floats"]), "<f4").astype(float)
    flows = [flow, *(tg.flow(tg.Var(flow.tape, flow.loss, flow.tape.lines[flow.loss][4]), at=t) for t in range(1, 5))]
    assert len(data["choices"]) == len(flows)
    for choice, own in zip(data["choices"], flows, strict=True):
        sums: dict[int, Any] = {i: np.array([seed]) for i, seed in choice["seeds"]}
        for e, at in zip(choice["e"], choice["a"], strict=True):
            child, k = data["edges"][e][:2]
            parent = flow.tape.lines[child][1][k]
            size = int(np.size(flow.tape.lines[parent][4]))
            sums[parent] = sums.get(parent, 0.0) + floats[at : at + size]
        assert set(sums) == set(own.adjoint)
        for i, array in sums.items():
            np.testing.assert_allclose(array, np.ravel(own.adjoint[i]), rtol=1e-5, atol=1e-7)


def test_the_table_is_the_table_of_the_flow(flow: tg.Flow, data: dict[str, Any]) -> None:
    tables = [flow.table(weight) for weight in flow.steps.weights]
    for row in data["table"]["rows"]:
        for k, shown in enumerate(row["c"]):
            shares = [table[row["s"][0]].get(k) for table in tables]
            size = np.sqrt(sum(float(np.sum(share * share)) for share in shares if share is not None))
            assert shown == pytest.approx(size, rel=6e-4)
            assert row["w"][k] == pytest.approx(size / 4, rel=6e-4)


def test_a_truncated_flow_stays_truncated_in_every_choice() -> None:
    need_graphviz()
    _, loss = tg.cells.record("vanilla", 4)
    cut = tg.flow(loss, follow=tg.carry_cut(tg.flow(loss).steps, 2))
    data = data_of(viz.step_through(cut))
    assert len(data["choices"][0]["e"]) == len(cut.edges) < len(tg.flow(loss).edges)
    assert all("/" in choice["wires"] for choice in data["choices"])


# ---- numbers ----


def test_numbers_are_kept_to_four_digits_and_odd_ones_as_words() -> None:
    assert [short(x) for x in (0.123456, 0.0, np.nan, -np.inf, 1e-200)] == [0.1235, 0.0, "nan", "-inf", 1e-200]


def test_the_largest_arrays_are_left_out_until_the_rest_fits() -> None:
    assert limit_for([4] * 10) == LIMITS[0]
    assert limit_for([100] * 1000 + [16] * 100) == 64
    assert limit_for([2] * MOST_FLOATS) == 1
    floats = Floats(4)
    assert [floats.add(np.ones(4)), floats.add(np.ones(5)), floats.add(np.ones(0)), floats.add(2.0)] == [0, -1, -1, 4]
    assert len(base64.b64decode(floats.text())) == 20


# ---- the file ----


def test_an_lstm_of_twelve_steps_is_less_than_a_megabyte() -> None:
    need_graphviz()
    page = viz.step_through(tg.flow(tg.cells.record("lstm", 12)[1]), title="LSTM")
    assert len(page.html().encode()) < 1_000_000
    assert len(data_of(page)["choices"]) == 13


def test_a_large_network_keeps_norms_and_leaves_arrays_out() -> None:
    need_graphviz()
    random = np.random.default_rng(0)
    with tg.Tape() as tape:
        W, h, losses = tape.var(random.normal(size=(64, 64)) / 8, "W"), tape.var(random.normal(size=64), "h0"), []
        for t in range(1, 9):
            with tg.step(t):
                h = np.tanh(W @ h)
                losses.append(tg.loss(np.sum(h * h), t))
        total = sum(losses) / 8
    page = viz.step_through(tg.flow(total))
    assert len(page.html()) < 500_000
    assert all(norm > 0 for norm in data_of(page)["choices"][0]["n"])


def test_the_same_flow_gives_the_same_bytes() -> None:
    need_graphviz()
    first, second = (viz.step_through(tg.flow(tg.cells.record("gru", 3)[1])).html() for _ in range(2))
    assert first == second


def test_the_page_asks_for_nothing_and_runs_nothing_but_its_own() -> None:
    need_graphviz()
    text = viz.step_through(tg.flow(tg.cells.record("vanilla", 2)[1]), title="</title><script>alert(1)</script>").html()
    names = {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg"}  # of languages; nothing is fetched
    assert set(re.findall(r"\w+://[^\s\"'<)]+", text)) == names and not re.search(r"\b(src|href)=", text)
    assert text.count("<script") == 2 and "innerHTML" not in text and "eval(" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy and policy[1].startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy[1]
    assert " style=" not in text, "the policy forbids it"


def test_all_scripts_are_there_and_none_builds_markup_from_data() -> None:
    assert {file.stem for file in FILES.glob("*.js")} == set(SCRIPTS)
    for file in FILES.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert text.startswith("// ---- "), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)


# ---- what cannot be done ----


def test_what_cannot_be_stepped_through_is_said_in_one_line(tmp_path: Path) -> None:
    need_graphviz()
    _, loss = tg.cells.record("vanilla", 2_001)
    with pytest.raises(viz.PictureError, match="2,001 steps are too many for a page"):
        viz.step_through(tg.flow(loss))
    with pytest.raises(viz.PictureError, match="cannot step through a Var"):
        viz.step_through(loss)  # type: ignore[arg-type]
    short_one = tg.flow(tg.cells.record("vanilla", 3)[1])
    with pytest.raises(viz.PictureError, match="at=7: no loss is marked there; marked losses stand at t = 1, 2, 3"):
        viz.step_through(short_one, at=[7])
    page = viz.step_through(short_one, at=["last"])
    assert [choice["t"] for choice in data_of(page)["choices"]] == ["", "3"]
    for name in ("a.svg", "missing/a.html"):
        with pytest.raises(viz.PictureError):
            page.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_long_sequences_offer_the_whole_loss_and_the_last_one() -> None:
    need_graphviz()
    data = data_of(viz.step_through(tg.flow(tg.cells.record("vanilla", 20)[1], at=5)))
    assert [choice["t"] for choice in data["choices"]] == ["", "5", "20"] and data["first"] == 1
