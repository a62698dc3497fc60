"""Gradient flow: norms, updates and silent units of every layer, sampled while a net trains.

A sample is taken after the backward pass and before clipping, stays on the device, changes no number of the
training and draws none. Norms of gradients come from the pass that clipping makes anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from services.worker.training.optim import Grouped
from services.worker.training.sampling import OpenSample, Sites, WatchedLayer, parameters_of
from shared.gradients import Layer, Sample
from shared.gradients.samples import joint

FIRST_STEPS = 10
"""Steps at the start that are all sampled: what is wrong with a net's first weights shows at once."""


class Watchable(Grouped, Protocol):
    """A net that names its layers in the order of the forward pass."""

    def layers(self) -> Sequence[WatchedLayer]:
        """Return every parameter exactly once."""


class SampledPoint(Protocol):
    """What is read of a point."""

    @property
    def step(self) -> int:
        """Updates before it."""

    @property
    def grad_norm(self) -> Tensor:
        """Norm of all gradients."""

    @property
    def norms(self) -> Tensor | None:
        """Norm of each parameter's gradient, in the optimizer's order."""

    @property
    def flow(self) -> Tensor | None:
        """What a sample measured on the device, none at other steps."""


class FlowWatch:
    """When to sample a net, and how to read samples; `every` none never samples and still names layers."""

    def __init__(
        self, net: Watchable, *, parameters: Sequence[Tensor], every: int | None, start: int = 0
    ) -> None:
        self._every, self._start = every, start
        self.layers = described(net)
        held = list(net.layers())
        place = {id(parameter): at for at, parameter in enumerate(parameters)}
        self._places = [[place[id(p)] for p in parameters_of(layer)] for layer in held]
        self._sites = Sites.of(held)

    def due(self, step: int) -> bool:
        """Whether a step is sampled: a function of the step alone, so a resumed job samples the same ones."""
        if self._every is None:
            return False
        return step - self._start < FIRST_STEPS or step % self._every == 0

    def begin(self, step: int) -> OpenSample | None:
        """Begin a sample before the forward pass of a step that is due."""
        return OpenSample(self._sites) if self.due(step) else None

    def gradient_norms(self, norms: Sequence[float]) -> list[float]:
        """Return the gradient norm of every layer from those of the optimizer's parameters."""
        return [joint(norms[place] for place in places) for places in self._places]

    def read(self, points: Sequence[SampledPoint]) -> list[Sample]:
        """Return the samples among points as plain numbers, in one transfer."""
        found = [(p, p.norms, p.flow) for p in points if p.norms is not None and p.flow is not None]
        if not found:
            return []
        rows = torch.stack([torch.cat([p.grad_norm.reshape(1), norms, flow]) for p, norms, flow in found])
        held = len(found[0][1])
        return [
            self._sample(p.step, row[0], row[1 : held + 1], row[held + 1 :])
            for (p, *_), row in zip(found, rows.tolist(), strict=True)
        ]

    def _sample(self, step: int, total: float, norms: list[float], flow: list[float]) -> Sample:
        measured = self._sites.read(flow)
        return Sample(
            step=step,
            total_norm=total,
            gradient_norms=self.gradient_norms(norms),
            weight_norms=measured.weights,
            update_ratios=[
                update / weight if weight > 0 else None
                for update, weight in zip(measured.updates, measured.weights, strict=True)
            ],
            zero_fractions=measured.zeros,
        )


def described(net: Watchable) -> tuple[Layer, ...]:
    """Return what a net says of its layers, as findings need it."""
    group_of = {id(p): group for group, held in net.parameter_groups().items() for p in held}
    return tuple(
        Layer(
            name=layer.name,
            group=group_of[id(layer.weight)],
            kind=layer.kind,
            order=layer.order,
            activation=None if layer.activation is None else str(layer.activation.name),
        )
        for layer in net.layers()
    )
