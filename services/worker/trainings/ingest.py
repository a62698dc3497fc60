"""Reading an uploaded data set, as a job of its own."""

from __future__ import annotations

from services.worker.data.findings import UnreadableFiles
from services.worker.data.ingest import forget_uploads, ingest
from services.worker.data.limits import Limits
from services.worker.trainings.session import Session
from shared.specs.dataset import DatasetSpec


def read_dataset(session: Session) -> None:
    """Read the files into columns and set the data set ready, or refused with what is wrong in them."""
    job = session.job
    assert job.dataset_id is not None  # noqa: S101 - a reading job cannot be inserted without one
    spec = DatasetSpec.model_validate(job.spec)
    try:
        summary = ingest(
            session.storage,
            dataset_id=job.dataset_id,
            version=job.dataset_version or 1,
            spec=spec,
            limits=Limits.of(session.settings),
        )
    except UnreadableFiles as error:
        session.refuse_reading([found.model_dump(mode="json") for found in error.errors])
        forget_uploads(session.storage, dataset_id=job.dataset_id)
        return
    session.finish_reading(summary.model_dump(mode="json"))
