"""Cosines between items against values written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.worker.package.neighbours import ABSENT, cosine_neighbours

# users 0, 1, 2 met: item 0 by {0, 1}, item 1 by {0, 1, 2}, item 2 by {2}, item 3 by nobody
USERS = np.array([0, 1, 0, 1, 2, 2])
ITEMS = np.array([0, 0, 1, 1, 1, 2])


def test_cosines_are_shared_users_over_the_root_of_both_counts():
    found = cosine_neighbours(USERS, ITEMS, n_items=4)
    assert found.items_IK.tolist() == [[1, ABSENT, ABSENT], [0, 2, ABSENT], [1, ABSENT, ABSENT], [ABSENT] * 3]
    # 2/√(2·3), 1/√(3·1)
    assert found.cosines_IK[1].tolist() == pytest.approx([0.8164966, 0.5773503, 0.0])


def test_a_pair_met_twice_counts_once():
    twice = cosine_neighbours(np.tile(USERS, 2), np.tile(ITEMS, 2), n_items=4)
    assert np.array_equal(twice.cosines_IK, cosine_neighbours(USERS, ITEMS, n_items=4).cosines_IK)


def test_equal_cosines_stand_in_the_order_of_items():
    found = cosine_neighbours(np.zeros(5, dtype=int), np.arange(5), n_items=5, top=3)
    assert found.items_IK.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]]
    assert (found.cosines_IK == 1.0).all()


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch):
    draw = np.random.default_rng(2)
    users, items = draw.integers(0, 30, 400), draw.integers(0, 25, 400)
    whole = cosine_neighbours(users, items, n_items=25, top=7)
    monkeypatch.setattr("services.worker.package.neighbours.BLOCK_ROWS", 4)
    assert np.array_equal(cosine_neighbours(users, items, n_items=25, top=7).items_IK, whole.items_IK)


def test_one_item_has_no_neighbours():
    assert cosine_neighbours(np.array([0]), np.array([0]), n_items=1).items_IK.shape == (1, 0)
