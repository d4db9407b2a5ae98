"""Write each drawn node's text with its operands in it: W·h₀, tanh, 1 −, [x₁, h₀], and its rows where it is fused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from . import recorded, words
from .display import Display
from .source import argument_name

LONGEST = 16  # characters of an operand that is written out
INFIX = {"add": "+", "subtract": "−", "multiply": "⊙", "divide": "÷", "matmul": "·"}


class Labels:
    """The texts of a display's nodes; `cited` collects the keys of the nodes that other nodes' texts name."""

    def __init__(self, display: Display) -> None:
        self.display, self.program = display, display.program
        self.cited: set[str] = set()
        self.made_up = set(display.inputs.values())
        self.names = {r: self._base_name(r) for r in display.roles}
        self.names |= display.cells
        self.names |= {port: self._base_name(state) for state, port in display.ports.items()}
        self.groups: dict[int, list[int]] = {}  # display role -> the roles that it stands for
        for r, head in display.head.items():
            self.groups.setdefault(head, []).append(r)

    def name(self, role: int, s: int) -> str | None:
        """A display role's name with its time: "h₁"; in a step without its head, the name of what leaves the group."""
        name, instances = self.names.get(role), self.program.instances
        if s not in instances[role]:
            lines = [instances[r][s] for r in self.groups.get(role, ()) if s in instances[r]]
            name = self.program.flow.steps.name[max(lines)] if lines else name
        return words.symbol(name, self.program.time(s)) if name else None

    def result(self, line: int) -> str | None:
        """The name of a line inside a collapsed box, with its time."""
        name = self._base_name(self.program.role[line])
        return words.symbol(name, self.program.time(self.program.step[line])) if name else None

    def weight(self, line: int) -> str:
        """A chip's text."""
        return words.symbol(self.program.flow.steps.name[line] or f"v{line}")

    def initial(self, state: int, s: int) -> str:
        """An initial state's text: its carry's name at the step before the first."""
        head = self.display.head.get(state, state)
        name = self._base_name(state) if head in self.display.cells else self.names.get(head)
        leaf = self.program.flow.steps.name[self.program.initial[state, s]]
        return words.symbol(name, self.program.time(s)) if name else words.symbol(leaf) if leaf else "start"

    def operation(self, i: int) -> str:
        """What line i does, operands written where a sign alone would say too little."""
        program, name = self.program, self.program.function(i)
        parents, args = program.parents(i), program.lines[i][2]
        if i in program.meaning and (told := recorded.operation(program, i, self.operand)):
            return told
        if name in words.PRODUCTS:
            return self.product(i)
        if name in ("concatenate", "stack"):
            texts = [self.operand(i, k).removeprefix("(").removesuffix(")") for k in range(len(parents))]
            joined = f"[{', '.join(texts)}]"
            return joined if len(joined) <= LONGEST and "…" not in joined else words.SIGNS.get(name, name)
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
        return self._known(child, k) or self._written_out(child, k, self._shallow)

    def _shallow(self, child: int, k: int) -> str:
        return self._known(child, k) or self._written_out(child, k, lambda c, n: self._known(c, n) or "…")

    def _written_out(self, child: int, k: int, inner: Callable[[int, int], str]) -> str:
        """An argument without a name as the operation that made it: "(r₁⊙h₀)", "[h₀, x₁]", "tanh(c₁)"."""
        p, _ = self.display.origin(child, k)
        if p < 0:
            return "·"
        name, parents = self.program.function(p), self.program.parents(p)
        if not parents:
            return "data"
        parts = [inner(p, n) for n in range(len(parents))]
        if name in INFIX and len(parts) == 2:
            text = f"({parts[0]}{INFIX[name]}{parts[1]})"
        elif name in ("concatenate", "stack"):
            text = f"[{', '.join(part.removeprefix('(').removesuffix(')') for part in parts)}]"
        else:
            text = f"{words.SIGNS.get(name, name)}({parts[0].removeprefix('(').removesuffix(')')})"
        if len(text) > LONGEST or "…" in text:
            text = "(…)"
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
            if int(drawn) in self.display.cells:
                text = self.result(p)
            if int(drawn) in self.made_up:
                text = self.input(p, int(drawn), int(s))
            if text is not None:
                self.cited.add(key)
        return text + self._turned(child, k) if text is not None else None

    def _turned(self, child: int, k: int) -> str:
        """ᵀ where the argument was transposed on the way, and a short index where it is a part: "state₁[:5]"."""
        _, passed = self.display.origin(child, k)
        moved = [c for c, _ in passed[1:]]
        turns = sum(self.program.function(c) in words.TRANSPOSES for c in moved)
        parts = [words.index(self.program.lines[c][2][1:]) for c in moved if self.program.function(c) == "getitem"]
        part = "".join(parts)
        return (part if len(part) <= 6 else "[…]") + ("ᵀ" if turns % 2 else "")

    def input(self, line: int, role: int, s: int) -> str:
        """An input's text: what several steps read alike, or what starts a state inside the loops, has no time."""
        if role not in self.made_up:
            return self.name(role, s) or "data"
        uses = self.display.uses(line)
        own = self.program.flow.steps.name[line]
        start = re.fullmatch(r"([A-Za-z]\w*?)_?0", own or "")
        if start:
            return words.symbol(start[1], 0)
        starts = any((self.program.role[c], k) in self.program.fed for c, k in uses)
        constant = starts or len({self.program.step[c] for c, _ in uses}) > 1
        return words.symbol(own or self.names.get(role) or "data", None if constant else self.program.time(s))

    def _base_name(self, role: int) -> str | None:
        """The name of what leaves a node, from the user's program; a state without one is named by its first value."""
        program, display = self.program, self.display
        found = None
        for s in sorted(program.instances[role]):
            found = found or program.flow.steps.name[program.instances[role][s]]
        if found is None and role in display.feeds:
            found = program.flow.steps.name[program.parents(program.typical(role))[0]]
        if found is None and program.function(program.typical(role)) == "data":
            names = {argument_name(program.flow.tape, c, k) for c, k in program.consumers[program.typical(role)]}
            found = names.pop() if len(names) == 1 else None
        if found is None and role in program.carried:
            for (state, _), line in program.initial.items():
                leaf = program.flow.steps.name[line] if state == role else None
                if leaf:
                    found = found or leaf.rstrip("0").rstrip("_") or None
        return str(found) if found else None
