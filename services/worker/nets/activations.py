"""Activations as modules, and the ranges that weights before them are drawn from.

As modules they have a name and take forward hooks, so that a net can be watched and drawn layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.worker.nets.layers import dense, relu_dropout
from shared.catalog import ActivationName, InitName

FUNCTIONS: dict[ActivationName, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "silu": functional.silu,
}
SATURATING: tuple[ActivationName, ...] = ("tanh", "sigmoid")


class Activation(nn.Module):
    """An activation by name, then dropout; ReLU's pair has a short cut on a CPU."""

    def __init__(self, name: ActivationName, *, dropout: float) -> None:
        super().__init__()
        self.name: ActivationName = name
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations of x, in its shape."""
        p = self.dropout if self.training else 0.0
        if self.name == "relu":
            return relu_dropout(x, p)
        return functional.dropout(FUNCTIONS[self.name](x), p)

    def extra_repr(self) -> str:
        """Name the function and its dropout."""
        return f"{self.name}, dropout={self.dropout}"


class Hidden(nn.Linear):
    """A linear layer with its activation: f(x · weightᵀ + bias), for an input of any leading shape."""

    def __init__(self, fan_in: int, fan_out: int, *, activation: ActivationName, dropout: float) -> None:
        super().__init__(fan_in, fan_out)
        self.activation = Activation(activation, dropout=dropout)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        """Return the layer's activations."""
        out: Tensor = self.activation(dense(input, self))
        return out


@torch.no_grad()
def draw(weight: Tensor, *, init: InitName, before: ActivationName) -> None:
    """Draw a weight [out, in] in place, as suits the activation that follows unless `init` names a range.

    `kaiming`: U(±√(6/in)) (He et al. 2015); `xavier`: U(±√(6/(in + out))) (Glorot and Bengio 2010);
    `torch`: U(±1/√in), what torch draws for any linear layer.
    """
    if init == "default":
        init = "xavier" if before in SATURATING else "kaiming"
    if init == "kaiming":
        nn.init.kaiming_uniform_(weight, nonlinearity="relu")
    elif init == "xavier":
        nn.init.xavier_uniform_(weight)
    else:
        nn.init.kaiming_uniform_(weight, a=5**0.5)
