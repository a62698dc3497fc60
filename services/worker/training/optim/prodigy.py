"""Prodigy: Adam that learns how far the answer is, and so its own step size.

Mishchenko & Defazio, arXiv 2306.06101. d, a lower bound on the distance from the first weights to the best,
only grows; an update's rate is d·lr. One d is estimated over all parameters together.
"""

# ruff: noqa: SLF001 - torch gives its multi-tensor kernels no public names

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from services.worker.training.optim.stepped import Group, Grouped, SteppedOptimizer, zeros
from shared.schedules import ResolvedSchedule
from shared.specs.optimizers import ProdigyParams


@dataclass(frozen=True, slots=True)
class Journey:
    """Where a group's weights began, and the sums of gradients that tell the distance."""

    began: list[Tensor]
    sums: list[Tensor]


class Prodigy(SteppedOptimizer):
    """Every figure of the estimate stays on the device, so that no update waits for it."""

    moments = ("exp_avg", "exp_avg_sq", "s", "p0", "estimate")

    def __init__(self, net: Grouped, params: ProdigyParams, schedule: ResolvedSchedule) -> None:
        self._params = params
        self._journeys: dict[int, Journey] = {}
        self._used: Tensor | None = None
        super().__init__(net, schedule, momentum=params.betas[0])
        start = torch.tensor((params.d0, 0.0), dtype=torch.float64, device=self.parameters[0].device)
        self._estimate = start
        """d, and the numerator of its newest estimate."""

    @property
    def effective_lr(self) -> Tensor | None:
        """d·lr of the last update."""
        return self._used

    @torch.no_grad()
    def step(self, step: int) -> None:
        """Make update number step + 1 from the gradients; a group of factor 0 rests."""
        self.apply(step)
        moving = [group for group in self._groups if group.lr > 0.0]
        self._used = self._estimate[0] * self.lr
        if not moving:
            return
        used = self._estimate[0] * moving[0].lr
        progressed = self._measure(moving, used)
        for group in moving:
            self._move(group, torch.where(progressed, used, 0.0))

    def _measure(self, moving: Sequence[Group], used: Tensor) -> Tensor:
        """Take the gradients into the means and the estimate; tell whether there ever was a gradient."""
        d = self._estimate[0].clone()
        ratio = d / self._params.d0
        gains = [self._gain(group) for group in moving]
        for group in moving:
            self._gather(group, d, ratio * used)
        numerator = sqrt(self._params.betas[1]) * self._estimate[1] + ratio * used * _total(gains)
        lengths = [n for g in moving for n in torch._foreach_norm(self._journeys[id(g)].sums, 1)]
        denominator = _total(lengths)
        progressed = denominator > 0.0
        found = self._params.d_coef * numerator / denominator
        self._estimate[0] = torch.where(progressed, torch.maximum(d, found), d)
        self._estimate[1] = numerator
        return progressed

    def _gain(self, group: Group) -> Tensor:
        """Return Σ ⟨g, p₀ − p⟩, taken before the weights move."""
        away = torch._foreach_sub(self._journeys[id(group)].began, group.parameters)
        return _total([part.sum() for part in torch._foreach_mul(group.gradients(), away)])

    def _gather(self, group: Group, d: Tensor, weight: Tensor) -> None:
        """Take the gradients into Adam's means, scaled by d, and into the sums of the estimate."""
        (beta1, beta2), gradients = self._params.betas, group.gradients()
        sums = self._journeys[id(group)].sums
        torch._foreach_mul_(group.first, beta1)
        torch._foreach_add_(group.first, torch._foreach_mul(gradients, d * (1.0 - beta1)))
        torch._foreach_mul_(group.second, beta2)
        squares = torch._foreach_mul(gradients, gradients)
        torch._foreach_add_(group.second, torch._foreach_mul(squares, d * d * (1.0 - beta2)))
        torch._foreach_mul_(sums, sqrt(beta2))
        torch._foreach_add_(sums, torch._foreach_mul(gradients, weight))

    def _move(self, group: Group, rate: Tensor) -> None:
        """Make Adam's step at the rate, its eps scaled by the new d."""
        scale = torch._foreach_sqrt(group.second)
        torch._foreach_add_(scale, self._estimate[0] * self._params.eps)
        if self._params.weight_decay:
            # Subtracted, since 1 − decay·rate would be rounded away while d is small.
            shrink = torch._foreach_mul(group.parameters, self._params.weight_decay * rate)
            torch._foreach_sub_(group.parameters, shrink)
        direction = torch._foreach_div(group.first, scale)
        torch._foreach_mul_(direction, rate)
        torch._foreach_sub_(group.parameters, direction)

    def _remember(self, group: Group) -> None:
        group.first, group.second = zeros(group.parameters), zeros(group.parameters)
        began = [p.detach().clone() for p in group.parameters]
        self._journeys[id(group)] = Journey(began, zeros(group.parameters))

    def _state_at(self, group: Group, at: int) -> tuple[Tensor, ...]:
        journey = self._journeys[id(group)]
        return group.first[at], group.second[at], journey.sums[at], journey.began[at], self._estimate


def _total(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack([part.double() for part in parts]).sum()
