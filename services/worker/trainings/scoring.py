"""A net as the plain functions that judges take: numbers in, NumPy out, nothing drawn, nothing recorded.

Shapes: B users or records, I items, N items of each, F numbers, C codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from services.worker.evaluation.ranking import CandidateScorer, Scorer
from services.worker.trainings.plan import Ask
from shared.errors import Diverged

Longs = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Given = ParamSpec("Given")

PAIRS_AT_ONCE = 1 << 18
"""User-item pairs scored together: a hidden layer of 128 then takes 128 MiB."""
RECORDS_AT_ONCE = 1 << 15


def full_scorer(net: nn.Module, *, n_items: int, device: torch.device) -> Scorer:
    """Return users int64[B] → scores of every item float32[B, I]."""
    items = torch.arange(n_items, device=device)
    users_at_once = max(1, PAIRS_AT_ONCE // max(n_items, 1))

    @torch.no_grad()
    def score(users_B: Longs) -> Floats32:
        net.eval()
        users = torch.as_tensor(users_B, dtype=torch.int64, device=device)
        parts = [net(chunk, items).float().cpu() for chunk in torch.split(users, users_at_once)]
        return np.asarray(torch.cat(parts).numpy(), np.float32)

    return score


def asking(score: Callable[Given, Floats32], ask: Ask) -> Callable[Given, Floats32]:
    """Return a scorer that asks before every chunk whether the judging may go on."""

    def after_asking(*args: Given.args, **kwargs: Given.kwargs) -> Floats32:
        ask()
        return score(*args, **kwargs)

    return after_asking


def pair_scorer(net: nn.Module, *, device: torch.device) -> CandidateScorer:
    """Return users int64[B], items int64[B, N] → scores float32[B, N]."""

    @torch.no_grad()
    def score(users_B: Longs, items_BN: Longs) -> Floats32:
        net.eval()
        rows = max(1, PAIRS_AT_ONCE // max(items_BN.shape[1], 1))
        users = torch.split(torch.as_tensor(users_B, dtype=torch.int64, device=device), rows)
        items = torch.split(torch.as_tensor(items_BN, dtype=torch.int64, device=device), rows)
        parts = [net(u, i).float().cpu() for u, i in zip(users, items, strict=True)]
        return np.asarray(torch.cat(parts).numpy(), np.float32)

    return score


@torch.no_grad()
def probabilities(net: nn.Module, numbers_BF: Floats32, codes_BC: Longs, *, device: torch.device) -> Floats:
    """Return the probability of label 1 for each record, float64[B].

    Raises `Diverged` when a score is not a finite number, also where its probability would be 0 or 1.
    """
    net.eval()
    numbers = torch.split(torch.as_tensor(numbers_BF, device=device), RECORDS_AT_ONCE)
    codes = torch.split(torch.as_tensor(codes_BC, device=device), RECORDS_AT_ONCE)
    logits = [net(n, c).double().cpu() for n, c in zip(numbers, codes, strict=True)]
    found = torch.cat(logits)
    if not torch.isfinite(found).all():
        raise Diverged("the scores of records are not all finite numbers")
    return np.asarray(torch.sigmoid(found).numpy(), np.float64)
