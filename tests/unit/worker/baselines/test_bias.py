from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from services.worker.baselines.bias import DampedMeans
from services.worker.baselines.ranking import Pairs


def test_offsets_are_damped_by_hand() -> None:
    # mean 3; item 0: residuals +2, 0 → 2/(2+2) = .5; item 1: −2 → −2/(1+2); user 0 then leaves 1.5 and −4/3
    pairs = Pairs(np.array([0, 1, 0], np.int32), np.array([0, 0, 1], np.int32), 3, 2)
    means = DampedMeans(item_damping=2.0, user_damping=1.0, sweeps=1)
    predict = means.fit(pairs, np.array([5, 3, 1], np.float32))
    user_0 = (1.5 - 4 / 3) / 3
    assert predict(np.array([0, 2]), np.array([[0, 1], [0, 1]])) == pytest.approx(
        np.array([[3.5 + user_0, 3 - 2 / 3 + user_0], [3.5, 3 - 2 / 3]]), abs=1e-6
    )


@pytest.mark.skipif(
    "GRADUS_TEST_DATA" not in os.environ, reason="GRADUS_TEST_DATA names no folder with ml-100k"
)
def test_movielens_100k_u1_has_its_known_error() -> None:
    rows = np.loadtxt(Path(os.environ["GRADUS_TEST_DATA"], "ml-100k", "u.data"), dtype=np.int64)
    users, items, ratings = (rows[:, 0] - 1).astype(np.int32), (rows[:, 1] - 1).astype(np.int32), rows[:, 2]
    predict = DampedMeans().fit(
        Pairs(users[20000:], items[20000:], 943, 1682), ratings[20000:].astype(np.float32)
    )
    predicted = np.clip(
        predict(users[:20000].astype(np.int64), items[:20000, None].astype(np.int64))[:, 0], 1, 5
    )
    assert np.sqrt(np.mean((predicted - ratings[:20000]) ** 2)) == pytest.approx(0.9535, abs=0.001)
