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
        eta_seconds=_eta_seconds(left, samples=samples_per_step(row.spec["job"])),
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


def _eta_seconds(left: Sequence[Tally], *, samples: int) -> float | None:
    """Return what is left over the speed of the jobs that run now; final judgements are not foreseen."""
    speed = sum(t.samples_per_second for t in left if t.status == JobStatus.RUNNING)
    steps = sum(t.total_steps - t.steps for t in left if t.status != JobStatus.PAUSED)
    return round(steps * samples / speed, 1) if speed and samples else None
