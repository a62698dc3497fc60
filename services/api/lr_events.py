"""What people ask of a running job's rate, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from services.api.schemas import LrEventAnswer, LrEventsAnswer, LrRequestAnswer
from services.api.submission import Asked, canonical, request_digest
from shared.db.engine import Connection, Database
from shared.db.jobs import JobRow, get_training
from shared.db.lr_events import LrEventRow, LrRequestRow, list_lr_events, list_lr_requests
from shared.db.lr_requests import NewLrRequest, add_lr_request
from shared.lifecycle import JobStatus
from shared.logs import logger
from shared.schedules import ManualParams
from shared.specs.ids import new_uuid, parse_id, public_id

_log = logger(__name__)
OVER = (JobStatus.SUCCEEDED, JobStatus.CANCELLED)
"""A failed job may be resumed, and then takes up what still waits."""


def ask(database: Database, *, job_id: str, body: ManualParams, asked: Asked) -> LrRequestAnswer:
    """Put a request on record for the trainer. Raises `NotFound`, `Conflict` and `Refused`."""
    canonical(body)
    new = NewLrRequest(
        id=new_uuid(),
        job_id=parse_id("job", job_id),
        scale=body.scale,
        reason=body.reason,
        actor=asked.owner,
        request_sha256=request_digest(body),
        idempotency_key=asked.idempotency_key,
    )
    with database.begin() as cx:
        get_training(cx, job_id=new.job_id)  # of anything else there is nothing to tell
        request = add_lr_request(cx, new=new)
        answer = _answer(request, get_training(cx, job_id=new.job_id), _events_by_request(cx, new.job_id))
    _log.info("lr_event_asked", job_id=job_id, request=answer.id, scale=answer.scale, actor=answer.actor)
    return answer


def listed(database: Database, *, job_id: str) -> LrEventsAnswer:
    """Return all requests and events of a job. Raises `NotFound`."""
    with database.snapshot() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        requests, events = list_lr_requests(cx, job_id=row.id), list_lr_events(cx, job_id=row.id)
    by_request = {e.request_id: e for e in events if e.request_id is not None}
    return LrEventsAnswer(
        requests=[_answer(request, row, by_request) for request in requests],
        events=[event_answer(event) for event in events],
    )


def event_answer(event: LrEventRow) -> LrEventAnswer:
    """Return an event as the API shows it."""
    return LrEventAnswer.model_validate(event, from_attributes=True)


def _events_by_request(cx: Connection, job_id: UUID) -> dict[UUID, LrEventRow]:
    events = list_lr_events(cx, job_id=job_id)
    return {event.request_id: event for event in events if event.request_id is not None}


def _answer(request: LrRequestRow, job: JobRow, events: Mapping[UUID, LrEventRow]) -> LrRequestAnswer:
    event = events.get(request.id)
    waits: Literal["lapsed", "pending"] = "lapsed" if job.status in OVER else "pending"
    return LrRequestAnswer(
        id=public_id("lre", request.id),
        status=waits if event is None else "applied",
        scale=request.scale,
        reason=request.reason,
        actor=request.actor,
        step=None if event is None else event.step,
        m_before=None if event is None else event.m_before,
        m_after=None if event is None else event.m_after,
        at=request.at,
    )
