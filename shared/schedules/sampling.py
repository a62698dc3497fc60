"""Which steps of a schedule to draw, and where its extremes lie.

Uniform sampling lies: every 100th step of a 100-step cycle is one constant value. Listing every corner may
cost as much as the run has steps. Both are avoided: corners at equal distances are looked up, not listed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from shared.schedules.phase import Corners
from shared.schedules.resolved import ResolvedSchedule


def extremes(resolved: ResolvedSchedule, *, start: int | None = None, stop: int | None = None) -> list[int]:
    """Return, in order, updates among which the lowest and the highest S of `start` ≤ t < `stop` lie.

    They are a few for each phase, however many corners it has.
    """
    start = resolved.start_step if start is None else start
    stop = resolved.total_steps if stop is None else stop
    found: set[int] = set()
    for index in range(bisect_right(resolved.borders, start) - 1, len(resolved.phases)):
        begin, end = resolved.borders[index], resolved.borders[index + 1]
        if begin >= stop:
            break
        inside = _outermost(resolved.corners[index], max(start, begin) - begin, min(stop, end) - begin)
        found.update(begin + t for t in inside)
    return sorted(found)


def sample_steps(resolved: ResolvedSchedule, points: int) -> list[int]:
    """Return updates to draw, ascending: the first, the last, and the extremes of `points` // 2 buckets.

    Breakpoints are all kept while they number at most `points`; beyond, a bucket keeps its two extremes.
    """
    begin, total = resolved.start_step, resolved.updates
    if total <= points:
        return list(range(begin, begin + total))
    buckets = max(points // 2, 1)
    if resolved.breakpoint_count <= points:
        corners = _corners_and_before(resolved)
        if len(corners) <= points:
            even = (begin + min(k * total // buckets, total - 1) for k in range(buckets + 1))
            return sorted({*even, *corners})
    edges = [begin - (-k * total // buckets) for k in range(buckets + 1)]
    drawn = {begin, begin + total - 1}
    for first, stop in pairwise(edges):
        rates = {step: resolved.lr(step) for step in extremes(resolved, start=first, stop=stop)}
        drawn |= {min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)}
    return sorted(drawn)


def _outermost(corners: Iterable[Corners], start: int, stop: int) -> Iterator[int]:
    """Yield the ends of a stretch of a phase, and its outermost corners and steps before one."""
    yield from (start, stop - 1)
    for steps, _, tame, jumps in corners:
        for before in (0, 1) if jumps else (0,):
            first, past = _count_below(steps, start + before), _count_below(steps, stop + before)
            if first < past:
                inside = (steps[first], steps[past - 1]) if tame else steps[first:past]
                yield from (step - before for step in inside)


def _count_below(steps: Sequence[int], limit: int) -> int:
    """Return how many of the ascending steps are below `limit`; of a range it is a division, not a search."""
    if isinstance(steps, range):
        return min(max(-(-(limit - steps.start) // steps.step), 0), len(steps))
    return bisect_left(steps, limit)


def _corners_and_before(resolved: ResolvedSchedule) -> set[int]:
    first, last = resolved.start_step, resolved.total_steps - 1
    points = [point.step for point in resolved.breakpoints()]
    return {first, last, *(min(step, last) for step in points), *(max(step - 1, first) for step in points)}
