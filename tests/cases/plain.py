"""Run a vanilla RNN in plain Python, number by number: the witness of the tests, independent of NumPy and the package.

Any value on the way can be moved by a tiny imaginary number, and the derivative read off the loss:
dL/dv = Im L(v + 1e−30·i) / 1e−30.
"""

import cmath
import copy
from dataclasses import dataclass, field

STEP = 1e-30


@dataclass
class Run:
    """The values of one forward pass, as nested lists of complex numbers; h has T + 1 entries."""

    loss: complex = 0.0
    step_losses: list = field(default_factory=list)
    h: list = field(default_factory=list)
    a: list = field(default_factory=list)
    z: list = field(default_factory=list)
    out: list = field(default_factory=list)


def run(model, params, x, y, h0, move=None):
    """Forward pass of a model in the words of the case schema.

    params is one dict, or a list of T dicts (a copy for each step). `move` is (kind, t, sample, unit): the value of
    kind "h", "a" or "z" at step t that gets the imaginary step.
    """
    T, B = len(x), len(x[0])
    names = {role: name for name, role in model["roles"].items()}
    copies = params if isinstance(params, list) else [params] * T
    weight = 1.0 / T if model["time_weight"] == "1/T" else 1.0
    result = Run(h=[moved(h0, "h", 0, move)])
    for t in range(1, T + 1):
        theta = {role: copies[t - 1][name] for role, name in names.items()}
        a = []
        for i in range(B):
            from_input = times(model, theta["input"], x[t - 1][i])
            from_state = times(model, theta["recurrent"], result.h[t - 1][i])
            bias = flat(theta.get("hidden_bias", [0.0] * len(from_state)))
            a.append([u + w + b for u, w, b in zip(from_input, from_state, bias, strict=True)])
        result.a.append(moved(a, "a", t, move))
        h = [[activate(model["activation"], v) for v in row] for row in result.a[-1]]
        result.h.append(moved(h, "h", t, move))
        if model["many_to_one"] and t < T:
            continue
        z = []
        for i in range(B):
            readout = times(model, theta["output"], result.h[t][i])
            bias = flat(theta.get("output_bias", [0.0] * len(readout)))
            z.append([v + c for v, c in zip(readout, bias, strict=True)])
        z = moved(z, "z", t, move)
        out = [output(model["output_activation"], row) for row in z]
        target = y if model["many_to_one"] else y[t - 1]
        J = sum(step_loss(model["loss"], z[i], out[i], target[i]) for i in range(B))
        if model["batch_reduction"] == "mean":
            J = J / B
        result.z.append(z)
        result.out.append(out)
        result.step_losses.append(J)
    result.loss = weight * sum(result.step_losses)
    return result


def times(model, matrix, vector):
    """Matrix times column, or row times matrix."""
    if model["convention"] == "col":
        return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]
    return [sum(vector[j] * matrix[j][i] for j in range(len(vector))) for i in range(len(matrix[0]))]


def activate(word, a):
    """φ(a)."""
    if word == "tanh":
        return cmath.tanh(a)
    if word == "sigmoid":
        return 1.0 / (1.0 + cmath.exp(-a))
    if word == "relu":
        return a if complex(a).real > 0 else 0.0 * a
    return a


def output(word, z):
    """The output activation of one row."""
    if word == "softmax":
        total = sum(cmath.exp(v) for v in z)
        return [cmath.exp(v) / total for v in z]
    return [activate(word, v) for v in z]


def step_loss(word, z, out, y):
    """One sample's loss, summed over its features, exactly as it is defined."""
    if word == "half_mse":
        return 0.5 * sum((o - v) ** 2 for o, v in zip(out, y, strict=True))
    if word == "sq_err":
        return sum((o - v) ** 2 for o, v in zip(out, y, strict=True))
    if word == "bce":
        return sum(-v * cmath.log(o) - (1.0 - v) * cmath.log(1.0 - o) for o, v in zip(out, y, strict=True))
    p = output("softmax", z)
    return sum(-v * cmath.log(q) for q, v in zip(p, y, strict=True))


def moved(rows, kind, t, move):
    """Rows of complex numbers, one of them moved where `move` says so."""
    rows = [[complex(v) for v in row] for row in rows]
    if move and move[:2] == (kind, t):
        rows[move[2]][move[3]] += 1j * STEP
    return rows


def flat(bias):
    """A bias given as (m,) or (1, m), as a list of m."""
    return bias[0] if isinstance(bias[0], list) else bias


# ---- derivatives of L by everything, and of every J_t by every step's copy of a parameter ----


def by_values(model, params, x, y, h0, kind):
    """dL/dh (T + 1 rows), dL/da or dL/dz, as nested lists."""
    values = run(model, params, x, y, h0)
    first = {"h": 0, "a": 1, "z": len(x) if model["many_to_one"] else 1}[kind]
    return [
        [
            [run(model, params, x, y, h0, (kind, t, i, j)).loss.imag / STEP for j in range(len(rows[i]))]
            for i in range(len(rows))
        ]
        for t, rows in enumerate(getattr(values, kind), start=first)
    ]


def by_array(array, loss):
    """dL/darray for a nested list, given loss(array)."""
    return each_entry(array, lambda changed: loss(changed).imag / STEP)


def by_copies(model, params, x, y, h0, name):
    """C[row][k]: dJ_t by step k's copy of parameter `name`, nested lists (rows with a loss, T, shape of it)."""
    T = len(x)
    by_step = []
    for k in range(T):

        def step_losses(changed, k=k):
            copies = [{**params, name: changed} if s == k else params for s in range(T)]
            return [J.imag / STEP for J in run(model, copies, x, y, h0).step_losses]

        by_step.append(each_entry(params[name], step_losses))
    rows = range(len(run(model, params, x, y, h0).step_losses))
    return [[pick(by_step[k], row) for k in range(T)] for row in rows]


def each_entry(array, measure, path=()):
    """The nested list of measure(array with that entry moved)."""
    inner = array
    for index in path:
        inner = inner[index]
    if isinstance(inner, list):
        return [each_entry(array, measure, (*path, index)) for index in range(len(inner))]
    changed = copy.deepcopy(array)
    place = changed
    for index in path[:-1]:
        place = place[index]
    place[path[-1]] = complex(place[path[-1]]) + 1j * STEP
    return measure(changed)


def pick(nested, row):
    """Entry `row` of the innermost lists."""
    if isinstance(nested[0], list):
        return [pick(inner, row) for inner in nested]
    return nested[row]
