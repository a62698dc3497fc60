"""Which items each user met in training, so that what is drawn as a negative is one.

A pair (user, item) is written as one number, user · items + item. Shapes: P pairs of any number.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shared.errors import Refused

BITMAP_CELLS = 1 << 32
"""Largest users × items held as one bit each (512 MiB); beyond, pairs are found by binary search."""


class Met:
    """A set of pairs: a bit for each that could be, or a sorted list where those would be too many."""

    def __init__(self, pairs_P: Tensor, *, n_users: int, n_items: int, device: torch.device) -> None:
        self._n_items = n_items
        known = torch.unique(pairs_P.cpu())
        self._pairs = known.to(device)
        self._bits = (
            _bitmap(known, n_users * n_items).to(device) if n_users * n_items <= BITMAP_CELLS else None
        )

    def contains(self, pairs_P: Tensor) -> Tensor:
        """Return, for each pair, whether it is in the set."""
        if self._bits is not None:
            byte = self._bits.index_select(0, pairs_P >> 3)
            return torch.bitwise_right_shift(byte, (pairs_P & 7).to(torch.uint8)).bitwise_and_(1).bool()
        at = torch.searchsorted(self._pairs, pairs_P).clamp_(max=len(self._pairs) - 1)
        return torch.eq(self._pairs.index_select(0, at), pairs_P)

    def check_negatives_exist(self) -> None:
        """Raise `Refused` when a user met every item, since nothing is left to draw."""
        met = torch.bincount(self._pairs.cpu() // self._n_items)
        full = int((met >= self._n_items).sum())
        if full:
            message = f"{full} users met every one of the {self._n_items} items, so they have no negatives"
            raise Refused(f"{message}; wanted at least one item unmet by each user", code="no_negatives")

    def draw_from_complement(self, user: int, generator: torch.Generator) -> int:
        """Return one of the items a user did not meet, uniformly; slow, and for very full rows only."""
        low, high = user * self._n_items, (user + 1) * self._n_items
        of_user = self._pairs[(self._pairs >= low) & (self._pairs < high)] - low
        free = torch.ones(self._n_items, dtype=torch.bool)
        free[of_user.cpu()] = False
        unmet = free.nonzero().squeeze(1)
        return int(unmet[torch.randint(0, len(unmet), (1,), generator=generator)])


def _bitmap(pairs_P: Tensor, cells: int) -> Tensor:
    """Return bytes in which the bit of every pair is set; each pair comes once, so adding is setting."""
    bit = torch.bitwise_left_shift(torch.ones_like(pairs_P), pairs_P & 7).to(torch.uint8)
    return torch.zeros(cells // 8 + 1, dtype=torch.uint8).scatter_add_(0, pairs_P >> 3, bit)
