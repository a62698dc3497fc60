"""Leases on jobs: claim, renew, give back, reap, and the outbox that the sweeper publishes from.

Every write names the fence it was claimed under, so a writer that lost its lease changes nothing.
Row locks are NO KEY UPDATE: a foreign key's KEY SHARE (a checkpoint being copied) must not hide a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from shared.db.datasets import CANCELLED, settle_reading
from shared.db.events import Transition, record_event
from shared.errors import Fenced
from shared.lifecycle import JobKind, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that is ours as long as its lease is renewed under this fence."""

    job_id: UUID
    kind: str
    fence: int
    attempt: int
    step: int
    waited_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a renewed lease brought along: requests by clients, and how far the trainer is."""

    cancel_requested_at: datetime | None
    pause_requested_at: datetime | None
    step: int
    samples_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job taken from its worker, and what became of it."""

    job_id: UUID
    kind: str
    status: JobStatus
    error_code: str | None


_CLAIM = text("""
UPDATE job SET status = 'running', fence = fence + 1, attempt = attempt + 1, worker_id = :worker_id,
       lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
       started_at = coalesce(started_at, clock_timestamp())
 WHERE id = (SELECT id FROM job WHERE status = 'queued' AND cancel_requested_at IS NULL
                AND kind = ANY(:kinds)
              ORDER BY priority DESC, created_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id AS job_id, kind, fence, attempt, step,
          extract(epoch FROM clock_timestamp() - queued_at)::float8 AS waited_seconds, last_checkpoint
""")

_RENEW = text("""
UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
 WHERE id = :job_id AND fence = :fence AND status = 'running'
RETURNING cancel_requested_at, pause_requested_at, step, samples_per_second
""")

# A strike: the request columns win, then the number of attempts since the last checkpoint decides.
_AFTER_STRIKE = """
SET lease_until = NULL, worker_id = NULL, published_at = NULL, queued_at = clock_timestamp(),
    status = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                  WHEN pause_requested_at IS NOT NULL THEN 'paused'
                  WHEN attempt - attempt_base >= max_attempts THEN 'failed' ELSE 'queued' END,
    error_code = CASE WHEN cancel_requested_at IS NULL AND pause_requested_at IS NULL
                       AND attempt - attempt_base >= max_attempts THEN 'worker_lost' END,
    error_message = CASE WHEN cancel_requested_at IS NULL AND pause_requested_at IS NULL
                          AND attempt - attempt_base >= max_attempts
                         THEN 'the job ended its worker ' || attempt - attempt_base
                              || ' times without reaching a new checkpoint' END,
    finished_at = CASE WHEN cancel_requested_at IS NOT NULL
                         OR pause_requested_at IS NULL AND attempt - attempt_base >= max_attempts
                       THEN clock_timestamp() END
"""
_ENDED = "RETURNING job.id AS job_id, job.kind, job.status, job.error_code"
_OURS = "WHERE id = :job_id AND fence = :fence AND status = 'running'"

_REQUEUE = text(f"UPDATE job {_AFTER_STRIKE} {_OURS} {_ENDED}")
_DEAD = """
WHERE id IN (SELECT id FROM job WHERE status = 'running' AND lease_until < clock_timestamp()
                FOR NO KEY UPDATE SKIP LOCKED)
"""
_REAP = text(f"UPDATE job {_AFTER_STRIKE} {_DEAD} {_ENDED}")
_AFTER_YIELDING = """
SET lease_until = NULL, worker_id = NULL, published_at = NULL, queued_at = clock_timestamp(),
    attempt_base = attempt,
    status = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                  WHEN pause_requested_at IS NOT NULL THEN 'paused' ELSE 'queued' END,
    finished_at = CASE WHEN cancel_requested_at IS NOT NULL THEN clock_timestamp() END
"""
_YIELD_UP = text(f"UPDATE job {_AFTER_YIELDING} {_OURS} {_ENDED}")
_AFTER_FAILING = """
SET status = 'failed', error_code = :code, error_message = :message, lease_until = NULL,
    worker_id = NULL, finished_at = clock_timestamp()
"""
_FAIL = text(f"UPDATE job {_AFTER_FAILING} {_OURS} {_ENDED}")
_ASKED = """
SET status = 'cancelled', finished_at = clock_timestamp()
WHERE id IN (SELECT id FROM job WHERE status = 'queued' AND cancel_requested_at IS NOT NULL
                FOR NO KEY UPDATE SKIP LOCKED)
"""
_CANCEL_WAITING = text(f"UPDATE job {_ASKED} {_ENDED}")
_UNPUBLISHED = text("""
SELECT id FROM job
 WHERE status = 'queued' AND cancel_requested_at IS NULL
   AND (published_at IS NULL OR published_at < clock_timestamp() - make_interval(secs => :older_than))
 ORDER BY priority DESC, created_at, id LIMIT :limit
""")


def claim(
    cx: Connection, *, worker_id: str, lease_seconds: float, kinds: Sequence[JobKind] = tuple(JobKind)
) -> Claim | None:
    """Take the best queued job of some kinds, or none when nobody waits; exactly one worker wins a job.

    What an earlier attempt wrote after the last checkpoint is dropped, so that the curve is always the
    curve of one trajectory; on hardware that is not bit-identical the new points would differ.
    """
    values = {"worker_id": worker_id, "lease_seconds": lease_seconds, "kinds": list(kinds)}
    row = cx.execute(_CLAIM, values).mappings().one_or_none()
    if row is None:
        return None
    won = Claim(**{name: row[name] for name in Claim.__dataclass_fields__})
    claimed = Transition(
        from_status=JobStatus.QUEUED,
        to_status=JobStatus.RUNNING,
        cause="claimed",
        detail={"worker": worker_id, "fence": won.fence, "attempt": won.attempt},
    )
    record_event(cx, job_id=won.job_id, transition=claimed)
    if won.attempt > 1:
        _rewind(cx, job_id=won.job_id, checkpoint_id=row["last_checkpoint"])
    return won


def renew(cx: Connection, *, job_id: UUID, fence: int, lease_seconds: float) -> Renewal:
    """Extend a lease and learn what clients asked for meanwhile. Raises `Fenced` when it was lost."""
    values = {"job_id": job_id, "fence": fence, "lease_seconds": lease_seconds}
    row = cx.execute(_RENEW, values).mappings().one_or_none()
    if row is None:
        raise _fenced(job_id, fence)
    return Renewal(**row)


def requeue(cx: Connection, *, job_id: UUID, fence: int, cause: str) -> Ended:
    """Give a job back after its process died: a strike, so the last allowed one fails it. Raises `Fenced`."""
    row = cx.execute(_REQUEUE, {"job_id": job_id, "fence": fence}).mappings().one_or_none()
    if row is None:
        raise _fenced(job_id, fence)
    return _settled(cx, Ended(**row), cause=cause)


def yield_up(cx: Connection, *, job_id: UUID, fence: int, cause: str = "stopped") -> Ended:
    """Give a job back in good order: cancelled or paused when that was asked, else queued; not a strike.

    Raises `Fenced`.
    """
    row = cx.execute(_YIELD_UP, {"job_id": job_id, "fence": fence}).mappings().one_or_none()
    if row is None:
        raise _fenced(job_id, fence)
    return _settled(cx, Ended(**row), cause=cause)


def fail(cx: Connection, *, job_id: UUID, fence: int, code: str, message: str) -> Ended:
    """End a job that no retry can help; `message` must be free of values from records. Raises `Fenced`."""
    values = {"job_id": job_id, "fence": fence, "code": code, "message": message[:2000]}
    row = cx.execute(_FAIL, values).mappings().one_or_none()
    if row is None:
        raise _fenced(job_id, fence)
    return _settled(cx, Ended(**row), cause=code)


def reap_expired(cx: Connection) -> list[Ended]:
    """Take back every job whose lease has run out on the database's clock; safe to run twice, or at once.

    A row that is locked by a live writer is not dead and is skipped.
    """
    dead = [Ended(**row) for row in cx.execute(_REAP).mappings()]
    return [_settled(cx, ended, cause="lease_expired") for ended in dead]


def cancel_waiting(cx: Connection) -> list[Ended]:
    """Cancel queued jobs whose cancel was asked while they were between workers."""
    asked = [Ended(**row) for row in cx.execute(_CANCEL_WAITING).mappings()]
    return [_settled(cx, e, cause="cancel_requested", came_from=JobStatus.QUEUED) for e in asked]


def list_unpublished(cx: Connection, *, older_than_seconds: float, limit: int = 100) -> list[UUID]:
    """Return queued jobs that no message, or only an old one, speaks of; best first."""
    return list(cx.execute(_UNPUBLISHED, {"older_than": older_than_seconds, "limit": limit}).scalars())


def _rewind(cx: Connection, *, job_id: UUID, checkpoint_id: UUID | None) -> None:
    values = {"job_id": job_id, "checkpoint_id": checkpoint_id}
    step = cx.execute(
        text("""SELECT coalesce((SELECT step FROM checkpoint WHERE id = :checkpoint_id), start_step)
                  FROM job WHERE id = :job_id"""),
        values,
    ).scalar_one()
    after: Sequence[str] = (
        "DELETE FROM curve_point WHERE job_id = :job_id AND step >= :step",
        "DELETE FROM gradient_sample WHERE job_id = :job_id AND step >= :step",
        "DELETE FROM evaluation WHERE job_id = :job_id AND step > :step",
        "UPDATE job SET step = :step WHERE id = :job_id",
    )
    for statement in after:
        cx.execute(text(statement), {"job_id": job_id, "step": step})


def _settled(cx: Connection, ended: Ended, *, cause: str, came_from: JobStatus = JobStatus.RUNNING) -> Ended:
    status = JobStatus(ended.status)
    detail = {"error_code": ended.error_code} if ended.error_code else {}
    moved = Transition(from_status=came_from, to_status=status, cause=cause, detail=detail)
    record_event(cx, job_id=ended.job_id, transition=moved)
    if status in (JobStatus.FAILED, JobStatus.CANCELLED):
        why = f"the reading ended: {ended.error_code}" if ended.error_code else CANCELLED
        settle_reading(cx, job_id=ended.job_id, message=why)
    return Ended(job_id=ended.job_id, kind=ended.kind, status=status, error_code=ended.error_code)


def _fenced(job_id: UUID, fence: int) -> Fenced:
    return Fenced(f"job {job_id} is not held under fence {fence} any more")
