"""Family F: real-time recurrent learning, the gradient carried forwards, known after every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spec import Spec, SpecError
from .factors import Factors, added, factors, matrix_times, row_times
from .forward import Array, prepare


class OnlineRTRL:
    """A network that is fed step by step and knows the gradient of all losses so far after each (h_0 constant).

        S_t = ∂⁺h_t/∂θ + J_t S_{t−1},   S_0 = 0,   Σ_{s≤t} dJ_s/dθ = Σ_{s≤t} e_s S_s

    O(m² P) time a step for P parameters inside the recurrence, O(m P) memory, whatever the number of steps.
    Williams & Zipser 1989, Neural Computation 1(2), 270–280.

    Attributes:
        t: steps taken so far.
        h: the state h_t, shaped like h0.
        S: name -> dh_t/dθ, (B, m, shape of θ), for the parameters inside the recurrence; empty before the first step.
        gradients: name -> Σ_{s≤t} dJ_s/dθ for every parameter, not weighted by 1/T (T is not known yet); empty before
            the first step.
        loss: Σ_{s≤t} J_s.
    """

    def __init__(self, spec: Spec, params: Mapping[str, Any], h0: Any) -> None:
        self.spec = spec
        self.params = params
        self.t = 0
        self.h: Array = np.asarray(h0)
        self.S: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}
        self.loss: Any = 0.0

    def step(self, x_t: Any, y_t: Any = None) -> Any:
        """Take one step; J_t, or None where y_t is left out and the step has no loss.

        Args:
            x_t: (B, d), or (d,) without a batch axis.
            y_t: (B, q) or (q,).

        Raises:
            SpecError: an array does not fit the model; the state stays as it was.
        """
        parts = self._one_step(np.asarray(x_t), y_t)
        self.t += 1
        gradients = self.gradients or {name: np.zeros(np.shape(self.params[name])) for name in self.spec.names}
        immediate = parts.immediate(1)
        carried = matrix_times(parts.J(1), self.S)
        self.S = added([immediate, carried])
        self.h = parts.past.h[1]
        self.gradients = gradients
        if y_t is None:
            return None
        self.gradients = added([gradients, row_times(parts.e(1), self.S), parts.of_readout()])
        J_t = parts.past.step_losses[0]
        self.loss = self.loss + J_t
        return J_t

    def _one_step(self, x_t: Array, y_t: Any) -> Factors:
        """The factors of this step alone: a sequence of one step that starts from h_{t−1}."""
        if y_t is None:  # any target will do, its loss is not looked at
            V = np.shape(self.params.get(self.spec.name("output") or "", ()))
            y_t = np.zeros((*x_t.shape[:-1], *(V[:1] if self.spec.convention == "col" else V[1:])))
        y_t = np.asarray(y_t)
        try:
            return factors(self.spec, self.params, x_t[None], y_t if self.spec.many_to_one else y_t[None], self.h)
        except SpecError as error:
            raise SpecError(f"step {self.t + 1}, taken as a sequence of one step: {error}") from None


def rtrl(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> dict[str, Array]:
    """The gradient of a whole sequence by the forward recursion: O(T m² P) time, O(m P) memory.

        dL/dθ = w Σ_t e_t S_t,   S_t = ∂⁺h_t/∂θ + J_t S_{t−1},   S_0 = 0

    Returns:
        name -> dL/dθ, shaped like θ.

    Raises:
        SpecError: an array does not fit the model.
    """
    run = prepare(spec, params, x, y, h0)
    online = OnlineRTRL(spec, params, h0)
    for t in range(1, run.sizes.T + 1):
        target = None if t not in run.loss_steps else y if spec.many_to_one else y[t - 1]
        online.step(x[t - 1], target)
    return {name: run.step_weight * gradient for name, gradient in online.gradients.items()}
