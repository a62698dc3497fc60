"""Means, intervals and ties over a few seeds, by hand and against SciPy."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from scipy import stats

from services.api.sweeps.seed_noise import (
    Difference,
    common_variance,
    differences,
    leading,
    summary,
    t_inside,
    t_interval,
    t_quantile,
)


@pytest.mark.parametrize("freedom", [*range(1, 10), 30])
def test_students_t_is_that_of_scipy(freedom: int) -> None:
    for level in (0.5, 0.9, 0.95, 0.9875, 1 - 0.05 / 19):
        t = t_quantile(level, freedom)
        assert t == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-11)
        assert t_inside(t, freedom) == pytest.approx(level, rel=1e-12)


def test_students_t_is_that_of_the_tables() -> None:
    assert [round(t_quantile(0.95, n), 3) for n in (1, 2, 4, 9)] == [12.706, 4.303, 2.776, 2.262]


def test_an_interval_is_the_mean_and_t_standard_errors() -> None:
    # Mean 2, sd 1, n 3: half 4.302653 · 1 / √3 = 2.484138.
    assert t_interval([1.0, 2.0, 3.0]) == pytest.approx((-0.484138, 4.484138), abs=1e-6)
    drawn = np.random.default_rng(3).normal(size=7).tolist()
    found = stats.t.interval(0.95, 6, loc=np.mean(drawn), scale=stats.sem(drawn))
    assert t_interval(drawn) == pytest.approx(found)


def test_one_value_has_no_spread_and_no_interval() -> None:
    found = summary([0.4])
    assert found is not None
    assert (found.mean, found.sd, found.interval) == (0.4, None, None)
    assert summary([]) is None


def behind(arm: list[float], leader: list[float], *others: list[float]) -> Difference:
    """Return an arm minus the leader, among others."""
    found = differences([leader, arm, *others], leader=0)[1]
    assert found is not None
    return found


def test_two_schedules_are_compared_by_the_paired_t_test() -> None:
    # Apart the values overlap; seed by seed the arm is 0.015, 0.01, 0.01 lower.
    found = behind([0.285, 0.39, 0.49], [0.30, 0.40, 0.50])
    assert found.value == pytest.approx(-0.035 / 3)
    test = stats.ttest_rel([0.285, 0.39, 0.49], [0.30, 0.40, 0.50]).confidence_interval(0.95)
    assert found.interval == pytest.approx((test.low, test.high))
    assert not found.tie


def test_the_common_noise_is_what_schedule_and_seed_leave_unexplained() -> None:
    draw = np.random.default_rng(5)
    arms_KS = draw.normal(size=(4, 3)) + draw.normal(size=3)
    schedules, seeds = np.repeat(np.eye(4), 3, axis=0), np.tile(np.eye(3), (4, 1))
    design = np.hstack([schedules, seeds])
    fitted = design @ np.linalg.lstsq(design, arms_KS.ravel(), rcond=None)[0]
    square = float(((arms_KS.ravel() - fitted) ** 2).sum()) / (3 * 2)
    assert common_variance(arms_KS.tolist()) == pytest.approx(2 * square)


def test_a_difference_has_the_larger_of_its_own_noise_and_the_common_one() -> None:
    # Leader and first arm differ by 0.1 with every seed; the third arm's noise is all there is.
    quiet, noisy = [0.2, 0.3, 0.4], [0.0, 0.9, -0.3]
    leader = [0.3, 0.4, 0.5]
    common = common_variance([leader, quiet, noisy])
    half = stats.t.ppf(1 - 0.05 / 2 / 2, 4) * math.sqrt(common / 3)
    assert behind(quiet, leader, noisy).interval == pytest.approx((-0.1 - half, -0.1 + half))
    own = statistics.variance([n - b for n, b in zip(noisy, leader, strict=True)])
    assert own > common
    wide = stats.t.ppf(1 - 0.05 / 2 / 2, 4) * math.sqrt(own / 3)
    low, high = behind(noisy, leader, quiet).interval or (0.0, 0.0)
    assert high - low == pytest.approx(2 * wide)


def test_one_seed_is_always_a_tie_and_one_schedule_has_nothing_beside_it() -> None:
    found = behind([0.1], [0.9])
    assert (found.pairs, found.interval, found.tie) == (1, None, True)
    assert differences([[0.1, 0.2]], leader=0) == [None]


def test_equal_runs_are_a_tie() -> None:
    found = behind([0.1, 0.2], [0.1, 0.2])
    assert (found.value, found.interval, found.tie) == (0.0, (0.0, 0.0), True)


def test_a_schedule_far_off_is_told_from_the_best_with_three_seeds() -> None:
    """AUROC of a sensible rate, four near it, and a rate a thousand times too high."""
    near = [[0.770, 0.766, 0.777], [0.764, 0.768, 0.755], [0.763, 0.758, 0.768], [0.761, 0.769, 0.754]]
    found = differences([*near, [0.60, 0.66, 0.59]], leader=0)
    assert [one.tie for one in found if one is not None] == [True, True, True, False]


def test_the_leader_has_the_best_mean_in_its_metrics_direction() -> None:
    arms = [{1: 0.3, 2: 0.5}, {1: 0.1, 2: 0.2}, {1: 0.4, 2: 0.4}]
    assert leading(arms, seeds=[1, 2], higher_is_better=True) == 0
    assert leading(arms, seeds=[1, 2], higher_is_better=False) == 1


def test_a_schedule_that_lost_a_seed_does_not_lead() -> None:
    arms = [{1: 0.9}, {1: 0.1, 2: 0.2}]
    assert leading(arms, seeds=[1, 2], higher_is_better=True) == 1
    assert leading([{1: 0.9}, {}], seeds=[1, 2], higher_is_better=True) is None


@pytest.mark.parametrize("noise_of_last", [1.0, 5.0])
def test_what_is_best_in_truth_is_called_behind_in_at_most_one_sweep_of_twenty(noise_of_last: float) -> None:
    """Seeds move all schedules together; the last of five is the best by a little, and perhaps noisier."""
    draw = np.random.default_rng(11)
    noise_K = 0.3 * np.array([1.0, 1.0, 1.0, 1.0, noise_of_last])
    lost = 0
    for _ in range(500):
        arms_KS = draw.normal(size=3) + noise_K[:, None] * draw.normal(size=(5, 3))
        arms_KS[4] += 0.02
        leader = int(arms_KS.mean(axis=1).argmax())
        found = differences(arms_KS.tolist(), leader=leader)[4]
        lost += found is not None and not found.tie
    assert lost / 500 <= 0.05
