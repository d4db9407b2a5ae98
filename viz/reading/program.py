"""Place every forward line of a tape: its step, its role, what carries it, and whether it belongs to the total loss.

The steps come from `tinygrad_rnn.find_steps`. A picture needs three things more, which are worked out here: the sum of
the losses after the loop (`total`), a readout that was written after the loop (it is drawn in the last step), and for
every recurrent argument the state and the lag that feed it, so that its initial state finds its place at the left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tinygrad_rnn import Flow
from tinygrad_rnn.lines import Backward

from . import words


@dataclass
class Program:
    """The lines of one recorded program and where each one stands; s counts steps from 0, -1 is outside of all."""

    flow: Flow
    order: list[tuple[str, Any]]  # (loop, t) of step s
    step: list[int]
    role: list[int]
    instances: dict[int, dict[int, int]]  # role -> {s: line}
    roles: list[int]  # in program order
    consumers: list[list[tuple[int, int]]]  # line -> (child, argument)
    differentiable: list[bool]  # does a var leaf lead to it
    marks: dict[int, int]  # loss line -> s
    total: set[int]  # lines that turn step losses (or states) into L, and are not drawn one by one
    fed: dict[tuple[int, int], tuple[int, int]]  # recurrent (role, argument) -> (state's role, lag)
    carried: set[int]  # roles of states
    initial: dict[tuple[int, int], int]  # (role, s < 0) -> line
    initial_of: dict[int, list[tuple[int, int]]]  # the same, by line
    notes: list[str]
    meaning: dict[int, Backward] = field(default_factory=dict)  # what the lines of a recorded backward pass are
    beside: bool = False  # that pass stands beside the gradient: the loss is not made of it

    @property
    def lines(self) -> list[Any]:
        """The tape's tuples (fn, parents, args, kw, value, scope, name)."""
        return self.flow.tape.lines

    def function(self, i: int) -> str:
        """The name of a line's function; "var" and "data" for leaves."""
        return words.function_name(self.lines[i][0])

    def parents(self, i: int) -> tuple[int, ...]:
        """The lines that a line's arguments come from."""
        parents: tuple[int, ...] = self.flow.tape.lines[i][1]
        return parents

    def typical(self, role: int) -> int:
        """A line of the role from the middle of the sequence, where no end disturbs."""
        steps = sorted(self.instances[role])
        return self.instances[role][steps[len(steps) // 2]]

    def name(self, role: int) -> str | None:
        """The name that a role's lines have in the user's program, if any."""
        for line in self.instances[role].values():
            found = self.flow.steps.name[line]
            if found:
                return str(found)
        return None

    def time(self, s: int) -> Any:
        """The label of step s, continued to the left for the steps before the first."""
        if s >= 0:
            return self.order[s][1]
        times = [t for loop, t in self.order if loop == self.order[0][0]]
        if not isinstance(times[0], int):
            return s + 1
        stride = times[1] - times[0] if len(times) > 1 and isinstance(times[1], int) else 1
        return times[0] + s * stride

    def upstream(self, roots: set[int]) -> set[int]:
        """Every line that leads to one of the roots, roots included."""
        found = set(roots)
        for i in range(max(roots, default=-1), -1, -1):
            if i in found:
                found.update(p for p in self.parents(i) if p >= 0)
        return found

    def downstream(self, roots: set[int]) -> set[int]:
        """Every line that one of the roots leads to, roots left out."""
        found: set[int] = set()
        for i in range(min(roots, default=len(self.step)), len(self.step)):
            if any(p in found or p in roots for p in self.parents(i)):
                found.add(i)
        return found

    def initial_state(self, child: int, k: int) -> tuple[int, int] | None:
        """The initial state (role, s < 0) that feeds argument k of a line, None where a line of its own does."""
        keys = self.initial_of.get(self.parents(child)[k])
        if keys is None:
            return None
        state = self.fed.get((self.role[child], k))
        wanted = (state[0], self.step[child] - state[1]) if state else None
        return wanted if wanted in keys else keys[0]


def place(flow: Flow, meaning: Mapping[int, Backward] | None = None) -> Program:
    """Read the steps of a flow's tape and complete them for drawing.

    `meaning` says what the lines of a recorded backward pass are, where they shall be drawn like any others.
    """
    tape, steps = flow.tape, flow.steps
    count = len(steps.of)  # what was recorded after the flow was taken is no part of it
    step = [-1 if i in tape.backward else int(steps.of[i]) for i in range(count)]
    role = [int(steps.role[i]) for i in range(count)]
    consumers: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    differentiable = [False] * count
    for i, line in enumerate(tape.lines[:count]):
        differentiable[i] = line[0] == "var" or any(p >= 0 and differentiable[p] for p in line[1])
        if i not in tape.backward:
            for k, p in enumerate(line[1]):
                if p >= 0:
                    consumers[p].append((i, k))
    program = Program(
        flow=flow, order=list(steps.order), step=step, role=role, instances={}, roles=list(steps.program),
        consumers=consumers, differentiable=differentiable, marks={}, total=set(), fed={}, carried=set(),
        initial={key: line for key, line in steps.initial.items() if key[1] < 0}, initial_of={}, notes=[],
        meaning=dict(meaning or {}),
    )  # fmt: skip
    program.beside = bool(meaning) and flow.loss not in program.downstream(set(program.meaning))
    _place_between(program)
    _mark_losses(program)
    program.total = _total(program)
    for r, lines in steps.lines.items():
        kept = {s: i for s, i in sorted(lines.items()) if i not in program.total and i not in tape.backward}
        if kept:
            program.instances[r] = kept
    program.roles = [r for r in program.roles if r in program.instances]
    _find_states(program)
    if not program.meaning and len(program.order) > 1 and not program.marks:
        read = {program.step[p] for i in program.total for p in program.parents(i) if p >= 0} - {-1}
        what = "the loss of each step is" if steps.losses else "the loss is"
        if len(read) > 1:
            told = f"{what} made of the states of all steps together, after the loop: drawn as part of L"
            mark = "" if steps.losses else "; tg.loss(values, range(1, T + 1)) marks row n as the loss of the n-th step"
            program.notes.append(told + mark)
    return program


def _place_between(program: Program) -> None:
    """What is made of steps between two loops, and read by the second, stands in the last step that it is made of."""
    inside = {i for i, s in enumerate(program.step) if s >= 0}
    for i in sorted((program.upstream(inside) & program.downstream(inside)) - inside):
        fresh, made_of = max(program.roles) + 1, [p for p in program.parents(i) if p >= 0 and program.step[p] >= 0]
        program.step[i], program.role[i] = max(program.step[p] for p in made_of), fresh
        program.roles.insert(max(program.roles.index(program.role[p]) for p in made_of) + 1, fresh)
        program.instances[fresh] = {program.step[i]: i}


def _mark_losses(program: Program) -> None:
    """Find the step losses; what was written after the loop and reads one step alone belongs to that step.

    That is each loss marked after the loop, or, where no loss is marked at all, L itself if it reads the last step.
    """
    steps, loss, last = program.flow.steps, program.flow.loss, len(program.order) - 1
    alone = {line: s for s, line in steps.losses.items() if s not in steps.rows}  # the rows of one line are part of L
    late = {line: s for line, s in alone.items() if program.step[line] < 0}
    program.marks = {line: s for line, s in alone.items() if line not in late}
    if program.meaning and not program.beside:
        return  # what is followed is made of gradients, not of these losses
    if not steps.losses and program.step[loss] >= 0:
        program.marks[loss] = program.step[loss]
    elif not steps.losses:
        late[loss] = last
    inside = {i for i, s in enumerate(program.step) if s >= 0}
    chains = {line: sorted(program.upstream({line}) & program.downstream(inside) - inside) for line in late}
    own = all(program.step[p] in (s, -1) for line, s in late.items() for i in chains[line] for p in program.parents(i))
    every = [i for chain in chains.values() for i in chain]
    if not own or not all(chains.values()) or len(every) > len(set(every)):
        return  # they read several steps, or each other's readout: all that is part of L
    roles: dict[tuple[int, str], int] = {}
    fresh = max(program.roles, default=-1) + 1
    for line, s in late.items():
        for n, i in enumerate(chains[line]):
            program.step[i], program.role[i] = s, roles.setdefault((n, program.function(i)), fresh + len(roles))
            program.instances.setdefault(program.role[i], {})[s] = i
        program.marks[line] = s
    program.roles += roles.values()
    if late:
        program.notes.append("what follows the loop is drawn in the step that it reads")


def _total(program: Program) -> set[int]:
    """The lines between the step losses and L, in a step or not, and all of a term that passes by the steps."""
    loss = program.flow.loss
    upstream = program.upstream({loss, *program.flow.seeds})
    to_marks = program.upstream(set(program.marks))
    inside = {i for i, s in enumerate(program.step) if s >= 0}
    to_steps = program.upstream(inside) - inside
    after_losses = program.downstream(set(program.marks))
    after_steps = program.downstream(inside)
    found = set()
    for i in upstream:
        if i in program.marks or (not program.parents(i) and program.step[i] >= 0):
            continue
        if program.step[i] >= 0:
            if i in after_losses and i not in to_marks:
                found.add(i)
        elif i in after_steps or i not in to_steps:
            if program.parents(i) or not program.differentiable[i]:
                found.add(i)
    return found


def _find_states(program: Program) -> None:
    """Which arguments another step feeds, which roles are states, and what stands for them before the first step."""
    step, role = program.step, program.role
    inside = [i for lines in program.instances.values() for i in lines.values()]
    states: set[int] = set()  # of a decoder's slot, fed by an encoder first, both states
    for i in sorted(inside):
        for k, p in enumerate(program.parents(i)):
            if p >= 0 and p not in program.total and 0 <= step[p] != step[i]:
                slot, state = (role[i], k), (role[p], step[i] - step[p])
                states.add(role[p])
                program.fed[slot] = min(program.fed.get(slot, state), state, key=lambda pair: abs(pair[1]))
    program.initial = {key: line for key, line in program.initial.items() if key[0] in program.instances}
    for i in sorted(inside):
        for k, p in enumerate(program.parents(i)):
            if p < 0 or (role[i], k) not in program.fed or (step[p] >= 0 and program.parents(p)):
                continue
            feeder, lag = program.fed[role[i], k]
            alone = all((role[c], n) in program.fed for c, n in program.consumers[p] if step[c] >= 0)
            if step[i] - lag < 0 and (step[p] < 0 or alone):
                program.initial.setdefault((feeder, step[i] - lag), p)
    for p in set(program.initial.values()):
        if step[p] >= 0:  # a leaf that was made inside the first step: h = np.zeros(n), met there for the first time
            program.instances[role[p]].pop(step[p], None)
            if not program.instances[role[p]]:
                del program.instances[role[p]]
                program.roles.remove(role[p])
            step[p] = -1
    program.carried = states | {state for state, _ in program.initial}
    program.carried &= set(program.instances)
    program.initial = {key: line for key, line in sorted(program.initial.items()) if key[0] in program.carried}
    for state_step, line in program.initial.items():
        program.initial_of.setdefault(line, []).append(state_step)
