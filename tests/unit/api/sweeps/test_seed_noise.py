"""Means, intervals and ties over a few seeds, by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from services.api.sweeps.seed_noise import difference, leading, summary, t_inside, t_interval, t_quantile


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


def test_a_difference_is_paired_by_seed_and_not_by_order() -> None:
    # Apart the values overlap; seed by seed the arm is 0.015, 0.01, 0.01 lower.
    leader = {1: 0.30, 2: 0.40, 3: 0.50}
    found = difference({3: 0.49, 2: 0.39, 1: 0.285}, leader, comparisons=1)
    assert found is not None
    assert found.value == pytest.approx(-0.035 / 3)
    test = stats.ttest_rel([0.285, 0.39, 0.49], [0.30, 0.40, 0.50]).confidence_interval(0.95)
    assert found.interval == pytest.approx((test.low, test.high))
    assert not found.tie


def test_more_comparisons_make_wider_intervals_and_more_ties() -> None:
    leader, arm = {1: 0.30, 2: 0.40, 3: 0.50}, {1: 0.285, 2: 0.39, 3: 0.49}
    one, four = (difference(arm, leader, comparisons=n) for n in (1, 4))
    assert one is not None
    assert four is not None
    assert (one.tie, four.tie) == (False, True)
    # Bonferroni for four: t at 1 − 0.05/4 with 2 degrees of freedom is 8.8602; the standard error is 1/600.
    assert four.interval == pytest.approx((-0.035 / 3 - 8.8602 / 600, -0.035 / 3 + 8.8602 / 600), abs=1e-6)


def test_one_pair_is_always_a_tie_and_no_pair_is_nothing() -> None:
    found = difference({1: 0.1}, {1: 0.9}, comparisons=1)
    assert found is not None
    assert (found.pairs, found.interval, found.tie) == (1, None, True)
    assert difference({1: 0.1}, {2: 0.9}, comparisons=1) is None


def test_equal_runs_are_a_tie() -> None:
    found = difference({1: 0.1, 2: 0.2}, {1: 0.1, 2: 0.2}, comparisons=1)
    assert found is not None
    assert (found.value, found.interval, found.tie) == (0.0, (0.0, 0.0), True)


def test_the_leader_has_the_best_mean_in_its_metrics_direction() -> None:
    arms = [{1: 0.3, 2: 0.5}, {1: 0.1, 2: 0.2}, {1: 0.4, 2: 0.4}]
    assert leading(arms, seeds=[1, 2], higher_is_better=True) == 0
    assert leading(arms, seeds=[1, 2], higher_is_better=False) == 1


def test_a_schedule_that_lost_a_seed_does_not_lead() -> None:
    arms = [{1: 0.9}, {1: 0.1, 2: 0.2}]
    assert leading(arms, seeds=[1, 2], higher_is_better=True) == 1
    assert leading([{1: 0.9}, {}], seeds=[1, 2], higher_is_better=True) is None


def test_the_schedule_that_is_best_in_truth_is_called_behind_in_at_most_one_sweep_of_twenty() -> None:
    """Seeds move all schedules together; the first of five is better by a third of the noise of a seed."""
    draw = np.random.default_rng(11)
    lost = 0
    for _ in range(400):
        together = draw.normal(size=4)
        arms = [dict(enumerate(together + 0.3 * draw.normal(size=4) + 0.1 * (i == 0))) for i in range(5)]
        leader = leading(arms, seeds=range(4), higher_is_better=True)
        assert leader is not None
        found = None if leader == 0 else difference(arms[0], arms[leader], comparisons=4)
        lost += found is not None and not found.tie
    assert lost / 400 <= 0.05
