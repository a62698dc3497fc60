"""Gradient-boosted trees on raw columns: missing numbers and categories are split natively."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import OrdinalEncoder

from services.worker.baselines.records import Classifier, Floats, Labels, Table

RARE = 10
MAX_LEVELS = 254
"""Bins of scikit-learn's histograms, less the one for missing."""


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """Histogram gradient boosting of log loss, no early stopping."""

    iterations: int = 300
    learning_rate: float = 0.03
    leaves: int = 15

    def fit(self, table: Table, labels_N: Labels, *, seed: int) -> Classifier:
        """Fit levels and trees on these rows."""
        n_categories = table.categories.shape[1]
        levels = _levels_encoder().fit(table.categories) if n_categories else None
        known = np.flatnonzero(~np.isnan(table.numbers).all(axis=0))  # a column never filled has no bins

        def encode(rows: Table) -> Floats:
            numbers_NF = rows.numbers[:, known]
            return np.hstack([numbers_NF, levels.transform(rows.categories)]) if levels else numbers_NF

        model = HistGradientBoostingClassifier(
            max_iter=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            categorical_features=np.arange(n_categories) + len(known),
            early_stopping=False,
            random_state=seed,
        ).fit(encode(table), labels_N)

        def probabilities(rows: Table) -> Floats:
            positive: Floats = model.predict_proba(encode(rows))[:, 1]
            return positive

        return Classifier(probabilities, {"iterations": self.iterations, "learning_rate": self.learning_rate})


def _levels_encoder() -> OrdinalEncoder:
    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=RARE,
        max_categories=MAX_LEVELS,
    )
