"""How far a sweep is, from how far its jobs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.api.presenting import samples_per_step
from services.api.schemas.sweeps import SweepState, SweepStatus
from shared.db.sweeps import SweepRow, Tally
from shared.lifecycle import TERMINAL, JobStatus


def state(row: SweepRow, tallies: Sequence[Tally]) -> SweepState:
    """Return the status of a sweep, its jobs by status, the share of steps made, and the seconds left."""
    counts = {tally.status: tally.jobs for tally in tallies}
    left = [tally for tally in tallies if tally.status not in TERMINAL]
    return SweepState(
        status=status(counts, cancelling=all(tally.jobs == tally.cancelling for tally in left)),
        counts=counts,
        progress=_progress(tallies),
        eta_seconds=_eta_seconds(tallies, samples=samples_per_step(row.spec["job"])),
    )


def status(counts: Mapping[str, int], *, cancelling: bool) -> SweepStatus:
    """Return what a sweep is called whose jobs are in these statuses."""
    if counts.get(JobStatus.RUNNING):
        return "cancelling" if cancelling else "running"
    if counts.get(JobStatus.QUEUED):
        return "queued" if len(counts) == 1 else "running"
    return "paused" if counts.get(JobStatus.PAUSED) else _ending(counts)


def _ending(counts: Mapping[str, int]) -> SweepStatus:
    succeeded, failed = (counts.get(s, 0) for s in (JobStatus.SUCCEEDED, JobStatus.FAILED))
    if succeeded == sum(counts.values()):
        return "succeeded"
    if succeeded:
        return "partly_failed" if failed else "cancelled"
    return "failed" if failed else "cancelled"


def _progress(tallies: Sequence[Tally]) -> float:
    """Return the share of steps that are made or will not be."""
    made = sum(t.total_steps if t.status in TERMINAL else t.steps for t in tallies)
    total = sum(t.total_steps for t in tallies)
    return made / total if total else 0.0


def _eta_seconds(tallies: Sequence[Tally], *, samples: int) -> float | None:
    """Return the seconds left while any job runs: by the clock once one has succeeded, by the speed until."""
    by_status = {tally.status: tally for tally in tallies}
    running, done = by_status.get(JobStatus.RUNNING), by_status.get(JobStatus.SUCCEEDED)
    if running is None:
        return None
    waiting = by_status.get(JobStatus.QUEUED)
    if done is None:
        return _by_speed([t for t in (running, waiting) if t is not None], running, samples=samples)
    each = done.seconds / done.jobs
    left = max(0.0, running.jobs * each - running.seconds) + each * (waiting.jobs if waiting else 0)
    return round(left / _at_once(tallies, running), 1)


def _at_once(tallies: Sequence[Tally], running: Tally) -> float:
    """Return how many jobs have run at once on average, at most as many as now; gaps between them count."""
    began = [t for t in tallies if t.status in TERMINAL or t is running]
    span = max(tally.oldest for tally in began)
    return min(running.jobs, sum(tally.seconds for tally in began) / span) if span else running.jobs


def _by_speed(left: Sequence[Tally], running: Tally, *, samples: int) -> float | None:
    """Return what is left over the speed of the jobs that run now; final judgements are not foreseen."""
    speed, steps = running.samples_per_second, sum(t.total_steps - t.steps for t in left)
    return round(steps * samples / speed, 1) if speed and samples else None
