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
# (id, truncation, (T, B, d, m, q)), all of the one model of their group
TRUNCATED_ROLES = {
    "W_ih": "input", "W_hh": "recurrent", "b": "hidden_bias", "W_out": "output", "b_out": "output_bias"
}  # fmt: skip
TRUNCATED = (
    ("truncated-williams-peng", {"mode": "williams_peng", "k1": 2, "k2": 3}, (5, 2, 2, 3, 2)),
    ("truncated-detach", {"mode": "detach_every_k", "k": 2}, (5, 1, 2, 2, 2)),
    ("truncated-max-lag", {"mode": "max_lag", "tau": 1}, (5, 2, 1, 2, 1)),
)


def main():
    """Write the file anew."""
    cases = [make(*case, seed=number) for number, case in enumerate(CASES)]
    cases += [make_truncated(*case, seed=number) for number, case in enumerate(TRUNCATED, start=len(CASES))]
    cases.append({"id": "gated-stub", "group": "gated", "model": {"kind": "lstm"}})
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


def make_truncated(id_, truncation, sizes, seed):
    """One case with truncated gradients by their definition: every run starts at a state that is a number."""
    T, B, d, m, q = sizes
    rng = random.Random(seed)
    words = ("col", "tanh", "identity", "half_mse", "1", "sum")
    model = {"kind": "vanilla_rnn", **dict(zip(WORDS, words, strict=False))}
    shapes = {"input": (m, d), "recurrent": (m, m), "hidden_bias": (m,), "output": (q, m), "output_bias": (q,)}
    params = {name: draw(rng, shapes[role]) for name, role in TRUNCATED_ROLES.items()}
    x, y, h0 = draw(rng, (T, B, d)), draw(rng, (T, B, q)), draw(rng, (B, m))
    whole = {**model, "roles": TRUNCATED_ROLES, "many_to_one": False}
    values = plain.run(whole, params, x, y, h0)
    states = [real(h) for h in values.h]
    runs = started_anew(truncation, T)

    def cut(moved):
        total = 0.0
        for start, first, last in runs:
            losses = plain.run(whole, moved, x[start:last], y[start:last], states[start]).step_losses
            total = total + sum(losses[first - start - 1 :])
        return total

    def full(moved):
        return plain.run(whole, moved, x, y, h0).loss

    expected = {"loss": values.loss.real}
    for field, loss in (("grads", cut), ("full_grads", full)):
        expected[field] = {
            name: plain.by_array(p, lambda moved, name=name, loss=loss: loss({**params, name: moved}))
            for name, p in params.items()
        }
    expected["mask"] = [
        [int(any(first <= t <= last and start < k <= t for start, first, last in runs)) for k in range(1, T + 1)]
        for t in range(1, T + 1)
    ]
    expected["blocks"] = [
        {"loss_steps": list(range(first, last + 1)), "window": [start + 1, last]} for start, first, last in runs
    ]
    return {
        "id": id_, "group": "truncated", "model": model, "truncation": truncation,
        "sizes": dict(zip("TBdmq", sizes, strict=True)), "x": x, "y": y, "h0": h0, "params": params,
        "expected": expected,
    }  # fmt: skip


def started_anew(truncation, T):
    """(start, first, last): runs from the constant state h_start, of which the losses first…last count."""
    mode = truncation["mode"]
    if mode == "max_lag":
        return [(max(0, t - truncation["tau"] - 1), t, t) for t in range(1, T + 1)]
    if mode == "detach_every_k":
        k = truncation["k"]
        return [(start, start + 1, min(start + k, T)) for start in range(0, T, k)]
    ends = sorted({*range(truncation["k1"], T, truncation["k1"]), T})
    return [(max(0, end - truncation["k2"]), before + 1, end) for before, end in zip([0, *ends], ends, strict=False)]


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
