"""Turn a recorded flow of gradients into a networkx.MultiDiGraph: what is drawn, with every number and every word.

Values flow along an edge, gradient flows back along the same edge; both are attributes of it. What the edges out of a
node bring back adds up to that node's adjoint: `G.graph["conservation"]` is the worst error found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import networkx as nx
import numpy as np

from tinygrad_rnn import RULES, Flow

from . import words
from .display import Display, arrange
from .labels import Labels
from .plain import plain_graph
from .program import Program, place

Array = Any
MOST_STEPS_IN_TABLE = 12


def build(flow: Flow, *, every_line: bool = False, fuse: bool | None = None) -> nx.MultiDiGraph:
    """The graph of a recorded program and of its gradient.

    Args:
        flow: `tinygrad_rnn.flow(L, at=...)`: the whole loss, one step's loss, or no backward pass.
        every_line: draw every line in a step; nothing merged, nothing left out.
        fuse: draw W·h + U·x + b as one box: True, False, or None for "where a step has more than five products".

    Returns a MultiDiGraph; a program without steps gives a plain graph of its lines, `G.graph["steps"] == []`.
    """
    if not flow.steps.order or flow.loss in flow.tape.backward:
        return plain_graph(flow)
    program = place(flow)
    display = arrange(program, every_line=every_line, fuse=fuse)
    return _Builder(program, display).graph()


def norm(array: Array) -> float:
    """The Euclidean norm of all entries."""
    return float(np.linalg.norm(np.ravel(np.asarray(array))))


def rule_text(flow: Flow, i: int) -> str:
    """The local derivatives of a line as text, one per argument; "" until the package can print them."""
    try:
        from tinygrad_rnn import text
    except ImportError:
        return ""
    rule = getattr(text, "local_rule", None)
    if rule is None:
        return ""
    lines = [rule(flow.tape, i, k) for k, p in enumerate(flow.tape.lines[i][1]) if p >= 0]
    return "\n".join(dict.fromkeys(line for line in lines if line))


class _Builder:
    """Collects nodes and edges of one graph."""

    def __init__(self, program: Program, display: Display) -> None:
        self.program, self.display, self.flow = program, display, program.flow
        self.labels = Labels(display)
        self.G = nx.MultiDiGraph()
        self.members: dict[str, list[int]] = defaultdict(list)
        self.wires: dict[tuple[str, str], list[tuple[Array | None, tuple[str, ...]]]] = {}
        self.taps: list[tuple[str, int, int]] = []  # (weight's key, line, argument): where weights are used
        self.backward = bool(self.flow.seeds)

    def graph(self) -> nx.MultiDiGraph:
        """Build it all."""
        self._collect()
        connected = {key for pair in self.wires for key in pair}
        for role in self.display.roles:
            for s in range(len(self.program.order)):
                key = f"n{role}@{s}"
                if key in self.members and key in connected:
                    self._operation(key, role, s)
        for line in self.display.weights:
            if f"w{line}" in connected:
                self._weight(line)
        for (state, s), line in self.program.initial.items():
            if f"i{state}@{s}" in connected:
                self._initial(state, s, line)
        self._total()
        for (u, v), parts in self.wires.items():
            self._edge(u, v, parts)
        for key in self.labels.cited & set(self.G):
            self.G.nodes[key]["cited"] = True
        self._facts()
        return self.G

    # ---- which lines and wires --------------------------------------------------------------------------------------
    def _collect(self) -> None:
        program, display = self.program, self.display
        for r in program.roles:
            if r in display.head:
                for s, i in program.instances[r].items():
                    self.members[f"n{display.head[r]}@{s}"].append(i)
        for i, s in enumerate(program.step):
            if i in display.vanished or i in self.flow.tape.backward:
                continue
            if i in program.total:
                target = "L"
            elif s >= 0 and program.role[i] in display.head and program.role[i] not in display.feeds:
                target = f"n{display.head[program.role[i]]}@{s}"
            else:
                continue
            for k in range(len(program.parents(i))):
                self._wire(i, k, target)
        loss = self.flow.loss
        if program.step[loss] >= 0 and loss not in program.total:
            seed = self.flow.seeds.get(loss) if self.flow.at == "all" else None
            self.wires[f"n{display.head[program.role[loss]]}@{program.step[loss]}", "L"] = [(seed, ())]
        for key in self.members:
            self.members[key].sort()

    def _wire(self, i: int, k: int, target: str) -> None:
        """Note that argument k of line i is a wire into a node, and what gradient comes back along it."""
        key, passed = self.display.source(i, k)
        if key is None or key == target:
            return
        if key[0] == "w":
            self.taps.append((key, i, k))
        vanished = tuple(self._moved(line) for line, _ in reversed(passed[1:]))
        self.wires.setdefault((key, target), []).append((self._pushed(self.flow.edges, i, k), vanished))

    def _pushed(self, edges: dict[tuple[int, int], Array], i: int, k: int) -> Array | None:
        """A contribution at its drawn source: a vanished line is linear, so it goes through that line's own rule."""
        contribution = edges.get((i, k))
        for line, argument in self.display.origin(i, k)[1][1:]:
            if contribution is not None:
                fn, _, args, kw, y = self.program.lines[line][:5]
                contribution = RULES[fn][argument](contribution, y, *args, **kw)
        return contribution

    def _moved(self, line: int) -> str:
        name = self.program.function(line)
        if name == "getitem":
            return words.index(self.program.lines[line][2][1:])
        return "T" if name in words.TRANSPOSES else name

    # ---- nodes ------------------------------------------------------------------------------------------------------
    def _exits(self, key: str) -> list[int]:
        """The lines of a node that others read; more than one only where equal inputs were merged."""
        members = self.members[key]
        role, s = (int(n) for n in key[1:].split("@"))
        if len(members) == 1:
            return members
        if role in self.display.losses:
            return [self.program.instances[role][s]]
        if role in self.display.feeds or all(not self.program.parents(i) for i in members):
            return members
        inside = set(members)
        out = [i for i in members if not any(c in inside for c, _ in self.display.uses(i))]
        return out or members[-1:]

    def _operation(self, key: str, role: int, s: int) -> None:
        program, display = self.program, self.display
        exits = self._exits(key)
        i = exits[-1]
        function, value = program.function(i), program.lines[i][4]
        made_up = role in display.inputs.values()
        rows: tuple[tuple[str, str | None], ...] = ()
        op = "" if not program.parents(i) else self.labels.operation(i)
        if role in display.losses:
            kind = "loss"
        elif made_up or role in display.feeds or not program.parents(i):
            kind = "input"
        elif any(program.role[m] in display.rows for m in self.members[key]):
            kind, op, rows = "affine", "+", self.labels.rows(i, role)
        elif role in program.carried:
            kind = "state"
        elif function in words.PRODUCTS and "·" in op:
            kind = "product"
        else:
            kind = {"+": "sum", "×": "times"}.get(op, "op")
        label = self.labels.name(role, s)
        if kind == "loss":
            label = self._loss_label(role, s)
        elif label is None and kind == "input":
            label = "data"
        loop, t = program.order[s]
        self._add(
            key, exits, kind=kind, role=role, step=s, t=t, loop=loop, op=op, name=self.labels.names.get(role), label=label,
            rows=rows, value=float(value) if np.size(value) == 1 else None, function=function,
            lines=tuple(self.members[key]), cited=False,
        )  # fmt: skip

    def _loss_label(self, role: int, s: int) -> str:
        mates = sorted({self.program.role[i] for i in self.program.marks}, key=self.program.roles.index)
        letter = "ᵃᵇᶜᵈᵉᶠᵍʰ"[mates.index(role) % 8] if self._losses_share_a_step() else ""
        return words.symbol("ℓ" + letter, self.program.order[s][1])

    def _losses_share_a_step(self) -> bool:
        steps = list(self.program.marks.values())
        return len(steps) != len(set(steps))

    def _weight(self, line: int) -> None:
        shares: dict[int, Array] = {}
        key = f"w{line}"
        for (u, v), parts in self.wires.items():
            if u == key:
                s = -1 if v == "L" else int(v.split("@")[1])
                shares[s] = sum((c for c, _ in parts if c is not None), start=shares.get(s, 0.0))
        others = [(c, k) for c, k in self.program.consumers[line] if self.program.step[c] < 0 and c not in self.program.total]
        for edge in others:
            if edge[0] not in self.display.vanished:
                shares[-1] = shares.get(-1, 0.0) + self.flow.edges.get(edge, 0.0)
        self._add(
            key, [line], kind="weight", name=self.flow.steps.name[line], label=self.labels.weight(line),
            shares={s: norm(a) for s, a in sorted(shares.items())} if self.backward else {},
            outside=sum(self.flow.edges.get(edge, 0.0) for edge in others if edge[0] not in self.display.vanished),
            function=self.program.function(line), lines=(line,),
        )  # fmt: skip

    def _initial(self, state: int, s: int, line: int) -> None:
        self._add(
            f"i{state}@{s}", [line], kind="initial", role=self.display.head.get(state, state), step=s,
            name=self.labels.names.get(state), label=self.labels.initial(state, s), t=self.program.time(s),
            loop=self.program.order[0][0], function=self.program.function(line), lines=(line,),
        )  # fmt: skip

    def _add(self, key: str, exits: list[int], **attributes: Any) -> None:
        i = exits[-1]
        value = self.program.lines[i][4]
        source = self.flow.tape[i].source
        differentiable = any(self.program.differentiable[e] for e in exits)
        adjoint = sum((self.flow.adjoint[e] for e in exits if e in self.flow.adjoint), start=0.0)
        node = {
            **attributes,
            "shape": tuple(int(n) for n in np.shape(value)),
            "value_norm": norm(value),
            "adjoint_norm": norm(adjoint) if self.backward and differentiable else None,
            "rule": rule_text(self.flow, i),
            "source": f"{PurePath(source[0]).name}:{source[1]}" if source else "",
            "exits": tuple(exits),
        }
        node["tooltip"] = _tooltip(node)
        self.G.add_node(key, **node)

    def _total(self) -> None:
        program, loss = self.program, self.flow.loss
        value = program.lines[loss][4]
        losses = [(program.order[s][1], float(program.lines[i][4])) for i, s in sorted(program.marks.items())]
        text = words.total(float(value), losses) if np.size(value) == 1 else ""
        if loss in program.marks:
            text = words.symbol("ℓ", program.order[program.marks[loss]][1])
        followed = self.backward and self.flow.at == "all"
        self.G.add_node(
            "L", kind="total", value=float(value) if np.size(value) == 1 else None, text=text, label="L",
            value_norm=norm(value), adjoint_norm=1.0 if followed else None, shape=tuple(np.shape(value)), rule="", source="",
            function=program.function(loss), lines=(loss,), exits=(loss,), name="L",
        )  # fmt: skip
        self.G.nodes["L"]["tooltip"] = _tooltip(self.G.nodes["L"])

    # ---- edges ------------------------------------------------------------------------------------------------------
    def _edge(self, u: str, v: str, parts: list[tuple[Array | None, tuple[str, ...]]]) -> None:
        arrays = [a for a, _ in parts if a is not None]
        contribution = sum(arrays[1:], start=np.array(arrays[0])) if arrays else None
        differentiable = any(self.program.differentiable[e] for e in self.G.nodes[u]["exits"])
        silent = not self.backward or not differentiable or (v == "L" and self.flow.at != "all")
        gradient = None if silent else 0.0 if contribution is None else norm(contribution)
        lag = 0
        if v != "L" and u[0] != "w":
            lag = int(v.split("@")[1]) - int(u.split("@")[1])
        vanished = tuple(dict.fromkeys(word for _, moved in parts for word in moved))
        ends = f"{self.G.nodes[u]['label'] or self.G.nodes[u]['op']} → {self.G.nodes[v]['label'] or self.G.nodes[v]['op']}"
        told = "nothing flows back" if gradient is None else "gradient exactly 0" if gradient == 0 else f"‖gradient‖ {gradient:.4g}"
        tooltip = "\n".join([ends, told, *([f"through {', '.join(vanished)}"] if vanished else [])])
        self.G.add_edge(
            u, v, key=0, lag=lag, forward=True, gradient=gradient, contribution=contribution, cut=False, tooltip=tooltip,
            vanished=vanished,
        )  # fmt: skip

    # ---- the graph's own facts --------------------------------------------------------------------------------------
    def _facts(self) -> None:
        program, flow, G = self.program, self.flow, self.G
        losses = {s: f"n{program.role[i]}@{s}" for i, s in sorted(program.marks.items(), reverse=True)}
        seeds = {}
        if self.backward and flow.at != "all":
            seeds = {self.display.key(i, program.step[i]): float(np.asarray(seed)) for i, seed in flow.seeds.items()}
        G.graph.update(
            steps=list(program.order), roles=tuple(self.display.roles), weights=[f"w{w}" for w in self.display.weights if f"w{w}" in G],
            at=flow.at, backward=self.backward, seeds=seeds, fused=self.display.fused, losses=dict(sorted(losses.items())),
            contributions=self._contributions(), notes=[*flow.notes, *program.notes], conservation=conservation(G, flow),
        )  # fmt: skip

    def _contributions(self) -> dict[int, dict[int, float]] | None:
        """What each step loss adds to all weights' gradients at each step: {s of the loss: {k: norm}}."""
        program, flow = self.program, self.flow
        if not self.backward or not program.marks or len(program.order) > MOST_STEPS_IN_TABLE:
            return None
        squares: dict[int, dict[int, float]] = {}
        for loss, s in sorted(program.marks.items()):
            edges: dict[tuple[int, int], Array] = {}
            flow.tape.sweep({loss: np.ones_like(program.lines[loss][4])}, self.display.weights, report=_keep(edges))
            sums: dict[tuple[str, int], Array] = defaultdict(float)
            for weight, i, k in self.taps:
                contribution = self._pushed(edges, i, k)
                if contribution is not None and program.step[i] >= 0:
                    sums[weight, program.step[i]] = sums[weight, program.step[i]] + contribution
            scale = norm(flow.adjoint.get(loss, 0.0)) if flow.at == "all" else 1.0
            row = squares.setdefault(s, dict.fromkeys(range(len(program.order)), 0.0))
            for (_, k), array in sums.items():
                row[k] += (scale * norm(array)) ** 2
        return {s: {k: float(np.sqrt(square)) for k, square in row.items()} for s, row in squares.items()}


def _keep(edges: dict[tuple[int, int], Array]) -> Callable[[int, int, int, Array], None]:
    def report(child: int, k: int, _: int, contribution: Array) -> None:
        edges[child, k] = contribution

    return report


def conservation(G: nx.MultiDiGraph, flow: Flow) -> float:
    """The worst difference, over all drawn nodes, between what the edges out of a node bring back and its adjoint."""
    arrived: dict[tuple[int, ...], Array] = defaultdict(float)
    for key, node in G.nodes(data=True):
        if key == "L":
            continue
        exits = node["exits"]
        for _, _, edge in G.out_edges(key, data=True):
            if edge["contribution"] is not None:
                arrived[exits] = arrived[exits] + edge["contribution"]
        arrived[exits] = arrived[exits] + node.get("outside", 0.0)
        if flow.at != "all":
            arrived[exits] = arrived[exits] + sum(flow.seeds[i] for i in exits if i in flow.seeds)
    worst = 0.0
    for exits, array in arrived.items():
        adjoint = sum((flow.adjoint[i] for i in exits if i in flow.adjoint), start=0.0)
        worst = max(worst, float(np.max(np.abs(array - adjoint), initial=0.0)))
    return worst


def _tooltip(node: dict[str, Any]) -> str:
    """A node in plain words: name, function, shape, norms, the local rule, the user's line."""
    title = " = ".join(dict.fromkeys(str(word) for word in (node.get("label"), node.get("op") or node["function"]) if word))
    told = [title, f"{node['function']}, shape {words.shape(node['shape'])}", f"‖value‖ {node['value_norm']:.4g}"]
    if node.get("value") is not None:
        told[-1] = f"value {node['value']:.6g}"
    if node["adjoint_norm"] is not None:
        told.append(f"‖adjoint‖ {node['adjoint_norm']:.4g}")
    return "\n".join(word for word in [*told, node["rule"], node["source"]] if word)
