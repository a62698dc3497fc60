"""What the phases share that fall to a floor."""

from __future__ import annotations

from collections.abc import Iterator

from shared.schedules.phase import Advice, Fault, Place, Rate, ScaledPhase, below, short_decay


class FlooredPhase(ScaledPhase):
    """A phase that falls from η₀ to a floor η_m, its `eta_min`, which must not exceed η₀."""

    eta_min: Rate = 0.0

    def fall(self) -> tuple[str, int]:
        """Return how long a resolved phase falls: the field that says it, and the steps."""
        return "duration", self.steps

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        yield from below(self.eta_min, self.eta0, name="eta_min", ceiling_name="lr")

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        name, steps = self.fall()
        yield from short_decay(steps, name=name)
