"""What the phases share that reach their end before the phase is over, where a client asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Self

from shared.schedules.lengths import Length
from shared.schedules.phase import Advice, Corners, Place, ScaledPhase


class HorizonPhase(ScaledPhase):
    """A phase that moves for n steps, its horizon, by default all of its own, and then holds its value."""

    horizon_name: ClassVar[str]
    """The field that says n."""
    reached: ClassVar[str] = "floor"
    """What the breakpoint at n is called."""

    @cached_property
    def horizon(self) -> int:
        """The horizon n of a resolved phase, in steps."""
        length: Length = getattr(self, self.horizon_name)
        return length.steps

    def settled(self, place: Place) -> Self:
        """Return the resolved phase; n defaults to the phase."""
        phase = super().settled(place)
        if getattr(phase, self.horizon_name) is not None:
            return phase
        return phase.model_copy(update={self.horizon_name: phase.duration})

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        n, name = self.horizon, self.horizon_name
        if n * 100 < total_steps and n < self.steps:
            message = f"{name} is {n} of {total_steps} steps; the rest runs at the held value"
            yield Advice("short_horizon", name, message)

    def corners(self) -> tuple[Corners, ...]:
        """Return the horizon where the phase goes on after it."""
        return (Corners(range(self.horizon, self.steps)[:1], self.reached),)
