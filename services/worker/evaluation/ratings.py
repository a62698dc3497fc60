"""How far predicted ratings are from given ones.

Shapes: N held-out ratings, U users with one, B rows of a chunk, K items each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.ranking import CandidateScorer
from services.worker.evaluation.splits import Holdout
from shared.errors import Diverged, Refused

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class RatingResult:
    """RMSE and MAE over all rows, and each user's sums of errors for resampling users."""

    metrics: dict[str, float | None]
    squared: Floats
    absolute: Floats
    rows: Longs
    users: Longs

    def measure(self, weights_RU: Floats) -> dict[str, Floats]:
        """Return the metrics [R] for weights of the users [R, U]."""
        rows_R = weights_RU @ self.rows
        return {
            "rmse": np.sqrt(weights_RU @ self.squared / rows_R),
            "mae": weights_RU @ self.absolute / rows_R,
        }


def evaluate_ratings(predict: CandidateScorer, holdout: Holdout, *, low: float, high: float) -> RatingResult:
    """Compare predictions, clipped to [low, high], with the held-out ratings.

    Raises `Diverged` when a prediction is not a finite number.
    """
    if holdout.ratings is None:
        raise Refused("explicit feedback needs ratings; wanted a rating column, came none", code="no_ratings")
    users, items = holdout.users.astype(np.int64), holdout.items.astype(np.int64)[:, None]
    parts = [slice(start, start + ROWS_AT_ONCE) for start in range(0, len(users), ROWS_AT_ONCE)]
    predicted = np.concatenate([np.empty(0, np.float32), *(predict(users[p], items[p])[:, 0] for p in parts)])
    if not np.isfinite(predicted).all():
        raise Diverged("the predicted ratings are not all finite numbers")
    error_N = np.clip(predicted, low, high).astype(np.float64) - holdout.ratings
    distinct, place_N = np.unique(users, return_inverse=True)

    def by_user(values_N: Floats) -> Floats:
        return np.bincount(place_N, weights=values_N, minlength=len(distinct)).astype(np.float64)

    return RatingResult(
        metrics={"rmse": _mean(error_N**2, np.sqrt), "mae": _mean(np.abs(error_N), float)},
        squared=by_user(error_N**2),
        absolute=by_user(np.abs(error_N)),
        rows=np.bincount(place_N, minlength=len(distinct)),
        users=distinct,
    )


def _mean(values_N: Floats, finish: Callable[[float], float]) -> float | None:
    return float(finish(float(values_N.mean()))) if len(values_N) else None
