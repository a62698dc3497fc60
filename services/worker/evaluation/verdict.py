"""Who won: a candidate beats another only if the interval of their paired difference excludes 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from services.worker.evaluation.bootstrap import Interval, interval
from shared.scores import higher_is_better

Floats = npt.NDArray[np.float64]
Role = Literal["net", "baseline"]

SPOKEN = {
    "ease": "EASE",
    "logistic_regression": "logistic regression",
    "boosted_trees": "boosted trees",
    "damped_means": "damped means",
}


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate's main metric: its value, and over the resamples [R] shared by all candidates."""

    name: str
    role: Role
    value: float
    samples: Floats


@dataclass(frozen=True, slots=True)
class Difference:
    """`first` minus `second` in one metric; the interval is paired."""

    first: str
    second: str
    value: float
    interval: Interval | None

    @property
    def decided(self) -> bool:
        """Say whether the difference is told apart from 0."""
        return self.interval is not None and self.interval.excludes(0.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The winner, none on a tie, and one sentence that says so."""

    winner: str | None
    sentence: str


def difference(first: Scored, second: Scored) -> Difference:
    """Return the paired difference of two candidates."""
    return Difference(
        first.name, second.name, first.value - second.value, interval(first.samples - second.samples)
    )


def judge(candidates: Sequence[Scored], *, metric: str, missing: Mapping[str, str]) -> Verdict:
    """Say which candidate won on `metric`; `missing` gives the reason of every one without a value."""
    shown = metric.upper()
    net = next((c for c in candidates if c.role == "net"), None)
    if net is None:
        return Verdict(None, f"Nobody won: the test part gives the net no {shown}.")
    if len(candidates) == 1:
        reasons = "; ".join(f"{_spoken(name)}: {reason}" for name, reason in missing.items())
        return Verdict(
            None, f"Nothing to compare the net {net.name} with ({reasons or 'no baseline was asked for'})."
        )
    sign = 1.0 if higher_is_better(metric) else -1.0
    ranked = sorted(candidates, key=lambda c: (-sign * c.value, c.role != "net"))
    best = ranked[0]
    level = [other for other in ranked[1:] if not difference(best, other).decided]
    if level:
        return Verdict(None, _tie(best, level, net, shown))
    return Verdict(best.name, _win(best, net if best is not net else ranked[1], shown))


def _win(best: Scored, other: Scored, metric: str) -> str:
    found = difference(best, other)
    if best.role == "net":
        who = f"The net {best.name} won: {metric} {best.value:.4f} against {other.value:.4f}"
        return f"{who} of {_spoken(other.name)}, the next best; {_told(found)}."
    who = f"The baseline {_spoken(best.name)} won: {metric} {best.value:.4f} against {other.value:.4f}"
    return f"{who} of the net {other.name}; {_told(found)}."


def _tie(best: Scored, level: list[Scored], net: Scored, metric: str) -> str:
    tied = [best, *level]
    if net not in tied:
        names = _listed([f"{_spoken(c.name)} ({c.value:.4f})" for c in tied])
        found = difference(net, best)
        behind = f"the net {net.name} ({net.value:.4f}) is behind {_spoken(best.name)}"
        return f"A tie of {names} in {metric}, and {behind}; {_told(found)}."
    other = level[0] if best is net else best
    names = _listed([f"{'the net ' if c is net else ''}{_spoken(c.name)} ({c.value:.4f})" for c in tied])
    return f"A tie: {names} cannot be told apart in {metric}; {_told(difference(net, other))}."


def _told(found: Difference) -> str:
    pair = f"{_spoken(found.first)} minus {_spoken(found.second)} is {found.value:+.4f}"
    if found.interval is None:
        return f"{pair}, and too few resamples define it for an interval"
    verb = "excludes" if found.decided else "includes"
    return f"{pair} (95 % interval {found.interval.low:+.4f} to {found.interval.high:+.4f}, which {verb} 0)"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _spoken(name: str) -> str:
    return SPOKEN.get(name, name)
