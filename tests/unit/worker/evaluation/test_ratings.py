from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from services.worker.evaluation.ranking import CandidateScorer
from services.worker.evaluation.ratings import evaluate_ratings
from services.worker.evaluation.splits import Holdout
from shared.errors import Diverged, Refused


def predicting(values: Sequence[float] | np.ndarray) -> CandidateScorer:
    """Return a net that answers item n with value n."""
    return lambda _users, items: np.asarray(values, np.float32)[items]


def holdout(ratings: list[float]) -> Holdout:
    users = np.arange(len(ratings), dtype=np.int32) // 3
    return Holdout(users, np.arange(len(ratings), dtype=np.int32), np.array(ratings, np.float32))


def test_errors_equal_scikit_learn_also_when_users_are_the_rows_that_are_weighted() -> None:
    rng = np.random.default_rng(0)
    given, guessed = rng.integers(1, 6, 100).astype(float), rng.uniform(0, 6, 100).astype(np.float32)
    result = evaluate_ratings(predicting(guessed), holdout(given.tolist()), low=1, high=5)
    clipped = np.clip(guessed, 1, 5).astype(np.float64)
    assert result.metrics == pytest.approx(
        {"rmse": root_mean_squared_error(given, clipped), "mae": mean_absolute_error(given, clipped)},
        abs=1e-12,
    )
    weights = rng.integers(0, 3, (1, 34)).astype(np.float64)
    weight_of_row = weights[0, np.arange(100) // 3]
    measured = result.measure(weights)
    assert measured["rmse"][0] == pytest.approx(
        root_mean_squared_error(given, clipped, sample_weight=weight_of_row), abs=1e-12
    )
    assert measured["mae"][0] == pytest.approx(
        mean_absolute_error(given, clipped, sample_weight=weight_of_row), abs=1e-12
    )


def test_by_hand() -> None:
    # errors 1 and 2: mean of squares 2.5, mean 1.5
    result = evaluate_ratings(predicting([2.0, 5.0]), holdout([1, 3]), low=1, high=5)
    assert result.metrics == pytest.approx({"rmse": 2.5**0.5, "mae": 1.5})


def test_predictions_are_clipped_to_the_scale() -> None:
    result = evaluate_ratings(predicting([99.0, 99.0]), holdout([5, 5]), low=1, high=5)
    assert result.metrics == {"rmse": 0.0, "mae": 0.0}


def test_no_held_out_rating_gives_no_number() -> None:
    result = evaluate_ratings(predicting([]), holdout([]), low=1, high=5)
    assert result.metrics == {"rmse": None, "mae": None}


def test_a_set_without_ratings_is_refused() -> None:
    bare = Holdout(np.zeros(1, np.int32), np.zeros(1, np.int32))
    with pytest.raises(Refused, match="wanted a rating column, came none"):
        evaluate_ratings(predicting([0.0]), bare, low=1, high=5)


def test_a_prediction_that_is_not_a_number_is_a_divergence() -> None:
    with pytest.raises(Diverged):
        evaluate_ratings(predicting([np.nan]), holdout([3]), low=1, high=5)
