"""The training loop: a generator of points that knows no database, no queue and no net by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from services.worker.training.diagnostics import FlowWatch
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
    norms: Tensor | None = None
    """Norm of each parameter's gradient before clipping, in the optimizer's order."""
    flow: Tensor | None = None
    """What `diagnostics` measured at the steps that it samples."""
    effective_lr: Tensor | float | None = None
    """The rate that the optimizer made of `lr`, where it makes its own."""


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
    """How an update is made, and who watches it."""

    precision: Precision = "float32"
    clip_norm: float | None = None
    watch: FlowWatch | None = None


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
        sample = rules.watch.begin(step) if rules.watch is not None else None
        with precision():
            loss = objective(net(*batch.inputs), batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        if sample is not None:
            sample.before_update()
        norms = clip_and_norm(optimizer.parameters, rules.clip_norm)
        optimizer.step(step)
        flow = sample.after_update() if sample is not None else None
        yield Point(
            step,
            optimizer.lr,
            loss.detach(),
            norms.total,
            optimizer.momentum,
            norms.each,
            flow,
            optimizer.effective_lr,
        )
