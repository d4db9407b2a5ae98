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
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np

from . import guard
from .errors import Scope, TapeError, first_line, where_in_time, word
from .var import Var

__all__ = ["ADAPTERS", "CURRENT", "INTO", "PLAIN", "RULES", "Array", "Backward", "Line", "Tape", "TapeError", "Var"]
__all__ += ["loss", "rule", "step"]

Array = Any  # an ndarray or a NumPy scalar; a Var where a sweep records itself
RULES: dict[Any, Any] = {}  # function -> one vjp(g, y, *args, **kw) per argument (None: not differentiable)
INTO: dict[Any, Callable[..., None]] = {}  # function -> adds its first argument's vjp into a buffer, in place
PLAIN: set[Any] = set()  # functions whose results carry no gradient (comparisons, shapes): given as plain arrays
ADAPTERS: dict[Any, Callable[..., Any]] = {}  # function -> its call as (primitive, args, kw)
CURRENT: ContextVar[Tape | None] = ContextVar("tape", default=None)


class Backward(NamedTuple):
    """What a line of a tracked sweep is.

    The "seed" of a line, the "adjoint" of a line through one argument, a "sum" of contributions into a line, or the
    "zeros" of a line that nothing reached.
    """

    kind: str
    line: int
    argument: int | None = None


class Line(NamedTuple):
    """One line of a tape, for reading: `number` is its place."""

    number: int
    fn: Any
    parents: tuple[int, ...]
    args: tuple[Any, ...]
    kw: dict[str, Any]
    value: Array
    scope: Scope
    name: str | None
    source: guard.Place | None


def rule(fn: Any, *vjps: Callable[..., Array] | None, each: Callable[..., Any] | None = None) -> None:
    """Teach the tape a primitive: one `vjp(g, y, *args, **kw)` per argument, the gradient g pulled back to it.

    y is the result. Everything may be an array or a Var: the same text serves both. A function of any number of
    arguments has `each(g, y, *args, **kw)` instead, which gives a function: argument number -> its gradient.
    """
    RULES[fn] = Each(each) if each else vjps


class Each:
    """The rules of a function of any number of arguments; `RULES[fn][k]` is a vjp as for any other function."""

    def __init__(self, pull: Callable[..., Any]) -> None:
        self.pull = pull

    def __getitem__(self, k: int) -> Callable[..., Array]:
        return lambda g, y, *args, **kw: self.pull(g, y, *args, **kw)(k)


class Tape:
    """A Wengert list. `with tape:` makes it the one that `step(t)` and an inner `grad` find.

    Args:
        checked: freeze results, detect data that changes after it was recorded, keep the user's file and line, and stop
            at the first NaN or infinity that an operation makes of finite numbers. Costs time; gives the same numbers.
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
        self._meaning: Backward | None = None
        self._thread = get_ident()
        self._tokens: list[Token[Tape | None]] = []

    def __enter__(self) -> Tape:
        self._tokens.append(CURRENT.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        CURRENT.reset(self._tokens.pop())

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, i: int) -> Line:
        i = range(len(self.lines))[i]
        fn, parents, args, kw, value, scope, name = self.lines[i]
        return Line(i, fn, parents, tuple(args), kw, value, scope, name, self.source[i] if self.checked else None)

    # ---- recording -------------------------------------------------------------------------------------------------
    def var(self, value: Any, name: str | None = None) -> Var:
        """A differentiable leaf: a private copy of an array of floats."""
        array = np.array(value)
        if array.dtype.kind != "f":
            remedy = "use floats (astype(float)) for a leaf with a gradient, tape.data for anything else"
            raise self._error(f"tape.var({name or ''}): dtype {array.dtype}; {remedy}")
        array.flags.writeable = False
        return self._push("var", (), (), {}, array, name)

    def data(self, value: Any, name: str | None = None) -> Var:
        """A leaf without a gradient, of any dtype but object: an input, targets, a mask, a fixed initial state."""
        array = value if type(value) is np.ndarray else np.asarray(value)
        if array.dtype.kind in "OSUV":
            raise self._error(f"tape.data({name or ''}): dtype {array.dtype} holds no numbers")
        return self._push("data", (), (), {}, array, name)

    def record(self, fn: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
        """Call fn on the values of args and add the line; an array that is no Var becomes an unnamed data leaf."""
        if fn not in RULES:
            return self._without_rule(fn, args, kw)
        parents, raw = [], []
        for a in args:
            if type(a) is Var:
                if a.tape is not self:
                    raise self._error(f"{word(fn)}: operands of two tapes; use one tape, or .value")
                parents.append(a.index)
                raw.append(a.value)
            else:
                parents.append(self.data(a).index if isinstance(a, np.ndarray) else -1)
                raw.append(a)
        if kw:
            self._refuse_keywords(fn, kw)
        try:
            value = guard.call(fn, raw, kw, self.scope) if self.checked else fn(*raw, **kw)
        except (ValueError, TypeError, IndexError) as error:
            if isinstance(error, TapeError):
                raise
            raise self._error(f"{word(fn)}({guard.names_of(parents, raw, self.lines)}): {first_line(error)}") from None
        return self._push(fn, tuple(parents), tuple(raw), kw, value)

    def _push(self, fn: Any, parents: Any, args: Any, kw: Any, value: Any, name: str | None = None) -> Var:
        if get_ident() != self._thread:
            raise TapeError("this tape belongs to another thread; make one tape per thread")
        index = len(self.lines)
        self.lines.append((fn, parents, args, kw, value, self.scope, name))
        if self._meaning is not None:
            self.backward[index] = self._meaning
        if self.checked:
            self._check_in(index, fn, value)
        return Var(self, index, value)

    def _check_in(self, index: int, fn: Any, value: Array) -> None:
        self.source.append(self.source[self._meaning.line] if self._meaning else guard.user_line())
        if fn == "data":
            self.checksums[index] = guard.checksum(value)
        elif isinstance(value, np.ndarray):
            value.flags.writeable = False

    def _without_rule(self, fn: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
        if fn in PLAIN:
            values = [a.value if type(a) is Var else a for a in args]
            return fn(*values, **kw)
        if fn in ADAPTERS:
            return self.record(*ADAPTERS[fn](*args, **kw))
        raise self._error(f"no gradient rule for {word(fn)}; add one with tg.rule, or use .value")

    def _refuse_keywords(self, fn: Any, kw: dict[str, Any]) -> None:
        for key, value in kw.items():
            if type(value) is Var or key == "out" or isinstance(fn, np.ufunc):
                remedy = "pass Vars by position" if type(value) is Var else "leave it out"
                raise self._error(f"{word(fn)}({key}=...) can't be recorded; {remedy}")

    def _error(self, text: str) -> TapeError:
        return TapeError(where_in_time(self.scope) + text)

    # ---- steps -----------------------------------------------------------------------------------------------------
    @contextmanager
    def step(self, t: int | None, loop: str = "time") -> Iterator[None]:
        """Lines recorded inside belong to step t of a loop; steps nest."""
        outer, self.scope = self.scope, (*self.scope, (loop, t))
        try:
            yield
        finally:
            self.scope = outer

    def loss(self, value: Var, t: int) -> Var:
        """Mark a scalar as the loss J_t of step t, and return it."""
        if value.shape != ():
            raise TapeError(f"step t = {t}: the step loss has shape {value.shape}, not (); sum or average it first")
        if any(other[1:] == (self.scope, t) for other in self.losses[-1:]):
            raise TapeError(f"step t = {t} already has a marked loss; add the two and mark their sum")
        self.losses.append((value.index, self.scope, t))
        return value

    # ---- the reverse sweep -----------------------------------------------------------------------------------------
    def grad(self, out: Var, wrt: Sequence[Var], seed: Any = None, *, track: bool = False) -> list[Any]:
        """Differentiate: d out / d w for every w: arrays, or Vars of this tape with `track=True`.

        `out` is a scalar unless a seed of its shape, the cotangent, is given. What out does not depend on gets zeros.
        """
        if not isinstance(out, Var) or any(v.tape is not self for v in (out, *wrt)):
            raise TapeError("grad: the loss and what it is differentiated by must be Vars of this tape")
        if seed is None and out.shape != ():
            raise TapeError(
                f"grad: the loss has shape {out.shape}, not (); sum or average it, or pass a seed of that shape"
            )
        if seed is not None and np.shape(seed) != out.shape:
            raise TapeError(f"grad: the seed has shape {np.shape(seed)}, the loss {out.shape}; they must be equal")
        seeds = {out.index: np.ones_like(out.value) if seed is None else seed}
        return self.sweep(seeds, [w.index for w in wrt], track=track)

    def sweep(
        self,
        seeds: Mapping[int, Any],
        wrt: Iterable[int],
        *,
        track: bool = False,
        follow: Callable[[int, int, int], bool] | None = None,
        report: Callable[[int, int, int, Array], None] | None = None,
    ) -> list[Any]:
        """One reverse sweep: the adjoint of every line in wrt, for a cotangent on each line in seeds.

        Args:
            seeds: cotangent by line.
            wrt: lines whose adjoints are wanted; leaves or not.
            track: record the sweep on this tape, each line in the step of the forward line it differentiates.
            follow: `follow(child, argument, parent)` says whether gradient passes that edge; cutting carry edges is
                truncated backpropagation through time.
            report: `report(child, argument, parent, contribution)` is called for every edge that is passed.

        Returns fresh arrays in the order of wrt (Vars of this tape with track).
        """
        wanted = list(wrt)
        guard.verify(self.checksums, self.lines, self.source)
        lines, top, bottom = self.lines, max(seeds), min(wanted, default=0)
        need = bytearray(max([top, *wanted]) + 2)  # need[-1] stays 0, so what is not a line is never needed
        for i in wanted:
            need[i] = 1
        for i in range(bottom, top + 1):
            for p in lines[i][1]:
                if need[p]:
                    need[i] = 1
                    break
        keep, owned, scope = set(wanted), set(), self.scope
        bars: list[Any] = [None] * (top + 1)
        try:
            for i, g in seeds.items():
                g = g if type(g) is Var else np.asarray(g)
                bars[i] = self._note(Backward("seed", i), self.data, g, "seed") if track and type(g) is not Var else g
            for i in range(top, bottom, -1):
                g = bars[i]
                if g is None or not need[i]:
                    continue
                fn, parents, args, kw, y, at, _ = lines[i]
                if not parents:
                    continue
                if track:
                    self.scope, y = at, Var(self, i, y)
                    args = [a if p < 0 else Var(self, p, a) for p, a in zip(parents, args, strict=True)]
                vjps = RULES[fn]
                pull = vjps.pull(g, y, *args, **kw) if type(vjps) is Each else None
                for k, p in enumerate(parents):
                    if not need[p] or (follow is not None and not follow(i, k, p)):
                        continue
                    vjp = pull or vjps[k]
                    if vjp is None:
                        continue
                    if k == 0 and fn in INTO and not track and report is None:
                        if p not in owned:  # slices of one leaf add into one buffer
                            bars[p] = np.zeros_like(args[0]) if bars[p] is None else np.array(bars[p])
                            owned.add(p)
                        INTO[fn](bars[p], g, *args[1:], **kw)
                        continue
                    if track:
                        call = partial(pull, k) if pull else partial(vjp, g, y, *args, **kw)
                        d = self._note(Backward("adjoint", i, k), call)
                    else:
                        d = pull(k) if pull else vjp(g, y, *args, **kw)
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
        return [self._result(i, bars[i] if i <= top else None, i in owned, track) for i in wanted]

    def _result(self, i: int, bar: Any, owned: bool, track: bool) -> Any:
        value = self.lines[i][4]
        if bar is None:
            zeros = np.zeros_like(value)
            return self._note(Backward("zeros", i), self.data, zeros, "zeros") if track else zeros
        if track:
            return bar
        return np.asarray(bar, value.dtype) if owned else np.array(bar, value.dtype)

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
    return nullcontext() if tape is None else tape.step(t, loop)


def loss(value: Any, t: int) -> Any:
    """Mark a scalar Var as the loss J_t of step t and return it; a plain number is returned as it is."""
    return value.tape.loss(value, t) if type(value) is Var else value
