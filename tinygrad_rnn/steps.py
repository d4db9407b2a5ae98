"""Find the time steps of a tape: the step and role of every line, carries, initial states, weights, losses, names.

The one place that works out the structure of an unrolled program. Pictures, contribution tables, printed tapes and
truncation read it, and none of them matches graphs itself.
"""

from __future__ import annotations

import ast
import difflib
import linecache
import re
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

from .errors import Scope, TapeError
from .guard import Place
from .tape import Tape
from .var import getitem

Frame = tuple[str, int]
Slot = tuple[int, int]  # a role and the number of its argument
Read = tuple[int, int, int]  # a line, the number of an argument, and the line that it reads there
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
    initial: dict[tuple[int, int], int]  # (role, s < 0) -> the outside line that stands for that state
    carries: tuple[tuple[int, int], ...]  # (role, lag ≠ 0) of every state that a later step uses
    recurrent: frozenset[Slot]  # argument slots that an earlier step feeds
    losses: dict[int, int]  # s -> the line marked as that step's loss

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
    lines, n = tape.lines, len(tape.lines)
    order, of = _order(tape)
    by_step: list[list[int]] = [[] for _ in order]
    for i, s in enumerate(of):
        if s >= 0:
            by_step[s].append(i)
    loops = [loop for loop, _ in order]
    names = _names(tape, of)

    # Without weights in the key first: h0, used at t = 1 and with a skip at t = 2, would look like a shared weight.
    known = _names_in_any_step(tape, of, list(order))
    role, _ = _align(by_step, lambda i: (loops[of[i]], lines[i][0], _source(tape, i), known.get(i)))
    between, outside, own = _reads(tape, of, role)
    slots = _slots(between, of, role)
    if _move_out(own, of, role, by_step, slots):
        between, outside, _ = _reads(tape, of, role)
    _named_states(tape, of, role, names, order, slots, outside)
    states = {p for i, k, p in outside if (role[i], k) in slots}
    depends = differentiable(tape)
    users: dict[int, set[int]] = defaultdict(set)
    for i, _, p in outside:
        users[p].add(of[i])
    common = {p for p, steps in users.items() if len(steps) > 1 and depends[p] and p not in states}

    def key(i: int) -> Hashable:  # what one step alone uses is that step's own, not what its role is known by
        line = lines[i]
        leaves = tuple([p for p in line[1] if p in common])
        return loops[of[i]], line[0], _source(tape, i), known.get(i), leaves

    role, program = _align(by_step, key)
    slots = _slots(between, of, role)
    _named_states(tape, of, role, names, order, slots, outside)
    placed: dict[int, dict[int, int]] = defaultdict(dict)
    for i, r in role.items():
        placed[r][of[i]] = i
    initial = _initial(outside, of, role, slots)
    states = set(initial.values())
    for (r, _), p in initial.items():  # where no statement named a state, its first value does: h0, h_0 -> h
        if names[p]:
            state = STATE.fullmatch(names[p] or "")
            stem = state[1] if state else names[p]
            for i in placed[r].values():
                names[i] = names[i] or stem
    inputs = _sequences(tape, of, outside) | _one_a_step(tape, role, users, states, outside)
    inputs |= _states_by_letter(tape, users, states)
    shared = tuple(sorted(p for p in users if depends[p] and p not in states and p not in inputs))
    consumed = {p for i, line in enumerate(lines) if i not in tape.backward for p in line[1]}
    weights = tuple(
        i
        for i in range(n)
        if lines[i][0] == "var" and i in consumed and i not in states and i not in inputs and i not in tape.backward
    )
    return Steps(
        tape=tape,
        order=tuple(order),
        of=tuple(of),
        role=tuple(role.get(i, -1) for i in range(n)),
        name=tuple(names),
        program=tuple(program),
        lines=dict(placed),
        shared=shared,
        weights=weights,
        inputs=inputs,
        initial=initial,
        carries=tuple(sorted({feed for feeds in slots.values() for feed in feeds})),
        recurrent=frozenset(slots),
        losses=_losses(tape, order),
    )


def _order(tape: Tape) -> tuple[dict[Frame, int], list[int]]:
    """Every step in order of first appearance, and the step of every line."""
    order: dict[Frame, int] = {}
    of, known = [-1] * len(tape.lines), dict[Scope, int]()
    for i, (_, _, _, _, _, scope, _) in enumerate(tape.lines):
        if scope and i not in tape.backward:
            s = known.get(scope)
            if s is None:  # asked once for all lines of a step
                frame = step_frame(scope)
                s = known[scope] = -1 if frame is None else order.setdefault(frame, len(order))
            of[i] = s
    return order, of


def _names_in_any_step(tape: Tape, of: list[int], order: list[Frame]) -> dict[int, str]:
    """By line, the name it was given, without its step's own number: x[3] in step 3 and x[4] in step 4 are one role."""
    found = {}
    for i, line in enumerate(tape.lines):
        name = line[6]
        if name is not None:
            ends = (f"[{order[of[i]][1]}]", f"_{order[of[i]][1]}") if of[i] >= 0 else ()
            found[i] = next((name.removesuffix(end) for end in ends if name.endswith(end)), name)
    return found


def step_frame(scope: Scope) -> Frame | None:
    """The frame of a scope that is its time step: the one of loop "time", else the outermost with a number."""
    numbered = [(loop, t) for loop, t in scope if t is not None]
    return next((f for f in numbered if f[0] == "time"), numbered[0] if numbered else None)


def _align(by_step: list[list[int]], key: Callable[[int], Hashable]) -> tuple[dict[int, int], list[int]]:
    """Give the same number to the same line in every step: each step is aligned with the union of those before it."""
    union: list[tuple[int, Hashable]] = []
    known: dict[tuple[Hashable, ...], list[int]] = {}
    role: dict[int, int] = {}
    fresh = 0
    for members in by_step:
        keys = tuple(key(i) for i in members)
        numbers = known.get(keys)
        if numbers is None:
            numbers, merged = [], []
            matcher = difflib.SequenceMatcher(None, [k for _, k in union], list(keys), autojunk=False)
            for tag, a0, a1, b0, b1 in matcher.get_opcodes():
                merged += union[a0:a1]
                if tag == "equal":
                    numbers += [r for r, _ in union[a0:a1]]
                else:
                    new = [(fresh + k, keys[b]) for k, b in enumerate(range(b0, b1))]
                    fresh += len(new)
                    merged += new
                    numbers += [r for r, _ in new]
            if len(merged) != len(union):
                known.clear()  # the union grew: what was aligned with the old one is aligned anew when it comes again
            union = merged
            known[keys] = numbers
        role.update(zip(members, numbers, strict=True))
    return role, [r for r, _ in union]


def _reads(tape: Tape, of: list[int], role: dict[int, int]) -> tuple[list[Read], list[Read], list[Read]]:
    """What lines in steps read from other steps, from outside of all steps, and as leaves of their own step."""
    between, outside, own, lines = list[Read](), list[Read](), list[Read](), tape.lines
    for i in role:
        s = of[i]
        for k, p in enumerate(lines[i][1]):
            if p >= 0:
                if of[p] < 0:
                    outside.append((i, k, p))
                elif of[p] != s:
                    between.append((i, k, p))
                elif not lines[p][1]:
                    own.append((i, k, p))
    return between, outside, own


def _slots(between: list[Read], of: list[int], role: dict[int, int]) -> Slots:
    """Recurrent argument slots: which role of another step feeds them, at what lag."""
    slots: Slots = defaultdict(set)
    for i, k, p in between:
        slots[role[i], k].add((role[p], of[i] - of[p]))
    return dict(slots)


def _move_out(
    own: list[Read], of: list[int], role: dict[int, int], by_step: list[list[int]], slots: Slots
) -> bool:
    """A plain array that starts a state is met inside step 1; it belongs before it. Says whether there was one."""
    found = {p for i, k, p in own if (role[i], k) in slots}
    for p in found:
        by_step[of[p]].remove(p)
        of[p] = -1
        del role[p]
    return bool(found)


def _named_states(
    tape: Tape,
    of: list[int],
    role: dict[int, int],
    names: list[str | None],
    order: dict[Frame, int],
    slots: Slots,
    outside: list[Read],
) -> None:
    """Where too few steps are recorded for a state to recur, names tell: h0 and h[-1] are h before the first step."""
    named = {p for p in {p for _, _, p in outside} if STATE.fullmatch(names[p] or "")}
    asked = {(role[i], k) for i, k, p in outside if p in named} - slots.keys()
    if not asked:
        return
    first = {loop: t for loop, t in reversed(order)}
    frames = list(order)
    last = {names[i]: i for i in sorted(role)}
    fed: dict[Slot, set[tuple[int, int] | None]] = defaultdict(set)
    for i, r in role.items():
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


def _initial(outside: list[Read], of: list[int], role: dict[int, int], slots: Slots) -> dict[tuple[int, int], int]:
    initial = {}
    for i, k, p in outside:
        for source, lag in slots.get((role[i], k), ()):
            if of[i] - lag < 0:
                initial[source, of[i] - lag] = p
    return dict(sorted(initial.items()))


def differentiable(tape: Tape) -> bytearray:
    """By line: does it depend on a differentiable leaf?"""
    depends = bytearray(len(tape.lines) + 1)  # the last stays 0, for parents −1
    for i, (fn, parents, *_) in enumerate(tape.lines):
        if fn == "var":
            depends[i] = 1
        for p in parents:
            if depends[p]:
                depends[i] = 1
                break
    return depends


def _sequences(tape: Tape, of: list[int], outside: list[Read]) -> frozenset[int]:
    """Outside arrays that step s reads at entry s, or at entry last − s: sequences of inputs, not weights."""
    taken: dict[int, list[tuple[int, int] | None]] = defaultdict(list)
    for i, k, p in outside:
        fn, _, args, *_ = tape.lines[i]
        entry = args[1] if fn is getitem and k == 0 and len(args) > 1 else None
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


def _one_a_step(
    tape: Tape, role: dict[int, int], users: dict[int, set[int]], states: set[int], outside: list[Read]
) -> frozenset[int]:
    """Outside leaves of which every step has its own in the same place: inputs, given one by one."""
    given: dict[Slot, set[int]] = defaultdict(set)
    for i, k, p in outside:
        if not tape.lines[p][1] and p not in states:
            given[role[i], k].add(p)
    return frozenset(
        p for leaves in given.values() if len(leaves) > 1 for p in leaves if all(len(users[q]) == 1 for q in leaves)
    )


def _states_by_letter(tape: Tape, users: dict[int, set[int]], states: set[int]) -> frozenset[int]:
    """Leaves that one step alone reads and whose name says state, h0 or c_0: no recurrence showed them, as at T = 1."""
    named = {p: STATE.fullmatch(tape.lines[p][6] or "") for p in users if not tape.lines[p][1] and p not in states}
    return frozenset(p for p, state in named.items() if state and state[1] in LETTERS and len(users[p]) == 1)


def _losses(tape: Tape, order: dict[Frame, int]) -> dict[int, int]:
    losses = {}
    for line, scope, t in tape.losses:
        frame = step_frame(scope) or next((f for f in order if f[1] == t), None)
        if frame in order:
            if order[frame] in losses:
                raise TapeError(f"step t = {t} has two marked losses; mark their sum")
            losses[order[frame]] = line
    return losses


def _source(tape: Tape, i: int) -> Place | None:
    return tape.source[i] if tape.checked else None


def _names(tape: Tape, of: list[int]) -> list[str | None]:
    """A leaf's own name; else the last line that the statement `name = …` recorded is called name (checked tapes).

    A statement goes on while its instructions advance; that they start again means that it is executed again, as in a
    loop over layers. Between two lines of a statement others may stand, of the functions that it calls.
    """
    names = [line[6] for line in tape.lines]
    later: dict[
        tuple[str, int, int], tuple[int, int]
    ] = {}  # statement and step -> the next line of it, its instruction
    for i in range(len(tape.source) - 1, -1, -1):
        file, number, instruction, function = tape.source[i]
        start, name = _statements(file).get(number, (number, None))
        if i in tape.backward or (function.startswith("<") and function != "<module>"):
            continue  # a line of a recorded sweep; a comprehension or a lambda inside the statement
        following, offset = later.get((file, start, of[i]), (i, -1))
        goes_on = offset > instruction or (offset == instruction and following == i + 1)
        if names[i] is None and not goes_on:
            names[i] = name
        later[file, start, of[i]] = i, instruction
    return names


@lru_cache(maxsize=256)
def _statements(file: str) -> dict[int, tuple[int, str | None]]:
    """By line of a source file: where its statement starts, and the one name that the statement assigns, if any."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, tuple[int, str | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign | ast.AugAssign)
                else []
            )
            name = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[number] = (node.lineno, name)
    return found
