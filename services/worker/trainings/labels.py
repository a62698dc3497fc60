"""The target of a diagnosis as 0 and 1, and the groups that must not be torn apart.

Shapes: N records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.worker.data.records import Records
from shared.errors import Finding, Refused

Floats = npt.NDArray[np.float64]

POSITIVE_WORDS = ("1", "true", "yes", "y", "positive", "pos", "dead", "died", "case")
"""Level names that mean the outcome happened; without one the second level in order is positive."""


@dataclass(frozen=True, slots=True)
class Labels:
    """`values` float64[N] of 0, 1 or NaN where the target is missing; `positive` names what 1 stands for."""

    values: Floats
    positive: str


def binary_labels(records: Records, target: str) -> Labels:
    """Return the target as 0 and 1. Raises `Refused` unless it has exactly two values."""
    if target in records.numbers:
        column = records.numbers[target]
        levels = np.unique(column[~np.isnan(column)])
        _require_two(len(levels))
        values = np.where(np.isnan(column), np.nan, (column == levels[1]).astype(np.float64))
        return Labels(values, _written(levels[1]))
    texts = records.categories.get(target)
    if texts is None:
        raise Refused(
            "the target is no number and no category",
            findings=[Finding(("task", "target"), "wanted a column of type number or category")],
        )
    names = sorted({text for text in texts if text is not None})
    _require_two(len(names))
    positive = next((name for name in names if name.lower() in POSITIVE_WORDS), names[1])
    return Labels(np.array([np.nan if text is None else float(text == positive) for text in texts]), positive)


def group_values(records: Records, group: str | None) -> list[str | None] | None:
    """Return each record's group, none when nothing groups them."""
    if group is None:
        return None
    for columns in (records.ids, records.categories):
        if group in columns:
            return list(columns[group])
    if group in records.numbers:
        return [None if np.isnan(value) else _written(value) for value in records.numbers[group]]
    message = "wanted a column of type id, category or number"
    raise Refused("records cannot be grouped by it", findings=[Finding(("task", "split", "group"), message)])


def _written(value: float) -> str:
    """Return a number with all its digits, so that two long ids never become one."""
    return str(np.format_float_positional(value, trim="-"))


def _require_two(count: int) -> None:
    if count != 2:
        message = f"a binary target has 2 distinct values; this one has {count}"
        raise Refused(message, code="target_not_binary", findings=[Finding(("task", "target"), message)])
