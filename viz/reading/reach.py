"""Tell kinds of steps apart, and find what reads a state from further away than its carry reaches."""

from __future__ import annotations

import networkx as nx

Pair = tuple[int, int]


def kinds_of_steps(G: nx.MultiDiGraph, roles: list[int]) -> tuple[tuple[int, ...], ...]:
    """Roles in groups: two loops that share a role are of one kind."""
    loops: dict[int, set[str]] = {role: set() for role in roles}
    for key, node in G.nodes(data=True):
        if key[0] == "n" and node["role"] in loops:
            loops[node["role"]].add(node["loop"])
    groups: list[set[str]] = []
    for role in roles:
        together = [group for group in groups if group & loops[role]]
        merged = loops[role].union(*together)
        groups = [group for group in groups if group not in together] + [merged]
    order = sorted(groups, key=lambda group: min(n for n, role in enumerate(roles) if loops[role] <= group))
    return tuple(tuple(role for role in roles if loops[role] <= group) for group in order)


def far_reads(
    G: nx.MultiDiGraph, edges: set[tuple[int, int, int]], kinds: tuple[tuple[int, ...], ...]
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Pairs (state, state it stands in for) and (state, reader through the memory).

    A state of another kind of step stands in for an initial state where it is read in the next step only, by readers of
    one state that is not there yet. What else comes from another kind of step, or at varying lags, is remembered.
    """
    kind = {role: n for n, group in enumerate(kinds) for role in group}
    lags: dict[Pair, set[int]] = {}
    for source, lag, reader in sorted(edges):
        if lag:
            lags.setdefault((source, reader), set()).add(lag)
    foreign = {pair for pair in lags if kind[pair[0]] != kind[pair[1]]}
    stand_ins = []
    for source in sorted({source for source, target in foreign if lags[source, target] == {1}}):
        readers = {target for a, target in foreign if a == source and lags[a, target] == {1}}
        for state in sorted({a for a, b in lags if b in readers and (a, b) not in foreign}):
            own = {b for a, b in lags if a == state and 1 in lags[a, b] and (a, b) not in foreign}
            if readers <= own and not _meet(G, source, state, readers):
                stand_ins.append((source, state))
                foreign -= {(source, reader) for reader in readers}
                break
    varying = {pair for pair in lags if kind[pair[0]] == kind[pair[1]] and not _constant(G, *pair, lags[pair])}
    remembered = foreign | varying
    far = {(pair, lag) for pair in lags if pair not in remembered for lag in lags[pair] if abs(lag) > 1}
    for source in {source for (source, _), _ in far}:
        bundle = {pair for pair, _ in far if pair[0] == source}
        has_lane = any(state == source for state, _ in remembered)
        if has_lane or sum(pair[0] == source for pair, _ in far) > 1:  # rather one lane than a bundle of skips
            remembered = remembered | bundle
    return tuple(stand_ins), tuple(sorted(remembered))


def _reads(G: nx.MultiDiGraph, source: int, reader: int, s: int, lag: int) -> bool:
    return any(G.has_edge(f"{sort}{source}@{s - lag}", f"n{reader}@{s}") for sort in "ni")


def _meet(G: nx.MultiDiGraph, first: int, second: int, readers: set[int]) -> bool:
    """Whether in some step both states come in from the step before."""
    count = len(G.graph["steps"])
    return any(
        all(any(_reads(G, state, reader, s, 1) for reader in readers) for state in (first, second))
        for s in range(count)
    )


def _constant(G: nx.MultiDiGraph, source: int, reader: int, lags: set[int]) -> bool:
    """Whether the reader reads the state at all of these lags wherever they reach a step that has it.

    What reads everything that there is, or reads in one step only, has no constant lags: there the next step has more.
    """
    if len(lags) == 1:
        return True
    readers, full = 0, 0
    for s in range(len(G.graph["steps"])):
        if f"n{reader}@{s}" not in G:
            continue
        reads = [_reads(G, source, reader, s, lag) for lag in sorted(lags)]
        exists = [any(f"{sort}{source}@{s - lag}" in G for sort in "ni") for lag in sorted(lags)]
        if reads != exists:
            return False
        readers, full = readers + 1, full + all(reads)
    return readers > 1 and (full > 1 or len(lags) == 2)
