"""Points brought from the device to the host, many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from services.worker.training.loop import Point
from shared.errors import Diverged

REMEDY = "lower the learning rate, add warm-up or clip the gradient"


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Points as columns of plain numbers."""

    steps: list[int]
    lr: list[float]
    loss: list[float]
    grad_norm: list[float]
    momentum: list[float | None]
    effective_lr: list[float | None]

    def head(self, count: int) -> PointColumns:
        """Return the first so many points."""
        return PointColumns(*(getattr(self, field.name)[:count] for field in fields(self)))


def columns_of(points: Sequence[Point]) -> PointColumns:
    """Return points as plain numbers, in one transfer."""
    if not points:
        return PointColumns([], [], [], [], [], [])
    stacked = torch.stack([tensor.float() for p in points for tensor in (p.loss, p.grad_norm)])
    numbers: list[float] = stacked.tolist()
    return PointColumns(
        steps=[p.step for p in points],
        lr=[p.lr for p in points],
        loss=numbers[0::2],
        grad_norm=numbers[1::2],
        momentum=[p.momentum for p in points],
        effective_lr=_effective(points),
    )


def _effective(points: Sequence[Point]) -> list[float | None]:
    """Return the effective rates; one optimizer gives tensors, numbers or nothing for all of its points."""
    found = [p.effective_lr for p in points]
    tensors = [one for one in found if isinstance(one, torch.Tensor)]
    if len(tensors) == len(found):
        rates: list[float | None] = torch.stack(tensors).tolist()
        return rates
    return [None if one is None else float(one) for one in found]


def first_broken(columns: PointColumns) -> int | None:
    """Return the place of the first point whose loss or gradient norm is not finite; none when all are."""
    pairs = zip(columns.loss, columns.grad_norm, strict=True)
    return next((i for i, pair in enumerate(pairs) if not all(map(math.isfinite, pair))), None)


def broken(columns: PointColumns, at: int) -> str:
    """Return which number of a point is not finite."""
    what = "gradient norm" if math.isfinite(columns.loss[at]) else "loss"
    return f"the {what} of step {columns.steps[at]} is not a finite number"


def materialise(points: Sequence[Point]) -> PointColumns:
    """Return points as plain numbers.

    Raises `Diverged`, naming the step, when a loss or a gradient norm is not a finite number.
    """
    columns = columns_of(points)
    at = first_broken(columns)
    if at is not None:
        raise Diverged(f"{broken(columns, at)}; {REMEDY}")
    return columns
