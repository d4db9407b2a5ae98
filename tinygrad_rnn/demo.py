"""Record a character RNN on a line of text, take its gradients by three routes, and see how far back they reach.

    run = character_rnn("to be or not to be")
    gradients(run)      # by parameter: norm, and what closed form and complex step differ by
    reach(run).lag      # how many steps back the last loss's gradient falls below a thousandth

The line of text that `zen_line` gives ships with Python.
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import bptt, models
from .check.distance import relative_error
from .check.instances import Instance
from .check.report import TOLERANCE
from .check.witness import complex_step
from .flow import trace
from .spec import Sizes, Spec

MODEL = Spec("col", "tanh", "softmax", "softmax_ce", "1/T")
HIDDEN = 8
SCALE = 1.0
BIAS_SCALE = 0.3
MOST_CHARACTERS = 60  # keeps the complex step, a forward pass for every single weight, within some seconds
THOUSANDTH = 1e-3


class TextError(ValueError):
    """A text that the demo cannot use; one line that says what and why."""


@dataclass(frozen=True)
class CharacterRun:
    """A character RNN on one text.

    Attributes:
        text: the characters; step t reads character t and predicts character t + 1.
        vocabulary: the different characters in order of first appearance, the axes of the one-hot vectors.
        instance: model and numbers: x (T, vocabulary), y (T, vocabulary), h0 (HIDDEN,).
        recording: the forward pass on a tape.
        seed: of the weights.
    """

    text: str
    vocabulary: tuple[str, ...]
    instance: Instance
    recording: models.Recording
    seed: int

    @property
    def steps(self) -> int:
        """T, one less than there are characters."""
        return len(self.text) - 1


@dataclass(frozen=True)
class Gradient:
    """One parameter's gradient off the tape, and how far the witnesses are from it.

    Attributes:
        name: of the parameter.
        shape: of the parameter.
        norm: Frobenius norm of dL/dθ.
        closed_form: relative difference of the δ recursion, ‖a − b‖ / max(‖b‖, 1e−12).
        complex_step: relative difference of Im L(θ + 1e−30·i)/1e−30, entry by entry.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    closed_form: float
    complex_step: float

    @property
    def agrees(self) -> bool:
        """Whether both witnesses confirm the tape; NaN does not."""
        return self.closed_form <= TOLERANCE and self.complex_step <= TOLERANCE


@dataclass(frozen=True)
class Reach:
    """How much of the last loss's gradient each step brings.

    Attributes:
        norms: ‖C[T,k]‖ for k = 1…T, over all parameters inside the recurrence together.
        lag: the smallest T − k with ‖C[T,k]‖ < ‖C[T,T]‖ / 1000, or None when there is none within the text.
        closed_form: largest relative difference of the closed form's C[T,k] from the tape's, over k and parameters.
    """

    norms: tuple[float, ...]
    lag: int | None
    closed_form: float

    @property
    def agrees(self) -> bool:
        """Whether the closed form confirms every C[T,k]; NaN does not."""
        return self.closed_form <= TOLERANCE


def zen_line() -> str:
    """A line of the Zen of Python, which every Python carries; importing `this` would print it."""
    with contextlib.redirect_stdout(io.StringIO()):
        this = importlib.import_module("this")
    return codecs.decode(str(this.s), "rot13").splitlines()[2]


def read_text(path: str | Path) -> str:
    """The beginning of a UTF-8 text file, a little more than the demo uses.

    Raises:
        TextError: a file that is missing, cannot be read, or holds no text.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except OSError as error:
        raise TextError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise TextError(f"{path}: is not UTF-8 text; give a plain text file") from None
    if "\0" in text:
        raise TextError(f"{path}: holds zero bytes, so it is no text; give a plain text file")
    text = text.strip("\n")
    if len(text) < 2:
        plural = "" if len(text) == 1 else "s"
        raise TextError(f"{path}: holds {len(text)} character{plural}; give at least 2, one to read and one to predict")
    return text


def character_rnn(text: str, seed: int = 0) -> CharacterRun:
    """Record a vanilla RNN of HIDDEN units that reads a text and predicts every next character.

        h_t = tanh(U x_t + W h_{t−1} + b),  z_t = V h_t + c,  L = (1/T) Σ_t −log softmax(z_t)[character t + 1]

    Weights are normal with deviation SCALE / √columns (inputs are one-hot, so U has deviation SCALE), biases with
    BIAS_SCALE; h0 = 0. Only the first MOST_CHARACTERS characters are used.

    Raises:
        TextError: fewer than 2 characters.
    """
    text = text[:MOST_CHARACTERS]
    if len(text) < 2:
        raise TextError(f"the text {text!r} is too short; give at least 2 characters, one to read and one to predict")
    vocabulary = tuple(dict.fromkeys(text))
    one_hot = np.eye(len(vocabulary))[[vocabulary.index(character) for character in text]]
    size = len(vocabulary)
    params = _weights(Sizes(len(text) - 1, None, size, HIDDEN, size), seed)
    instance = Instance(MODEL, params, one_hot[:-1], one_hot[1:], np.zeros(HIDDEN))
    return CharacterRun(text, vocabulary, instance, _record(instance), seed)


def beginning(run: CharacterRun, steps: int) -> CharacterRun:
    """The same network on the first steps only, for a picture that one can read."""
    all_, steps = run.instance, min(steps, run.steps)
    instance = Instance(all_.spec, all_.params, all_.x[:steps], all_.y[:steps], all_.h0)
    return CharacterRun(run.text[: steps + 1], run.vocabulary, instance, _record(instance), run.seed)


def gradients(run: CharacterRun) -> tuple[Gradient, ...]:
    """Every parameter's gradient: the tape's, beside the closed form's and the complex step's."""
    instance, recording = run.instance, run.recording
    names = list(recording.params)
    tape = dict(zip(names, recording.tape.grad(recording.loss, list(recording.params.values())), strict=True))
    closed = bptt.delta_recursion(MODEL, instance.params, instance.x, instance.y, instance.h0).params

    def loss(params: Mapping[str, Any]) -> Any:
        return models.forward(MODEL, params, instance.x, instance.y, instance.h0).loss

    stepped = complex_step(loss, instance.params)
    return tuple(
        Gradient(
            name,
            tape[name].shape,
            float(np.linalg.norm(tape[name])),
            relative_error(closed[name], tape[name]),
            relative_error(stepped[name], tape[name]),
        )
        for name in names
    )


def reach(run: CharacterRun) -> Reach:
    """‖C[T,k]‖ for the last loss by one sweep over the tape, and the lag at which it falls below a thousandth."""
    instance, recording = run.instance, run.recording
    flow = trace(recording.loss, at="last")
    table = bptt.contribution_table(MODEL, instance.params, instance.x, instance.y, instance.h0)
    norms, differences = [], []
    for s in range(run.steps):
        squares = 0.0
        for name in MODEL.recurrent_names:
            share = flow.share(recording.params[name].index, s)
            squares += float(np.sum(share * share))
            differences.append(relative_error(table.arrays[name][-1, s], share))
        norms.append(squares**0.5)
    by_lag = norms[::-1]
    lag = next((lag for lag, norm in enumerate(by_lag) if norm < THOUSANDTH * by_lag[0]), None)
    return Reach(tuple(norms), lag, float(np.max(differences)))  # NumPy's, which a NaN wins


def caption(seed: int) -> str:
    """Where the weights come from, in one line."""
    weights = f"U N(0, {SCALE:g}²), W and V N(0, {SCALE**2:g}/{HIDDEN}), biases N(0, {BIAS_SCALE:g}²)"
    return f"untrained: {weights}, h0 = 0, seed {seed}"


def _weights(sizes: Sizes, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    params = {}
    for name, role in MODEL.roles:
        shape = MODEL.shape(name, sizes)
        deviation = {"input": SCALE, "hidden_bias": BIAS_SCALE, "output_bias": BIAS_SCALE}.get(role)
        params[name] = rng.normal(0.0, SCALE / np.sqrt(shape[-1]) if deviation is None else deviation, shape)
    return params


def _record(instance: Instance) -> models.Recording:
    spec, params = instance.spec, instance.params
    return models.record(spec, params, instance.x, instance.y, instance.h0, differentiate_x=False)

