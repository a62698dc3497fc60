"""What every net offers, and how it reads rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


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


class Net(nn.Module):
    """A net whose parameters stand in named groups, so that a schedule can scale each."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return every parameter exactly once under `embeddings`, `body` or `head`; no group is empty."""
        raise NotImplementedError


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
