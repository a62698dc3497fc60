"""What a few seeds say about schedules: means with their intervals, and which differences are noise.

Values of two schedules are paired by seed: equal seeds share initial weights, the order of the batches and
the negatives, so their differences vary less than the values do (Bouthillier et al. 2021, arXiv
2103.03098). Every schedule is held against the one with the best mean, with Bonferroni's intervals for
k − 1 comparisons: the schedule that is best in truth is then called behind with at most 5 % probability
(Hsu 1981, Ann. Statist. 9, 1026–1034). With one seed there is no interval, and nothing is decided.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.95
HALVINGS = 200
ByNumber = Mapping[int, float]
"""A value for each seed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Values over seeds: their mean, sample standard deviation, and the interval of Student's t."""

    count: int
    mean: float
    sd: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A schedule minus the leading one, paired by seed; without two pairs there is no interval."""

    pairs: int
    value: float
    interval: tuple[float, float] | None

    @property
    def tie(self) -> bool:
        """Whether the difference may be noise: no interval, or one that holds 0."""
        return self.interval is None or self.interval[0] <= 0.0 <= self.interval[1]


def t_inside(t: float, freedom: int) -> float:
    """Return P(|T| ≤ t) of Student's t with a whole number of degrees of freedom (A&S 1964, 26.7.3–4)."""
    angle = math.atan(t / math.sqrt(freedom))
    term, total = (math.cos(angle) if freedom % 2 else 1.0), 0.0
    for power in range(freedom % 2, freedom - 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (power + 1) / (power + 2)
    if freedom % 2 == 0:
        return math.sin(angle) * total
    return 2.0 / math.pi * (angle + math.sin(angle) * total)


def t_quantile(level: float, freedom: int) -> float:
    """Return the t with P(|T| ≤ t) = `level`, 0 < level < 1: 4.303 for 0.95 and 2 degrees of freedom."""
    low, high = 0.0, math.pi / 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if t_inside(math.sqrt(freedom) * math.tan(middle), freedom) < level:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def t_interval(values: Sequence[float], *, level: float = LEVEL) -> tuple[float, float] | None:
    """Return the interval of the mean, none with fewer than two values."""
    if len(values) < 2:
        return None
    half = t_quantile(level, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return mean - half, mean + half


def summary(values: Sequence[float]) -> Summary | None:
    """Return the figures of values over seeds, none without a value."""
    if not values:
        return None
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Summary(len(values), statistics.fmean(values), sd, t_interval(values))


def leading(arms: Sequence[ByNumber], *, seeds: Sequence[int], higher_is_better: bool) -> int | None:
    """Return which schedule has the best mean among those with a value for every seed; the first on a tie."""
    sign = 1.0 if higher_is_better else -1.0
    whole = [index for index, values in enumerate(arms) if all(seed in values for seed in seeds)]
    return max(whole, key=lambda i: sign * statistics.fmean(arms[i].values()), default=None)


def difference(arm: ByNumber, leader: ByNumber, *, comparisons: int) -> Difference | None:
    """Return a schedule minus the leader over the seeds both have, none without one in common.

    The interval is wide enough for `comparisons` of them to hold together with 95 % probability.
    """
    differences = [value - leader[seed] for seed, value in arm.items() if seed in leader]
    if not differences:
        return None
    level = 1.0 - (1.0 - LEVEL) / comparisons
    return Difference(len(differences), statistics.fmean(differences), t_interval(differences, level=level))
