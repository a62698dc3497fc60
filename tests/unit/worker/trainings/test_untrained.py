"""Levels that training never showed."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from services.worker.trainings.untrained import fill_untrained


def test_a_level_without_rows_gets_the_mean_over_the_rows() -> None:
    table = nn.Parameter(torch.tensor([[9.0, 9.0], [1.0, 0.0], [4.0, 6.0], [7.0, 7.0]]))
    fill_untrained([table], np.array([[1], [1], [2]]))
    assert table.tolist() == [[2.0, 2.0], [1.0, 0.0], [4.0, 6.0], [2.0, 2.0]]


def test_levels_with_rows_are_left_alone() -> None:
    table = nn.Parameter(torch.tensor([[1.0], [2.0]]))
    fill_untrained([table], np.array([[0], [1], [1]]))
    assert table.tolist() == [[1.0], [2.0]]
