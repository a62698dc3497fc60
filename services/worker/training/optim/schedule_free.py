"""Schedule-free AdamW: gradients are taken between two sequences, and the slow one is the answer.

Defazio et al., "The Road Less Scheduled", arXiv 2405.15682. With β₁ the share of the average:
y = (1−β₁)·z + β₁·x is where the gradient is taken, z makes AdamW's steps without momentum, x is the mean of
all z so far, weighted by t^r · (largest rate so far)^p.
"""

# ruff: noqa: SLF001 - torch gives its multi-tensor kernels no public names

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from services.worker.training.optim.stepped import Group, Grouped, SteppedOptimizer, zeros
from shared.schedules import ResolvedSchedule
from shared.specs.optimizers import ScheduleFreeAdamWParams


class ScheduleFreeAdamW(SteppedOptimizer):
    """The net trains at y and is judged, kept and published at x.

    x and z are both kept and y is always made from them in the same way, never x from y: so an evaluation
    in between changes no bit.
    """

    moments = ("z", "exp_avg_sq", "course")

    def __init__(self, net: Grouped, params: ScheduleFreeAdamWParams, schedule: ResolvedSchedule) -> None:
        self._params = params
        self._averages: dict[int, list[Tensor]] = {}
        super().__init__(net, schedule, momentum=params.betas[0])

    @property
    def effective_lr(self) -> float:
        """The rate of the last step of z; the second moment's bias is corrected apart from it."""
        return self.lr

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Hold the average x in the net inside the block, and y again behind it."""
        with torch.no_grad():
            for group in self._groups:
                torch._foreach_copy_(group.parameters, self._average(group))
        try:
            yield
        finally:
            with torch.no_grad():
                for group in self._groups:
                    torch._foreach_copy_(self._average(group), group.parameters)
                    self._place(group)

    def _remember(self, group: Group) -> None:
        self._averages[id(group)] = _copies(group.parameters)
        group.first, group.second = _copies(group.parameters), zeros(group.parameters)
        # Updates done, sum of the weights of the average, largest rate: read on the host, so kept there.
        group.done = [torch.zeros(3, dtype=torch.float64)]

    @torch.no_grad()
    def _update(self, group: Group) -> None:
        share, correction = self._advance(group)
        beta2, gradients, z, squares = self._params.betas[1], group.gradients(), group.first, group.second
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1.0 - beta2)
        scale = torch._foreach_div(squares, correction)
        torch._foreach_sqrt_(scale)
        torch._foreach_add_(scale, self._params.eps)
        direction = torch._foreach_div(gradients, scale)
        if self._params.weight_decay:
            torch._foreach_add_(direction, group.parameters, alpha=self._params.weight_decay)
        torch._foreach_add_(z, direction, alpha=-group.lr)
        torch._foreach_lerp_(self._average(group), z, share)
        self._place(group)

    def _advance(self, group: Group) -> tuple[float, float]:
        """Count the update; return the newest z's share of the average and the correction 1 − β₂^t."""
        params, course = self._params, group.done[0]
        done, weights, largest = course.tolist()
        done, largest = done + 1.0, max(largest, group.lr)
        weight = done**params.r * largest**params.weight_lr_power
        weights += weight
        course.copy_(torch.tensor((done, weights, largest), dtype=torch.float64))
        return (weight / weights if weights else 0.0), 1.0 - params.betas[1] ** done

    def _place(self, group: Group) -> None:
        """Put y into the net."""
        placed = torch._foreach_lerp(self._average(group), group.first, 1.0 - self._params.betas[0])
        torch._foreach_copy_(group.parameters, placed)

    def _average(self, group: Group) -> list[Tensor]:
        return self._averages[id(group)]

    def _state_at(self, group: Group, at: int) -> tuple[Tensor, ...]:
        return group.first[at], group.second[at], group.done[0]


def _copies(parameters: list[Tensor]) -> list[Tensor]:
    return [p.detach().clone() for p in parameters]
