"""Record NumPy operations, one line each, on a flat tape, and sweep it backwards.

    with Tape() as tape:
        w = tape.var(np.array([1.0, 2.0]), "w")
        loss = np.sum(np.tanh(w) * w)
    (dw,) = tape.grad(loss, [w])

A tape is a list of tuples `(fn, parents, args, kw, value, scope, name)`: `parents[k]` is the line that argument k came
from, or -1 for a Python scalar, a slice or a shape. Lines refer to each other by number, so the list is in topological
order, nothing recurses, and a dropped tape is freed at once. Rules of differentiation live in `rules/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from functools import partial
from operator import index
from threading import get_ident
from typing import Any

import numpy as np

from . import guard, operands
from .errors import REFUSALS, Scope, SingularError, TapeError, first_line, where_in_time, word
from .lines import Backward, Line, frame
from .marks import marks, unmarked, without_tape
from .registry import ADAPTERS, INTO, PLAIN, RULES, Each, check_call, how_to_teach, respelled, rule
from .var import Var

__all__ = ["ADAPTERS", "CURRENT", "INTO", "PLAIN", "RULES", "Array", "Backward", "Line", "Tape", "TapeError", "Var"]
__all__ += ["loss", "rule", "step"]

Array = Any  # an ndarray or a NumPy scalar; a Var where a sweep records itself
CURRENT: ContextVar[Tape | None] = ContextVar("tape", default=None)


class Tape:
    """A Wengert list. `with tape:` makes it the one that `step(t)` and an inner `grad` find.

    Args:
        checked: freeze results, detect data that changes after it was recorded, keep the user's file and line, and stop
            at the first NaN or infinity that an operation makes of finite numbers, and at a rule that gives a gradient
            of the wrong shape. Costs time; gives the same numbers.
    """

    def __init__(self, *, checked: bool = False) -> None:
        """Start an empty tape that belongs to this thread."""
        self.lines: list[tuple[Any, tuple[int, ...], Any, dict[str, Any], Array, Scope, str | None]] = []
        self.scope: Scope = ()
        self.losses: list[tuple[int, Scope, int]] = []  # marked step losses: line, scope, t
        self.backward: dict[int, Backward] = {}
        self.checked = checked
        self.source: list[guard.Place] = []  # by line: the user's file and line, where checked
        self.checksums: dict[int, int] = {}
        self.marked: set[Scope] = set()  # where step losses were marked
        self._meaning: Backward | None = None
        self._thread = get_ident()
        self._tokens: list[Token[Tape | None]] = []

    def __enter__(self) -> Tape:
        self._tokens.append(CURRENT.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        CURRENT.reset(self._tokens.pop())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tokens": []}  # what is made of it elsewhere is nobody's current tape

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, i: int) -> Line:
        i = range(len(self.lines))[self._told(index, i)]
        fn, parents, args, kw, value, scope, name = self.lines[i]
        return Line(i, fn, parents, tuple(args), kw, value, scope, name, self.source[i] if self.checked else None)

    def copy(self) -> Tape:
        """A tape that goes on where this one stands, unchecked; lines that it records are not seen here."""
        other = Tape()
        other.lines, other.losses, other.backward = list(self.lines), list(self.losses), dict(self.backward)
        other.source, other.checksums, other.marked = list(self.source), dict(self.checksums), set(self.marked)
        return other

    # ---- recording -------------------------------------------------------------------------------------------------
    def var(self, value: Any, name: str | None = None) -> Var:
        """A differentiable leaf: a private copy of an array of floats."""
        return self._push("var", (), (), {}, self._told(operands.leaf, value, name), name)

    def data(self, value: Any, name: str | None = None) -> Var:
        """A leaf that is given, of any real dtype: an input, targets, a mask, a fixed initial state.

        Flows and pictures follow no gradient into it; `grad` gives its own where it is asked for and holds floats.
        """
        return self._push("data", (), (), {}, self._told(operands.data, value, name), name)

    def record(self, fn: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
        """Call fn on the values of args and add the line; an array that is no Var becomes an unnamed data leaf."""
        vjps = RULES.get(fn)
        if vjps is None:
            return self._without_rule(fn, args, kw)
        if kw:
            args, kw = self._told(operands.by_position, fn, args, kw)
        parents: list[int] = []
        raw: list[Any] = []
        for a in args:
            if type(a) is Var:
                if a.tape is not self:
                    raise self._error(f"{word(fn)}: operands of two tapes; use one tape, or .value")
                parents.append(a.index)
                a = a.value
            else:
                if type(a) is not np.ndarray and type(a) not in operands.CONSTANTS:
                    a = self._told(operands.operand, fn, len(raw), len(vjps), a)
                parents.append(self.data(a).index if type(a) is np.ndarray else -1)
            raw.append(a)
        if kw or len(raw) != len(vjps):
            self._told(check_call, fn, len(raw), kw)
        try:
            value = guard.call(fn, raw, kw) if self.checked else fn(*raw, **kw)
        except REFUSALS as error:
            names = "" if isinstance(error, TapeError) else f"{word(fn)}({guard.names_of(parents, raw, self.lines)}): "
            raise self._error(names + first_line(error), error) from None
        return self._push(fn, tuple(parents), tuple(raw), kw, value)

    def _push(self, fn: Any, parents: Any, args: Any, kw: Any, value: Any, name: str | None = None) -> Var:
        if get_ident() != self._thread:
            raise TapeError("this tape belongs to another thread; make one tape per thread")
        index = len(self.lines)
        if self.checked:  # by its number, so that a recording which was interrupted here leaves nothing behind
            self.source[index:] = [self.source[self._meaning.line] if self._meaning else guard.user_line()]
            if fn != "data" and isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.lines.append((fn, parents, args, kw, value, self.scope, name))
        if self._meaning is not None:
            self.backward[index] = self._meaning
        if self.checked and fn == "data":
            self.checksums[index] = guard.checksum(value)
        return Var(self, index, value)

    def _without_rule(self, fn: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
        if fn in PLAIN:
            values = [a.value if type(a) is Var else a for a in args]
            return self._told(fn, *values, **{key: a.value if type(a) is Var else a for key, a in kw.items()})
        if fn not in ADAPTERS:
            raise self._error(f"no gradient rule for {word(fn)}; {how_to_teach(fn, len(args))}")
        return self._told(respelled, fn, args, kw)

    def _told(self, check: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        """Call what may refuse; a refusal says where in time it happened."""
        try:
            return check(*args, **kw)
        except REFUSALS as error:
            raise self._error(first_line(error)) from None

    def _error(self, text: str, error: Exception | None = None) -> TapeError:
        kind = SingularError if isinstance(error, np.linalg.LinAlgError) else TapeError
        where = where_in_time(self.scope)
        return kind(text if text.startswith(where) else where + text)  # a spelling's own call has said where

    # ---- steps -----------------------------------------------------------------------------------------------------
    @contextmanager
    def step(self, t: int | None, loop: str = "time") -> Iterator[None]:
        """Lines recorded inside belong to step t of a loop; steps nest. Without a t it is a named part of a step."""
        outer, self.scope = self.scope, (*self.scope, self._told(frame, t, loop))
        try:
            yield
        finally:
            self.scope = outer

    def loss(self, value: Var, t: int | Iterable[int], loop: str | None = None) -> Var:
        """Mark a scalar as the loss J_t of step t, and return it; each step has one.

        After the loop t may be all of its steps: row n of what was read out of them together, summed over a batch, is
        then the loss of the n-th. Where two loops have such steps, name the one that is meant.
        """
        self.losses += marks(self, value, t, loop)
        return value

    # ---- the reverse sweep -----------------------------------------------------------------------------------------
    def grad(self, out: Var, wrt: Var | Sequence[Var], seed: Any = None, *, track: bool = False) -> Any:
        """Differentiate: d out / d w for every w, a list of arrays (of Vars with `track=True`); for one Var, its own.

        `out` is a scalar unless a seed of its shape, the cotangent, is given. What no gradient reaches gets zeros, and
        an UnusedWarning says so.
        """
        one, wrt = isinstance(wrt, Var), [wrt] if isinstance(wrt, Var) else list(wrt)
        if any(not isinstance(v, Var) or v.tape is not self for v in (out, *wrt)):
            raise self._error("grad: the loss and what it is differentiated by must be Vars of this tape")
        if seed is None and out.shape != ():
            raise self._error(f"grad: the loss has shape {out.shape}, not (); sum or average it, or pass a seed")
        missing: list[int] = []
        seeds = {out.index: np.ones_like(out.value) if seed is None else seed}
        found = self.sweep(seeds, [w.index for w in wrt], track=track, unreached=missing.append)
        for i in dict.fromkeys(missing):
            guard.warn_unused(self.lines[i][6] or f"v{i}")
        return found[0] if one else found

    def sweep(
        self,
        seeds: Mapping[int, Any],
        wrt: Iterable[int],
        *,
        track: bool = False,
        follow: Callable[[int, int, int], bool] | None = None,
        report: Callable[[int, int, int, Array], None] | None = None,
        unreached: Callable[[int], None] | None = None,
    ) -> list[Any]:
        """One reverse sweep: the adjoint of every line in wrt, for a cotangent on each line in seeds.

        Args:
            seeds: cotangent by line.
            wrt: lines whose adjoints are wanted; leaves or not.
            track: record the sweep on this tape, each line in the step of the forward line it differentiates.
            follow: `follow(child, argument, parent)` says whether gradient passes that edge; cutting carry edges is
                truncated backpropagation through time.
            report: `report(child, argument, parent, contribution)` is called for every edge that is passed.
            unreached: called with every line of wrt that no gradient reached, whose adjoint is zeros.

        Returns fresh arrays in the order of wrt (Vars of this tape with track).
        """
        guard.verify(self.checksums, self.lines, self.source)
        wanted = list(wrt)
        lines, start, need = self.lines, self._seeds(seeds, track), self._needed(seeds, wanted)
        bars: list[Any] = [None] * len(need)  # by line: the sum of the contributions that have come in
        owned: set[int] = set()  # lines whose sum was made here, so that more may be added in place
        keep, scope, into = set(wanted), self.scope, INTO if not track and report is None else {}
        try:
            for i, g in start.items():
                bars[i] = self._note(Backward("seed", i), self.data, g, "seed") if track and type(g) is not Var else g
            for i in range(max(start), min(wanted, default=0), -1):
                g = bars[i]
                fn, parents, args, kw, y, at, _ = lines[i]
                if g is None or not need[i] or not parents:
                    continue
                if track:
                    self.scope, y = at, Var(self, i, y)
                    args = [a if p < 0 else Var(self, p, a) for p, a in zip(parents, args, strict=True)]
                vjps: Any = RULES[fn]
                share: Any = None  # argument number -> its gradient, where what they share is worked out once
                if type(vjps) is Each:
                    share = self._note(Backward("adjoint", i, 0), vjps.pull, g, y, *args, **kw)
                for k, p in enumerate(parents):
                    if not need[p] or (follow is not None and not follow(i, k, p)):
                        continue
                    if k == 0 and fn in into:
                        bars[p] = into[fn](bars[p], p in owned, g, *args, **kw)  # slices of one leaf share a buffer
                        owned.add(p)
                        continue
                    vjp: Any = share or (vjps[k] if k < len(vjps) else self._missing_rule)
                    if vjp is None:
                        continue
                    pull = partial(self._note, Backward("adjoint", i, k), vjp) if track else vjp
                    d = pull(k) if share else pull(g, y, *args, **kw)
                    if d is None or (self.checked and np.shape(d) != np.shape(lines[p][4])):
                        told = "None" if d is None else f"a gradient of shape {np.shape(d)}"
                        raise self._error(f"the rule of {word(fn)} gives argument {k} {told}")
                    if report is not None:
                        report(i, k, p, d)
                    bar = bars[p]
                    if bar is None:
                        bars[p] = d
                    elif track:
                        bars[p] = self._note(Backward("sum", p), bar.__add__, d)
                    elif p in owned:
                        bar += d  # in place, since this sum was made here
                        bars[p] = bar
                    else:
                        bars[p] = bar + d
                        owned.add(p)
                if i not in keep:
                    bars[i] = None  # free from here on
        finally:
            self.scope = scope
        results = []
        for i in wanted:
            if bars[i] is None and unreached is not None:
                unreached(i)
            results.append(self._result(i, bars[i], i in owned, track))
            owned.discard(i)  # given away: who asks for the same line twice gets a copy
        return results

    def _seeds(self, seeds: Mapping[int, Any], track: bool) -> dict[int, Any]:
        """Cotangents as arrays of their line's dtype."""
        if not seeds:
            raise self._error("a sweep needs at least one seed")
        start = {}
        for i, g in seeds.items():
            value = self._line(i)
            if np.shape(g) != np.shape(value):
                raise self._error(f"the seed has shape {np.shape(g)}, the value that it belongs to {np.shape(value)}")
            start[i] = g if track and type(g) is Var else self._told(operands.cotangent, g, value.dtype)
        return start

    def _needed(self, seeds: Mapping[int, Any], wanted: Sequence[int]) -> bytearray:
        """By line: does gradient have to pass it on its way to what is wanted? The last stays 0, for parents −1."""
        for i in wanted:
            if self._line(i).dtype.kind != "f":
                raise self._error(f"{self.lines[i][6] or f'v{i}'} holds {self._line(i).dtype}; differentiate by floats")
        need, top = bytearray(max([*seeds, *wanted]) + 2), max(seeds)
        for i in wanted:
            need[i] = 1
        for i in range(min(wanted, default=0), top + 1):
            for p in self.lines[i][1]:
                if need[p]:
                    need[i] = 1
                    break
        return need

    def _line(self, i: int) -> Array:
        if not 0 <= i < len(self.lines):
            raise self._error(f"there is no line {i}; the tape has {len(self.lines)}")
        return self.lines[i][4]

    def _missing_rule(self, g: Array, y: Array, *args: Any, **kw: Any) -> Any:
        raise self._error("a rule has fewer vjps than its function has arguments; give one for each, or None")

    def _result(self, i: int, bar: Any, owned: bool, track: bool) -> Any:
        value = self.lines[i][4]
        if bar is None:
            zeros = np.zeros_like(value)
            return self._note(Backward("zeros", i), self.data, zeros, "zeros") if track else zeros
        return bar if track else np.array(bar, value.dtype, copy=None if owned else True)

    def _note(self, meaning: Backward, make: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        """Call make; every line that it records is marked as what it is."""
        outer, self._meaning = self._meaning, meaning
        try:
            return make(*args, **kw)
        finally:
            self._meaning = outer


def step(t: int | None, loop: str = "time") -> AbstractContextManager[None]:
    """Step t of the current tape; does nothing where no tape is recording, so models run on plain arrays too."""
    tape = CURRENT.get()
    return without_tape(t) if tape is None else tape.step(t, loop)


def loss(value: Any, t: int | Iterable[int], loop: str | None = None) -> Any:
    """Mark a Var as the loss J_t of step t, or its rows as those of several, as `Tape.loss` does; return it as it is.

    Plain numbers and arrays are not marked.
    """
    return value.tape.loss(value, t, loop) if type(value) is Var else unmarked(value)
