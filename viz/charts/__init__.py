"""Charts of a recorded flow: heat maps and curves by matplotlib, in the colours of the pictures.

viz.charts.contributions(flow).save("contributions.svg")    # ‖C[t, k]‖: who hears which loss; or .png, .pdf
viz.charts.lag_profile(flow)                                # how the gradient fades with the lag, between its bounds
viz.charts.jacobian_spectrum(flow)                          # singular values of the products of Jacobians
viz.charts.shares(flow)                                     # each step's share of every ∂L/∂θ, beside the sum

matplotlib (`pip install "tinygrad-rnn[plot]"`) is imported when the first chart is made.
"""

from .by_lag import lag_profile
from .by_step import shares
from .chart import Chart
from .spectrum import jacobian_spectrum
from .table import contributions

__all__ = ["Chart", "contributions", "jacobian_spectrum", "lag_profile", "shares"]
