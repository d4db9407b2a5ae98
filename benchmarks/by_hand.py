"""Backpropagation through time written by hand in NumPy, twice: step by step, and as fast as NumPy can be made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.work import Array, Work

Result = tuple[float, dict[str, Array]]


def per_step(work: Work) -> Callable[[], Result]:
    """The textbook's two loops: what a person writes who does not think of speed."""
    X, Y, h0 = work.X, work.Y, work.h0
    U, W, V, b, c = work.parameters.values()
    T, B, rows = work.size.T, work.size.B, np.arange(work.size.B)

    def run() -> Result:
        h, states, probabilities, loss = h0, [h0], [], 0.0
        for t in range(T):
            h = np.tanh(X[t] @ U + h @ W + b)
            logits = h @ V + c
            logits = logits - logits.max(axis=-1, keepdims=True)
            e = np.exp(logits)
            total = e.sum(axis=-1, keepdims=True)
            loss += (np.log(total[:, 0]) - logits[rows, Y[t]]).mean()
            states.append(h)
            probabilities.append(e / total)
        dU, dW, dV, db, dc = (np.zeros_like(p) for p in (U, W, V, b, c))
        dh = np.zeros_like(h0)
        for t in reversed(range(T)):
            do = probabilities[t]
            do[rows, Y[t]] -= 1.0
            do /= T * B
            h = states[t + 1]
            dV += h.T @ do
            dc += do.sum(axis=0)
            da = (do @ V.T + dh) * (1.0 - h * h)
            dU += X[t].T @ da
            dW += states[t].T @ da
            db += da.sum(axis=0)
            dh = da @ W.T
        return loss / T, {"U": dU, "W": dW, "V": dV, "b": db, "c": dc}

    return run


def optimised(work: Work) -> Callable[[], Result]:
    """X·U for all steps at once, each weight's gradient one product over time, buffers and views made beforehand."""
    B, D, H, K, T = work.size.B, work.size.D, work.size.H, work.size.K, work.size.T
    U, W, V, b, c = work.parameters.values()
    X, Y, rows = work.X.reshape(T * B, D), work.Y.reshape(T * B), np.arange(T * B)
    inputs, states, slopes, deltas = (np.empty((n, B, H)) for n in (T, T + 1, T, T))
    states[0] = work.h0
    logits, recurrent = np.empty((T * B, K)), np.empty((B, H))
    flat = [array.reshape(-1, array.shape[-1]) for array in (inputs, states[:-1], states[1:], slopes, deltas)]
    inputs2, before2, after2, slopes2, deltas2 = flat
    forward = list(zip(states[:-1], inputs, states[1:], strict=True))
    backward = list(zip(deltas, slopes, strict=True))[::-1]
    dot, add, multiply, tanh, W_transposed = np.dot, np.add, np.multiply, np.tanh, W.T

    def run() -> Result:
        dot(X, U, out=inputs2)
        add(inputs2, b, out=inputs2)
        for h, x, after in forward:
            dot(h, W, out=after)
            add(after, x, out=after)
            tanh(after, out=after)
        dot(after2, V, out=logits)
        add(logits, c, out=logits)
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=logits)
        picked = logits[rows, Y].sum()
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        loss = (np.log(total).sum() - picked) / (T * B)
        np.divide(logits, total, out=logits)
        logits[rows, Y] -= 1.0
        np.divide(logits, T * B, out=logits)
        multiply(after2, after2, out=slopes2)
        np.subtract(1.0, slopes2, out=slopes2)
        dot(logits, V.T, out=deltas2)
        recurrent.fill(0.0)
        for delta, slope in backward:
            add(delta, recurrent, out=delta)
            multiply(delta, slope, out=delta)
            dot(delta, W_transposed, out=recurrent)
        gradients = {
            "U": dot(X.T, deltas2),
            "W": dot(before2.T, deltas2),
            "V": dot(after2.T, logits),
            "b": deltas2.sum(axis=0),
            "c": logits.sum(axis=0),
        }
        return float(loss), gradients

    return run
