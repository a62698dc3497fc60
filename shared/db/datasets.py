"""Data sets: what was uploaded, and what the worker that read it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from shared.db.rows import columns_of, one_of
from shared.db.tables import dataset, job
from shared.errors import Conflict, NotFound, Refused

WHOLE = "the files read to their end"
CANCELLED = "the reading was cancelled on request"
"""What is wrong with a data set whose reading was stopped: no place in any of its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDataset:
    """A data set about to be created; its files already lie in storage."""

    id: UUID
    owner: str
    name: str
    kind: str
    spec: Mapping[str, object]
    files: Sequence[Mapping[str, object]]
    size_bytes: int
    sha256: str
    request_sha256: bytes
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """One data set's row; `summary` stands when it is ready, `errors` when it was refused."""

    id: UUID
    owner: str
    name: str
    kind: str
    status: str
    version: int
    spec: dict[str, Any]
    files: list[dict[str, Any]]
    size_bytes: int
    sha256: str
    summary: dict[str, Any] | None
    errors: list[dict[str, Any]] | None
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class InsertedDataset:
    """A data set's row, and whether this request created it or an earlier one with the same key did."""

    row: DatasetRow
    created: bool


def insert_dataset(cx: Connection, *, dataset: NewDataset) -> InsertedDataset:
    """Create a data set that is being read, or return the one an earlier request with the same key created.

    Raises `Refused` (`idempotency_key_reused`) when that request had another body.
    """
    created = _insert_unless_known(cx, dataset)
    if created is not None:
        return InsertedDataset(created, created=True)
    return InsertedDataset(_earlier(cx, dataset), created=False)


def get_dataset(cx: Connection, *, dataset_id: UUID) -> DatasetRow:
    """Return a data set. Raises `NotFound`."""
    return one_of(DatasetRow, _found(cx, _datasets().where(dataset.c.id == dataset_id)))


def list_datasets(cx: Connection, *, limit: int, after: UUID | None = None) -> list[DatasetRow]:
    """Return data sets, newest first, that follow the set `after` in that order."""
    wanted = _datasets().order_by(dataset.c.created_at.desc(), dataset.c.id.desc())
    if after is not None:
        cursor = select(dataset.c.created_at, dataset.c.id).where(dataset.c.id == after)
        wanted = wanted.where(tuple_(dataset.c.created_at, dataset.c.id) < cursor.scalar_subquery())
    return [one_of(DatasetRow, row) for row in cx.execute(wanted.limit(limit))]


def delete_dataset(cx: Connection, *, dataset_id: UUID) -> DatasetRow:
    """Delete a data set that no job needs any more, and return it, so that its files can follow.

    Raises `NotFound`, and `Conflict` (`dataset_in_use`) while a job that has not ended uses it.
    """
    row = one_of(DatasetRow, _found(cx, _datasets().where(dataset.c.id == dataset_id).with_for_update()))
    unfinished = and_(job.c.dataset_id == dataset_id, job.c.status.in_(("queued", "running", "paused")))
    users = cx.execute(select(func.count()).where(unfinished)).scalar_one()
    if users:
        raise Conflict(f"{users} unfinished jobs use this data set; wanted none", code="dataset_in_use")
    cx.execute(delete(dataset).where(dataset.c.id == dataset_id))
    return row


def known_datasets(cx: Connection) -> dict[UUID, str]:
    """Return the status of every data set, by id."""
    return {row.id: row.status for row in cx.execute(select(dataset.c.id, dataset.c.status))}


def set_ready(cx: Connection, *, dataset_id: UUID, summary: Mapping[str, object]) -> None:
    """Note that a data set was read; the caller's transaction has passed the job's guard."""
    read = {"status": "ready", "summary": dict(summary), "errors": None, "read_at": func.clock_timestamp()}
    cx.execute(update(dataset).where(dataset.c.id == dataset_id).values(**read))


def set_refused(cx: Connection, *, dataset_id: UUID, errors: Sequence[Mapping[str, object]]) -> None:
    """Note that a data set could not be read, and where; a ready one stays ready."""
    still_reading = and_(dataset.c.id == dataset_id, dataset.c.status == "reading")
    refused = {"status": "refused", "errors": [dict(e) for e in errors], "read_at": func.clock_timestamp()}
    cx.execute(update(dataset).where(still_reading).values(**refused))


def settle_reading(cx: Connection, *, job_id: UUID, message: str) -> None:
    """Refuse the data set that a job was to read and now never will; other kinds of job change nothing."""
    reading = and_(job.c.id == job_id, job.c.kind == "ingest")
    dataset_id = cx.execute(select(job.c.dataset_id).where(reading)).scalar_one_or_none()
    if dataset_id is not None:
        error = {"file": None, "row": None, "column": None, "wanted": WHOLE, "came": message}
        set_refused(cx, dataset_id=dataset_id, errors=[error])


def _insert_unless_known(cx: Connection, new: NewDataset) -> DatasetRow | None:
    values = {name: getattr(new, name) for name in NewDataset.__dataclass_fields__}
    statement = insert(dataset).values(**values)
    if new.idempotency_key is not None:
        statement = statement.on_conflict_do_nothing(index_elements=["owner", "idempotency_key"])
    row = cx.execute(statement.returning(*columns_of(dataset, DatasetRow))).one_or_none()
    return None if row is None else one_of(DatasetRow, row)


def _earlier(cx: Connection, new: NewDataset) -> DatasetRow:
    same_key = and_(dataset.c.owner == new.owner, dataset.c.idempotency_key == new.idempotency_key)
    row = _found(cx, select(*columns_of(dataset, DatasetRow), dataset.c.request_sha256).where(same_key))
    *shown, request_sha256 = tuple(row)
    if bytes(request_sha256) != new.request_sha256:
        raise Refused(
            "this Idempotency-Key came before with another body; wanted a new key",
            code="idempotency_key_reused",
        )
    return DatasetRow(**dict(zip(DatasetRow.__dataclass_fields__, shown, strict=True)))


def _datasets() -> Select[Any]:
    return select(*columns_of(dataset, DatasetRow))


def _found(cx: Connection, wanted: Select[Any]) -> Row[Any]:
    row = cx.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("no such data set", code="dataset_not_found")
    return row
