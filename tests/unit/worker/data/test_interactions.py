"""Interactions in memory."""

from __future__ import annotations

import numpy as np

from services.worker.data.interactions import Interactions, first_rows


def test_the_first_row_of_each_pair_stays_in_order():
    users = np.array([1, 0, 1, 0, 1], np.int32)
    items = np.array([2, 2, 2, 0, 1], np.int32)
    assert first_rows(users, items, 3).tolist() == [0, 1, 3, 4]


def test_nothing_has_no_first_rows():
    assert first_rows(np.zeros(0, np.int32), np.zeros(0, np.int32), 0).tolist() == []


def test_pairs_of_many_users_and_items_do_not_run_together():
    users = np.array([0, 70_000], np.int32)
    items = np.array([70_000, 0], np.int32)
    assert first_rows(users, items, 2**31 - 1).tolist() == [0, 1]


def test_distinct_keeps_rating_and_time_of_the_first_row():
    interactions = Interactions(
        users=np.array([0, 0, 1], np.int32),
        items=np.array([1, 1, 1], np.int32),
        ratings=np.array([4.0, 1.0, 3.0], np.float32),
        times=np.array([10, 20, 30]),
        user_ids=["a", "b"],
        item_ids=["x", "y"],
        item_columns={},
        user_columns={},
    )
    found = interactions.distinct()
    assert len(found) == 2
    assert found.ratings is not None
    assert found.times is not None
    assert (found.ratings.tolist(), found.times.tolist()) == ([4.0, 3.0], [10, 30])
