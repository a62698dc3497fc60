"""How good probabilities of a binary label are: discrimination, calibration, and both at once.

Shapes: N rows, R weightings of the rows, T distinct probabilities, K bins. One implementation serves the
value (all weights 1) and its interval. AUROC and average precision are scikit-learn's definitions; ECE has
10 bins of equal mass, cut once at the deciles of the unweighted rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer] | Floats

ECE_BINS = 10
METRICS = ("auroc", "auprc", "brier", "ece", "log_loss")
INFLATED = frozenset({"ece"})
"""Resampling adds noise that these count as error, so their intervals are centred on the value."""
SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are held this far from 0 and 1 in the log loss, as in scikit-learn."""


def evaluate_probabilities(labels_N: Labels, probabilities_N: Floats) -> dict[str, float | None]:
    """Return every metric; none where the labels do not define it (one class only, or no rows)."""
    if not len(labels_N):
        return dict.fromkeys(METRICS)
    values = classification_measure(labels_N, probabilities_N)(np.ones((1, len(labels_N))))
    return {name: float(value[0]) if np.isfinite(value[0]) else None for name, value in values.items()}


def classification_measure(
    labels_N: Labels, probabilities_N: Floats
) -> Callable[[Floats], dict[str, Floats]]:
    """Return a function of weights [R, N] that gives each metric [R]; NaN with one class only."""
    labels = np.asarray(labels_N, np.float64)
    probabilities = np.asarray(probabilities_N, np.float64)
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    first_T = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    per_row = np.stack([(probabilities - labels) ** 2, _log_loss(labels, probabilities)], axis=1)
    gap_NK = _one_hot(equal_mass_bins(probabilities)) * (probabilities - labels)[:, None]

    def measure(weights_RN: Floats) -> dict[str, Floats]:
        total_R = weights_RN.sum(axis=1)
        weights = weights_RN[:, order]
        positive_RT = np.add.reduceat(weights * labels[order], first_T, axis=1)
        negative_RT = np.add.reduceat(weights, first_T, axis=1) - positive_RT
        brier, log_loss = (weights_RN @ per_row).T / total_R
        return {
            "auroc": _auroc(positive_RT, negative_RT),
            "auprc": _average_precision(positive_RT, negative_RT),
            "brier": brier,
            "ece": np.abs(weights_RN @ gap_NK).sum(axis=1) / total_R,
            "log_loss": log_loss,
        }

    return measure


def equal_mass_bins(probabilities_N: Floats) -> Longs:
    """Return each row's bin, cut at the deciles; equal probabilities stay together."""
    cuts = np.percentile(probabilities_N, np.linspace(0, 100, ECE_BINS + 1)[1:-1])
    return np.searchsorted(cuts, probabilities_N)


def _auroc(positive_RT: Floats, negative_RT: Floats) -> Floats:
    """Share of (positive, negative) pairs in the right order, ties counted half; thresholds ascending."""
    below_RT = np.cumsum(negative_RT, axis=1) - negative_RT / 2
    pairs_R = positive_RT.sum(axis=1) * negative_RT.sum(axis=1)
    return _divide((positive_RT * below_RT).sum(axis=1), pairs_R)


def _average_precision(positive_RT: Floats, negative_RT: Floats) -> Floats:
    """Sum over thresholds of the gain in recall times the precision; undefined without a positive."""
    positives_R = positive_RT.sum(axis=1)
    true_RT = np.cumsum(positive_RT[:, ::-1], axis=1)
    flagged_RT = true_RT + np.cumsum(negative_RT[:, ::-1], axis=1)
    precision_RT = true_RT / np.where(flagged_RT > 0, flagged_RT, 1.0)
    return _divide((positive_RT[:, ::-1] * precision_RT).sum(axis=1), positives_R)


def _log_loss(labels_N: Floats, probabilities_N: Floats) -> Floats:
    held = np.clip(probabilities_N, SMALLEST, 1 - SMALLEST)
    return -(labels_N * np.log(held) + (1 - labels_N) * np.log1p(-held))


def _one_hot(bin_N: Longs) -> Floats:
    return np.asarray(bin_N[:, None] == np.arange(ECE_BINS), np.float64)


def _divide(numerator_R: Floats, denominator_R: Floats) -> Floats:
    defined = denominator_R > 0
    return np.where(defined, numerator_R / np.where(defined, denominator_R, 1.0), np.nan)
