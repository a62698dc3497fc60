"""Decay along a power of the time that is left; the straight line is power 1."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.floor import FlooredPhase
from shared.schedules.horizon import HorizonPhase
from shared.schedules.lengths import Span
from shared.schedules.phase import About


class Polynomial(FlooredPhase, HorizonPhase):
    """S(t) = η_m + (η₀−η_m)(1 − (min(t,n)/n)^k)^p.

    Boundary values: S(0) = η₀; S(n/2) = ½(η₀+η_m) for p = k = 1; S(n) = η_m, then held.
    """

    about: ClassVar[About] = About(
        purpose="Fall to a floor over the budget; in a straight line with power 1, the safest first choice.",
        formula="η_m + (η₀−η_m)(1 − (min(t,n)/n)^k)^p",
        latex=r"\eta_m+(\eta_0-\eta_m)\left(1-(\min(t,n)/n)^k\right)^p",
        symbols={
            "η₀": "lr",
            "η_m": "eta_min",
            "n": "total_iters, by default the phase",
            "p": "power",
            "k": "k_decay",
        },
        example={"name": "polynomial", "base_lr": 0.01, "power": 1.0},
        boundaries=(("t = 0", "η₀"), ("t = n/2, p = k = 1", "½(η₀+η_m)"), ("t ≥ n", "η_m")),
        sources=(
            "torch.optim.lr_scheduler.PolynomialLR (η_m = 0)",
            "p = 1 over the budget: Li et al., arXiv 1905.04753; Defazio et al., arXiv 2310.07831",
            "k: Zhang & Li, arXiv 2004.05909",
        ),
    )
    horizon_name: ClassVar[str] = "total_iters"

    name: Literal["polynomial"]
    power: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    total_iters: Span | None = None
    k_decay: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0

    def fall(self) -> tuple[str, int]:
        """Return how long the phase falls."""
        return "total_iters", self.horizon

    def lr_at(self, t: int) -> float:
        """Return the power at t; the floor from n on."""
        n = self.horizon
        if t >= n:
            return self.eta_min
        left = float((1.0 - (t / n) ** self.k_decay) ** self.power)
        return self.eta_min + (self.eta0 - self.eta_min) * left
