"""The calibration table: what was predicted beside what happened, in bins that name nobody.

Shapes: N rows, K bins. Rows count, events and non-events of a bin are 0 or at least 11: a cell of 1 to 10
people is not shown (CMS cell size policy), nor to be had by subtraction, since bins are merged, not blanked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.classification import Labels, equal_mass_bins

SMALLEST_CELL = 11
Floats = npt.NDArray[np.float64]


def calibration_table(labels_N: Labels, probabilities_N: Floats) -> list[dict[str, float | int]]:
    """Return equal-mass bins, ascending; neighbours are merged until no cell is small. May be empty."""
    if not len(labels_N):
        return []
    bins = equal_mass_bins(probabilities_N)
    groups: list[list[int]] = []
    waiting: list[int] = []
    for number in range(int(bins.max()) + 1):
        waiting += np.flatnonzero(bins == number).tolist()
        if waiting and not _small(labels_N, waiting):
            groups.append(waiting)
            waiting = []
    while waiting and groups and _small(labels_N, waiting):
        waiting = groups.pop() + waiting
    if waiting and not _small(labels_N, waiting):
        groups.append(waiting)
    return [_row(labels_N[rows], probabilities_N[rows]) for rows in groups]


def is_small(count: int) -> bool:
    """Say whether a count of people may not be shown."""
    return 0 < count < SMALLEST_CELL


def _small(labels_N: Labels, rows: list[int]) -> bool:
    events = int(labels_N[rows].sum())
    return is_small(len(rows)) or is_small(events) or is_small(len(rows) - events)


def _row(labels: Labels, probabilities: Floats) -> dict[str, float | int]:
    return {
        "n": len(labels),
        "events": int(labels.sum()),
        "mean_probability": float(probabilities.mean()),
        "observed_rate": float(labels.mean()),
        "low": float(probabilities.min()),
        "high": float(probabilities.max()),
    }
