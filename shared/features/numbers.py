"""Number columns: a piecewise-linear map fitted on training rows, applied to columns and to records alike.

Shapes: B rows, N number columns, I columns with a missing indicator, K inner knots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Transform = Literal["standard", "quantile", "uniform"]
Floats = NDArray[np.float64]

MAX_KNOTS = 128
STANDARD_LIMIT = 10.0
"""Standardised values end at ±10 sd, so that no finite input can overflow the net."""
LARGEST_NUMBER = 1e100
"""Largest size of a number in a column: squares, their sums over all rows and the slopes between two numbers
then fit a double, here as in the baselines. Larger ones are no measurements, but marks such as 1.8e308."""
WANTED_NUMBER = "a number from -1e100 to 1e100"
"""What a value of a number column must be, in words."""
SMALLEST_NUMBER = 1e-100
"""What is nearer to 0 counts as 0 in fitting, since its square would be."""
RANGE_QUANTILES = (0.001, 0.999)
COMPARE_ROWS = 16
"""Below this many rows one broadcast comparison beats a binary search a column (measured)."""


class NumberColumn(BaseModel):
    """One fitted number column.

    `knots` and `scores` are the corners of the map (ascending; constant beyond both ends); `median` stands
    for a missing value, `low` and `high` are the 0.1 and 99.9 percentiles of the training rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    knots: tuple[float, ...]
    scores: tuple[float, ...]
    median: float
    low: float
    high: float
    indicator: bool
    """Whether the column was ever missing in training, so that the net has an input saying so."""


def _standard(present: Floats) -> tuple[Floats, Floats]:
    if present.min() == present.max():  # the mean may differ in its last bit, and sd not be 0
        return present[:1], np.zeros(1)
    mean, sd = float(present.mean()), float(present.std())
    ends = np.array([-STANDARD_LIMIT, STANDARD_LIMIT])
    knots = mean + sd * ends
    if knots[0] == knots[1]:  # one row in a million is off by the last bit of 1e17
        return knots[:1], np.zeros(1)
    return knots, ends


def _middle_ranks(present: Floats) -> tuple[Floats, Floats]:
    """Return knots and their mid-ranks in (0, 1): every distinct value, or else 0.1 to 99.9 % quantiles."""
    ordered = np.sort(present)
    knots = np.unique(ordered)
    if len(knots) > MAX_KNOTS:
        knots = np.unique(np.quantile(ordered, np.linspace(*RANGE_QUANTILES, MAX_KNOTS)))
    below = np.searchsorted(ordered, knots, side="left")
    through = np.searchsorted(ordered, knots, side="right")
    return knots, (below + through) / (2.0 * len(ordered))


def _normal_scores(present: Floats) -> tuple[Floats, Floats]:
    knots, ranks = _middle_ranks(present)
    return knots, np.array([NormalDist().inv_cdf(rank) for rank in np.clip(ranks, *RANGE_QUANTILES)])


def _uniform_scores(present: Floats) -> tuple[Floats, Floats]:
    knots, ranks = _middle_ranks(present)
    return knots, 2.0 * ranks - 1.0


CORNERS: dict[Transform, Callable[[Floats], tuple[Floats, Floats]]] = {
    "standard": _standard,
    "quantile": _normal_scores,
    "uniform": _uniform_scores,
}


def too_large(values: Floats) -> NDArray[np.bool_]:
    """Return which values are larger than a column may hold; a missing one is not."""
    return np.abs(values) > LARGEST_NUMBER


def fit_number(name: str, values_B: Floats, transform: Transform) -> NumberColumn:
    """Fit one column on its training values, none of them `too_large`.

    NaN is missing, and at least one value must be present.
    """
    absent = np.isnan(values_B)
    present = values_B[~absent]
    present = np.where(np.abs(present) < SMALLEST_NUMBER, 0.0, present)
    knots, scores = CORNERS[transform](present)
    low, high = np.quantile(present, RANGE_QUANTILES)
    return NumberColumn(
        name=name,
        knots=tuple(knots.tolist()),
        scores=tuple(scores.tolist()),
        median=float(np.median(present)),
        low=float(low),
        high=float(high),
        indicator=bool(absent.any()),
    )


@dataclass(frozen=True, slots=True)
class NumberRows:
    """Encoded columns: `inputs_BF` float32 (N scores, then I indicators), and what was missing or outside."""

    inputs_BF: NDArray[np.float32]
    absent_BN: NDArray[np.bool_]
    outside_BN: NDArray[np.bool_]


class NumberTable:
    """The maps of all number columns, laid out for whole batches."""

    def __init__(self, columns: Sequence[NumberColumn]) -> None:
        self.columns = tuple(columns)
        self._median_N = np.array([c.median for c in columns], dtype=np.float64)
        self._low_N = np.array([c.low for c in columns], dtype=np.float64)
        self._high_N = np.array([c.high for c in columns], dtype=np.float64)
        self._first_N = np.array([c.knots[0] for c in columns], dtype=np.float64)
        self._last_N = np.array([c.knots[-1] for c in columns], dtype=np.float64)
        self.indicators_I = np.array([n for n, c in enumerate(columns) if c.indicator], dtype=np.intp)
        self._lay_out_segments()

    def _lay_out_segments(self) -> None:
        width = max((len(c.knots) for c in self.columns), default=1)
        self._start_N = np.arange(len(self.columns), dtype=np.intp) * width
        inner = np.full((len(self.columns), max(width - 2, 0)), np.inf)
        knots, scores, slopes = np.zeros((3, len(self.columns), width))
        for n, column in enumerate(self.columns):
            corners, heights = np.array(column.knots), np.array(column.scores)
            inner[n, : max(len(corners) - 2, 0)] = corners[1:-1]
            knots[n, : len(corners)] = corners
            scores[n, : len(corners)] = heights
            slopes[n, : len(corners) - 1] = np.diff(heights) / np.diff(corners)
        self._inner_NK = inner
        self._knots, self._scores, self._slopes = knots.ravel(), scores.ravel(), slopes.ravel()

    @property
    def width(self) -> int:
        """Inputs of the net: one score a column, and one indicator for each that was ever missing."""
        return len(self.columns) + len(self.indicators_I)

    def encode(self, values_BN: Floats) -> NumberRows:
        """Map raw values (NaN = missing) to the net's inputs."""
        absent_BN = np.isnan(values_BN)
        filled_BN = np.where(absent_BN, self._median_N, values_BN)
        inside_BN = np.minimum(np.maximum(filled_BN, self._first_N), self._last_N)
        corner_BN = self._segments(inside_BN) + self._start_N
        rise_BN = (inside_BN - self._knots[corner_BN]) * self._slopes[corner_BN]
        inputs_BF = np.empty((len(values_BN), self.width), dtype=np.float32)
        inputs_BF[:, : len(self.columns)] = self._scores[corner_BN] + rise_BN
        inputs_BF[:, len(self.columns) :] = absent_BN[:, self.indicators_I]
        outside_BN = (filled_BN < self._low_N) | (filled_BN > self._high_N)
        return NumberRows(inputs_BF, absent_BN, outside_BN)

    def _segments(self, values_BN: Floats) -> NDArray[np.intp]:
        """Return for each value the number of its column's inner knots at or below it."""
        if len(values_BN) < COMPARE_ROWS:
            at_or_below_BNK = values_BN[:, :, None] >= self._inner_NK
            return np.asarray(at_or_below_BNK.sum(axis=2, dtype=np.intp))
        found_BN = np.empty(values_BN.shape, dtype=np.intp)
        for n, inner_K in enumerate(self._inner_NK):
            found_BN[:, n] = np.searchsorted(inner_K, values_BN[:, n], side="right")
        return found_BN
