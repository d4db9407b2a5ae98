"""Look up what holds where a function has no derivative, or its numbers leave the finite: a table that is tested.

    for stated in conventions("np.sqrt"):
        print(stated.says, stated.question, stated.answer)

`tinygrad-rnn ops sqrt` prints the same. Every row is a call, numbers to call it with, and what comes out: the tests run
each. Two thoughts lie behind the choices: a kink, a tie or a masked place gives a number that a sum can go on with;
what grows without bound is infinite, and what is 0/0 or ∞ − ∞ is NaN, as NumPy's calculus has it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stated:
    """One statement, in Python's words for numbers, with inf, nan, pi and log of NumPy.

    Attributes:
        functions: whose edge it is, "np.absolute, np.fabs".
        says: the statement in short.
        call: an expression of the names in `at`.
        at: the numbers, "a=[1, 2], b=[1, 1]".
        value: of the call.
        gradient: of the sum of the value, by each of the names.
        second: the second derivative of that sum by each number alone: the diagonal of the Hessian.
    """

    functions: str
    says: str
    call: str
    at: str
    value: str
    gradient: str
    second: str

    @property
    def question(self) -> str:
        """The call with its numbers."""
        return f"{self.call} at {self.at}".replace("inf", "∞").replace("nan", "NaN")

    @property
    def answer(self) -> str:
        """What comes out."""
        said = f"is {self.value}, gradient {self.gradient}, second derivative {self.second}"
        return said.replace("inf", "∞").replace("nan", "NaN")


def conventions(function: str) -> list[Stated]:
    """What is stated of a function, named as it is listed: "np.sqrt", "tg.logsumexp"."""
    return [stated for stated in STATED if function in stated.functions.split(", ")]


_PASSES_NOTHING = "in second order, too: the Hessian of its square comes out 0 and is not 0; write x * x"
_NO_WEIGHTS = "a row of nothing but −∞, or with +∞, has no weights: choose another row with np.where first"

STATED = (
    # ---- kinks -------------------------------------------------------------------------------------------------------
    Stated("tg.relu", "the derivative at 0 is 0", "tg.relu(x)",
           "x=[0, 1, -inf, inf]", "[0, 1, 0, inf]", "[0, 1, 0, 1]", "[0, 0, 0, 0]"),
    Stated("np.absolute, np.fabs", "the derivative at 0 is 0", "np.absolute(x) + np.fabs(x)",
           "x=[0, -2, 3]", "[0, 4, 6]", "[0, -2, 2]", "[0, 0, 0]"),
    Stated("np.absolute, np.fabs", _PASSES_NOTHING, "np.absolute(x) ** 2 + np.fabs(x) ** 2",
           "x=[0, -2]", "[0, 8]", "[0, -8]", "[0, 4]"),
    Stated("np.absolute, np.fabs", "a power between 1 and 2 of it has no second derivative at 0",
           "np.absolute(x) ** 1.5 + np.fabs(x) ** 1.5", "x=0", "0", "0", "nan"),
    Stated("np.sqrt", "the derivative at 0 is 0, so that lengths have one", "np.sqrt(x)",
           "x=[0, 4]", "[0, 2]", "[0, 0.25]", "[0, -1/32]"),
    Stated("np.linalg.norm", "the gradient at 0 is 0", "np.linalg.norm(x)", "x=[0, 0]", "0", "[0, 0]", "[0, 0]"),
    Stated("np.linalg.norm", "the gradient at 0 is 0", "np.linalg.norm(x, 1)", "x=[0, 0]", "0", "[0, 0]", "[0, 0]"),
    Stated("np.linalg.norm", "the gradient at 0 is 0", "np.linalg.norm(x, 3, axis=1)",
           "x=[[0, 0], [0, -2]]", "[0, 2]", "[[0, 0], [0, -1]]", "[[0, 0], [0, 0]]"),
    Stated("np.linalg.norm", "below order 2 there is no second derivative at 0", "np.linalg.norm(x, 1.5)",
           "x=[0, 0]", "0", "[0, 0]", "[nan, nan]"),
    Stated("np.linalg.norm", _PASSES_NOTHING, "np.linalg.norm(x) ** 2", "x=[0, 0]", "0", "[0, 0]", "[0, 0]"),
    Stated("np.hypot", "the gradient at 0 is 0", "np.hypot(a, b)",
           "a=[0, 3], b=[0, 4]", "[0, 5]", "[0, 0.6], [0, 0.8]", "[0, 0.128], [0, 0.072]"),
    Stated("np.hypot", _PASSES_NOTHING, "np.hypot(a, b) ** 2", "a=0, b=0", "0", "0, 0", "0, 0"),
    Stated("np.hypot", "∞ / ∞ is NaN", "np.hypot(a, b)", "a=inf, b=1", "inf", "nan, 0", "nan, 0"),
    Stated("np.std", "the gradient at equal numbers is 0", "np.std(x)", "x=[2, 2]", "0", "[0, 0]", "[0, 0]"),
    Stated("np.std", _PASSES_NOTHING.replace("x * x", "np.var(x)"), "np.std(x) ** 2",
           "x=[2, 2]", "0", "[0, 0]", "[0, 0]"),
    Stated("np.arctan2", "the gradient at the origin is 0", "np.arctan2(a, b)",
           "a=[0, 1, 0], b=[0, 0, -1]", "[0, pi/2, pi]", "[0, 0, -1], [0, -1, 0]", "[0, 0, 0], [0, 0, 0]"),
    Stated("np.cbrt", "the derivative at 0 is 0", "np.cbrt(x)", "x=[0, 8]", "[0, 2]", "[0, 1/12]", "[0, -1/144]"),
    # ---- ties --------------------------------------------------------------------------------------------------------
    Stated("np.maximum", "equal arguments share the gradient in halves", "np.maximum(a, b)",
           "a=[1, 2, inf], b=[1, 1, inf]", "[1, 2, inf]", "[0.5, 1, 0.5], [0.5, 0, 0.5]", "[0, 0, 0], [0, 0, 0]"),
    Stated("np.minimum", "equal arguments share the gradient in halves", "np.minimum(a, b)",
           "a=[1, 2, -inf], b=[1, 1, -inf]", "[1, 1, -inf]", "[0.5, 0, 0.5], [0.5, 1, 0.5]", "[0, 0, 0], [0, 0, 0]"),
    Stated("np.maximum, np.minimum", "beside a NaN there is no gradient", "np.maximum(a, b) + np.minimum(a, b)",
           "a=[nan, 1], b=[1, nan]", "[nan, nan]", "[0, 0], [0, 0]", "[0, 0], [0, 0]"),
    Stated("np.fmax", "the one that is no NaN has it all; equal ones share in halves", "np.fmax(a, b)",
           "a=[nan, 1, 2, nan], b=[1, nan, 2, nan]", "[1, 1, 2, nan]", "[0, 1, 0.5, 0], [1, 0, 0.5, 0]",
           "[0, 0, 0, 0], [0, 0, 0, 0]"),
    Stated("np.fmin", "the one that is no NaN has it all; equal ones share in halves", "np.fmin(a, b)",
           "a=[nan, 1, 2, nan], b=[1, nan, 2, nan]", "[1, 1, 2, nan]", "[0, 1, 0.5, 0], [1, 0, 0.5, 0]",
           "[0, 0, 0, 0], [0, 0, 0, 0]"),
    Stated("np.clip", "a number on a bound shares its gradient with the bound", "np.clip(x, 0.0, 1.0)",
           "x=[0, 0.5, 1, 2]", "[0, 0.5, 1, 1]", "[0.5, 1, 0.5, 0]", "[0, 0, 0, 0]"),
    Stated("np.max, np.amax", "equal extremes share the gradient", "np.max(x)",
           "x=[1, 0, 1, 1]", "1", "[1/3, 0, 1/3, 1/3]", "[0, 0, 0, 0]"),
    Stated("np.max, np.amax", "equal extremes share the gradient, and the curvature of what they are", "np.max(x * x)",
           "x=[1, 1]", "1", "[1, 1]", "[1, 1]"),
    Stated("np.min, np.amin", "equal extremes share the gradient", "np.min(x, axis=1)",
           "x=[[1, 1], [2, 3]]", "[1, 2]", "[[0.5, 0.5], [1, 0]]", "[[0, 0], [0, 0]]"),
    Stated("np.max, np.min, np.amax, np.amin", "a NaN among them makes every gradient NaN", "np.max(x) + np.min(x)",
           "x=[1, nan]", "nan", "[nan, nan]", "[0, 0]"),
    Stated("np.sort", "equal numbers stay in the order in which they stand", "np.sort(x) * [1, 2, 3]",
           "x=[1, 1, 0]", "[0, 2, 3]", "[2, 3, 1]", "[0, 0, 0]"),
    # ---- steps -------------------------------------------------------------------------------------------------------
    Stated("np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round", "steps have gradient 0, at their jumps, too",
           "np.sign(x) + np.floor(x) + np.ceil(x) + np.rint(x) + np.trunc(x) + np.round(x)",
           "x=[0, 1, 0.25]", "[0, 6, 2]", "[0, 0, 0]", "[0, 0, 0]"),
    Stated("np.heaviside, np.floor_divide", "steps have gradient 0, at their jumps, too",
           "np.heaviside(a, b) + np.floor_divide(a, b)", "a=[0, 4], b=[0.5, 2]", "[0.5, 3]", "[0, 0], [0, 0]",
           "[0, 0], [0, 0]"),
    Stated("np.remainder", "at its jumps it has the gradient of beside them", "np.remainder(a, b)",
           "a=[4, -1], b=[2, 3]", "[0, 2]", "[1, 1], [-2, 1]", "[0, 0], [0, 0]"),
    # ---- powers and products -----------------------------------------------------------------------------------------
    Stated("np.power", "x ** 0 is the constant 1", "x ** 0", "x=[0, inf, 3]", "[1, 1, 1]", "[0, 0, 0]", "[0, 0, 0]"),
    Stated("np.power", "whole exponents are exact at 0", "x ** 1 + x ** 2 + x ** 3", "x=0", "0", "1", "2"),
    Stated("np.power", "at 0 a root has an infinite derivative", "x ** 0.5", "x=0", "0", "inf", "-inf"),
    Stated("np.power", "at 0 a root has an infinite derivative", "x ** 1.5", "x=0", "0", "0", "inf"),
    Stated("np.power", "the exponent of 0 and of a negative number has gradient 0; "
           "the slope n x ** (n − 1) has one by n, so the Hessian is not symmetric there", "[0.0, 0.0, -2.0] ** n",
           "n=[1, 2, 3]", "[0, 0, -8]", "[0, 0, 0]", "[0, 0, 0]"),
    Stated("np.power", "a recorded exponent is exact elsewhere; of 0 ** 0 all gradients are 0", "x ** n",
           "x=[0, 0, -2, 1, 2], n=[0, 2, 3, 0, 1]", "[1, 0, -8, 1, 2]",
           "[0, 0, 12, 0, 1], [0, 0, 0, 0, 2 * log(2)]", "[0, 2, -12, 0, 0], [0, 0, 0, 0, 2 * log(2) ** 2]"),
    Stated("np.prod", "exact with zeros", "np.prod(x, axis=1)",
           "x=[[0, 2, 3], [0, 0, 3]]", "[0, 0]", "[[6, 0, 0], [0, 0, 0]]", "[[0, 0, 0], [0, 0, 0]]"),
    Stated("np.cumprod", "exact with zeros", "np.cumprod(x)", "x=[2, 0, 3]", "[2, 0, 0]", "[1, 8, 0]", "[0, 0, 0]"),
    # ---- ends of a domain --------------------------------------------------------------------------------------------
    Stated("np.log, np.log2, np.log10", "at 0 the derivative is infinite",
           "np.log(x) + np.log2(x) + np.log10(x)", "x=0", "-inf", "inf", "-inf"),
    Stated("np.log1p", "at −1 the derivative is infinite", "np.log1p(x)", "x=-1", "-inf", "inf", "-inf"),
    Stated("np.arcsin", "at ±1 the derivative is infinite", "np.arcsin(x)",
           "x=[1, -1]", "[pi/2, -pi/2]", "[inf, inf]", "[inf, -inf]"),
    Stated("np.arccos", "at ±1 the derivative is infinite", "np.arccos(x)",
           "x=[1, -1]", "[0, pi]", "[-inf, -inf]", "[-inf, inf]"),
    Stated("np.arccosh", "at 1 the derivative is infinite", "np.arccosh(x)", "x=1", "0", "inf", "-inf"),
    Stated("np.arctanh", "at ±1 the derivative is infinite", "np.arctanh(x)",
           "x=[1, -1]", "[inf, -inf]", "[inf, inf]", "[inf, -inf]"),
    Stated("np.divide, np.reciprocal", "at 0 the derivative is infinite", "1 / x + np.reciprocal(x)",
           "x=0", "inf", "-inf", "inf"),
    Stated("np.where", "what is not chosen is computed all the same, and 0 times infinity is NaN",
           "np.where(x > 0, np.log(x), 0.0)", "x=[0, 1]", "[0, 0]", "[nan, 1]", "[nan, -1]"),
    Stated("np.where", "so choose the argument first", "np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)",
           "x=[0, 1]", "[0, 0]", "[0, 1]", "[0, -1]"),
    # ---- far out -----------------------------------------------------------------------------------------------------
    Stated("tg.sigmoid", "the derivative is y (1 − y): 0 where y rounds to 1", "tg.sigmoid(x)",
           "x=[inf, -inf, 800, -800]", "[1, 0, 1, 0]", "[0, 0, 0, 0]", "[0, 0, 0, 0]"),
    Stated("np.tanh", "the derivative is 1 − y²: 0 where y rounds to ±1", "np.tanh(x)",
           "x=[inf, -inf, 800, -800]", "[1, -1, 1, -1]", "[0, 0, 0, 0]", "[0, 0, 0, 0]"),
    Stated("tg.softplus", "the second derivative is that of the sigmoid: 0 where it rounds to 1", "tg.softplus(x)",
           "x=[40, 0]", "[40, log(2)]", "[1, 0.5]", "[0, 0.25]"),
    Stated("tg.softplus", "0 and x far out", "tg.softplus(x)",
           "x=[inf, -inf, 800, -800]", "[inf, 0, 800, 0]", "[1, 0, 1, 0]", "[0, 0, 0, 0]"),
    # ---- masks: logits of −∞ -----------------------------------------------------------------------------------------
    Stated("np.where", "scores that a mask puts to −∞ have gradient 0", "np.where([True, False], x, -inf)",
           "x=[1, 2]", "[1, -inf]", "[1, 0]", "[0, 0]"),
    Stated("np.logaddexp", "−∞ adds nothing and has gradient 0, beside another −∞, too", "np.logaddexp(a, b)",
           "a=[-inf, -inf], b=[-inf, 1]", "[-inf, 1]", "[0, 0], [0, 1]", "[0, 0], [0, 0]"),
    Stated("np.logaddexp", "+∞ has all of the gradient; two of them share it", "np.logaddexp(a, b)",
           "a=[inf, inf], b=[inf, 1]", "[inf, inf]", "[0.5, 1], [0.5, 0]", "[0.25, 0], [0.25, 0]"),
    Stated("tg.logsumexp", "−∞ adds nothing and has gradient 0, in a row of nothing else, too", "tg.logsumexp(x)",
           "x=[[-inf, -inf], [-inf, 1]]", "[-inf, 1]", "[[0, 0], [0, 1]]", "[[0, 0], [0, 0]]"),
    Stated("tg.logsumexp", "+∞ has all of the gradient; equal ones share it", "tg.logsumexp(x)",
           "x=[[inf, inf], [inf, 1]]", "[inf, inf]", "[[0.5, 0.5], [1, 0]]", "[[0.25, 0.25], [0, 0]]"),
    Stated("tg.softmax", "−∞ has weight 0 and gradient 0", "tg.softmax(x)[..., 1]",
           "x=[-inf, 1, 1]", "0.5", "[0, 0.25, -0.25]", "[0, 0, 0]"),
    Stated("tg.softmax", _NO_WEIGHTS,
           "tg.softmax(x)", "x=[[-inf, -inf], [inf, 1]]", "[[nan, nan], [nan, nan]]", "[[nan, nan], [nan, nan]]",
           "[[nan, nan], [nan, nan]]"),
    Stated("tg.log_softmax", "−∞ has gradient 0", "tg.log_softmax(x)[..., 1]",
           "x=[-inf, 1, 1]", "-log(2)", "[0, 0.5, -0.5]", "[0, -0.25, -0.25]"),
    Stated("tg.log_softmax", _NO_WEIGHTS,
           "tg.log_softmax(x)", "x=[[-inf, -inf], [inf, 1]]", "[[nan, nan], [nan, nan]]", "[[nan, nan], [nan, nan]]",
           "[[nan, nan], [nan, nan]]"),
    Stated("tg.softmax_cross_entropy", "−∞ has gradient 0, unless it is the target",
           "tg.softmax_cross_entropy(z, [1, 0])", "z=[[-inf, 1, 1], [-inf, 1, 1]]", "[log(2), inf]",
           "[[0, -0.5, 0.5], [-1, 0.5, 0.5]]", "[[0, 0.25, 0.25], [0, 0.25, 0.25]]"),
    Stated("tg.softmax_cross_entropy", "a weight of 0 takes nothing of −∞",
           "tg.softmax_cross_entropy(z, [0, 0.5, 0.5])", "z=[-inf, 1, 1]", "log(2)", "[0, 0, 0]", "[0, 0.25, 0.25]"),
    Stated("tg.softmax_cross_entropy", _NO_WEIGHTS,
           "tg.softmax_cross_entropy(z, 0)", "z=[-inf, -inf]", "nan", "[nan, nan]", "[nan, nan]"),
    Stated("tg.binary_cross_entropy", "a logit of ±∞ costs nothing where it is right, and all where it is wrong",
           "tg.binary_cross_entropy(z, [0, 1, 1])", "z=[-inf, inf, -inf]", "[0, 0, inf]", "[0, 0, -1]", "[0, 0, 0]"),
)  # fmt: skip
