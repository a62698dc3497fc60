"""What a few seeds say about schedules: means with their intervals, and which differences are noise.

Equal seeds share initial weights, the order of the batches and the negatives, so values are paired by seed:
what a seed does to all schedules cancels (Bouthillier et al. 2021, arXiv 2103.03098). Every schedule is held
against the one with the best mean, by Student's t with Bonferroni's level for k − 1 comparisons; the one that
is best in truth is then called behind with at most about 5 % probability (Hsu 1981, Ann. Statist. 9,
1026–1034). The noise of a difference is the larger of two: its own over the seeds, and that of all schedules
together, as in randomised blocks (Fisher 1935). Its own alone rests on a handful of seeds and tells nothing
apart; the common one alone is too small for a schedule that is noisier than the rest. With one seed there
is no interval, and nothing is decided.
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


def t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean, none with fewer than two values."""
    if len(values) < 2:
        return None
    half = t_quantile(LEVEL, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
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


def differences(arms: Sequence[Sequence[float]], *, leader: int) -> list[Difference | None]:
    """Return each schedule minus the leader, none for itself; values stand in one order of seeds for all.

    The intervals are wide enough for all of them to hold together with 95 % probability.
    """
    schedules, seeds = len(arms), len(arms[leader])
    if schedules < 2:
        return [None] * schedules
    freedom = (schedules - 1) * (seeds - 1)
    t = t_quantile(1.0 - (1.0 - LEVEL) / (schedules - 1), freedom) if freedom else math.inf
    common = common_variance(arms) if freedom else math.inf
    return [
        None if index == leader else _difference(arm, arms[leader], common=common, t=t)
        for index, arm in enumerate(arms)
    ]


def common_variance(arms: Sequence[Sequence[float]]) -> float:
    """Return the variance of a difference of two schedules with one seed, from all schedules and seeds.

    Twice the mean square of what neither the schedule nor the seed explains.
    """
    schedule_means = [statistics.fmean(arm) for arm in arms]
    seed_means = [statistics.fmean(values) for values in zip(*arms, strict=True)]
    whole = statistics.fmean(schedule_means)
    left = (
        value - mean - seed_mean + whole
        for arm, mean in zip(arms, schedule_means, strict=True)
        for value, seed_mean in zip(arm, seed_means, strict=True)
    )
    return 2.0 * math.fsum(r * r for r in left) / ((len(arms) - 1) * (len(seed_means) - 1))


def _difference(arm: Sequence[float], leader: Sequence[float], *, common: float, t: float) -> Difference:
    found = [value - best for value, best in zip(arm, leader, strict=True)]
    mean = statistics.fmean(found)
    if len(found) < 2:
        return Difference(len(found), mean, None)
    half = t * math.sqrt(max(common, statistics.variance(found)) / len(found))
    return Difference(len(found), mean, (mean - half, mean + half))
