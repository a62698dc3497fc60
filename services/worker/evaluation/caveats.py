"""What a reader of a report must know before quoting it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.worker.evaluation.classification import Labels
from services.worker.evaluation.ranking import RankingResult
from services.worker.evaluation.splits import InteractionSplit, RecordParts
from shared.specs.job import RankingEvaluation

SUSPICIOUS_AUROC = 0.95
"""On SUPPORT2 every column together, outcomes included, gives .94 to 1.0, and without them .79."""
FEW_EVENTS = 50


def ranking_caveats(
    split: InteractionSplit, evaluation: RankingEvaluation, results: Mapping[str, RankingResult]
) -> list[str]:
    """Return what limits ranking figures: sampling, time, ties, users without a target."""
    found = _split_caveats(split)
    if evaluation.negatives is None:
        found.append(
            "Every item is ranked; items of the training and validation parts are hidden from the lists."
        )
    else:
        found.append(
            f"Sampled, {evaluation.negatives} negatives: not comparable with figures that rank every item, "
            "and the order of models may differ from theirs."
        )
    main = f"ndcg@{evaluation.k[0]}"
    for name, result in results.items():
        if main in result.lucky:
            found.append(
                f"Equal scores: {name} has {main} {result.metrics[main]:.4f} with targets behind their "
                f"equals, {result.lucky[main]:.4f} with targets before them."
            )
    return found


def rating_caveats(split: InteractionSplit) -> list[str]:
    """Return what limits rating figures."""
    return [*_split_caveats(split), "Predictions are clipped to the range of the training ratings."]


def leakage_caveats(aurocs: Mapping[str, float | None]) -> list[str]:
    """Ask whether a column gives the outcome away, when any candidate tells the classes apart too well."""
    best = max((value for value in aurocs.values() if value is not None), default=0.0)
    if best < SUSPICIOUS_AUROC:
        return []
    question = "does a column hold the outcome, or something written down after it?"
    advice = "Name such columns in exclude, and train again before believing any figure here."
    return [f"An AUROC of {best:.4f} is rare for patients: {question} {advice}"]


def record_caveats(labels_test: Labels, parts: RecordParts) -> list[str]:
    """Return what limits classification figures: binning, few events, rows without a label."""
    found = [
        "ECE and the calibration table use 10 bins of equal mass; intervals keep the whole test part's bins.",
        "The interval of the ECE is centred on its value, since resampling inflates it.",
        "Probabilities are the models' own: nothing was recalibrated after training.",
    ]
    events = int(labels_test.sum())
    if min(events, len(labels_test) - events) < FEW_EVENTS:
        found.append(
            f"One class has fewer than {FEW_EVENTS} test rows: intervals are wide and their ends rough."
        )
    if parts.unlabelled:
        found.append("Rows without a label are in no part.")
    return found


def _split_caveats(split: InteractionSplit) -> list[str]:
    found = []
    if split.ordered_by == "file order":
        found.append(
            "The data set has no timestamps: a user's last item is the last in the order of the files."
        )
    if split.later_share is not None:
        found.append(
            f"On average {split.later_share:.1%} of the training events happened after the test event: "
            "the candidates know other users' future (arXiv 2010.11060)."
        )
    without = split.n_users - len(np.unique(split.test.users))
    if without:
        found.append(f"{without} of {split.n_users} users have no test item and are left out of every mean.")
    return found
