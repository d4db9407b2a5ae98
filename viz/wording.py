"""Say in words what a picture shows: its heading, and its description for those who cannot see it."""

from __future__ import annotations

import re

import networkx as nx

from .law import law
from .layout.metrics import cell_number, loss_number
from .painting.key import is_cut
from .reading.naming import followed_words, several, step_words
from .reading.words import symbol


def headline(graph: nx.MultiDiGraph) -> str:
    """What a picture shows, in few words: the whole backward pass, one loss alone, or no gradient at all."""
    at, steps, show = graph.graph["at"], graph.graph["steps"], graph.graph.get("show", "both")
    if show == "value":
        return "Forward pass: values only"
    if path := graph.graph.get("path"):
        goal = f"every use of {path['to']}" if path["to_weight"] else f"the weights of {path['to']}"
        return f"How the loss at {path['from']} reaches {goal}"
    if not graph.graph["backward"]:
        return "Forward pass, no backward pass recorded"
    if graph.graph.get("recorded") == "second order":
        return "Gradient of a recorded gradient"
    only = ": gradients only" if show == "gradient" else ""
    if at == "all":
        name = "Backpropagation through time" if steps else "Backpropagation"
        return (f"Truncated b{name[1:]}" if is_cut(graph) else name) + only
    followed = next((graph.nodes[key] for key in graph.graph["seeds"]), None)
    step = graph.graph["followed"] if "L" in graph.graph["seeds"] else followed.get("step") if followed else None
    last = step is not None and step == len(steps) - 1
    cut = ", truncated" if is_cut(graph) else ""
    where = followed_words(at) if step is None else step_words(steps, step, "t = ")
    return ("Gradient of the last loss only" if last else f"Gradient of the loss at {where} only") + cut + only


def describe(graph: nx.MultiDiGraph) -> str:
    """A picture in sentences: steps, losses, carried states, and the norm of every weight's gradient."""
    steps, weights = graph.graph["steps"], [graph.nodes[key] for key in graph.graph["weights"]]
    stated, holds = law(graph)
    said = [headline(graph) + "."] if holds else [stated + ".", headline(graph) + "."]
    if steps:
        first, last = steps[0][1], steps[-1][1]
        span = [step_words(steps, 0), step_words(steps, len(steps) - 1)] if several(steps) else [f"t = {first}", last]
        said.append(f"{len(steps)} time steps, {span[0]} to {span[1]}, from left to right.")
    drawn, joint = graph.graph["losses"], graph.graph["joint"]
    losses = [(symbol("ℓ", steps[s][1]), joint[s]) for s in joint] or [
        (graph.nodes[key]["label"], float(graph.nodes[key]["value"])) for key in drawn.values()
    ]
    if losses:
        values = [f"{label} = {loss_number(value)}" for label, value in losses[:12]]
        said.append("Losses: " + ", ".join(values) + ".")
    if "L" in graph and graph.nodes["L"]["value"] is not None:
        said.append(f"Total L = {loss_number(float(graph.nodes['L']['value']), 3)}.")
    if weights and graph.graph["backward"]:
        norms = ", ".join(f"{w['label']} {cell_number(float(w['adjoint_norm'] or 0.0))}" for w in weights)
        said.append(f"Norms of the weights' gradients{', summed over the steps' if steps else ''}: {norms}.")
    elif weights:
        said.append("Shared weights: " + ", ".join(str(w["label"]) for w in weights) + ".")
    if stated and holds:
        said.append(stated[0].upper() + stated[1:] + ".")
    return re.sub(r"\s+", " ", " ".join(said))
