"""Metrics of probabilities agree with scikit-learn, weighted and unweighted, ties and edges included."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from services.worker.evaluation.calibration import calibration_table
from services.worker.evaluation.classification import (
    classification_measure,
    equal_mass_bins,
    evaluate_probabilities,
)


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of both classes and probabilities; every third case has many ties, 0s and 1s."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(2, 300))
    labels = rng.integers(0, 2, rows)
    labels[:2] = (0, 1)
    probabilities = rng.random(rows) if seed % 3 else rng.integers(0, 5, rows) / 4
    return labels, probabilities


def test_metrics_equal_scikit_learn_on_200_random_cases() -> None:
    for seed in range(200):
        labels, probabilities = random_case(seed)
        expected = {
            "auroc": metrics.roc_auc_score(labels, probabilities),
            "auprc": metrics.average_precision_score(labels, probabilities),
            "brier": metrics.brier_score_loss(labels, probabilities),
            "log_loss": metrics.log_loss(labels, probabilities),
        }
        got = evaluate_probabilities(labels, probabilities)
        assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-12), f"seed {seed}"


def test_weighted_metrics_equal_scikit_learn_on_200_random_cases() -> None:
    for seed in range(200):
        labels, probabilities = random_case(seed)
        weights = np.random.default_rng(seed + 1000).integers(0, 4, (3, len(labels))).astype(np.float64)
        weights[:, :2] = 1.0
        got = classification_measure(labels, probabilities)(weights)
        for place, weight in enumerate(weights):
            expected = {
                "auroc": metrics.roc_auc_score(labels, probabilities, sample_weight=weight),
                "auprc": metrics.average_precision_score(labels, probabilities, sample_weight=weight),
                "brier": metrics.brier_score_loss(labels, probabilities, sample_weight=weight),
                "log_loss": metrics.log_loss(labels, probabilities, sample_weight=weight),
            }
            assert {name: got[name][place] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_the_calibration_error_uses_scikit_learns_quantile_bins() -> None:
    for seed in range(200):
        labels, probabilities = random_case(seed)
        observed, predicted = calibration_curve(labels, probabilities, n_bins=10, strategy="quantile")
        sizes = np.bincount(equal_mass_bins(probabilities), minlength=10)
        expected = np.sum(np.abs(observed - predicted) * sizes[sizes > 0]) / len(labels)
        assert evaluate_probabilities(labels, probabilities)["ece"] == pytest.approx(expected, abs=1e-12)


def test_a_calibration_error_made_by_hand() -> None:
    # two rows in each of ten bins, predicted .05, .15 … .95, one of them happened: |.5 − p| is .25 on average
    probabilities = np.repeat(np.arange(10) / 10 + 0.05, 2)
    assert evaluate_probabilities(np.tile([0, 1], 10), probabilities)["ece"] == pytest.approx(0.25)


def test_one_class_leaves_the_ranking_metrics_open() -> None:
    got = evaluate_probabilities(np.zeros(30), np.linspace(0, 1, 30))
    assert (got["auroc"], got["auprc"]) == (None, None)
    assert got["brier"] == pytest.approx(np.mean(np.linspace(0, 1, 30) ** 2))
    assert evaluate_probabilities(np.zeros(0), np.zeros(0)) == dict.fromkeys(got)


@pytest.mark.parametrize("seed", range(60))
def test_no_cell_of_the_calibration_table_names_ten_people_or_fewer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, rate = int(rng.integers(1, 600)), rng.choice([0.0, 0.02, 0.1, 0.5, 0.98])
    labels = (rng.random(rows) < rate).astype(np.float64)
    table = calibration_table(labels, rng.random(rows) if seed % 2 else rng.integers(0, 3, rows) / 2)
    for row in table:
        assert row["n"] >= 11
        assert row["events"] == 0 or row["events"] >= 11
        assert row["n"] == row["events"] or row["n"] - row["events"] >= 11
    if table:
        assert sum(row["n"] for row in table) == rows, "bins are merged, never left out"
        assert [row["low"] for row in table] == sorted(row["low"] for row in table)


def test_a_calibration_table_by_hand() -> None:
    # 220 rows of two probabilities: .2 for 110 with 22 events, .8 for 110 with 88
    probabilities = np.repeat([0.2, 0.8], 110)
    labels = np.concatenate([np.arange(110) < 22, np.arange(110) < 88]).astype(np.float64)
    table = calibration_table(labels, probabilities)
    assert [(row["n"], row["events"], row["observed_rate"]) for row in table] == [
        (110, 22, 0.2),
        (110, 88, 0.8),
    ]
