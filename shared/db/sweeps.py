"""Sweeps: creating one with all its trainings, reading it, and what its trainings have measured so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Connection, Double, Select, and_, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from shared.db.job_rows import JOB_COLUMNS, JobRow, NewJob
from shared.db.jobs import insert_job, request_cancel
from shared.db.rows import columns_of, one_of
from shared.db.tables import job, job_event, sweep
from shared.errors import Conflict, NotFound, Refused
from shared.lifecycle import TERMINAL, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSweep:
    """A sweep about to be created; `request_sha256` tells a repeated request from another one."""

    id: UUID
    owner: str
    model: str
    spec: Mapping[str, object]
    request_sha256: bytes
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """One sweep's row; how far it is follows from its jobs."""

    id: UUID
    owner: str
    model: str
    spec: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The jobs of a sweep in one status: how many, their steps together, and the speed of those running."""

    sweep_id: UUID
    status: str
    jobs: int
    steps: int
    total_steps: int
    samples_per_second: float
    cancelling: int
    """How many of them were asked to end."""
    seconds: float = 0.0
    """Together, from each one's start to its end, or until now."""
    oldest: float = 0.0
    """Seconds since the first of them started."""


@dataclass(frozen=True, slots=True)
class Move:
    """A transition of a job: into which status, when."""

    job_id: UUID
    to_status: str
    at: datetime


def insert_sweep(cx: Connection, *, new: NewSweep, jobs: Sequence[NewJob]) -> tuple[SweepRow, bool]:
    """Create a sweep and its queued jobs, or return the one that an earlier request created, and which.

    Raises `Refused` (`idempotency_key_reused`) when that request had another body, and `NotFound` when the
    data set was deleted meanwhile.
    """
    values = {name: getattr(new, name) for name in NewSweep.__dataclass_fields__}
    statement = insert(sweep).values(**values)
    if new.idempotency_key is not None:
        statement = statement.on_conflict_do_nothing(index_elements=["owner", "idempotency_key"])
    created = cx.execute(statement.returning(*columns_of(sweep, SweepRow))).one_or_none()
    if created is None:
        earlier = earlier_sweep(cx, new=new)
        if earlier is None:
            raise NotFound("no such sweep", code="sweep_not_found")
        return earlier, False
    for one in jobs:
        insert_job(cx, job=one)
    return one_of(SweepRow, created), True


def earlier_sweep(cx: Connection, *, new: NewSweep) -> SweepRow | None:
    """Return the sweep that an earlier request with the same idempotency key created, none when none did.

    Raises `Refused` (`idempotency_key_reused`) when that request had another body.
    """
    if new.idempotency_key is None:
        return None
    same_key = and_(sweep.c.owner == new.owner, sweep.c.idempotency_key == new.idempotency_key)
    found = select(sweep.c.id, sweep.c.request_sha256).where(same_key)
    row = cx.execute(found).one_or_none()
    if row is None:
        return None
    if bytes(row.request_sha256) != new.request_sha256:
        raise Refused(
            "this Idempotency-Key came before with another body; wanted a new key",
            code="idempotency_key_reused",
        )
    return get_sweep(cx, sweep_id=row.id)


def get_sweep(cx: Connection, *, sweep_id: UUID) -> SweepRow:
    """Return a sweep. Raises `NotFound`."""
    wanted = select(*columns_of(sweep, SweepRow)).where(sweep.c.id == sweep_id)
    row = cx.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("no such sweep", code="sweep_not_found")
    return one_of(SweepRow, row)


def list_sweeps(cx: Connection, *, limit: int, after: UUID | None = None) -> list[SweepRow]:
    """Return sweeps, newest first, that follow the sweep `after` in that order."""
    newest = sweep.c.created_at.desc(), sweep.c.id.desc()
    wanted = select(*columns_of(sweep, SweepRow)).order_by(*newest)
    if after is not None:
        cursor = select(sweep.c.created_at, sweep.c.id).where(sweep.c.id == after).scalar_subquery()
        wanted = wanted.where(tuple_(sweep.c.created_at, sweep.c.id) < cursor)
    return [one_of(SweepRow, row) for row in cx.execute(wanted.limit(limit))]


def sweep_tallies(cx: Connection, *, sweep_ids: Sequence[UUID]) -> list[Tally]:
    """Return how far the jobs of sweeps are, together for each status."""
    counted: Select[Any] = (
        select(
            job.c.sweep_id,
            job.c.status,
            func.count().label("jobs"),
            func.sum(job.c.step).cast(BigInteger).label("steps"),
            func.sum(job.c.total_steps).cast(BigInteger).label("total_steps"),
            func.coalesce(func.sum(job.c.samples_per_second), 0.0).label("samples_per_second"),
            func.count(job.c.cancel_requested_at).label("cancelling"),
            func.coalesce(_seconds(func.sum(_ended_or_now() - job.c.started_at)), 0.0).label("seconds"),
            func.coalesce(_seconds(func.max(_now() - job.c.started_at)), 0.0).label("oldest"),
        )
        .where(job.c.sweep_id.in_(sweep_ids))
        .group_by(job.c.sweep_id, job.c.status)
        .order_by(job.c.status)
    )
    return [one_of(Tally, row) for row in cx.execute(counted)]


def _now() -> ColumnElement[Any]:
    return func.clock_timestamp()


def _ended_or_now() -> ColumnElement[Any]:
    return func.coalesce(job.c.finished_at, _now())


def _seconds(interval: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.extract("epoch", interval).cast(Double)


def sweep_jobs(cx: Connection, *, sweep_id: UUID) -> list[JobRow]:
    """Return the jobs of a sweep in the order they were asked for: seed by seed, arm by arm."""
    wanted = select(*JOB_COLUMNS).where(job.c.sweep_id == sweep_id)
    return [one_of(JobRow, row) for row in cx.execute(wanted.order_by(job.c.created_at, job.c.id))]


def sweep_moves(cx: Connection, *, sweep_id: UUID) -> list[Move]:
    """Return every transition of a sweep's jobs, job by job, oldest first."""
    wanted = (
        select(job_event.c.job_id, job_event.c.to_status, job_event.c.at)
        .join(job, job.c.id == job_event.c.job_id)
        .where(job.c.sweep_id == sweep_id)
        .order_by(job_event.c.job_id, job_event.c.seq)
    )
    return [Move(*row) for row in cx.execute(wanted)]


def cancel_sweep(cx: Connection, *, sweep_id: UUID) -> SweepRow:
    """Ask every job of a sweep that has not ended to end; asking again changes nothing.

    Raises `NotFound`, and `Conflict` when the sweep has ended without a cancelled job.
    """
    row = get_sweep(cx, sweep_id=sweep_id)
    held = select(job.c.id, job.c.status).where(job.c.sweep_id == sweep_id).order_by(job.c.id)
    # Locked in one order before anything is decided, so that no job ends between looking and asking.
    states = {found.id: found.status for found in cx.execute(held.with_for_update(key_share=True))}
    unfinished = [job_id for job_id, status in states.items() if status not in TERMINAL]
    for job_id in unfinished:
        request_cancel(cx, job_id=job_id)
    if not unfinished and JobStatus.CANCELLED not in states.values():
        raise Conflict("the sweep has ended; wanted one with a training left", code="sweep_state")
    return row
