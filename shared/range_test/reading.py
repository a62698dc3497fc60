"""What the loss did while the rate rose: where it fell, where its bottom lies, where it left it again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from shared.range_test.ramp import Watch, smoothed

SKIPPED = 5
"""First points, whose average is hardly one yet: they are the level the loss falls from."""
RIMS = (0.05, 0.1, 0.2, 0.3)
"""Shares of the fall that the smoothed loss may stand above its lowest and still be at the bottom. The mean
over several moves less from seed to seed than any of them."""
CLEAR = 3.0
"""A fall of fewer standard deviations of single losses may be chance: of 100 losses without any trend the
lowest average lies about 1.5 below the first five, and once in a thousand times more than 3."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Rates where something happened; those of the bottom are corrected for the lag of the average."""

    steep: float
    """Where the smoothed loss falls fastest by the logarithm of the rate, the first points left out."""
    lowest: float
    """Where the smoothed loss is lowest."""
    bottom: float
    """The middle, by logarithm, of the stretch where the loss is at its bottom."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A curve with what is seen on it; `advice` says what to change where nothing can be suggested."""

    smoothed: tuple[float, ...]
    diverged_at: float | None
    landmarks: Landmarks | None
    advice: str | None


def read(lr: Sequence[float], loss: Sequence[float], *, smoothing: float, stop_at: float) -> Reading:
    """Return what a curve tells, of rates that rise and losses of the same length."""
    watch = Watch(smoothing, stop_at)
    stop = next((i for i, value in enumerate(loss) if watch.diverged(value)), None)
    diverged_at = None if stop is None else lr[stop]
    count = len(loss) if stop is None or math.isfinite(loss[stop]) else stop
    average = smoothed(loss[:count], smoothing)
    advice = _missing(loss[:count], average, diverged=stop is not None)
    landmarks = None if advice else _landmarks(lr, loss, average, smoothing=smoothing)
    return Reading(tuple(average), diverged_at, landmarks, advice)


def _missing(loss: Sequence[float], average: Sequence[float], *, diverged: bool) -> str | None:
    """Return what a test would have to do differently to tell anything; none when this one does."""
    if len(average) <= SKIPPED:
        return "the loss diverged within the first steps: lower lo" if diverged else "too few steps to tell"
    lowest = min(range(len(average)), key=average.__getitem__)
    if not _fell(loss, average[lowest]):
        return (
            "the loss never clearly fell before it diverged: lower lo, or take more steps"
            if diverged
            else "the loss never clearly fell: raise hi, or take more steps"
        )
    if not diverged and max(average[lowest:]) <= _rims(loss, average[lowest])[-1]:
        return "the loss still fell at the highest rate: raise hi"
    return None


def _level(loss: Sequence[float]) -> float:
    return fmean(loss[:SKIPPED])


def _rims(loss: Sequence[float], lowest: float) -> list[float]:
    """Return the smoothed losses up to which the bottom reaches, the narrowest first."""
    return [lowest + share * (_level(loss) - lowest) for share in RIMS]


def _fell(loss: Sequence[float], lowest: float) -> bool:
    """Tell whether the loss fell by more than chance; neighbours differ by √2 of one loss's deviation."""
    steps = sorted(abs(b - a) for a, b in pairwise(loss))
    deviation = steps[len(steps) // 2] / (0.6745 * math.sqrt(2.0))  # the median: explosions do not count
    return _level(loss) - lowest > CLEAR * deviation


def _landmarks(
    lr: Sequence[float], loss: Sequence[float], average: Sequence[float], *, smoothing: float
) -> Landmarks:
    lowest = min(range(len(average)), key=average.__getitem__)
    lag = round(smoothing / (1.0 - smoothing))
    middles = [_middle(lr, average, rim, lowest=lowest, lag=lag) for rim in _rims(loss, average[lowest])]
    bottom = math.exp(fmean(middles))
    return Landmarks(steep=_steep(lr, average, lowest), lowest=lr[lowest], bottom=bottom)


def _middle(lr: Sequence[float], average: Sequence[float], rim: float, *, lowest: int, lag: int) -> float:
    """Return the logarithm of the rate in the middle of where the loss is below a rim."""
    first = next(i for i, value in enumerate(average) if value <= rim)
    # An explosion may come at once, and the average of a single step never leave the rim.
    last = next((i for i in range(lowest, len(average)) if average[i] > rim), len(average) - 1)
    return 0.5 * (math.log(lr[max(first - lag, 0)]) + math.log(lr[max(last - lag, 0)]))


def _steep(lr: Sequence[float], average: Sequence[float], lowest: int) -> float:
    """Return the rate at the middle of the steepest of the two-step stretches before the lowest point."""
    inner = range(min(SKIPPED, lowest), max(lowest, min(SKIPPED, lowest) + 1))
    slopes = {
        i: (average[i + 1] - average[i - 1]) / math.log(lr[i + 1] / lr[i - 1])
        for i in inner
        if 0 < i < len(average) - 1
    }
    return lr[min(slopes, key=slopes.__getitem__)] if slopes else lr[lowest]
