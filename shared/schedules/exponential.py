"""Exponential decay, smooth or in stairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.lengths import ONE_EPOCH, Span
from shared.schedules.phase import About, Advice, Corners, Recurrence, ScaledPhase, late_stairs

SMOOTH = "η₀·γ^(t/d)"
STAIRS = "η₀·γ^⌊t/d⌋"


class Exponential(ScaledPhase):
    """S(t) = η₀·γ^(t/d); with `staircase` η₀·γ^⌊t/d⌋, held for d steps each.

    Boundary values: S(0) = η₀; S(d) = γη₀.
    """

    about: ClassVar[About] = About(
        purpose="Shrink the rate by the same factor γ in every epoch, or every d steps.",
        formula=f"{SMOOTH}; staircase: {STAIRS}",
        latex=r"\eta_0\,\gamma^{t/d}\quad\text{or}\quad\eta_0\,\gamma^{\lfloor t/d\rfloor}",
        symbols={"η₀": "lr", "γ": "gamma", "d": "decay_steps, by default 1ep"},
        example={"name": "exponential", "base_lr": 0.01, "gamma": 0.9},
        boundaries=(("t = 0", "η₀"), ("t = d", "γη₀"), ("t = d − 1, staircase", "η₀")),
        sources=(
            "torch.optim.lr_scheduler.ExponentialLR (d = one call of step())",
            "keras.optimizers.schedules.ExponentialDecay",
        ),
    )

    name: Literal["exponential"]
    gamma: Annotated[float, Field(gt=0.0, le=1.0)]
    decay_steps: Span = ONE_EPOCH
    staircase: bool = False

    def form(self) -> str:
        """Return which of the two forms this is."""
        return STAIRS if self.staircase else SMOOTH

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield a warning when stairs never come."""
        del total_steps
        if self.staircase:
            yield from late_stairs(self.decay_steps.steps, self.steps)

    def lr_at(self, t: int) -> float:
        """Return η₀·γ^(t/d), or with t/d rounded down."""
        d = self.decay_steps.steps
        return self.eta0 * float(self.gamma ** (t // d if self.staircase else t / d))

    def corners(self) -> tuple[Corners, ...]:
        """Return every stair; none of the smooth form."""
        d = self.decay_steps.steps
        return (Corners(range(d, self.steps, d), "drop"),) if self.staircase else ()

    def recurrence(self) -> Recurrence:
        """Return d, after which the curve is γ of itself in both forms."""
        return Recurrence(self.decay_steps.steps, 0.0, self.gamma)
