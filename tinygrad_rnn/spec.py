"""Describe a vanilla recurrent network in plain words, and check that arrays fit the description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONVENTIONS = ("col", "row")
ACTIVATIONS = ("tanh", "sigmoid", "identity", "relu")
OUTPUT_ACTIVATIONS = ("identity", "tanh", "sigmoid", "softmax")
TIME_WEIGHTS = ("1/T", "1")
BATCH_REDUCTIONS = ("sum", "mean")
ROLES = ("input", "recurrent", "hidden_bias", "output", "output_bias")
REQUIRED_ROLES = ("input", "recurrent", "output")

# Which output activations a loss may follow. The two cross entropies are computed from the logits z.
OUTPUTS_OF_LOSS: Mapping[str, tuple[str, ...]] = {
    "half_mse": OUTPUT_ACTIVATIONS,
    "sq_err": OUTPUT_ACTIVATIONS,
    "bce": ("sigmoid",),
    "softmax_ce": ("softmax", "identity"),
}
LOSSES = tuple(OUTPUTS_OF_LOSS)

Shape = tuple[int, ...]


class SpecError(ValueError):
    """A description that contradicts itself, or arrays that do not fit it; the message is one line."""


@dataclass(frozen=True)
class Sizes:
    """How long and how wide: T steps, B samples (None: no batch axis), d inputs, m hidden units, q outputs."""

    T: int
    B: int | None
    d: int
    m: int
    q: int

    def __str__(self) -> str:
        batch = "" if self.B is None else f" B={self.B}"
        return f"T={self.T}{batch} d={self.d} m={self.m} q={self.q}"


@dataclass(frozen=True)
class Spec:
    """A vanilla recurrent network in plain words.

    With U, W, V, b, c standing for the parameters of the roles input, recurrent, output, hidden_bias and
    output_bias, for t = 1…T, and h_0 given:

        a_t = U x_t + W h_{t−1} + b      (convention "row": x_t U + h_{t−1} W + b)
        h_t = activation(a_t)
        z_t = V h_t + c                  (convention "row": h_t V + c)
        out_t = output_activation(z_t)
        J_t = loss(out_t, y_t), summed over features, and summed or averaged over the batch
        L = weight · Σ_t J_t             (weight is time_weight)

    Attributes:
        convention: "col" (weights act from the left, U is (m, d)) or "row" (from the right, U is (d, m)).
        activation: "tanh", "sigmoid", "identity" or "relu".
        output_activation: "identity", "tanh", "sigmoid" or "softmax".
        loss: "half_mse" ½Σ(out−y)², "sq_err" Σ(out−y)², "bce" −Σ y log out + (1−y) log(1−out) with out = σ(z),
            "softmax_ce" −Σ y log softmax(z).
        time_weight: "1/T" or "1".
        batch_reduction: "sum" or "mean".
        many_to_one: only step T is read out; y then has no time axis.
        roles: pairs (parameter name, role), in the order in which parameters are listed. Biases may be left out.

    Raises:
        SpecError: an unknown word, a role that is missing or given twice, or a loss that cannot follow the output.
    """

    convention: str = "col"
    activation: str = "tanh"
    output_activation: str = "identity"
    loss: str = "half_mse"
    time_weight: str = "1/T"
    batch_reduction: str = "sum"
    many_to_one: bool = False
    roles: tuple[tuple[str, str], ...] = (
        ("U", "input"),
        ("W", "recurrent"),
        ("b", "hidden_bias"),
        ("V", "output"),
        ("c", "output_bias"),
    )

    def __post_init__(self) -> None:
        """Refuse words that are not in the lists above."""
        _one_of("convention", self.convention, CONVENTIONS)
        _one_of("activation", self.activation, ACTIVATIONS)
        _one_of("output_activation", self.output_activation, OUTPUT_ACTIVATIONS)
        _one_of("loss", self.loss, LOSSES)
        _one_of("time_weight", self.time_weight, TIME_WEIGHTS)
        _one_of("batch_reduction", self.batch_reduction, BATCH_REDUCTIONS)
        if not isinstance(self.many_to_one, bool):
            raise SpecError(f"many_to_one is {self.many_to_one!r}: it must be True or False")
        allowed = OUTPUTS_OF_LOSS[self.loss]
        if self.output_activation not in allowed:
            raise SpecError(
                f"loss {self.loss!r} cannot follow output_activation {self.output_activation!r}: "
                f"use {' or '.join(map(repr, allowed))}"
            )
        _check_roles(self.roles)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in their order."""
        return tuple(name for name, _ in self.roles)

    @property
    def recurrent_names(self) -> tuple[str, ...]:
        """Names of the parameters that act inside the recurrence: input, recurrent and hidden_bias."""
        return tuple(name for name, role in self.roles if role in ("input", "recurrent", "hidden_bias"))

    def name(self, role: str) -> str | None:
        """Name of the parameter that plays this role, or None when the model has none."""
        return next((name for name, its_role in self.roles if its_role == role), None)

    def step_weight(self, steps: int) -> float:
        """Weight of each J_t in L for a sequence of so many steps."""
        return 1.0 / steps if self.time_weight == "1/T" else 1.0

    def loss_steps(self, steps: int) -> tuple[int, ...]:
        """The steps t (counted from 1) that have a loss J_t."""
        return (steps,) if self.many_to_one else tuple(range(1, steps + 1))

    def shape(self, name: str, sizes: Sizes) -> Shape:
        """Shape of a parameter; a bias is given as (m,) here, and may also be (1, m)."""
        d, m, q = sizes.d, sizes.m, sizes.q
        role = dict(self.roles)[name]
        if role == "hidden_bias":
            return (m,)
        if role == "output_bias":
            return (q,)
        outer, inner = {"input": (m, d), "recurrent": (m, m), "output": (q, m)}[role]
        return (outer, inner) if self.convention == "col" else (inner, outer)


def measure(spec: Spec, params: Mapping[str, Any], x: Any, y: Any, h0: Any) -> Sizes:
    """Sizes of an instance, after checking that every array fits.

    Args:
        spec: the model.
        params: name -> array (anything that has a `.shape`).
        x: (T, B, d) or, without a batch axis, (T, d); or a sequence of T arrays.
        y: (T, B, q) or (T, q), or a sequence of T arrays; (B, q) or (q,) when many_to_one.
        h0: (B, m) or (m,).

    Raises:
        SpecError: an empty sequence, a missing or unknown parameter, or a shape that does not fit; one line that
            names the parameter or the time step.
    """
    _check_names(spec, params)
    x_shapes = _step_shapes("x", x)
    if not x_shapes:
        raise SpecError("x is an empty sequence: give at least one time step")
    if len(x_shapes[0]) not in (1, 2):
        raise SpecError(f"x at step 1 has shape {x_shapes[0]}: it must be (d,) or (B, d)")
    matrix = {role: _matrix_shape(spec, role, params) for role in REQUIRED_ROLES}
    batch = x_shapes[0][0] if len(x_shapes[0]) == 2 else None
    if batch == 0:
        raise SpecError("x holds no sample: its batch axis has length 0")
    # Where the three matrices disagree about m, the majority is right, so that the error names the one that is not.
    widths = (matrix["input"][0], *matrix["recurrent"], matrix["output"][1])
    m = Counter(widths).most_common(1)[0][0]
    sizes = Sizes(len(x_shapes), batch, matrix["input"][1], m, matrix["output"][0])
    for name in spec.names:
        _check_parameter(spec, name, tuple(params[name].shape), sizes)
    rows = () if batch is None else (batch,)
    for t, shape in enumerate(x_shapes, start=1):
        if shape != (*rows, sizes.d):
            raise SpecError(
                f"x at step {t} has shape {shape}: {spec.name('input')} and the other steps need {(*rows, sizes.d)}"
            )
    if tuple(h0.shape) != (*rows, sizes.m):
        raise SpecError(f"h0 has shape {tuple(h0.shape)}: {spec.name('recurrent')} and x need {(*rows, sizes.m)}")
    _check_targets(spec, y, sizes, (*rows, sizes.q))
    return sizes


def _one_of(field: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise SpecError(f"{field} is {word!r}: it must be one of {', '.join(words)}")


def _check_roles(roles: tuple[tuple[str, str], ...]) -> None:
    if not isinstance(roles, tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in roles):
        raise SpecError(f"roles is {roles!r}: it must be a tuple of pairs (parameter name, role)")
    names, taken = [name for name, _ in roles], [role for _, role in roles]
    for name, role in roles:
        _one_of(f"role of parameter {name!r}", role, ROLES)
        if not isinstance(name, str) or not name:
            raise SpecError(f"parameter name {name!r} of role {role}: it must be a word")
        if names.count(name) > 1:
            raise SpecError(f"parameter {name!r} is listed twice: give each parameter one role")
        if taken.count(role) > 1:
            raise SpecError(f"role {role!r} is given twice: one parameter plays each role")
    for role in REQUIRED_ROLES:
        if role not in taken:
            raise SpecError(f"no parameter has the role {role!r}: add a pair (name, {role!r}) to roles")


def _check_names(spec: Spec, params: Mapping[str, Any]) -> None:
    for name in spec.names:
        if name not in params:
            raise SpecError(f"parameter {name!r} is missing: the model has {', '.join(spec.names)}")
    for name in params:
        if name not in spec.names:
            raise SpecError(f"parameter {name!r} is unknown: the model has {', '.join(spec.names)}")


def _step_shapes(name: str, sequence: Any) -> list[Shape]:
    """Shape of each step's array, of one array with a leading time axis or of a sequence of arrays."""
    if not hasattr(sequence, "shape"):
        return [tuple(item.shape) for item in sequence]
    shape = tuple(sequence.shape)
    if not shape:
        raise SpecError(f"{name} is a scalar: its first axis must be time")
    return [shape[1:]] * shape[0]


def _matrix_shape(spec: Spec, role: str, params: Mapping[str, Any]) -> Shape:
    """Shape as (outputs, inputs), whatever the convention."""
    name = spec.name(role)
    assert name is not None  # a Spec always has the required roles
    shape = tuple(params[name].shape)
    if len(shape) != 2 or 0 in shape:
        raise SpecError(f"{name} has shape {shape}: an {role} weight is a matrix with no empty axis")
    return shape if spec.convention == "col" else shape[::-1]


def _check_parameter(spec: Spec, name: str, shape: Shape, sizes: Sizes) -> None:
    wanted = spec.shape(name, sizes)
    bias = len(wanted) == 1
    if shape == wanted or (bias and sizes.B is not None and shape == (1, *wanted)):
        return
    hint = f"{(1, *wanted)} or {wanted}" if bias and sizes.B is not None else str(wanted)
    raise SpecError(
        f"{name} ({dict(spec.roles)[name]}) has shape {shape}: with convention {spec.convention!r} and {sizes} "
        f"it must be {hint}"
    )


def _check_targets(spec: Spec, y: Any, sizes: Sizes, wanted: Shape) -> None:
    if spec.many_to_one:
        if tuple(y.shape) != wanted:
            raise SpecError(f"y has shape {tuple(y.shape)}: many_to_one reads out step T only, so it must be {wanted}")
        return
    y_shapes = _step_shapes("y", y)
    if len(y_shapes) != sizes.T:
        raise SpecError(f"y has {len(y_shapes)} steps and x has {sizes.T}: they must be equally long")
    for t, shape in enumerate(y_shapes, start=1):
        if shape != wanted:
            raise SpecError(f"y at step {t} has shape {shape}: {spec.name('output')} and x need {wanted}")
