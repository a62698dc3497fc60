"""The reading of an uploaded data set, a job of its own: how it is stopped."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, and_, select

from shared.db.datasets import DatasetRow, get_dataset
from shared.db.jobs import JobRow, locked_job, request_cancel
from shared.db.tables import job
from shared.errors import Conflict
from shared.lifecycle import TERMINAL, JobKind, JobStatus


def cancel_reading(cx: Connection, *, dataset_id: UUID) -> DatasetRow:
    """Ask for the end of a reading: at once while it waits, else its worker stops; the set is then refused.

    Asking again changes nothing. Raises `NotFound`, and `Conflict` (`dataset_state`) where it ended before.
    """
    reading = _locked_reading(cx, get_dataset(cx, dataset_id=dataset_id).id)
    if reading is None or (reading.status in TERMINAL and reading.status != JobStatus.CANCELLED):
        ended = get_dataset(cx, dataset_id=dataset_id).status
        raise Conflict(f"the data set is {ended}; wanted one that is still being read", code="dataset_state")
    request_cancel(cx, job_id=reading.id)
    return get_dataset(cx, dataset_id=dataset_id)


def _locked_reading(cx: Connection, dataset_id: UUID) -> JobRow | None:
    """Lock the newest job that reads a data set and return it, none when it came into being without one."""
    reads_it = and_(job.c.dataset_id == dataset_id, job.c.kind == JobKind.INGEST)
    newest = select(job.c.id).where(reads_it).order_by(job.c.created_at.desc(), job.c.id.desc()).limit(1)
    found = cx.execute(newest).scalar_one_or_none()
    return None if found is None else locked_job(cx, job_id=found)
