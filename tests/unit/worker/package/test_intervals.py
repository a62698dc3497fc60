"""Intervals of probabilities against Wilson's formula by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.worker.package.intervals import probability_intervals, wilson


@pytest.mark.parametrize(
    ("events", "rows", "low", "high"),
    # from the formula with z = 1.95996: centre (p + z²/2n)/(1 + z²/n)
    [(5, 10, 0.23659, 0.76341), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_bounds_are_those_of_the_formula(events: int, rows: int, low: float, high: float):
    found = wilson(events, rows)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


def test_bins_hold_equally_many_records():
    probabilities = np.linspace(0.0, 1.0, 300)
    labels = (probabilities >= 0.5).astype(int)
    table = probability_intervals(probabilities, labels)
    assert len(table["edges"]) == 9
    assert table["rows"] == [30] * 10
    assert table["edges"][0] == pytest.approx(30 / 299)
    assert (table["low"][0], table["high"][0]) == pytest.approx((0.0, 0.11351), abs=1e-5)
    assert (table["low"][-1], table["high"][-1]) == pytest.approx((0.88649, 1.0), abs=1e-5)


def test_few_records_share_one_bin():
    table = probability_intervals(np.linspace(0, 1, 59), np.zeros(59, dtype=int))
    assert (table["edges"], len(table["low"]), table["rows"]) == ([], 1, [59])


def test_equal_probabilities_stand_in_one_bin():
    table = probability_intervals(np.full(100, 0.3), np.array([1] * 30 + [0] * 70))
    assert (table["edges"], table["rows"]) == ([], [100])
    assert (table["low"][0], table["high"][0]) == pytest.approx((0.21895, 0.39584), abs=1e-4)


def test_no_bin_is_small_when_many_records_share_a_score():
    # cuts by mass alone would give bins of 5, 45, 48 and 2 rows
    probabilities = np.repeat([0.1, 0.2, 0.3, 0.9], [5, 45, 48, 2])
    table = probability_intervals(probabilities, np.zeros(100, dtype=int))
    assert (table["edges"], table["rows"]) == ([0.3], [50, 50])
