"""The graph behind a picture, written for other programs and read back by networkx."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tinygrad_rnn as tg
import viz

HOSTILE = ['a"b', "<i>&amp;</i>", "back\\slash\\", "two\nlines", "\N{GRINNING FACE}", "שלום", "</script>", "NaN"]
HOSTILE.append("nul\x00\x07")


@pytest.fixture(scope="module")
def flow() -> tg.Flow:
    return tg.flow(tg.cells.record("lstm", 4)[1])


def same(read: Any, written: Any) -> bool:
    """Equal numbers and words, where tuples and arrays have become lists and keys strings."""
    if isinstance(written, np.ndarray):
        return bool(np.array_equal(np.array(read, dtype=float), written, equal_nan=True))
    if isinstance(written, dict):
        return all(same(read[str(key)], value) for key, value in written.items()) and len(read) == len(written)
    if isinstance(written, list | tuple):
        return len(read) == len(written) and all(map(same, read, written))
    return bool(read == written)


def test_node_link_json_read_back_by_networkx_is_the_graph(flow: tg.Flow, tmp_path: Path) -> None:
    graph = viz.graph(flow)
    text = viz.export(flow, tmp_path / "a.json").read_text()
    read = nx.node_link_graph(json.loads(text), edges="edges")
    assert isinstance(read, nx.MultiDiGraph) and same(read.graph, graph.graph)
    assert list(read) == list(graph) and list(read.edges(keys=True)) == list(graph.edges(keys=True))
    for key, node in graph.nodes(data=True):
        assert same(read.nodes[key], node), key
    for u, v, key, edge in graph.edges(keys=True, data=True):
        assert same(read.edges[u, v, key], edge), (u, v)
    assert any(np.ndim(edge["contribution"]) == 2 for _, _, edge in graph.edges(data=True))


def test_graphml_read_back_by_networkx_has_the_same_plain_values(flow: tg.Flow, tmp_path: Path) -> None:
    graph = viz.graph(flow)
    read = nx.read_graphml(viz.export(graph, tmp_path / "a.graphml"), force_multigraph=True)
    assert set(read) == set(graph) and len(read.edges) == len(graph.edges)
    for key, node in graph.nodes(data=True):
        for name, value in node.items():
            if isinstance(value, str | int | float):
                assert read.nodes[key][name] == value, (key, name)
            elif value is None:
                assert name not in read.nodes[key]
            else:
                assert same(json.loads(read.nodes[key][name]), value)
    for u, v, edge in graph.edges(data=True):
        found = read.edges[u, v, 0]
        assert found.get("gradient") == edge["gradient"]
        if edge["contribution"] is not None:
            assert same(json.loads(str(found["contribution"])), edge["contribution"])


def test_dot_read_back_has_nodes_edges_and_numbers(flow: tg.Flow, tmp_path: Path, dot_program: str) -> None:
    path = viz.export(flow, tmp_path / "a.dot")
    run = subprocess.run([dot_program, "-Tjson", str(path)], capture_output=True, timeout=60, check=True)
    assert run.stderr == b""  # no attribute of ours is taken for one of Graphviz
    read, graph = json.loads(run.stdout), viz.graph(flow)
    nodes = {node["name"]: node for node in read["objects"]}
    assert set(nodes) == set(graph) and len(read["edges"]) == len(graph.edges)
    for key, node in graph.nodes(data=True):
        assert float(nodes[key]["tg_value_norm"]) == node["value_norm"]
        assert nodes[key]["label"] == (node["label"] or "")


def test_norms_stand_for_arrays_on_request(flow: tg.Flow, tmp_path: Path) -> None:
    graph = viz.graph(flow)
    path = viz.export(flow, tmp_path / "a.json", arrays="norms")
    for edge in json.loads(path.read_text())["edges"]:
        whole = graph.edges[edge["source"], edge["target"], 0]["contribution"]
        if whole is not None:
            np.testing.assert_allclose(edge["contribution"], np.linalg.norm(whole), rtol=1e-12)
    assert path.stat().st_size < viz.export(flow, tmp_path / "b.json").stat().st_size


def test_a_folded_panel_is_written_with_every_number_of_its_ribbons(tmp_path: Path) -> None:
    picture = viz.draw(tg.flow(tg.cells.record("lstm", 12)[1]), fold=(1, 2))
    written = json.loads(picture.save(tmp_path / "a.json").read_text())["graph"]["fold"]
    ribbons = picture.graph.graph["fold"].ribbons
    assert [ribbon["norms"] for ribbon in written["ribbons"]] == [list(ribbon.norms) for ribbon in ribbons]


def hostile_flow(value: float = 1.0) -> tg.Flow:
    random = np.random.default_rng(0)
    with np.errstate(all="ignore"), tg.Tape() as tape:
        weights = [tape.var(random.normal(size=(2, 2)), name) for name in HOSTILE]
        h, losses = tape.var(np.ones(2), "h0"), []
        for t in range(1, 4):
            with tg.step(t):
                for W in weights:
                    h = np.tanh(W @ h) * value
                losses.append(tg.loss(np.sum(h), t))
        return tg.flow(sum(losses))


def test_names_of_any_kind_come_back_from_every_format(tmp_path: Path, dot_program: str) -> None:
    flow = hostile_flow()
    text = viz.export(flow, tmp_path / "a.json").read_text(encoding="utf-8")
    names = {node.get("name") for node in json.loads(text)["nodes"]}
    assert set(HOSTILE) <= names
    read = nx.read_graphml(viz.export(flow, tmp_path / "a.graphml"))
    names = {node.get("name") for _, node in read.nodes(data=True)}
    assert set(HOSTILE) - {"nul\x00\x07"} | {"nul\ufffd\ufffd"} <= names
    path = viz.export(flow, tmp_path / "a.dot")
    run = subprocess.run([dot_program, "-Tjson", str(path)], capture_output=True, timeout=60, check=True)
    names = {node.get("tg_name", "").replace("\\\\", "\\") for node in json.loads(run.stdout)["objects"]}
    assert set(HOSTILE) - {"nul\x00\x07"} | {"nul\ufffd\ufffd"} <= names


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_written_strictly(value: float, tmp_path: Path) -> None:
    flow = hostile_flow(value)

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    data = json.loads(viz.export(flow, tmp_path / "a.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert {node["value_norm"] for node in data["nodes"]} & {"NaN", "Infinity"}
    text = viz.export(flow, tmp_path / "a.graphml").read_text(encoding="utf-8")
    assert ">nan<" not in text and ">inf<" not in text
    norms = [node["value_norm"] for _, node in nx.read_graphml(tmp_path / "a.graphml").nodes(data=True)]
    assert any(not math.isfinite(norm) for norm in norms) and all(isinstance(norm, float) for norm in norms)


def test_a_picture_is_exported_like_its_flow_and_the_bytes_are_stable(flow: tg.Flow, tmp_path: Path) -> None:
    picture = viz.draw(flow)
    for ending in ("json", "graphml"):
        saved = picture.save(tmp_path / f"picture.{ending}").read_bytes()
        assert saved == viz.export(flow, tmp_path / f"flow.{ending}").read_bytes()
        code = (
            "import sys, tinygrad_rnn as tg, viz\n"
            "viz.export(tg.flow(tg.cells.record('lstm', 4)[1]), sys.argv[1])"
        )
        there = tmp_path / f"there.{ending}"
        subprocess.run([sys.executable, "-c", code, str(there)], check=True, timeout=60)
        assert there.read_bytes() == saved


def test_bad_exports_are_refused_in_one_line(flow: tg.Flow, tmp_path: Path) -> None:
    refused = {
        "cannot export a int": lambda: viz.export(3, tmp_path / "a.json"),
        "must end in .json, .graphml or .dot": lambda: viz.export(flow, tmp_path / "a.xml"),
        "arrays='all'": lambda: viz.export(flow, tmp_path / "a.json", arrays="all"),
        "no folder": lambda: viz.export(flow, tmp_path / "nowhere" / "a.json"),
    }
    for message, act in refused.items():
        with pytest.raises(viz.PictureError, match=message) as caught:
            act()
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
