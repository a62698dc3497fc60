"""Optimizers that take their learning rate, and a cycled momentum, from a schedule before every update.

They call torch's fused kernels straight: one pass over memory per update and none of the bookkeeping of
`torch.optim`, which costs as much as the arithmetic of a small net. The numbers are those of `torch.optim`
with `fused=True`, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from shared.errors import Finding, Refused
from shared.schedules import LrEvent, ResolvedSchedule, multiplier_at
from shared.specs.optimizers import AdamParams, AdamWParams, OptimizerParams, SgdParams


class Grouped(Protocol):
    """A net whose parameters stand in named groups."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return every trained parameter exactly once."""


@dataclass(slots=True)
class _Group:
    """Parameters under one factor of the learning rate, with what the optimizer remembers of each."""

    lr_mult: float
    parameters: list[Tensor]
    lr: float = 0.0
    first: list[Tensor] = field(default_factory=list)
    """Momentum buffers, or Adam's means of the gradient."""
    second: list[Tensor] = field(default_factory=list)
    """Adam's means of the squared gradient."""
    done: list[Tensor] = field(default_factory=list)
    """Adam's count of updates, one tensor that all parameters of the group share."""

    def gradients(self) -> list[Tensor]:
        """Return the gradients; a parameter that took no part has none, which is a fault of the net."""
        found = [p.grad for p in self.parameters]
        if any(g is None for g in found):
            raise RuntimeError("a parameter took no part in the loss; leave it out of parameter_groups()")
        return found  # type: ignore[return-value]


class SteppedOptimizer:
    """An optimizer under a schedule: lr(group, t) = lr_mult[group] · M(t) · S(t), set before each update.

    Groups with the same factor are updated together. `events` may be replaced while training goes on:
    M is looked up, never accumulated.
    """

    moments: tuple[str, ...] = ()
    """Names of what is remembered of each parameter, as a checkpoint writes them."""

    def __init__(self, net: Grouped, schedule: ResolvedSchedule, *, momentum: float | None) -> None:
        self.schedule = schedule
        self.events: Sequence[LrEvent] = ()
        self.momentum = momentum
        self._groups = _merged(net, schedule)
        self.parameters: list[Tensor] = [p for group in self._groups for p in group.parameters]
        self._charted = next((g for g in self._groups if g.lr_mult == 1.0), self._groups[0])
        self.apply(0)
        for group in self._groups:
            self._remember(group)

    @property
    def lr(self) -> float:
        """The rate that stands in the optimizer, of the group with factor 1 or, without one, of the first."""
        return self._charted.lr

    def apply(self, step: int) -> None:
        """Set what update number step + 1 uses."""
        rate = self.schedule.lr(step)
        multiplier = multiplier_at(self.events, step) if self.events else 1.0
        for group in self._groups:
            group.lr = group.lr_mult * multiplier * rate
        momentum = self.schedule.momentum(step)
        if momentum is not None:
            self.momentum = momentum

    def step(self, step: int) -> None:
        """Make update number step + 1 from the gradients."""
        self.apply(step)
        for group in self._groups:
            self._update(group)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return the tensors remembered of one parameter by name; writing into them changes the state."""
        for group in self._groups:
            for at, own in enumerate(group.parameters):
                if own is parameter:
                    return dict(zip(self.moments, self._state_at(group, at), strict=True))
        raise KeyError("the optimizer does not train this parameter")

    def _remember(self, group: _Group) -> None:
        raise NotImplementedError

    def _update(self, group: _Group) -> None:
        raise NotImplementedError

    def _state_at(self, group: _Group, at: int) -> tuple[Tensor, ...]:
        raise NotImplementedError


def _merged(net: Grouped, schedule: ResolvedSchedule) -> list[_Group]:
    """Return the net's groups, those of one factor as one. Raises `Refused` for a name the net lacks."""
    named = net.parameter_groups()
    unknown = [name for name in schedule.groups if name not in named]
    if unknown:
        message = f"names no group of this net; it has {', '.join(named)}"
        findings = [Finding(("schedule", "groups", name), message) for name in unknown]
        raise Refused("the schedule names a group that the net does not have", findings=findings)
    merged: dict[float, list[Tensor]] = {}
    for name, parameters in named.items():
        merged.setdefault(schedule.lr_mult(name), []).extend(parameters)
    return [_Group(lr_mult, parameters) for lr_mult, parameters in merged.items()]


def _zeros(parameters: list[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(p, requires_grad=False) for p in parameters]


class SteppedSgd(SteppedOptimizer):
    """Stochastic gradient descent, with momentum (Polyak's, or Nesterov's form) where asked."""

    def __init__(self, net: Grouped, params: SgdParams, schedule: ResolvedSchedule) -> None:
        self._params = params
        self.moments = ("momentum_buffer",) if params.momentum else ()
        super().__init__(net, schedule, momentum=params.momentum or None)

    def _remember(self, group: _Group) -> None:
        # Zero buffers give m·0 + g = g, which is what torch.optim's first step stores.
        group.first = _zeros(group.parameters) if self._params.momentum else []

    def _update(self, group: _Group) -> None:
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

    def _state_at(self, group: _Group, at: int) -> tuple[Tensor, ...]:
        return (group.first[at],) if self.moments else ()


class SteppedAdam(SteppedOptimizer):
    """Adam (arXiv 1412.6980), or AdamW (arXiv 1711.05101), whose weight decay scales with the rate."""

    moments = ("exp_avg", "exp_avg_sq", "step")

    def __init__(self, net: Grouped, params: AdamParams | AdamWParams, schedule: ResolvedSchedule) -> None:
        self._params = params
        kernels = {"adam": torch._fused_adam_, "adamw": torch._fused_adamw_}
        self._kernel = kernels[params.name]
        super().__init__(net, schedule, momentum=params.betas[0])

    def _remember(self, group: _Group) -> None:
        group.first, group.second = _zeros(group.parameters), _zeros(group.parameters)
        group.done = [torch.zeros((), dtype=torch.float32, device=group.parameters[0].device)]

    def _update(self, group: _Group) -> None:
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

    def _state_at(self, group: _Group, at: int) -> tuple[Tensor, ...]:
        return group.first[at], group.second[at], group.done[0]


def make_optimizer(net: Grouped, params: OptimizerParams, schedule: ResolvedSchedule) -> SteppedOptimizer:
    """Return the optimizer over a net's groups. Raises `Refused` for a group that the net lacks."""
    if isinstance(params, SgdParams):
        return SteppedSgd(net, params, schedule)
    return SteppedAdam(net, params, schedule)


@torch.no_grad()
def clip_and_norm(parameters: Sequence[Tensor], limit: float | None) -> Tensor:
    """Return the norm of all gradients as a 0-d tensor; above `limit` they are scaled down to it.

    Nothing waits for the device: the factor stays a tensor.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  # one call for all, as in torch's own clipping
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    if limit is not None:
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm
