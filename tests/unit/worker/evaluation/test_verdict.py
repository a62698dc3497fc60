from __future__ import annotations

import numpy as np

from services.worker.evaluation.verdict import Scored, Verdict, judge

NOISE = np.random.default_rng(0).normal(0.0, 0.01, 1000)


def scored(name: str, value: float, *, noise: np.ndarray = NOISE) -> Scored:
    """Return a candidate; with the shared noise every paired difference is certain."""
    return Scored(name, "net" if name in {"mf", "mlp"} else "baseline", value, value + noise)


def verdict(*candidates: Scored, metric: str = "ndcg@10") -> Verdict:
    return judge(candidates, metric=metric, missing={})


def test_the_net_wins_by_name_and_number() -> None:
    found = verdict(scored("mf", 0.45), scored("ease", 0.43), scored("popularity", 0.2))
    assert found.winner == "mf"
    assert found.sentence == (
        "The net mf won: NDCG@10 0.4500 against 0.4300 of EASE, the next best; "
        "mf minus EASE is +0.0200 (95 % interval +0.0200 to +0.0200, which excludes 0)."
    )


def test_a_baseline_wins_against_the_net_and_the_sentence_says_so() -> None:
    found = verdict(scored("mf", 0.3), scored("ease", 0.43), scored("popularity", 0.35))
    assert found.winner == "ease"
    assert found.sentence == (
        "The baseline EASE won: NDCG@10 0.4300 against 0.3000 of the net mf; "
        "EASE minus mf is +0.1300 (95 % interval +0.1300 to +0.1300, which excludes 0)."
    )


def test_a_tie_is_called_a_tie() -> None:
    found = verdict(
        scored("mlp", 0.7800),
        scored("logistic_regression", 0.7790, noise=NOISE[::-1]),
        scored("boosted_trees", 0.7),
        metric="auroc",
    )
    assert found.winner is None
    assert found.sentence.startswith(
        "A tie: the net mlp (0.7800) and logistic regression (0.7790) cannot be told apart in AUROC; "
        "mlp minus logistic regression is +0.0010 (95 % interval -0.0"
    )
    assert found.sentence.endswith("which includes 0).")


def test_a_net_behind_two_tied_baselines_is_said_to_be_behind() -> None:
    found = verdict(
        scored("mlp", 0.7),
        scored("logistic_regression", 0.78),
        scored("boosted_trees", 0.781, noise=NOISE[::-1]),
    )
    assert found.winner is None
    assert found.sentence.startswith(
        "A tie of boosted trees (0.7810) and logistic regression (0.7800) in NDCG@10, "
        "and the net mlp (0.7000) is behind boosted trees; mlp minus boosted trees is -0.0810"
    )


def test_lower_errors_win() -> None:
    found = verdict(scored("mf", 0.91), scored("damped_means", 0.95), metric="rmse")
    assert found.winner == "mf"
    assert "RMSE 0.9100 against 0.9500 of damped means" in found.sentence


def test_equal_values_are_a_tie() -> None:
    found = verdict(scored("mf", 0.5), scored("popularity", 0.5))
    assert found.winner is None
    assert "+0.0000 (95 % interval +0.0000 to +0.0000, which includes 0)" in found.sentence


def test_a_net_alone_has_beaten_nobody() -> None:
    found = judge([scored("mf", 0.5)], metric="ndcg@10", missing={"ease": "too many items"})
    assert found == Verdict(None, "Nothing to compare the net mf with (EASE: too many items).")


def test_without_a_value_for_the_net_nobody_wins() -> None:
    found = verdict(scored("ease", 0.5), metric="auroc")
    assert found == Verdict(None, "Nobody won: the test part gives the net no AUROC.")


def test_a_difference_without_an_interval_decides_nothing() -> None:
    nowhere = np.full(1000, np.nan)
    found = verdict(scored("mlp", 0.9, noise=nowhere), scored("boosted_trees", 0.5), metric="auroc")
    assert found.winner is None
    assert found.sentence.endswith(
        "mlp minus boosted trees is +0.4000, and too few resamples define it for an interval."
    )
