"""Intervals by the percentile bootstrap (Efron & Tibshirani 1993), paired across candidates.

Shapes: R resamples, N rows, G units that are drawn (rows, or the groups they belong to). A resample is a
weight for each row: how often its unit was drawn. All candidates see the same weights, so a difference of
two candidates is paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Measure = Callable[[Floats], dict[str, Floats]]
"""Weights float64[R, N] → each metric float64[R], NaN where a resample does not define it."""

RESAMPLES = 1_000
LEVEL = 0.95
WEIGHTS_AT_ONCE = 2_000_000
"""16 MB of float64 a block; blocks change no result."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of what resampling gives."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Say whether a value lies outside."""
        return not self.low <= value <= self.high


def resample(
    measures: Mapping[str, Measure], *, rows: int, seed: int, unit_N: Longs | None = None
) -> dict[str, dict[str, Floats]]:
    """Return each candidate's metrics [R] over the same 1,000 resamples; `unit_N` names each row's unit.

    Without a row there is nothing to draw from, and no candidate has a metric.
    """
    found: dict[str, list[dict[str, Floats]]] = {name: [] for name in measures}
    for weights_RN in _weights(rows, unit_N, np.random.default_rng(seed)):
        for name, measure in measures.items():
            found[name].append(measure(weights_RN))
    return {
        name: {
            metric: np.concatenate([block[metric] for block in blocks])
            for metric in (blocks[0] if blocks else ())
        }
        for name, blocks in found.items()
    }


def interval(values_R: Floats, *, around: float | None = None) -> Interval | None:
    """Return the percentile interval of what is defined; none when fewer than half of the resamples are.

    With `around` the resamples are shifted until that value is their median: for a metric that resampling
    itself inflates, as it does a calibration error, whose plain interval can lie wholly above it.
    """
    defined = values_R[np.isfinite(values_R)]
    if 2 * len(defined) < len(values_R) or not len(defined):
        return None
    low, middle, high = np.percentile(defined, [50 * (1 - LEVEL), 50, 50 * (1 + LEVEL)])
    shift = 0.0 if around is None else around - middle
    return Interval(float(low + shift), float(high + shift))


def mean_measure(values_NM: Mapping[str, Floats]) -> Measure:
    """Return a measure that takes weighted means of each row's own metrics [N]."""
    names = list(values_NM)
    columns = np.stack([values_NM[name] for name in names], axis=1) if names else np.empty((0, 0))

    def measure(weights_RN: Floats) -> dict[str, Floats]:
        means_RM = (weights_RN @ columns) / weights_RN.sum(axis=1, keepdims=True)
        return {name: means_RM[:, place] for place, name in enumerate(names)}

    return measure


def _weights(rows: int, unit_N: Longs | None, rng: np.random.Generator) -> Iterator[Floats]:
    units = rows if unit_N is None else int(unit_N.max(initial=-1)) + 1
    if not units:
        return
    step = max(1, WEIGHTS_AT_ONCE // max(rows, 1))
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        drawn = rng.integers(0, units, (count, units)) + np.arange(count)[:, None] * units
        weights_RG = (
            np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)
        )
        yield weights_RG if unit_N is None else weights_RG[:, unit_N]
