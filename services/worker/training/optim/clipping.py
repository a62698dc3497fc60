"""The norm of all gradients, and holding it below a limit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def clip_and_norm(parameters: Sequence[Tensor], limit: float | None) -> Tensor:
    """Return the norm of all gradients as a 0-d tensor; above `limit` they are scaled down to it.

    Nothing waits for the device: the factor stays a tensor.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  # one call for all, as in torch's own clipping
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    if limit is not None:
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm
