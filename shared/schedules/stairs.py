"""What the phases share that go down in stairs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

from shared.schedules.lengths import Span, span
from shared.schedules.phase import Advice, Corners, ScaledPhase


class StairsPhase(ScaledPhase):
    """A phase that decays with t/d, d its `decay_steps`, or as a `staircase` with ⌊t/d⌋, d steps a stair."""

    smooth: ClassVar[str]
    """Its formula."""
    stairs: ClassVar[str]
    """Its formula as a staircase."""

    decay_steps: Span = span("1ep")
    staircase: bool = False

    @cached_property
    def size(self) -> int:
        """The steps d of a resolved phase."""
        return self.decay_steps.steps

    def decays(self, t: int) -> float:
        """Return t/d; as a staircase the whole ones only."""
        return t // self.size if self.staircase else t / self.size

    def form(self) -> str:
        """Return which of the two forms this is."""
        return self.stairs if self.staircase else self.smooth

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield a warning when stairs never come."""
        del total_steps
        if self.staircase:
            yield from late_drop(self.size, steps=self.steps, name="decay_steps")

    def corners(self) -> tuple[Corners, ...]:
        """Return every stair; none of the smooth form."""
        return (Corners(range(self.size, self.steps, self.size), "drop"),) if self.staircase else ()


def late_drop(first: int, *, steps: int, name: str) -> Iterator[Advice]:
    """Yield a warning when the first drop lies beyond a phase of so many steps."""
    if first >= steps:
        yield Advice("beyond_phase", name, f"the first drop is at step {first} of a phase of {steps}")
