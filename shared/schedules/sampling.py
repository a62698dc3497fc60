"""Which steps of a schedule to draw, and its figures.

Uniform sampling lies: every 100th step of a 100-step cycle is one constant value.
"""

from __future__ import annotations

import math

from shared.schedules.resolved import ResolvedSchedule


def extremes(resolved: ResolvedSchedule) -> list[int]:
    """Return, in order, the updates among which every extreme of S lies: breakpoints and the steps before."""
    last = resolved.total_steps - 1
    steps = {0, last}
    for point in resolved.breakpoints():
        steps.update((min(point.step, last), max(point.step - 1, 0)))
    return sorted(steps)


def sample_steps(resolved: ResolvedSchedule, points: int) -> list[int]:
    """Return updates to draw, ascending: the first, the last, and the extremes of `points` // 2 buckets.

    Breakpoints are all kept while they number at most `points`; beyond, a bucket keeps its two extremes.
    """
    total = resolved.total_steps
    if total <= points:
        return list(range(total))
    corners = extremes(resolved)
    edges = {min(k * total // max(points // 2, 1), total - 1) for k in range(max(points // 2, 1) + 1)}
    if len(corners) <= points:
        return sorted(edges | set(corners))
    return sorted({0, total - 1} | _bucket_extremes(resolved, sorted(edges | set(corners)), points))


def _bucket_extremes(resolved: ResolvedSchedule, steps: list[int], points: int) -> set[int]:
    """Return the lowest and the highest of `steps` in each bucket."""
    buckets = max(points // 2, 1)
    low: dict[int, tuple[float, int]] = {}
    high: dict[int, tuple[float, int]] = {}
    for step in steps:
        bucket = step * buckets // resolved.total_steps
        value = resolved.lr(step)
        low[bucket] = min(low.get(bucket, (math.inf, step)), (value, step))
        high[bucket] = max(high.get(bucket, (-math.inf, step)), (value, step))
    return {step for _, step in (*low.values(), *high.values())}
