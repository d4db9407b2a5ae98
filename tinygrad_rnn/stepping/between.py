"""Give what is computed between two steps, out of the one and for the other, to the step that it comes from.

    with tg.step(t):
        h = np.tanh(W @ h)
    h = h / np.linalg.norm(h)        # a line of step t: a later step reads it

What no step reads (a readout after the loop, the sum of the losses) stays outside, as does what no gradient connects to
a step (a weight that is masked before the loop).
"""

from __future__ import annotations

import numpy as np

from ..tape import Tape
from .reads import Reads


def give_to_steps(tape: Tape, of: list[int], everything: Reads, depends: bytearray) -> None:
    """Write the step of every such line into `of`, the step of every line, which is −1 outside.

    Args:
        tape: what was recorded.
        of: by line: its step, by its scope.
        everything: what all lines read.
        depends: by line: does it depend on a differentiable leaf?
    """
    step, lines = np.array(of, np.int64), tape.lines
    read = everything.parent[(step[everything.line] >= 0) & (step[everything.parent] < 0)]
    waiting, seen = np.unique(read).tolist(), set[int]()
    while waiting:
        i = waiting.pop()
        if i not in seen and lines[i][1] and i not in tape.backward:
            seen.add(i)
            waiting += [p for p in lines[i][1] if p >= 0 and of[p] < 0]
    for i in sorted(seen):
        of[i] = max([of[p] for p in lines[i][1] if p >= 0 and depends[p]], default=-1)
