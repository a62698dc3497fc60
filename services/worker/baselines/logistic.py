"""Logistic regression on one-hot categories and standardised numbers with missing indicators."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from services.worker.baselines.records import Classifier, Floats, Labels, Table

RARE = 10
"""Levels seen less often share one column."""


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """Penalised maximum likelihood; `C` is the inverse strength of the squared penalty."""

    C: float = 1.0
    max_iter: int = 1_000

    def fit(self, table: Table, labels_N: Labels, *, seed: int) -> Classifier:
        """Fit encoders and weights on these rows."""
        numbers = _numbers_encoder().fit(table.numbers) if table.numbers.shape[1] else None
        categories = _levels_encoder().fit(table.categories) if table.categories.shape[1] else None

        def encode(rows: Table) -> scipy.sparse.csr_array:
            parts = [scipy.sparse.csr_array(numbers.transform(rows.numbers))] if numbers else []
            parts += [scipy.sparse.csr_array(categories.transform(rows.categories))] if categories else []
            return scipy.sparse.hstack(parts, format="csr")

        model = SklearnLogisticRegression(C=self.C, max_iter=self.max_iter, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told in the settings instead
            model.fit(encode(table), labels_N)

        def probabilities(rows: Table) -> Floats:
            positive: Floats = model.predict_proba(encode(rows))[:, 1]
            return positive

        return Classifier(
            probabilities, {"C": self.C, "converged": bool(np.all(model.n_iter_ < self.max_iter))}
        )


def _numbers_encoder() -> Pipeline:
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler())


def _levels_encoder() -> OneHotEncoder:
    return OneHotEncoder(min_frequency=RARE, handle_unknown="infrequent_if_exist")
