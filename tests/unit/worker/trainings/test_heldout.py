"""The loss on rows that training never saw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from services.worker.data.batches import EncodedRecords, EpochPlan, PairBatches, Pairs
from services.worker.training.objective import Objective, objective_of
from services.worker.trainings.heldout import HeldOut, held_out_pairs, held_out_records
from services.worker.trainings.plan import Course

CPU = torch.device("cpu")


class Sum(nn.Module):
    """Scores a record by the sum of its numbers, after a dropout that must not drop."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)

    def forward(self, numbers_BF: Tensor, codes_BC: Tensor) -> Tensor:
        del codes_BC
        scores: Tensor = self.dropout(numbers_BF.sum(dim=1))
        return scores


class Likes(nn.Module):
    """Scores an item by its number, whoever asks."""

    def forward(self, users_B: Tensor, items_BN: Tensor) -> Tensor:
        del users_B
        return items_BN.float()


def course(net: nn.Module, objective: Objective) -> Course:
    return cast("Course", SimpleNamespace(net=net, objective=objective, device=CPU))


def pairs(users: list[int], items: list[int], ratings: list[float] | None = None) -> Pairs:
    given = None if ratings is None else np.array(ratings, np.float32)
    return Pairs(np.array(users, np.int32), np.array(items, np.int32), given, n_users=3, n_items=4)


def training(known: Pairs, negatives: int = 3) -> PairBatches:
    plan = EpochPlan(rows=len(known.users), batch_size=2, seed=1)
    return PairBatches(known, plan=plan, negatives=negatives, device="cpu")


def measured(held_out: HeldOut | None, net: nn.Module, objective: Objective) -> float:
    assert held_out is not None
    return held_out.loss(course(net, objective))


def test_the_loss_of_records_is_the_mean_over_all_of_them():
    numbers = np.array([[0.5], [-2.0], [3.0]], np.float32)
    records = EncodedRecords(numbers, np.zeros((3, 0), np.int64), np.array([1.0, 0.0, 0.0]))
    wanted = functional.binary_cross_entropy_with_logits(
        torch.tensor([0.5, -2.0, 3.0]), torch.tensor([1.0, 0.0, 0.0])
    )
    found = measured(
        held_out_records(records, seed=0, device=CPU), Sum().train(), objective_of(task="diagnose")
    )
    assert found == pytest.approx(wanted.item(), rel=1e-6)


def test_ratings_are_held_against_the_net_as_it_scores():
    known = pairs([0, 1], [0, 1], [1.0, 2.0])
    held_out = held_out_pairs(pairs([0, 2], [2, 3], [4.0, 1.0]), training(known), seed=0)
    objective = objective_of(task="recommend", feedback="explicit")
    assert measured(held_out, Likes(), objective) == ((2 - 4) ** 2 + (3 - 1) ** 2) / 2


def test_negatives_are_items_that_training_did_not_show_and_the_same_each_time():
    # User 0 met items 0, 1 and 2, so that every negative is item 3: bce of 3 beside its three negatives.
    known = pairs([0, 0, 0], [0, 1, 2])
    held_out = held_out_pairs(pairs([0], [3]), training(known), seed=0)
    objective = objective_of(task="recommend")
    wanted = (functional.softplus(torch.tensor(-3.0)) + 3 * functional.softplus(torch.tensor(3.0))) / 4
    assert measured(held_out, Likes(), objective) == pytest.approx(wanted.item(), rel=1e-6)
    drawn = held_out_pairs(pairs([1, 2, 1], [3, 0, 0]), training(pairs([1, 2], [1, 1])), seed=5)
    assert measured(drawn, Likes(), objective) == measured(drawn, Likes(), objective)


def test_it_draws_nothing_from_the_generators_of_training():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    held_out = held_out_pairs(pairs([0, 1], [3, 3]), training(pairs([0, 1], [0, 1])), seed=0)
    measured(held_out, Likes(), objective_of(task="recommend"))
    assert torch.equal(torch.get_rng_state(), before)


def test_without_rows_there_is_no_loss():
    assert held_out_pairs(pairs([], []), training(pairs([0], [0])), seed=0) is None
    nobody = EncodedRecords(np.zeros((0, 1), np.float32), np.zeros((0, 0), np.int64), np.zeros(0))
    assert held_out_records(nobody, seed=0, device=CPU) is None
