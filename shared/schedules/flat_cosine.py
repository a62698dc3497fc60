"""Hold the rate, then half a cosine to the floor."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.floor import FlooredPhase
from shared.schedules.phase import About, Corners


class FlatCosine(FlooredPhase):
    """S(t) = η₀ for t < pN, then η_m + ½(η₀−η_m)(1 + cos(π(t−pN)/(N−pN))).

    Boundary values: S(pN) = η₀; S(N) = η_m.
    """

    about: ClassVar[About] = About(
        purpose="Hold a rate that works and anneal it at the end; made for fine-tuning and tables.",
        formula="z < p: η₀; else η_m + ½(η₀−η_m)(1 + cos(π(z−p)/(1−p))), z = t/N",
        latex=r"\eta_m+\tfrac12(\eta_0-\eta_m)\left(1+\cos\frac{\pi(z-p)}{1-p}\right),\quad z=t/N\ge p",
        symbols={"η₀": "lr", "η_m": "eta_min", "p": "pct_start", "N": "steps of the phase"},
        example={"name": "flat_cosine", "base_lr": 0.01, "pct_start": 0.75},
        boundaries=(("t ≤ pN", "η₀"), ("t = N(1+p)/2", "½(η₀+η_m)"), ("t = N", "η_m")),
        sources=("fastai fit_flat_cos (p = 0.75)", "Holzmüller et al., arXiv 2407.04491 (RealMLP)"),
    )

    name: Literal["flat_cosine"]
    pct_start: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5

    @property
    def flat(self) -> float:
        """Steps pN of a resolved phase that are flat; it need not be whole."""
        return self.pct_start * self.steps

    def fall(self) -> tuple[str, int]:
        """Return how long the phase falls."""
        return "pct_start", math.floor(self.steps - self.flat)

    def lr_at(self, t: int) -> float:
        """Return η₀ while flat, then the cosine; the floor from N on."""
        flat = self.flat
        if t < flat:
            return self.eta0
        if t >= self.steps:
            return self.eta_min
        q = (t - flat) / (self.steps - flat)
        return self.eta_min + 0.5 * (self.eta0 - self.eta_min) * (1.0 + math.cos(math.pi * q))

    def corners(self) -> tuple[Corners, ...]:
        """Return the step from which the rate falls."""
        first = math.ceil(self.flat)
        return (Corners(range(first, self.steps)[: first > 0], "decay begins"),)
