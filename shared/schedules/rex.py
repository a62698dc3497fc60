"""The reflected exponential: nearly a line, bent so that it falls late."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.schedules.floor import FlooredPhase
from shared.schedules.phase import About


class Rex(FlooredPhase):
    """S(t) = η_m + (η₀−η_m)(1−z)/(1−z/2), z = min(t/N, 1).

    Boundary values: S(0) = η₀; S(N/2) = η_m + ⅔(η₀−η_m); S(N) = η_m; mean .614 η₀ for η_m = 0.
    """

    about: ClassVar[About] = About(
        purpose="Stay high for longer than a line and still end at the floor: strong on small budgets.",
        formula="η_m + (η₀−η_m)(1−z)/(1−z/2), z = min(t/N, 1)",
        latex=r"\eta_m+(\eta_0-\eta_m)\frac{1-z}{1-z/2}",
        symbols={"η₀": "lr", "η_m": "eta_min", "z": "share of the phase that is over", "N": "its steps"},
        example={"name": "rex", "base_lr": 0.01},
        boundaries=(("t = 0", "η₀"), ("t = N/2", "η_m + ⅔(η₀−η_m)"), ("t = N", "η_m")),
        sources=("Chen, Wolfe & Kyrillidis, arXiv 2107.04197",),
    )

    name: Literal["rex"]

    def lr_at(self, t: int) -> float:
        """Return the curve at t; the floor from N on."""
        z = min(t / self.steps, 1.0)
        return self.eta_min + (self.eta0 - self.eta_min) * (1.0 - z) / (1.0 - 0.5 * z)
