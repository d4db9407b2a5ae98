"""Many models for the tests: every activation with every loss, the other words and the sizes dealt out in turn."""

from tinygrad_rnn.spec import ACTIVATIONS, OUTPUTS_OF_LOSS, Sizes, Spec

BIASES = (("hidden_bias", "output_bias"), ("hidden_bias",), ("output_bias",), ())
NAMES = {"input": "U", "recurrent": "W", "hidden_bias": "b", "output": "V", "output_bias": "c"}
LENGTHS = (1, 2, 4, 7)


def every_model() -> list[tuple[Spec, Sizes]]:
    """(spec, sizes) for T in 1, 2, 4, 7 and each of the 44 combinations of activation, output activation and loss.

    Convention, reductions, biases, many-to-one and batch turn at different speeds, so that all their values meet.
    """
    models = []
    for activation in ACTIVATIONS:
        for loss, outputs in OUTPUTS_OF_LOSS.items():
            for output in outputs:
                for T in LENGTHS:
                    n = len(models)
                    present = ("input", "recurrent", "output", *BIASES[(n + n // 4 + n // 16) % 4])
                    spec = Spec(
                        convention=("col", "row")[(n + n // 8) % 2],
                        activation=activation,
                        output_activation=output,
                        loss=loss,
                        time_weight=("1/T", "1")[(n // 2 + n // 8) % 2],
                        batch_reduction=("sum", "mean")[(n // 4 + n // 12) % 2],
                        many_to_one=(n // 3) % 3 == 0,
                        roles=tuple((NAMES[role], role) for role in NAMES if role in present),
                    )
                    models.append((spec, Sizes(T, B=(1, 3)[(n // 5) % 2], d=2, m=2 + (n // 7) % 2, q=1 + n % 3)))
    return models


def name_of(case: tuple[Spec, Sizes]) -> str:
    """A readable test id."""
    spec, sizes = case
    form = "one" if spec.many_to_one else "many"
    return (
        f"{spec.convention}-{spec.activation}-{spec.output_activation}-{spec.loss}-{form}-{spec.batch_reduction}-"
        f"{spec.time_weight.replace('/', ':')}-{''.join(spec.names)}-{str(sizes).replace(' ', '')}"
    )
