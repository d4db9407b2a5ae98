"""Write each drawn node's text with its operands in it: W·h₀, tanh, 1 −, [x₁, h₀], and its rows where it is fused."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import words
from .display import Display

LONGEST = 16  # characters of an operand that is written out


class Labels:
    """The texts of a display's nodes; `cited` collects the keys of the nodes that other nodes' texts name."""

    def __init__(self, display: Display) -> None:
        self.display, self.program = display, display.program
        self.cited: set[str] = set()
        self.names = {r: self._base_name(r) for r in display.roles}

    def name(self, role: int, s: int) -> str | None:
        """A display role's name with its time: "h₁"."""
        name = self.names.get(role)
        return words.symbol(name, self.program.time(s)) if name else None

    def weight(self, line: int) -> str:
        """A chip's text."""
        return words.symbol(self.program.flow.steps.name[line] or f"v{line}")

    def initial(self, state: int, s: int) -> str:
        """An initial state's text: its carry's name at the step before the first."""
        name = self.names.get(self.display.head.get(state, state))
        leaf = self.program.flow.steps.name[self.program.initial[state, s]]
        return words.symbol(name, self.program.time(s)) if name else words.symbol(leaf) if leaf else "start"

    def operation(self, i: int) -> str:
        """What line i does, operands written where a sign alone would say too little."""
        program, name = self.program, self.program.function(i)
        parents, args = program.parents(i), program.lines[i][2]
        if name in words.PRODUCTS:
            return self.product(i)
        if name in ("concatenate", "stack"):
            texts = [self.operand(i, k) for k in range(len(parents))]
            joined = f"[{', '.join(texts)}]"
            return joined if len(joined) <= LONGEST else words.SIGNS.get(name, name)
        scalars = [k for k in range(min(2, len(parents))) if parents[k] < 0 and np.isscalar(args[k])]
        if len(parents) == 2 and len(scalars) == 1 and name not in words.SHAPES:
            return words.with_scalar(name, args[scalars[0]], first=scalars[0] == 0)
        if name == "getitem":
            return words.index(args[1:])
        return words.SIGNS.get(name, name.replace("_", " "))

    def product(self, i: int) -> str:
        """Both operands of a product: "W·h₀", "w⊙(r₁⊙h₀)"."""
        between = "⊙" if self.program.function(i) == "multiply" else "·"
        return f"{self.operand(i, 0)}{between}{self.operand(i, 1)}"

    def rows(self, exit_line: int, role: int) -> tuple[tuple[str, str | None], ...]:
        """The terms of a fused affine map as they were written, each with the key of its weight."""
        display, program = self.display, self.program
        terms: list[tuple[int, int]] = []
        waiting = [(exit_line, k) for k in (1, 0)] if program.role[exit_line] not in display.rows else []
        rows = [] if waiting else [self._row(exit_line)]
        while waiting:
            child, k = waiting.pop()
            p, _ = display.origin(child, k)
            inside = p >= 0 and program.step[p] == program.step[exit_line] and display.head.get(program.role[p]) == role
            if inside and program.role[p] not in display.rows:
                waiting += [(p, 1), (p, 0)]
            elif inside:
                rows.append(self._row(p))
            else:
                terms.append((child, k))
                key, _ = display.source(child, k)
                rows.append((self.operand(child, k), key if key and key[0] == "w" else None))
        return tuple(rows)

    def _row(self, product: int) -> tuple[str, str | None]:
        keys = [self.display.source(product, k)[0] for k in (0, 1)]
        return self.product(product), next((key for key in keys if key and key[0] == "w"), None)

    def operand(self, child: int, k: int) -> str:
        """Argument k of a line: a name where there is one, else what was done to names."""
        known = self._known(child, k)
        if known is not None:
            return known
        p, _ = self.display.origin(child, k)
        if p < 0:
            return "·"
        name, parents = self.program.function(p), self.program.parents(p)
        inner = [self._known(p, n) or "…" for n in range(len(parents))]
        signs = {"add": "+", "subtract": "−", "multiply": "⊙", "divide": "÷", "matmul": "·"}
        if name in signs and len(inner) == 2:
            text = f"({inner[0]}{signs[name]}{inner[1]})"
        elif name in ("concatenate", "stack"):
            text = f"[{', '.join(inner)}]"
        elif parents:
            text = f"{words.SIGNS.get(name, name)}({inner[0]})"
        else:
            text = "data"
        if len(text) > LONGEST or text.count("…") > 1:
            text = f"({signs[name]})" if name in signs else "(…)"
        return text + self._turned(child, k)

    def _known(self, child: int, k: int) -> str | None:
        """The text of an argument that is a number or has a name; None otherwise."""
        program, display = self.program, self.display
        p, passed = display.origin(child, k)
        if p < 0:
            value: Any = program.lines[passed[-1][0]][2][passed[-1][1]]
            return words.number(value) if isinstance(value, int | float | np.number) else None
        key, _ = display.source(child, k)
        if key is None:
            return None
        if key[0] == "w":
            text: str | None = self.weight(p)
        elif key[0] == "i":
            state, s = key[1:].split("@")
            text = self.initial(int(state), int(s))
        else:
            drawn, s = key[1:].split("@")
            alone = program.step[p] < 0 or all(display.key(c, program.step[c]) != key for c, _ in display.uses(p))
            text = self.name(int(drawn), int(s)) if alone else None
            if text is not None:
                self.cited.add(key)
        return text + self._turned(child, k) if text is not None else None

    def _turned(self, child: int, k: int) -> str:
        """ᵀ where the argument was transposed on the way."""
        _, passed = self.display.origin(child, k)
        turns = sum(self.program.function(c) in words.TRANSPOSES for c, _ in passed[1:])
        return "ᵀ" if turns % 2 else ""

    def _base_name(self, role: int) -> str | None:
        """The name of what leaves a node, from the user's program; a state without one is named by its initial state."""
        program, display = self.program, self.display
        found = None
        for s in sorted(program.instances[role]):
            found = found or program.flow.steps.name[program.instances[role][s]]
        if found is None and role in display.feeds:
            found = program.flow.steps.name[program.parents(program.typical(role))[0]]
        if found is None and role in program.carried:
            for (state, _), line in program.initial.items():
                leaf = program.flow.steps.name[line] if state == role else None
                if leaf:
                    found = found or leaf.rstrip("0").rstrip("_") or None
        return str(found) if found else None
