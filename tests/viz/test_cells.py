"""Cells that the package has no line of code for: each picture is clean at every length, with few crossings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from tests.viz import random_cells
from tests.viz.gated_cells import CELLS
from viz.check import crossings, overlaps
from viz.layout.curves import cubics, dense
from viz.layout.search import lay_out
from viz.painting.canvas import Canvas
from viz.reading.graph import build
from viz.reading.template import fold

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")

# How often wires cross in a picture of four steps, at most. It may only fall. Most are forced: a state that goes on to
# a readout above another state's line crosses it, and so does what comes down from a state to gates below another.
CROSSINGS = {
    "lstm": 19,
    "gru": 4,
    "skip": 3,
    "two_states_and_a_skip": 16,
    "packed_lstm": 11,
    "peephole_lstm": 34,
    "minimal_gated_unit": 4,
    "three_residual_layers": 11,
    "two_losses_in_a_step": 7,
    "joined_gru": 4,
    "one_state_array": 8,
    "attention_over_the_past": 6,
    "bidirectional": 6,
    "decoder_with_its_own_start": 3,
    "gates_by_a_function": 4,
    "one_leaf_for_two_states": 10,
    "attention_decoder": 20,
    "two_lstm_layers": 38,
    "gru_with_reset_after": 16,
    "multiplicative_lstm": 43,
    "clockwork": 2,
    "one_to_many": 3,
    "six_gates_in_one_sum": 24,
    "three_lags": 11,
    "nested_lstm": 46,
    "lstm_encoder_and_decoder": 39,
    "bidirectional_gru": 27,
    "highway_of_three": 24,
    "attention_in_a_python_loop": 33,
    "fast_weights": 19,
}


def recorded(name: str, steps: int) -> Any:
    return (tg.cells.record(name, steps) if name in KNOWN else CELLS[name](steps, 0))[1]


def drawn(name: str, steps: int = 4, at: Any = "all", **options: Any) -> viz.Picture:
    return viz.draw(tg.flow(recorded(name, steps), at=at), **options)


def faults(picture: viz.Picture) -> dict[str, list[str]]:
    assert picture.canvas is not None
    return overlaps(picture.canvas)


@pytest.mark.parametrize("name", [*KNOWN, *CELLS])
def test_every_cell_is_clean_at_every_length_and_crosses_no_more_than_it_may(name: str) -> None:
    four = drawn(name, 4, fold=False)
    assert faults(four) == {}
    assert four.canvas is not None and len(crossings(four.canvas)) <= CROSSINGS.get(name, 0)
    assert faults(drawn(name, 2, fold=False)) == {}
    if {lag for _, lag in fold(four.graph).carries} - {1}:  # wires beyond the next step: more of them in more steps
        assert faults(drawn(name, 7, fold=False)) == {}


@pytest.mark.parametrize("name", ["lstm", "packed_lstm", "attention_decoder", "bidirectional_gru", "clockwork"])
def test_following_the_last_loss_alone_leaves_a_picture_clean(name: str) -> None:
    assert faults(drawn(name, at="last")) == {}


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("name", ["vanilla", "gru", "jordan_network", "gru_with_reset_after", "encoder_and_decoder"])
def test_a_cell_is_clean_fused_and_not(name: str, fuse: bool) -> None:
    assert faults(drawn(name, fuse=fuse)) == {}


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6, 7, 8])
def test_cells_drawn_by_lot_are_clean(seed: int) -> None:
    assert faults(viz.draw(tg.flow(random_cells.record(seed)[1]))) == {}


# ---- kinds of steps, lanes, backward time ----


def test_an_encoder_and_a_decoder_are_two_kinds_of_steps_that_meet_at_one_height() -> None:
    template = fold(build(tg.flow(recorded("encoder_and_decoder", 4))))
    names = {part.role: part.name for part in template.parts}
    assert len(template.kinds) == 2 and not set(template.kinds[0]) & set(template.kinds[1])
    ((newcomer, state),) = template.stand_ins
    assert (names[newcomer], names[state]) == ("h", "d")
    picture = drawn("encoder_and_decoder")
    heights = {
        place.bottom + place.top
        for key, place in picture.canvas.places.items()
        if picture.graph.nodes.get(key, {}).get("name") in ("h", "d") and key[0] == "n"
    }
    assert len(heights) == 1


def test_what_attends_to_the_past_reads_a_lane_and_not_a_wire_from_each_step() -> None:
    counts = {}
    for steps in (4, 8):
        picture = drawn("attention_over_the_past", steps, fold=False)
        far = [
            (u, v)
            for u, v, data in picture.graph.edges(data=True)
            if data["lag"] and v[0] == "n" and picture.graph.nodes[v]["name"] == "keys"
        ]
        assert len(far) == steps * (steps + 1) // 2
        counts[steps] = sum(stroke.name.startswith("fwd-memory") for stroke in picture.canvas.strokes)
    assert counts[8] - counts[4] == 4 * 4, "a piece to the reader and to the state, and a tap to each: four a step"


def test_the_tap_of_a_state_brings_what_all_its_readers_send() -> None:
    picture = drawn("attention_over_the_past", 5)
    graph = picture.graph
    source = next(key for key, node in graph.nodes(data=True) if node.get("name") == "h" and node["step"] == 1)
    read = [data for _, v, data in graph.out_edges(source, data=True) if graph.nodes[v]["name"] == "keys"]
    arrays = [data["contribution"] for data in read]
    assert len(arrays) == 3
    together = f"together: ‖gradient‖ {np.linalg.norm(sum(arrays)):.4g}"
    assert together in picture.dot


def test_a_state_that_runs_backward_in_time_runs_to_the_left_on_a_line_of_its_own() -> None:
    template = fold(build(tg.flow(recorded("bidirectional", 4))))
    picture = drawn("bidirectional")
    assert {lag for _, lag in template.carries} == {1, -1}
    places = picture.canvas.places
    state = {node["step"]: places[key] for key, node in picture.graph.nodes(data=True)
             if node.get("name") == "g" and key[0] == "n"}  # fmt: skip
    readers = [v for _, v, data in picture.graph.edges(data=True) if data["lag"] == -1]
    assert readers
    for reader in readers:
        place, step = places[reader], picture.graph.nodes[reader]["step"]
        assert place.left > state[step].right, "the reader stands right of the state that it helps to make"
        assert place.bottom + place.top == pytest.approx(state[step].bottom + state[step].top)


def test_a_layout_is_the_same_from_run_to_run() -> None:
    texts = []
    for _ in range(2):
        lay_out.cache_clear()
        texts.append(drawn("two_states_and_a_skip").dot)
    assert texts[0] == texts[1]


# ---- the checker finds what is planted ----


def planted() -> Canvas:
    canvas = Canvas()
    canvas.box("a", "a", (0, 0), (40, 30), "op")
    canvas.box("b", "b", (200, 0), (40, 30), "op")
    return canvas


def wire(canvas: Canvas, name: str, *points: tuple[float, float]) -> None:
    canvas.wire(f"fwd-{name}", ("a", "b"), cubics(dense(list(points))), None, "fwd")


def test_a_clean_canvas_has_no_faults() -> None:
    canvas = planted()
    canvas.wire("fwd-x", ("a", "b"), cubics(dense([(20, 0), (174, 0)])), (179.5, 0), "fwd")
    canvas.finished((-30, -30, 230, 30))
    assert overlaps(canvas) == {}


def test_a_wire_through_a_box_that_is_not_its_end_is_found_even_where_it_begins_beside_it() -> None:
    canvas = planted()
    canvas.box("c", "", (40, 0), (30, 20), "op")  # right beside a
    wire(canvas, "x", (20, 0), (180, 0))
    assert list(overlaps(canvas)) == ["wire over box"]


def test_a_wire_through_its_own_end_is_found() -> None:
    canvas = planted()
    wire(canvas, "x", (-40, 10), (180, 10))
    assert "wire over box" in overlaps(canvas)


def test_a_wire_over_a_free_text_is_found() -> None:
    canvas = planted()
    canvas.text("a label", (100, 0))
    wire(canvas, "x", (20, 0), (180, 0))
    assert list(overlaps(canvas)) == ["wire over text"]


def test_wires_along_each_other_are_found_and_wires_that_cross_are_counted() -> None:
    canvas = planted()
    wire(canvas, "x", (20, 0), (180, 0))
    wire(canvas, "y", (20, 1.5), (180, 1.5))
    assert list(overlaps(canvas)) == ["wire on wire"] and crossings(canvas) == []
    canvas = planted()
    wire(canvas, "x", (60, -60), (140, 60))
    wire(canvas, "y", (60, 60), (140, -60))
    assert overlaps(canvas) == {} and crossings(canvas) == [("fwd-x", "fwd-y")]


def test_wires_that_cross_in_many_places_are_not_taken_for_wires_along_each_other() -> None:
    canvas = planted()
    wire(canvas, "x", (40, 40), (160, 40))
    wire(canvas, "y", *((40 + 30 * k, 40 + 60 * (k % 2 - 0.5)) for k in range(5)))
    assert overlaps(canvas) == {} and len(crossings(canvas)) == 4


def test_what_lies_beyond_the_frame_is_found() -> None:
    canvas = planted()
    canvas.text("far out", (300, 0))
    canvas.finished((-30, -30, 230, 30))
    assert overlaps(canvas) == {"beyond the frame": ["text far out"]}


@pytest.mark.parametrize("tip", [(170.0, 0.0), (190.0, 0.0), (180.0, 40.0)])
def test_an_arrow_head_that_misses_its_box_is_found(tip: tuple[float, float]) -> None:
    canvas = planted()
    canvas.head("tip", ("a", "b"), (tip[0] - 8, tip[1]), tip, 5.0)
    assert list(overlaps(canvas)) == ["tip misses its box"]


def test_labels_on_each_other_and_out_of_their_boxes_are_found() -> None:
    canvas = planted()
    canvas.box("wide", "a label too wide", (100, 0), (20, 20), "op")
    canvas.text("one", (100, 60))
    canvas.text("two", (104, 61))
    assert set(overlaps(canvas)) == {"text out of box", "text on text"}
