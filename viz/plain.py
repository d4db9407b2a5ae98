"""The graph of a program that marks no time steps: one node per line that leads to the loss."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from . import words


def plain_graph(flow: Flow) -> nx.MultiDiGraph:
    """Every line that leads to the loss as a node: `w{line}` for a var leaf, `v{line}` for others, `L` for the loss."""
    lines, loss = flow.tape.lines, flow.loss
    wanted = {loss}
    for i in range(loss, -1, -1):
        if i in wanted:
            wanted.update(p for p in lines[i][1] if p >= 0)
    keys = {i: "L" if i == loss else f"w{i}" if lines[i][0] == "var" else f"v{i}" for i in sorted(wanted)}
    G, differentiable = nx.MultiDiGraph(), set[int]()
    for i, key in keys.items():
        if lines[i][0] == "var" or any(p in differentiable for p in lines[i][1]):
            differentiable.add(i)
        G.add_node(key, **_node(flow, i, i in differentiable))
    worst, seeds = _wires(G, flow, keys, differentiable), {}
    if flow.at != "all":
        seeds = {keys[i]: float(seed) for i, seed in flow.seeds.items() if i in keys}
    G.graph.update(
        steps=[], roles=tuple(keys), weights=[key for key in G if key[0] == "w"], at=flow.at, seeds=seeds,
        backward=bool(flow.seeds), fused=False, losses={}, contributions=None, notes=list(flow.notes),
        conservation=worst,
    )  # fmt: skip
    return G


def _node(flow: Flow, i: int, differentiable: bool) -> dict[str, Any]:
    fn, parents, args, _, value, _, _ = flow.tape.lines[i]
    function, source, name = words.function_name(fn), flow.tape[i].source, flow.steps.name[i]
    label = words.symbol(name) if name else f"v{i}"
    adjoint = norm(flow.adjoint.get(i, 0.0)) if flow.seeds and differentiable else None
    told = [f"{label} = {function}; {words.shape(np.shape(value))}", f"‖value‖ {norm(value):.4g}"]
    if adjoint is not None:
        told.append(f"‖adjoint‖ {adjoint:.4g}")
    kind = "total" if i == flow.loss else "weight" if fn == "var" else "op" if parents else "input"
    return {
        "kind": kind, "role": i, "step": 0, "t": None, "loop": None, "op": _operation(function, parents, args),
        "name": name, "label": label, "text": "", "rows": (), "shape": tuple(int(n) for n in np.shape(value)),
        "value_norm": norm(value), "value": words.scalar(value), "adjoint_norm": adjoint, "rule": "",
        "function": function, "lines": (i,), "exits": (i,), "shares": {}, "cited": False,
        "source": f"{PurePath(source[0]).name}:{source[1]}" if source else "", "tooltip": "\n".join(told),
    }  # fmt: skip


def _wires(G: nx.MultiDiGraph, flow: Flow, keys: dict[int, str], differentiable: set[int]) -> float:
    """Add an edge per argument; return the worst error of conservation."""
    arrived: dict[int, Any] = {i: flow.seeds.get(i, 0.0) for i in keys}
    for i, key in keys.items():
        for k, p in enumerate(flow.tape.lines[i][1]):
            if p < 0:
                continue
            contribution = flow.edges.get((i, k))
            silent = not flow.seeds or p not in differentiable
            gradient = None if silent else 0.0 if contribution is None else norm(contribution)
            if contribution is not None:
                arrived[p] = arrived[p] + contribution
            told = "nothing flows back" if gradient is None else f"‖gradient‖ {gradient:.4g}"
            G.add_edge(
                keys[p], key, lag=0, forward=True, gradient=gradient, contribution=contribution, cut=False, vanished=(),
                tooltip=f"{G.nodes[keys[p]]['label']} → {G.nodes[key]['label']}\n{told}",
            )  # fmt: skip
    return max(float(np.max(np.abs(arrived[i] - flow.adjoint.get(i, 0.0)), initial=0.0)) for i in keys)


def norm(array: Any) -> float:
    """The Euclidean norm of all entries."""
    return float(np.linalg.norm(np.ravel(np.asarray(array))))


def _operation(function: str, parents: tuple[int, ...], args: Any) -> str:
    scalars = [k for k in range(min(2, len(parents))) if parents[k] < 0 and np.isscalar(args[k])]
    if len(parents) == 2 and len(scalars) == 1 and function not in words.SHAPES:
        return words.with_scalar(function, args[scalars[0]], first=scalars[0] == 0)
    return words.SIGNS.get(function, function.replace("_", " ")) if parents else ""
