"""Stochastic gradient descent and the Adam family, through torch's fused kernels.

The numbers are those of `torch.optim` with `fused=True`, bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from services.worker.training.optim.stepped import Group, Grouped, SteppedOptimizer, zeros
from shared.schedules import ResolvedSchedule
from shared.specs.optimizers import AdamParams, AdamWParams, SgdParams


class SteppedSgd(SteppedOptimizer):
    """Stochastic gradient descent, with momentum (Polyak's, or Nesterov's form) where asked."""

    def __init__(self, net: Grouped, params: SgdParams, schedule: ResolvedSchedule) -> None:
        self._params = params
        self.moments = ("momentum_buffer",) if params.momentum else ()
        super().__init__(net, schedule, momentum=params.momentum or None)

    def _remember(self, group: Group) -> None:
        # Zero buffers give m·0 + g = g, which is what torch.optim's first step stores.
        group.first = zeros(group.parameters) if self._params.momentum else []

    def _update(self, group: Group) -> None:
        torch._fused_sgd_(  # the kernel of torch.optim.SGD(fused=True)
            group.parameters,
            group.gradients(),
            group.first,
            weight_decay=self._params.weight_decay,
            momentum=self.momentum or 0.0,
            lr=group.lr,
            dampening=0.0,
            nesterov=self._params.nesterov,
            maximize=False,
            is_first_step=False,
        )

    def _state_at(self, group: Group, at: int) -> tuple[Tensor, ...]:
        return (group.first[at],) if self.moments else ()


class SteppedAdam(SteppedOptimizer):
    """Adam (arXiv 1412.6980), or AdamW (arXiv 1711.05101), whose weight decay scales with the rate."""

    moments = ("exp_avg", "exp_avg_sq", "step")

    def __init__(self, net: Grouped, params: AdamParams | AdamWParams, schedule: ResolvedSchedule) -> None:
        self._params = params
        kernels = {"adam": torch._fused_adam_, "adamw": torch._fused_adamw_}
        self._kernel = kernels[params.name]
        super().__init__(net, schedule, momentum=params.betas[0])

    def _remember(self, group: Group) -> None:
        group.first, group.second = zeros(group.parameters), zeros(group.parameters)
        group.done = [torch.zeros((), dtype=torch.float32, device=group.parameters[0].device)]

    def _update(self, group: Group) -> None:
        group.done[0] += 1
        self._kernel(
            group.parameters,
            group.gradients(),
            group.first,
            group.second,
            [],
            group.done * len(group.parameters),
            lr=group.lr,
            beta1=self.momentum or 0.0,
            beta2=self._params.betas[1],
            weight_decay=self._params.weight_decay,
            eps=self._params.eps,
            amsgrad=False,
            maximize=False,
            grad_scale=None,
            found_inf=None,
        )

    def _state_at(self, group: Group, at: int) -> tuple[Tensor, ...]:
        return group.first[at], group.second[at], group.done[0]
