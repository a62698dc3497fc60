"""Raise the rate while a metric keeps getting better, and lower it when it does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import fsum, isfinite
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.feedback.rules import Count, Factor, FeedbackParams, NotNegative, State
from shared.schedules.phase import About


class GreedyParams(FeedbackParams):
    """Divide M by `factor` after a streak of better evaluations, multiply it by it after a bad one."""

    about: ClassVar[About] = About(
        purpose="Raise the rate while a validation metric keeps improving, lower it while it does not.",
        formula="good streak > patience: M ← min(M/factor, max_factor); bad streak > patience: "
        "M ← max(M·factor, min_factor)",
        latex=r"M \leftarrow \min(M/f,\, M_{max}) \text{ or } \max(M\cdot f,\, M_{min})",
        symbols={
            "M": "the multiplier of the planned rate",
            "f": "factor",
            "M_min": "min_factor",
            "M_max": "max_factor",
        },
        example={
            "name": "constant",
            "base_lr": 0.005,
            "feedback": {"name": "greedy", "monitor": "val_loss", "factor": 0.8, "patience": 1},
        },
        boundaries=(
            ("before any evaluation", "M = 1"),
            (
                "patience 2, factor ½, max_factor 4, a metric that keeps improving",
                "M = 1 1 2 2 2 4 4 4 after each",
            ),
            ("reset_start refused reductions at min_factor", "M = 1 and everything forgotten"),
        ),
        sources=("GreedyLR, arXiv 2512.14527 (one group's results: unproven elsewhere)",),
    )

    name: Literal["greedy"]
    factor: Factor = 0.95
    threshold: NotNegative = 1e-6
    warmup: Count = 0
    """Evaluations not judged after M was raised."""
    min_factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01
    max_factor: Annotated[float, Field(ge=1.0, le=1e6)] = 10.0
    smooth: bool = False
    """Judge the mean of the last `window_size` values in place of each value."""
    window_size: Annotated[int, Field(ge=1, le=1000)] = 50
    reset_start: Annotated[int, Field(ge=1, le=1_000_000)] = 500


@dataclass(frozen=True, slots=True)
class Greedy:
    """A greedy controller between two evaluations."""

    params: GreedyParams
    best: float | None = None
    good: int = 0
    bad: int = 0
    resting: int = 0
    """Evaluations still not to be judged."""
    refused: int = 0
    """Reductions that ended at the floor since M was last raised."""
    window: tuple[float, ...] = ()

    def observe(self, value: float, *, multiplier: float) -> tuple[Greedy, float | None]:
        """Return the next controller and the new M, none when it stays; what is no number is skipped."""
        if not isfinite(value):
            return self, None
        seen, judged = _smoothed(self, value)
        if seen.resting:
            return replace(seen, resting=seen.resting - 1, good=0, bad=0), None
        seen = _judged(seen, judged)
        if seen.good > self.params.patience:
            return _raised(seen, multiplier)
        if seen.bad > self.params.patience:
            return _lowered(seen, multiplier)
        return seen, None

    def to_json(self) -> State:
        """Return the state as plain JSON values."""
        return {
            "best": self.best,
            "good": self.good,
            "bad": self.bad,
            "resting": self.resting,
            "refused": self.refused,
            "window": list(self.window),
        }

    @classmethod
    def from_json(cls, params: GreedyParams, state: State) -> Greedy:
        """Return the controller that `to_json` gave, under these settings."""
        return cls(params, **{**state, "window": tuple(state["window"])})


def _smoothed(greedy: Greedy, value: float) -> tuple[Greedy, float]:
    if not greedy.params.smooth:
        return greedy, value
    window = (*greedy.window, value)[-greedy.params.window_size :]
    return replace(greedy, window=window), fsum(window) / len(window)


def _judged(greedy: Greedy, value: float) -> Greedy:
    if greedy.params.is_better(value, greedy.best):
        return replace(greedy, best=value, good=greedy.good + 1, bad=0)
    return replace(greedy, good=0, bad=greedy.bad + 1)


def _raised(greedy: Greedy, multiplier: float) -> tuple[Greedy, float | None]:
    params = greedy.params
    new = min(multiplier / params.factor, params.max_factor)
    rested = replace(greedy, good=0, resting=params.warmup, refused=0)
    return rested, new if new - multiplier > params.eps else None


def _lowered(greedy: Greedy, multiplier: float) -> tuple[Greedy, float | None]:
    """Return what follows a bad streak: a lower M, or at the floor, in the end, the very start again."""
    params = greedy.params
    new = params.lowered(multiplier)
    rested = replace(greedy, bad=0, resting=params.cooldown)
    if (multiplier if new is None else new) > params.min_factor:
        return rested, new
    if greedy.refused + 1 < params.reset_start:
        return replace(rested, refused=greedy.refused + 1), new
    return Greedy(params, resting=params.cooldown), None if multiplier == 1.0 else 1.0
