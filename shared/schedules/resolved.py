"""A schedule in whole steps: lr(group, t) = lr_mult[group] · M(t) · S(t), from the step alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.schedules.feedback import OneFeedback
from shared.schedules.menu import OnePhase
from shared.schedules.phase import Breakpoint, Corners
from shared.schedules.spec import GroupName, GroupParams


class LrEvent(Protocol):
    """An entry of a job's LR events: from `step` on the multiplier is `m_after`."""

    @property
    def step(self) -> int:
        """First step (updates completed before it) that the event applies to."""

    @property
    def m_after(self) -> float:
        """The multiplier from there on."""


def multiplier_at(events: Sequence[LrEvent], step: int) -> float:
    """Return M(step): `m_after` of the last of the live events with step ≤ `step`, else 1.

    `events` stand in the order of (`step`, `seq`). It is a look-up: nothing is multiplied again.
    """
    if not events:
        return 1.0
    after = bisect_right(events, step, key=lambda event: event.step)
    return events[after - 1].m_after if after else 1.0


class ResolvedSchedule(BaseModel):
    """S(t) for `start_step` ≤ t; after T it holds the last phase's S(N).

    Steps are those of the run: a fork at step 600 plans from 600 on, and its phases tile [600, T]. Its
    JSON is itself a schedule, with every length in steps and every default written out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    total_steps: Annotated[int, Field(ge=1)]
    steps_per_epoch: Annotated[int, Field(ge=1)]
    start_step: Annotated[int, Field(ge=0)] = 0
    """The first step planned: 0, or where a fork left its parent."""
    parent_lr: float | None = None
    """S of the parent at `start_step`, where a fork has a schedule of its own."""
    base_lr: float | None = None
    phases: Annotated[tuple[OnePhase, ...], Field(min_length=1, strict=False)]
    groups: dict[GroupName, GroupParams] = {}
    own_momentum: float | None = None
    """The optimizer's momentum or β₁, which returns outside phases that cycle it; none in a preview."""
    forms: Annotated[tuple[str, ...], Field(strict=False)]
    """The formula each phase follows, where one name covers several."""
    feedback: OneFeedback | None = None
    charted_factor: float = 1.0
    """lr_mult of the group whose rate a curve shows: 1 where any group has it, else that of the first."""

    @model_validator(mode="after")
    def _phases_tile_the_run(self) -> Self:
        if self.borders[-1] != self.total_steps or len(self.forms) != len(self.phases):
            wanted = f"the phases must tile steps {self.start_step} to {self.total_steps}"
            raise ValueError(f"{wanted}; they end at {self.borders[-1]}")
        return self

    @cached_property
    def borders(self) -> tuple[int, ...]:
        """`start_step` and the step at which each phase ends."""
        return tuple(accumulate((phase.steps for phase in self.phases), initial=self.start_step))

    @property
    def updates(self) -> int:
        """How many updates are planned: all of the run, or what a fork has left of it."""
        return self.total_steps - self.start_step

    @cached_property
    def cycles_momentum(self) -> bool:
        """Whether any phase sets the momentum."""
        return any(phase.cycles_momentum() for phase in self.phases)

    def locate(self, step: int) -> tuple[int, int]:
        """Return (phase, step inside it); past the end this is the last phase at its N."""
        if step < self.start_step:
            raise ValueError(f"a step of this schedule counts from {self.start_step}; came {step}")
        if step >= self.total_steps:
            return len(self.phases) - 1, self.phases[-1].steps
        index = bisect_right(self.borders, step) - 1
        return index, step - self.borders[index]

    def lr(self, step: int) -> float:
        """Return S(step), the rate of update number step + 1 of a group with factor 1."""
        if step >= self.total_steps or step < self.start_step:
            index, t = self.locate(step)
            return self.phases[index].lr_at(t)
        borders = self.borders
        index = bisect_right(borders, step) - 1  # as in locate(), which a step of training has no time for
        return self.phases[index].lr_at(step - borders[index])

    def lr_of(self, group: str, step: int, multiplier: float = 1.0) -> float:
        """Return lr_mult[group] · M · S(step)."""
        return self.lr_mult(group) * multiplier * self.lr(step)

    def charted_lr(self, step: int, events: Sequence[LrEvent] = ()) -> float:
        """Return the rate that a curve shows at a step, as the optimizer reckons it."""
        return self.charted_factor * multiplier_at(events, step) * self.lr(step)

    def charted_lrs(self, steps: Sequence[int], events: Sequence[LrEvent] = ()) -> list[float]:
        """Return `charted_lr` of ascending steps, to the last bit, for less: one look-up for each stretch."""
        cuts = sorted({*self.borders, *(event.step for event in events)})
        found: list[float] = []
        while len(found) < len(steps):
            begin = len(found)
            cut = bisect_right(cuts, steps[begin])
            end = bisect_left(steps, cuts[cut], begin) if cut < len(cuts) else len(steps)
            found += self._stretch(steps[begin:end], multiplier_at(events, steps[begin]))
        return found

    def _stretch(self, steps: Sequence[int], multiplier: float) -> list[float]:
        """Return the charted rates of steps of one phase under one multiplier."""
        index, t = self.locate(steps[0])
        lr_at, factor, begin = self.phases[index].lr_at, self.charted_factor * multiplier, steps[0] - t
        if steps[0] >= self.total_steps:
            return [factor * lr_at(t)] * len(steps)
        return [factor * lr_at(step - begin) for step in steps]

    def lr_mult(self, group: str) -> float:
        """Return the constant factor of a group; 1 for one that the schedule does not name."""
        params = self.groups.get(group)
        return 1.0 if params is None else params.lr_mult

    def momentum(self, step: int) -> float | None:
        """Return the momentum of update number step + 1; none when no phase cycles it."""
        if not self.cycles_momentum:
            return None
        index, t = self.locate(step)
        value = self.phases[index].momentum_at(t)
        return self.own_momentum if value is None else value

    @cached_property
    def corners(self) -> tuple[tuple[Corners, ...], ...]:
        """The breakpoints inside each phase, in its own steps."""
        return tuple(phase.corners() for phase in self.phases)

    @cached_property
    def breakpoint_count(self) -> int:
        """How many breakpoints there are, without listing them."""
        return len(self.phases) + 1 + sum(len(c.steps) for phase in self.corners for c in phase)

    def breakpoints(self) -> Iterator[Breakpoint]:
        """Yield borders, peaks, drops and cycle ends by step; between two neighbours S is monotone.

        A cycle of two steps has as many as the run has steps: take what is wanted, and not all of them.
        """
        for start, phase in zip(self.borders, self.phases, strict=False):
            yield Breakpoint(start, f"{phase.name} begins")
            yield from (Breakpoint(start + inner.step, inner.cause) for inner in phase.breakpoints())
        yield Breakpoint(self.total_steps, "end")
