"""One sample of gradient flow being taken: weights before and after an update, and what ReLUs turn to zero.

Everything stays on the device, in few operations: they are most of what a sample costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from shared.gradients.samples import LayerKind, joint


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


def parameters_of(layer: WatchedLayer) -> list[Tensor]:
    """Return the weight and, where there is one, the bias."""
    return [p for p in (layer.weight, layer.bias) if p is not None]


class Measured(NamedTuple):
    """What one sample measured, layer by layer."""

    weights: list[float]
    updates: list[float]
    zeros: list[float | None]


@dataclass(frozen=True, slots=True)
class Sites:
    """What is measured in a net: dense parameters whole, tables by touched rows, the inputs of ReLUs."""

    dense: list[Tensor]
    tables: list[list[Tensor]]
    rectified: list[nn.Module]
    slots: list[list[int]]
    """Of each layer, the places of its parameters among all that are measured: the dense, then the tables."""
    silent: list[int | None]
    """Of each layer, the place of its activation among `rectified`."""

    @classmethod
    def of(cls, layers: Sequence[WatchedLayer]) -> Sites:
        """Return where to measure in these layers."""
        dense = [p for layer in layers if layer.kind != "table" for p in parameters_of(layer)]
        tables = [parameters_of(layer) for layer in layers if layer.kind == "table"]
        place = {id(p): at for at, p in enumerate([*dense, *chain.from_iterable(tables)])}
        relu = [layer.activation for layer in layers if _is_relu(layer.activation)]
        return cls(
            dense=dense,
            tables=tables,
            rectified=[module for module in relu if module is not None],
            slots=[[place[id(p)] for p in parameters_of(layer)] for layer in layers],
            silent=[relu.index(a) if _is_relu(a := layer.activation) else None for layer in layers],
        )

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters, the dense and then those of tables."""
        return [*self.dense, *chain.from_iterable(self.tables)]

    def read(self, flow: Sequence[float]) -> Measured:
        """Return what `OpenSample.after_update` gave, layer by layer."""
        count = sum(map(len, self.slots))
        weights, updates, zeros = flow[:count], flow[count : 2 * count], flow[2 * count :]
        return Measured(
            [joint(weights[at] for at in slots) for slots in self.slots],
            [joint(updates[at] for at in slots) for slots in self.slots],
            [None if at is None else zeros[at] for at in self.silent],
        )


class OpenSample:
    """A sample being taken: open before the forward pass, measured around the update."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._zeros: list[Tensor] = [torch.empty(0)] * len(sites.rectified)
        self._hooks = [m.register_forward_hook(self._silence(at)) for at, m in enumerate(sites.rectified)]
        self._before: list[Tensor] = []
        self._touched: list[Tensor] = []

    @torch.no_grad()
    def before_update(self) -> None:
        """Keep the weights as they are, and which rows of tables have a gradient."""
        for hook in self._hooks:
            hook.remove()
        self._before = [p.detach().clone() for p in self._sites.parameters]
        self._touched = [_touched_rows(table) for table in self._sites.tables]

    @torch.no_grad()
    def after_update(self) -> Tensor:
        """Return norms of weights, then of updates, parameter by parameter, then zero shares of ReLUs."""
        updates = torch._foreach_sub(self._sites.parameters, self._before)  # noqa: SLF001
        return torch.stack([*self._norms(self._before), *self._norms(updates), *self._zeros]).float()

    def _norms(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the norm of every parameter; of a table's, over touched rows."""
        dense = len(self._sites.dense)
        masks = [m for m, table in zip(self._touched, self._sites.tables, strict=True) for _ in table]
        rows = [
            torch.linalg.vector_norm(t.reshape(len(t), -1), dim=1).where(mask, 0.0)
            for t, mask in zip(tensors[dense:], masks, strict=True)
        ]
        norms: Sequence[Tensor] = torch._foreach_norm([*tensors[:dense], *rows])  # noqa: SLF001
        return norms

    def _silence(self, at: int) -> Callable[[nn.Module, tuple[Any, ...], object], None]:
        """Return a hook that measures what share of a layer's inputs a ReLU turns to zero."""

        def hook(_module: nn.Module, given: tuple[Any, ...], _out: object) -> None:
            x: Tensor = given[0].detach()
            self._zeros[at] = torch.count_nonzero(x <= 0) / x.numel()

        return hook


def _touched_rows(table: Sequence[Tensor]) -> Tensor:
    """Return which rows of a table have a gradient in any of its parameters."""
    # The largest entry of a row is found five times as fast as whether any differs from zero.
    largest = [p.grad.reshape(len(p), -1).abs().amax(1) for p in table if p.grad is not None]
    return functools.reduce(torch.maximum, largest) != 0


def _is_relu(activation: nn.Module | None) -> bool:
    return activation is not None and activation.name == "relu"
