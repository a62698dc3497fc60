"""What every net offers, and how it reads rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from services.worker.nets.activations import Activation, Hidden


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a net must know of the data before it can be built."""

    users: int = 0
    items: int = 0
    numbers: int = 0
    """Columns of the encoded numbers, indicators of missingness included."""
    levels: tuple[int, ...] = ()
    """Codes of each category, the rare, unseen and missing ones included."""
    start: float = 0.0
    """What the output's bias starts at: the mean rating, or the log-odds of the label."""


@dataclass(frozen=True, slots=True)
class NetLayer:
    """A weight with its bias, at its place in the forward pass."""

    name: str
    """Path of the module, or of the parameter where it stands alone."""
    kind: Literal["table", "matrix", "vector"]
    """A `table` is read by index, a `matrix` multiplies, a `vector` scales or shifts."""
    order: int
    """Layers passed before this one; parts that act on the same input share it."""
    weight: Tensor
    bias: Tensor | None = None
    activation: Activation | None = None


class Net(nn.Module):
    """A net whose parameters stand in named groups, so that a schedule can scale each."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return every parameter exactly once under `embeddings`, `body` or `head`; no group is empty."""
        raise NotImplementedError

    def layers(self) -> list[NetLayer]:
        """Return every parameter exactly once, in the order of the forward pass."""
        raise NotImplementedError


def table_layer(name: str, weight: Tensor, bias: Tensor | None = None) -> NetLayer:
    """Return an embedding table, which meets the input, with a bias for each of its rows."""
    return NetLayer(name, "table", 0, weight, bias)


def linear_layer(name: str, layer: nn.Linear, *, order: int) -> NetLayer:
    """Return a linear layer, with the activation behind it where it is its own."""
    activation = layer.activation if isinstance(layer, Hidden) else None
    return NetLayer(name, "matrix", order, layer.weight, layer.bias, activation)


def table(rows: int, width: int, *, std: float) -> nn.Parameter:
    """Return an embedding table [rows, width] drawn from N(0, std)."""
    return nn.Parameter(torch.empty(rows, width).normal_(0.0, std))


def rows_of(weight: Tensor, index: Tensor) -> Tensor:
    """Return the rows of a table [R, d] that an index of any shape names, as [*index.shape, d].

    On a CPU the gradient of `index_select` costs a half to a third of `embedding`'s; on a GPU it would add
    atomically, in no fixed order, where `embedding` sorts.
    """
    if weight.is_cuda:
        return nn.functional.embedding(index, weight)
    return weight.index_select(0, index.reshape(-1)).view(*index.shape, weight.shape[-1])


def values_of(weight: Tensor, index: Tensor) -> Tensor:
    """Return the entries of a vector [R] that an index of any shape names, in its shape."""
    return rows_of(weight.unsqueeze(-1), index).squeeze(-1)
