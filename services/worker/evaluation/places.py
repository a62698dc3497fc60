"""Metrics of ranked lists, computed from the place of each target alone.

Shapes: T targets (rows sorted by user), U users with a target. Places count from 1. Definitions follow
Järvelin & Kekäläinen 2002 (NDCG) and RecBole (arXiv 2011.01731); `recall_min` divides by
min(k, targets) as Liang et al. do (arXiv 1802.05814), so the two recalls are never comparable.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def per_user_metrics(users_T: Longs, places_T: Longs, *, k: Sequence[int]) -> dict[str, Floats]:
    """Return each metric at each k as one number per user, users ascending."""
    order = np.lexsort((places_T, users_T))
    places = places_T[order]
    _, start_U, count_U = np.unique(users_T[order], return_index=True, return_counts=True)
    metrics: dict[str, Floats] = {}
    for depth in k:
        metrics |= _at(depth, places, start_U, count_U)
    return metrics


def _at(k: int, places_T: Longs, start_U: Longs, count_U: Longs) -> dict[str, Floats]:
    """Targets stand by user and ascending place; an empty world has no user and so no start."""
    hit_T = places_T <= k
    nth_T = np.arange(len(places_T)) - np.repeat(start_U, count_U) + 1
    possible_U = np.minimum(count_U, k)
    hits_U = _sum(hit_T.astype(np.float64), start_U)
    gain_U = _sum(np.where(hit_T, 1.0 / np.log2(places_T + 1.0), 0.0), start_U)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2.0, k + 2.0)))
    precision_U = _sum(np.where(hit_T, nth_T / places_T, 0.0), start_U)
    first_U = places_T[start_U]
    return {
        f"hr@{k}": (hits_U > 0).astype(np.float64),
        f"ndcg@{k}": gain_U / ideal[possible_U - 1],
        f"recall@{k}": hits_U / count_U,
        f"recall_min@{k}": hits_U / possible_U,
        f"precision@{k}": hits_U / k,
        f"mrr@{k}": np.where(first_U <= k, 1.0 / first_U, 0.0),
        f"map@{k}": precision_U / possible_U,
    }


def _sum(values_T: Floats, start_U: Longs) -> Floats:
    return np.add.reduceat(values_T, start_U) if len(start_U) else np.empty(0)
