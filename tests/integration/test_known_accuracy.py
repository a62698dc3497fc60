"""Splits, baselines and evaluator give the figures known of public data sets, to the stated precision."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bench import accuracy_ncf
from services.worker.baselines import RANKING, RATING, Pairs
from services.worker.baselines.ease import Ease
from services.worker.baselines.ranking import Scores
from services.worker.evaluation.ranking import RankingResult, evaluate_ranking
from services.worker.evaluation.ratings import evaluate_ratings
from services.worker.evaluation.seen import mask_of
from services.worker.evaluation.splits import Holdout, InteractionSplit, split_interactions

pytestmark = pytest.mark.skipif(
    "GRADUS_TEST_DATA" not in os.environ, reason="GRADUS_TEST_DATA names no folder of public data sets"
)


@dataclass(frozen=True)
class Rows:
    """Interactions that are distinct already."""

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray | None
    times: np.ndarray | None
    user_ids: list[str]
    item_ids: list[str]

    def distinct(self) -> Rows:
        return self


def folder(name: str) -> Path:
    return Path(os.environ["GRADUS_TEST_DATA"], name)


def movielens_100k() -> Rows:
    user, item, rating, seconds = np.loadtxt(folder("ml-100k") / "u.data", dtype=np.int64).T
    return Rows(
        (user - 1).astype(np.int32),
        (item - 1).astype(np.int32),
        rating.astype(np.float32),
        seconds * 1000,
        [str(n) for n in range(943)],
        [str(n) for n in range(1682)],
    )


def beauty() -> Rows:
    lines = [line.split() for line in (folder("beauty") / "Beauty.txt").read_text().splitlines()]
    users = np.repeat(np.arange(len(lines)), [len(line) - 1 for line in lines]).astype(np.int32)
    items = np.array([int(item) - 1 for line in lines for item in line[1:]], np.int32)
    return Rows(users, items, None, None, [line[0] for line in lines], [str(n) for n in range(12_101)])


def pairs_of(split: InteractionSplit, *, with_validation: bool = False) -> Pairs:
    users, items = [split.train_users], [split.train_items]
    if with_validation:
        users, items = [*users, split.validation.users], [*items, split.validation.items]
    return Pairs(np.concatenate(users), np.concatenate(items), split.n_users, split.n_items)


def on_test(split: InteractionSplit, scores: Scores) -> RankingResult:
    return evaluate_ranking(scores, split.test, seen=mask_of(split, "test"), k=(10,))


def indifferent(_scores: Scores) -> float:
    return 0.0


@pytest.mark.slow
def test_ncf_files_give_the_published_popularity_and_the_known_ease() -> None:
    world = accuracy_ncf.official(folder("ncf-ml-1m"))
    pairs = Pairs(world.users.astype(np.int32), world.items.astype(np.int32), world.n_users, world.n_items)
    popularity, ease = (
        accuracy_ncf.judged(world, baseline.fit(pairs, judge=indifferent).scores)
        for baseline in (RANKING["popularity"], Ease(l2=(600.0,)))
    )
    assert popularity.metrics["hr@10"] == pytest.approx(0.4531, abs=0.0001)
    assert popularity.metrics["ndcg@10"] == pytest.approx(0.2541, abs=0.0001)
    assert popularity.lucky["hr@10"] == pytest.approx(0.4538, abs=0.0001)
    assert ease.metrics["hr@10"] == pytest.approx(0.7137, abs=0.0005)
    assert ease.metrics["ndcg@10"] == pytest.approx(0.4513, abs=0.0005)


def test_ncf_files_give_a_constant_scorer_nothing() -> None:
    world = accuracy_ncf.official(folder("ncf-ml-1m"))
    flat = accuracy_ncf.judged(world, lambda users: np.zeros((len(users), world.n_items), np.float32))
    assert (flat.metrics["hr@10"], flat.lucky["hr@10"]) == (0.0, 1.0)


@pytest.mark.slow
def test_leave_one_out_on_beauty_gives_the_known_popularity() -> None:
    split = split_interactions(beauty(), protocol="leave_one_out", seed=0)
    assert (len(split.test.users), len(split.validation.users)) == (22_363, 22_363)
    found = {
        with_validation: on_test(
            split,
            RANKING["popularity"]
            .fit(pairs_of(split, with_validation=with_validation), judge=indifferent)
            .scores,
        ).metrics
        for with_validation in (True, False)
    }
    assert (found[True]["hr@10"], found[True]["ndcg@10"]) == pytest.approx((0.0130, 0.0059), abs=0.0001)
    assert (found[False]["hr@10"], found[False]["ndcg@10"]) == pytest.approx((0.0110, 0.0053), abs=0.0001)


@pytest.mark.slow
def test_random_per_user_on_movielens_100k_gives_the_known_popularity_and_ease() -> None:
    found: dict[str, list[dict[str, float | None]]] = {"popularity": [], "ease": []}
    for seed in range(3):
        split = split_interactions(movielens_100k(), protocol="random_per_user", seed=seed)
        pairs = pairs_of(split)

        def on_validation(scores: Scores, split: InteractionSplit = split) -> float:
            seen = mask_of(split, "validation")
            return evaluate_ranking(scores, split.validation, seen=seen, k=(10,)).metrics["ndcg@10"] or 0.0

        for name, metrics in found.items():
            metrics.append(on_test(split, RANKING[name].fit(pairs, judge=on_validation).scores).metrics)
    means = {n: {m: np.mean([row[m] for row in rows]) for m in rows[0]} for n, rows in found.items()}
    assert means["popularity"]["ndcg@10"] == pytest.approx(0.141, abs=0.006)
    assert means["popularity"]["recall@10"] == pytest.approx(0.1236, abs=0.006)
    assert means["ease"]["ndcg@10"] == pytest.approx(0.330, abs=0.012)
    assert means["ease"]["hr@10"] == pytest.approx(0.8131, abs=0.015)


def test_damped_means_have_their_known_error_on_movielens_100k_u1() -> None:
    rows = movielens_100k()
    test, train = slice(0, 20_000), slice(20_000, None)
    assert rows.ratings is not None
    pairs = Pairs(rows.users[train], rows.items[train], 943, 1682)
    predict = RATING["damped_means"].fit(pairs, rows.ratings[train])
    held = replace(Holdout(rows.users[test], rows.items[test]), ratings=rows.ratings[test])
    assert evaluate_ratings(predict, held, low=1, high=5).metrics["rmse"] == pytest.approx(0.9535, abs=0.001)
