"""Points brought from the device to the host, many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from services.worker.training.loop import Point
from shared.errors import Diverged


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Points as columns of plain numbers."""

    steps: list[int]
    lr: list[float]
    loss: list[float]
    grad_norm: list[float]
    momentum: list[float | None]


def materialise(points: Sequence[Point]) -> PointColumns:
    """Return points as plain numbers, in one transfer.

    Raises `Diverged`, naming the step, when a loss or a gradient norm is not a finite number.
    """
    if not points:
        return PointColumns([], [], [], [], [])
    stacked = torch.stack([tensor.float() for p in points for tensor in (p.loss, p.grad_norm)])
    numbers: list[float] = stacked.tolist()
    columns = PointColumns(
        steps=[p.step for p in points],
        lr=[p.lr for p in points],
        loss=numbers[0::2],
        grad_norm=numbers[1::2],
        momentum=[p.momentum for p in points],
    )
    for step, loss, norm in zip(columns.steps, columns.loss, columns.grad_norm, strict=True):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            what = "loss" if not math.isfinite(loss) else "gradient norm"
            raise Diverged(
                f"the {what} of step {step} is not a finite number; "
                "lower the learning rate, add warm-up or clip the gradient"
            )
    return columns
