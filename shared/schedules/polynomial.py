"""Decay along a power of the time that is left; the straight line is power 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.lengths import Span
from shared.schedules.phase import (
    About,
    Advice,
    Corners,
    Fault,
    Place,
    Rate,
    ScaledPhase,
    below,
    short_decay,
)


class Polynomial(ScaledPhase):
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
    horizons: ClassVar[tuple[str, ...]] = ("total_iters",)

    name: Literal["polynomial"]
    power: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    total_iters: Span | None = None
    eta_min: Rate = 0.0
    k_decay: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0

    @property
    def horizon(self) -> int:
        """The decay n of a resolved phase, in steps."""
        return self.total_iters.steps  # type: ignore[union-attr]  # settled() fills it in

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        yield from below(self.eta_min, self.eta0, name="eta_min", ceiling_name="lr")

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        yield from short_decay(self.horizon, name="total_iters")

    def lr_at(self, t: int) -> float:
        """Return the power at t; the floor from n on."""
        n = self.horizon
        if t >= n:
            return self.eta_min
        left = float((1.0 - (t / n) ** self.k_decay) ** self.power)
        return self.eta_min + (self.eta0 - self.eta_min) * left

    def corners(self) -> tuple[Corners, ...]:
        """Return the step at which the floor is reached before the phase ends."""
        return (Corners(range(self.horizon, self.steps)[:1], "floor"),)
