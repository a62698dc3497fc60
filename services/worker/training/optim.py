"""Optimizers that take their learning rate, and a cycled momentum, from a schedule before every update."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from shared.errors import Finding, Refused
from shared.schedules import LrEvent, ResolvedSchedule, multiplier_at
from shared.specs.job import AdamParams, AdamWParams, OptimizerParams, SgdParams


class Grouped(Protocol):
    """A net whose parameters stand in named groups."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return every trained parameter exactly once."""


class SteppedOptimizer:
    """An optimizer of torch under a schedule: lr(group, t) = lr_mult[group] · M(t) · S(t), set per update.

    `events` may be replaced while training goes on; M is looked up, never accumulated.
    """

    def __init__(
        self, inner: torch.optim.Optimizer, schedule: ResolvedSchedule, *, momentum: str | None
    ) -> None:
        self.inner = inner
        self.schedule = schedule
        self.events: Sequence[LrEvent] = ()
        self.parameters: list[nn.Parameter] = [p for group in inner.param_groups for p in group["params"]]
        self._momentum_field = momentum
        names = [group["name"] for group in inner.param_groups]
        self._charted = next(
            (k for k, name in enumerate(names) if schedule.lr_of(name, 0) == schedule.lr(0)), 0
        )

    @property
    def lr(self) -> float:
        """The rate that stands in the optimizer, read back from the first group with factor 1."""
        return float(self.inner.param_groups[self._charted]["lr"])

    @property
    def momentum(self) -> float | None:
        """The momentum or β₁ that stands in the optimizer; none where it has neither."""
        group = self.inner.param_groups[self._charted]
        if self._momentum_field is None:
            return None
        value = group[self._momentum_field]
        return float(value[0] if isinstance(value, tuple) else value)

    def apply(self, step: int) -> None:
        """Set what update number step + 1 uses."""
        multiplier = multiplier_at(self.events, step) if self.events else 1.0
        momentum = self.schedule.momentum(step)
        for group in self.inner.param_groups:
            group["lr"] = self.schedule.lr_of(group["name"], step, multiplier)
            if momentum is not None:
                self._set_momentum(group, momentum)

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self._momentum_field == "betas":
            group["betas"] = (value, group["betas"][1])
        elif self._momentum_field == "momentum":
            group["momentum"] = value

    def step(self, step: int) -> None:
        """Make update number step + 1 from the gradients."""
        self.apply(step)
        self.inner.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.inner.zero_grad(set_to_none=True)

    def state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Return the tensors kept for one parameter, e.g. its moments."""
        state = self.inner.state.get(parameter, {})
        return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def _groups(net: Grouped, schedule: ResolvedSchedule) -> list[dict[str, Any]]:
    groups = net.parameter_groups()
    unknown = [name for name in schedule.groups if name not in groups]
    if unknown:
        message = f"names no group of this net; it has {', '.join(groups)}"
        findings = [Finding(("schedule", "groups", name), message) for name in unknown]
        raise Refused("the schedule names a group the net does not have", findings=findings)
    return [{"name": name, "params": parameters} for name, parameters in groups.items()]


def make_optimizer(net: Grouped, params: OptimizerParams, schedule: ResolvedSchedule) -> SteppedOptimizer:
    """Return the optimizer over a net's groups, one pass over memory per update where torch has it fused.

    Measured on 2 cores, 1.2 M parameters: Adam fused 0.25 ms, foreach 0.69, a loop 0.75; the same numbers to
    rounding. Raises `Refused` when the schedule names a group that the net lacks.
    """
    groups = _groups(net, schedule)
    lr = schedule.lr(0)
    if isinstance(params, SgdParams):
        inner: torch.optim.Optimizer = torch.optim.SGD(
            groups,
            lr=lr,
            momentum=params.momentum,
            nesterov=params.nesterov,
            weight_decay=params.weight_decay,
            fused=True,
        )
        return SteppedOptimizer(inner, schedule, momentum="momentum" if params.momentum else None)
    adam = torch.optim.AdamW if isinstance(params, AdamWParams) else torch.optim.Adam
    inner = adam(
        groups, lr=lr, betas=params.betas, eps=params.eps, weight_decay=params.weight_decay, fused=True
    )
    return SteppedOptimizer(inner, schedule, momentum="betas")


__all__ = ["AdamParams", "Grouped", "SteppedOptimizer", "clip_and_norm", "make_optimizer"]


def clip_and_norm(parameters: Iterable[nn.Parameter], limit: float | None) -> Tensor:
    """Return the norm of all gradients as a 0-d tensor; above `limit` they are scaled down to it.

    Nothing waits for the device: the factor stays a tensor.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  # one call for all, as in torch's own clipping
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    if limit is not None:
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm
