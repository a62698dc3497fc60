"""What every optimizer here is: updates whose rate, and a cycled momentum, a schedule sets before each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from shared.errors import Finding, Refused
from shared.schedules import LrEvent, ResolvedSchedule, multiplier_at


class Grouped(Protocol):
    """A net whose parameters stand in named groups."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return every trained parameter exactly once."""


@dataclass(slots=True)
class Group:
    """Parameters under one factor of the learning rate, with what the optimizer remembers of each."""

    lr_mult: float
    parameters: list[Tensor]
    lr: float = 0.0
    first: list[Tensor] = field(default_factory=list)
    """Momentum buffers, or Adam's means of the gradient."""
    second: list[Tensor] = field(default_factory=list)
    """Adam's means of the squared gradient."""
    done: list[Tensor] = field(default_factory=list)
    """What all parameters of the group share, in one tensor: Adam's count of updates, for one."""

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
        charted = schedule.charted_factor
        self._charted = next((g for g in self._groups if g.lr_mult == charted), self._groups[0])
        self.apply(schedule.start_step)
        for group in self._groups:
            self._remember(group)

    @property
    def lr(self) -> float:
        """The rate that stands in the optimizer, of the group with factor 1 or, without one, of the first."""
        return self._charted.lr

    @property
    def effective_lr(self) -> Tensor | float | None:
        """The rate that the last update really used, where the optimizer makes its own of the schedule's.

        A tensor stays on its device: nobody waits for it.
        """
        return None

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Hold in the net, inside the block, the weights to judge and to keep; here they are those trained.

        What is written into the net inside the block takes their place.
        """
        yield

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

    def _remember(self, group: Group) -> None:
        raise NotImplementedError

    def _update(self, group: Group) -> None:
        raise NotImplementedError

    def _state_at(self, group: Group, at: int) -> tuple[Tensor, ...]:
        raise NotImplementedError


def _merged(net: Grouped, schedule: ResolvedSchedule) -> list[Group]:
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
    return [Group(lr_mult, parameters) for lr_mult, parameters in merged.items()]


def zeros(parameters: list[Tensor]) -> list[Tensor]:
    """Return a zero tensor for each parameter."""
    return [torch.zeros_like(p, requires_grad=False) for p in parameters]
