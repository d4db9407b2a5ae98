"""The graph of a program that marks no time steps: one node per line that leads to the loss."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from . import tooltips, words
from .conservation import state_law
from .tooltips import norm

ARITHMETIC = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum"}


def plain_graph(flow: Flow) -> nx.MultiDiGraph:
    """Every line that leads to the loss as a node: `w{line}` for a var leaf, `v{line}` for others, `L` for the loss."""
    lines, loss = flow.tape.lines, flow.loss
    wanted = {loss}
    for i in range(loss, -1, -1):
        if i in wanted:
            wanted.update(p for p in lines[i][1] if p >= 0)
    keys = {i: "L" if i == loss else f"w{i}" if lines[i][0] == "var" else f"v{i}" for i in sorted(wanted)}
    G, differentiable = nx.MultiDiGraph(), [False] * len(lines)
    for i, key in keys.items():
        differentiable[i] = lines[i][0] == "var" or any(p >= 0 and differentiable[p] for p in lines[i][1])
        G.add_node(key, **_node(flow, i, differentiable))
    _wires(G, flow, keys, differentiable)
    seeds = {}
    if flow.at != "all":
        seeds = {keys[i]: float(seed) for i, seed in flow.seeds.items() if i in keys}
    G.graph.update(
        recorded="", steps=[], roles=tuple(keys), weights=[key for key in G if key[0] == "w"], at=flow.at, seeds=seeds,
        backward=bool(flow.seeds), fused=False, losses={}, joint={}, followed=flow.followed, contributions=None,
        notes=list(flow.notes),
    )  # fmt: skip
    state_law(G, flow)
    return G


def _node(flow: Flow, i: int, differentiable: list[bool]) -> dict[str, Any]:
    fn, parents, _, _, value, _, _ = flow.tape.lines[i]
    function, name = words.function_name(fn), flow.steps.name[i]
    node: dict[str, Any] = {
        "kind": "total" if i == flow.loss else "weight" if fn == "var" else "op" if parents else "input",
        "role": i, "step": 0, "t": None, "loop": None, "op": _operation(flow, i),
        "name": name, "label": words.symbol(name) if name else f"v{i}", "text": "", "rows": (), "function": function,
        "shape": tuple(int(n) for n in np.shape(value)), "value": words.scalar(value), "value_norm": norm(value),
        "adjoint_norm": norm(flow.adjoint.get(i, 0.0)) if flow.seeds and differentiable[i] else None,
        "adjoint": words.scalar(flow.adjoint.get(i, 0.0)) if flow.seeds and differentiable[i] else None,
        "rule": tooltips.rules(flow.tape, [i], differentiable), "source": tooltips.source_line(flow.tape, i),
        "lines": (i,), "exits": (i,), "shares": {}, "cited": False,
    }  # fmt: skip
    return {**node, "tooltip": tooltips.of_node(node, [function])}


def _wires(G: nx.MultiDiGraph, flow: Flow, keys: dict[int, str], differentiable: list[bool]) -> None:
    """Add an edge per argument."""
    for i, key in keys.items():
        for k, p in enumerate(flow.tape.lines[i][1]):
            if p < 0:
                continue
            contribution = flow.edges.get((i, k))
            silent = not flow.seeds or not differentiable[p]
            gradient = None if silent else 0.0 if contribution is None else norm(contribution)
            ends = [G.nodes[keys[p]]["label"], G.nodes[key]["label"]]
            G.add_edge(
                keys[p], key, lag=0, forward=True, gradient=gradient, contribution=contribution, cut=False, vanished=(),
                tooltip=tooltips.of_edge(ends, gradient), passed=((i, k),),
            )  # fmt: skip


def _operation(flow: Flow, i: int) -> str:
    """What a line does; a number stands in it, and so do the operands of a product where both have names."""
    fn, parents, args, *_ = flow.tape.lines[i]
    function = words.function_name(fn)
    if not parents:
        return ""
    scalars = [k for k in range(min(2, len(parents))) if parents[k] < 0 and np.isscalar(args[k])]
    if len(parents) == 2 and len(scalars) == 1 and function in ARITHMETIC:
        return words.with_scalar(function, args[scalars[0]], first=scalars[0] == 0)
    names = [flow.steps.name[p] if p >= 0 else None for p in parents]
    if function in words.PRODUCTS and all(names):
        return "·".join(words.symbol(str(name)) for name in names)
    if function == "getitem":
        return words.index(args[1:])
    return words.SIGNS.get(function, function.replace("_", " "))
