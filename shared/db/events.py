"""The history of a job: one row for every transition, written in the transition's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, literal, select

from shared.db.rows import columns_of, one_of
from shared.db.tables import job_event
from shared.lifecycle import TRANSITIONS, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One transition of a job and why it happened."""

    seq: int
    at: datetime
    from_status: str | None
    to_status: str
    cause: str
    detail: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What is about to be written into a job's history."""

    from_status: JobStatus | None
    to_status: JobStatus
    cause: str
    detail: Mapping[str, object]


def record_event(cx: Connection, *, job_id: UUID, transition: Transition) -> None:
    """Append a transition to a job's history; the caller holds the job's row lock, which orders `seq`.

    One from a status to itself notes what was asked of a job that goes on as it is.
    """
    came_from, to = transition.from_status, transition.to_status
    possible = came_from is None or to == came_from or to in TRANSITIONS[came_from]
    assert possible, f"{came_from} never becomes {to}"  # noqa: S101
    newest = select(func.coalesce(func.max(job_event.c.seq), 0)).where(job_event.c.job_id == job_id)
    cx.execute(
        job_event.insert().values(
            job_id=job_id,
            seq=newest.scalar_subquery() + literal(1),
            from_status=transition.from_status,
            to_status=transition.to_status,
            cause=transition.cause,
            detail=dict(transition.detail),
        )
    )


def list_events(cx: Connection, *, job_id: UUID, after: int = 0, limit: int = 100) -> list[JobEvent]:
    """Return the transitions of a job with `seq` above `after`, oldest first."""
    wanted = (
        select(*columns_of(job_event, JobEvent))
        .where(job_event.c.job_id == job_id, job_event.c.seq > after)
        .order_by(job_event.c.seq)
        .limit(limit)
    )
    return [one_of(JobEvent, row) for row in cx.execute(wanted)]
