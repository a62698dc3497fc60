"""Step decay, in both forms that go under the name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.lengths import Span, span
from shared.schedules.phase import About, Advice, Corners, Recurrence, ScaledPhase
from shared.schedules.stairs import late_drop

PLAIN = "η₀·γ^⌊t/s⌋"
SHIFTED = "η₀·γ^⌊(t+o)/s⌋"


class Step(ScaledPhase):
    """S(t) = η₀·γ^⌊(t+o)/s⌋.

    With o = 0 the first drop is at t = s (epochs 0–9 at η₀ for s = 10 epochs: torch `StepLR`, Keras
    `epoch // s`); with o = 1 epoch it is at t = s − 1 epoch (⌊(1+epoch)/s⌋: epochs 0–8). Since
    ⌊(t+E)/(sE)⌋ = ⌊(1+⌊t/E⌋)/s⌋ for every t, the epoch forms hold although t counts steps.

    Boundary values: S(0) = η₀ for o < s; S(s−o−1) = η₀; S(s−o) = γη₀.
    """

    about: ClassVar[About] = About(
        purpose="Hold the rate, then multiply it by γ every s steps or epochs.",
        formula=SHIFTED,
        latex=r"\eta_0\,\gamma^{\lfloor (t+o)/s \rfloor}",
        symbols={"η₀": "lr", "γ": "gamma", "s": "step_size", "o": "offset"},
        example={"name": "step", "base_lr": 0.1, "step_size": "10ep", "gamma": 0.5},
        boundaries=(
            ("t = 0, o < s", "η₀"),
            ("t = s − o − 1", "η₀"),
            ("t = s − o", "γη₀: with o = 0 the first drop is at s, with o = 1 at s − 1"),
        ),
        sources=(
            "torch.optim.lr_scheduler.StepLR (offset 0)",
            "initial_lr · drop^⌊(1+epoch)/epochs_drop⌋ of Keras tutorials (offset 1ep)",
        ),
    )
    may_be_zero: ClassVar[frozenset[str]] = frozenset({"offset"})

    name: Literal["step"]
    step_size: Span
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    offset: Span = span("0st")

    def form(self) -> str:
        """Return which of the two forms this is."""
        return PLAIN if self.offset.steps == 0 else SHIFTED

    def lr_at(self, t: int) -> float:
        """Return η₀·γ^⌊(t+o)/s⌋."""
        drops: int = (t + self.offset.steps) // self.step_size.steps
        return self.eta0 * float(self.gamma**drops)

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield a warning when the first drop never comes, and when it came before the phase."""
        del total_steps
        size, offset = self.step_size.steps, self.offset.steps
        yield from late_drop(size - offset, steps=self.steps, name="step_size")
        if offset >= size:
            message = f"the phase begins after {offset // size} of its drops, at {self.lr_at(0):.6g}"
            yield Advice("begins_dropped", "offset", f"{message}; keep offset below step_size")

    def corners(self) -> tuple[Corners, ...]:
        """Return every drop."""
        size = self.step_size.steps
        return (Corners(range(size - self.offset.steps % size, self.steps, size), "drop"),)

    def recurrence(self) -> Recurrence:
        """Return the distance of drops, each to γ of what was before."""
        return Recurrence(self.step_size.steps, 0.0, self.gamma)
