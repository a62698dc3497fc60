"""The reading of an uploaded data set, a job of its own: how it is stopped."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, and_, select

from shared.db.datasets import DatasetRow, get_dataset
from shared.db.jobs import locked_job, request_cancel
from shared.db.tables import job
from shared.errors import Conflict
from shared.lifecycle import TERMINAL, JobKind, JobStatus


def cancel_reading(cx: Connection, *, dataset_id: UUID) -> DatasetRow:
    """Ask for the end of a reading: at once while it waits, else its worker stops; the set is then refused.

    Asking again changes nothing. Raises `NotFound`, and `Conflict` (`dataset_state`) where it ended before.
    """
    row = get_dataset(cx, dataset_id=dataset_id)
    reads_it = and_(job.c.dataset_id == row.id, job.c.kind == JobKind.INGEST)
    reading = locked_job(cx, job_id=cx.execute(select(job.c.id).where(reads_it)).scalar_one())
    if reading.status in TERMINAL and reading.status != JobStatus.CANCELLED:
        ended = get_dataset(cx, dataset_id=dataset_id).status
        raise Conflict(f"the data set is {ended}; wanted one that is still being read", code="dataset_state")
    request_cancel(cx, job_id=reading.id)
    return get_dataset(cx, dataset_id=dataset_id)
