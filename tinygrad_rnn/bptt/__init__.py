"""Closed forms of backpropagation through time: NumPy only, no tape, one function for one family.

    D  delta_recursion                    δ_t backwards, one pass
    E  explicit_sum, explicit_matrix_sum  every ordered product of Jacobians, with a vector carried or in full
    F  rtrl, OnlineRTRL                   dh_t/dθ forwards, known after every step
    Z  reverse_products                   z = ∏J backwards, for each final step
    P  matrix_powers                      powers of W, for a linear recurrence
    C  contribution_table                 C[t,k], the sum that every family regroups
    T  truncated, artbp, d2l_recursive    the same sum under a mask, and cut at random without bias
    V  jacobian_bounds                    how fast ∂h_t/∂h_k can vanish or explode

With e_t = ∂J_t/∂h_t and J_t = ∂h_t/∂h_{t−1}, all of them are one identity:

    dL/dθ = w Σ_t Σ_{k≤t} C[t,k],    C[t,k] = e_t J_t J_{t−1} … J_{k+1} ∂⁺h_k/∂θ
"""

from .bounds import JacobianBounds, jacobian_bounds
from .contributions import Contributions, contribution_norms, contribution_table
from .delta import Gradients, delta_recursion
from .explicit import explicit_matrix_sum, explicit_sum
from .factors import Factors, factors
from .families import FAMILIES, LETTERS, Family
from .forward import Forward, forward
from .lags import LagProfile, by_loss, by_step, lag_profile
from .powers import FamilyError, matrix_powers
from .products import reverse_products, state_derivative
from .randomised import (
    artbp,
    d2l_one_step,
    d2l_recursive,
    pattern_probability,
    pattern_weights,
    sample_pattern,
    weight_second_moments,
)
from .rtrl import OnlineRTRL, rtrl
from .spectrum import Spectrum, jacobian_spectrum, log_singular_values, lyapunov_exponents
from .truncation import TruncationError, bias, detach_every_k, max_lag, truncated, williams_peng

__all__ = [
    "FAMILIES",
    "LETTERS",
    "Contributions",
    "Factors",
    "Family",
    "FamilyError",
    "Forward",
    "Gradients",
    "JacobianBounds",
    "LagProfile",
    "OnlineRTRL",
    "Spectrum",
    "TruncationError",
    "artbp",
    "bias",
    "by_loss",
    "by_step",
    "contribution_norms",
    "contribution_table",
    "d2l_one_step",
    "d2l_recursive",
    "delta_recursion",
    "detach_every_k",
    "explicit_matrix_sum",
    "explicit_sum",
    "factors",
    "forward",
    "jacobian_bounds",
    "jacobian_spectrum",
    "lag_profile",
    "log_singular_values",
    "lyapunov_exponents",
    "matrix_powers",
    "max_lag",
    "pattern_probability",
    "pattern_weights",
    "reverse_products",
    "rtrl",
    "sample_pattern",
    "state_derivative",
    "truncated",
    "weight_second_moments",
    "williams_peng",
]
