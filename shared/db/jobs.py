"""Jobs as clients see them: creating, reading, listing, and asking for cancel, pause and resume.

A job's row is the only truth about it, and an unpublished row is its own outbox: whoever commits one
sends the message afterwards, and the sweeper sends it again when nobody did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from shared.db.datasets import CANCELLED, settle_reading
from shared.db.events import Transition, list_events, record_event
from shared.db.job_rows import JOB_COLUMNS, Inserted, JobCount, JobFilter, JobRow, NewJob
from shared.db.rows import one_of
from shared.db.tables import job
from shared.errors import Conflict, NotFound, Refused
from shared.lifecycle import JobKind, JobStatus

__all__ = [
    "Inserted",
    "JobCount",
    "JobFilter",
    "JobRow",
    "NewJob",
    "count_jobs",
    "earlier_job",
    "get_job",
    "get_report",
    "get_training",
    "insert_job",
    "list_events",
    "list_jobs",
    "locked_job",
    "mark_published",
    "oldest_queued_seconds",
    "request_cancel",
    "request_pause",
    "resume",
]
TRAININGS = JobFilter()


def insert_job(cx: Connection, *, job: NewJob) -> Inserted:
    """Create a queued job, or return the one an earlier request with the same idempotency key created.

    Raises `Refused` (`idempotency_key_reused`) when that request had another body, and `NotFound` when
    the data set was deleted meanwhile.
    """
    created = _insert_unless_known(cx, job)
    if created is None:
        earlier = earlier_job(
            cx, owner=job.owner, idempotency_key=job.idempotency_key, request_sha256=job.request_sha256
        )
        if earlier is None:
            raise NotFound("no such job", code="job_not_found")
        return Inserted(earlier, created=False)
    queued = Transition(from_status=None, to_status=JobStatus.QUEUED, cause="created", detail={})
    record_event(cx, job_id=job.id, transition=queued)
    return Inserted(created, created=True)


def earlier_job(
    cx: Connection, *, owner: str, idempotency_key: str | None, request_sha256: bytes
) -> JobRow | None:
    """Return the job that an earlier request with the same idempotency key created, none when there is none.

    Raises `Refused` (`idempotency_key_reused`) when that request had another body.
    """
    if idempotency_key is None:
        return None
    same_key = and_(job.c.owner == owner, job.c.idempotency_key == idempotency_key)
    row = cx.execute(select(*JOB_COLUMNS, job.c.request_sha256).where(same_key)).one_or_none()
    if row is None:
        return None
    *shown, earlier_sha256 = tuple(row)
    if bytes(earlier_sha256) != request_sha256:
        raise Refused(
            "this Idempotency-Key came before with another body; wanted a new key",
            code="idempotency_key_reused",
        )
    return JobRow(**dict(zip(JobRow.__dataclass_fields__, shown, strict=True)))


def get_job(cx: Connection, *, job_id: UUID) -> JobRow:
    """Return a job. Raises `NotFound`."""
    return one_of(JobRow, _found(cx, _jobs().where(job.c.id == job_id)))


def get_training(cx: Connection, *, job_id: UUID) -> JobRow:
    """Return a job that trains a model. Raises `NotFound`, also for a reading and a range test."""
    return one_of(JobRow, _found(cx, _jobs().where(job.c.id == job_id, job.c.kind.in_(TRAININGS.kinds))))


def get_report(cx: Connection, *, job_id: UUID) -> dict[str, Any] | None:
    """Return a job's evaluation report, none before it has finished. Raises `NotFound`."""
    report: dict[str, Any] | None = _found(cx, select(job.c.report).where(job.c.id == job_id))[0]
    return report


def list_jobs(
    cx: Connection,
    *,
    limit: int,
    after: UUID | None = None,
    only: JobFilter = TRAININGS,
) -> list[JobRow]:
    """Return jobs, newest first, that follow the job `after` in that order."""
    wanted = _jobs().where(job.c.kind.in_(only.kinds)).order_by(job.c.created_at.desc(), job.c.id.desc())
    if only.statuses:
        wanted = wanted.where(job.c.status.in_(only.statuses))
    if only.model is not None:
        wanted = wanted.where(job.c.model == only.model)
    if only.sweep_id is not None:
        wanted = wanted.where(job.c.sweep_id == only.sweep_id)
    if only.parent_id is not None:
        wanted = wanted.where(job.c.parent_id == only.parent_id)
    if after is not None:
        cursor = select(job.c.created_at, job.c.id).where(job.c.id == after).scalar_subquery()
        wanted = wanted.where(tuple_(job.c.created_at, job.c.id) < cursor)
    return [one_of(JobRow, row) for row in cx.execute(wanted.limit(limit))]


def count_jobs(cx: Connection) -> list[JobCount]:
    """Return how many jobs there are of every kind in every status that has any."""
    counted = select(job.c.status, job.c.kind, func.count()).group_by(job.c.status, job.c.kind)
    return [JobCount(status, kind, count) for status, kind, count in cx.execute(counted)]


def oldest_queued_seconds(cx: Connection) -> float:
    """Return for how long the oldest queued job has waited, 0 when none waits."""
    age = func.extract("epoch", func.clock_timestamp() - func.min(job.c.queued_at))
    return float(cx.execute(select(func.coalesce(age, 0)).where(job.c.status == "queued")).scalar_one())


def mark_published(cx: Connection, *, job_ids: Sequence[UUID]) -> None:
    """Note that a message for these jobs will be on its way once this is committed.

    Not later: a claim skips locked rows, so a mark that is written while the message wakes a worker would
    hide the job from that worker, and the next message comes a minute later.
    """
    still_queued = and_(job.c.id.in_(job_ids), job.c.status == "queued")
    cx.execute(update(job).where(still_queued).values(published_at=func.clock_timestamp()))


def unmark_published(cx: Connection, *, job_ids: Sequence[UUID]) -> None:
    """Note that the message for these jobs could not be sent."""
    still_queued = and_(job.c.id.in_(job_ids), job.c.status == "queued")
    cx.execute(update(job).where(still_queued).values(published_at=None))


def request_cancel(cx: Connection, *, job_id: UUID) -> JobRow:
    """Ask for a job's end: at once when it does not run, else its trainer checkpoints and ends it.

    Asking again changes nothing. Raises `NotFound`, and `Conflict` when the job has already ended otherwise.
    """
    row = locked_job(cx, job_id=job_id)
    now = func.clock_timestamp()
    if row.status == JobStatus.RUNNING:
        return _changed(cx, row, cancel_requested_at=func.coalesce(job.c.cancel_requested_at, now))
    if row.status in (JobStatus.QUEUED, JobStatus.PAUSED):
        settle_reading(cx, job_id=job_id, message=CANCELLED)
        ended = _changed(cx, row, status="cancelled", cancel_requested_at=now, finished_at=now)
        _note(cx, row, JobStatus.CANCELLED, "cancel_requested")
        return ended
    return _only_if(row, JobStatus.CANCELLED, wanted="a job that has not ended")


def request_pause(cx: Connection, *, job_id: UUID) -> JobRow:
    """Ask for a job's rest: at once when it is queued, else its trainer checkpoints and gives it back.

    Asking again changes nothing. Raises `NotFound`, and `Conflict` when the job has ended.
    """
    row = locked_job(cx, job_id=job_id)
    if row.kind == JobKind.INGEST:
        raise Conflict("reading a data set cannot be paused; wanted a training job", code="not_pausable")
    now = func.clock_timestamp()
    if row.status == JobStatus.RUNNING:
        return _changed(cx, row, pause_requested_at=func.coalesce(job.c.pause_requested_at, now))
    if row.status == JobStatus.QUEUED:
        paused = _changed(cx, row, status="paused", pause_requested_at=now)
        _note(cx, row, JobStatus.PAUSED, "pause_requested")
        return paused
    return _only_if(row, JobStatus.PAUSED, wanted="a queued or running job")


def resume(cx: Connection, *, job_id: UUID) -> JobRow:
    """Queue a paused or failed job again, from its last checkpoint and with all its attempts.

    A queued job, or a running one without a pending request, is left as it is. Raises `NotFound`, and
    `Conflict` when the job has ended otherwise, is being stopped, or its data set was deleted.
    """
    row = locked_job(cx, job_id=job_id)
    if row.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        if row.cancel_requested_at or row.pause_requested_at:
            raise Conflict("the job is being stopped; resume it when it has", code="job_stopping")
        return row
    if row.status not in (JobStatus.PAUSED, JobStatus.FAILED):
        return _only_if(row, JobStatus.PAUSED, wanted="a paused or failed job")
    if row.dataset_id is None or row.kind == JobKind.INGEST:
        raise Conflict("the job's data set is gone or was refused", code="dataset_gone")
    _note(cx, row, JobStatus.QUEUED, "resume_requested")
    return _changed(
        cx,
        row,
        status="queued",
        attempt_base=job.c.attempt,
        queued_at=func.clock_timestamp(),
        **dict.fromkeys(_CLEARED_BY_RESUME),
    )


_CLEARED_BY_RESUME = (
    "published_at",
    "cancel_requested_at",
    "pause_requested_at",
    "error_code",
    "error_message",
    "finished_at",
)


def _insert_unless_known(cx: Connection, new: NewJob) -> JobRow | None:
    values = {name: getattr(new, name) for name in NewJob.__dataclass_fields__}
    statement = insert(job).values(**values)
    if new.idempotency_key is not None:
        statement = statement.on_conflict_do_nothing(index_elements=["owner", "idempotency_key"])
    try:
        row = cx.execute(statement.returning(*JOB_COLUMNS)).one_or_none()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != "23503":
            raise
        raise NotFound("the data set does not exist any more", code="dataset_not_found") from error
    return None if row is None else one_of(JobRow, row)


def _jobs() -> Select[Any]:
    return select(*JOB_COLUMNS)


def _found(cx: Connection, wanted: Select[Any]) -> Row[Any]:
    row = cx.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("no such job", code="job_not_found")
    return row


def locked_job(cx: Connection, *, job_id: UUID) -> JobRow:
    """Lock a job's row and return it; NO KEY, so that a checkpoint being written does not hold us up.

    Raises `NotFound`.
    """
    locked = _jobs().where(job.c.id == job_id).with_for_update(key_share=True)
    return one_of(JobRow, _found(cx, locked))


def _changed(cx: Connection, row: JobRow, **values: object) -> JobRow:
    changed = update(job).where(job.c.id == row.id).values(**values).returning(*JOB_COLUMNS)
    return one_of(JobRow, cx.execute(changed).one())


def _note(cx: Connection, row: JobRow, to_status: JobStatus, cause: str) -> None:
    moved = Transition(from_status=JobStatus(row.status), to_status=to_status, cause=cause, detail={})
    record_event(cx, job_id=row.id, transition=moved)


def _only_if(row: JobRow, status: JobStatus, *, wanted: str) -> JobRow:
    if row.status != status:
        raise Conflict(f"the job is {row.status}; wanted {wanted}", code="job_state")
    return row
