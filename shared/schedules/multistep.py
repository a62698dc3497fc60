"""Step decay at steps of one's own choice."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from shared.schedules.bounds import at_least_one
from shared.schedules.lengths import Length, Span
from shared.schedules.phase import About, Advice, Corners, Fault, Place, ScaledPhase

MAX_MILESTONES = 1000


class Multistep(ScaledPhase):
    """S(t) = η₀·γ^#{m : m ≤ t}: multiplied by γ at every milestone, twice where one is written twice.

    Boundary values: S(m₁−1) = η₀; S(m₁) = γη₀: the drop is AT the milestone (timm drops a step earlier,
    Keras `PiecewiseConstantDecay` a step later).
    """

    about: ClassVar[About] = About(
        purpose="Hold the rate, and multiply it by γ at the milestones you name.",
        formula="η₀·γ^#{m : m ≤ t}",
        latex=r"\eta_0\,\gamma^{\#\{m\,:\,m\le t\}}",
        symbols={"η₀": "lr", "γ": "gamma", "m": "milestones"},
        example={"name": "multistep", "base_lr": 0.1, "milestones": ["50%", "75%"], "gamma": 0.1},
        boundaries=(
            ("t = m₁ − 1", "η₀"),
            ("t = m₁", "γη₀: the drop is at the milestone"),
            ("t = m, written twice", "γ² times what was before"),
        ),
        sources=("torch.optim.lr_scheduler.MultiStepLR", "He et al., arXiv 1512.03385 (÷10 at milestones)"),
    )

    name: Literal["multistep"]
    milestones: Annotated[
        tuple[Span, ...],
        Field(max_length=MAX_MILESTONES, strict=False, json_schema_extra={"minItems": 1}),
        AfterValidator(at_least_one),
    ]
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        if self.milestones[0].steps == 0:
            yield Fault("milestones", "resolves to step 0; leave it out and lower lr instead", 0)
        for item, (before, after) in enumerate(pairwise(self.milestones), start=1):
            if after.steps < before.steps:
                yield Fault("milestones", "comes before the one in front of it; write them in order", item)
                return

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield a warning for the first milestone that is never reached."""
        del total_steps
        for item, milestone in enumerate(self.milestones):
            if milestone.steps >= self.steps:
                message = f"the drop at step {milestone.steps} never comes: the phase has {self.steps} steps"
                yield Advice("beyond_phase", "milestones", message, item)
                return

    def lr_at(self, t: int) -> float:
        """Return η₀·γ^#{m : m ≤ t}."""
        drops = bisect_right(self.milestones, t, key=_steps)
        return self.eta0 * float(self.gamma**drops)

    def corners(self) -> tuple[Corners, ...]:
        """Return every drop."""
        inside = {milestone.steps for milestone in self.milestones if milestone.steps < self.steps}
        return (Corners(tuple(sorted(inside)), "drop"),)


def _steps(milestone: Length) -> int:
    return milestone.steps
