"""What belongs together in one step: straight spines for carried states, gates in a row, who is fed by a bus."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..reading.template import Edge, Template
from ..render import PictureError

# Where a bus starts: ("carry", role) is a state that arrives from the step before, ("node", role) a node of this step.
Source = tuple[str, int]
_LONGEST_SPINE = 6


@dataclass(frozen=True)
class Structure:
    """One step's template with the groups that its layout keeps together; it knows nothing of sizes or positions."""

    template: Template

    @cached_property
    def roles(self) -> tuple[int, ...]:
        """Roles of all drawn nodes, in program order."""
        return tuple(part.role for part in self.template.parts)

    @cached_property
    def kind(self) -> dict[int, str]:
        """What kind of node each role is."""
        return {part.role: part.kind for part in self.template.parts}

    @cached_property
    def inputs(self) -> frozenset[int]:
        """Roles that bring data into the step."""
        return frozenset(role for role in self.roles if self.kind[role] == "input")

    @cached_property
    def above(self) -> tuple[tuple[int, int], ...]:
        """(last of the forward pass, first of a recorded backward pass): pairs that let one stand on the other.

        None where a step itself goes on with a gradient: that stands among its lines.
        """
        recorded = {part.role for part in self.template.parts if part.recorded}
        if any(source in recorded and target not in recorded for source, target in self.links):
            return ()
        ends = [role for role in self.roles if role not in recorded and not set(self.targets[role]) - recorded]
        return tuple((a, b) for a in ends for b in self.roles if b in recorded and not set(self.sources[b]) & recorded)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Edges that get wires of their own; what comes out of the memory has a lane along all panels."""
        remembered = set(self.template.remembered)
        return tuple(e for e in self.template.edges if not e.lag or (e.source, e.target) not in remembered)

    @cached_property
    def links(self) -> tuple[tuple[int, int], ...]:
        """Edges inside the step as (source, target), sorted."""
        return tuple(sorted({(e.source, e.target) for e in self.edges if e.lag == 0}))

    @cached_property
    def sources(self) -> dict[int, tuple[int, ...]]:
        """For each role the roles that feed it inside the step."""
        return _grouped(self.roles, ((target, source) for source, target in self.links))

    @cached_property
    def targets(self) -> dict[int, tuple[int, ...]]:
        """For each role the roles that it feeds inside the step."""
        return _grouped(self.roles, self.links)

    @cached_property
    def depth(self) -> dict[int, int]:
        """Longest way from a role without sources."""
        depth: dict[int, int] = {}
        for role in _topological(self.roles, self.targets):
            depth[role] = 1 + max((depth[source] for source in self.sources[role]), default=0)
        if len(depth) < len(self.roles):
            raise PictureError(
                "the steps have no common layout: what feeds what differs from step to step; draw fewer steps, or the "
                "flow without its recorded backward pass"
            )
        return depth

    def consumers(self, role: int, lag: int) -> tuple[int, ...]:
        """Roles that read this state `lag` steps later."""
        return tuple(sorted({e.target for e in self.edges if (e.source, e.lag) == (role, lag)}))

    @cached_property
    def direction(self) -> dict[int, int]:
        """States that a neighbouring step reads: 1 where that is the next one, -1 where time runs backward."""
        near = {(e.source, e.lag) for e in self.edges if abs(e.lag) == 1}
        return dict(sorted(near))  # 1 comes last: a state that both neighbours read runs forward

    @cached_property
    def carried(self) -> tuple[int, ...]:
        """States that a neighbouring step reads, the deepest last."""
        return tuple(sorted(self.direction, key=lambda role: (self.depth[role], role)))

    def readers(self, state: int) -> tuple[int, ...]:
        """Roles that read a carried state in the step that it is carried to."""
        return self.consumers(state, self.direction[state])

    @cached_property
    def skips(self) -> tuple[tuple[int, int], ...]:
        """(state, lag) of states that steps further away read; a lag below 0 runs backward in time."""
        carries = sorted({(e.source, e.lag) for e in self.edges if e.lag})
        return tuple((role, lag) for role, lag in carries if lag != self.direction.get(role))

    @cached_property
    def spines(self) -> dict[int, tuple[int, ...]]:
        """For a carried state a path from its first reader to itself that can lie on one straight horizontal line.

        Such a path can share a rank when contracting it, and the spines chosen before, leaves the step without cycles.
        Shortest first. A spine never starts in one gate of several: that gate would land ranks away from its sisters.
        """
        chosen: dict[int, tuple[int, ...]] = {}
        group = {role: role for role in self.roles}
        found = []
        for state in self.carried:
            paths = [path for reader in self.readers(state) for path in self._paths(reader, state)]
            paths.sort(key=len)
            found.append((len(paths[0]) if paths else len(self.roles) + 1, state, paths))
        for _, state, paths in sorted(found, key=lambda entry: entry[:2]):
            gates = [role for role in self.readers(state) if self.kind[role] in ("affine", "product")]
            for path in paths:
                if set(path[:-1]) & set(self.carried):
                    continue  # another state could not leave the panel on this line
                if sum(self.kind[role] == "affine" for role in path) > 1 or len(path) > _LONGEST_SPINE:
                    continue  # side by side they would make the panel far wider than it is high
                if len(gates) > 1 and path[0] in gates or any(set(path) & set(other) for other in chosen.values()):
                    continue
                contracted = group | dict.fromkeys(path, state)
                if self._acyclic(contracted):
                    group, chosen[state] = contracted, path
                    break
        return chosen

    @cached_property
    def upward(self) -> tuple[int, ...]:
        """Carried states from the lowest line to the highest: no two share one; a spine lies below what it feeds."""
        targets = self._contracted(self._lines)
        names = sorted(targets, key=lambda role: (self.depth[role], role))
        order = {name: n for n, name in enumerate(_topological(names, targets))}
        return tuple(sorted(self.carried, key=lambda state: order[self._lines[state]]))

    @cached_property
    def _lines(self) -> dict[int, int]:
        """Each role's place in the step when every spine is one node, called by its state."""
        group = {role: role for role in self.roles}
        for state, path in self.spines.items():
            group.update(dict.fromkeys(path, state))
        return group

    def _contracted(self, group: Mapping[int, int]) -> dict[int, set[int]]:
        """What each group of roles feeds; a recorded backward pass stands on the forward pass."""
        targets: dict[int, set[int]] = {name: set() for name in sorted(set(group.values()))}
        for source, target in (*self.links, *self.above):
            if group[source] != group[target]:
                targets[group[source]].add(group[target])
        return targets

    def off_lines(self, late: bool) -> frozenset[tuple[int, int, bool]]:
        """(role, state, above): every node that nothing keeps off the line of a state, above or below it.

        Where a node comes early or `late` in the step decides; so the nodes above a line never feed one below it.
        """
        targets, lines = self._contracted(self._lines), set(map(self._lines.__getitem__, self.carried))
        sources = {name: {other for other in targets if name in targets[other]} for name in targets}
        onward, ahead = (sources, targets) if late else (targets, sources)
        level: dict[int, int] = {}
        for name in _topological(list(targets), onward):
            level[name] = 1 + max((level[other] for other in ahead[name]), default=0)
        found = set()
        for line in sorted(lines):
            free = set(targets) - {line} - _reached(line, targets) - _reached(line, sources)
            upper = {name for name in free if (level[name] >= level[line]) != late}
            found |= {(name, line, True) for name in upper if not sources[name] & upper}
            found |= {(name, line, False) for name in free - upper if not targets[name] & (free - upper)}
        return frozenset(found)

    @cached_property
    def on_spine(self) -> frozenset[int]:
        """All roles that lie on some spine."""
        return frozenset(role for path in self.spines.values() for role in path)

    @cached_property
    def spine_pairs(self) -> frozenset[tuple[int, int]]:
        """Links that run along a spine."""
        return frozenset(self.rightward)

    @cached_property
    def rightward(self) -> dict[tuple[int, int], int]:
        """Links that run along a spine: 1 where to the right, -1 where the spine runs backward in time."""
        found = {}
        for state, path in self.spines.items():
            found.update(dict.fromkeys(zip(path, path[1:], strict=False), self.direction[state]))
        return found

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Nodes to stand side by side: gates with the same sources, and three or more functions of one node."""
        groups: dict[tuple[str, frozenset[int], tuple[str, ...]], list[int]] = defaultdict(list)
        scopes = {part.role: part.scopes for part in self.template.parts}
        alone = [state for state in self.carried if state not in self.on_spine]
        for role in self.roles:
            feeding = frozenset(self.sources[role])
            if role in self.on_spine or role in alone[1:]:  # states have lines of their own: at most one stays in a row
                continue
            if self.kind[role] in ("affine", "product"):
                groups["gate", frozenset() if feeding <= self.inputs else feeding, scopes[role]].append(role)
            elif len(feeding) == 1 and self.kind[role] in ("op", "state"):
                groups["function", feeding, scopes[role]].append(role)
        first = [members for (what, feeding, _), members in groups.items() if what == "gate" and not feeding]
        rows = []
        for key, members in groups.items():
            if len(members) > (2 if key[0] == "function" else 1) or members in first:
                rows.append(tuple(members))
        return tuple(rows)

    @cached_property
    def main_row(self) -> tuple[int, ...]:
        """The longest row: its order is searched."""
        return max(self.rows, key=len, default=())

    @cached_property
    def entering(self) -> dict[int, tuple[int, ...]]:
        """For a carried state its readers off its own spine: reached by a trunk at the side where it comes in."""
        found = {}
        for state in sorted(self.carried):
            first = self.spines.get(state, (None,))[0]
            readers = tuple(role for role in self.readers(state) if role != first)
            if readers:
                found[state] = readers
        return found

    @cached_property
    def fans(self) -> dict[Source, tuple[int, ...]]:
        """Sources that feed several nodes at once, and so may get a bus, with the nodes they feed."""
        fans: dict[Source, tuple[int, ...]] = {("carry", state): readers for state, readers in self.entering.items()}
        for role in self.roles:
            if role in self.inputs:
                fans["node", role] = self.targets[role]
        for row in self.rows:
            for source in sorted(set.intersection(*(set(self.sources[role]) for role in row)) - self.inputs):
                if len(row) > 2:
                    fans["node", source] = row
        return fans

    def is_bussed(self, role: int) -> bool:
        """Whether this node stands in a row that a node of this step feeds by a bus: it needs room below."""
        return any(
            role in readers
            for (where, source), readers in self.fans.items()
            if where == "node" and source not in self.inputs
        )

    def _paths(self, start: int, end: int) -> list[tuple[int, ...]]:
        """Up to twenty paths, the shortest first."""
        waiting, found = deque[tuple[int, ...]]([(start,)]), list[tuple[int, ...]]()
        while waiting and len(found) < 20:
            path = waiting.popleft()
            if path[-1] == end:
                found.append(path)
            elif len(path) < 9:
                waiting.extend((*path, role) for role in self.targets[path[-1]] if role not in path)
        return found

    def _acyclic(self, group: Mapping[int, int]) -> bool:
        targets = self._contracted(group)
        return len(_topological(list(targets), targets)) == len(targets)


def _grouped(keys: Iterable[int], pairs: Iterable[tuple[int, int]]) -> dict[int, tuple[int, ...]]:
    lists: dict[int, list[int]] = {key: [] for key in keys}
    for key, value in pairs:
        lists[key].append(value)
    return {key: tuple(sorted(values)) for key, values in lists.items()}


def _reached(name: int, targets: Mapping[int, Iterable[int]]) -> set[int]:
    """All that can be reached from one name, itself left out."""
    found, waiting = set[int](), [name]
    while waiting:
        fresh = set(targets[waiting.pop()]) - found
        found |= fresh
        waiting += fresh
    return found


def _topological(names: Iterable[int], targets: Mapping[int, Iterable[int]]) -> list[int]:
    """Sources before targets; names on a cycle are left out."""
    names = list(names)
    waiting = dict.fromkeys(names, 0)
    for name in names:
        for target in targets[name]:
            waiting[target] += 1
    ready, order = deque(name for name in names if not waiting[name]), []
    while ready:
        name = ready.popleft()
        order.append(name)
        for target in sorted(targets[name]):
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return order
