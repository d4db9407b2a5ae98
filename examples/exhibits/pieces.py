"""The pieces of the gallery: each function makes a picture or chart, and its body is the code that stands beside it."""

from collections.abc import Callable
from dataclasses import dataclass

import tinygrad_rnn as tg
import viz

from . import networks


@dataclass(frozen=True)
class Piece:
    """One piece: its file's name, its title, what to look for, the function that makes it, the network's source."""

    name: str
    title: str
    look: str
    make: Callable
    network: Callable | None = None


PIECES: list[Piece] = []


def piece(title, look, network=None):
    def hang(function):
        PIECES.append(Piece(function.__name__.replace("_", "-"), title, look, function, network))
        return function

    return hang


@piece("A vanilla network, all losses", "Every step's loss sends gradient in, so none seems to vanish.")
def vanilla_all():
    tape, L = tg.cells.record("vanilla", steps=6, seed=3, scale=0.6)
    return viz.draw(tg.flow(L), title="vanilla RNN, untrained: scale 0.6, seed 3")


@piece("The same, the last loss alone", "Followed alone, the loss of step 6 fades on its way back to step 1.")
def vanilla_last():
    tape, L = tg.cells.record("vanilla", steps=6, seed=3, scale=0.6)
    whole = viz.draw(tg.flow(L))
    return viz.draw(tg.flow(L, at="last"), span=whole.span, title="vanilla RNN, untrained: scale 0.6, seed 3")


@piece("LSTM, the last loss alone", "Two roads lead back: c straight along the spine, h through the gates.")
def lstm_last():
    tape, L = tg.cells.record("lstm", steps=4, seed=3, scale=0.6, forget=1.5)
    return viz.draw(tg.flow(L, at="last"), title="LSTM, untrained: scale 0.6, forget bias + 1.5, seed 3")


@piece("GRU", "z ⊙ h carries the state along; the reset gate stands inside the candidate n.")
def gru():
    tape, L = tg.cells.record("gru", steps=4)
    return viz.draw(tg.flow(L), title="GRU, untrained: scale 1, seed 0")


@piece("Two stacked layers", "The upper layer's gradient enters the lower one at every step.")
def stacked():
    tape, L = tg.cells.record("stacked", steps=4)
    return viz.draw(tg.flow(L), title="two tanh layers, untrained: scale 1, seed 0")


@piece("A skip from two steps back", "The long lanes carry h past a step; W is used twice in every step.")
def skip():
    tape, L = tg.cells.record("skip", steps=4)
    return viz.draw(tg.flow(L), title="skip and residual link, untrained: scale 1, seed 0")


@piece("A hundred steps, folded", "A ribbon for each state, a segment a step: where the gradient dies.")
def folded():
    tape, L = tg.cells.record("lstm", steps=100, seed=3, scale=0.75)
    return viz.draw(tg.flow(L, at="last"), fold=(1, 2), title="LSTM, untrained: scale 0.75, forget bias + 1.5, seed 3")


@piece("Two directions", "f runs forward in time and g backward; both meet in each readout.", networks.bidirectional)
def two_directions():
    L = networks.bidirectional(steps=4)
    return viz.draw(tg.flow(L), title="bidirectional RNN, untrained, seed 0")


@piece("Encoder and decoder", "Losses stand in the second loop only.", networks.encoder_decoder)
def encoder_decoder():
    L = networks.encoder_decoder(steps=3)
    return viz.draw(tg.flow(L), title="encoder–decoder, untrained, seed 0")


@piece("Attention over the past", "Each step reads all states before it, so every lag has a road.", networks.attention)
def attention():
    L = networks.attention(steps=4)
    return viz.draw(tg.flow(L), title="attention over all past states, untrained, seed 0")


@piece("A cell of your own", "A minimal gated unit; nothing in viz knows it.", networks.minimal_gated_unit)
def own_cell():
    L = networks.own_cell(steps=4)
    return viz.draw(tg.flow(L), title="minimal gated unit, untrained, seed 0")


@piece("One path: loss 4 to step 1", "Every route through h and c, with its share of C[4, 1]; the shares add up to 1.")
def path():
    tape, L = tg.cells.record("lstm", steps=4, seed=3, scale=0.6)
    return viz.draw(tg.flow(L), path=(4, 1), title="LSTM, untrained: scale 0.6, forget bias + 1.5, seed 3")


@piece("Truncated", "Carries are cut every two steps; the scissors say what would have passed.")
def truncated():
    tape, L = tg.cells.record("vanilla", steps=6, seed=3)
    return viz.draw(tg.flow(L, truncation=("detach_every_k", 2)), title="vanilla RNN, state detached every 2 steps")


@piece("Dark", "For a dark screen; what is strong is bright.")
def dark():
    tape, L = tg.cells.record("gru", steps=3)
    return viz.draw(tg.flow(L, at="last"), theme="dark", title="GRU, untrained: scale 1, seed 0")


@piece("For print", "Black ink on white paper.")
def for_print():
    tape, L = tg.cells.record("stacked", steps=3)
    return viz.draw(tg.flow(L, at="last"), theme="print", title="two tanh layers, untrained: scale 1, seed 0")


@piece("Values alone", "The forward pass, with the norm of what passes.")
def values():
    tape, L = tg.cells.record("vanilla", steps=4)
    return viz.draw(tg.flow(L), show="value", title="vanilla RNN, untrained: scale 1, seed 0")


@piece("The backward pass as it is recorded", "Adjoints are lines of the same tape, each beside its forward line.")
def backward_pass():
    tape, L = tg.cells.record("vanilla", steps=2)
    return viz.draw(tg.flow(L), backward=True, title="vanilla RNN and its reverse sweep")


@piece("A program without steps", "A box for every line, with its value and gradient.", networks.no_steps)
def no_steps():
    return viz.draw(tg.flow(networks.no_steps()), title="one hidden layer")


@piece("Who adds what to whose gradient", "Row t, column k: the norm of C[t, k], all weights together.")
def contributions():
    tape, L = tg.cells.record("vanilla", steps=10, seed=3, scale=0.6)
    return viz.charts.contributions(tg.flow(L))


@piece("How fast the gradient fades", "Norm against lag, between products of largest and smallest singular values.")
def lag_profile():
    tape, L = tg.cells.record("lstm", steps=30, seed=3, scale=0.6)
    return viz.charts.lag_profile(tg.flow(L))


@piece("What survives", "Singular values of the Jacobians' products: some directions live on, most die.")
def jacobian_spectrum():
    tape, L = tg.cells.record("lstm", steps=30, seed=3, scale=0.6)
    return viz.charts.jacobian_spectrum(tg.flow(L))


@piece("Shares of the steps", "The norm of the sum is not the sum of the norms: shares of steps cancel.")
def shares():
    tape, L = tg.cells.record("gru", steps=8)
    return viz.charts.shares(tg.flow(L))
