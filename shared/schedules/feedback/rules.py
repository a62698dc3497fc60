"""What plateau and greedy share: the metric they watch, when a value is better, and how they lower M."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import Refused
from shared.schedules.phase import About, Fault
from shared.scores import has_relative_threshold, higher_is_better

Monitor = Annotated[str, Field(pattern=r"^[a-z_]+(@[0-9]+)?$", max_length=40)]
Factor = Annotated[float, Field(gt=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
NotNegative = Annotated[float, Field(ge=0.0)]


class FeedbackParams(BaseModel):
    """Settings of a controller. *Settled* ones have their mode filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    about: ClassVar[About]

    monitor: Monitor
    """The validation metric to watch."""
    mode: Literal["min", "max"] | None = None
    """Whether less or more is better; by default what the metric means."""
    factor: Factor
    patience: Count = 10
    """Evaluations in a row that change nothing yet; the next one changes M."""
    threshold: NotNegative
    threshold_mode: Literal["abs", "rel"] = "abs"
    """Whether `threshold` is in units of the metric or a share of the best value so far."""
    cooldown: Count = 0
    """Evaluations after M was lowered that do not count towards lowering it again."""
    min_factor: NotNegative
    """M is never lowered below this."""
    eps: NotNegative = 1e-8
    """A change of M that is not larger is left out; being one of M it is relative to the rate."""

    def settled(self) -> Self:
        """Return the settings with their mode written out. Raises `Refused` for a metric nobody knows."""
        wanted: Literal["min", "max"] = "max" if higher_is_better(self.monitor) else "min"
        return self.model_copy(update={"mode": self.mode or wanted})

    def faults(self) -> Iterator[Fault]:
        """Yield what makes these settings impossible."""
        try:
            relative = has_relative_threshold(self.monitor)
        except Refused as error:
            yield Fault("monitor", error.detail)
            return
        if self.threshold_mode == "rel" and not relative:
            message = f"{self.monitor} may be 0 or less, where a share of it is no threshold; write abs"
            yield Fault("threshold_mode", message)

    def is_better(self, value: float, best: float | None) -> bool:
        """Whether a value beats the best so far by more than the threshold; the first always does."""
        if best is None:
            return True
        margin = self.threshold if self.mode == "max" else -self.threshold
        bar = best * (1.0 + margin) if self.threshold_mode == "rel" else best + margin
        return value > bar if self.mode == "max" else value < bar

    def lowered(self, multiplier: float) -> float | None:
        """Return max(M·factor, min_factor), none when that changes M by no more than eps."""
        new = max(multiplier * self.factor, self.min_factor)
        return new if multiplier - new > self.eps else None


State = dict[str, Any]
