"""The T×T table C[t,k]: what step k contributes to the gradient of step t's loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec import Spec
from .delta import as_given
from .forward import PHI_PRIME, Array, forward, prepare, step_loss_gradient


@dataclass(frozen=True)
class Contributions:
    """C[t,k] for every parameter inside the recurrence; J_t is not weighted by 1/T, and C[t,k] = 0 for k > t.

    Attributes:
        loss_steps: the t of each row.
        step_weight: weight w of J_t in L, so that w · Σ_{t,k} C[t,k] = dL/dθ.
        arrays: name -> (R, T, shape of θ), summed over the batch; arrays[name][row, k − 1] = C[t,k].
        norms: name -> (R, T), the Frobenius norm of each C[t,k].
    """

    loss_steps: tuple[int, ...]
    step_weight: float
    arrays: dict[str, Array]
    norms: dict[str, Array]


def contribution_table(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> Contributions:
    """The whole table, by one vector carried back from every step loss.

        C[t,k] = e_t J_t J_{t−1} … J_{k+1} ∂⁺h_k/∂θ,   e_t = ∂J_t/∂h_t,  J_j = ∂h_j/∂h_{j−1},  ∂⁺: h_{k−1} held fixed

    Memory is O(T² |θ|); `contribution_norms` keeps only the norms.

    Raises:
        SpecError: an array does not fit the model.
    """
    T = len(x)
    steps = spec.loss_steps(T)
    rows: dict[str, list[list[Array]]] = {name: [] for name in spec.recurrent_names}
    for terms in _rows(spec, params, x, y, h0):
        for name, row in rows.items():
            zero = np.zeros_like(terms[0][name])
            row.append([term[name] for term in reversed(terms)] + [zero] * (T - len(terms)))
    arrays: dict[str, Array] = {name: np.array(row) for name, row in rows.items()}
    norms = {name: _norm(array, keep=2) for name, array in arrays.items()}
    return Contributions(steps, spec.step_weight(T), arrays, norms)


def contribution_norms(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """Only ‖C[t,k]‖, name -> (R, T), in O(T² + T |θ|) memory: for long sequences and large weights."""
    T = len(x)
    rows: dict[str, list[list[Any]]] = {name: [] for name in spec.recurrent_names}
    for terms in _rows(spec, params, x, y, h0):
        for name, row in rows.items():
            norms = [_norm(term[name], keep=0) for term in reversed(terms)]
            row.append(norms + [0.0] * (T - len(norms)))
    return {name: np.array(row) for name, row in rows.items()}


def _rows(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> Iterator[list[dict[str, Array]]]:
    """For every loss step t: C[t,t], C[t,t−1], …, C[t,1], each by parameter name."""
    run, past = prepare(spec, params, x, y, h0), forward(spec, params, x, y, h0)
    W, V = run.weights[0]["recurrent"], run.weights[0]["output"]
    a, h, z = (array if run.batched else array[:, None] for array in (past.a, past.h, past.z))
    for row, t in enumerate(run.loss_steps):
        e = run.batch_weight * step_loss_gradient(spec, z[row], run.y[t]) @ V.T
        terms = []
        for k in range(t, 0, -1):
            v = e * PHI_PRIME[spec.activation](a[k - 1])
            immediate = {"input": run.x[k - 1].T @ v, "recurrent": h[k - 1].T @ v, "hidden_bias": v.sum(axis=0)}
            terms.append(as_given(spec, params, immediate))
            e = v @ W.T
        yield terms


def _norm(array: Array, keep: int) -> Array:
    """Frobenius norm over all but the first `keep` axes, written without abs, so that it stays complex-clean."""
    return np.sqrt((array * array).sum(axis=tuple(range(keep, array.ndim))))
