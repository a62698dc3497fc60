"""Figures of a schedule over its updates."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from shared.schedules.phase import Phase
from shared.schedules.quadrature import geometric, sum_between
from shared.schedules.resolved import ResolvedSchedule
from shared.schedules.sampling import extremes

EXACT_STEPS = 2_000
"""Few enough that twenty schedules at once are summed step by step within a request."""


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
        amount = math.fsum(map(phase_sum, resolved.phases))
    return Stats(
        first=values[0],
        final=values[-1],
        min=min(values),
        max=max(values),
        mean=amount / total,
        sum=amount,
    )


def phase_sum(phase: Phase) -> float:
    """Return the sum of S over a phase: what stands above the floor is a geometric series of cycles."""
    total = phase.total()
    if total is not None:
        return total
    cycle = phase.recurrence()
    if cycle is None:
        return _sum_until(phase, phase.steps)
    cycles, rest = divmod(phase.steps, cycle.period)
    above = [
        _sum_until(phase, steps) - steps * cycle.floor for steps in (min(cycle.period, phase.steps), rest)
    ]
    series = geometric(cycle.ratio, cycles)
    return phase.steps * cycle.floor + series * above[0] + cycle.ratio**cycles * above[1]


def _sum_until(phase: Phase, stop: int) -> float:
    """Return the sum of S over 0 ≤ t < `stop` of a phase with few corners there."""
    if stop < 1:
        return 0.0
    corners = {0, stop - 1}
    for steps, *_ in phase.corners():
        for step in steps[: bisect_left(steps, stop)]:
            corners.update((step - 1, step))
    ends = sorted(corners)
    inner = (sum_between(phase.lr_at, a, b) for a, b in pairwise(ends))
    return math.fsum((*map(phase.lr_at, ends), *inner))
