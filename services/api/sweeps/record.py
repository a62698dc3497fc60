"""What the database holds of a sweep at one moment, for one metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from services.api.sweeps.measures import chosen_metric
from shared.db import sweep_curves, sweeps
from shared.db.engine import Connection
from shared.db.jobs import JobRow
from shared.db.sweep_curves import Measured
from shared.db.sweeps import Move, SweepRow
from shared.lifecycle import JobStatus
from shared.recent import Recent
from shared.schedules import ResolvedSchedule, Stats, stats
from shared.scores import higher_is_better
from shared.specs.sweep import SweepSpec

TRAININGS_REMEMBERED = 4096
_rates_of: Recent[UUID, tuple[float, float]] = Recent(TRAININGS_REMEMBERED)


@dataclass(frozen=True, slots=True)
class Record:
    """A sweep, its jobs in the order they were asked for, and what they took."""

    row: SweepRow
    spec: SweepSpec
    jobs: Sequence[JobRow]
    metric: str
    moves: Mapping[UUID, Sequence[Move]] = field(default_factory=dict)
    reached: Mapping[UUID, Measured] = field(default_factory=dict)
    newest: Mapping[UUID, Measured] = field(default_factory=dict)
    rates: Mapping[UUID, tuple[float, float]] = field(default_factory=dict)

    @property
    def higher_is_better(self) -> bool:
        """The direction of the metric."""
        return higher_is_better(self.metric)

    @property
    def ended(self) -> bool:
        """Whether no training is left to wait for."""
        waiting = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)
        return not any(job.status in waiting for job in self.jobs)

    def arm(self, index: int) -> list[JobRow]:
        """Return the jobs of a schedule, one for each seed."""
        return [job for job in self.jobs if job.sweep_arm == index]

    def label(self, job: JobRow) -> str:
        """Return the label of a job's schedule."""
        return self.spec.schedules[job.sweep_arm or 0].label


def read_sweep(cx: Connection, *, sweep_id: UUID, metric: str | None) -> Record:
    """Return a sweep with its jobs. Raises `NotFound`, and `Refused` for a metric the task does not yield."""
    row = sweeps.get_sweep(cx, sweep_id=sweep_id)
    spec = SweepSpec.model_validate(row.spec)
    chosen = chosen_metric(spec.job.task, asked=metric)
    return Record(row, spec, sweeps.sweep_jobs(cx, sweep_id=sweep_id), chosen)


def read_comparison(cx: Connection, *, sweep_id: UUID, metric: str | None) -> Record:
    """Return a sweep with its jobs and what each took. Raises as `read_sweep`."""
    found = read_sweep(cx, sweep_id=sweep_id, metric=metric)
    moves: dict[UUID, list[Move]] = {}
    for move in sweeps.sweep_moves(cx, sweep_id=sweep_id):
        moves.setdefault(move.job_id, []).append(move)
    done = [job.id for job in found.jobs if job.status == JobStatus.SUCCEEDED]
    return Record(
        found.row,
        found.spec,
        found.jobs,
        found.metric,
        moves,
        _reached(cx, found),
        sweep_curves.newest_evaluations(cx, sweep_id=sweep_id),
        {job_id: rates for job_id in done if (rates := _rates(cx, job_id))},
    )


def _rates(cx: Connection, job_id: UUID) -> tuple[float, float] | None:
    """Return the mean and the last rate of a training that has succeeded, which no one changes any more."""
    found = _rates_of.get(job_id) or sweep_curves.logged_rates(cx, job_id=job_id)
    if found is not None:
        _rates_of.keep(job_id, found)
    return found


def _reached(cx: Connection, found: Record) -> dict[UUID, Measured]:
    target = found.spec.target
    if target is None:
        return {}
    higher = higher_is_better(target.metric)
    return sweep_curves.reached(
        cx, sweep_id=found.row.id, metric=target.metric, value=target.value, higher_is_better=higher
    )


def seconds_worked(moves: Sequence[Move], *, until: datetime) -> float:
    """Return for how many seconds before `until` a job stood under a worker, on the database's clock."""
    worked, since = 0.0, None
    for move in moves:
        if since is not None and since < until:
            worked += (min(move.at, until) - since).total_seconds()
        since = move.at if move.to_status == JobStatus.RUNNING else None
    if since is not None and since < until:
        worked += (until - since).total_seconds()
    return worked


def plan_of(job: JobRow) -> ResolvedSchedule:
    """Return the schedule of a training in whole steps."""
    return ResolvedSchedule.model_validate(job.resolved_schedule)


def planned_stats(job: JobRow) -> Stats:
    """Return the figures of a training's plan; they are the same at every look, so they are kept."""
    return _stats_of(plan_of(job).model_dump_json())


@lru_cache(maxsize=256)
def _stats_of(plan: str) -> Stats:
    return stats(ResolvedSchedule.model_validate_json(plan))
