"""The training loop: a generator of points that knows no database, no queue and no net by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from services.worker.training.objective import Objective
from services.worker.training.optim import SteppedOptimizer, clip_and_norm

Precision = Literal["float32", "bf16"]


class Point(NamedTuple):
    """One update: `step` updates were completed before it; loss and gradient norm stay on the device."""

    step: int
    lr: float
    loss: Tensor
    grad_norm: Tensor
    momentum: float | None


class BatchLike(Protocol):
    """What the loop needs of a batch."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the net is called with."""

    @property
    def targets(self) -> Tensor | None:
        """What its scores are held against."""


class Batches(Protocol):
    """Where batches come from: a function of the step."""

    def take(self, step: int) -> BatchLike:
        """Return the batch of a step."""

    def state(self) -> dict[str, int]:
        """Return what a checkpoint keeps."""

    def restore(self, state: dict[str, int]) -> None:
        """Go on as a checkpoint says, or raise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How an update is made."""

    precision: Precision = "float32"
    clip_norm: float | None = None


def _precision(rules: Rules, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    if rules.precision == "float32":
        return nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def train(
    net: nn.Module,
    *,
    batches: Batches,
    objective: Objective,
    optimizer: SteppedOptimizer,
    steps: range,
    rules: Rules = Rules(),
) -> Iterator[Point]:
    """Make the updates of `steps`, one for each point taken; nothing in a step waits for the device.

    Between two points the caller may evaluate, checkpoint or stop. Divergence shows when points are
    materialised.
    """
    precision = _precision(rules, optimizer.parameters[0].device)
    for step in steps:
        if not net.training:
            net.train()
        batch = batches.take(step)
        optimizer.zero_grad()
        with precision():
            loss = objective(net(*batch.inputs), batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_and_norm(optimizer.parameters, rules.clip_norm)
        optimizer.step(step)
        yield Point(step, optimizer.lr, loss.detach(), norm, optimizer.momentum)
