"""Change what a graph shows: one path, the values alone, the gradients alone; nodes and places stay as they are."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from .backing import vector
from .fold import KEY
from .folded_path import edges_behind, own_steps_alone, ribbons_on_path
from .naming import short_loops, short_steps, step_words
from .tooltips import norm
from .ways import PathView
from .words import symbol

SHOWS = ("both", "value", "gradient")
_MOST_NAMED = 4  # states that a route names one by one


def only_values(graph: nx.MultiDiGraph) -> None:
    """Take every gradient out of a graph, and measure what its wires carry forward."""
    for u, _, data in graph.edges(data=True):
        value = data.get("value_norm", graph.nodes[u]["value_norm"])  # what leaves a fold has its own
        data.update(gradient=None, contribution=None, cut=False, adjoint=value)
        ends = data["tooltip"].split("\n")[0]
        data["tooltip"] = f"{ends}\n‖value‖ {data['adjoint']:.4g}"
    for _, node in graph.nodes(data=True):
        node["adjoint_norm"] = None
    graph.graph.update(show="value", backward=False, seeds={}, contributions=None)


def only_gradients(graph: nx.MultiDiGraph) -> None:
    """Show a graph without the thin lines of the values."""
    graph.graph["show"] = "gradient"


def only_path(graph: nx.MultiDiGraph, view: PathView) -> None:
    """Leave gradient on the edges of a path alone; all else fades into the scaffold of the forward pass."""
    whole, on_it = dict.fromkeys(graph.graph["weights"], 0.0), set[str]()
    for u, v, data in graph.edges(data=True):
        behind = edges_behind(graph, view, u, v, data)
        if not behind:
            ends = data["tooltip"].split("\n")[0]
            data.update(gradient=None, contribution=None, cut=False, faded=True, tooltip=f"{ends}\nnot on this path")
            continue
        on_it |= {u, v}
        if u in whole and v == KEY:
            own_steps_alone(graph, view, u, data, behind)
        if view.edge_shares:
            share = sum(view.edge_shares[edge] for edge in behind)
            data["tooltip"] += f"\nshare of {name_of(graph, view)} through here: {share_number(share)}"
        if u in whole:
            whole[u] = whole[u] + data["contribution"]
    for key, node in graph.nodes(data=True):
        node["faded"] = key not in on_it
        if key in whole:
            steps = {graph.nodes[v].get("step", -1) for u, v in view.edges if u == key and v in graph}
            node["shares"] = {s: share for s, share in node["shares"].items() if s in steps}
            node["adjoint_norm"] = norm(whole[key]) if key in on_it else None
    if graph.graph["fold"]:
        graph.graph["fold"] = ribbons_on_path(graph.graph["fold"], view)
    arrived = vector({w: {0: np.asarray(array)} for w, array in whole.items() if np.ndim(array)}, _shapes(graph, view))
    graph.graph.update(contributions=None, path=facts(graph, view, arrived), notes=[])


def _shapes(graph: nx.MultiDiGraph, view: PathView) -> dict[str, tuple[int, ...]]:
    weights = [view.request.goal] if isinstance(view.request.goal, str) else graph.graph["weights"]
    return {w: tuple(graph.nodes[w]["shape"]) for w in weights}


def facts(graph: nx.MultiDiGraph, view: PathView, arrived: np.ndarray) -> dict[str, Any]:
    """What a picture says of a path, in plain words and numbers; `arrived` is C as the drawn edges bring it."""
    size, goal = float(np.max(np.abs(view.whole), initial=0.0)), view.request.goal
    return {
        "finite": bool(np.isfinite(size)),
        "t": view.request.t,
        "k": view.request.k,
        "from": step_words(graph.graph["steps"], view.request.loss, "t = "),
        "to": str(view.request.k) if isinstance(goal, str) else step_words(graph.graph["steps"], goal),
        "name": name_of(graph, view),
        "to_weight": view.request.to_weight,
        "rows": [(route_words(graph, view.graph, route.carries), route.share) for route in view.routes],
        "folded": len(graph.graph["fold"] or ()),
        "others": view.others,
        "routes": view.route_count,
        "ways": view.way_count,
        "error": float(np.max(np.abs(arrived - view.whole))) / size if 0 < size < np.inf else 0.0,
    }


def name_of(graph: nx.MultiDiGraph, view: PathView) -> str:
    """C₄,₁ as plain text: "C[4,1]", or "C[4,W]" to a weight; "C[d2,e1]" between loops."""
    names, end = short_steps(graph.graph["steps"]), view.request.goal
    goal = graph.nodes[end]["label"] if isinstance(end, str) else names[end]
    return f"C[{names[view.request.loss]},{goal}]"


def route_words(graph: nx.MultiDiGraph, whole: nx.MultiDiGraph, carries: tuple[str, ...]) -> str:
    """The states of a route: "c₃ → c₂ → h₁", "h₁ (d) → h₂ (e)" between loops, where there are many "7 × c → 2 × h".

    Folded steps in between are dots: "c₉₉ → c₉₈ ⋯ h₂ → h₁". `whole` has the nodes of all steps.
    """
    if not carries:
        return "within the step"
    nodes, fold = [whole.nodes[key] for key in carries], graph.graph["fold"] or ()
    loops = short_loops(graph.graph["steps"])
    ends = [f" ({loops[node['loop']]})" if loops.get(node["loop"]) else "" for node in nodes]
    arrows = ["", *(" ⋯ " if node["step"] in fold else " → " for node in nodes[:-1])]  # behind what enters the fold
    if len(nodes) <= _MOST_NAMED:
        names = [str(node["label"] or node["op"]) + end for node, end in zip(nodes, ends, strict=True)]
        return "".join(arrow + name for arrow, name in zip(arrows, names, strict=True))
    plain = [symbol(str(node["name"])) if node["name"] else str(node["op"]) for node in nodes]
    runs: list[tuple[int, str, str]] = []  # how many, which, and the arrow before them
    for name, end, arrow in zip(plain, ends, arrows, strict=True):
        if runs and runs[-1][1] == name + end and arrow != " ⋯ ":
            runs[-1] = (runs[-1][0] + 1, *runs[-1][1:])
        else:
            runs.append((1, name + end, arrow))
    return "".join(arrow + (name if count == 1 else f"{count} × {name}") for count, name, arrow in runs)


def share_number(share: float) -> str:
    """A share with its sign: "0.71", "−0.02", "3e-05"."""
    text = f"{share:.2f}" if abs(share) >= 0.0995 else f"{share:.2g}"
    return text.replace("-", "−", 1) if share < 0 else text
