"""The pointwise operations and their derivatives; v is the node's own value."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import numpy as np

from shared.graphs.drawing import number
from shared.graphs.rules import Array, Arrays, Fault, Pointwise, Side, Use, Written, wanted, words

LEAK = 0.01
"""Slope of leaky_relu below 0, torch's default."""


def _sigmoid(x: Array) -> Array:
    """Return 1/(1+e^(−x)) in the form that does not overflow on either side."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


_erf = np.frompyfunc(math.erf, 1, 1)


def _normal(x: Array) -> Array:
    """Return Φ(x), the share of a standard normal below x."""
    return np.asarray(0.5 * (1.0 + np.asarray(_erf(x / math.sqrt(2.0)), dtype=np.float64)))


def _gelu_slope(x: Array) -> Array:
    return np.asarray(_normal(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi))


def _silu_slope(x: Array) -> Array:
    s = _sigmoid(x)
    return np.asarray(s * (1.0 + x * (1.0 - s)))


def _sign(xs: Arrays) -> Array:
    """Return the side of a kink at 0: −1, 1, or NaN right on it."""
    return np.where(xs[0] == 0.0, np.nan, np.sign(xs[0]))


def of_argument(
    compute: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    text: str,
    *,
    fault: Fault | None = None,
    side: Side | None = None,
) -> Pointwise:
    """Return the rule of a function whose slope is written in its argument."""
    return Pointwise(compute, lambda use: slope(use.x), words(text), fault=fault, side=side)


def of_value(
    compute: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    text: str,
    *,
    fault: Fault | None = None,
) -> Pointwise:
    """Return the rule of a function whose slope is written in its own value."""
    return Pointwise(compute, lambda use: slope(use.v), words(text), fault=fault)


def _power_slope(use: Use) -> Array:
    """Return r·l^(r−1), 0 where r = 0; and l^r·ln l, which wants l > 0."""
    base, exponent = np.broadcast_arrays(use.xs[0], use.xs[1])
    if use.i == 0:
        one_less = np.where(exponent == 0.0, 0.0, exponent - 1.0)
        return np.where(exponent == 0.0, 0.0, exponent * np.power(base, one_less))
    return np.where(base > 0.0, use.v * np.log(np.where(base > 0.0, base, 1.0)), np.nan)


def _power_fault(xs: Arrays, i: int | None) -> str | None:
    base, exponent = xs
    if np.any((base == 0.0) & (exponent < 0.0)):
        return "a base other than 0 under an exponent below 0"
    if np.any((base < 0.0) & (exponent != np.floor(exponent))):
        return "a whole exponent, or a base that is not below 0"
    if i == 0 and np.any((base == 0.0) & (exponent > 0.0) & (exponent < 1.0)):
        return "a base above 0 under an exponent below 1"
    if i == 1 and np.any(base <= 0.0):
        return "a base above 0, since the derivative by the exponent has its logarithm"
    return None


def _power_says(at: Written) -> str:
    base, exponent = at.operands[0].name, at.operands[1]
    if at.i == 1:
        return f"{at.v}·ln {base}"
    if exponent.literal is None:
        return f"{exponent.name}·{base}^({exponent.name} − 1)"
    short = {0.0: "0", 1.0: "1", 2.0: f"2·{base}"}.get(exponent.literal)
    return short or f"{exponent.name}·{base}^{_bracketed(exponent.literal - 1.0)}"


def _bracketed(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def _largest(*xs: Array) -> Array:
    return reduce(np.maximum, xs)


def _smallest(*xs: Array) -> Array:
    return reduce(np.minimum, xs)


def _wins(xs: Arrays, v: Array) -> Array:
    return np.array([np.broadcast_to(x, v.shape) == v for x in xs])


def _winner_slope(use: Use) -> Array:
    """Return 1 for the winner; a tie shares it equally."""
    wins = _wins(use.xs, use.v)
    return np.asarray(wins[use.i] / wins.sum(axis=0))


def _best(compute: Callable[..., Array], word: str) -> Pointwise:
    """Return the rule of max or min over several operands."""

    def says(at: Written) -> str:
        return f"1 where {at.operands[at.i].name} is the {word}, else 0; a tie is shared"

    def side(xs: Arrays) -> Array:
        wins = _wins(xs, compute(*xs))
        return np.where(wins.sum(axis=0) > 1, np.nan, wins.argmax(axis=0))

    return Pointwise(compute, _winner_slope, says, arity=(2, 16), side=side)


TWO = (2, 2)
POSITIVE = wanted("an argument above 0", lambda x: x > 0.0)
BELOW_709 = wanted("an argument below 709", lambda x: np.isfinite(np.exp(x)))
WITHIN_709 = wanted("an argument between −709 and 709", lambda x: np.isfinite(np.cosh(x)))
POINTWISE: dict[str, Pointwise] = {
    "add": Pointwise(np.add, lambda use: np.ones_like(use.v), words("1"), TWO),
    "sub": Pointwise(np.subtract, lambda use: np.full_like(use.v, 1.0 - 2 * use.i), words("1", "−1"), TWO),
    "mul": Pointwise(np.multiply, lambda use: use.other, words("{r}", "{l}"), TWO),
    "div": Pointwise(
        np.divide,
        lambda use: (1.0 if use.i == 0 else -use.v) / use.xs[1],
        words("1/{r}", "−{l}/{r}^2"),
        TWO,
        fault=wanted("a divisor that is not 0", lambda x: x != 0.0),
    ),
    "pow": Pointwise(np.power, _power_slope, _power_says, TWO, fault=_power_fault),
    "neg": of_argument(np.negative, lambda x: np.full_like(x, -1.0), "−1"),
    "exp": of_value(np.exp, lambda v: v, "{v}", fault=BELOW_709),
    "log": of_argument(np.log, lambda x: 1.0 / x, "1/{x}", fault=POSITIVE),
    "log1p": of_argument(
        np.log1p,
        lambda x: 1.0 / (1.0 + x),
        "1/(1 + {x})",
        fault=wanted("an argument above −1", lambda x: x > -1.0),
    ),
    "expm1": of_value(np.expm1, lambda v: v + 1.0, "{v} + 1", fault=BELOW_709),
    "sqrt": of_value(np.sqrt, lambda v: 0.5 / v, "1/(2·{v})", fault=POSITIVE),
    "square": of_argument(np.square, lambda x: 2.0 * x, "2·{x}"),
    "abs": of_argument(np.abs, np.sign, "sign({x})", side=_sign),
    "sin": of_argument(np.sin, np.cos, "cos({x})"),
    "cos": of_argument(np.cos, lambda x: -np.sin(x), "−sin({x})"),
    "tan": of_value(np.tan, lambda v: 1.0 + v * v, "1 + {v}^2"),
    "sinh": of_argument(np.sinh, np.cosh, "cosh({x})", fault=WITHIN_709),
    "cosh": of_argument(np.cosh, np.sinh, "sinh({x})", fault=WITHIN_709),
    "tanh": of_value(np.tanh, lambda v: 1.0 - v * v, "1 − {v}^2"),
    "sigmoid": of_value(_sigmoid, lambda v: v * (1.0 - v), "{v}·(1 − {v})"),
    "softplus": of_argument(lambda x: np.logaddexp(0.0, x), _sigmoid, "sigmoid({x})"),
    "relu": of_argument(
        lambda x: np.maximum(x, 0.0),
        lambda x: np.where(x > 0, 1.0, 0.0),
        "1 where {x} > 0, else 0",
        side=_sign,
    ),
    "leaky_relu": of_argument(
        lambda x: np.where(x > 0, x, LEAK * x),
        lambda x: np.where(x > 0, 1.0, LEAK),
        f"1 where {{x}} > 0, else {LEAK}",
        side=_sign,
    ),
    "silu": of_argument(lambda x: x * _sigmoid(x), _silu_slope, "s·(1 + {x}·(1 − s)) with s = sigmoid({x})"),
    "gelu": of_argument(lambda x: x * _normal(x), _gelu_slope, "Φ({x}) + {x}·φ({x})"),
    "max": _best(_largest, "largest"),
    "min": _best(_smallest, "smallest"),
}
