"""Turn a recorded flow of gradients into a networkx.MultiDiGraph: what is drawn, with every number and every word.

Values flow along an edge, and gradient flows back along the same edge; both are attributes of it. What the edges out of
a node bring back adds up to that node's adjoint: `G.graph["conservation"]` is the worst error found.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import Flow
from tinygrad_rnn.losses import loss_value

from ..render import PictureError
from . import collapsing, folding, recorded, tooltips, words
from .arguments import Wire, Wires, collect, contribution_table
from .conservation import state_law
from .display import Display
from .labels import Labels
from .merging import arrange
from .plain import plain_graph
from .program import Program, place
from .recorded import is_recorded, unfolded, with_backward_pass
from .scopes import mark_scopes
from .tooltips import norm

Array = Any
MOST_STEPS_IN_TABLE = 12


@np.errstate(invalid="ignore", over="ignore")  # numbers that are not finite are drawn as such
def build(
    flow: Flow,
    *,
    every_line: bool = False,
    fuse: bool | None = None,
    backward: bool = False,
    fold: tuple[int, int] | None = None,
    collapse: str | Collection[str] | None = None,
) -> nx.MultiDiGraph:
    """The graph of a recorded program and of its gradient.

    Args:
        flow: `tinygrad_rnn.flow(L, at=...)`: the whole loss, one step's loss, or no backward pass.
        every_line: draw every line in a step; nothing merged, nothing left out.
        fuse: draw W·h + U·x + b as one box: True, False, or None for "where a step has more than five products".
        backward: record the backward pass, too, and show its lines in the steps that they belong to.
        fold: (first, last): so many steps at both ends stay, those between become the one node "fold";
            `G.graph["fold"]` has what passes inside it. Where one step or none is left to fold, nothing is folded;
            a recorded backward pass is never folded.

        collapse: "steps" for one box per step, or the names of parts of a step, "layer 1", for one box each.

    Returns a MultiDiGraph; a program without steps gives a plain graph of its lines, `G.graph["steps"] == []`.
    """
    if not isinstance(flow, Flow):
        kind = type(flow).__name__
        raise PictureError(f"no graph of a {kind}: graph(tinygrad_rnn.flow(L)) is the graph of a loss L")
    if not flow.steps.order:
        return plain_graph(flow)
    flow = with_backward_pass(flow) if backward else flow
    recorded = backward or is_recorded(flow)
    between = (fold[0], len(flow.steps.order) - fold[1]) if fold and not recorded else (0, 0)
    part = folding.part(flow, *between) if between[1] - between[0] > 1 else None
    read = part.flow if part else flow
    program = place(unfolded(flow), flow.tape.backward) if recorded else place(read)
    display = arrange(program, every_line=every_line, fuse=fuse)
    if collapse is not None:
        collapsing.collapse(display, collapse)
    wires = collect(display)
    if display.cells:
        collapsing.border_wires(wires)
    builder = _Builder(program, display, wires)
    G = builder.graph()
    if part:
        G = folding.folded(G, builder.wires, part, *between)
        state_law(G, flow)
    return G


class _Builder:
    """Makes the nodes and edges of one graph."""

    def __init__(self, program: Program, display: Display, wires: Wires) -> None:
        self.program, self.display, self.wires, self.flow = program, display, wires, program.flow
        self.labels = Labels(display)
        self.G = nx.MultiDiGraph()
        self.backward = bool(self.flow.seeds)

    def graph(self) -> nx.MultiDiGraph:
        """All nodes in program order, then all edges, then the facts about the whole."""
        connected = {key for pair in self.wires.between for key in pair}
        for role in self.display.roles:
            for s in range(len(self.program.order)):
                if f"n{role}@{s}" in connected and f"n{role}@{s}" in self.wires.members:
                    self._operation(f"n{role}@{s}", role, s)
        shares = self.wires.shares(self.flow.edges)
        for line in self.display.weights:
            if f"w{line}" in connected:
                self._weight(line, {s: array for (weight, s), array in sorted(shares.items()) if weight == line})
        for (state, s), line in self.program.initial.items():
            if self.display.initial_key(state, s) in connected:
                self._initial(state, s, line)
        self._total()
        for (u, v), wires in self.wires.between.items():
            self._edge(u, v, wires)
        mark_scopes(self.G, self.display)
        for key in self.labels.cited & set(self.G):
            self.G.nodes[key]["cited"] = True
        self._facts()
        return self.G

    def _operation(self, key: str, role: int, s: int) -> None:
        program, display = self.program, self.display
        exits = self.wires.exits(key)
        i = exits[-1]
        kind, op, rows = self._kind(key, role, i)
        label = self.labels.name(role, s)
        if kind == "cell":
            label = display.cells[role]
        if kind == "loss":
            label = words.symbol("ℓ", program.order[s][1])
        elif kind == "input":
            label = self.labels.input(i, role, s)
        loop, t = program.order[s]
        self._add(
            key, exits[-1:] if kind == "cell" else exits, kind=kind, role=role, step=s, t=t, loop=loop, op=op,
            name=self.labels.names.get(role), label=label, rows=rows, lines=tuple(self.wires.members[key]),
            recorded=i in program.meaning, cited=i in program.meaning,
            fused=role in display.losses or len(self.wires.members[key]) > 1,
        )  # fmt: skip
        if kind == "cell" or role in display.ports.values():
            self._border(key, exits, display.head[program.role[i]], s)

    def _border(self, key: str, exits: list[int], box: int, s: int) -> None:
        """Note what passes the border of a collapsed box: all its results together, or the one of a port."""
        node, values = self.G.nodes[key], [np.ravel(self.program.lines[i][4]) for i in exits]
        node["value_norm"], node["exits"] = norm(np.concatenate(values)), tuple(exits)
        if self.backward and any(self.program.differentiable[e] for e in exits):
            brought = collapsing.border(self.wires, exits, self.wires.members[f"n{box}@{s}"], self.flow.adjoint)
            node["adjoint_norm"] = norm(brought)
            node["border"] = brought if node["kind"] == "cell" else brought.reshape(node["shape"])
        if node["kind"] == "cell":
            node["shape"], node["value"] = (sum(value.size for value in values),), None
            carried = [self.program.role[i] for i in exits if self.program.role[i] in self.program.carried]
            names = [self.program.name(role) for role in carried]
            node["name"] = next(filter(None, names), node["name"])  # tables call it by the state that it carries on
            results = [self.labels.result(i) for i in exits]
            node["op"] = f"→ {', '.join(results)}" if all(results) else ""  # type: ignore[arg-type]
            weights = [self.labels.weight(w) for w in self.display.weights if (f"w{w}", key) in self.wires.between]
            node["tooltip"] = collapsing.tooltip(self.wires, key, node, weights)

    def _kind(self, key: str, role: int, i: int) -> tuple[str, str, tuple[tuple[str, str | None], ...]]:
        """What a node is, what it does, and the rows of an affine box."""
        program, display = self.program, self.display
        if role in display.losses:
            return "loss", "", ()
        if role in display.cells:
            return "cell", "", ()
        if role in display.ports.values():
            return "state", "", ()
        if role in display.feeds or not program.parents(i) or role in self.labels.made_up:
            return "input", "", ()
        if any(program.role[m] in display.rows for m in self.wires.members[key]):
            return "affine", "+", self.labels.rows(i, role)
        op = self.labels.operation(i)
        if role in program.carried:
            return "state", op, ()
        if program.function(i) in words.PRODUCTS:
            return "product", op, ()
        return {"+": "sum", "×": "times"}.get(op, "op"), op, ()

    def _weight(self, line: int, shares: dict[int, Array]) -> None:
        self._add(
            f"w{line}", [line], kind="weight", name=self.flow.steps.name[line], label=self.labels.weight(line), op="",
            shares={s: norm(array) for s, array in shares.items()} if self.backward else {}, lines=(line,),
            outside=shares.get(-1, 0.0),
        )  # fmt: skip

    def _initial(self, state: int, s: int, line: int) -> None:
        self._add(
            self.display.initial_key(state, s), [line], kind="initial", role=self.display.drawn(state), step=s,
            lines=(line,), name=self.labels.names.get(state), label=self.labels.initial(state, s), op="",
            t=self.program.time(s), loop=self.program.order[0][0], outside=self._before_the_loop(line),
        )  # fmt: skip

    def _before_the_loop(self, line: int) -> Array:
        """What an initial state gets from what is computed from it before a loop, which is not drawn."""
        program, display = self.program, self.display
        read = [(c, k) for c, k in display.uses(line) if program.step[c] < 0 and c not in program.total]
        brought = [self.wires.pushed(self.flow.edges, c, k) for c, k in read]
        return sum((array for array in brought if array is not None), start=0.0)

    def _add(self, key: str, exits: list[int], **attributes: Any) -> None:
        """Add a node with the numbers of the line that leaves it."""
        i, program = exits[-1], self.program
        value = program.lines[i][4]
        differentiable = any(program.differentiable[e] for e in exits)
        differentiable &= not (self.program.beside and attributes.get("recorded", False))
        adjoint = sum((self.flow.adjoint[e] for e in exits if e in self.flow.adjoint), start=0.0)
        functions = dict.fromkeys(program.function(line) for line in attributes["lines"])
        node = {
            **attributes,
            "function": program.function(i),
            "shape": tuple(int(n) for n in np.shape(value)),
            "value": words.scalar(value),
            "value_norm": norm(value),
            "adjoint_norm": norm(adjoint) if self.backward and differentiable else None,
            "rule": tooltips.rules(self.flow.tape, attributes["lines"], program.differentiable),
            "source": tooltips.source_line(self.flow.tape, i),
            "exits": tuple(exits),
        }
        self.G.add_node(key, **node, tooltip=tooltips.of_node(node, functions))

    def _total(self) -> None:
        program, loss = self.program, self.flow.loss
        value = float(program.lines[loss][4])
        values = self._joint() | {s: float(program.lines[i][4]) for i, s in program.marks.items()}
        text = words.total(value, [(program.order[s][1], loss) for s, loss in sorted(values.items())])
        text = text if self._of_losses() else ""
        if loss in program.marks:
            text = words.symbol("ℓ", program.order[program.marks[loss]][1])
        self._add("L", [loss], kind="total", text=text, label="L", name="L", op=text, lines=(loss,))
        if self.flow.at != "all":
            self.G.nodes["L"]["adjoint_norm"] = None

    def _edge(self, u: str, v: str, wires: list[Wire]) -> None:
        arrays = [wire.contribution for wire in wires if wire.contribution is not None]
        if u not in self.G and not arrays:
            return  # a running total on its way to L, of which one loss alone is followed
        if self.G.nodes[u]["kind"] == "cell":
            contribution = collapsing.together(self.wires, list(self.G.nodes[u]["exits"]), wires)
        else:
            contribution = sum(arrays[1:], start=np.array(arrays[0])) if arrays else None
        differentiable = any(self.program.differentiable[e] for e in self.G.nodes[u]["exits"])
        silent = not self.backward or not differentiable
        silent |= self._beside(v)  # what the backward pass reads is no part of what it differentiates
        silent |= v == "L" and self.flow.at != "all" and contribution is None  # L is not what was followed
        gradient = None if silent else 0.0 if contribution is None else norm(contribution)
        lag = 0 if v == "L" or u[0] == "w" else int(v.split("@")[1]) - int(u.split("@")[1])
        vanished = tuple(dict.fromkeys(word for wire in wires for word in wire.vanished))
        cut = all(wire.cut for wire in wires)
        lost = [wire.missed for wire in wires if wire.missed is not None]
        missed = norm(sum(lost[1:], start=lost[0])) if cut and lost else None
        ends = [self.G.nodes[key]["label"] or self.G.nodes[key]["op"] for key in (u, v)]
        self.G.add_edge(
            u, v, key=0, lag=lag, forward=True, gradient=gradient, contribution=contribution, cut=cut,
            vanished=vanished, tooltip=tooltips.of_edge(ends, gradient, vanished, cut, missed),
            adjoint=self.G.nodes[u]["value_norm"] if self._beside(u) else None, kept=self._kept(u, v, wires),
            passed=tuple(dict.fromkeys(edge for wire in wires for edge in wire.passed)),
        )  # fmt: skip

    def _kept(self, u: str, v: str, wires: list[Wire]) -> str | None:
        """What the backward pass calls a value of the forward pass that it reads; None for all else."""
        if u[0] == "w" or v == "L" or self.G.nodes[u].get("recorded") or not self.G.nodes[v].get("recorded"):
            return None
        return recorded.kept_name([self.labels.operand(*wire.passed[0]) for wire in wires])

    def _beside(self, key: str) -> bool:
        """Is this a node of a backward pass that stands beside the gradient, and is not differentiated itself."""
        return self.program.beside and bool(self.G.nodes[key].get("recorded"))

    def _of_losses(self) -> bool:
        """Is what is followed made of the marked losses, and not of their gradients."""
        return self.program.beside or not self.program.meaning

    def _joint(self) -> dict[int, float]:
        """By step, its loss that is a row of what is read out of all steps together, and has no node of its own."""
        return {s: loss_value(self.flow.steps, s) for s in self.flow.steps.rows}

    def _facts(self) -> None:
        program, display, flow, G = self.program, self.display, self.flow, self.G
        joint = self._joint()
        losses = dict.fromkeys(joint, "L") | {s: f"n{program.role[i]}@{s}" for i, s in program.marks.items()}
        seeds = {}
        if self.backward and flow.at != "all":
            keys = {i: display.key(i, program.step[i]) or "L" for i in flow.seeds}
            seeds = {keys[i]: float(np.max(seed)) for i, seed in flow.seeds.items()}
        if "L" in seeds and flow.followed is not None:  # a loss that is drawn as part of L
            joint.setdefault(flow.followed, loss_value(flow.steps, flow.followed))
        G.graph.update(
            steps=list(program.order),
            roles=tuple(display.roles),
            weights=[f"w{w}" for w in display.weights if f"w{w}" in G],
            at=flow.at,
            backward=self.backward,
            seeds=seeds,
            fused=display.fused,
            losses=dict(sorted(losses.items())),
            joint=dict(sorted(joint.items())),
            followed=flow.followed,
            contributions=contribution_table(self.wires, MOST_STEPS_IN_TABLE) if self._of_losses() else None,
            recorded="" if not program.meaning else "beside" if program.beside else "second order",
            notes=[*flow.notes, *program.notes, *self._computed_weights(), *self._hidden_weights()],
            fold=None,
        )
        state_law(G, flow)


    def _hidden_weights(self) -> list[str]:
        return ["the weights of a collapsed box have no chips; its tooltip names them"] if self.display.cells else []

    def _computed_weights(self) -> list[str]:
        """Which chips are no leaves, and what they are made of."""
        notes = []
        for line in self.display.weights:
            if self.program.parents(line) and f"w{line}" in self.G:
                leaves = [i for i in self.program.upstream({line}) if self.program.function(i) == "var"]
                made_of = ", ".join(self.labels.weight(i) for i in sorted(leaves))
                notes.append(f"{self.labels.weight(line)} is computed from {made_of} before the steps")
        return notes
