"""The same work given to engines of automatic differentiation: each records the single steps anew every time.

Every engine runs the program in two forms that users write: the readout and its loss inside the loop over time, or
after the loop, on all states stacked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_rnn as tg
from benchmarks.by_hand import Result
from benchmarks.work import NAMES, Work


def tape(work: Work, *, after: bool) -> Callable[[], Result]:
    """This project's tape, unchecked."""
    X, Y, T, B = work.X, work.Y, work.size.T, work.size.B

    def run() -> Result:
        record = tg.Tape()
        U, W, V, b, c = leaves = [record.var(value, name) for name, value in work.parameters.items()]
        h, states, total = work.h0, [], 0.0
        for t in range(T):
            h = np.tanh(X[t] @ U + h @ W + b)
            if after:
                states.append(h)
            else:
                total = total + tg.softmax_cross_entropy(h @ V + c, Y[t]).sum()
        if after:
            total = tg.softmax_cross_entropy(np.stack(states) @ V + c, Y).sum()
        loss = total / (T * B)
        return float(loss.value), dict(zip(NAMES, record.grad(loss, leaves), strict=True))

    return run


def pytorch(work: Work, *, after: bool) -> Callable[[], Result]:
    """PyTorch, eager, one operation at a time."""
    import torch

    torch.set_num_threads(1)
    X, Y, h0 = torch.from_numpy(work.X), torch.from_numpy(work.Y), torch.from_numpy(work.h0)
    leaves = [torch.from_numpy(value.copy()).requires_grad_() for value in work.parameters.values()]
    T, B, K = work.size.T, work.size.B, work.size.K
    cross_entropy = torch.nn.functional.cross_entropy

    def run() -> Result:
        U, W, V, b, c = leaves
        h, states, total = h0, [], 0.0
        for t in range(T):
            h = torch.tanh(X[t] @ U + h @ W + b)
            if after:
                states.append(h)
            else:
                total = total + cross_entropy(h @ V + c, Y[t], reduction="sum")
        if after:
            logits = torch.stack(states) @ V + c
            total = cross_entropy(logits.reshape(T * B, K), Y.reshape(T * B), reduction="sum")
        loss = total / (T * B)
        gradients = torch.autograd.grad(loss, leaves)
        return loss.item(), {name: g.numpy() for name, g in zip(NAMES, gradients, strict=True)}

    return run


def hips_autograd(work: Work, *, after: bool) -> Callable[[], Result]:
    """HIPS autograd through its own NumPy."""
    import autograd
    import autograd.numpy as anp

    X, Y, T, B, K = work.X, work.Y, work.size.T, work.size.B, work.size.K

    def cross_entropy(logits: Any, classes: Any) -> Any:
        logits = logits - anp.max(logits, axis=-1, keepdims=True)
        log_sum = anp.log(anp.sum(anp.exp(logits), axis=-1))
        return anp.sum(log_sum - logits[np.arange(len(classes)), classes])

    def loss(leaves: tuple[Any, ...]) -> Any:
        U, W, V, b, c = leaves
        h, states, total = work.h0, [], 0.0
        for t in range(T):
            h = anp.tanh(X[t] @ U + h @ W + b)
            if after:
                states.append(h)
            else:
                total = total + cross_entropy(h @ V + c, Y[t])
        if after:
            logits = anp.stack(states) @ V + c
            total = cross_entropy(anp.reshape(logits, (T * B, K)), Y.reshape(T * B))
        return total / (T * B)

    value_and_grad = autograd.value_and_grad(loss)
    leaves = tuple(work.parameters.values())

    def run() -> Result:
        value, gradients = value_and_grad(leaves)
        return float(value), dict(zip(NAMES, gradients, strict=True))

    return run


def mygrad(work: Work, *, after: bool) -> Callable[[], Result]:
    """MyGrad with its locks on memory switched off, which is its fast setting."""
    import mygrad as mg
    from mygrad.nnet.losses import softmax_crossentropy

    mg.turn_memory_guarding_off()
    X, Y, T, B, K = work.X, work.Y, work.size.T, work.size.B, work.size.K

    def run() -> Result:
        leaves = [mg.tensor(value) for value in work.parameters.values()]
        U, W, V, b, c = leaves
        h, states, total = work.h0, [], 0.0
        for t in range(T):
            h = mg.tanh(mg.matmul(X[t], U) + mg.matmul(h, W) + b)
            if after:
                states.append(h)
            else:
                total = total + softmax_crossentropy(mg.matmul(h, V) + c, Y[t])  # the mean over the batch
        if after:
            logits = mg.matmul(mg.stack(states), V) + c
            total = T * softmax_crossentropy(mg.reshape(logits, (T * B, K)), Y.reshape(T * B))
        loss = total / T
        loss.backward()
        return loss.item(), {name: leaf.grad for name, leaf in zip(NAMES, leaves, strict=True)}

    return run
