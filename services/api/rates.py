"""The planned rate of a job: lr_mult · M · S from its schedule and its LR events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.db.engine import Connection
from shared.db.jobs import JobRow
from shared.db.lr_events import LrEventRow, list_lr_events, live_events
from shared.schedules import ResolvedSchedule, sample_steps

PLAN_POINTS = 500


@dataclass(frozen=True)
class PlannedRate:
    """What a job's schedule and live LR events make of each step; reading a data set has no schedule."""

    schedule: ResolvedSchedule | None
    events: tuple[LrEventRow, ...] = ()

    def at(self, steps: Sequence[int]) -> list[float | None]:
        """Return the planned rates, reckoned as the optimizer reckons them: equal to the last bit."""
        schedule = self.schedule
        if schedule is None:
            return [None] * len(steps)
        return [*schedule.charted_lrs(steps, self.events)]

    @cached_property
    def drawn(self) -> tuple[list[int], list[float]]:
        """Steps that show every corner and every event of the whole plan, with their rates."""
        schedule = self.schedule
        if schedule is None:
            return [], []
        first, last = schedule.start_step, schedule.total_steps - 1
        jumps = {s for e in self.events for s in (e.step - 1, e.step) if first <= s <= last}
        steps = sorted(jumps.union(sample_steps(schedule, PLAN_POINTS)))
        return steps, schedule.charted_lrs(steps, self.events)

    @cached_property
    def alone(self) -> list[float]:
        """The rates of the schedule without its events at the steps drawn; none where they are the same."""
        schedule, (steps, rates) = self.schedule, self.drawn
        if schedule is None or not self.events:
            return []
        without = schedule.charted_lrs(steps)
        return [] if without == rates else without


def planned_rate(cx: Connection, row: JobRow) -> PlannedRate:
    """Return a job's planned rate as its rows stand."""
    if row.resolved_schedule is None:
        return PlannedRate(None)
    events = live_events(list_lr_events(cx, job_id=row.id))
    return PlannedRate(ResolvedSchedule.model_validate(row.resolved_schedule), events)
