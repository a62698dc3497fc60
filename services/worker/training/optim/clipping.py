"""The norm of all gradients, and holding it below a limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Norms(NamedTuple):
    """Norms of gradients before clipping, on the device: of all [] and of each parameter [P]."""

    total: Tensor
    each: Tensor


@torch.no_grad()
def clip_and_norm(parameters: Sequence[Tensor], limit: float | None) -> Norms:
    """Return the norms of the gradients; where that of all is above `limit` they are scaled down to it.

    Nothing waits for the device: the factor stays a tensor.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  # one call for all, as in torch's own clipping
    each = torch.stack(norms)
    norm: Tensor = torch.linalg.vector_norm(each)
    if limit is not None:
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return Norms(norm, each)
