"""Decay as one over the time, smooth or in stairs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.phase import About
from shared.schedules.quadrature import sum_below
from shared.schedules.stairs import StairsPhase


class InverseTime(StairsPhase):
    """S(t) = η₀/(1 + r·t/d); with `staircase` η₀/(1 + r·⌊t/d⌋), held for d steps each.

    Boundary values: S(0) = η₀; S(d) = η₀/(1+r); S(d/r) = η₀/2.
    """

    smooth: ClassVar[str] = "η₀/(1 + r·t/d)"
    stairs: ClassVar[str] = "η₀/(1 + r·⌊t/d⌋)"
    about: ClassVar[About] = About(
        purpose="Fall fast at first and ever slower after, as the theory of stochastic approximation asks.",
        formula=f"{smooth}; staircase: {stairs}",
        latex=r"\frac{\eta_0}{1+r\,t/d}\quad\text{or}\quad\frac{\eta_0}{1+r\,\lfloor t/d\rfloor}",
        symbols={"η₀": "lr", "r": "decay_rate", "d": "decay_steps, by default 1ep"},
        example={"name": "inverse_time", "base_lr": 0.05, "decay_rate": 0.5, "decay_steps": "1ep"},
        boundaries=(("t = 0", "η₀"), ("t = d", "η₀/(1+r)"), ("t = d/r, smooth", "η₀/2")),
        sources=(
            "keras.optimizers.schedules.InverseTimeDecay",
            "Robbins & Monro, Annals of Mathematical Statistics 22 (1951)",
        ),
    )

    name: Literal["inverse_time"]
    decay_rate: Annotated[float, Field(gt=0.0, le=1e6)]

    def lr_at(self, t: int) -> float:
        """Return η₀/(1 + r·t/d), or with t/d rounded down."""
        return self.eta0 / (1.0 + self.decay_rate * self.decays(t))

    def total(self) -> float | None:
        """Return the sum of stairs, which may be as many as the steps: each holds d of them."""
        if not self.staircase:
            return None
        d = self.size
        whole, rest = divmod(self.steps, d)
        return d * sum_below(whole, lambda k: self.lr_at(k * d)) + rest * self.lr_at(whole * d)
