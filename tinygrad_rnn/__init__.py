"""tinygrad-rnn: a small reverse-mode tape for recurrent networks, with pictures of the gradient's flow through time."""

from . import cells, rules
from .cuts import flow
from .errors import UnusedWarning
from .flow import Flow
from .ops import (
    binary_cross_entropy,
    log_softmax,
    logsumexp,
    primitive,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    softplus,
    stop_gradient,
)
from .stepping.clock import carry_cut
from .steps import Steps, find_steps
from .tape import RULES, Tape, TapeError, Var, loss, rule, step
from .text import backward, listing, local_rule
from .transform import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .truncate import truncated_gradients
from .watching import watch

__all__ = [
    "RULES",
    "Flow",
    "Steps",
    "Tape",
    "TapeError",
    "UnusedWarning",
    "Var",
    "backward",
    "binary_cross_entropy",
    "carry_cut",
    "cells",
    "find_steps",
    "flow",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "listing",
    "local_rule",
    "log_softmax",
    "logsumexp",
    "loss",
    "primitive",
    "relu",
    "rule",
    "rules",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "step",
    "stop_gradient",
    "truncated_gradients",
    "value_and_grad",
    "vjp",
    "watch",
]
