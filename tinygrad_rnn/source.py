"""Write a recorded program, forward and backward, as NumPy source that runs on its own.

    print(source(loss))                                  # import numpy as np … def gradients(U, W, b, x_1, …): …
    inputs = source_inputs(loss)                         # what it was recorded with: {"U": …, "x_1": …}

The function's arguments are the leaves by name; it returns the loss and a dictionary of gradients. Shapes are those of
the recording; numbers are not, since masks such as `a > 0` are computed anew.
"""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import word
from .ops import one_hot, softmax_cross_entropy
from .printing.derivative import backward_pass, contribution
from .printing.naming import heading, names, remarks_on_losses
from .printing.notation import ATOM, Notation, Written, expression, literal
from .printing.standalone import definitions, undecorated
from .rules.index import scatter
from .rules.shape import concatenate, stack
from .tape import TapeError, Var
from .var import getitem

RESERVED = {"np", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
OF_NUMPY = {stack: "np.stack", concatenate: "np.concatenate"}
WHOLE_NUMBERS = (getitem, scatter, softmax_cross_entropy, one_hot)  # where 2 says the same as np.int64(2)


def source(loss: Var, wrt: Var | Sequence[Var] | None = None, name: str = "gradients") -> str:
    """The forward and the backward pass as a Python module with one function, `name`; only NumPy is imported.

    Args:
        loss: a Var of shape (); its tape stays unchanged.
        wrt: a Var whose gradient is wanted, or several; every differentiable leaf where it is left out.
        name: what the function is called.

    Returns source text. The function takes the arrays that `source_inputs` gives, by name or in that order, and returns
    `(loss, {name: gradient})`; gradients are named as the arguments are.

    Raises TapeError for a loss that is no scalar, or a name that is no Python identifier.
    """
    if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
        raise TapeError(f"source: name={name!r} is no free Python identifier; use a word such as 'gradients'")
    program = _Program(loss, wrt)
    if name in program.defined:
        raise TapeError(f"source: a function that the program calls is named {name!r} too; use another name")
    return program.text(name)


def source_inputs(loss: Var, wrt: Var | Sequence[Var] | None = None) -> dict[str, Any]:
    """The arguments that reproduce the recording: name -> a copy of the array, in the order of the function."""
    given = _Program(loss, wrt).arguments
    return {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}


class _Program:
    """One module, its names, definitions and arguments gathered while its statements are written."""

    def __init__(self, loss: Var, wrt: Var | Sequence[Var] | None) -> None:
        self.record = backward_pass(loss, wrt)
        self.tape, self.lines, called = loss.tape, self.record.tape.lines, names(loss.tape)
        self.functions: dict[Any, str] = {}  # a function -> the name it is called by
        self.defined: dict[str, str] = {}  # definitions before the function: name -> text
        self.arguments: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}  # arguments beside the leaves: constants, functions without source
        self.remarks: dict[str, list[str]] = {}  # what is to be known -> about which arguments
        self.objects: dict[int, str] = {}  # id of a thing without literal -> the argument that brings it
        self.late: dict[int, str] = {}  # names of lines of the sweep
        self.taken = set(RESERVED)
        self.needed = self.ancestors()
        added = {e.contribution for e in self.record.edges if self.lines[e.contribution][0] is scatter}
        for i in [*self.needed, *range(self.record.forward, len(self.lines))]:  # first: no variable may hide a function
            if self.lines[i][1] and self.lines[i][0] is not getitem and i not in added:
                self.function(self.lines[i][0])
        self.called: dict[int, str] = {}
        for i in self.needed:
            fn, parents, _, _, value, _, name = self.lines[i]
            unnamed = not parents and name is None and called[i].startswith(f"v{i}")
            self.called[i] = self.free(f"{'leaf' if fn == 'var' else 'const'}_{i}" if unnamed else called[i])
            if not parents:
                self.arguments[self.called[i]] = value
                if unnamed and fn == "data":
                    self.remark(self.called[i], "given as recorded; a condition such as x > 0 is not computed anew")
        bars = [i for i in self.needed if i in self.record.adjoint or i in self.record.wanted]
        self.bars = {i: self.free(f"d_{self.called[i]}") for i in bars}
        self.shared: set[int] = set()  # adjoints that are another name for an array, or a view of one
        self.body = [*self.forward(), "", *self.backward()]
        self.arguments |= self.extra

    @property
    def notation(self) -> Notation:
        """How this module is spelled; not kept, for its methods hold the program: that cycle would keep the tape."""
        return Notation(function=self.function, argument=self.argument)

    def ancestors(self) -> list[int]:
        """Lines that the loss and the wanted lines are computed from, in order."""
        found = {self.record.loss, *self.record.wanted}
        for i in range(max(found), -1, -1):
            if i in found:
                found.update(p for p in self.lines[i][1] if p >= 0)
        return sorted(found)

    # ---- names -----------------------------------------------------------------------------------------------------
    def free(self, stem: str) -> str:
        """An identifier like a name, not used so far. Names are the user's data: nothing of them but letters stays."""
        text = unicodedata.normalize("NFKC", stem).replace("`", "").replace("[-", "_minus_")
        text = text.replace("'", "_prime_")
        text = re.sub(r"_+", "_", re.sub(r"\W", "_", text))[:60].rstrip("_") or "value"
        text = text if text.isidentifier() else f"v_{text}"
        text, count = text if text.isidentifier() else "value", 2
        found = text
        while found in self.taken:
            found, count = f"{text}_{count}", count + 1
        self.taken.add(found)
        return found

    def function(self, fn: Any) -> str:
        """How a function is called: as NumPy's, as a definition written above, else as an argument."""
        if fn not in self.functions:
            self.functions[fn] = OF_NUMPY.get(fn) or _of_numpy(fn) or self.define(fn) or self.bring(word(fn), fn)
        return self.functions[fn]

    def define(self, fn: Any) -> str | None:
        found = definitions(fn)
        if found is None or any(self.defined.get(n, None if n in self.taken else t) != t for n, t in found.items()):
            return None
        self.defined |= found
        self.taken |= set(found)
        return undecorated(fn).__name__ if found else None

    def bring(self, stem: str, thing: Any) -> str:
        """A further argument of the function, for what cannot be written."""
        if id(thing) not in self.objects:
            name = self.objects[id(thing)] = self.free(stem)
            self.extra[name] = thing
            kind = "a function that cannot be written here" if callable(thing) else "a constant of a rule, as recorded"
            self.remark(name, kind)
        return self.objects[id(thing)]

    def remark(self, name: str, text: str) -> None:
        self.remarks.setdefault(text, []).append(name)

    def argument(self, value: Any, fn: Any) -> Written:
        if isinstance(value, np.integer) and (fn in WHOLE_NUMBERS):
            value = int(value)
        if type(value) is np.bool_:
            value = bool(value)
        if isinstance(value, np.generic) and value.dtype.name in SCALARS:
            number = literal(value.item())
            if number is not None:
                return Written(f"np.{value.dtype.name}({number.text})", ATOM)
        return literal(value) or Written(self.bring("constant", value), ATOM)

    def value(self, i: int) -> str:
        """A line by name; lines of the sweep are parts of an expression, or constants that a rule made."""
        if i < self.record.forward:
            return self.called[i]
        if i not in self.late:
            fn, parents, _, _, value, *_ = self.lines[i]
            self.late[i] = self.free(f"r_{i}") if parents else self.bring(f"constant_{i}", value)
        return self.late[i]

    # ---- statements ------------------------------------------------------------------------------------------------
    def forward(self) -> list[str]:
        marked = remarks_on_losses(self.tape)
        text, scope = [], None
        for i in self.needed:
            fn, parents, args, kw, _, at, _ = self.lines[i]
            if not parents:
                continue
            if at != scope:
                text.append(f"# {heading(at) or 'outside the steps'}")
                scope = at
            operands = [None if p < 0 else Written(self.called[p], ATOM) for p in parents]
            written = expression((fn, parents, args, kw), operands, self.notation).text
            text.append(
                f"{self.called[i]} = {written}"
                + (f"  # {marked[i]}" if i in marked else "")
            )
        return text

    def backward(self) -> list[str]:
        record, loss = self.record, self.record.loss
        text = [f"# backward: d_v is the derivative of {self.called[loss]} by v"]
        text.append(f"{self.bars[loss]} = np.ones_like({self.called[loss]})")
        scope, buffers = self.lines[loss][5], set()
        for edge in record.edges:
            at = self.lines[edge.child][5]
            if at != scope:
                text.append(f"# backward, {heading(at) or 'outside the steps'}")
                scope = at
            written = contribution(record, edge, self.value, self.bars.__getitem__, self.notation)
            text += [f"{name} = {part}" for name, part in written.parts]
            bar = self.bars[edge.parent]
            if written.place is not None:
                if edge.parent not in buffers:
                    start = f"np.zeros_like({self.called[edge.parent]})" if edge.first else f"np.array({bar})"
                    text.append(f"{bar} = {start}")
                    buffers.add(edge.parent)
                    self.shared.discard(edge.parent)
                entry = f"{bar}[{written.place}] += {written.text}"
                repeated = f"np.add.at({bar}, np.s_[{written.place}], {written.text})"
                text.append(entry if written.plain_place else repeated)
            elif edge.first:
                text.append(f"{bar} = {written.text}")
                if not written.fresh:
                    self.shared.add(edge.parent)
            else:
                text.append(f"{bar} = {bar} + {written.text}")
                self.shared.discard(edge.parent)
        return text

    def gradient(self, i: int) -> str:
        """What is returned for a wanted line: an array of its own, in the line's dtype."""
        if i not in self.record.adjoint:
            return f"np.zeros_like({self.called[i]})"
        kind = np.asarray(self.lines[i][4]).dtype
        if np.asarray(self.lines[self.record.adjoint[i]][4]).dtype != kind:
            return f"np.array({self.bars[i]}, {self.called[i]}.dtype)"
        return f"np.array({self.bars[i]})" if i in self.shared else self.bars[i]

    def text(self, name: str) -> str:
        loss = self.called[self.record.loss]
        pairs = [f'"{self.called[i]}": {self.gradient(i)}' for i in self.record.wanted]
        sizes = [f"{n} {np.shape(a)}" for n, a in self.arguments.items() if not callable(a)]
        told = [
            *textwrap.wrap(f"Return the loss {loss} and its gradients, by argument.", 110),
            "",
            *textwrap.wrap(f"Shapes as recorded: {', '.join(sizes)}.", 110),
            *(
                line
                for remark, about in self.remarks.items()
                for line in textwrap.wrap(f"{', '.join(about)}: {remark}.", 110, subsequent_indent="    ")
            ),
        ]
        lines = ["import numpy as np", ""]
        for definition in self.defined.values():
            lines += ["", definition, ""]
        lines += ["", *_bracketed(f"def {name}(", list(self.arguments), "):")]
        lines += [f"    {line}".rstrip() for line in ['"""' + told[0], *told[1:], '"""', *self.body]]
        lines += [f"    {line}" for line in _bracketed(f"return {loss}, {{", pairs, "}")]
        return "\n".join(lines) + "\n"


SCALARS = {"float16", "float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def _of_numpy(fn: Any) -> str | None:
    name = word(fn)
    for prefix, module in (("np", np), ("np.linalg", np.linalg)):
        if name.isidentifier() and getattr(module, name, None) is fn:
            return f"{prefix}.{name}"
    return None


def _bracketed(opening: str, items: list[str], closing: str) -> list[str]:
    """`opening a, b, c closing` on one line, or on several where it is long."""
    flat = opening + ", ".join(items) + closing
    if len(flat) <= 110:
        return [flat]
    rows, row = [], ""
    for item in items:
        if row and len(row) + len(item) > 100:
            rows.append(row.rstrip())
            row = ""
        row += f"{item}, "
    return [opening, *(f"    {row}".rstrip() for row in [*rows, row]), closing]
