"""Half a cosine from the peak to the floor."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.floor import FlooredPhase
from shared.schedules.horizon import HorizonPhase
from shared.schedules.lengths import Span
from shared.schedules.phase import About


class Cosine(FlooredPhase, HorizonPhase):
    """S(t) = η_m + ½(η₀−η_m)(1 + cos(π·(min(t,T_max)/T_max)^k)), held after T_max (torch's rises again).

    Boundary values: S(0) = η₀; S(T_max/2) = ½(η₀+η_m) for k = 1; S(T_max) = η_m.
    """

    about: ClassVar[About] = About(
        purpose="Fall slowly, then fast, then slowly to a floor, over the whole phase.",
        formula="η_m + ½(η₀−η_m)(1 + cos(π·(min(t,T_max)/T_max)^k))",
        latex=r"\eta_m+\tfrac12(\eta_0-\eta_m)\left(1+\cos\left(\pi(\min(t,T_{max})/T_{max})^k\right)\right)",
        symbols={"η₀": "lr", "η_m": "eta_min", "T_max": "T_max, by default the phase", "k": "k_decay"},
        example={"name": "cosine", "base_lr": 0.01, "eta_min": 0.0001},
        boundaries=(("t = 0", "η₀"), ("t = T_max/2, k = 1", "½(η₀+η_m)"), ("t ≥ T_max", "η_m")),
        sources=("Loshchilov & Hutter, arXiv 1608.03983", "k: arXiv 2004.05909"),
    )
    horizon_name: ClassVar[str] = "T_max"

    name: Literal["cosine"]
    T_max: Span | None = None
    k_decay: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0

    def fall(self) -> tuple[str, int]:
        """Return how long the phase falls."""
        return "T_max", self.horizon

    def lr_at(self, t: int) -> float:
        """Return the cosine at t; the floor from T_max on."""
        horizon = self.horizon
        if t >= horizon:
            return self.eta_min
        z = (t / horizon) ** self.k_decay
        return self.eta_min + 0.5 * (self.eta0 - self.eta_min) * (1.0 + math.cos(math.pi * z))
