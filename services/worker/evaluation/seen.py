"""Which items each user met, as a compressed index, and the mask that a part is judged under.

Shapes: N interactions, U users, I items, B users asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.splits import InteractionSplit

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """Items by user, compressed by row: user u met `items[starts[u]:starts[u + 1]]`, ascending."""

    starts: Longs
    items: Longs
    n_items: int

    def cells(self, users_B: Longs) -> tuple[Longs, Longs]:
        """Return (place in `users_B`, item) of everything these users met, place by place."""
        count_B = self.starts[users_B + 1] - self.starts[users_B]
        row = np.repeat(np.arange(len(users_B)), count_B)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count_B) - count_B, count_B)
        return row, self.items[self.starts[users_B[row]] + within]


def seen_index(users_N: npt.ArrayLike, items_N: npt.ArrayLike, *, n_users: int, n_items: int) -> Seen:
    """Return the index of distinct (user, item) pairs."""
    users, items = np.asarray(users_N, np.int64), np.asarray(items_N, np.int64)
    keys = np.unique(users * n_items + items)
    starts = np.searchsorted(keys, np.arange(n_users + 1, dtype=np.int64) * n_items)
    return Seen(starts=starts, items=keys % max(n_items, 1), n_items=n_items)


def mask_of(
    split: InteractionSplit, part: Literal["validation", "test"], *, negatives: int | None = None
) -> Seen:
    """Return what may not be recommended while `part` is judged.

    Every item is ranked: validation hides the training items, the test those and the validation items.
    With sampled negatives everything a user ever met is hidden, since a negative is an item never met.
    """
    held = [split.validation] if part == "test" else []
    if negatives is not None:
        held = [split.validation, split.test]
    return seen_index(
        np.concatenate([split.train_users, *(h.users for h in held)]),
        np.concatenate([split.train_items, *(h.items for h in held)]),
        n_users=split.n_users,
        n_items=split.n_items,
    )
