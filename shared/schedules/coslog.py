"""Cycles that grow in length: fast ones at first, one over half the run at the end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from shared.schedules.phase import About, Advice, Corners, Fault, Place, ScaledPhase


class Coslog(ScaledPhase):
    """S(t) = η₀·½(1 − cos(2π·log₂(1 + (2ⁿ−1)z))), z = min(t/N, 1): n cycles, each twice as long.

    `coslog4` is another name for n = 4.

    Boundary values: 0 where z = (2^j−1)/(2ⁿ−1), for n = 4 at 0, 1/15, 3/15, 7/15, 1; η₀ where
    z = (2^(j+½)−1)/(2ⁿ−1), for n = 4 at .0276, .1219, .3105, .6876; mean .494 η₀ for n = 4.
    """

    about: ClassVar[About] = About(
        purpose="Cycles that double in length and end at 0: the default of strong nets for tables.",
        formula="η₀·½(1 − cos(2π·log₂(1 + (2ⁿ−1)z))), z = min(t/N, 1)",
        latex=r"\eta_0\,\tfrac12\left(1-\cos\left(2\pi\log_2(1+(2^n-1)z)\right)\right)",
        symbols={"η₀": "lr", "n": "n_cycles", "z": "share of the phase that is over", "N": "its steps"},
        example={"name": "coslog", "base_lr": 0.01, "n_cycles": 4},
        boundaries=(
            ("z = (2^j−1)/(2ⁿ−1), j = 0 … n", "0"),
            ("z = (2^(j+½)−1)/(2ⁿ−1), j = 0 … n−1", "η₀"),
        ),
        sources=("Holzmüller et al., arXiv 2407.04491 (RealMLP)", "OHDSI DeepPatientLevelPrediction"),
    )

    name: Literal["coslog", "coslog4"]
    n_cycles: Annotated[int, Field(ge=1, le=30)] = 4

    def settled(self, place: Place) -> Self:
        """Return the resolved phase under its own name."""
        phase = super().settled(place)
        return phase.model_copy(update={"name": "coslog"}) if phase.n_cycles == 4 else phase

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        if self.name == "coslog4":
            yield Fault("n_cycles", "coslog4 has 4 cycles; leave n_cycles out, or write coslog")

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield a warning when the first cycle is too short to be followed."""
        yield from super().advice(total_steps=total_steps)
        first = self.steps / (2**self.n_cycles - 1)
        if first < 4.0:
            message = f"the first of {self.n_cycles} cycles lasts {first:.2g} steps; ask for fewer cycles"
            yield Advice("short_cycle", "n_cycles", message)

    def lr_at(self, t: int) -> float:
        """Return the curve at t; 0 from N on."""
        n = self.n_cycles
        turns = math.log2(1.0 + (2**n - 1) * t / self.steps) if t < self.steps else float(n)
        return self.eta0 * 0.5 * (1.0 - math.cos(2.0 * math.pi * turns))

    def corners(self) -> tuple[Corners, ...]:
        """Return the steps around every trough and every peak."""
        n = self.n_cycles
        return (
            Corners(self._around(range(1, n)), "trough", tame=False),
            Corners(self._around(j + 0.5 for j in range(n)), "peak", tame=False),
        )

    def _around(self, turns: Iterable[float]) -> tuple[int, ...]:
        """Return the steps inside the phase next to those after so many turns, ascending."""
        places = [self.steps * (2.0**turn - 1.0) / (2**self.n_cycles - 1) for turn in turns]
        steps = {whole for at in places for whole in (math.floor(at), math.ceil(at))}
        return tuple(sorted(step for step in steps if 0 < step < self.steps))
