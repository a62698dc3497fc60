"""Early stopping as a value: each evaluation gives a new one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from shared.scores import higher_is_better


@dataclass(frozen=True, slots=True)
class Stopping:
    """The best value of a metric so far, and for how many evaluations there was none better.

    `patience` none watches for the best without ever stopping.
    """

    monitor: str
    patience: int | None = None
    min_delta: float = 0.0
    best: float | None = None
    best_step: int | None = None
    bad: int = 0

    def __post_init__(self) -> None:
        higher_is_better(self.monitor)

    def observe(self, value: float, *, step: int) -> Self:
        """Return the state after an evaluation; a value that is not a number counts as not better."""
        if self._is_better(value):
            return replace(self, best=value, best_step=step, bad=0)
        return replace(self, bad=self.bad + 1)

    def _is_better(self, value: float) -> bool:
        if value != value:  # noqa: PLR0124  # NaN
            return False
        if self.best is None:
            return True
        gain = value - self.best if higher_is_better(self.monitor) else self.best - value
        return gain > self.min_delta

    def improved_at(self, step: int) -> bool:
        """Whether the evaluation at this step is the best so far."""
        return self.best_step == step

    @property
    def should_stop(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.bad >= self.patience

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a checkpoint; none is NaN or infinite."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Return the state that `to_json` gave."""
        return cls(**state)
