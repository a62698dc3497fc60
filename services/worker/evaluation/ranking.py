"""How well a scorer ranks what was held out.

Shapes: U users with a target, B users of one chunk, T targets, I items, N negatives. A target ranks
behind every other item with the same score, so a constant scorer hits nothing; the lucky order is
reported beside it where it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.candidates import Candidates, draw_candidates
from services.worker.evaluation.places import per_user_metrics
from services.worker.evaluation.seen import Seen
from services.worker.evaluation.splits import Holdout
from shared.errors import Diverged

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

Scorer = Callable[[Longs], Floats32]
"""Users int64[B] → scores of every item float32[B, I]."""
CandidateScorer = Callable[[Longs, Longs], Floats32]
"""Users int64[B], items int64[B, N] → scores float32[B, N]."""

CELLS_AT_ONCE = 4_000_000
"""Scores held in memory at a time: 16 MB of float32."""


@dataclass(frozen=True, slots=True)
class RankingResult:
    """Metrics as means over the users with a target, and each user's own for paired comparison."""

    metrics: dict[str, float | None]
    per_user: dict[str, Floats]
    users: Longs
    lucky: dict[str, float | None] = field(default_factory=dict)
    """The metrics that change, were targets to rank before equal scores."""


def evaluate_ranking(
    scorer: Scorer,
    holdout: Holdout,
    *,
    seen: Seen,
    k: Sequence[int],
    negatives: int | None = None,
    seed: int = 0,
) -> RankingResult:
    """Rank every item a user has not `seen`, or the target among drawn `negatives`, and measure at each k.

    Raises `Diverged` when a score is not a finite number. `mask_of` makes the right `seen` for both ways.
    """
    if negatives is not None:
        drawn = draw_candidates(holdout, seen=seen, negatives=negatives, seed=seed)
        return evaluate_candidates(picking(scorer, seen.n_items), drawn, k=k)
    chunks = list(_chunks(holdout, seen.n_items))
    ranked = [_rank_chunk(scorer(users), users, holdout, seen=seen, k=k) for users in chunks]
    places, lucky = (_joined([chunk.places[order] for chunk in ranked]) for order in (0, 1))
    result = _result(holdout.users.astype(np.int64), places, lucky, k=k)
    if ranked:
        shown_kI = np.logical_or.reduce([chunk.shown for chunk in ranked])
        result.metrics.update({f"coverage@{depth}": float(shown_kI[n].mean()) for n, depth in enumerate(k)})
    return result


def evaluate_candidates(
    scorer: CandidateScorer, candidates: Candidates, *, k: Sequence[int]
) -> RankingResult:
    """Rank each positive among its own negatives. Coverage is left out: the lists are not a recommender's."""
    places, lucky = np.empty((2, len(candidates.users)), np.int64)
    items_BN = np.concatenate([candidates.positives[:, None], candidates.negatives], axis=1)
    step = max(1, CELLS_AT_ONCE // items_BN.shape[1])
    for start in range(0, len(items_BN), step):
        part = slice(start, start + step)
        scores_BN = _finite(scorer(candidates.users[part], items_BN[part]))
        positive_B1, negative_BN, valid_BN = scores_BN[:, :1], scores_BN[:, 1:], candidates.valid[part]
        places[part] = 1 + ((negative_BN >= positive_B1) & valid_BN).sum(axis=1)
        lucky[part] = 1 + ((negative_BN > positive_B1) & valid_BN).sum(axis=1)
    return _result(candidates.users, places, lucky, k=k)


@dataclass(frozen=True, slots=True)
class _Ranked:
    places: tuple[Longs, Longs]
    shown: npt.NDArray[np.bool_]
    """[k, I]: which items stand in some list."""


def _rank_chunk(
    scores_BI: Floats32, users_B: Longs, holdout: Holdout, *, seen: Seen, k: Sequence[int]
) -> _Ranked:
    scores_BI = np.array(_finite(scores_BI), np.float32)
    first, last = np.searchsorted(holdout.users, [users_B[0], users_B[-1] + 1])
    row_T = np.searchsorted(users_B, holdout.users[first:last])
    target_T = scores_BI[row_T, holdout.items[first:last]]
    scores_BI[seen.cells(users_B)] = -np.inf
    scores_BI[row_T, holdout.items[first:last]] = target_T
    ahead, level = _count(scores_BI, row_T, target_T)
    worst = ahead + level - _equal_targets_behind(row_T, target_T)
    best = ahead + 1 + _equal_targets_before(row_T, target_T)
    return _Ranked((worst, best), np.array([_shown(scores_BI, depth) for depth in k]))


def _count(scores_BI: Floats32, row_T: Longs, target_T: Floats32) -> tuple[Longs, Longs]:
    """Return for each target how many items score above it, and how many as high (itself included)."""
    ahead, level = np.empty((2, len(row_T)), np.int64)
    step = max(1, CELLS_AT_ONCE // max(scores_BI.shape[1], 1))
    for start in range(0, len(row_T), step):
        part = slice(start, start + step)
        rows_TI = scores_BI[row_T[part]]
        ahead[part] = np.count_nonzero(rows_TI > target_T[part, None], axis=1)
        level[part] = np.count_nonzero(rows_TI == target_T[part, None], axis=1)
    return ahead, level


def _equal_targets_before(row_T: Longs, target_T: Floats32) -> Longs:
    """Return how many targets of the same user with the same score come earlier; they share the places."""
    order = np.lexsort((target_T, row_T))
    starts = np.ones(len(order), bool)
    starts[1:] = (np.diff(row_T[order]) != 0) | (np.diff(target_T[order]) != 0)
    nth = np.arange(len(order)) - np.flatnonzero(starts)[np.cumsum(starts) - 1]
    before = np.empty(len(order), np.int64)
    before[order] = nth
    return before


def _equal_targets_behind(row_T: Longs, target_T: Floats32) -> Longs:
    return _equal_targets_before(row_T[::-1], target_T[::-1])[::-1]


def _shown(scores_BI: Floats32, k: int) -> npt.NDArray[np.bool_]:
    """Return which items stand in some user's first k, equal scores in the order of the items."""
    k = min(k, scores_BI.shape[1])
    floor_B1 = np.partition(scores_BI, -k, axis=1)[:, -k:].min(axis=1, keepdims=True)
    above_BI, level_BI = scores_BI > floor_B1, (scores_BI == floor_B1) & (floor_B1 > -np.inf)
    crowded = np.flatnonzero(above_BI.sum(axis=1) + level_BI.sum(axis=1) > k)
    room = k - above_BI[crowded].sum(axis=1, keepdims=True)
    level_BI[crowded] &= np.cumsum(level_BI[crowded], axis=1) <= room
    shown: npt.NDArray[np.bool_] = (above_BI | level_BI).any(axis=0)
    return shown


def picking(scorer: Scorer, n_items: int) -> CandidateScorer:
    """Return a scorer of candidates that picks from the scores of every item."""
    step = max(1, CELLS_AT_ONCE // n_items)

    def pick(users_B: Longs, items_BN: Longs) -> Floats32:
        parts = [slice(start, start + step) for start in range(0, len(users_B), step)]
        return np.concatenate([np.take_along_axis(scorer(users_B[p]), items_BN[p], axis=1) for p in parts])

    return pick


def _chunks(holdout: Holdout, n_items: int) -> Iterator[Longs]:
    users = np.unique(holdout.users).astype(np.int64)
    step = max(1, CELLS_AT_ONCE // max(n_items, 1))
    for start in range(0, len(users), step):
        yield users[start : start + step]


def _result(users_T: Longs, places_T: Longs, lucky_T: Longs, *, k: Sequence[int]) -> RankingResult:
    per_user = per_user_metrics(users_T, places_T, k=k)
    lucky = per_user_metrics(users_T, lucky_T, k=k)
    return RankingResult(
        metrics={name: _mean(values) for name, values in per_user.items()},
        per_user=per_user,
        users=np.unique(users_T),
        lucky={n: _mean(lucky[n]) for n in lucky if not np.array_equal(lucky[n], per_user[n])},
    )


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _joined(parts: list[Longs]) -> Longs:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _finite(scores: Floats32) -> Floats32:
    if not np.isfinite(scores).all():
        raise Diverged("the scores of items are not all finite numbers")
    return scores
