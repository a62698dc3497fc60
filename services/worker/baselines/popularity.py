"""Popularity: every user is offered what most users met.

Shapes: B users, I items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.worker.baselines.ranking import Floats32, Judge, Longs, Pairs, Ranker


@dataclass(frozen=True, slots=True)
class Popularity:
    """Score = number of training interactions of the item."""

    def fit(self, pairs: Pairs, *, judge: Judge) -> Ranker:  # noqa: ARG002 — nothing to choose
        """Count."""
        counts_I = np.bincount(pairs.items, minlength=pairs.n_items).astype(np.float32)

        def scores(users_B: Longs) -> Floats32:
            return np.broadcast_to(counts_I, (len(users_B), len(counts_I)))

        return Ranker(scores)
