"""What every baseline on records answers to.

Shapes: N records, F number columns, C category columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer] | Floats


@dataclass(frozen=True, slots=True)
class Table:
    """Raw columns: numbers [N, F] with NaN, categories [N, C] of text or None."""

    numbers: Floats
    categories: npt.NDArray[np.object_]

    @classmethod
    def of(cls, numbers: Mapping[str, Floats], categories: Mapping[str, Sequence[str | None]]) -> Self:
        """Build from named columns of one length; either kind may be absent."""
        rows = len(next(iter([*numbers.values(), *categories.values()]), ()))
        numbers_NF = np.empty((rows, len(numbers)))
        categories_NC = np.empty((rows, len(categories)), np.object_)
        for place, column in enumerate(numbers.values()):
            numbers_NF[:, place] = column
        for place, level in enumerate(categories.values()):
            categories_NC[:, place] = level
        return cls(numbers_NF, categories_NC)

    def take(self, rows: Longs) -> Table:
        """Return the rows with these numbers."""
        return Table(self.numbers[rows], self.categories[rows])


@dataclass(frozen=True, slots=True)
class Classifier:
    """A fitted baseline: the probability of label 1 [N] for a table, and the settings it was fitted with."""

    probabilities: Callable[[Table], Floats]
    settings: Mapping[str, float | bool] = field(default_factory=dict)


class RecordBaseline(Protocol):
    """A way to predict a binary label that is not a net."""

    def fit(self, table: Table, labels_N: Labels, *, seed: int) -> Classifier:
        """Fit everything, encoders included, on these rows; labels are 0 and 1."""
        ...
