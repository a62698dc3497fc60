"""What the driver must know of a task: how to train it, how to judge it, how to pack it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import torch

from services.worker.nets import Net
from services.worker.package.papers import Papers
from services.worker.training.loop import Batches
from services.worker.training.objective import Objective
from shared.schedules import ResolvedSchedule
from shared.specs.job import JobSpec

Ask = Callable[[], None]
"""Asks whether a training may go on: raises when it is to stop."""


@dataclass(frozen=True, slots=True)
class Course:
    """One job's net on its device, with its batches and what is made small."""

    spec: JobSpec
    schedule: ResolvedSchedule
    device: torch.device
    net: Net
    batches: Batches
    objective: Objective
    samples_per_row: int
    """Rows of the net's input for one training row: 1, and the negatives."""


class Plan(Protocol):
    """A task's own part of a training."""

    @property
    def course(self) -> Course:
        """What the loop is handed."""

    @property
    def main_metric(self) -> str:
        """The validation metric that decides the best checkpoint unless the spec names another."""

    @property
    def inputs(self) -> list[dict[str, object]]:
        """What the model card says of every column that a request may give; empty for a recommender."""

    def validate(self) -> dict[str, float]:
        """Measure the net as it is on the validation part; draws nothing from the training's generators."""

    def settle(self) -> None:
        """Ready the trained net for inputs that training never showed, before it is judged and packed."""

    def judge(self, ask: Ask) -> dict[str, Any]:
        """Report on the net as it is beside its baselines on the test part; asks before each of them."""

    def pack(self, papers: Papers) -> bytes:
        """Seal the net as it is with everything needed to predict."""


def finite(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """Return the metrics that have a value, which NaN and infinity are not."""
    return {name: float(value) for name, value in metrics.items() if value is not None and isfinite(value)}
