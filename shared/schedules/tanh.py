"""Decay along a hyperbolic tangent: flat, a slope, flat."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.floor import FlooredPhase
from shared.schedules.phase import About, Fault, Place

Bound = Annotated[float, Field(ge=-100.0, le=100.0)]


class Tanh(FlooredPhase):
    """S(t) = η_m + ½(η₀−η_m)(1 − tanh(lb(1−z) + ub·z)), z = t/N, and η_m from N on.

    Boundary values for lb = −7, ub = 3: S(0) = (1−8e-7)η₀; just before the cut to η_m = 0 it is .0025 η₀.
    """

    about: ClassVar[About] = About(
        purpose="Hold, fall in one smooth slope, and hold low: lb and ub say how long each lasts.",
        formula="η_m + ½(η₀−η_m)(1 − tanh(lb(1−z) + ub·z)), z = t/N < 1; else η_m",
        latex=r"\eta_m+\tfrac12(\eta_0-\eta_m)\left(1-\tanh(l(1-z)+uz)\right)",
        symbols={
            "η₀": "lr",
            "η_m": "eta_min",
            "lb": "lb",
            "ub": "ub",
            "z": "share of the phase that is over",
        },
        example={"name": "tanh", "base_lr": 0.01},
        boundaries=(
            ("t = 0", "(1−8e-7)η₀ for lb = −7"),
            ("lb(1−z) + ub·z = 0", "½(η₀+η_m)"),
            ("t ≥ N", "η_m"),
        ),
        sources=("Hsueh, Li & Wu, arXiv 1806.01593", "timm.scheduler.TanhLRScheduler"),
    )

    name: Literal["tanh"]
    lb: Bound = -7.0
    ub: Bound = 3.0

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        if self.lb >= self.ub:
            yield Fault("lb", "must lie below ub, or the rate would not fall; lower it or raise ub")

    def lr_at(self, t: int) -> float:
        """Return the tangent at t; the floor from N on."""
        if t >= self.steps:
            return self.eta_min
        z = t / self.steps
        fallen = math.tanh(self.lb * (1.0 - z) + self.ub * z)
        return self.eta_min + 0.5 * (self.eta0 - self.eta_min) * (1.0 - fallen)
