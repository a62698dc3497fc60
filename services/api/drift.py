"""Logged rates that are not the planned ones: looked for once in every step, told once of every job."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from uuid import UUID

from services.api import metrics
from services.api.rates import PlannedRate
from shared.db.curves import PointColumns
from shared.db.jobs import JobRow
from shared.logs import logger
from shared.recent import Recent
from shared.schedules import ResolvedSchedule

DRIFT = 1e-9
"""Relative distance of a logged rate from its plan that is no rounding."""
JOBS_REMEMBERED = 512
Effects = tuple[tuple[int, float], ...]
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """Steps of a job below `until` are at their planned rate: as attempt `fence` found them, under `effects`.

    An attempt goes back to its checkpoint and writes the steps behind it anew, so another one knows nothing.
    """

    fence: int
    until: int
    effects: Effects
    """Step and M of the events that touch the steps below `until`; later ones leave them as they were."""


_checked: Recent[UUID, Checked] = Recent(JOBS_REMEMBERED)
_told: Recent[UUID, int] = Recent(JOBS_REMEMBERED)


class DriftWatch:
    """Looks at points as they are read, and keeps the first step whose rate is not the planned one."""

    def __init__(self, row: JobRow, planned: PlannedRate) -> None:
        self.planned = planned
        self.first: int | None = None
        self._row, self._until = row, _known_until(row, planned)

    def seen(self, points: PointColumns) -> PointColumns:
        """Return the points unchanged."""
        schedule = self.planned.schedule
        if self.first is None and schedule is not None and points.steps:
            begin = bisect_left(points.steps, self._until)
            self.first = self._first(points, begin, schedule)
            if points.steps[0] <= self._until:  # else steps between are still to be looked at
                clean = points.steps[-1] + 1 if self.first is None else self.first
                self._until = max(self._until, clean)
        return points

    def close(self) -> None:
        """Remember how far the curve was looked at, and tell of a drift unless this process has told."""
        if self.planned.schedule is None:
            return
        known = Checked(self._row.fence, self._until, _effects(self.planned, self._until))
        _checked.keep(self._row.id, known)
        if self.first is not None and _told.keep(self._row.id, self.first) is None:
            metrics.lr_drifts.inc()
            _log.error("lr_drift", job_id=str(self._row.id), step=self.first)

    def _first(self, points: PointColumns, begin: int, schedule: ResolvedSchedule) -> int | None:
        steps, rates = points.steps[begin:], list(points.lr[begin:])
        plans = schedule.charted_lrs(steps, self.planned.events)
        if rates == plans:  # as nearly always: the trainer reckoned them by the same code
            return None
        return next((t for t, lr, plan in zip(steps, rates, plans, strict=True) if _differ(lr, plan)), None)


def _differ(lr: float, plan: float) -> bool:
    return lr != plan and abs(lr - plan) > DRIFT * max(abs(lr), abs(plan))


def _known_until(row: JobRow, planned: PlannedRate) -> int:
    """Return up to which step a job was found at its planned rate, where that still holds."""
    known = _checked.get(row.id)
    if known is None or known.fence != row.fence or known.effects != _effects(planned, known.until):
        return row.start_step
    return known.until


def _effects(planned: PlannedRate, until: int) -> Effects:
    return tuple((event.step, event.m_after) for event in planned.events if event.step < until)
