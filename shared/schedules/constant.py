"""The constant learning rate."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.schedules.phase import About, ScaledPhase


class Constant(ScaledPhase):
    """S(t) = η₀.

    Boundary values: η₀ everywhere.
    """

    about: ClassVar[About] = About(
        purpose="One learning rate throughout: the yardstick for every other schedule.",
        formula="η₀",
        latex=r"\eta_0",
        symbols={"η₀": "lr"},
        example={"name": "constant", "base_lr": 0.001},
        boundaries=(("everywhere", "η₀"),),
    )

    name: Literal["constant"]

    def lr_at(self, t: int) -> float:
        """Return η₀."""
        del t
        return self.eta0
