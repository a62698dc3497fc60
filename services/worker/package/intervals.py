"""An interval for every probability: how often the outcome came among similar validation records.

Records are cut into bins of equal mass by their predicted probability; a bin's interval is Wilson's 95 %
interval (Wilson 1927) of its observed rate. It speaks of the group, not of the one patient, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

METHOD = "wilson_equal_mass_bins"
LEVEL = 0.95
Z = 1.959963984540054
MAX_BINS = 10
MIN_ROWS = 30
"""Rows a bin must hold; also keeps every bin above the small-cell limit of 11."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a rate, both from 0 to 1."""

    low: float
    high: float


def wilson(events: int, rows: int) -> Interval:
    """Return Wilson's 95 % interval of `events` in `rows`; with no rows nothing is known: 0 to 1."""
    if rows == 0:
        return Interval(0.0, 1.0)
    rate, z2 = events / rows, Z * Z
    centre = (rate + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z * sqrt(rate * (1 - rate) / rows + z2 / (4 * rows * rows)) / (1 + z2 / rows)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def probability_intervals(
    probabilities_N: NDArray[np.float64], labels_N: NDArray[np.integer]
) -> dict[str, Any]:
    """Return the table a package stores: `edges` between bins, and `low`, `high` and `rows` of each.

    With fewer than 60 validation records there is one bin for all.
    """
    edges = _edges(np.sort(probabilities_N))
    bin_N = np.searchsorted(edges, probabilities_N, side="right")
    rows = np.bincount(bin_N, minlength=len(edges) + 1).tolist()
    found = [wilson(int(labels_N[bin_N == b].sum()), rows[b]) for b in range(len(rows))]
    return {
        "method": METHOD,
        "level": LEVEL,
        "edges": edges,
        "rows": rows,
        "low": [interval.low for interval in found],
        "high": [interval.high for interval in found],
    }


def _edges(ordered_N: NDArray[np.float64]) -> list[float]:
    """Return the scores at which bins begin, but the first.

    Equal scores share a bin, so a bin may miss its mass; no cut is made that leaves one below `MIN_ROWS`.
    """
    total = len(ordered_N)
    bins = max(1, min(MAX_BINS, total // MIN_ROWS))
    edges: list[float] = []
    start = 0
    for b in range(1, bins):
        edge = float(ordered_N[total * b // bins])
        place = int(np.searchsorted(ordered_N, edge))
        if min(place - start, total - place) >= MIN_ROWS:
            edges.append(edge)
            start = place
    return edges
