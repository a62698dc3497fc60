"""Heartbeats of workers: a row each, so that a silent worker is seen whatever its process looks like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.rows import columns_of, one_of
from shared.db.tables import worker_heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What a worker says of itself."""

    worker_id: str
    hostname: str
    device: str
    slots: int
    busy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker on record, and when it was last heard."""

    worker_id: str
    hostname: str
    device: str
    slots: int
    busy: int
    started_at: datetime
    seen_at: datetime


def beat(cx: Connection, *, heartbeat: Heartbeat) -> None:
    """Note that a worker lives."""
    values = {name: getattr(heartbeat, name) for name in Heartbeat.__dataclass_fields__}
    row = insert(worker_heartbeat).values(**values)
    seen = {"busy": heartbeat.busy, "slots": heartbeat.slots, "seen_at": func.clock_timestamp()}
    cx.execute(row.on_conflict_do_update(index_elements=["worker_id"], set_=seen))


def say_goodbye(cx: Connection, *, worker_id: str) -> None:
    """Forget a worker that ends in good order."""
    cx.execute(delete(worker_heartbeat).where(worker_heartbeat.c.worker_id == worker_id))


def list_workers(cx: Connection) -> list[WorkerRow]:
    """Return every worker on record, by name."""
    wanted = select(*columns_of(worker_heartbeat, WorkerRow)).order_by(worker_heartbeat.c.worker_id)
    return [one_of(WorkerRow, row) for row in cx.execute(wanted)]


def live_slots(cx: Connection, *, within_seconds: float) -> int:
    """Return how many jobs the workers heard of lately can run at once."""
    heard = worker_heartbeat.c.seen_at > func.clock_timestamp() - _interval(within_seconds)
    counted = select(func.coalesce(func.sum(worker_heartbeat.c.slots), 0)).where(heard)
    return int(cx.execute(counted).scalar_one())


def drop_silent(cx: Connection, *, after_seconds: float) -> int:
    """Forget workers not heard of for so long; return how many."""
    silent = worker_heartbeat.c.seen_at < func.clock_timestamp() - _interval(after_seconds)
    return cx.execute(delete(worker_heartbeat).where(silent)).rowcount


def _interval(seconds: float) -> object:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
