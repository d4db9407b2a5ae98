"""The graph of a program that marks no time steps: one node per line that leads to the loss."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow

from . import words


def plain_graph(flow: Flow) -> nx.MultiDiGraph:
    """Every line that leads to the loss as a node: `w{line}` for a var leaf, `v{line}` for the rest, `L` for the loss."""
    lines, loss = flow.tape.lines, flow.loss
    wanted = {loss}
    for i in range(loss, -1, -1):
        if i in wanted:
            wanted.update(p for p in lines[i][1] if p >= 0)
    keys = {i: "L" if i == loss else f"w{i}" if lines[i][0] == "var" else f"v{i}" for i in sorted(wanted)}
    backward = bool(flow.seeds)
    G, differentiable = nx.MultiDiGraph(), set()
    for i, key in keys.items():
        fn, parents, args, _, value, _, name = lines[i]
        if fn == "var" or any(p in differentiable for p in parents):
            differentiable.add(i)
        function = words.function_name(fn)
        kind = "total" if i == loss else "weight" if fn == "var" else "input" if not parents else "op"
        name = flow.steps.name[i] or name
        adjoint = norm(flow.adjoint.get(i, 0.0)) if backward and i in differentiable else None
        source = flow.tape[i].source
        label = words.symbol(name) if name else f"v{i}"
        G.add_node(
            key, kind=kind, role=i, step=0, t=None, loop=None, op=_operation(function, parents, args), name=name, label=label,
            text="", rows=(), shape=tuple(int(n) for n in np.shape(value)), value_norm=norm(value),
            value=float(value) if np.size(value) == 1 else None, adjoint_norm=adjoint, rule="", function=function, lines=(i,),
            exits=(i,), shares={}, cited=False, source=f"{source[0].rsplit('/', 1)[-1]}:{source[1]}" if source else "",
            tooltip=f"{label} = {function}, shape {words.shape(np.shape(value))}\n‖value‖ {norm(value):.4g}"
            + (f"\n‖adjoint‖ {adjoint:.4g}" if adjoint is not None else ""),
        )  # fmt: skip
    worst = _wires(G, flow, keys, differentiable)
    G.graph.update(
        steps=[], roles=tuple(sorted(keys)), weights=[k for k in G if k[0] == "w"], at=flow.at, backward=backward, fused=False,
        losses={}, contributions=None, notes=list(flow.notes), conservation=worst,
        seeds={keys[i]: float(np.asarray(seed)) for i, seed in flow.seeds.items() if i in keys} if flow.at != "all" else {},
    )  # fmt: skip
    return G


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
