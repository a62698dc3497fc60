"""Gradient flow: norms, updates and silent units of every layer, sampled while a net trains.

A sample is taken after the backward pass and before clipping, stays on the device, changes no number of the
training and draws none. Norms of gradients come from the pass that clipping makes anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from services.worker.training.optim import Grouped
from shared.gradients import Layer, Sample
from shared.gradients.samples import LayerKind, joint

FIRST_STEPS = 10
"""Steps at the start that are all sampled: what is wrong with a net's first weights shows at once."""


class WatchedLayer(Protocol):
    """What is asked of a net's layer."""

    @property
    def name(self) -> str:
        """Path of the module."""

    @property
    def kind(self) -> LayerKind:
        """How its weight acts."""

    @property
    def order(self) -> int:
        """Place in the forward pass."""

    @property
    def weight(self) -> Tensor:
        """What it learns."""

    @property
    def bias(self) -> Tensor | None:
        """What it adds."""

    @property
    def activation(self) -> nn.Module | None:
        """What follows, with its `name`; its first input is what comes before the activation."""


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
        self._net_layers = list(net.layers())
        self._every, self._start = every, start
        self.layers = described(net)
        self._own = [_parameters(layer) for layer in self._net_layers]
        place = {id(parameter): at for at, parameter in enumerate(parameters)}
        self._places = [[place[id(p)] for p in own] for own in self._own]
        self._rectified = [at for at, layer in enumerate(self.layers) if layer.activation == "relu"]

    def due(self, step: int) -> bool:
        """Whether a step is sampled: a function of the step alone, so a resumed job samples the same ones."""
        if self._every is None:
            return False
        return step - self._start < FIRST_STEPS or step % self._every == 0

    def begin(self, step: int) -> OpenSample | None:
        """Begin a sample before the forward pass of a step that is due."""
        if not self.due(step):
            return None
        watched = [self._net_layers[at].activation for at in self._rectified]
        tables = [layer.kind == "table" for layer in self.layers]
        return OpenSample(self._own, tables, [module for module in watched if module is not None])

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
        count = len(self.layers)
        weights, updates, zeros = flow[:count], flow[count : 2 * count], flow[2 * count :]
        shares = dict(zip(self._rectified, zeros, strict=True))
        return Sample(
            step=step,
            total_norm=total,
            gradient_norms=self.gradient_norms(norms),
            weight_norms=weights,
            update_ratios=[u / w if w > 0 else None for u, w in zip(updates, weights, strict=True)],
            zero_fractions=[shares.get(at) for at in range(count)],
        )


class OpenSample:
    """A sample being taken: open before the forward pass, measured around the update."""

    def __init__(
        self, layers: Sequence[Sequence[Tensor]], tables: Sequence[bool], rectified: Sequence[nn.Module]
    ) -> None:
        self._layers = [_Held(parameters, table) for parameters, table in zip(layers, tables, strict=True)]
        self._zeros: list[Tensor] = [torch.empty(0)] * len(rectified)
        self._hooks = [module.register_forward_hook(self._silence(at)) for at, module in enumerate(rectified)]

    def before_update(self) -> None:
        """Keep the weights as they are, and which rows of tables have a gradient."""
        for hook in self._hooks:
            hook.remove()
        for layer in self._layers:
            layer.hold()

    @torch.no_grad()
    def after_update(self) -> Tensor:
        """Return norms of weights, then of updates, layer by layer, then zero shares of ReLU layers."""
        measured = [layer.measure() for layer in self._layers]
        weights, updates = zip(*measured, strict=True)
        return torch.stack([*weights, *updates, *self._zeros]).float()

    def _silence(self, at: int) -> Callable[[nn.Module, tuple[Any, ...], object], None]:
        """Return a hook that measures what share of a layer's inputs a ReLU turns to zero."""

        def hook(_module: nn.Module, given: tuple[Any, ...], _out: object) -> None:
            x: Tensor = given[0].detach()
            self._zeros[at] = torch.count_nonzero(x <= 0) / x.numel()

        return hook


@dataclass(slots=True)
class _Held:
    """One layer's weights before an update; of a table, only the rows that the batch touched count."""

    parameters: Sequence[Tensor]
    table: bool
    before: Sequence[Tensor] = ()
    touched: Tensor | None = None

    @torch.no_grad()
    def hold(self) -> None:
        self.before = [p.detach().clone() for p in self.parameters]
        if self.table:
            self.touched = _touched_rows(self.parameters)

    def measure(self) -> tuple[Tensor, Tensor]:
        """Return the norm of the weights before the update, and of the update."""
        updates = torch._foreach_sub(list(self.parameters), list(self.before))  # noqa: SLF001
        return _norm(self.before, self.touched), _norm(updates, self.touched)


def _touched_rows(parameters: Sequence[Tensor]) -> Tensor:
    """Return which rows of a table have a gradient in any of its parameters."""
    # The largest entry of a row is found five times as fast as whether any differs from zero.
    largest = [p.grad.reshape(len(p), -1).abs().amax(1) for p in parameters if p.grad is not None]
    return torch.stack(largest).amax(0) != 0


def _norm(tensors: Sequence[Tensor], rows: Tensor | None) -> Tensor:
    """Return the norm of tensors taken as one vector, of some rows alone where they are given."""
    if rows is not None:
        squares = [t.reshape(len(t), -1).square().sum(1) for t in tensors]
        return torch.where(rows, torch.stack(squares).sum(0), 0.0).sum().sqrt()
    norms = torch._foreach_norm(list(tensors))  # noqa: SLF001
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return norm


def _parameters(layer: WatchedLayer) -> list[Tensor]:
    return [p for p in (layer.weight, layer.bias) if p is not None]


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
