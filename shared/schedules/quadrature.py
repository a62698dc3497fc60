"""Sums of smooth stretches in far fewer terms than steps: Romberg and Euler-Maclaurin, halved at need."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

SHORT = 128
"""Steps that are summed one by one."""
PANELS = 16
ALLOWED = 1e-9
"""Of a stretch's sum, what halving its panels may still change."""
Rate = Callable[[int], float]


def _romberg() -> tuple[float, ...]:
    """Return the weights of `PANELS` panels of width 1: trapezoids of widths 1, 2, 4 … extrapolated to 0."""
    rows = []
    for width in (2**k for k in range(PANELS.bit_length())):
        inner = [float(width) if node % width == 0 else 0.0 for node in range(PANELS + 1)]
        rows.append([inner[0] / 2, *inner[1:-1], inner[-1] / 2])
    for order in range(1, len(rows)):
        factor = 4.0**order
        rows = [
            [(factor * f - c) / (factor - 1.0) for f, c in zip(fine, coarse, strict=True)]
            for fine, coarse in pairwise(rows)
        ]
    return tuple(rows[0])


WEIGHTS = _romberg()


def geometric(ratio: float, terms: int) -> float:
    """Return 1 + r + … + r^(terms−1) for 0 ≤ r ≤ 1, without cancellation near 1."""
    if ratio in {0.0, 1.0}:
        return float(terms) if ratio else float(terms > 0)
    return math.expm1(terms * math.log(ratio)) / math.expm1(math.log(ratio))


def sum_below(stop: int, rate: Rate) -> float:
    """Return the sum over 0 ≤ t < `stop` of a smooth monotone function."""
    if stop < 2:
        return rate(0) if stop else 0.0
    return rate(0) + sum_between(rate, 0, stop - 1) + rate(stop - 1)


def sum_between(rate: Rate, first: int, last: int) -> float:
    """Return the sum over first < t < last of a smooth monotone stretch."""
    ends = rate(first) + rate(last)
    whole = _estimate(rate, first, last)
    return _refined(rate, first, last, whole=whole, allowed=ALLOWED * abs(whole)) - ends


def _refined(rate: Rate, first: int, last: int, *, whole: float, allowed: float) -> float:
    """Return the sum over first ≤ t ≤ last, halved for as long as that changes the estimate."""
    if last - first <= SHORT:
        return whole
    middle = (first + last) // 2
    left, right = _estimate(rate, first, middle), _estimate(rate, middle, last)
    if abs(left + right - rate(middle) - whole) <= allowed:
        return left + right - rate(middle)
    halves = ((first, middle, left), (middle, last, right))
    return sum(_refined(rate, a, b, whole=w, allowed=allowed / 2) for a, b, w in halves) - rate(middle)


def _estimate(rate: Rate, first: int, last: int) -> float:
    """Return the sum over first ≤ t ≤ last: exact, or by Romberg and Euler-Maclaurin."""
    if last - first <= SHORT:
        return math.fsum(rate(step) for step in range(first, last + 1))
    width = (last - first) // PANELS
    end = first + PANELS * width
    nodes = [rate(first + k * width) for k in range(PANELS + 1)]
    integral = width * math.fsum(w * v for w, v in zip(WEIGHTS, nodes, strict=True))
    slopes = (nodes[-1] - rate(end - 1)) - (rate(first + 1) - nodes[0])
    rest = (rate(step) for step in range(end + 1, last + 1))
    return math.fsum((integral, 0.5 * (nodes[0] + nodes[-1]), slopes / 12.0, *rest))
