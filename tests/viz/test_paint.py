"""What is painted: nothing overlaps, every number is the flow's own, zero and absence look like nothing else."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz.unseen_cells import CELLS
from viz.check import overlaps
from viz.layout.curves import Shape, cubics, dense, rounded
from viz.layout.metrics import cell_number, loss_number, text_width
from viz.layout.strips import arrange
from viz.painting.canvas import Canvas
from viz.painting.colours import Scale, scale_of
from viz.painting.lanes import LANE, make_lane
from viz.painting.themes import luminance
from viz.reading.template import fold

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")


def drawn(name: str, steps: int = 4, at: Any = "all", **options: Any) -> viz.Picture:
    L = (tg.cells.record(name, steps) if name in KNOWN else CELLS[name](steps, 0))[1]
    return viz.draw(tg.flow(L, at=at), **({"fold": False} | options))


def faults(picture: viz.Picture) -> dict[str, list[str]]:
    assert picture.canvas is not None
    return overlaps(picture.canvas)


def items(picture: viz.Picture, kind: str) -> list[dict[str, str]]:
    """Attributes of the DOT statements of one class, as far as this test reads them."""
    found = []
    for line in picture.dot.splitlines():
        if match := re.search(rf'class="?{kind}[" \]]', line):
            pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s\]]+)', line)
            found.append({key: value.strip('"') for key, value in pairs} | {"class": match[0]})
    return found


# ---- nothing overlaps ----


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_nothing_overlaps_at_any_length(name: str, steps: int) -> None:
    assert faults(drawn(name, steps)) == {}


@pytest.mark.parametrize("at", ["last", 2, None])
@pytest.mark.parametrize("name", KNOWN)
def test_nothing_overlaps_whichever_loss_is_followed(name: str, at: Any) -> None:
    assert faults(drawn(name, at=at)) == {}


def test_planted_overlaps_are_found() -> None:
    canvas = Canvas()
    canvas.box("a", "wide label", (0, 0), (20, 20), "op")
    canvas.box("b", "", (15, 5), (20, 20), "op")
    canvas.text("one", (100, 0))
    canvas.text("two", (105, 2))
    for name, y in (("first", 0.5), ("second", 0.0)):
        line = dense([(-60, y), (60, y)])
        canvas.wire(name, ("a", "b"), cubics(line), None, "fwd")
    kinds = set(overlaps(canvas))
    assert {"box on box", "text on text", "text out of box", "wire over box", "wire on wire"} <= kinds


# ---- numbers are the flow's own ----


def test_each_cell_of_a_strip_is_the_norm_of_that_steps_share() -> None:
    _, L = tg.cells.record("lstm", 4)
    flow = tg.flow(L)
    picture = viz.draw(flow)
    said = dict(re.findall(r'"share-(w\d+@\d)".*?‖·‖ ([0-9.e+-]+)"', picture.dot))
    for line in flow.steps.weights:
        for s in range(4):
            share = np.linalg.norm(flow.share(line, s))
            assert float(said[f"w{line}@{s}"]) == pytest.approx(share, rel=2e-3)


def test_a_bus_shows_the_norm_of_the_sum_and_not_the_sum_of_norms() -> None:
    picture = drawn("lstm", 4)
    graph = picture.graph
    carried = next(key for key, node in graph.nodes(data=True) if node.get("name") == "h" and node.get("step") == 0)
    edges = [data for _, v, data in graph.out_edges(carried, data=True) if data["lag"] == 1]
    together = np.linalg.norm(sum(data["contribution"] for data in edges))
    apart = sum(data["gradient"] for data in edges)
    assert len(edges) == 4 and apart > 1.05 * together
    said = [float(number) for number in re.findall(r"together: ‖gradient‖ ([0-9.e+-]+)", picture.dot)]
    assert any(number == pytest.approx(together, rel=2e-3) for number in said)


def test_stronger_gradients_are_drawn_wider_and_darker() -> None:
    picture = drawn("vanilla", 6, at="last")
    spine = [data for u, v, data in picture.graph.edges(data=True) if data["lag"] == 1 and data["gradient"]]
    assert len(spine) >= 4
    wires = [item for item in items(picture, "bwd carry") if "penwidth" in item]
    drawn_ones = sorted((float(item["penwidth"]), luminance(item["color"])) for item in wires)
    widths, lights = zip(*drawn_ones, strict=True)
    assert widths[0] < widths[-1]
    assert list(lights) == sorted(lights, reverse=True)
    strongest = max(spine, key=lambda data: data["gradient"])
    assert scale_of([strongest["gradient"]], picture.span).position(strongest["gradient"]) > 0.5


def test_an_exact_zero_is_dotted_with_a_white_cell_and_no_colour() -> None:
    tape, L = tg.cells.record("vanilla", 4)  # h0 is zero here, so W learns nothing from step 1
    picture = viz.draw(tg.flow(L))
    weight = next(key for key in picture.graph.graph["weights"] if picture.graph.nodes[key]["name"] == "W")
    if picture.graph.nodes[weight]["shares"][0] != 0.0:
        pytest.skip("this recording starts from another h0")
    cell = next(item for item in items(picture, "share") if item.get("id", "").endswith(f"share-{weight}-0"))
    assert cell["label"] == "0" and cell["fillcolor"] == "#ffffff"
    assert any("dotted" in item.get("style", "") for item in items(picture, "bwd zero"))


def test_before_any_backward_pass_the_picture_says_so_and_shows_no_gradient_at_all() -> None:
    picture = drawn("vanilla", at=None)
    assert "no backward pass recorded" in [text.text for text in picture.canvas.texts], "in the key"
    assert picture.title.startswith("Forward pass, no backward pass recorded"), "and in the heading"
    assert not items(picture, "bwd") and not items(picture, "share")
    assert items(picture, "fwd")


def test_following_one_loss_seeds_it_alone_and_leaves_the_total_out() -> None:
    picture = drawn("vanilla", at=2)
    (seed,) = [item for item in items(picture, "seed") if "key" not in item["id"]]
    assert seed["label"] == "1" and seed["id"].endswith("seed-n7-1") or "-1" in seed["id"]
    into_total = [item for item in items(picture, "bwd link") if item["id"].endswith("-L")]
    assert into_total == []


def test_a_wire_of_data_has_one_lane_and_every_other_wire_two() -> None:
    picture = drawn("vanilla", 2)
    forward = {item["id"].split("-fwd-")[1] for item in items(picture, "fwd") if "-fwd-" in item["id"]}
    backward = {item["id"].split("-bwd-")[1] for item in items(picture, "bwd") if "-bwd-" in item["id"]}
    silent = {
        f"n{picture.graph.nodes[u]['role']}-n{picture.graph.nodes[v]['role']}-{picture.graph.nodes[v]['step']}"
        for u, v, data in picture.graph.edges(data=True)
        if data["gradient"] is None
    }
    assert forward - backward == silent
    assert backward - forward == {"key-gradient"}


def test_a_truncated_sweep_is_seen_where_it_is_cut_and_nowhere_else() -> None:
    tape, L = tg.cells.record("vanilla", 5)
    steps = tg.find_steps(tape)
    flow = tg.flow(L, follow=lambda child, k, _: not (steps.is_carry(child, k) and steps.of[child] == 2))
    picture = viz.draw(flow)
    assert picture.title.startswith("Truncated backpropagation through time")
    (wire,) = [item for item in items(picture, "bwd cut carry") if "key" not in item["id"]]
    assert "dashed" in wire["style"] and wire["id"].endswith("-2")
    assert "cut: nothing passes; would have been" in wire["tooltip"]
    assert "cut: nothing passes" in picture.dot and "cut: nothing passes" not in drawn("vanilla").dot
    assert faults(picture) == {}


# ---- lanes, scales, words ----


def test_a_scale_covers_a_decade_and_ignores_a_few_tiny_norms() -> None:
    assert scale_of([1.0, 2.0]).low == pytest.approx(0.2)
    scale = scale_of([1e-12] + [0.1] * 99 + [1.0])
    assert scale.low == pytest.approx(0.1) and scale.clamped
    assert scale_of([0.0, float("nan")]) == Scale(0.1, 1.0)
    assert scale.between(scale.position(0.3)) == pytest.approx(0.3, rel=1e-12)
    assert scale_of([5.0], (1e-3, 10.0)) == Scale(1e-3, 10.0)


def test_the_lanes_of_a_wire_run_side_by_side_in_opposite_directions() -> None:
    line = dense([(0.0, 0.0), (0.0, 100.0)])
    start, end = Shape(0, 0, 20, 20), Shape(0, 100, 20, 20)
    forward, _, up = make_lane(line, start, end, "forward")
    backward, _, down = make_lane(line, start, end, "gradient", 1.0)
    assert {round(x, 6) for x, _ in forward} == {-LANE} and {round(x, 6) for x, _ in backward} == {LANE}
    assert forward[0][1] == pytest.approx(10, abs=0.01) and up[1] == pytest.approx(89.2, abs=0.01)
    assert backward[0][1] == pytest.approx(90, abs=0.01) and down[1] == pytest.approx(10.5, abs=0.01)


def test_few_cubics_stay_close_to_a_rounded_way() -> None:
    way = rounded([(0, 0), (0, 60), (80, 60), (80, 130)], 14)
    fitted = cubics(way)
    assert len(fitted) < len(way) / 2 and (len(fitted) - 1) % 3 == 0
    assert fitted[0] == way[0] and fitted[-1] == way[-1]


def test_gates_and_kinds_make_a_matrix_and_other_names_wrap() -> None:
    lstm = [(kind + gate, kind + gate) for gate in "ifgo" for kind in "WUb"] + [("V", "V"), ("k", "k")]
    matrix = arrange(lstm, 400)
    assert len({y for _, y in list(matrix.cells.values())[:12]}) == 3
    assert len({x for x, _ in list(matrix.cells.values())[:12]}) == 4
    wrapped = arrange([(f"weight{k}", f"weight{k}") for k in range(10)], 120)
    assert len({y for _, y in wrapped.cells.values()}) == 4
    assert arrange([], 100).cells == {}


def test_numbers_fit_their_cells() -> None:
    assert [cell_number(v) for v in (0.0, 0.4, 0.007, 12.34, 123.4, 1.5e12)] == [
        "0", "0.40", "7e-3", "12.3", "123", "2e12",
    ]  # fmt: skip
    for exponent in range(-30, 31):
        assert text_width(cell_number(3.14159 * 10.0**exponent), 9.5) < 31
    losses = {1.234: "1.23", -0.5: "−0.50", 0.0: "0.00", 12345.6: "1.2e4", float("inf"): "∞"}
    assert [loss_number(value) for value in losses] == list(losses.values())


def remembered(picture: viz.Picture, source: str, reader: str) -> bool:
    """Whether the reader gets this state from a lane that runs along the panels."""
    nodes = picture.graph.nodes
    pair = (nodes[source]["role"], nodes[reader]["role"])
    return bool(picture.graph.edges[source, reader, 0]["lag"]) and pair in fold(picture.graph).remembered


@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_what_arrives_at_a_node_along_its_wires_is_all_that_its_readers_send(name: str) -> None:
    """Of every node, the wires that leave it carry each of its edges exactly once, whatever buses they share."""
    picture = drawn(name)
    leaving: dict[str, int] = {}
    for tail, _ in (stroke.ends for stroke in picture.canvas.strokes if stroke.name.startswith("fwd-")):
        leaving[tail] = leaving.get(tail, 0) + 1
    for key in picture.graph:
        if key[0] in "ni" and picture.graph.out_degree(key):
            assert leaving.get(key, 0) >= 1, key
    arriving = [stroke.ends[1] for stroke in picture.canvas.strokes if stroke.name.startswith("fwd-")]
    for key, node in picture.graph.nodes(data=True):
        if key[0] == "n":
            sources = set(picture.graph.predecessors(key))
            wires = [stroke for stroke in picture.canvas.strokes if stroke.ends[1] == key]
            lanes = [stroke for stroke in wires if stroke.name.startswith("fwd-memory")]
            far = {u for u in sources if u[0] != "w" and remembered(picture, u, key)}
            assert arriving.count(key) == len(sources - far) + len(lanes), (key, node["label"], sources)
            assert len(lanes) == len({picture.graph.nodes[u]["role"] for u in far})
    heads = set(arriving)
    dots = {tail for tail in leaving if tail not in picture.graph and not tail.startswith(("w", "key"))}
    assert dots <= heads, "no wire begins at a dot that none reaches"
