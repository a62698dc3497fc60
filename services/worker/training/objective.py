"""What training makes small: functions of a net's scores and a batch's targets, as float32 means.

Shapes: B rows, N = 1 positive and the negatives.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Objective = Callable[[Tensor, Tensor | None], Tensor]


def pair_cross_entropy(scores_BN: Tensor, targets: Tensor | None) -> Tensor:
    """Return −log σ(s⁺) − Σ log σ(−s⁻) over all B·N samples; column 0 is the positive (arXiv 1708.05031)."""
    del targets
    labels_BN = torch.zeros_like(scores_BN)
    labels_BN[:, 0] = 1.0
    return functional.binary_cross_entropy_with_logits(scores_BN, labels_BN)


def bpr(scores_BN: Tensor, targets: Tensor | None) -> Tensor:
    """Return −log σ(s⁺ − s⁻), averaged over all pairs; column 0 is the positive (arXiv 1205.2618)."""
    del targets
    return functional.softplus(scores_BN[:, 1:] - scores_BN[:, :1]).mean()


def squared_error(scores_B1: Tensor, targets: Tensor | None) -> Tensor:
    """Return the mean squared distance of scores from ratings."""
    return functional.mse_loss(scores_B1, _given(targets))


def record_cross_entropy(logits_B: Tensor, targets: Tensor | None) -> Tensor:
    """Return the mean binary cross-entropy of logits against labels 0 and 1."""
    return functional.binary_cross_entropy_with_logits(logits_B, _given(targets))


def _given(targets: Tensor | None) -> Tensor:
    assert targets is not None, "this objective needs batches with targets"  # noqa: S101  # our own bug
    return targets


OBJECTIVES: dict[str, Objective] = {
    "bce": pair_cross_entropy,
    "bpr": bpr,
    "squared_error": squared_error,
    "record_bce": record_cross_entropy,
}


def objective_of(*, task: str, feedback: str | None = None, loss: str | None = None) -> Objective:
    """Return the objective of a task: its net's loss for implicit feedback, squared error for ratings."""
    if task == "diagnose":
        return OBJECTIVES["record_bce"]
    if feedback == "explicit":
        return OBJECTIVES["squared_error"]
    return OBJECTIVES[loss or "bce"]
