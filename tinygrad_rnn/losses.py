"""Follow the loss of one step, a scalar line of its own or a row of what was read out of all steps together.

A row of `hs @ V + c` reads the state of its own step alone, though the line reads all of them: on the edges to the
others exact zeros come back. They are found here, and not followed, so that the sweep starts as in the loop.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .steps import Steps, differentiable
from .tape import Array, TapeError

Edge = tuple[int, int]  # a line and the number of its argument
Follow = Callable[[int, int, int], bool]


def of_loss(steps: Steps, s: int, array: Array) -> Array:
    """Of an array like the line that is marked for step s, what belongs to its loss: zeros in the rows of others."""
    if s not in steps.rows:
        return array
    own = np.zeros_like(array)
    own[steps.rows[s]] = array[steps.rows[s]]
    return own


def seed(steps: Steps, s: int) -> dict[int, Array]:
    """What a sweep starts from that follows the loss of step s alone: 1, or ones in its row."""
    line = steps.losses[s]
    return {line: of_loss(steps, s, np.ones_like(steps.tape.lines[line][4]))}


def loss_value(steps: Steps, s: int) -> float:
    """The loss of step s as a number."""
    value = steps.tape.lines[steps.losses[s]][4]
    return float(np.sum(value[steps.rows[s]])) if s in steps.rows else float(value)


def alone(steps: Steps, s: int, follow: Follow | None) -> Follow | None:
    """The edges to follow for the loss of step s: without those from the readout to other steps that bring zeros."""
    if s not in steps.rows:
        return follow
    reads = steps.readout
    own = _brought(steps, reads, seed(steps, s)) | {edge for edge, state in reads.items() if steps.of[state] == s}
    idle = reads.keys() - own
    return lambda child, k, parent: (child, k) not in idle and (follow is None or follow(child, k, parent))


def rows_read_other_blocks(steps: Steps, block: Callable[[int], int]) -> bool:
    """Whether a loss that is a row reads itself a state of another block of steps than its own.

    For every digit of the blocks' numbers, written in base two, rows that have a 1 there must bring exact zeros to
    states that have a 0, and the other way round.
    """
    reads = steps.readout
    for digit in range(max(map(block, steps.rows), default=0).bit_length()):
        for there in (0, 1):
            seeds: dict[int, Array] = {}
            for s in steps.rows:
                if block(s) >> digit & 1 == there:
                    for line, ones in seed(steps, s).items():  # not alike, so that nothing cancels
                        seeds[line] = seeds.get(line, 0.0) + ones * np.cos(1 + s)
            brought = _brought(steps, reads, seeds) if seeds else set()
            if any(block(steps.of[reads[edge]]) >> digit & 1 != there for edge in brought):
                return True
    return False


def _brought(steps: Steps, reads: dict[Edge, int], seeds: dict[int, Array]) -> set[Edge]:
    """The edges to states on which these seeds bring something, not only zeros."""
    found = set[Edge]()

    def outside(child: int, argument: int, parent: int) -> bool:
        return steps.of[child] < 0

    def note(child: int, argument: int, parent: int, contribution: Array) -> None:
        if (child, argument) in reads and np.any(contribution):
            found.add((child, argument))

    steps.tape.sweep(seeds, sorted(set(reads.values())), follow=outside, report=note)
    return found


def weight_of(steps: Steps, s: int, adjoint: Array | None) -> Array:
    """dL/dJ of the loss of step s, of what is dL by the line that is marked; 0 where that is None.

    Raises:
        TapeError: J is the sum of a row, and L does not weigh its numbers alike.
    """
    if adjoint is None:
        return np.zeros(())
    if s not in steps.rows:
        return adjoint
    own = np.ravel(adjoint[steps.rows[s]])
    if np.ptp(own) > 1000 * np.finfo(own.dtype).eps * np.max(np.abs(own)):
        spread = f"L weighs the numbers in its row by {np.min(own):.3g} to {np.max(own):.3g}"
        raise TapeError(f"the loss of step t = {steps.order[s][1]}: {spread}; mark values that are weighted already")
    return np.asarray(own[0])


def free_lines(steps: Steps) -> bytearray:
    """By line: does it depend on a leaf other than through a marked loss? A running total of the losses does not."""
    lines, depends, marked = steps.tape.lines, differentiable(steps.tape), set(steps.losses.values())
    free = bytearray(len(lines) + 1)  # the last stays 0, for parents −1
    for i, (fn, parents, *_) in enumerate(lines):
        free[i] = depends[i] and i not in marked and (fn == "var" or any(free[p] for p in parents))
    return free
