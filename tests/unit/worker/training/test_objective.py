"""Losses on numbers small enough to do by hand."""

from __future__ import annotations

import math

import pytest
import torch

from services.worker.training.objective import (
    bpr,
    objective_of,
    pair_cross_entropy,
    record_cross_entropy,
    squared_error,
)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def test_cross_entropy_takes_the_first_column_for_the_positive():
    scores = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    wanted = -(log_sigmoid(2.0) + log_sigmoid(1.0) + log_sigmoid(0.5) + log_sigmoid(-3.0)) / 4
    assert pair_cross_entropy(scores, None).item() == pytest.approx(wanted, rel=1e-6)


def test_cross_entropy_is_that_of_labels_one_and_zero():
    scores = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(6, 4)
    labels[:, 0] = 1.0
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels)
    assert pair_cross_entropy(scores, None).item() == pytest.approx(wanted.item(), rel=1e-6)


def test_bpr_asks_the_positive_to_stand_above_each_negative():
    scores = torch.tensor([[2.0, -1.0, 1.0]])
    assert bpr(scores, None).item() == pytest.approx(-(log_sigmoid(3.0) + log_sigmoid(1.0)) / 2, rel=1e-6)


def test_squared_error_is_a_mean():
    assert squared_error(torch.tensor([[3.0], [5.0]]), torch.tensor([[4.0], [2.0]])).item() == 5.0


def test_record_cross_entropy_at_even_odds_is_log_2():
    assert record_cross_entropy(torch.zeros(3), torch.tensor([0.0, 1.0, 1.0])).item() == pytest.approx(
        math.log(2)
    )


def test_large_scores_do_not_overflow():
    scores = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    loss = pair_cross_entropy(scores, None)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 1e4
    assert scores.grad is not None
    assert scores.grad.tolist() == [[-0.5, 0.5]]


def test_a_task_has_one_objective():
    assert objective_of(task="diagnose") is record_cross_entropy
    assert objective_of(task="recommend", feedback="explicit", loss="bce") is squared_error
    assert objective_of(task="recommend", feedback="implicit", loss="bpr") is bpr
    assert objective_of(task="recommend", feedback="implicit") is pair_cross_entropy
