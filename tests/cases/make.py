"""Write vanilla.json, a small file of cases: `python -m tests.cases.make`. Everything expected comes from plain.py."""

import json
import math
import random
from pathlib import Path

from tests.cases import plain

FILE = Path(__file__).with_name("vanilla.json")
WORDS = (
    "convention", "activation", "output_activation", "loss", "time_weight", "batch_reduction", "many_to_one"
)  # fmt: skip
BIASED = {"U": "input", "W": "recurrent", "b": "hidden_bias", "V": "output", "c": "output_bias"}
# (id, words, roles, (T, B, d, m, q), h0 = 0)
CASES = (
    ("col-tanh-softmax", ("col", "tanh", "softmax", "softmax_ce", "1/T", "sum", False), BIASED, (4, 2, 2, 3, 2), False),
    ("row-sigmoid-mean", ("row", "sigmoid", "tanh", "sq_err", "1", "mean", False), BIASED, (5, 3, 3, 2, 2), False),
    ("row-many-to-one", ("row", "tanh", "sigmoid", "bce", "1", "sum", True),
     {"w_i": "input", "w_h": "recurrent", "w_o": "output"}, (6, 2, 2, 3, 1), False),
    ("col-linear", ("col", "identity", "identity", "softmax_ce", "1/T", "sum", False),
     {"W_hx": "input", "W_hh": "recurrent", "W_qh": "output"}, (5, 1, 2, 2, 3), True),
    ("row-one-step", ("row", "tanh", "identity", "half_mse", "1/T", "sum", False), BIASED, (1, 1, 2, 2, 2), True),
)  # fmt: skip


def main():
    """Write the file anew."""
    cases = [make(*case, seed=number) for number, case in enumerate(CASES)]
    for group, kind in (("gated", "lstm"), ("truncated", "vanilla_rnn")):
        cases.append({"id": f"{group}-stub", "group": group, "model": {"kind": kind}})
    FILE.write_text(json.dumps({"schema_version": 1, "cases": cases}, indent=None) + "\n", encoding="utf-8")


def make(id_, words, roles, sizes, zero_h0, seed):
    """One case with everything the schema can expect."""
    T, B, d, m, q = sizes
    rng = random.Random(seed)
    model = {"kind": "vanilla_rnn", **dict(zip(WORDS, words, strict=True)), "roles": roles}
    shapes = {"input": (m, d), "recurrent": (m, m), "hidden_bias": (m,), "output": (q, m), "output_bias": (q,)}
    params = {}
    for name, role in roles.items():
        shape = shapes[role]
        if model["convention"] == "row":
            shape = shape[::-1] if len(shape) == 2 else (1, *shape)  # biases (1, m), as the row sources have them
        params[name] = draw(rng, shape)
    x, h0 = draw(rng, (T, B, d)), [[0.0] * m for _ in range(B)] if zero_h0 else draw(rng, (B, m))
    y = draw(rng, (B, q) if model["many_to_one"] else (T, B, q), low=0.1 if "ce" in model["loss"] else None)
    given = (model, params, x, y, h0)
    values = plain.run(*given)
    steps = [T] if model["many_to_one"] else list(range(1, T + 1))
    expected = {
        "loss": values.loss.real,
        "step_losses": [J.real for J in values.step_losses],
        "step_weight": 1.0 / T if model["time_weight"] == "1/T" else 1.0,
        **{kind: real(getattr(values, kind)) for kind in ("h", "a", "z", "out")},
        "grads": {
            name: plain.by_array(p, lambda moved, name=name: plain.run(model, {**params, name: moved}, x, y, h0).loss)
            for name, p in params.items()
        },
        **{"d" + kind: plain.by_values(*given, kind) for kind in ("h", "a", "z")},
        "dx": plain.by_array(x, lambda moved: plain.run(model, params, moved, y, h0).loss),
        "contrib_loss_steps": steps,
    }
    recurrent = [name for name, role in roles.items() if role in ("input", "recurrent", "hidden_bias")]
    full = {name: plain.by_copies(*given, name) for name in recurrent}
    expected["contrib_norm"] = {name: [[norm(C) for C in row] for row in table] for name, table in full.items()}
    expected["contrib_full"] = full
    return {
        "id": id_, "group": "published", "model": model, "sizes": dict(zip("TBdmq", sizes, strict=True)),
        "x": x, "y": y, "h0": h0, "params": params, "expected": expected,
    }  # fmt: skip


def draw(rng, shape, low=None):
    """Nested list of normal numbers, or of numbers between low and 1 − low."""
    if shape:
        return [draw(rng, shape[1:], low) for _ in range(shape[0])]
    return rng.gauss(0.0, 0.7) if low is None else rng.uniform(low, 1.0 - low)


def real(nested):
    """Real parts of a nested list."""
    return [real(inner) for inner in nested] if isinstance(nested, list) else nested.real


def norm(nested):
    """Frobenius norm of a nested list."""
    return math.sqrt(sum(norm(inner) ** 2 for inner in nested)) if isinstance(nested, list) else abs(nested)


if __name__ == "__main__":
    main()
