"""Pull a gradient back through one drawn node: what its adjoint brings to each of the nodes before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_rnn import RULES

from .arguments import Wires

Arrays = dict[int, np.ndarray]  # line of the tape -> an adjoint of it, or a contribution to one


class Backing:
    """The local rules of a graph's nodes: the tape's own, with those of the lines that vanished."""

    def __init__(self, wires: Wires) -> None:
        self.wires, self.display = wires, wires.display
        self.program = wires.display.program
        self.lines = self.program.lines
        self.boxes = {port: box for (box, _), port in wires.ports.items()}

    def back(self, key: str, bars: Arrays) -> dict[str, Arrays]:
        """By the key of the node before: contributions to its lines, for adjoints of a node's own lines.

        Edges that the flow does not follow bring nothing.
        """
        if key in self.boxes:  # what leaves a collapsed box on its own
            return {self.boxes[key]: dict(bars)}
        waiting, found = dict(bars), dict[str, Arrays]()
        for i in reversed(self.wires.members[key] if key != "L" else sorted(self.program.total)):
            bar = waiting.pop(i, None)
            if bar is None:
                continue
            for k, p in enumerate(self.program.parents(i)):
                if p < 0 or not self.program.differentiable[p]:
                    continue
                before, passed = self.display.source(i, k)
                if before is None and key == "L" and self.display.origin(i, k)[0] in self.program.total:
                    before = key
                contribution = self._along(passed, bar) if before is not None else None
                if before is None or contribution is None:
                    continue
                origin = self.display.origin(i, k)[0]
                if before != key:
                    before = self.wires.ports.get((before, origin), before)
                into = waiting if before == key else found.setdefault(before, {})
                into[origin] = into[origin] + contribution if origin in into else contribution
        return found

    def _along(self, passed: Sequence[tuple[int, int]], bar: np.ndarray) -> np.ndarray | None:
        """A gradient through the rules of some edges of the tape, one behind the other; None where one is cut."""
        follow, found = self.program.flow.follow, bar
        for line, k in passed:
            fn, parents, args, kw, y = self.lines[line][:5]
            vjp: Any = RULES[fn][k]
            if vjp is None or (follow is not None and not follow(line, k, parents[k])):
                return None
            found = vjp(found, y, *args, **kw)
        return found


def vector(parts: Mapping[str, Arrays], shapes: Mapping[str, tuple[int, ...]]) -> np.ndarray:
    """Contributions to some weights as one vector, the weights one behind the other."""
    found = [np.zeros(shape) for shape in shapes.values()]
    for place, weight in enumerate(shapes):
        for array in parts.get(weight, {}).values():
            found[place] = found[place] + array
    return np.concatenate([part.ravel() for part in found]) if found else np.zeros(0)
