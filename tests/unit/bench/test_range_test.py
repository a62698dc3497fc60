"""How suggestions are held against a grid."""

from __future__ import annotations

import math

from bench.range_test import best_of, off_by


def test_best_is_what_lies_within_the_noise_between_seeds():
    """The lowest mean is 1.0 with a deviation of 0.1 over the seeds: 1.09 is as good, 1.2 is not."""
    grid = {0.1: [1.2, 1.2], 0.2: [1.09, 1.09], 0.4: [1.0 - 0.0707, 1.0 + 0.0707], 0.8: [math.inf, 3.0]}
    assert best_of(grid) == [0.2, 0.4]


def test_a_rate_is_held_against_the_nearest_of_the_best():
    assert off_by(0.1, [0.2, 0.4]) == 2.0
    assert off_by(0.6, [0.2, 0.4]) == 0.6 / 0.4
    assert off_by(None, [0.2]) == math.inf
