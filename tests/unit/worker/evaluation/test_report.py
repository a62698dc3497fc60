from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.worker.evaluation.ranking import RankingResult, evaluate_ranking
from services.worker.evaluation.ratings import evaluate_ratings
from services.worker.evaluation.report import (
    Candidate,
    classification_report,
    ranking_report,
    rating_report,
)
from services.worker.evaluation.seen import mask_of
from services.worker.evaluation.splits import InteractionSplit, split_interactions, split_records
from shared.specs.job import RankingEvaluation, RecordSplit
from tests.contracts.test_split_sizes import rows_of


def leaves(value: object) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def assert_plain(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert all(math.isfinite(leaf) for leaf in leaves(report) if isinstance(leaf, float))


def interaction_split() -> InteractionSplit:
    return split_interactions(rows_of([20] * 30 + [1], repeats=0, seed=0), protocol="leave_one_out", seed=3)


def oracle(split: InteractionSplit, share: float) -> RankingResult:
    """Judge a scorer that knows the test items of a share of the users."""
    scores = np.random.default_rng(0).random((split.n_users, split.n_items)).astype(np.float32)
    told = split.test.users < share * split.n_users
    scores[split.test.users[told], split.test.items[told]] = 2.0
    return evaluate_ranking(lambda users: scores[users], split.test, seen=mask_of(split, "test"), k=(10,))


def test_a_ranking_report_says_who_won_on_which_rows() -> None:
    split = interaction_split()
    report = ranking_report(
        [
            Candidate("mf", "net", oracle(split, 1.0)),
            Candidate("popularity", "baseline", oracle(split, 0.1)),
            Candidate("ease", "baseline", None, refused="wanted at most 12,500, came 13,000"),
        ],
        split=split,
        evaluation=RankingEvaluation(),
        seed=3,
    )
    assert_plain(report)
    assert report["winner"] == "mf"
    assert report["main_metric"] == "ndcg@10"
    assert report["protocol"]["parts"] == {"train": 541, "validation": 30, "test": 30}
    assert report["protocol"]["ranked"] == "every item"
    assert report["protocol"]["users_judged"] == 30
    assert report["protocol"]["split_hash"] == split.hash
    net, popularity, ease = report["candidates"]
    assert net["metrics"]["ndcg@10"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert popularity["metrics"]["ndcg@10"]["low"] < popularity["metrics"]["ndcg@10"]["value"]
    assert net["metrics"]["coverage@10"]["low"] is None, "coverage belongs to all users together"
    assert (ease["refused"], ease["metrics"]) == ("wanted at most 12,500, came 13,000", {})
    gap = next(row for row in report["differences"] if row["metric"] == "ndcg@10")
    assert (gap["net"], gap["baseline"], gap["decided"]) == ("mf", "popularity", True)
    assert gap["low"] < gap["value"] < gap["high"]
    assert any("ease was not run: wanted at most 12,500" in text for text in report["caveats"])
    assert any("1 of 31 users have no test item" in text for text in report["caveats"])
    assert any("happened after the test event" in text for text in report["caveats"])


def test_sampled_figures_are_labelled() -> None:
    split = interaction_split()
    report = ranking_report(
        [Candidate("mf", "net", oracle(split, 1.0))],
        split=split,
        evaluation=RankingEvaluation(negatives=99),
        seed=3,
    )
    assert report["protocol"]["ranked"] == "sampled, 99 negatives"
    assert any(text.startswith("Sampled, 99 negatives: not comparable") for text in report["caveats"])


def test_a_set_without_timestamps_is_told() -> None:
    rows = replace(rows_of([20] * 30, repeats=0, seed=0), times=None)
    split = split_interactions(rows, protocol="leave_one_out", seed=0)
    report = ranking_report(
        [Candidate("mf", "net", oracle(split, 1.0))], split=split, evaluation=RankingEvaluation(), seed=0
    )
    assert report["protocol"]["ordered_by"] == "file order"
    assert report["protocol"]["later_share"] is None
    assert any(text.startswith("The data set has no timestamps") for text in report["caveats"])
    assert not any("happened after the test event" in text for text in report["caveats"])


def test_ties_that_matter_are_told() -> None:
    split = interaction_split()
    flat = np.zeros((31, 60), np.float32)
    result = evaluate_ranking(lambda users: flat[users], split.test, seen=mask_of(split, "test"), k=(10,))
    report = ranking_report(
        [Candidate("mf", "net", result)], split=split, evaluation=RankingEvaluation(), seed=0
    )
    told = "Equal scores: mf has ndcg@10 0.0000 with targets behind their equals, 1.0000 with targets before"
    assert any(text.startswith(told) for text in report["caveats"])


def test_the_same_seed_gives_the_same_report() -> None:
    split = interaction_split()
    first, again = (
        json.dumps(
            ranking_report(
                [
                    Candidate("mf", "net", oracle(split, 0.5)),
                    Candidate("popularity", "baseline", oracle(split, 0.4)),
                ],
                split=split,
                evaluation=RankingEvaluation(),
                seed=9,
            )
        )
        for _ in range(2)
    )
    assert first == again


def test_a_rating_report_prefers_the_smaller_error() -> None:
    rows = rows_of([20] * 30, repeats=0, seed=0)
    ratings = np.random.default_rng(1).integers(1, 6, len(rows.users)).astype(np.float32)
    split = split_interactions(
        type(rows)(rows.users, rows.items, rows.user_ids, rows.item_ids, ratings, rows.times),
        protocol="random_per_user",
        seed=0,
    )
    assert split.test.ratings is not None
    truth = np.zeros((30, 60), np.float32)
    truth[split.test.users, split.test.items] = split.test.ratings
    net, middle = (
        evaluate_ratings(predict, split.test, low=1, high=5)
        for predict in (
            lambda users, items: truth[users[:, None], items] + np.float32(0.1),
            lambda _users, items: np.full(items.shape, 3, np.float32),
        )
    )
    report = rating_report(
        [Candidate("mf", "net", net), Candidate("damped_means", "baseline", middle)], split=split, seed=0
    )
    assert_plain(report)
    assert report["winner"] == "mf"
    gap = next(row for row in report["differences"] if row["metric"] == "rmse")
    assert gap["high"] < 0


def records(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    risk = rng.random(rows)
    return (rng.random(rows) < risk).astype(np.float64), risk


@pytest.mark.parametrize("grouped", [False, True])
def test_a_classification_report_shows_calibration_base_rate_and_groups(grouped: bool) -> None:
    labels, risk = records()
    groups = [f"p{row // 3}" for row in range(600)] if grouped else None
    split = RecordSplit(group="patient" if grouped else None)
    parts = split_records(labels, split=split, groups_N=groups, seed=1)
    report = classification_report(
        [
            Candidate("mlp", "net", risk[parts.test]),
            Candidate("logistic_regression", "baseline", np.full(len(parts.test), 0.5)),
        ],
        labels_N=labels,
        parts=parts,
        split=split,
        seed=1,
        groups_N=groups,
    )
    assert_plain(report)
    assert report["winner"] == "mlp"
    assert report["protocol"]["base_rate"] == pytest.approx(labels[parts.test].mean())
    assert report["protocol"]["grouped_by"] == ("patient" if grouped else None)
    assert report["intervals"]["unit"] == ("group" if grouped else "row")
    assert sum(row["n"] for row in report["calibration"]["mlp"]) == len(parts.test)
    ece = report["candidates"][0]["metrics"]["ece"]
    assert 0 <= ece["low"] <= ece["value"] <= ece["high"]
    flat = next(c for c in report["candidates"] if c["name"] == "logistic_regression")
    assert flat["metrics"]["auroc"] == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_counts_of_ten_people_or_fewer_are_not_in_the_report() -> None:
    labels = np.concatenate([np.zeros(150), np.ones(20), np.full(4, np.nan)])
    parts = split_records(labels, split=RecordSplit(), seed=0)
    report = classification_report(
        [Candidate("mlp", "net", np.linspace(0, 1, len(parts.test)))],
        labels_N=labels,
        parts=parts,
        split=RecordSplit(),
        seed=0,
    )
    assert_plain(report)
    assert report["protocol"]["events"] is None
    assert report["protocol"]["base_rate"] is None
    assert report["protocol"]["unlabelled"] is None
    assert report["calibration"]["mlp"] == []


def test_one_class_in_the_test_part_leaves_nobody_the_winner() -> None:
    labels = np.concatenate([np.zeros(300), np.ones(2)])
    parts = split_records(labels, split=RecordSplit(), seed=0)
    report = classification_report(
        [
            Candidate("mlp", "net", np.full(len(parts.test), 0.1)),
            Candidate("boosted_trees", "baseline", np.full(len(parts.test), 0.2)),
        ],
        labels_N=np.zeros(302),
        parts=parts,
        split=RecordSplit(),
        seed=0,
    )
    assert_plain(report)
    assert report["winner"] is None
    assert report["sentence"] == "Nobody won: the test part gives the net no AUROC."
