"""Exponential decay, smooth or in stairs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.phase import About, Recurrence
from shared.schedules.stairs import StairsPhase


class Exponential(StairsPhase):
    """S(t) = η₀·γ^(t/d); with `staircase` η₀·γ^⌊t/d⌋, held for d steps each.

    Boundary values: S(0) = η₀; S(d) = γη₀.
    """

    smooth: ClassVar[str] = "η₀·γ^(t/d)"
    stairs: ClassVar[str] = "η₀·γ^⌊t/d⌋"
    about: ClassVar[About] = About(
        purpose="Shrink the rate by the same factor γ in every epoch, or every d steps.",
        formula=f"{smooth}; staircase: {stairs}",
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

    def lr_at(self, t: int) -> float:
        """Return η₀·γ^(t/d), or with t/d rounded down."""
        return self.eta0 * float(self.gamma ** self.decays(t))

    def recurrence(self) -> Recurrence:
        """Return d, after which the curve is γ of itself in both forms."""
        return Recurrence(self.size, 0.0, self.gamma)
