"""Take a sequence apart into the factors of C[t,k] that every family multiplies: e_t, J_t and ∂⁺h_k/∂θ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec import Spec
from .delta import as_given
from .forward import PHI_PRIME, Array, Forward, Run, forward, prepare, step_loss_gradient


@dataclass(frozen=True)
class Factors:
    """The factors of C[t,k] = e_t J_t … J_{k+1} ∂⁺h_k/∂θ, sample by sample, in numerator layout; steps count from 1.

    Attributes:
        spec: the model.
        params: its parameters as given.
        run: the instance made ready.
        past: its forward pass.
        slopes: (T, B, m), φ′(a_t).
        states: (T + 1, B, m), h_0 … h_T.
        epsilon: t -> (B, q), ∂J_t/∂z_t for the steps that have a loss; a mean over the batch is in it, 1/T is not.
    """

    spec: Spec
    params: Mapping[str, Any]
    run: Run
    past: Forward
    slopes: Array
    states: Array
    epsilon: Mapping[int, Array]

    @property
    def T(self) -> int:
        """How many steps."""
        return self.run.sizes.T

    @property
    def loss_steps(self) -> tuple[int, ...]:
        """The steps t that have a loss J_t."""
        return self.run.loss_steps

    def e(self, t: int) -> Array:
        """e_t = ∂J_t/∂h_t, one row vector for each sample, (B, m)."""
        return self.epsilon[t] @ self.run.weights[0]["output"].T

    def J(self, t: int) -> Array:
        """J_t = ∂h_t/∂h_{t−1} = diag(φ′(a_t)) W, (B, m, m)."""
        return self.slopes[t - 1][:, :, None] * self.run.weights[0]["recurrent"].T

    def identity(self) -> Array:
        """The empty product of Jacobians, (B, m, m)."""
        return np.broadcast_to(np.eye(self.run.sizes.m), (len(self.run.h0), *[self.run.sizes.m] * 2))

    def immediate(self, k: int) -> dict[str, Array]:
        """∂⁺h_k/∂θ (h_{k−1} held fixed) of every parameter inside the recurrence, name -> (B, m, shape of θ).

        [∂⁺h_k/∂W]_{i,(a,c)} = φ′(a_k^(i)) δ_ia h_{k−1}^(c),  the same with x_k^(c) for U,  diag(φ′(a_k)) for b
        """
        return self.matrix_times_immediate(self.identity(), k)

    def matrix_times_immediate(self, z: Array, k: int) -> dict[str, Array]:
        """A matrix for each sample, z (B, m, m), times ∂⁺h_k/∂θ: name -> (B, m, shape of θ).

        [z ∂⁺h_k/∂W]_{i,(a,c)} = z_ia φ′(a_k^(a)) h_{k−1}^(c): O(m P) time, where a product of full matrices takes m² P.
        """
        z = z * self.slopes[k - 1][:, None, :]
        found = {}
        for name in self.spec.recurrent_names:
            role = dict(self.spec.roles)[name]
            if role == "hidden_bias":
                found[name] = z.reshape(*z.shape[:2], *np.shape(self.params[name]))
                continue
            source = self.run.x[k - 1] if role == "input" else self.states[k - 1]
            if self.spec.convention == "col":
                found[name] = z[:, :, :, None] * source[:, None, None, :]
            else:
                found[name] = z[:, :, None, :] * source[:, None, :, None]
        return found

    def times_immediate(self, v: Array, k: int) -> dict[str, Array]:
        """Row vectors v (B, m) times ∂⁺h_k/∂θ, summed over the batch: name -> shape of θ.

        v ∂⁺h_k/∂W = (v ⊙ φ′(a_k))ᵀ h_{k−1}ᵀ: an outer product, so the m × m × m array of `immediate` is not needed.
        """
        v = v * self.slopes[k - 1]
        by_role = {"input": self.run.x[k - 1].T @ v, "recurrent": self.states[k - 1].T @ v, "hidden_bias": v.sum(0)}
        return as_given(self.spec, self.params, by_role)

    def times_J(self, v: Array, t: int) -> Array:
        """Row vectors v (B, m) times J_t."""
        return (v * self.slopes[t - 1]) @ self.run.weights[0]["recurrent"].T

    def of_readout(self) -> dict[str, Array]:
        """Σ_t ∂J_t/∂V and Σ_t ∂J_t/∂c: no recurrence lies between, so immediate and total derivative are one."""
        by_role = {
            "output": sum(self.states[t].T @ epsilon for t, epsilon in self.epsilon.items()),
            "output_bias": sum(epsilon.sum(axis=0) for epsilon in self.epsilon.values()),
        }
        return as_given(self.spec, self.params, by_role)

    def gradients(self, recurrent: Mapping[str, Array]) -> dict[str, Array]:
        """dL/dθ of every parameter, in their order, from the Σ_t dJ_t/dθ of those inside the recurrence."""
        found = {**recurrent, **self.of_readout()}
        return {name: self.run.step_weight * found[name] for name in self.spec.names}


def factors(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> Factors:
    """Run the forward pass and make its factors ready.

    Raises:
        SpecError: an array does not fit the model.
    """
    run, past = prepare(spec, params, x, y, h0), forward(spec, params, x, y, h0)
    a, h, z = (array if run.batched else array[:, None] for array in (past.a, past.h, past.z))
    epsilon = {
        t: run.batch_weight * step_loss_gradient(spec, z_t, run.y[t])
        for t, z_t in zip(run.loss_steps, z, strict=True)
    }
    return Factors(spec, params, run, past, PHI_PRIME[spec.activation](a), h, epsilon)


def added(parts: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """Arrays by name, added up name by name."""
    total: dict[str, Array] = {}
    for part in parts:
        for name, array in part.items():
            total[name] = total[name] + array if name in total else array
    return total


def matrix_times(matrix: Array, derivative: Mapping[str, Array]) -> dict[str, Array]:
    """A matrix for each sample, (B, n, m), times derivatives of the state, name -> (B, m, shape of θ)."""
    return {
        name: (matrix @ array.reshape(*array.shape[:2], -1)).reshape(*matrix.shape[:2], *array.shape[2:])
        for name, array in derivative.items()
    }


def row_times(v: Array, derivative: Mapping[str, Array]) -> dict[str, Array]:
    """Row vectors v (B, m) times derivatives of the state, name -> (B, m, shape of θ), summed over the batch."""
    return {name: np.tensordot(v, array, axes=([0, 1], [0, 1])) for name, array in derivative.items()}
