"""Drawn extremes are the true ones, where uniform sampling would lie."""

from __future__ import annotations

from itertools import islice

import pytest

from shared.schedules import ANY_OPTIMIZER, ResolvedSchedule, ScheduleSpec, resolve, sample_steps


def cycle_of(steps: int, *, total: int) -> ResolvedSchedule:
    spec = ScheduleSpec.parse(
        {
            "name": "cyclic",
            "base_lr": 0.1,
            "max_lr": 1.0,
            "step_size_up": f"{steps // 2}st",
            "mode": "triangular2",
        }
    )
    return resolve(spec, total_steps=total, steps_per_epoch=10, optimizer=ANY_OPTIMIZER)


@pytest.mark.parametrize(("cycle", "total", "points"), [(100, 10_000, 100), (10, 10_000, 100), (2, 3001, 50)])
def test_a_cycle_as_long_as_the_stride_still_shows_its_peaks(cycle: int, total: int, points: int):
    resolved = cycle_of(cycle, total=total)
    steps = sample_steps(resolved, points)
    drawn = [resolved.lr(step) for step in steps]
    whole = [resolved.lr(step) for step in range(total)]
    assert (min(drawn), max(drawn)) == (min(whole), max(whole))
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, total - 1)


def test_few_steps_are_all_drawn():
    assert sample_steps(cycle_of(4, total=50), 100) == list(range(50))


def test_many_breakpoints_do_not_make_the_answer_long():
    assert len(sample_steps(cycle_of(2, total=100_000), 200)) <= 202


def test_breakpoints_are_counted_and_taken_without_listing_them():
    resolved = cycle_of(2, total=10**12)
    assert resolved.breakpoint_count == 2 + 10**12 - 1
    first = [(point.step, point.cause) for point in islice(resolved.breakpoints(), 4)]
    assert first == [(0, "cyclic begins"), (1, "peak"), (2, "cycle ends"), (3, "peak")]


def test_every_bucket_of_a_run_too_long_to_list_shows_its_own_extremes():
    """The highest rate of a bucket is the first peak in it, since each cycle is half as high."""
    resolved = cycle_of(10_000_000, total=10**9)
    drawn = sample_steps(resolved, 20)
    assert drawn[:4] == [0, 5_000_000, 100_000_000, 105_000_000]
    assert resolved.lr(5_000_000) == 1.0
    assert drawn[-1] == 10**9 - 1
