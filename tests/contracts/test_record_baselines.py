"""Every baseline on records, in a world where one code causes the diagnosis and one number hints at it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from services.worker.baselines import RECORDS, RecordBaseline, Table


@pytest.fixture(params=sorted(RECORDS))
def baseline(request: pytest.FixtureRequest) -> RecordBaseline:
    return RECORDS[request.param]


def world(rows: int = 600) -> tuple[dict[str, np.ndarray], dict[str, list[str | None]], np.ndarray]:
    rng = np.random.default_rng(0)
    codes = rng.choice(np.array(["E11", "I10", "J45", None], object), rows)
    noise, hint = rng.normal(size=(2, rows))
    labels = (codes == "E11") | (hint > 1.2)
    hint[rng.random(rows) < 0.2] = np.nan
    return {"noise": noise, "hint": hint}, {"code": codes.tolist()}, labels.astype(np.int64)


def test_the_cause_is_found(baseline: RecordBaseline) -> None:
    numbers, categories, labels = world()
    table = Table.of(numbers, categories)
    fitted = baseline.fit(table.take(np.arange(400)), labels[:400], seed=0)
    probabilities = fitted.probabilities(table.take(np.arange(400, 600)))
    assert probabilities.shape == (200,)
    assert probabilities.dtype == np.float64
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert roc_auc_score(labels[400:], probabilities) > 0.9


def test_shuffled_labels_teach_nothing(baseline: RecordBaseline) -> None:
    numbers, categories, labels = world(2000)
    table, shuffled = Table.of(numbers, categories), np.random.default_rng(1).permutation(labels)
    fitted = baseline.fit(table.take(np.arange(1000)), shuffled[:1000], seed=0)
    auroc = roc_auc_score(shuffled[1000:], fitted.probabilities(table.take(np.arange(1000, 2000))))
    assert abs(auroc - 0.5) < 0.06


def test_unseen_levels_and_missing_values_are_answered(baseline: RecordBaseline) -> None:
    numbers, categories, labels = world()
    fitted = baseline.fit(Table.of(numbers, categories), labels, seed=0)
    strange = Table.of(
        {"noise": np.array([np.nan, 1e9]), "hint": np.array([np.nan, 0.0])}, {"code": ["Z99", None]}
    )
    assert np.isfinite(fitted.probabilities(strange)).all()


@pytest.mark.parametrize("kind", ["numbers", "categories", "empty column", "constant column", "many levels"])
def test_one_kind_of_column_is_enough(baseline: RecordBaseline, kind: str) -> None:
    numbers, categories, labels = world()
    table = {
        "numbers": Table.of(numbers, {}),
        "categories": Table.of({}, categories),
        "empty column": Table.of(
            {**numbers, "never": np.full(600, np.nan)}, {**categories, "no": [None] * 600}
        ),
        "constant column": Table.of({**numbers, "one": np.ones(600)}, {**categories, "same": ["a"] * 600}),
        "many levels": Table.of(numbers, {**categories, "id": [str(n // 2) for n in range(600)]}),
    }[kind]
    probabilities = baseline.fit(table, labels, seed=0).probabilities(table)
    assert roc_auc_score(labels, probabilities) > 0.6


def test_fitting_twice_gives_the_same_bytes(baseline: RecordBaseline) -> None:
    numbers, categories, labels = world()
    table = Table.of(numbers, categories)
    first, again = (baseline.fit(table, labels, seed=3).probabilities(table) for _ in range(2))
    assert first.tobytes() == again.tobytes()
