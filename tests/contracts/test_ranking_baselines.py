"""Every ranking baseline, on a checkerboard of clicks: even users meet even items, odd users odd ones."""

from __future__ import annotations

import numpy as np
import pytest

from services.worker.baselines import RANKING, Pairs
from services.worker.baselines.ranking import Scores
from services.worker.evaluation.ranking import evaluate_ranking
from services.worker.evaluation.seen import seen_index
from services.worker.evaluation.splits import Holdout

USERS, ITEMS = 40, 30


def checkerboard() -> tuple[Pairs, Holdout]:
    """Each user misses one item of the own colour, and that is the test; all of a colour met 0 or 1."""
    pairs, held = [], []
    for user in range(USERS):
        missing = 2 + (user + 2 * (user // 2)) % (ITEMS - 2)
        missing += (missing - user) % 2
        missing = missing if missing < ITEMS else 2 + user % 2
        held.append((user, missing))
        pairs += [(user, item) for item in range(user % 2, ITEMS, 2) if item != missing]
    users, items = np.array(pairs, np.int32).T
    test_users, test_items = np.array(held, np.int32).T
    return Pairs(users, items, USERS, ITEMS), Holdout(test_users, test_items)


def indifferent(_scores: Scores) -> float:
    return 0.0


@pytest.fixture(params=sorted(RANKING))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def hits(name: str, pairs: Pairs, holdout: Holdout) -> float:
    seen = seen_index(pairs.users, pairs.items, n_users=pairs.n_users, n_items=pairs.n_items)

    def judge(scores: Scores) -> float:
        return float(evaluate_ranking(scores, holdout, seen=seen, k=(1,)).metrics["hr@1"] or 0.0)

    ranker = RANKING[name].fit(pairs, judge=judge)
    return judge(ranker.scores)


def test_scores_are_finite_float32_of_every_item(name: str) -> None:
    pairs, _ = checkerboard()
    scores = RANKING[name].fit(pairs, judge=indifferent).scores(np.array([3, 0, 3]))
    assert scores.shape == (3, ITEMS)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores[0].tolist() == scores[2].tolist()


def test_an_item_nobody_met_is_not_put_first(name: str) -> None:
    pairs, _ = checkerboard()
    wider = Pairs(pairs.users, pairs.items, USERS, ITEMS + 5)
    scores = RANKING[name].fit(wider, judge=indifferent).scores(np.arange(USERS))
    assert (scores[:, ITEMS:].max(axis=1) < scores[:, :ITEMS].max(axis=1)).all()


def test_a_user_without_history_gets_scores_too(name: str) -> None:
    pairs, _ = checkerboard()
    wider = Pairs(pairs.users, pairs.items, USERS + 1, ITEMS)
    scores = RANKING[name].fit(wider, judge=indifferent).scores(np.array([USERS]))
    assert np.isfinite(scores).all()


def test_fitting_twice_gives_the_same_bytes(name: str) -> None:
    pairs, _ = checkerboard()
    first, again = (RANKING[name].fit(pairs, judge=indifferent).scores(np.arange(USERS)) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_ease_finds_the_colour_and_popularity_cannot() -> None:
    pairs, holdout = checkerboard()
    assert hits("ease", pairs, holdout) == 1.0
    assert hits("popularity", pairs, holdout) < 0.5
