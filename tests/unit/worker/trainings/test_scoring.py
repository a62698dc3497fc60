"""A net that has run away is told as such, not judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from services.worker.trainings.plan import finite
from services.worker.trainings.scoring import probabilities
from shared.errors import Diverged


class Runaway(nn.Module):
    """Gives the first record no number."""

    def forward(self, numbers_BF: Tensor, _codes_BC: Tensor) -> Tensor:
        """Return logits_B."""
        return torch.where(torch.arange(len(numbers_BF)) == 0, torch.nan, numbers_BF[:, 0])


def test_a_probability_that_is_no_number_ends_the_training():
    numbers, codes = np.ones((3, 1), np.float32), np.zeros((3, 0), np.int64)
    with pytest.raises(Diverged, match="not all finite numbers"):
        probabilities(Runaway(), numbers, codes, device=torch.device("cpu"))


def test_only_metrics_with_a_finite_value_are_kept():
    found = finite({"auroc": 0.5, "ece": None, "brier": float("nan"), "log_loss": float("inf")})
    assert found == {"auroc": 0.5}
