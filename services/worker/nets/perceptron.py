"""A stack of hidden layers, drawn as their activation asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from services.worker.nets.activations import Hidden, draw
from shared.catalog import ActivationName, InitName


class Perceptron(nn.Sequential):
    """Layers from widths[0] to widths[-1], each with its activation and dropout; biases start at zero."""

    def __init__(
        self,
        widths: tuple[int, ...],
        *,
        dropout: float,
        activation: ActivationName = "relu",
        init: InitName = "default",
    ) -> None:
        pairs = pairwise(widths)
        super().__init__(*(Hidden(a, b, activation=activation, dropout=dropout) for a, b in pairs))
        self.activation = activation
        for layer in self.layers():
            draw(layer.weight, init=init, before=activation)
            nn.init.zeros_(layer.bias)

    def layers(self) -> Iterator[Hidden]:
        """Yield the layers in the order of the forward pass."""
        for layer in self:
            assert isinstance(layer, Hidden)  # noqa: S101  # made by ourselves
            yield layer
