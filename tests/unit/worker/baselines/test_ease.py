from __future__ import annotations

import numpy as np
import pytest

from services.worker.baselines.ease import Ease
from services.worker.baselines.popularity import Popularity
from services.worker.baselines.ranking import Pairs, Scores
from shared.errors import Refused


def pairs_of(x: np.ndarray) -> Pairs:
    users, items = np.nonzero(x)
    return Pairs(users.astype(np.int32), items.astype(np.int32), *x.shape)


def never(scores: Scores) -> float:
    raise AssertionError("one value of λ needs no judge")


@pytest.mark.parametrize("shape", [(60, 17), (17, 60), (20, 20)])
def test_scores_are_the_closed_form_from_either_side(shape: tuple[int, int]) -> None:
    x = (np.random.default_rng(1).random(shape) < 0.3).astype(np.float64)
    p = np.linalg.inv(x.T @ x + 7.5 * np.eye(shape[1]))
    weights = np.eye(shape[1]) - p / np.diag(p)
    scores = Ease(l2=(7.5,)).fit(pairs_of(x), judge=never).scores(np.arange(shape[0]))
    assert scores == pytest.approx(x @ weights, abs=1e-6)


def test_two_items_always_met_together_give_the_known_weight() -> None:
    # three users, λ = 1: XᵀX + λ = [[4,3],[3,4]], its inverse [[4,-3],[-3,4]]/7, so both weights are 3/4
    x = np.ones((3, 2))
    scores = Ease(l2=(1.0,)).fit(pairs_of(x), judge=never).scores(np.array([0]))
    assert scores[0] == pytest.approx([0.75, 0.75], abs=1e-7)


def test_the_judge_chooses_among_values_of_lambda() -> None:
    x = (np.random.default_rng(2).random((30, 12)) < 0.4).astype(np.float64)
    widths: list[float] = []

    def smallest_scores(scores: Scores) -> float:
        widths.append(float(np.abs(scores(np.arange(30))).sum()))
        return -widths[-1]

    ranker = Ease(l2=(1.0, 1000.0, 10.0)).fit(pairs_of(x), judge=smallest_scores)
    assert ranker.settings == {"l2": 1000.0}
    assert len(widths) == 3


def test_a_matrix_too_large_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.worker.baselines.ease.SIDE_LIMIT", 10)
    with pytest.raises(Refused, match="wanted at most 10, came 11") as caught:
        Ease().fit(pairs_of(np.ones((11, 12))), judge=never)
    assert caught.value.code == "baseline_too_large"


def test_above_the_search_limit_the_default_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.worker.baselines.ease.SEARCH_LIMIT", 5)
    assert Ease().fit(pairs_of(np.ones((6, 7))), judge=never).settings == {"l2": 500.0}


def test_popularity_counts() -> None:
    ranker = Popularity().fit(pairs_of(np.array([[1, 1, 0], [0, 1, 0]])), judge=never)
    assert ranker.scores(np.array([0, 1])).tolist() == [[1, 2, 0], [1, 2, 0]]


@pytest.mark.parametrize("shape", [(60, 17), (17, 60)])
def test_blocks_change_nothing(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = pairs_of((np.random.default_rng(1).random(shape) < 0.3).astype(np.float64))
    whole = Ease(l2=(5.0,)).fit(pairs, judge=never).scores(np.arange(shape[0]))
    monkeypatch.setattr("services.worker.baselines.ease.ROWS_AT_ONCE", 7)
    assert Ease(l2=(5.0,)).fit(pairs, judge=never).scores(np.arange(shape[0])) == pytest.approx(
        whole, abs=1e-6
    )
