"""Figures of a schedule over its updates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from shared.schedules.phase import Phase
from shared.schedules.resolved import ResolvedSchedule
from shared.schedules.sampling import extremes

EXACT_STEPS = 100_000
SHORT = 128
"""Steps that are summed one by one."""
PANELS = 16
ALLOWED = 1e-11
"""Of a stretch's sum, what halving its panels may still change."""
Rate = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of S over the updates planned, 0 … T−1 or a fork's; `final` is that of the last one."""

    first: float
    final: float
    min: float
    max: float
    mean: float
    sum: float


def stats(resolved: ResolvedSchedule) -> Stats:
    """Return the figures of a schedule: extremes exact, the sum exact up to `EXACT_STEPS` updates.

    Beyond, it is that of each phase's integral, one cycle standing for all; relative error < 1e-6 for the
    phases there are. The work is bounded, however many cycles there are.
    """
    total = resolved.updates
    values = [resolved.lr(step) for step in extremes(resolved)]
    if total <= EXACT_STEPS:
        amount = math.fsum(resolved.lr(step) for step in range(resolved.start_step, resolved.total_steps))
    else:
        amount = math.fsum(map(_sum_of, resolved.phases))
    return Stats(
        first=values[0],
        final=values[-1],
        min=min(values),
        max=max(values),
        mean=amount / total,
        sum=amount,
    )


def _sum_of(phase: Phase) -> float:
    """Return the sum of S over a phase: what stands above the floor is a geometric series of cycles."""
    cycle = phase.recurrence()
    if cycle is None:
        return _sum_until(phase, phase.steps)
    cycles, rest = divmod(phase.steps, cycle.period)
    above = [
        _sum_until(phase, steps) - steps * cycle.floor for steps in (min(cycle.period, phase.steps), rest)
    ]
    series = _geometric(cycle.ratio, cycles)
    return phase.steps * cycle.floor + series * above[0] + cycle.ratio**cycles * above[1]


def _geometric(ratio: float, terms: int) -> float:
    """Return 1 + r + … + r^(terms−1) for 0 ≤ r ≤ 1, without cancellation near 1."""
    if ratio in {0.0, 1.0}:
        return float(terms) if ratio else float(terms > 0)
    return math.expm1(terms * math.log(ratio)) / math.expm1(math.log(ratio))


def _sum_until(phase: Phase, stop: int) -> float:
    """Return the sum of S over 0 ≤ t < `stop` of a phase with few corners there."""
    if stop < 1:
        return 0.0
    corners = {0, stop - 1}
    for steps, _ in phase.corners():
        for step in range(steps.start, min(steps.stop, stop), steps.step):
            corners.update((step - 1, step))
    ends = sorted(corners)
    inner = (_sum_between(phase.lr_at, a, b) for a, b in pairwise(ends))
    return math.fsum((*map(phase.lr_at, ends), *inner))


def _sum_between(rate: Rate, first: int, last: int) -> float:
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
    """Return the sum over first ≤ t ≤ last: exact, or by Simpson and Euler-Maclaurin."""
    if last - first <= SHORT:
        return math.fsum(rate(step) for step in range(first, last + 1))
    width = (last - first) // PANELS
    end = first + PANELS * width
    nodes = [rate(first + k * width) for k in range(PANELS + 1)]
    weights = (1.0, *(4.0, 2.0) * (PANELS // 2 - 1), 4.0, 1.0)
    integral = width / 3.0 * math.fsum(w * v for w, v in zip(weights, nodes, strict=True))
    slopes = (nodes[-1] - rate(end - 1)) - (rate(first + 1) - nodes[0])
    rest = (rate(step) for step in range(end + 1, last + 1))
    return math.fsum((integral, 0.5 * (nodes[0] + nodes[-1]), slopes / 12.0, *rest))
