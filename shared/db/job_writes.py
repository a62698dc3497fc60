"""The trainer's writes: one fenced transaction each, so a curve, a checkpoint and a status never disagree.

Order in every one: bulky chunks first under a fresh id, then the guard, then the rest. The guard locks the
job's row, and with the guard first a long COPY would keep the supervisor's renewal waiting (4 to 6 s for
256 MiB) and a stalled one would hide the job from the sweeper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, select, update

from shared.db.blobs import NewCheckpoint, add_checkpoint, drop_chunks, write_chunks
from shared.db.curves import NewEvaluation, PointColumns, write_evaluations, write_points
from shared.db.datasets import set_ready, set_refused
from shared.db.events import Transition, record_event
from shared.db.gradients import FlowRows, write_flow
from shared.db.job_leases import fail, yield_up
from shared.db.lr_events import (
    LrEvents,
    NewLrEvent,
    append_events,
    read_events,
    supersede_lost,
    take_up_requests,
)
from shared.db.registry import NewVersion, add_version, publish_version
from shared.db.tables import job
from shared.errors import Fenced
from shared.lifecycle import JobStatus
from shared.specs.ids import new_uuid
from shared.specs.job import Publish

__all__ = [
    "Finished",
    "Progress",
    "Result",
    "begin_events",
    "commit_progress",
    "fail",
    "finish",
    "finish_range_test",
    "finish_reading",
    "refuse_reading",
    "yield_up",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a trainer has to tell: how far it is, and what it has not written yet."""

    step: int
    """Updates completed."""
    epoch: int
    points: PointColumns | None = None
    flow: FlowRows | None = None
    """Samples of gradient flow among the points."""
    evaluations: Sequence[NewEvaluation] = ()
    samples_per_second: float | None = None
    best: Mapping[str, Any] | None = None
    """The best evaluation so far, as the API shows it; none leaves it as it is."""
    checkpoint: NewCheckpoint | None = None
    lr_events: Sequence[NewLrEvent] = ()
    """What a controller did after the evaluations."""
    known_seq: int = 0
    """Number of the newest LR event that the trainer knows, these included."""
    takes_requests: bool = False
    """Whether what people asked of the rate takes effect now: not before an evaluation that is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a finished job leaves: its report, its package, and whether an alias should follow."""

    report: Mapping[str, Any]
    metrics: Mapping[str, float]
    version: NewVersion
    publish: Publish | None
    owner: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The version a finished job became, and in one sentence what happened to its alias."""

    model_version: int
    publication: str


def commit_progress(
    cx: Connection, *, job_id: UUID, fence: int, lease_seconds: float, progress: Progress
) -> LrEvents | None:
    """Write points, evaluations and a checkpoint together, and extend the lease. Raises `Fenced`.

    Takes up what people asked of the rate, from the next update on, and returns all LR events when there
    are others than the trainer knows. Harmless when repeated after a COMMIT whose outcome is unknown.
    """
    if progress.checkpoint is not None:
        check_fence(cx, job_id=job_id, fence=fence)
        new = replace(progress.checkpoint, id=new_uuid())
        progress = replace(progress, checkpoint=new)
        write_chunks(cx, table="checkpoint_chunk", owner_id=new.id, payload=new.payload)
    lease = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, lease_seconds)
    _guard(cx, job_id=job_id, fence=fence, values={**_columns(progress), "lease_until": lease})
    _write_rows(cx, job_id=job_id, fence=fence, progress=progress)
    if progress.takes_requests:
        take_up_requests(cx, job_id=job_id, fence=fence, step=progress.step)
    known = 0 if progress.lr_events else progress.known_seq
    return read_events(cx, job_id=job_id, unless_newest=known)


def begin_events(cx: Connection, *, job_id: UUID, fence: int, step: int, after_seq: int) -> LrEvents:
    """Return the LR events under which an attempt goes on at `step`. Raises `Fenced`; harmless when repeated.

    What a lost attempt's controllers did after event `after_seq` is superseded; what people asked for
    meanwhile is taken up.
    """
    _guard(cx, job_id=job_id, fence=fence, values={"fence": fence})
    supersede_lost(cx, job_id=job_id, fence=fence, after_seq=after_seq)
    take_up_requests(cx, job_id=job_id, fence=fence, step=step)
    return read_events(cx, job_id=job_id) or LrEvents((), 0)


def finish(cx: Connection, *, job_id: UUID, fence: int, progress: Progress, result: Result) -> Finished:
    """Write the last points, the package as a new version, its alias, and `succeeded`, together.

    Raises `Fenced`; when an earlier COMMIT, seemingly lost, had finished the job, returns what it wrote.
    """
    done = _already_finished(cx, job_id=job_id, fence=fence)
    if done is not None:
        return done
    check_fence(cx, job_id=job_id, fence=fence)
    package = replace(result.version, package_id=new_uuid())
    write_chunks(cx, table="package_chunk", owner_id=package.package_id, payload=package.package)
    ending = {
        "status": "succeeded",
        "lease_until": None,
        "worker_id": None,
        "finished_at": func.clock_timestamp(),
        "report": dict(result.report),
        "error_code": None,
        "error_message": None,
    }
    # Metrics after the columns of progress: the final ones are the report's, not the newest evaluation's.
    values = {**_columns(progress), **ending, "metrics": dict(result.metrics)}
    try:
        _guard(cx, job_id=job_id, fence=fence, values=values)
    except Fenced:
        return _finished_meanwhile(cx, job_id=job_id, fence=fence, package_id=package.package_id)
    _write_rows(cx, job_id=job_id, fence=fence, progress=progress)
    version = add_version(cx, new=package)
    cx.execute(update(job).where(job.c.id == job_id).values(model_version=version))
    publication = publish_version(
        cx, model=package.model, version=version, publish=result.publish, changed_by=result.owner
    )
    detail = {"model_version": version, "publication": publication}
    _note_end(cx, job_id, JobStatus.SUCCEEDED, cause="finished", detail=detail)
    return Finished(version, publication)


def finish_range_test(cx: Connection, *, job_id: UUID, fence: int, progress: Progress) -> None:
    """Write the last points of a range test and `succeeded`, together. Raises `Fenced`."""
    if _ended_as(cx, job_id=job_id, fence=fence, status="succeeded"):
        return
    over = {"lease_until": None, "worker_id": None, "finished_at": func.clock_timestamp()}
    _guard(cx, job_id=job_id, fence=fence, values={**_columns(progress), **over, "status": "succeeded"})
    _write_rows(cx, job_id=job_id, fence=fence, progress=progress)
    _note_end(cx, job_id, JobStatus.SUCCEEDED, cause="finished", detail={})


def finish_reading(cx: Connection, *, job_id: UUID, fence: int, summary: Mapping[str, Any]) -> None:
    """Set the data set of a reading job ready, and the job succeeded, together. Raises `Fenced`."""
    if _ended_as(cx, job_id=job_id, fence=fence, status="succeeded"):
        return
    dataset_id = _end_reading(cx, job_id, fence, {"status": "succeeded"})
    set_ready(cx, dataset_id=dataset_id, summary=summary)
    _note_end(cx, job_id, JobStatus.SUCCEEDED, cause="finished", detail={})


def refuse_reading(cx: Connection, *, job_id: UUID, fence: int, errors: Sequence[Mapping[str, Any]]) -> None:
    """Set the data set of a reading job refused, and the job failed, together. Raises `Fenced`."""
    if _ended_as(cx, job_id=job_id, fence=fence, status="failed"):
        return
    code = "unreadable_files"
    message = f"{len(errors)} places in the files could not be read"
    ending = {"status": "failed", "error_code": code, "error_message": message}
    dataset_id = _end_reading(cx, job_id, fence, ending)
    set_refused(cx, dataset_id=dataset_id, errors=errors)
    _note_end(cx, job_id, JobStatus.FAILED, cause=code, detail={"error_code": code})


def check_fence(cx: Connection, *, job_id: UUID, fence: int) -> None:
    """Raise `Fenced` early, before bulky writes; it locks nothing and replaces no guard."""
    row = cx.execute(select(job.c.fence, job.c.status).where(job.c.id == job_id)).one_or_none()
    if row is None or tuple(row) != (fence, "running"):
        raise _fenced(job_id, fence)


def _columns(progress: Progress) -> dict[str, Any]:
    values: dict[str, Any] = {"step": progress.step, "epoch": progress.epoch}
    if progress.samples_per_second is not None:
        values["samples_per_second"] = progress.samples_per_second
    if progress.evaluations:
        values["metrics"] = dict(progress.evaluations[-1].metrics)
    if progress.best is not None:
        values["best"] = dict(progress.best)
    if progress.checkpoint is not None:
        values["attempt_base"] = job.c.attempt
    return values


def _guard(cx: Connection, *, job_id: UUID, fence: int, values: Mapping[str, Any]) -> None:
    ours = and_(job.c.id == job_id, job.c.fence == fence, job.c.status == "running")
    if cx.execute(update(job).where(ours).values(**values)).rowcount != 1:
        raise _fenced(job_id, fence)


def _write_rows(cx: Connection, *, job_id: UUID, fence: int, progress: Progress) -> None:
    new = progress.checkpoint
    if new is not None:
        stored = add_checkpoint(cx, job_id=job_id, fence=fence, new=new)
        roles = {"last_checkpoint": stored} | ({"best_checkpoint": stored} if new.best else {})
        cx.execute(update(job).where(job.c.id == job_id).values(**roles))
    if progress.points is not None:
        write_points(cx, job_id=job_id, fence=fence, points=progress.points)
    if progress.flow is not None:
        write_flow(cx, job_id=job_id, fence=fence, rows=progress.flow)
    write_evaluations(cx, job_id=job_id, fence=fence, evaluations=progress.evaluations)
    append_events(cx, job_id=job_id, fence=fence, events=progress.lr_events)


def _end_reading(cx: Connection, job_id: UUID, fence: int, ending: Mapping[str, Any]) -> UUID:
    over = {"lease_until": None, "worker_id": None, "finished_at": func.clock_timestamp()}
    _guard(cx, job_id=job_id, fence=fence, values={**ending, **over})
    return UUID(str(cx.execute(select(job.c.dataset_id).where(job.c.id == job_id)).scalar_one()))


def _ended_as(cx: Connection, *, job_id: UUID, fence: int, status: str) -> bool:
    row = cx.execute(select(job.c.fence, job.c.status).where(job.c.id == job_id)).one_or_none()
    return row is not None and tuple(row) == (fence, status)


def _already_finished(cx: Connection, *, job_id: UUID, fence: int) -> Finished | None:
    if not _ended_as(cx, job_id=job_id, fence=fence, status="succeeded"):
        return None
    version = cx.execute(select(job.c.model_version).where(job.c.id == job_id)).scalar_one()
    return Finished(int(version), "the job had already finished under this fence")


def _finished_meanwhile(cx: Connection, *, job_id: UUID, fence: int, package_id: UUID) -> Finished:
    """Return what a COMMIT wrote that was still on its way when we began; drop the chunks of this try."""
    done = _already_finished(cx, job_id=job_id, fence=fence)
    if done is None:
        raise _fenced(job_id, fence)
    drop_chunks(cx, table="package_chunk", owner_id=package_id)
    return done


def _note_end(
    cx: Connection, job_id: UUID, status: JobStatus, *, cause: str, detail: Mapping[str, object]
) -> None:
    ended = Transition(from_status=JobStatus.RUNNING, to_status=status, cause=cause, detail=detail)
    record_event(cx, job_id=job_id, transition=ended)


def _fenced(job_id: UUID, fence: int) -> Fenced:
    return Fenced(f"job {job_id} is not held under fence {fence} any more")
