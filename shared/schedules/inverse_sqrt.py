"""Decay as one over the square root of the time, without an end in mind."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

from shared.schedules.lengths import Length, Span
from shared.schedules.phase import About, Place, ScaledPhase

WITHOUT_WARM_UP = 10_000
"""Steps of τ where nothing else says it, as in T5 (arXiv 1910.10683)."""


class InverseSqrt(ScaledPhase):
    """S(t) = η₀·√(τ/(t+τ)); τ is by default the steps of the warm-up before it, and 10,000 without one.

    With a linear warm-up of τ steps it is Noam's schedule, whose peak and shape it keeps.

    Boundary values: S(0) = η₀; S(3τ) = η₀/2; never 0.
    """

    about: ClassVar[About] = About(
        purpose="Fall ever more slowly, with no end planned: training may go on for as long as it pays.",
        formula="η₀·√(τ/(t+τ))",
        latex=r"\eta_0\sqrt{\tau/(t+\tau)}",
        symbols={"η₀": "lr", "τ": "timescale, by default the steps of the warm-up before it, else 10,000"},
        example={
            "base_lr": 0.002,
            "phases": [
                {"name": "linear", "duration": "10%", "start_factor": 0.01},
                {"name": "inverse_sqrt", "duration": "rest"},
            ],
        },
        boundaries=(("t = 0", "η₀"), ("t = 3τ", "η₀/2"), ("always", "above 0")),
        sources=(
            "Vaswani et al., arXiv 1706.03762 (Noam)",
            "Zhai et al., arXiv 2106.04560",
            "transformers.get_inverse_sqrt_schedule",
        ),
    )

    name: Literal["inverse_sqrt"]
    timescale: Span | None = None

    def settled(self, place: Place) -> Self:
        """Return the resolved phase; τ defaults to the warm-up before it."""
        phase = super().settled(place)
        if phase.timescale is not None:
            return phase
        return phase.model_copy(update={"timescale": Length.of_steps(place.warm_up or WITHOUT_WARM_UP)})

    def lr_at(self, t: int) -> float:
        """Return η₀·√(τ/(t+τ))."""
        tau: int = self.timescale.steps  # type: ignore[union-attr]  # settled() fills it in
        return self.eta0 * math.sqrt(tau / (t + tau))
