"""The k best, in an order that never depends on chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.inference.top import best

INF = float("inf")


@pytest.mark.parametrize(
    ("scores", "k", "wanted"),
    [
        ([0.1, 0.9, 0.5], 2, [1, 2]),
        ([1.0, 1.0, 1.0, 1.0], 2, [0, 1]),
        ([0.0, 2.0, 1.0, 2.0], 3, [1, 3, 2]),
        ([-INF, 3.0, -INF], 5, [1]),
        ([-INF, -INF], 1, []),
        ([1.0, 2.0], 0, []),
        ([], 3, []),
    ],
)
def test_best_are_highest_first_then_lowest_number(scores: list[float], k: int, wanted: list[int]):
    assert best(np.array(scores), k).tolist() == wanted


@given(scores=st.lists(st.sampled_from([-INF, 0.0, 0.5, 1.0, 2.0]), max_size=30), k=st.integers(0, 35))
def test_best_equals_a_full_sort(scores: list[float], k: int):
    allowed = [i for i, score in enumerate(scores) if score > -INF]
    assert best(np.array(scores), k).tolist() == sorted(allowed, key=lambda i: (-scores[i], i))[:k]
