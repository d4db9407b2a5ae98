"""What a picture shows: one path, values alone, gradients alone; and that nothing moves when the view changes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_rnn as tg
import viz
from viz.check import overlaps
from viz.layout.metrics import text_width
from viz.painting.routes import _count
from viz.reading.paths import edges_between
from viz.reading.views import share_number

KNOWN = ("vanilla", "lstm", "gru", "stacked", "skip")


def recorded(name: str, steps: int = 4, at: Any = "all") -> tg.Flow:
    return tg.flow(tg.cells.record(name, steps)[1], at=at)


def wires(picture: viz.Picture, kind: str) -> set[tuple[str, str]]:
    """The graph's edges that stand behind the wires of one kind."""
    names = {stroke.name for stroke in picture.canvas.strokes if stroke.name.startswith(kind)}
    return {pair for name in names for pair in picture.canvas.stands_for.get(name, ())}


def places(picture: viz.Picture) -> dict[str, str]:
    """The middle of every node of the graph."""
    found = re.findall(r'^\s*"?(n\d+@\d+|i\d+@-?\d+)"? \[.*?pos="([^"]+)"', picture.dot, re.M)
    return dict(found)


def texts(picture: viz.Picture) -> list[str]:
    return [text.text for text in picture.canvas.texts]


# ---- path view ----


@pytest.mark.parametrize("path", [(4, 1), (4, 4), (3, 2), (4, "V")])
@pytest.mark.parametrize("name", KNOWN)
def test_a_path_view_colours_the_edges_of_the_path_and_moves_nothing(name: str, path: Any) -> None:
    whole, picture = viz.draw(recorded(name)), viz.draw(recorded(name), path=path)
    goal = next(w for w in whole.graph.graph["weights"] if whole.graph.nodes[w]["name"] == "V")
    alone = viz.graph(recorded(name, at=path[0]))
    expected = edges_between(alone, path[0] - 1, goal if path[1] == "V" else path[1] - 1)
    drawn = {pair for pair in wires(picture, "bwd-") if picture.graph.edges[(*pair, 0)]["gradient"] is not None}
    assert drawn == expected
    assert {pair for u, v in expected for pair in [(u, v)]} <= wires(picture, "fwd-"), "values are the scaffold"
    assert places(picture) == places(whole) and len(places(whole)) > 12
    assert overlaps(picture.canvas) == {}


def test_a_path_view_shows_each_route_with_its_share_and_says_what_it_shows() -> None:
    picture = viz.draw(recorded("lstm"), path=(4, 2))
    path = picture.graph.graph["path"]
    shown = texts(picture)
    for words, share in path["rows"]:
        assert words in shown and share_number(share) in shown
    assert {words for words, _ in path["rows"]} == {"c₃ → c₂", "c₃ → h₂", "h₃ → c₂", "h₃ → h₂"}
    assert sum(share for _, share in path["rows"]) == pytest.approx(1, rel=1e-12)
    assert picture.title.startswith("How the loss at t = 4 reaches the weights of step 2")
    assert "shares of C[4,2]; they sum to 1" in shown
    assert re.search(r"share of C\[4,2\] through here: [−\d.]+", picture.dot), "in the tooltips of edges"


def test_strips_of_a_path_view_hold_its_own_step_alone_and_sum_to_it() -> None:
    flow = recorded("vanilla")
    picture = viz.draw(flow, path=(4, 2))
    for weight in picture.graph.graph["weights"]:
        node = picture.graph.nodes[weight]
        part = flow.table(int(weight[1:]))[3].get(1)
        if part is None or not np.any(part):
            assert not node["shares"] and node["adjoint_norm"] is None
        else:
            assert set(node["shares"]) == {1}
            assert node["adjoint_norm"] == pytest.approx(np.linalg.norm(part), rel=1e-12)
    assert {item.split("@")[1] for item in re.findall(r'"(share-w\d+@\d)"', picture.dot)} == {"1"}


def test_what_is_not_on_the_path_is_pale_and_what_is_on_it_is_not() -> None:
    picture = viz.draw(recorded("vanilla"), path=(4, 2))
    on_it = {key for pair in wires(picture, "bwd-") for key in pair}
    pale = viz.draw(recorded("vanilla"), path=(4, 2)).canvas.theme.faded().node
    for key, node in picture.graph.nodes(data=True):
        line = next((text for text in picture.dot.splitlines() if text.strip().startswith(f'"{key}" [')), "")
        if key[0] == "n" and node["kind"] != "loss":
            assert (f'fillcolor="{pale}"' in line) == (key not in on_it), (key, line)


def test_a_chip_is_pale_where_its_weight_is_no_goal_and_so_is_its_wire() -> None:
    picture = viz.draw(recorded("vanilla"), path=(4, 2))
    theme, on_it = picture.canvas.theme, wires(picture, "bwd-")
    for u, v, data in picture.graph.edges(data=True):
        if u[0] == "w" and v != "L":
            line = next(text for text in picture.dot.splitlines() if text.strip().startswith(f'"{u}-{v}" ['))
            assert (f'color="{theme.weight_edge}"' in line) == ((u, v) in on_it)
            assert data.get("faded", False) == ((u, v) not in on_it)


def test_a_long_route_is_told_in_few_words_that_fit_the_key() -> None:
    picture = viz.draw(recorded("lstm", 9), path=(9, 1))
    shown = texts(picture)
    assert any(re.fullmatch(r"8 × c", text) for text in shown)
    assert any(re.fullmatch(r"all 2\d\d others", text) for text in shown)
    assert overlaps(picture.canvas) == {}
    assert max(text_width(text, 10) for text in shown if "×" in text and "→" in text) < 400


def test_so_many_ways_that_no_float_holds_them_are_told_as_a_power_of_ten() -> None:
    picture = viz.draw(recorded("lstm", 30), path=(30, 1))
    assert any(re.fullmatch(r"10⁸ routes, by 10²⁰ ways along edges", text) for text in texts(picture))
    assert _count(10**400) == "10⁴⁰⁰" and _count(999_999) == "999,999" and _count(91) == "91"


def test_a_loss_that_does_not_reach_a_step_says_so() -> None:
    picture = viz.draw(recorded("lstm"), path=(2, 4))
    assert "nothing arrives" in texts(picture) and not wires(picture, "bwd-n")
    assert "C[2,4] is exactly 0" in texts(picture)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": (9, 1)}, "there is no loss at t = 9"),
        ({"path": (4, "Q")}, "no drawn weight is called 'Q'; there are U, W, b, V, c"),
        ({"path": (4, 2), "show": "value"}, "choose one of them"),
        ({"path": "41"}, "must be"),
        ({"show": "all"}, "must be one of 'both', 'value', 'gradient'"),
        ({"show": None}, "must be one of"),
    ],
)
def test_a_view_that_cannot_be_is_refused_in_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(viz.PictureError, match=re.escape(words)) as caught:
        viz.draw(recorded("vanilla"), **options)
    assert "\n" not in str(caught.value)


def test_a_path_needs_steps_and_a_backward_pass() -> None:
    with pytest.raises(viz.PictureError, match="no backward pass was recorded"):
        viz.draw(recorded("vanilla", at=None), path=(4, 1))
    with tg.Tape() as tape:
        L = np.sum(tape.var(np.ones(2), "w") ** 2)
    with pytest.raises(viz.PictureError, match="marks no time steps"):
        viz.draw(tg.flow(L), path=(1, 1))


# ---- values alone, gradients alone ----


@pytest.mark.parametrize("name", KNOWN)
def test_values_alone_have_the_norms_of_what_passes_and_no_gradient(name: str) -> None:
    whole, picture = viz.draw(recorded(name)), viz.draw(recorded(name), show="value")
    assert not wires(picture, "bwd-") and places(picture) == places(whole)
    assert picture.title.startswith("Forward pass: values only") and "‖value‖" in texts(picture)
    assert "‖gradient‖" not in texts(picture) and "share-" not in picture.dot
    assert wires(picture, "fwd-") == wires(whole, "fwd-")
    for u, _, data in picture.graph.edges(data=True):
        assert data["adjoint"] == whole.graph.nodes[u]["value_norm"]
    assert overlaps(picture.canvas) == {}


@pytest.mark.parametrize("name", KNOWN)
def test_gradients_alone_leave_out_every_line_of_values(name: str) -> None:
    whole, picture = viz.draw(recorded(name)), viz.draw(recorded(name), show="gradient")
    assert 'class="fwd' not in picture.dot and 'class="fwd' in whole.dot
    assert picture.dot.count('class="bwd') == whole.dot.count('class="bwd')
    assert places(picture) == places(whole)
    assert "value, forward" not in texts(picture) and "gradients only" in picture.title
    dots = set(re.findall(r'"?([\w@-]+)"? \[label="" class=junction', picture.dot))
    assert all(re.search(rf'"?{re.escape(dot)}"? -> |-> "?{re.escape(dot)}"?', picture.dot) for dot in dots)


def test_a_program_without_steps_shows_values_or_gradients_alone_too() -> None:
    with tg.Tape() as tape:
        W, x = tape.var(np.array([[1.0, 2.0], [0.5, -1.0]]), "W"), tape.data(np.array([0.3, -0.2]), "x")
        L = np.sum(np.tanh(W @ x) * x)
    assert 'class="bwd' not in viz.draw(tg.flow(L), show="value").dot
    assert 'class="fwd' not in viz.draw(tg.flow(L), show="gradient").dot


# ---- cuts ----


@pytest.mark.parametrize("name", KNOWN)
def test_a_truncation_is_drawn_as_cut_wires_with_scissors(name: str) -> None:
    _, L = tg.cells.record(name, 4)
    picture = viz.draw(tg.flow(L, truncation=("detach_every_k", 2)))
    cut = {(u, v) for u, v, data in picture.graph.edges(data=True) if data["cut"]}
    assert cut and {picture.graph.nodes[v]["step"] for _, v in cut} <= {0, 1, 2, 3}
    assert all(data["gradient"] in (0.0, None) for _, _, data in picture.graph.edges(data=True) if data["cut"])
    red = {pair for stroke in picture.canvas.strokes if stroke.name.startswith("bwd-") and "key" not in stroke.name
           for pair in picture.canvas.stands_for[stroke.name] if pair in cut}  # fmt: skip
    assert red == cut
    blades = re.findall(r"id=\"?[\w-]+-blade1-", picture.dot)
    states = {u for u, _ in cut}
    assert len(blades) >= len(states) + 1, "one on every state's wire, one in the key"
    assert "cut: nothing passes" in texts(picture) and picture.title.startswith("Truncated")
    assert overlaps(picture.canvas) == {}


def test_a_cut_edge_tells_what_it_would_have_brought() -> None:
    tape, L = tg.cells.record("vanilla", 4)
    steps = tg.find_steps(tape)
    whole = viz.graph(tg.flow(L, at=4))
    cut = viz.graph(tg.flow(L, at=4, follow=lambda c, k, _: not (steps.is_carry(c, k) and steps.of[c] == 2)))
    (edge,) = [(u, v) for u, v, data in cut.edges(data=True) if data["cut"]]
    would = whole.edges[(*edge, 0)]["gradient"]
    assert f"cut: nothing passes; would have been ‖gradient‖ {would:.4g}" in cut.edges[(*edge, 0)]["tooltip"]


# ---- numbers at the ends of what floats can hold ----


def powers(scale: float, *, start: float = 1.0) -> tg.Flow:
    """Four steps h = scale · W h with a loss at the last one."""
    with np.errstate(all="ignore"), tg.Tape() as tape:
        W, h = tape.var(np.array([[0.5, 0.1], [-0.2, 0.4]]), "W"), tape.var(np.full(2, start), "h0")
        for t in range(1, 5):
            with tg.step(t):
                h = scale * (W @ h)
                L = tg.loss(np.sum(h), t)
        return tg.flow(L, at="last")


@pytest.mark.parametrize("scale", [1e-60, 1e40])
def test_shares_of_gradients_whose_squares_no_float_holds_still_sum_to_one(scale: float) -> None:
    picture = viz.draw(powers(scale), path=(4, 1))
    path = picture.graph.graph["path"]
    assert [words for words, _ in path["rows"]] == ["h₃ → h₂ → h₁"]
    assert path["rows"][0][1] == pytest.approx(1, rel=1e-12)


def test_what_is_not_finite_claims_no_share_and_no_zero() -> None:
    picture = viz.draw(powers(1e200), path=(4, 1))
    said = " ".join(texts(picture))
    assert "C[4,1] is infinite or not a number" in said and "exactly 0" not in said and "sum to 1" not in said
    whole = " ".join(texts(viz.draw(powers(1e200))))
    assert re.search(r"worst error [\w.+-]+(, at \S+)?, where it is finite", whole)
    assert "where it is finite" not in " ".join(texts(viz.draw(powers(1.0))))
