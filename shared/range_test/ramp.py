"""The rates of a range test, and the smoothed loss that ends it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Spacing = Literal["exponential", "linear"]


def rates(lo: float, hi: float, *, steps: int, spacing: Spacing = "exponential") -> list[float]:
    """Return `steps` ≥ 2 rates from lo to hi: lo·(hi/lo)^(i/(n−1)), or as far apart as each other."""
    last = steps - 1
    if spacing == "linear":
        inner = [lo + (hi - lo) * (i / last) for i in range(1, last)]
    else:
        inner = [lo * (hi / lo) ** (i / last) for i in range(1, last)]
    return [lo, *inner, hi]


@dataclass(slots=True)
class Average:
    """An exponential moving average that is corrected for beginning at nothing: a/(1 − βⁿ)."""

    smoothing: float
    _sum: float = 0.0
    _weight: float = 1.0

    def add(self, value: float) -> float:
        """Return the average with one more value."""
        self._sum = self.smoothing * self._sum + (1.0 - self.smoothing) * value
        self._weight *= self.smoothing
        return self._sum / (1.0 - self._weight)


def smoothed(losses: Sequence[float], smoothing: float) -> list[float]:
    """Return the average after each loss; from the first that is not finite on it is none of them either."""
    average = Average(smoothing)
    return [average.add(loss) for loss in losses]


@dataclass(slots=True)
class Watch:
    """Ends a test when the smoothed loss is `stop_at` times its lowest, or a loss is no finite number."""

    smoothing: float
    stop_at: float
    lowest: float = math.inf
    _average: Average = field(init=False)

    def __post_init__(self) -> None:
        self._average = Average(self.smoothing)

    def diverged(self, loss: float) -> bool:
        """Take the next loss; return whether the test is over."""
        if not math.isfinite(loss):
            return True
        now = self._average.add(loss)
        self.lowest = min(self.lowest, now)
        return now > self.stop_at * self.lowest
