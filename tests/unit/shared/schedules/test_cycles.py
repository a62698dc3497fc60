"""Schedules that rise and fall: restarts, one cycle, growing cycles; values written out by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from shared.schedules import ANY_OPTIMIZER, OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve

ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)


def run_of(schedule: dict[str, object], *, steps: int = 1000) -> ResolvedSchedule:
    spec = ScheduleSpec.parse({"base_lr": 1.0, **schedule})
    return resolve(spec, total_steps=steps, steps_per_epoch=50, optimizer=ADAM)


def values(schedule: dict[str, object], at: list[int], *, steps: int = 1000) -> list[float]:
    resolved = run_of(schedule, steps=steps)
    return [resolved.lr(t) for t in at]


def test_a_restart_is_at_the_peak():
    schedule = {"name": "cosine_restarts", "T_0": "100st", "T_mult": 2, "eta_min": 0.1}
    at = [0, 50, 99, 100, 200, 299, 300, 500, 700]
    low = [0.1 + 0.45 * (1 + math.cos(math.pi * (n - 1) / n)) for n in (100, 200)]
    assert values(schedule, at) == pytest.approx([1, 0.55, low[0], 1, 0.55, low[1], 1, 0.55, 1], abs=1e-15)


def test_each_cycles_peak_may_be_lower():
    schedule = {"name": "cosine_restarts", "T_0": "100st", "cycle_decay": 0.5}
    assert values(schedule, [0, 100, 200, 300, 350]) == pytest.approx([1, 0.5, 0.25, 0.125, 0.0625])


@pytest.mark.parametrize(("multiplier", "end"), [(1, 300), (2, 700)])
def test_after_the_last_cycle_the_floor_is_held(multiplier: int, end: int):
    schedule = {"name": "cosine_restarts", "T_0": "100st", "T_mult": multiplier, "cycle_limit": 3}
    resolved = run_of({**schedule, "eta_min": 0.05})
    assert [resolved.lr(t) for t in (end, end + 1, 999, 1000)] == [0.05] * 4
    assert resolved.lr(end - 1) > 0.05
    assert (end, "floor") in [(point.step, point.cause) for point in resolved.breakpoints()]


@pytest.mark.parametrize(("t_0", "multiplier"), [(1, 3), (7, 3), (1, 10), (9, 10), (1, 2), (3, 1)])
def test_no_restart_is_missed_however_many_there_are(t_0: int, multiplier: int):
    """A logarithm puts 121·T_0 (factor 3) and 111·T_0 (factor 10) into the cycle before."""
    resolved = run_of({"name": "cosine_restarts", "T_0": f"{t_0}st", "T_mult": multiplier}, steps=1_000_000)
    step, length = 0, t_0
    for _ in range(13):
        if step >= 1_000_000:
            break
        assert resolved.lr(step) == 1.0
        assert length == 1 or resolved.lr(step + length - 1) < 1.0
        step, length = step + length, length * multiplier


def test_one_cycle_of_ten_steps():
    wanted = [0.04, 0.52, 1, 0.950485, 0.811746, 0.611262, 0.388742, 0.188258, 0.049519, 4e-6]
    schedule = {"name": "one_cycle", "max_lr": 1.0}
    assert values(schedule, list(range(10)), steps=10) == pytest.approx(wanted, abs=5e-7)


def test_one_cycle_rises_to_the_base_rate_unless_it_names_its_peak():
    bare = run_of({"name": "one_cycle", "base_lr": 0.5}, steps=100)
    assert [bare.lr(t) for t in (0, 29, 99)] == pytest.approx([0.02, 0.5, 2e-6])
    named = run_of({"name": "one_cycle", "base_lr": 0.5, "max_lr": 2.0}, steps=100)
    assert [named.lr(t) for t in (0, 29, 99)] == pytest.approx([0.08, 2.0, 8e-6])


def test_one_cycle_holds_its_last_value():
    for strategy in ("cos", "linear"):
        schedule = {"name": "one_cycle", "max_lr": 1.0, "anneal_strategy": strategy}
        assert values(schedule, [9, 10, 11, 10**6], steps=10) == pytest.approx([4e-6] * 4, abs=1e-16)


def test_a_peak_between_two_steps_is_only_approached():
    """N = 33: e = 8.9, so step 9 comes nearest."""
    resolved = run_of({"name": "one_cycle", "max_lr": 1.0}, steps=33)
    highest = max(range(33), key=resolved.lr)
    assert highest == 9
    assert resolved.lr(9) == pytest.approx(0.99995, abs=5e-6)
    assert 9 in {point.step for point in resolved.breakpoints()}


def test_one_cycle_in_lines_and_in_three_legs():
    two = {"name": "one_cycle", "max_lr": 1.0, "anneal_strategy": "linear", "div_factor": 10.0}
    assert values({**two, "pct_start": 0.51}, [0, 25, 50, 99], steps=100) == pytest.approx(
        [0.1, 0.55, 1.0, 1e-5], abs=1e-14
    )
    three = {**two, "three_phase": True, "pct_start": 0.31}
    at = [0, 15, 30, 45, 60, 99]
    assert values(three, at, steps=100) == pytest.approx([0.1, 0.55, 1.0, 0.55, 0.1, 1e-5], abs=1e-14)


def test_one_cycles_momentum_falls_and_climbs_again():
    schedule = {"name": "one_cycle", "max_lr": 1.0, "pct_start": 0.31, "momentum": {}}
    resolved = run_of(schedule, steps=100)
    assert [resolved.momentum(t) for t in (0, 15, 30, 99, 100)] == pytest.approx(
        [0.95, 0.9, 0.85, 0.95, 0.95], abs=1e-15
    )
    three = run_of({**schedule, "three_phase": True}, steps=100)
    assert [three.momentum(t) for t in (0, 30, 45, 60, 80, 99)] == pytest.approx(
        [0.95, 0.85, 0.9, 0.95, 0.95, 0.95], abs=1e-15
    )


def test_coslog_is_0_between_its_cycles_and_at_its_peak_inside_them():
    resolved = run_of({"name": "coslog"}, steps=15_000)
    assert [resolved.lr(t) for t in (0, 1000, 3000, 7000, 15_000)] == pytest.approx([0] * 5, abs=1e-15)
    for z in (0.0276, 0.1219, 0.3105, 0.6876):
        assert resolved.lr(round(15_000 * z)) == pytest.approx(1.0, abs=1e-3)
    mean = math.fsum(resolved.lr(t) for t in range(15_000)) / 15_000
    assert mean == pytest.approx(0.494, abs=5e-4)


def test_coslog4_is_coslog_of_four_cycles():
    short, long = run_of({"name": "coslog4"}), run_of({"name": "coslog", "n_cycles": 4})
    assert short == long
    assert short.phases[0].name == "coslog"


@pytest.mark.parametrize("cycles", [1, 2, 4, 7])
@pytest.mark.parametrize("steps", [20, 333, 1000])
def test_coslog_is_monotone_between_troughs_and_peaks(cycles: int, steps: int):
    resolved = run_of({"name": "coslog", "n_cycles": cycles}, steps=steps)
    corners = sorted({point.step for point in resolved.breakpoints()})
    for left, right in pairwise(corners):
        stretch = [resolved.lr(t) for t in range(left, right)]
        assert stretch in (sorted(stretch), sorted(stretch, reverse=True))


def test_a_preview_without_an_optimizer_has_no_momentum_outside_the_cycle():
    spec = ScheduleSpec.parse({"name": "one_cycle", "base_lr": 1.0, "max_lr": 1.0, "momentum": {}})
    resolved = resolve(spec, total_steps=100, steps_per_epoch=50, optimizer=ANY_OPTIMIZER)
    assert resolved.momentum(0) == 0.95
