"""What changed a job's rate beyond its plan: requests by people, and the events that took effect.

An event is appended and never changed. M(t) is `m_after` of the last live event at or before t, looked up and
never multiplied again. An event of plateau or greedy that a lost attempt wrote after its last checkpoint is
superseded by a new row; what a person asked for stays live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.rows import columns_of, one_of
from shared.db.tables import lr_event, lr_request
from shared.schedules import multiplier_at

TRAINER = "trainer"
"""The actor of what no person did."""
UNDOABLE = ("plateau", "greedy")


@dataclass(frozen=True, slots=True, kw_only=True)
class LrRequestRow:
    """What a person asked for."""

    id: UUID
    job_id: UUID
    scale: float
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LrEventRow:
    """One event: from `step` (updates completed before it) on, M is `m_after`."""

    job_id: UUID
    seq: int
    step: int
    cause: str
    m_before: float
    m_after: float
    actor: str
    reason: str
    request_id: UUID | None
    supersedes: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class LrEvents:
    """The events that count, in order, and the number of the newest of all."""

    live: tuple[LrEventRow, ...]
    newest_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLrEvent:
    """An event about to be appended; the trainer, who alone appends, counts `seq`."""

    seq: int
    step: int
    cause: str
    m_before: float
    m_after: float
    reason: str
    actor: str = TRAINER
    controller: Mapping[str, Any] | None = None
    request_id: UUID | None = None
    supersedes: int | None = None


def list_lr_events(cx: Connection, *, job_id: UUID) -> list[LrEventRow]:
    """Return all events of a job in the order they were appended, superseded ones included."""
    wanted = select(*columns_of(lr_event, LrEventRow)).where(lr_event.c.job_id == job_id)
    return [one_of(LrEventRow, row) for row in cx.execute(wanted.order_by(lr_event.c.seq))]


def live_events(rows: Sequence[LrEventRow]) -> tuple[LrEventRow, ...]:
    """Return the events that count, as `multiplier_at` wants them: by step, then in the order they came.

    At one step a controller comes before people, whose requests wait for the evaluation. That holds for one
    that a second attempt made again, with a number behind theirs.
    """
    dead = {row.supersedes for row in rows if row.supersedes is not None}
    live = [row for row in rows if row.seq not in dead and row.supersedes is None]
    return tuple(sorted(live, key=lambda row: (row.step, row.cause == "manual", row.seq)))


def read_events(cx: Connection, *, job_id: UUID, unless_newest: int | None = None) -> LrEvents | None:
    """Return a job's events; none when the newest is `unless_newest`, 0 standing for no event at all."""
    newest = cx.execute(select(func.max(lr_event.c.seq)).where(lr_event.c.job_id == job_id)).scalar_one()
    if (newest or 0) == unless_newest:
        return None
    return LrEvents(live_events(list_lr_events(cx, job_id=job_id)), newest or 0)


def list_lr_requests(cx: Connection, *, job_id: UUID) -> list[LrRequestRow]:
    """Return all requests for a job, oldest first."""
    wanted = select(*columns_of(lr_request, LrRequestRow)).where(lr_request.c.job_id == job_id)
    in_order = wanted.order_by(lr_request.c.at, lr_request.c.id)
    return [one_of(LrRequestRow, row) for row in cx.execute(in_order)]


def append_events(cx: Connection, *, job_id: UUID, fence: int, events: Sequence[NewLrEvent]) -> None:
    """Append events; the caller's transaction has passed the job's guard. Harmless when repeated."""
    for one in events:
        values = {name: getattr(one, name) for name in NewLrEvent.__dataclass_fields__}
        row = insert(lr_event).values(job_id=job_id, fence=fence, **values)
        cx.execute(row.on_conflict_do_nothing(index_elements=["job_id", "seq"]))


def take_up_requests(cx: Connection, *, job_id: UUID, fence: int, step: int) -> None:
    """Append an event for every request that has none, from the next update on.

    After a lost attempt its manual events may lie ahead: what is asked now follows them, so that the steps
    made again are those made before.
    """
    taken = select(lr_event.c.request_id).where(lr_event.c.request_id == lr_request.c.id).exists()
    wanted = select(*columns_of(lr_request, LrRequestRow)).where(lr_request.c.job_id == job_id, ~taken)
    pending = [
        one_of(LrRequestRow, row) for row in cx.execute(wanted.order_by(lr_request.c.at, lr_request.c.id))
    ]
    if not pending:
        return
    rows = list_lr_events(cx, job_id=job_id)
    live = live_events(rows)
    step = max([step, *(event.step for event in live)])
    seq, multiplier = newest_seq(rows), multiplier_at(live, step)
    new = []
    for request in pending:
        seq += 1
        new.append(_of_request(request, seq=seq, step=step, multiplier=multiplier))
        multiplier = new[-1].m_after
    append_events(cx, job_id=job_id, fence=fence, events=new)


def supersede_lost(cx: Connection, *, job_id: UUID, fence: int, after_seq: int) -> None:
    """Supersede the controllers' events that followed event `after_seq`; the attempt will make them again.

    The caller's transaction has passed the job's guard. Harmless when repeated.
    """
    rows = list_lr_events(cx, job_id=job_id)
    seq = newest_seq(rows)
    lost = [row for row in live_events(rows) if row.seq > after_seq and row.cause in UNDOABLE]
    undone = [_undoing(row, seq=seq + place) for place, row in enumerate(lost, start=1)]
    append_events(cx, job_id=job_id, fence=fence, events=undone)


def write_fork_event(
    cx: Connection, *, job_id: UUID, step: int, multiplier: float, actor: str = TRAINER
) -> None:
    """Give a fork the multiplier of its parent at `step` as event 0, in the transaction that creates it."""
    copied = NewLrEvent(
        seq=0,
        step=step,
        cause="fork",
        m_before=1.0,
        m_after=multiplier,
        actor=actor,
        reason="the multiplier of the parent at the checkpoint",
    )
    append_events(cx, job_id=job_id, fence=0, events=[copied])


def newest_seq(rows: Sequence[LrEventRow]) -> int:
    """Return the newest event's number; 0 before any, since that of a fork is 0."""
    return max((row.seq for row in rows), default=0)


def _of_request(request: LrRequestRow, *, seq: int, step: int, multiplier: float) -> NewLrEvent:
    return NewLrEvent(
        seq=seq,
        step=step,
        cause="manual",
        m_before=multiplier,
        m_after=multiplier * request.scale,
        actor=request.actor,
        reason=request.reason,
        request_id=request.id,
    )


def _undoing(row: LrEventRow, *, seq: int) -> NewLrEvent:
    return NewLrEvent(
        seq=seq,
        step=row.step,
        cause="superseded",
        m_before=row.m_after,
        m_after=row.m_before,
        reason=f"event {row.seq} belongs to a lost attempt and follows the checkpoint it went on from",
        supersedes=row.seq,
    )
