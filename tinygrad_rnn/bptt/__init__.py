"""Closed forms of backpropagation through time: NumPy only, no tape, one function for one family.

    D  delta_recursion       δ_t backwards, one pass
    C  contribution_table    C[t,k], the sum that every family regroups

With e_t = ∂J_t/∂h_t and J_t = ∂h_t/∂h_{t−1}, all of them are one identity:

    dL/dθ = w Σ_t Σ_{k≤t} C[t,k],    C[t,k] = e_t J_t J_{t−1} … J_{k+1} ∂⁺h_k/∂θ
"""

from .contributions import Contributions, contribution_norms, contribution_table
from .delta import Gradients, delta_recursion
from .forward import Forward, forward

__all__ = [
    "Contributions",
    "Forward",
    "Gradients",
    "contribution_norms",
    "contribution_table",
    "delta_recursion",
    "forward",
]
