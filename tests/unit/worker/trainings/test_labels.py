"""What stands for 1, and who belongs together."""

from __future__ import annotations

import numpy as np

from services.worker.data.records import Records
from services.worker.trainings.labels import binary_labels, group_values


def records(**numbers: list[float]) -> Records:
    columns = {name: np.array(values, np.float64) for name, values in numbers.items()}
    return Records(numbers=columns, categories={}, ids={}, times={}, rows=len(next(iter(numbers.values()))))


def test_long_numbers_of_patients_stay_apart():
    told = group_values(records(patient=[10_000_001, 10_000_002, 10_000_001, float("nan"), 0.5]), "patient")
    assert told == ["10000001", "10000002", "10000001", None, "0.5"]


def test_the_positive_level_is_told_with_all_its_digits():
    labels = binary_labels(records(code=[10_000_001, 10_000_002, float("nan")]), "code")
    assert labels.positive == "10000002"
    assert labels.values.tolist()[:2] == [0.0, 1.0]
