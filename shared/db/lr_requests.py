"""What people ask of a job's rate; the trainer takes it up between two updates."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.events import Transition, record_event
from shared.db.jobs import JobRow, locked_job
from shared.db.lr_events import LrRequestRow, list_lr_events, list_lr_requests, live_events
from shared.db.rows import columns_of, one_of
from shared.db.tables import lr_request
from shared.errors import Conflict, Finding, Refused
from shared.lifecycle import JobKind, JobStatus

MAX_REQUESTS = 1000
LOWEST, HIGHEST = 1e-9, 1e9
"""Bounds of the multiplier that all requests together may lead to."""
TRAINING_KINDS = (JobKind.RECOMMEND, JobKind.DIAGNOSE)
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLrRequest:
    """A request about to be written; `request_sha256` (32 bytes) tells a repeated one from another."""

    id: UUID
    job_id: UUID
    scale: float
    reason: str
    actor: str
    request_sha256: bytes
    idempotency_key: str | None = None


def add_lr_request(cx: Connection, *, new: NewLrRequest) -> LrRequestRow:
    """Write a request, or return the one that came before with the same idempotency key.

    Raises `NotFound`, `Conflict` when the job has ended or trains nothing, and `Refused` when the key came
    before with another body, or the multiplier would leave its bounds.
    """
    job = locked_job(cx, job_id=new.job_id)
    earlier = _earlier(cx, new)
    if earlier is not None:
        return earlier
    _check(cx, job, new)
    values = {name: getattr(new, name) for name in NewLrRequest.__dataclass_fields__}
    # `at` by the clock, not by the transaction's begin: requests are taken up in the order they were let in.
    row = insert(lr_request).values(**values, at=func.clock_timestamp())
    added = cx.execute(row.returning(*columns_of(lr_request, LrRequestRow))).one()
    _record(cx, job, new)
    return one_of(LrRequestRow, added)


def _record(cx: Connection, job: JobRow, new: NewLrRequest) -> None:
    """Note the request in the job's history, where its status stays as it is."""
    status = JobStatus(job.status)
    detail = {"scale": new.scale, "actor": new.actor, "request": str(new.id)}
    asked = Transition(from_status=status, to_status=status, cause="lr_event_requested", detail=detail)
    record_event(cx, job_id=job.id, transition=asked)


def _earlier(cx: Connection, new: NewLrRequest) -> LrRequestRow | None:
    if new.idempotency_key is None:
        return None
    same = and_(
        lr_request.c.job_id == new.job_id,
        lr_request.c.actor == new.actor,
        lr_request.c.idempotency_key == new.idempotency_key,
    )
    row = cx.execute(select(lr_request.c.id, lr_request.c.request_sha256).where(same)).one_or_none()
    if row is None:
        return None
    if bytes(row.request_sha256) != new.request_sha256:
        message = "this Idempotency-Key came before with another body; wanted a new key"
        raise Refused(message, code="idempotency_key_reused")
    return next(r for r in list_lr_requests(cx, job_id=new.job_id) if r.id == row.id)


def _check(cx: Connection, job: JobRow, new: NewLrRequest) -> None:
    if job.kind not in TRAINING_KINDS or job.status not in OPEN:
        came = f"the job's kind is {job.kind}, its status {job.status}"
        raise Conflict(f"{came}; wanted a training that has not ended", code="job_state")
    requests = list_lr_requests(cx, job_id=job.id)
    if len(requests) >= MAX_REQUESTS:
        raise Conflict(f"the job has had {MAX_REQUESTS} such requests, the most there are", code="job_state")
    events = list_lr_events(cx, job_id=job.id)
    live = live_events(events)
    taken = {event.request_id for event in events}
    reached = live[-1].m_after if live else 1.0
    for request in requests:
        reached *= 1.0 if request.id in taken else request.scale
    if not LOWEST <= reached * new.scale <= HIGHEST:
        wanted = f"wanted {LOWEST:g} to {HIGHEST:g} times the planned rate"
        message = f"{wanted}; with what was asked before, this would make it {reached * new.scale:.3g} times"
        raise Refused("the scale goes too far", findings=[Finding(("scale",), message)])
