"""The evaluator agrees with a slow reference that sorts lists and reads the definitions aloud."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from services.worker.evaluation.candidates import draw_candidates, given_candidates
from services.worker.evaluation.ranking import CandidateScorer, Scorer, evaluate_candidates, evaluate_ranking
from services.worker.evaluation.seen import Seen, mask_of, seen_index
from services.worker.evaluation.splits import Holdout, split_interactions
from shared.errors import Diverged, Refused
from tests.contracts.test_split_sizes import rows_of

K = (1, 3, 10)


def reference(ranked: list[int], targets: set[int], k: int) -> dict[str, float]:
    """Return the metrics of one user from a list, best first."""
    hits = [item in targets for item in ranked[:k]]
    ideal = sum(1 / log2(place + 1) for place in range(1, min(k, len(targets)) + 1))
    precisions = [sum(hits[: n + 1]) / (n + 1) for n, hit in enumerate(hits) if hit]
    return {
        f"hr@{k}": float(any(hits)),
        f"ndcg@{k}": sum(1 / log2(n + 2) for n, hit in enumerate(hits) if hit) / ideal,
        f"recall@{k}": sum(hits) / len(targets),
        f"recall_min@{k}": sum(hits) / min(k, len(targets)),
        f"precision@{k}": sum(hits) / k,
        f"mrr@{k}": 1 / (hits.index(True) + 1) if any(hits) else 0.0,
        f"map@{k}": sum(precisions) / min(k, len(targets)),
    }


def slow_ranking(scores: np.ndarray, holdout: Holdout, hidden: list[set[int]]) -> dict[str, float]:
    per_user: list[dict[str, float]] = []
    shown: dict[int, set[int]] = {k: set() for k in K}
    for user in sorted(set(holdout.users.tolist())):
        targets = set(holdout.items[holdout.users == user].tolist())
        open_items = [item for item in range(scores.shape[1]) if item not in hidden[user] or item in targets]
        behind_ties = sorted(open_items, key=lambda item: (-scores[user, item], item in targets))
        in_order = sorted(open_items, key=lambda item: (-scores[user, item], item))
        metrics: dict[str, float] = {}
        for k in K:
            metrics |= reference(behind_ties, targets, k)
            shown[k] |= set(in_order[:k])
        per_user.append(metrics)
    means = {name: float(np.mean([m[name] for m in per_user])) for name in per_user[0]}
    return means | {f"coverage@{k}": len(shown[k]) / scores.shape[1] for k in K}


def rows_scorer(scores: np.ndarray) -> Scorer:
    return lambda users: scores[users]


def cells_scorer(scores: np.ndarray) -> CandidateScorer:
    return lambda users, items: scores[users[:, None], items]


def seen_of(hidden: list[set[int]], n_items: int) -> Seen:
    pairs = [(user, item) for user, items in enumerate(hidden) for item in items]
    users, items = np.array(pairs, np.int64).reshape(-1, 2).T
    return seen_index(users, items, n_users=len(hidden), n_items=n_items)


def random_case(seed: int) -> tuple[np.ndarray, Holdout, list[set[int]]]:
    """Return scores (coarse, so that many tie), targets (none, fewer and more than k) and hidden items."""
    rng = np.random.default_rng(seed)
    n_users, n_items = int(rng.integers(1, 9)), int(rng.integers(12, 40))
    scores = rng.integers(0, rng.integers(1, 30), (n_users, n_items)).astype(np.float32)
    users, items, hidden = [], [], []
    for user in range(n_users):
        order = rng.permutation(n_items)
        targets = order[: rng.choice([0, 1, 2, 8, 12])]
        users += [user] * len(targets)
        items += targets.tolist()
        hidden.append(set(order[len(targets) : len(targets) + rng.integers(0, n_items)].tolist()))
    if not users:
        users, items = [0], [0]
    return scores, Holdout(np.array(users, np.int32), np.array(items, np.int32)), hidden


@pytest.mark.parametrize("chunk", [1, 4_000_000])
def test_full_ranking_equals_the_reference_on_200_random_worlds(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.worker.evaluation.ranking.CELLS_AT_ONCE", chunk)
    for seed in range(200):
        scores, holdout, hidden = random_case(seed)
        seen = seen_of(hidden, scores.shape[1])
        result = evaluate_ranking(rows_scorer(scores), holdout, seen=seen, k=K)
        assert result.metrics == pytest.approx(slow_ranking(scores, holdout, hidden), abs=1e-12), (
            f"seed {seed}"
        )
        assert result.users.tolist() == sorted(set(holdout.users.tolist()))


def test_sampled_ranking_equals_the_reference_on_200_random_worlds() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n_users, n_items, n = 7, 30, int(rng.integers(1, 28))
        scores = rng.integers(0, 9, (n_users, n_items)).astype(np.float32)
        negatives = np.array([rng.integers(0, n_items, n) for _ in range(n_users)])
        positives = rng.integers(0, n_items, n_users)
        expected = []
        for user in range(n_users):
            others = set(negatives[user].tolist()) - {int(positives[user])}
            mine = scores[user]
            ranked = [item for _, item in sorted((-mine[item], item) for item in others)]
            place = sum(bool(mine[item] >= mine[positives[user]]) for item in others)
            ranked.insert(place, int(positives[user]))
            metrics = [reference(ranked, {int(positives[user])}, k) for k in K]
            expected.append({name: value for m in metrics for name, value in m.items()})
        result = evaluate_candidates(
            cells_scorer(scores),
            given_candidates(np.arange(n_users), positives, negatives),
            k=K,
        )
        for name, values in result.per_user.items():
            assert values == pytest.approx([e[name] for e in expected], abs=1e-12)


def constant(users: np.ndarray) -> np.ndarray:
    return np.zeros((len(users), 20), np.float32)


def test_a_constant_scorer_hits_nothing_and_the_lucky_order_everything() -> None:
    holdout = Holdout(np.array([0, 1], np.int32), np.array([3, 19], np.int32))
    result = evaluate_ranking(constant, holdout, seen=seen_of([set(), set()], 20), k=(10,))
    assert result.metrics["hr@10"] == 0.0
    assert result.lucky["hr@10"] == 1.0


def test_two_recalls_stand_side_by_side_and_differ() -> None:
    # 12 targets in the first 12 places of 20: ten of ten places hit, ten of twelve targets found
    scores = -np.arange(20, dtype=np.float32)[None]
    holdout = Holdout(np.zeros(12, np.int32), np.arange(12, dtype=np.int32))
    result = evaluate_ranking(rows_scorer(scores), holdout, seen=seen_of([set()], 20), k=(10,))
    assert result.metrics["recall@10"] == pytest.approx(10 / 12)
    assert result.metrics["recall_min@10"] == 1.0


def test_a_place_of_three_is_worth_half_an_ndcg() -> None:
    scores = np.array([[9, 8, 7, 6]], np.float32)
    holdout = Holdout(np.array([0], np.int32), np.array([2], np.int32))
    result = evaluate_ranking(rows_scorer(scores), holdout, seen=seen_of([set()], 4), k=(4,))
    assert result.metrics["ndcg@4"] == pytest.approx(0.5)
    assert result.metrics["mrr@4"] == pytest.approx(1 / 3)


def test_seen_items_do_not_stand_in_the_way() -> None:
    scores = np.array([[9, 8, 7, 6]], np.float32)
    holdout = Holdout(np.array([0], np.int32), np.array([2], np.int32))
    result = evaluate_ranking(rows_scorer(scores), holdout, seen=seen_of([{0, 1}], 4), k=(1,))
    assert result.metrics["hr@1"] == 1.0
    assert result.metrics["coverage@1"] == 0.25


def test_nobody_to_judge_gives_no_number() -> None:
    empty = Holdout(np.empty(0, np.int32), np.empty(0, np.int32))
    result = evaluate_ranking(constant, empty, seen=seen_of([set()], 20), k=(10,))
    assert result.metrics["hr@10"] is None
    assert len(result.users) == 0


def test_a_score_that_is_not_a_number_is_a_divergence() -> None:
    holdout = Holdout(np.array([0], np.int32), np.array([3], np.int32))
    with pytest.raises(Diverged):
        evaluate_ranking(
            rows_scorer(np.full((1, 20), np.nan, np.float32)), holdout, seen=seen_of([set()], 20), k=(10,)
        )


@pytest.mark.parametrize("negatives", [1, 5, 12, 13, 40])
def test_drawn_negatives_are_distinct_unmet_and_as_many_as_there_can_be(negatives: int) -> None:
    rng = np.random.default_rng(negatives)
    n_items = 30
    hidden = [set(rng.permutation(n_items)[: rng.integers(0, 29)].tolist()) for _ in range(300)]
    positives = rng.integers(0, n_items, 300)
    holdout = Holdout(np.arange(300, dtype=np.int32), positives.astype(np.int32))
    drawn = draw_candidates(holdout, seen=seen_of(hidden, n_items), negatives=negatives, seed=4)
    again = draw_candidates(holdout, seen=seen_of(hidden, n_items), negatives=negatives, seed=4)
    assert drawn.negatives.tobytes() == again.negatives.tobytes()
    for user in range(300):
        chosen = drawn.negatives[user][drawn.valid[user]].tolist()
        free = n_items - len(hidden[user] | {int(positives[user])})
        assert len(set(chosen)) == len(chosen) == min(negatives, free)
        assert not set(chosen) & (hidden[user] | {int(positives[user])})


def test_every_unmet_item_is_drawn_equally_often() -> None:
    # 6 of 20 are met, one is the positive: 13 items share 4 × 30,000 draws, 9,231 each (sd ≈ 80)
    holdout = Holdout(np.arange(30_000, dtype=np.int32), np.full(30_000, 7, np.int32))
    seen = seen_index(
        np.repeat(np.arange(30_000), 6), np.tile([0, 1, 2, 10, 18, 19], 30_000), n_users=30_000, n_items=20
    )
    counts = np.bincount(
        draw_candidates(holdout, seen=seen, negatives=4, seed=0).negatives.ravel(), minlength=20
    )
    assert np.flatnonzero(counts == 0).tolist() == [0, 1, 2, 7, 10, 18, 19]
    assert np.abs(counts[counts > 0] - 9231).max() < 400


def test_sampled_negatives_for_several_targets_are_refused() -> None:
    holdout = Holdout(np.zeros(2, np.int32), np.array([1, 2], np.int32))
    with pytest.raises(Refused, match="one target a user"):
        draw_candidates(holdout, seen=seen_of([set()], 9), negatives=3, seed=0)


def test_full_rank_hides_what_came_before_and_sampling_hides_everything_met() -> None:
    split = split_interactions(rows_of([6, 2, 1], repeats=0, seed=0), protocol="leave_one_out", seed=0)

    def met(seen: Seen) -> int:
        return len(seen.cells(np.array([0]))[1])

    assert met(mask_of(split, "validation")) == 4
    assert met(mask_of(split, "test")) == 5
    assert met(mask_of(split, "validation", negatives=9)) == 6


@pytest.mark.parametrize("chunk", [1, 4_000_000])
def test_sampling_through_the_scores_of_every_item_judges_the_drawn_ones(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.worker.evaluation.ranking.CELLS_AT_ONCE", chunk)
    split = split_interactions(rows_of([12] * 40, repeats=0, seed=0), protocol="leave_one_out", seed=0)
    scores = np.random.default_rng(3).random((40, 60)).astype(np.float32)
    seen = mask_of(split, "test", negatives=20)
    whole = evaluate_ranking(rows_scorer(scores), split.test, seen=seen, k=(5,), negatives=20, seed=8)
    drawn = draw_candidates(split.test, seen=seen, negatives=20, seed=8)
    assert whole.metrics == evaluate_candidates(cells_scorer(scores), drawn, k=(5,)).metrics
    assert whole.metrics["hr@5"] == pytest.approx(5 / 21, abs=0.2)
