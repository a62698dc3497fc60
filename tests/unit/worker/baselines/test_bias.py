from __future__ import annotations

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
