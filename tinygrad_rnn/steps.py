"""Find the time steps of a tape: the step and role of every line, carries, initial states, weights, losses, names.

The one place that works out the structure of an unrolled program. Pictures, contribution tables, printed tapes and
truncation read it, and none of them matches graphs itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import count, repeat

from .errors import Scope
from .guard import Place
from .marks import Frame, losses_by_step, step_frame
from .stepping.assigned import assigned_names
from .stepping.between import give_to_steps
from .stepping.reads import Read, Reads, reads, sorted_out
from .stepping.roles import aligned, numbered
from .tape import Tape
from .var import getitem

Slot = tuple[int, int]  # a role and the number of its argument
Slots = dict[Slot, set[tuple[int, int]]]  # argument slots that another step feeds: by which role, at what lag
STATE = re.compile(
    r"(\w+?)(?:_?(0)|\[(-?\d+)\])"
)  # a leaf that names itself a state before the first step: h0, h_0, h[-1]
LETTERS = frozenset("hcs")  # what states are called; b0 and W0 may be weights of a layer


@dataclass(frozen=True)
class Steps:
    """The structure of a tape's forward lines. s is a position in `order`, counted from 0; outside every step it is −1.

    A role is the same operation in every step: it has the same number there. Lines of a tracked sweep have no step.
    """

    tape: Tape
    order: tuple[Frame, ...]  # (loop, t) of every step, in order of first appearance
    of: tuple[int, ...]  # by line: its step s
    role: tuple[int, ...]  # by line: its role, −1 outside every step
    name: tuple[str | None, ...]  # by line: the leaf's name, or the variable that the user's statement assigned
    program: tuple[int, ...]  # roles in program order, the union over all steps
    lines: dict[int, dict[int, int]]  # role -> {s: line}
    shared: tuple[
        int, ...
    ]  # differentiable values made outside the steps that steps use: leaves, or computed from them
    weights: tuple[int, ...]  # differentiable leaves that are neither initial states nor sequences of inputs
    inputs: frozenset[
        int
    ]  # outside arrays of which step s takes entry s, such as x in x[t], and leaves of one step each
    initial: dict[
        tuple[int, int], int
    ]  # (role, s) -> the outside line that stands for that state at s, before the first step of its loop
    carries: tuple[tuple[int, int], ...]  # (role, lag ≠ 0) of every state that a later step uses
    recurrent: frozenset[Slot]  # argument slots that an earlier step feeds
    losses: dict[int, int]  # s -> the line marked as that step's loss
    rows: dict[int, int]  # s -> which row of that line it is, where the losses of several steps are one line

    @cached_property
    def readout(self) -> dict[Slot, int]:
        """The edges (child, argument) by which the losses that are rows of one line read states: the state's line.

        The children stand outside the steps, between the states and the marked line.
        """
        lines, starts, found = self.tape.lines, frozenset(self.initial.values()), dict[Slot, int]()
        waiting = list({self.losses[s] for s in self.rows})
        seen = set(waiting)
        while waiting:
            child = waiting.pop()
            for k, p in enumerate(lines[child][1]):
                if p >= 0 and (self.of[p] >= 0 or p in starts):
                    found[child, k] = p
                elif p >= 0 and p not in seen:
                    seen.add(p)
                    waiting.append(p)
        return found

    def is_carry(self, child: int, argument: int) -> bool:
        """Does this argument of a line come from another step, or from an initial state?"""
        p, s = self.tape.lines[child][1][argument], self.of[child]
        if p < 0 or s < 0:
            return False
        return (self.of[p] >= 0 and self.of[p] != s) or (
            self.of[p] < 0 and (self.role[child], argument) in self.recurrent
        )

    def label(self, line: int) -> str | None:
        """`h[3]` for the line that is called h in step t = 3, `W` for an outside one, None where there is no name."""
        name, s = self.name[line], self.of[line]
        return f"{name}[{self.order[s][1]}]" if name and s >= 0 else name


def find_steps(tape: Tape) -> Steps:
    """Read the structure of a tape: steps by their scopes, roles by aligning the steps, the rest by who uses whom."""
    order, of = _order(tape)
    everything, depends = reads(tape), differentiable(tape)
    give_to_steps(tape, of, everything, depends)
    by_step: list[list[int]] = [[] for _ in order]
    for i, s in enumerate(of):
        if s >= 0:
            by_step[s].append(i)
    names = assigned_names(tape, [[i for i, s in enumerate(of) if s < 0 and i not in tape.backward], *by_step])

    # Without weights in the key first: h0, used at t = 1 and with a skip at t = 2, would look like a shared weight.
    keys = _keys(tape, of, list(order))
    role, _ = aligned(by_step, keys)
    between, outside, own = sorted_out(everything, of)
    slots = _slots(between, of, role)
    if _move_out(own, of, role, by_step, slots):
        between, outside, _ = sorted_out(everything, of)
    _named_states(tape, of, role, names, order, slots, outside)
    states = {p for r, k, p in outside.kinds(role) if (r, k) in slots}
    in_many = outside.in_many(of)

    role, program = aligned(by_step, _with_leaves(keys, outside, {p for p in in_many if depends[p]} - states))
    slots = _slots(between, of, role)
    _named_states(tape, of, role, names, order, slots, outside)
    placed: dict[int, dict[int, int]] = defaultdict(dict)
    for s, members in enumerate(by_step):
        for i in members:
            placed[role[i]][s] = i
    kinds, users = outside.kinds(role), outside.parents()
    initial = _initial(outside.of({p for r, k, p in kinds if (r, k) in slots}), of, role, slots, list(order))
    states = set(initial.values())
    for (r, _), p in initial.items():  # where no statement named a state, its first value does: h0, h_0 -> h
        if names[p]:
            state = STATE.fullmatch(names[p] or "")
            stem = state[1] if state else names[p]
            for i in placed[r].values():
                names[i] = names[i] or stem
    inputs = _sequences(tape, of, outside, kinds, placed) | _one_a_step(tape, kinds, states, in_many)
    inputs |= _states_by_letter(tape, users - in_many - states)
    used = everything.parents() - states - inputs
    losses, rows = losses_by_step(tape.losses, tape.lines, order)
    return Steps(
        tape=tape,
        order=tuple(order),
        of=tuple(of),
        role=tuple(role),
        name=tuple(names),
        program=tuple(program),
        lines=dict(placed),
        shared=tuple(sorted(p for p in users - states - inputs if depends[p])),
        weights=tuple(sorted(p for p in used if tape.lines[p][0] == "var" and p not in tape.backward)),
        inputs=inputs,
        initial=initial,
        carries=tuple(sorted({feed for feeds in slots.values() for feed in feeds})),
        recurrent=frozenset(slots),
        losses=losses,
        rows=rows,
    )


def _order(tape: Tape) -> tuple[dict[Frame, int], list[int]]:
    """Every step in order of first appearance, and the step of every line."""
    order: dict[Frame, int] = {}
    of, known = [-1] * len(tape.lines), dict[Scope, int]()
    s, last = -1, Scope()
    for i, line in enumerate(tape.lines):
        scope = line[5]
        if scope and i not in tape.backward:
            if scope is not last:  # asked once for all lines of a step
                s, last = known.get(scope, -2), scope
                if s == -2:
                    frame = step_frame(scope)
                    s = known[scope] = -1 if frame is None else order.setdefault(frame, len(order))
            of[i] = s
    return order, of


def _keys(tape: Tape, of: list[int], order: list[Frame]) -> list[int]:
    """By line, what its role is known by: its loop, its function, where the user wrote it, and its name."""
    loops = [*(loop for loop, _ in order), ""]
    places: Iterable[Place | None] = tape.source if tape.checked else repeat(None)
    fns, names = (line[0] for line in tape.lines), _names_in_any_step(tape, of, order)
    return numbered(zip([loops[s] for s in of], fns, places, names, strict=False))


def _names_in_any_step(tape: Tape, of: list[int], order: list[Frame]) -> list[str | None]:
    """By line, the name it was given, without its step's own number: x[3] in step 3 and x[4] in step 4 are one role."""
    names = [line[6] for line in tape.lines]
    for i, name in enumerate(names):
        if name is not None and of[i] >= 0:
            ends = (f"[{order[of[i]][1]}]", f"_{order[of[i]][1]}")
            names[i] = next((name.removesuffix(end) for end in ends if name.endswith(end)), name)
    return names


def _with_leaves(keys: list[int], outside: Reads, common: set[int]) -> list[int]:
    """The same keys, but others for lines that read different weights."""
    fresh: defaultdict[tuple[int, int], int] = defaultdict(count(len(keys)).__next__)
    found = list(keys)
    for i, _, p in outside.of(common):
        found[i] = fresh[found[i], p]
    return found


def _slots(between: Reads, of: list[int], role: list[int]) -> Slots:
    """Recurrent argument slots: which role of another step feeds them, at what lag."""
    slots: Slots = defaultdict(set)
    for reader, k, source, lag in between.feeds(of, role):
        slots[reader, k].add((source, lag))
    return dict(slots)


def _move_out(own: Reads, of: list[int], role: list[int], by_step: list[list[int]], slots: Slots) -> bool:
    """A plain array that starts a state is met inside step 1; it belongs before it. Says whether there was one."""
    found = {p for r, k, p in own.kinds(role) if (r, k) in slots}
    for p in found:
        by_step[of[p]].remove(p)
        of[p] = -1
        role[p] = -1
    return bool(found)


def _named_states(
    tape: Tape,
    of: list[int],
    role: list[int],
    names: list[str | None],
    order: dict[Frame, int],
    slots: Slots,
    outside: Reads,
) -> None:
    """Where too few steps are recorded for a state to recur, names tell: h0 and h[-1] are h before the first step."""
    named = {p for p in outside.parents() if STATE.fullmatch(names[p] or "")}
    asked = {(role[i], k) for i, k, _ in outside.of(named)} - slots.keys()
    if not asked:
        return
    first = {loop: t for loop, t in reversed(order)}
    frames = list(order)
    last = {names[i]: i for i, r in enumerate(role) if r >= 0}
    fed: dict[Slot, set[tuple[int, int] | None]] = defaultdict(set)
    for i, r in enumerate(role):
        for k, p in enumerate(tape.lines[i][1]):
            if p >= 0 and (r, k) in asked:
                state = STATE.fullmatch(names[p] or "") if of[p] < 0 else None
                heir = last.get(state[1], -1) if state else -1
                loop = frames[of[i]][0]
                lag = of[i] - (int(state[2] or state[3]) - first[loop]) if state else 0
                fed[r, k].add((role[heir], lag) if heir >= i and lag > of[i] else None)
    for slot, feeds in fed.items():
        feed = next(iter(feeds))
        if len(feeds) == 1 and feed is not None:
            slots[slot] = {feed}


def _initial(
    outside: Iterable[Read], of: list[int], role: list[int], slots: Slots, frames: list[Frame]
) -> dict[tuple[int, int], int]:
    """What stands for a state before the first step of the loop that reads it."""
    initial = {}
    first = {loop: s for s, (loop, _) in reversed(list(enumerate(frames)))}
    for i, k, p in outside:
        for source, lag in slots.get((role[i], k), ()):
            if of[i] - lag < first[frames[of[i]][0]]:
                initial[source, of[i] - lag] = p
    return dict(sorted(initial.items()))


def differentiable(tape: Tape) -> bytearray:
    """By line: does it depend on a differentiable leaf?"""
    depends = bytearray(len(tape.lines) + 1)  # the last stays 0, for parents −1
    for i, line in enumerate(tape.lines):
        for p in line[1]:
            if depends[p]:
                depends[i] = 1
                break
        else:
            depends[i] = line[0] == "var"
    return depends


def _sequences(
    tape: Tape, of: list[int], outside: Reads, kinds: set[Read], placed: dict[int, dict[int, int]]
) -> frozenset[int]:
    """Outside arrays that step s reads at entry s, or at entry last − s: sequences of inputs, not weights."""
    indexing = {r for r, instances in placed.items() if tape.lines[next(iter(instances.values()))][0] is getitem}
    whole = {p for r, k, p in kinds if k or r not in indexing}  # read by something else, too
    taken: dict[int, list[tuple[int, int] | None]] = defaultdict(list)
    for i, _, p in outside.of({p for _, _, p in kinds} - whole):
        args = tape.lines[i][2]
        entry = args[1] if len(args) > 1 else None
        taken[p].append((of[i], int(entry)) if isinstance(entry, int) else None)
    found = set()
    for p, uses in taken.items():
        pairs = [u for u in uses if u is not None]
        length = len(tape.lines[p][4]) if getattr(tape.lines[p][4], "ndim", 0) else 0
        if pairs and len(pairs) == len(uses):
            forward = len({e % length - s for s, e in pairs}) == 1
            reverse = len({e % length + s for s, e in pairs}) == 1
            if (forward or reverse) and (len(pairs) > 1 or length == 1):
                found.add(p)
    return frozenset(found)


def _one_a_step(tape: Tape, kinds: set[Read], states: set[int], in_many: set[int]) -> frozenset[int]:
    """Outside leaves of which every step has its own in the same place: inputs, given one by one."""
    given: dict[Slot, set[int]] = defaultdict(set)
    for r, k, p in kinds:
        if not tape.lines[p][1] and p not in states:
            given[r, k].add(p)
    return frozenset(p for leaves in given.values() if len(leaves) > 1 and not leaves & in_many for p in leaves)


def _states_by_letter(tape: Tape, alone: set[int]) -> frozenset[int]:
    """Leaves that one step alone reads and whose name says state, h0 or c_0: no recurrence showed them, as at T = 1."""
    named = {p: STATE.fullmatch(tape.lines[p][6] or "") for p in alone if not tape.lines[p][1]}
    return frozenset(p for p, state in named.items() if state and state[1] in LETTERS)
